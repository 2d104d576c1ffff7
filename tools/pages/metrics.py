"""The figures for Prometheus (docs/guide/metrics.md), from the table in `xinglin.server.metrics`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from tools.pages.markdown import plain

HEAD = """# Figures for Prometheus

A running node gives these at `/metrics` of its metrics listener (`listener.metrics`) and of its local socket.
A name that ends in `_total` is a counter, any other a gauge. This page is generated.

| Figure | Labels | Meaning |
|---|---|---|
"""


def page(root: Path) -> str | None:
    """Return the page, or None while the package has no figures.

    Args:
        root: the folder of the repository; the figures are those of the installed package.
    """
    if importlib.util.find_spec("xinglin.server.metrics") is None:
        return None
    figures = importlib.import_module("xinglin.server.metrics").FIGURES
    return HEAD + "".join(
        f"| `{one.name}` | {', '.join(f'`{label}`' for label in one.labels)} | {plain(one.says)} |\n" for one in figures
    )

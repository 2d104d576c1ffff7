"""The report on a sealed episode as one HTML page that needs nothing else: no script, no font, no network (S1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from xinglin.service.basic.episodes.report import EpisodeReport
from xinglin.service.basic.episodes.report_words import HEADINGS, Pair

_STYLE = """
body { font: 11px/1.45 "Songti SC", SimSun, "Noto Serif CJK SC", serif; max-width: 190mm; margin: 8mm auto; }
h1 { font-size: 18px; margin: 0 0 6px; } h2 { font-size: 12px; margin: 8px 0 2px; }
table { border-collapse: collapse; width: 100%; } td, th { border: 1px solid #999; padding: 2px 4px; }
th { text-align: left; font-weight: normal; width: 32%; background: #f2f2f2; }
td { word-break: break-all; } ul { margin: 0; padding-left: 16px; } .en { color: #333; }
@page { size: A4; margin: 10mm; }
"""


def html_of(report: EpisodeReport) -> bytes:
    """Return the page, UTF-8; whatever stands in the bundle is shown as text."""
    rows = "".join(f"<tr><th>{_pair(row.label, ' ')}</th><td>{_value(row.value)}</td></tr>" for row in report.rows)
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="zh"><head><meta charset="utf-8"><title>{escape(report.title[0])}</title>',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{_pair(report.title, ' / ')}</h1>",
        f"<table>{rows}</table>",
        *(_list(name, getattr(report, name)) for name in HEADINGS),
        "</body></html>\n",
    ]
    return "".join(parts).encode()


def _list(name: str, lines: Sequence[Pair]) -> str:
    items = "".join(f"<li>{_value(line)}</li>" for line in lines)
    return f"<h2>{_pair(HEADINGS[name], ' / ')}</h2><ul>{items}</ul>"


def _value(value: Pair) -> str:
    return escape(value[0]) if value[0] == value[1] else _pair(value, "<br>")


def _pair(pair: Pair, between: str) -> str:
    return f'{escape(pair[0])}{between}<span class="en" lang="en">{escape(pair[1])}</span>'

"""The error codes (docs/spec/errors.md), from the classes of the one family."""

from __future__ import annotations

import importlib
import pkgutil
from itertools import groupby
from pathlib import Path

import xinglin
from tools.pages.markdown import plain
from xinglin.kernel.errors import PlatformError, all_errors

HEAD = """# Errors

Every refusal has a dotted code, the same in receipts (by its number), on the command line, over HTTP and
here. A code and a number are never renamed or reused. The kind fixes the exit status of a command: {kinds}.
Words in braces are facts of the case. This page is generated.
"""
TABLE = """| Code | Number | Class, kind | Clause | What it says | What to do |
|---|---|---|---|---|---|
"""


def page(root: Path) -> str:
    """Return the page.

    Args:
        root: the folder of the repository; the classes are those of the installed package.
    """
    import_everything()
    cases = all_errors()
    kinds = sorted({(kind(case).exit_status, kind(case).__name__) for case in cases})
    text = HEAD.format(kinds=", ".join(f"{status} {name}" for status, name in kinds))
    for name, members in groupby(sorted(cases, key=lambda case: case.code), key=area):
        text += f"\n## {name}\n\n{TABLE}" + "".join(row(case) for case in members)
    return text


def import_everything() -> None:
    """Import every module of the package, so that every class of the family is known."""
    for module in pkgutil.walk_packages(xinglin.__path__, "xinglin."):
        importlib.import_module(module.name)


def kind(case: type[PlatformError]) -> type[PlatformError]:
    """Return the class directly below `PlatformError` that a case belongs to."""
    return case.__mro__[case.__mro__.index(PlatformError) - 1]


def area(case: type[PlatformError]) -> str:
    """Return the first word of a code, under which the page lists it."""
    return case.code.split(".")[0]


def row(case: type[PlatformError]) -> str:
    """Return the line of one case, both languages in one cell."""
    cells = (
        f"`{case.code}`",
        str(case.number),
        f"{case.__name__}, {kind(case).__name__}",
        case.clause,
        f"{plain(case.en)}<br>{plain(case.zh)}",
        "<br>".join(plain(hint) for hint in (case.hint_en, case.hint_zh) if hint),
    )
    return "| " + " | ".join(cells) + " |\n"

"""The list of decisions (docs/adr/index.md), from the title, status and date of each record."""

from __future__ import annotations

import re
from pathlib import Path

HEAD = """# Decisions

Why things are as they are, one page each, with the options that were not taken. A decision is not rewritten:
a later one replaces it, and both say so. Start a new one from [the template](template.md). This list is
generated.

| Number | Decision | Status | Date |
|---|---|---|---|
"""
TAIL = """
```{toctree}
:hidden:
:glob:

0*
```
"""
TITLE = re.compile(r"\A# (?P<number>\d{4}): (?P<title>.+)$", re.MULTILINE)
STATUS = re.compile(r"^Status: (?P<status>accepted|rejected|replaced by .+)$", re.MULTILINE)
DATE = re.compile(r"^Date: (?P<date>\d{4}-\d{2}-\d{2})$", re.MULTILINE)
LONGEST = 80


def page(root: Path) -> str:
    """Return the page.

    Args:
        root: the folder of the repository.
    Raises: ValueError: a record lacks number, title, status or date, or is longer than 80 lines.
    """
    return HEAD + "".join(row(path) for path in sorted((root / "docs" / "adr").glob("0*.md"))) + TAIL


def row(path: Path) -> str:
    """Return the line of one decision."""
    text = path.read_text(encoding="utf-8")
    title, status, date = TITLE.search(text), STATUS.search(text), DATE.search(text)
    if title is None or status is None or date is None or not path.name.startswith(title["number"]):
        raise ValueError(f"{path.name}: begin with '# NNNN: title', then 'Status: ...', 'Date: YYYY-MM-DD'")
    if text.count("\n") > LONGEST:
        raise ValueError(f"{path.name}: longer than {LONGEST} lines; the detail belongs on its own page")
    return f"| {title['number']} | [{title['title']}]({path.name}) | {status['status']} | {date['date']} |\n"

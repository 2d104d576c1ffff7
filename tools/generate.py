"""Write the generated pages of the documentation, or with `--check` say which of them are out of date.

A page that is generated can't drift away from the code; nobody edits it by hand. Run by `make generate`, and
with `--check` by `make check` and by the tests.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from tools.pages import commands, decisions, errors, metrics, requirements, settings

ROOT = Path(__file__).resolve().parent.parent
PAGES: dict[str, Callable[[Path], str | None]] = {
    "docs/adr/index.md": decisions.page,
    "docs/guide/cli.md": commands.page,
    "docs/guide/metrics.md": metrics.page,
    "docs/guide/settings.md": settings.page,
    "docs/requirements/index.md": requirements.page,
    "docs/spec/errors.md": errors.page,
}


def outdated(root: Path = ROOT) -> dict[str, str]:
    """Return the pages that differ from what the sources say, each with the text that it should have.

    Args:
        root: the folder of the repository.
    Raises: ValueError: a source breaks a rule of its page, for example a test names an unknown requirement.
    """
    found = {}
    for name, make in PAGES.items():
        text = make(root)
        page = root / name
        if text is not None and (not page.is_file() or page.read_text(encoding="utf-8") != text):
            found[name] = text
    return found


def main(arguments: list[str]) -> int:
    """Write the pages, or only check them; exit status 1 means that the check found something."""
    try:
        pages = outdated()
    except ValueError as problem:
        print(problem)
        return 1
    for name, text in pages.items():
        if "--check" in arguments:
            print(f"{name} is out of date: make generate")
        else:
            (ROOT / name).write_text(text, encoding="utf-8")
            print(f"{name} written")
    return 1 if pages and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

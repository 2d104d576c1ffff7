"""Every check that is no test: lint, form, types, import contracts, generated pages, documentation.

Run by `make check`; `make docs` builds the documentation alone. A check that holds prints one line, one that
does not prints what it found; the last line is the verdict. Two run at a time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = "docs/_build/html"
CHECKS = {
    "types": ("-m", "mypy"),
    "documentation": ("-m", "sphinx", "-q", "-W", "--keep-going", "-E", "-b", "html", "docs", PAGES),
    "import contracts": ("-c", "from importlinter.cli import lint_imports_command as run; run()"),
    "generated pages": ("-m", "tools.generate", "--check"),
    "lint": ("-m", "ruff", "check"),
    "form": ("-m", "ruff", "format", "--check"),
}


def main(arguments: list[str]) -> int:
    """Run all checks, or the documentation alone.

    Args:
        arguments: `docs` for the documentation alone.
    Returns: exit status 0 when all hold, else 1.
    """
    names = ["documentation"] if "docs" in arguments else list(CHECKS)
    with ThreadPoolExecutor(max_workers=2) as pool:
        verdicts = [report(*result) for result in pool.map(run, names)]
    if "docs" in arguments and all(verdicts):
        print(f"open {PAGES}/index.html")
    print("all checks hold" if all(verdicts) else "not all checks hold")
    return 0 if all(verdicts) else 1


def run(name: str) -> tuple[str, bool, str, float]:
    """Run one check; return its name, whether it holds, its output and how many seconds it took."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, *CHECKS[name]], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    return name, done.returncode == 0, done.stdout + done.stderr, time.monotonic() - started


def environment() -> dict[str, str]:
    """Return the environment of the checks: plain text without colours, wide enough not to break lines."""
    return {**os.environ, "NO_COLOR": "1", "COLUMNS": "160", "PYTHONUTF8": "1"}


def report(name: str, holds: bool, output: str, seconds: float) -> bool:
    """Print what came of one check and return whether it holds."""
    print(f"{'holds' if holds else 'FAILS':6} {name} ({seconds:.0f} s)", flush=True)
    if not holds:
        print(output.strip(), flush=True)
    return holds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

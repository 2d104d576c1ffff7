"""The command `xinglin-verify`: reads a bundle and a trust file, prints the report, exits with its verdict.

It opens nothing else and no network. Exit status: 0 holds, 1 does not hold, 2 usage, 3 consistent but not trusted,
4 can't be decided.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from xinglin_verify import trust
from xinglin_verify.report import Report, readable, undecided
from xinglin_verify.steps import MAX_BYTES
from xinglin_verify.verify import verify_bundle
from xinglin_verify.words import LANGUAGES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    report = _report(options.bundle, options.trust)
    _print(report.as_json(options.lang) if options.json else "\n".join(report.lines(options.lang)))
    return report.verdict.value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xinglin-verify",
        description="Check a proof bundle offline. Each line is a step of the specification's page on proof bundles.",
        epilog="Exit status: 0 holds, 1 does not hold, 2 usage, 3 consistent but not trusted, 4 can't be decided.",
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the proof bundle, a file")
    parser.add_argument("--trust", type=Path, metavar="FILE", help="what you know: a genesis hash or keys")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--lang", choices=LANGUAGES, default="en", help="language of the sentences (default: en)")
    return parser


def _report(bundle: Path, trust_file: Path | None) -> Report:
    """Return the report on the files; one that can't be read ends it at the step that reads it."""
    try:
        data = _read(bundle, MAX_BYTES)
    except OSError as error:
        return undecided(1, "file.unreadable", problem=_problem(error))
    try:
        pinned = None if trust_file is None else _read(trust_file, trust.MAX_BYTES)
    except OSError as error:
        return undecided(3, "file.unreadable", problem=_problem(error))
    return verify_bundle(data, pinned)


def _read(path: Path, limit: int) -> bytes:
    """Return a file's bytes, at most one over the limit, whatever the file is."""
    with path.open("rb") as file:
        return file.read(limit + 1)


def _problem(error: OSError) -> str:
    return readable(f"{error.strerror}: {error.filename}".encode("utf-8", "surrogateescape"))


def _print(text: str) -> None:
    """Write to standard output; characters that it can't show are escaped, and a reader who left is no error."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())

"""What commands print: data on standard output, progress and refusals on standard error (design D12).

One border for errors: every refusal is a sentence, a code, a hint and an exit status, in the language asked for, or one
JSON object; never a traceback.
"""

from __future__ import annotations

import json
import locale
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from xinglin.kernel.errors import PlatformError

console = Console(stderr=True, highlight=False, soft_wrap=True)


def language() -> str:
    """Return ``zh`` when the environment asks for Chinese, else ``en``."""
    asked = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if locale.normalize(asked).lower().startswith("zh") else "en"


def show(data: Mapping[str, Any], lines: list[str], *, as_json: bool) -> None:
    """Print a command's answer: one JSON object, or lines for people."""
    _write(_json(data) if as_json else "\n".join(printable(part) for line in lines for part in line.split("\n")))


def show_refusal(refusal: PlatformError, *, as_json: bool) -> None:
    """Print a refusal."""
    if as_json:
        _write(_json({"error": refusal_json(refusal)}))
    else:
        tell_refusal(refusal)


def tell_refusal(refusal: PlatformError, about: str = "") -> None:
    """Print a refusal for people: a sentence, a code, a hint.

    Args:
        refusal: what was refused.
        about: put before the sentence where one command may be refused several things.
    """
    tongue = language()
    console.print(printable(f"{about}: " * bool(about) + refusal.sentence(tongue)), style="red", markup=False)
    console.print(f"[{refusal.code}]", markup=False)
    if refusal.hint(tongue):
        console.print(printable(refusal.hint(tongue)), markup=False)


def refusal_json(refusal: PlatformError) -> dict[str, Any]:
    """Return a refusal as programs get it."""
    tongue = language()
    return {
        "code": refusal.code,
        "sentence": refusal.sentence(tongue),
        "hint": refusal.hint(tongue),
        "facts": dict(refusal.facts),
    }


LAST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999."""


def when(time_ms: int) -> str:
    """Return a time (ms since 1970) for people, by UTC; in ms where it lies behind the year 9999, as others may say."""
    if time_ms > LAST_MS:
        return f"{time_ms} ms"
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def printable(text: str) -> str:
    """Return one line of text in which what a terminal would obey, and what is no text, is written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, sort_keys=True, default=_plain)


def _write(text: str) -> None:
    """Write a line; what the output's encoding does not have is written out, such as a file name that is no text."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()


def _plain(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)

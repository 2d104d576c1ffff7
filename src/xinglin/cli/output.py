"""What commands print: data on standard output, progress and refusals on standard error (design D12).

One border for errors: every refusal is a sentence, a code, a hint and an exit status, in the language asked for; our
own faults are an id and a line in a file, never a traceback.
"""

from __future__ import annotations

import json
import locale
import os
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from xinglin.kernel.errors import PlatformError

FAULT_STATUS = 70
console = Console(stderr=True, highlight=False)


def language() -> str:
    """Return ``zh`` when the environment asks for Chinese, else ``en``."""
    asked = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if locale.normalize(asked).lower().startswith("zh") else "en"


def show(data: Mapping[str, Any], lines: list[str], *, as_json: bool) -> None:
    """Print a command's answer: one JSON object, or lines for people."""
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, default=_plain) if as_json else "\n".join(lines)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show_refusal(refusal: PlatformError, *, as_json: bool) -> None:
    """Print a refusal."""
    tongue = language()
    if as_json:
        body = {
            "code": refusal.code,
            "sentence": refusal.sentence(tongue),
            "hint": refusal.hint(tongue),
            "facts": dict(refusal.facts),
        }
        sys.stdout.write(json.dumps({"error": body}, ensure_ascii=False, sort_keys=True, default=_plain) + "\n")
        return
    console.print(refusal.sentence(tongue), style="red", markup=False)
    console.print(f"[{refusal.code}]", markup=False)
    if refusal.hint(tongue):
        console.print(refusal.hint(tongue), markup=False)


def _plain(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)

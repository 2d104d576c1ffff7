"""How vectors are written: JSON with bytes in hexadecimal, one case a line, the same every time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

Case = dict[str, Any]
VERSION = "0.1.0"
"""The version of Xinglin that wrote the formats first."""


def shown(value: Any) -> Any:
    """Return a value of a chain as JSON shows it: bytes as ``hex:...``, objects by all their fields."""
    if isinstance(value, bytes):
        return f"hex:{value.hex()}"
    if isinstance(value, msgspec.Struct):
        return {field: shown(getattr(value, field)) for field in value.__struct_fields__}
    if isinstance(value, tuple | list):
        return [shown(one) for one in value]
    return value


def file(how: str, cases: Sequence[Mapping[str, Any]], **shared: Any) -> str:
    """Return the text of a vector file.

    Args:
        how: how its cases were made, besides what is the same for all files.
        cases: what it holds, in order.
        shared: what the cases have in common.
    """
    head = {"how": f"python -m tools.make_vectors of xinglin {VERSION} (docs/spec/vectors.md). {how}", **shared}
    lines = [json.dumps(key) + ": " + json.dumps(value, ensure_ascii=False) for key, value in head.items()]
    listed = ",\n  ".join(json.dumps(case, ensure_ascii=False) for case in cases)
    return "{" + ",\n".join([*lines, f'"cases": [\n  {listed}\n]']) + "}\n"


def splice(old: bytes, new: bytes) -> list[int | str]:
    """Return the one stretch in which two byte strings differ: offset, how many bytes are removed, hex of the new."""
    least = min(len(old), len(new))
    head = next((place for place in range(least) if old[place] != new[place]), least)
    tail = next((place for place in range(least - head) if old[-1 - place] != new[-1 - place]), least - head)
    return [head, len(old) - tail - head, new[head : len(new) - tail].hex()]

"""One random change of a nested value, as a forger or a faulty program might make it; drawn by Hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Draw = Any
MUCH = 2**63


def changed(draw: Draw, value: Any) -> Any:
    """Return a nested value of lists, dictionaries, integers, bytes and strings with one change somewhere in it."""
    if isinstance(value, list | tuple):
        return _changed_list(draw, list(value))
    if isinstance(value, dict):
        key = draw(st.sampled_from(sorted(value)))
        return value | {key: changed(draw, value[key])}
    if isinstance(value, bytes):
        return changed_bytes(draw, value)
    if isinstance(value, str):
        return changed_bytes(draw, value.encode()).decode("latin-1")
    return draw(st.sampled_from([value + 1, abs(value - 1), 0, 1, 2, 255, MUCH - 1, MUCH, -1]))


def changed_bytes(draw: Draw, value: bytes) -> bytes:
    """Return other bytes: a byte changed, removed, added or doubled, or none at all."""
    place = draw(st.integers(0, max(len(value) - 1, 0)))
    kind = draw(st.sampled_from(["flip", "flip", "remove", "insert", "empty", "double"]))
    if kind == "flip" and value:
        return value[:place] + bytes([value[place] ^ draw(st.integers(1, 255))]) + value[place + 1 :]
    if kind == "remove":
        return value[:place] + value[place + 1 :]
    if kind == "insert":
        return value[:place] + bytes([draw(st.integers(0, 255))]) + value[place:]
    return b"" if kind == "empty" else value + value


def _changed_list(draw: Draw, value: list[Any]) -> list[Any]:
    """Change an element, or the list itself."""
    kind = draw(st.sampled_from(["inside", "inside", "inside", "inside", "remove", "double", "swap", "append"]))
    if not value or kind == "append":
        return [*value, draw(st.sampled_from([0, b"", "", bytes(32), []]))]
    place = draw(st.integers(0, len(value) - 1))
    if kind == "inside":
        return [*value[:place], changed(draw, value[place]), *value[place + 1 :]]
    if kind == "remove":
        return value[:place] + value[place + 1 :]
    if kind == "double":
        return [*value[:place], value[place], *value[place:]]
    other = draw(st.integers(0, len(value) - 1))
    value[place], value[other] = value[other], value[place]
    return value

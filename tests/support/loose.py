"""Writes MessagePack by hand, so that a test can put any bytes in the place of a value."""

from __future__ import annotations

from typing import Any

import msgspec


class Raw(bytes):
    """Bytes that stand for a value as they are."""


def loose(value: Any) -> bytes:
    """Return the canonical encoding of lists, integers, bytes and strings, with every ``Raw`` put in as it is."""
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, list):
        head = msgspec.msgpack.encode([0] * len(value))[: -len(value) or None]
        return head + b"".join(loose(one) for one in value)
    return msgspec.msgpack.encode(value)


def parsed(data: bytes) -> Any:
    """Return canonical bytes as nested lists."""
    return msgspec.msgpack.decode(data)


def put(value: Any, path: tuple[int, ...], new: Any) -> Any:
    """Return nested lists with the value at a path replaced."""
    if not path:
        return new
    changed = list(value)
    changed[path[0]] = put(changed[path[0]], path[1:], new)
    return changed


def at(value: Any, path: tuple[int, ...]) -> Any:
    """Return the value at a path of nested lists."""
    for index in path:
        value = value[index]
    return value

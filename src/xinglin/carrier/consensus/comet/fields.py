"""Fields of protobuf messages as CometBFT hashes and signs them: in the order of their numbers, defaults left out."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)


def varint(value: int) -> bytes:
    """Return a number as a varint; raises ValueError below 0 and from 2**64 on."""
    if not 0 <= value < 1 << 64:
        raise ValueError(value)
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def number(field: int, value: int) -> bytes:
    """Return a varint field; zero is left out."""
    return varint(field << 3) + varint(value) if value else b""


def fixed(field: int, value: int) -> bytes:
    """Return a field of eight bytes, of a number from 0 to 2**63 - 1; zero is left out."""
    return varint(field << 3 | 1) + value.to_bytes(8, "little") if value else b""


def data(field: int, value: bytes) -> bytes:
    """Return a field of bytes; empty ones are left out."""
    return message(field, value) if value else b""


def message(field: int, value: bytes) -> bytes:
    """Return a field that is a message, also an empty one."""
    return varint(field << 3 | 2) + varint(len(value)) + value


def timestamp(seconds: int, nanos: int) -> bytes:
    """Return a time since 1970."""
    return number(1, seconds) + number(2, nanos)


def read_timestamp(text: str) -> tuple[int, int]:
    """Return seconds and nanoseconds since 1970 of a time in CometBFT's JSON; raises ValueError if it is none."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(text[:40])
    seconds = int(datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp())
    return seconds, int((found[2] or "0").ljust(9, "0"))

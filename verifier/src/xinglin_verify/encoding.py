"""The canonical encoding (docs/spec/encoding.md, E1 to E8): strict decoding, and encoding for hashes.

Decoding is bounded: nesting and the number of values have limits, and no length is believed before its bytes are seen.
It never accepts two encodings of one value.
"""

from __future__ import annotations

from xinglin_verify.errors import Malformed

Value = int | bytes | str | tuple["Value", ...]
"""What an encoding can hold (E1)."""

MAX_DEPTH = 16
MAX_VALUES = 1 << 20
MAX_INTEGER = (1 << 63) - 1

# Lead byte: bytes of the number or length that follows, and the smallest one that needs this form (E2 to E4).
INTEGERS = {0xCC: (1, 0x80), 0xCD: (2, 0x100), 0xCE: (4, 0x10000), 0xCF: (8, 0x100000000)}
BYTE_STRINGS = {0xC4: (1, 0), 0xC5: (2, 0x100), 0xC6: (4, 0x10000)}
STRINGS = {0xD9: (1, 32), 0xDA: (2, 0x100), 0xDB: (4, 0x10000)}
ARRAYS = {0xDC: (2, 16), 0xDD: (4, 0x10000)}


def decode(data: bytes) -> Value:
    """Return the value that the bytes encode.

    Args:
        data: exactly one value in canonical encoding.

    Raises:
        Malformed: anything else; also nesting over 16 and more than 2^20 values.
    """
    reader = _Reader(data)
    value = reader.value(MAX_DEPTH)
    if reader.position != len(data):
        raise Malformed("encoding.trailing", position=reader.position)
    return value


def encode(value: Value) -> bytes:
    """Return the canonical encoding of a value.

    Raises:
        Malformed: an integer out of range or a string that isn't ASCII.
    """
    out = bytearray()
    _write(out, value)
    return bytes(out)


class _Reader:
    """A position in the bytes and how many values may still come."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.left = MAX_VALUES - 1

    def value(self, depth: int) -> Value:
        """Read one value; `depth` levels of arrays may still open."""
        lead = self.take(1)[0]
        if lead < 0x80:
            return lead
        if 0xA0 <= lead <= 0xBF:
            return self.string(lead & 0x1F)
        if 0x90 <= lead <= 0x9F:
            return self.array(lead & 0x0F, depth)
        return self.sized(lead, depth)

    def sized(self, lead: int, depth: int) -> Value:
        """Read a value whose lead byte is followed by a number or a length."""
        if lead in BYTE_STRINGS:
            return self.take(self.number(*BYTE_STRINGS[lead]))
        if lead in INTEGERS:
            return self.number(*INTEGERS[lead])
        if lead in STRINGS:
            return self.string(self.number(*STRINGS[lead]))
        if lead in ARRAYS:
            return self.array(self.number(*ARRAYS[lead]), depth)
        raise Malformed("encoding.type", position=self.position - 1)

    def take(self, count: int) -> bytes:
        """Take the next bytes."""
        start, self.position = self.position, self.position + count
        if self.position > len(self.data):
            raise Malformed("encoding.truncated", position=start)
        return self.data[start : self.position]

    def number(self, size: int, smallest: int) -> int:
        """Read a number of `size` bytes, which must need that many."""
        number = int.from_bytes(self.take(size), "big")
        if number < smallest:
            raise Malformed("encoding.not_shortest", position=self.position - size - 1)
        if number > MAX_INTEGER:
            raise Malformed("encoding.integer", position=self.position - size - 1)
        return number

    def string(self, length: int) -> str:
        """Read ASCII characters."""
        characters = self.take(length)
        if not characters.isascii():
            raise Malformed("encoding.not_ascii", position=self.position - length)
        return characters.decode("ascii")

    def array(self, count: int, depth: int) -> tuple[Value, ...]:
        """Read the elements of an array."""
        if depth == 0:
            raise Malformed("encoding.too_deep", position=self.position, limit=MAX_DEPTH)
        if count > len(self.data) - self.position:
            raise Malformed("encoding.truncated", position=self.position)
        self.left -= count
        if self.left < 0:
            raise Malformed("encoding.too_many_values", limit=MAX_VALUES)
        return tuple([self.value(depth - 1) for _ in range(count)])


def _write(out: bytearray, value: Value) -> None:
    if isinstance(value, int):
        if not 0 <= value <= MAX_INTEGER:
            raise Malformed("encoding.integer")
        _write_number(out, value, 0x80, 0, INTEGERS)
    elif isinstance(value, bytes):
        _write_number(out, len(value), 0, 0, BYTE_STRINGS)
        out += value
    elif isinstance(value, str):
        if not value.isascii():
            raise Malformed("encoding.not_ascii")
        _write_number(out, len(value), 32, 0xA0, STRINGS)
        out += value.encode("ascii")
    else:
        _write_number(out, len(value), 16, 0x90, ARRAYS)
        for element in value:
            _write(out, element)


def _write_number(out: bytearray, number: int, short: int, lead: int, forms: dict[int, tuple[int, int]]) -> None:
    """Write a number within its lead byte if it is below `short`, else in the first form that holds it."""
    if number < short:
        out.append(lead | number)
        return
    for form, (size, _) in forms.items():
        if number < 1 << 8 * size:
            out.append(form)
            out += number.to_bytes(size, "big")
            return
    raise Malformed("encoding.integer")

"""Reading decoded values as objects: a class lists its fields as a table of the specification does.

Nothing here knows what a field means. A value of another form is refused with the field's name.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar

from xinglin_verify.encoding import Value, decode, encode
from xinglin_verify.errors import Malformed, Unknown

T = TypeVar("T", bound="Object")
Read = Callable[[Any, str], Any]
VERSION = 1


@dataclass(frozen=True)
class Form:
    """What the values of a field must be, besides their type."""

    name: str
    holds: Callable[[Any], object]


def sized(name: str, *sizes: int) -> Form:
    """Return the form of what has one of these lengths."""
    return Form(name, lambda value: len(value) in sizes)


def matching(name: str, pattern: str) -> Form:
    """Return the form of strings that match a pattern as a whole."""
    return Form(name, re.compile(pattern, re.ASCII).fullmatch)


ANY = Form("any", lambda value: True)
Natural = Annotated[int, Form("natural", lambda value: value >= 0)]
Count = Annotated[int, Form("count", lambda value: value >= 1)]
Moment = Annotated[int, Form("ms", lambda value: value >= 0)]
Flag = Annotated[int, Form("flag", lambda value: value in (0, 1))]
Digest = Annotated[bytes, sized("digest", 32)]
Bytes16 = Annotated[bytes, sized("bytes16", 16)]
Signature = Annotated[bytes, sized("signature", 64)]
Key = Annotated[bytes, Form("key", lambda value: 32 <= len(value) <= 65)]
"""A key of either suite; the steps ask for the form of the chain's suite."""
Text = Annotated[bytes, Form("text", lambda value: len(value) <= 1024)]
Octets = Annotated[bytes, ANY]
Label = Annotated[str, ANY]
Id = Annotated[str, matching("id", "[a-z2-7]{25}[aeimquy4]")]
Chain = Annotated[str, matching("chain", "[cps][a-z2-7]{26}")]
Name = Annotated[str, matching("name", "[a-z][a-z0-9_.-]{0,63}")]
AT_MOST_ONE = Form("optional", lambda value: len(value) <= 1)


@dataclass(frozen=True)
class Object:
    """An object of the specification. One with a kind is top-level: its array begins with kind and version (E5)."""

    KIND: ClassVar[str] = ""

    def value(self) -> Value:
        """Return the array that the object is written as."""
        head: tuple[Value, ...] = (self.KIND, VERSION) if self.KIND else ()
        return head + tuple(_value(getattr(self, field.name)) for field in dataclasses.fields(self))

    def encoded(self) -> bytes:
        """Return the canonical encoding of the object."""
        return encode(self.value())


def read(cls: type[T], value: Value, where: str) -> T:
    """Return the object that a decoded value is.

    Args:
        cls: the class of the object that is expected.
        value: a decoded value.
        where: what the object is called in a refusal.

    Raises:
        Malformed: it has another form.
        Unknown: it is of the expected kind in a version that isn't known.
    """
    if not isinstance(value, tuple):
        raise Malformed("form.array", where=where)
    fields = _fields(typing.cast(Hashable, cls))
    if cls.KIND:
        value = _body(cls, value, where)
    if len(value) != len(fields):
        raise Malformed("form.fields", where=where, expected=len(fields), found=len(value))
    return cls(*(reader(part, f"{where}.{name}") for part, (name, reader) in zip(value, fields, strict=True)))


def parse(cls: type[T], data: bytes, where: str) -> T:
    """Return the object that bytes encode; raises what `read` and `decode` raise."""
    return read(cls, decode(data), where)


def _body(cls: type[Object], value: tuple[Value, ...], where: str) -> tuple[Value, ...]:
    """Return what follows kind and version."""
    if len(value) < 2 or value[0] != cls.KIND:
        raise Malformed("form.kind", where=where, expected=cls.KIND)
    version = value[1]
    if not isinstance(version, int):
        raise Malformed("form.type", where=f"{where}.version", expected="natural")
    if version != VERSION:
        raise Unknown("unknown.version", where=where, version=version)
    return value[2:]


def _value(part: Any) -> Value:
    if isinstance(part, Object):
        return part.value()
    if isinstance(part, tuple):
        return tuple(_value(element) for element in part)
    plain: Value = part
    return plain


@cache
def _fields(cls: Any) -> tuple[tuple[str, Read], ...]:
    """Return name and reader of each field of a class."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return tuple((field.name, _reader(hints[field.name])) for field in dataclasses.fields(cls))


def _reader(annotation: Any) -> Read:
    """Return the reader of a field's type: a form, an object, or an array of either."""
    if isinstance(annotation, type) and issubclass(annotation, Object):
        return lambda value, where: read(annotation, value, where)
    if typing.get_origin(annotation) is tuple:
        return _array_reader(_reader(typing.get_args(annotation)[0]))
    base, form = typing.get_args(annotation)
    if typing.get_origin(base) is tuple:
        return _formed(_array_reader(_reader(typing.get_args(base)[0])), form)
    return _formed(_typed(typing.get_args(base) if isinstance(base, types.UnionType) else (base,), form), form)


def _typed(allowed: tuple[type, ...], form: Form) -> Read:
    def reader(value: Any, where: str) -> Any:
        if type(value) not in allowed:
            raise Malformed("form.type", where=where, expected=form.name)
        return value

    return reader


def _formed(inner: Read, form: Form) -> Read:
    def reader(value: Any, where: str) -> Any:
        found = inner(value, where)
        if not form.holds(found):
            raise Malformed("form.value", where=where, expected=form.name)
        return found

    return reader


def _array_reader(element: Read) -> Read:
    def reader(value: Any, where: str) -> Any:
        if not isinstance(value, tuple):
            raise Malformed("form.array", where=where)
        return tuple([element(part, f"{where}.{index}") for index, part in enumerate(value)])

    return reader

"""The one family of errors (design D3).

Every refusal of Xinglin is a class here or in an ``errors.py`` next to the code that raises it. A class carries a
stable dotted ``code``, a ``number`` for receipts, the clause it serves and sentences in English and Chinese; an
instance carries facts. Codes and numbers are never renamed or reused: numbers are hashed into receipts.

This module never formats for a border (HTTP, FHIR, terminal); each border has one table of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

Fact = int | str | bytes

_by_code: dict[str, type[PlatformError]] = {}
_by_number: dict[int, type[PlatformError]] = {}
_rest: list[Callable[[], object]] = []


class PlatformError(Exception):
    """A refusal that a person can act on.

    Args:
        **facts: what was seen, by name; shown in the sentence and kept in ``facts``. Never content of a record,
            a key or a secret.
    """

    code: ClassVar[str] = ""
    number: ClassVar[int] = 0
    clause: ClassVar[str] = ""
    en: ClassVar[str] = ""
    zh: ClassVar[str] = ""
    hint_en: ClassVar[str] = ""
    hint_zh: ClassVar[str] = ""
    exit_status: ClassVar[int] = 1

    def __init_subclass__(cls) -> None:
        """Enter the class into the tables; two classes can't share a code or a number."""
        super().__init_subclass__()
        if not cls.__dict__.get("code"):
            return
        for other in (_by_code.setdefault(cls.code, cls), _by_number.setdefault(cls.number, cls)):
            if other is not cls and other.__qualname__ != cls.__qualname__:
                raise TypeError(f"{cls.__qualname__} and {other.__qualname__} share {cls.code} or {cls.number}")

    def __init__(self, /, **facts: Fact) -> None:
        super().__init__(self.code)
        self.facts: dict[str, Fact] = facts

    def __reduce__(self) -> tuple[Callable[..., PlatformError], tuple[type[PlatformError], dict[str, Fact]]]:
        """Let a refusal travel between processes with its facts."""
        return _again, (type(self), self.facts)

    def sentence(self, language: str = "en") -> str:
        """Return the sentence of this refusal with its facts filled in.

        Args:
            language: ``en`` or ``zh``.
        """
        template = self.zh if language == "zh" else self.en
        return template.format_map(_Shown(self.facts))

    def hint(self, language: str = "en") -> str:
        """Return what the person could do about it, possibly empty."""
        return (self.hint_zh if language == "zh" else self.hint_en).format_map(_Shown(self.facts))

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence()}"


def _again(case: type[PlatformError], facts: dict[str, Fact]) -> PlatformError:
    return case(**facts)


class _Shown(dict[str, Fact]):
    """Facts as shown to people: bytes in hexadecimal, a fact that is not there as ``?``."""

    def __getitem__(self, name: str) -> str:
        value = self.get(name, "?")
        return value.hex() if isinstance(value, bytes) else str(value)

    def __missing__(self, name: str) -> str:
        return "?"


class Invalid(PlatformError):
    """What came in is malformed or breaks a rule of form."""

    exit_status = 3


class Denied(PlatformError):
    """A rule forbids it to this subject."""

    exit_status = 4


class NotFound(PlatformError):
    """What was named is not there."""

    exit_status = 5


class Conflict(PlatformError):
    """It can't be done in the present state."""

    exit_status = 6


class Integrity(PlatformError):
    """Stored or received data do not match what proves them."""

    exit_status = 7


class Unavailable(PlatformError):
    """It can't be done now: something is missing, full or out of reach."""

    exit_status = 8


def more_errors_in(load: Callable[[], object]) -> None:
    """Name what imports the modules of this program that are not imported yet.

    It is called when a case is asked for that the modules imported so far do not define, and once as a rule.
    """
    _rest.append(load)


def all_errors() -> list[type[PlatformError]]:
    """Return every case of this program, by number."""
    _load_rest()
    return [_by_number[number] for number in sorted(_by_number)]


def error_for_number(number: int) -> type[PlatformError] | None:
    """Return the case that a receipt's number stands for, None for 0 and for one of a later version."""
    if number and number not in _by_number:
        _load_rest()
    return _by_number.get(number)


def error_for_code(code: str) -> type[PlatformError] | None:
    """Return the case of a code, None for one that there is not."""
    if code not in _by_code:
        _load_rest()
    return _by_code.get(code)


def _load_rest() -> None:
    for load in tuple(_rest):  # by two threads at once too: the second waits for the imports of the first
        load()
    _rest.clear()


class EncodingInvalid(Invalid):
    """Bytes are not the canonical encoding of what they claim to be."""

    code, number, clause = "encoding.invalid", 1001, "S9.1"
    en = "The bytes are not a valid {what}: {reason}."
    zh = "字节不是有效的 {what}：{reason}。"
    hint_en = "Make the object again with the program that wrote it; it may be cut or altered."
    hint_zh = "请用原程序重新生成该对象；它可能被截断或改动。"


class EncodingNotCanonical(Invalid):
    """Bytes decode, but are not the one encoding of their value."""

    code, number, clause = "encoding.not_canonical", 1002, "S9.1"
    en = "The bytes of this {what} are not in canonical form."
    zh = "该 {what} 的字节不是规范编码。"
    hint_en = "Encode it by the rules of docs/spec/encoding.md."
    hint_zh = "请按 docs/spec/encoding.md 的规则编码。"


class IdentifierInvalid(Invalid):
    """A name does not follow the form of Xinglin's identifiers."""

    code, number, clause = "identifier.invalid", 1003, "S8.6a"
    en = "'{value}' is not a valid {what}."
    zh = "“{value}”不是有效的 {what}。"
    hint_en = (
        "Identifiers are 26 lower-case base32 characters, a record's commitment 64 hexadecimal digits; "
        "URNs are urn:xinglin:<chain>:<kind>:<id>."
    )
    hint_zh = "标识为 26 个小写 base32 字符，记录的存证哈希为 64 位十六进制；URN 形如 urn:xinglin:<chain>:<kind>:<id>。"

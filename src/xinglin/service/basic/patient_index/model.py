"""What the patient index knows of a person, and what it says of two, as values (H1).

None of this is ever on a chain (design D10): names and identifiers can be guessed and enumerated. So texts are plain
strings here, not the opaque bytes of chain objects. Nothing in this module reads, writes, compares or decides.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec

from xinglin.kernel.encoding import Bytes16, Milliseconds, Natural

Text = Annotated[str, msgspec.Meta(max_length=512)]
PartialDate = Annotated[int, msgspec.Meta(ge=0, le=9999_12_31)]
"""A date as the number YYYYMMDD; 00 for a day or month that is not known, 0 for no date at all."""


class Value(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Base of what is kept sealed or handed around: frozen, written as an array of its fields in order."""


class IdentifierKind(IntEnum):
    """What sort of identifier; the number is kept in rows and never changes its meaning."""

    OTHER = 0
    ID_CARD = 1  # 居民身份证
    PASSPORT = 2  # 护照
    HONG_KONG_MACAO_PERMIT = 3  # 港澳居民来往内地通行证
    TAIWAN_PERMIT = 4  # 台湾居民来往大陆通行证
    RESIDENCE_PERMIT = 5  # 港澳台居民居住证
    PERMANENT_RESIDENCE = 6  # 外国人永久居留身份证
    HEALTH_CARD = 7  # 居民健康卡、电子健康卡
    INSURANCE = 8  # 医保号
    RECORD_NUMBER = 9  # 病案号、门诊号、住院号
    TAIWAN_ID = 10  # 中華民國國民身分證
    NATIONAL = 11  # another country's number of a person


class Sex(IntEnum):
    """Administrative sex; OTHER says that it is known to be neither."""

    UNKNOWN = 0
    MALE = 1
    FEMALE = 2
    OTHER = 3


class Identifier(Value, frozen=True):
    """An identifier as it was stated.

    ``scope``: within what the value is unique: the URI of the numbering system, or the source of a record number;
    empty for kinds that are unique by themselves.
    """

    kind: IdentifierKind
    value: Text
    scope: Text = ""


class Name(Value, frozen=True):
    """One name as it was stated; ``use`` is FHIR's word for it, possibly empty.

    ``text`` is the whole name where it was given as one; its script is told from its characters.
    """

    family: Text = ""
    given: Text = ""
    text: Text = ""
    use: Text = ""


class Address(Value, frozen=True):
    """One address as it was stated, every part possibly empty; ``line`` is street and number, further lines behind."""

    line: Text = ""
    district: Text = ""
    city: Text = ""
    state: Text = ""
    postcode: Text = ""
    country: Text = ""


class Mother(Value, frozen=True):
    """What a registration says of the person's mother."""

    names: tuple[Name, ...] = ()
    identifiers: tuple[Identifier, ...] = ()


class Traits(Value, frozen=True):
    """What one source says of one person.

    ``birth``, ``deceased``: partial dates; ``deceased`` is 1 where a person is known to have died, not when.
    ``birth_order``: position in a multiple birth from 1, 0 when there is none or it is not known.
    """

    identifiers: tuple[Identifier, ...] = ()
    names: tuple[Name, ...] = ()
    birth: PartialDate = 0
    sex: Sex = Sex.UNKNOWN
    phones: tuple[Text, ...] = ()
    addresses: tuple[Address, ...] = ()
    mother: Mother = Mother()
    birth_order: Annotated[int, msgspec.Meta(ge=0, le=20)] = 0
    deceased: PartialDate = 0


class Grade(IntEnum):
    """What the index says of two registrations."""

    NONE = 0
    POSSIBLE = 1
    MATCH = 2


class Reason(Value, frozen=True):
    """One thing that spoke for or against: a code of docs/spec/patient-index.md and its weight in tenths of a bit.

    A code with weight 0 is a rule that kept the grade down.
    """

    code: str
    weight: int = 0


class Match(Value, frozen=True):
    """What came of comparing a registration with a person.

    ``score``: tenths of a bit of evidence beyond what the size of the index asks for: 0 is even odds, each ten double
    them. ``person`` is the person compared with, empty where there is none.
    """

    grade: Grade
    score: int = 0
    reasons: tuple[Reason, ...] = ()
    person: bytes = b""

    @property
    def probability(self) -> float:
        """The odds of the score as a probability from 0 to 1, as FHIR's $match wants it."""
        bits: float = max(-60.0, min(60.0, self.score / 10))
        odds: float = 2.0**bits
        return odds / (1.0 + odds)


class Subject(Value, frozen=True):
    """Whose records they are in one source: the source system and the patient's logical id there."""

    source: bytes
    subject: bytes


class Registration(Value, frozen=True):
    """What a row of the index says, sealed: the person as first assigned, whose records, the traits, since when."""

    person: Bytes16
    source: bytes
    subject: bytes
    traits: Traits
    at: Milliseconds


class Review(Value, frozen=True, tag="review"):
    """Two persons who may be one: a task for people. ``cause`` is a rule's code."""

    review: Bytes16
    one: Bytes16
    other: Bytes16
    score: int
    cause: str
    reasons: tuple[Reason, ...]
    at: Milliseconds


class Merged(Value, frozen=True, tag="merge"):
    """Two persons are one, said by a person: ``gone`` is found as ``kept`` from now on.

    ``reason`` is the words of who decided; ``review`` the task it settles, possibly empty.
    """

    merge: Bytes16
    kept: Bytes16
    gone: Bytes16
    reason: Text
    by: Text
    at: Milliseconds
    review: bytes = b""


class Unmerged(Value, frozen=True, tag="unmerge"):
    """A merge was wrong."""

    merge: Bytes16
    reason: Text
    by: Text
    at: Milliseconds


class Dismissed(Value, frozen=True, tag="dismiss"):
    """Two persons are two, said by a person; they are not proposed again."""

    review: Bytes16
    reason: Text
    by: Text
    at: Milliseconds


class Linked(Value, frozen=True, tag="link"):
    """A person here is the one that another node knows by a handle (design D10)."""

    link: Bytes16
    person: Bytes16
    node: Text
    handle: Bytes16
    by: Text
    at: Milliseconds


class Unlinked(Value, frozen=True, tag="unlink"):
    """A link between nodes was wrong or has ended."""

    link: Bytes16
    reason: Text
    by: Text
    at: Milliseconds


class Moved(Value, frozen=True, tag="move"):
    """A registration was another person's than the index had found: it is a person of its own from now on."""

    move: Bytes16
    source: bytes
    subject: bytes
    before: Bytes16
    after: Bytes16
    reason: Text
    by: Text
    at: Milliseconds


Decision = Review | Merged | Unmerged | Dismissed | Linked | Unlinked | Moved
"""One line of the record of decisions, which is only ever added to."""


class Joined(Value, frozen=True):
    """What a merge did: every person, as first assigned, who is now found as ``kept``.

    Consents, prohibitions and guardians of ``others`` are not those of ``kept`` until someone confirms it.
    """

    merge: bytes
    kept: bytes
    others: tuple[bytes, ...]


class Parted(Value, frozen=True):
    """What undoing a link between records did: from ``since`` to ``until`` (ms) a read of one may have shown the other.

    ``one`` and ``other`` are persons again, with what belongs to each; ``unsure`` came in while they were one, went to
    ``one`` and has to be looked at. ``decision`` is the id of the merge that was undone or of the move.
    """

    decision: bytes
    one: bytes
    other: bytes
    since: Milliseconds
    until: Milliseconds
    of_one: tuple[Subject, ...]
    of_other: tuple[Subject, ...]
    unsure: tuple[Subject, ...]


class Link(Value, frozen=True):
    """A link in force: the person here, the node and its handle, since when."""

    link: bytes
    person: bytes
    node: str
    handle: bytes
    at: Natural

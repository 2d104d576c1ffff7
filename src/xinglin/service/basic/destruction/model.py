"""What destruction is about, as values: holds on the private chain, retention, standing, certificate (S7.1f).

Formats: docs/spec/destruction.md. On the private chain are record commitments, account ids, codes, times and salted
commitments; never who a patient is.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Literal

import msgspec

from xinglin.kernel.encoding import (
    Bytes16,
    ChainId,
    ChainObject,
    Digest,
    Identifier,
    Milliseconds,
    Name,
    Natural,
)
from xinglin.service.lifecycle.erasure.model import Measured

MAX_HELD = 256
"""Record commitments that one hold names at most; a larger set is several holds."""
Optional32 = Annotated[tuple[Digest, ...], msgspec.Meta(max_length=1)]
OptionalAccount = Annotated[tuple[Identifier, ...], msgspec.Meta(max_length=1)]
Commitments = Annotated[tuple[Digest, ...], msgspec.Meta(max_length=MAX_HELD)]


class PlaceHold(ChainObject, frozen=True):
    """hold.place: nothing of the scope is destroyed until the hold is released.

    ``document`` is the hash of the paper that demands it. Exactly one of ``subject``, H("subject", salt, person), and
    ``records``, ascending commitments, is given.
    """

    hold: Identifier
    ground: Name
    document: Digest
    subject: Optional32
    records: Commitments


class ReleaseHold(ChainObject, frozen=True):
    """hold.release: the first of two accounts releases a hold; ``document`` is the hash of the paper that allows it."""

    hold: Identifier
    document: Digest


class ConfirmRelease(ChainObject, frozen=True):
    """hold.confirm: another account confirms the release."""

    hold: Identifier


class RestrictRecord(ChainObject, frozen=True):
    """hold.restrict: a record whose destruction was refused is kept for the law alone; ``until`` is when it may go."""

    commitment: Digest
    until: Milliseconds


class LiftRestriction(ChainObject, frozen=True):
    """hold.lift: another account ends a restriction that should not be."""

    commitment: Digest


class BeginShredding(ChainObject, frozen=True):
    """hold.begin: the node begins to shred a record; from now on no hold on it is accepted."""

    commitment: Digest


class HoldState(ChainObject, frozen=True, kw_only=True):
    """("hold", "hold", id): a hold, who placed it, who released it (first, then second; empty while it stands)."""

    kind: Literal["hold"] = "hold"
    version: Literal[1] = 1
    ground: Name
    document: Digest
    subject: Optional32
    records: Commitments
    placed_by: Identifier
    placed: Milliseconds
    released_by: OptionalAccount
    release_document: Optional32
    confirmed_by: OptionalAccount


class HeldRecord(ChainObject, frozen=True, kw_only=True):
    """("hold", "record", commitment): the holds that name the record and stand, ascending; absent without any."""

    kind: Literal["held-record"] = "held-record"
    version: Literal[1] = 1
    holds: tuple[Identifier, ...]


class Restriction(ChainObject, frozen=True, kw_only=True):
    """("hold", "restricted", commitment): until when the record is kept for the law alone, and who asked for it."""

    kind: Literal["restriction"] = "restriction"
    version: Literal[1] = 1
    until: Milliseconds
    by: Identifier


class BegunShredding(ChainObject, frozen=True, kw_only=True):
    """("hold", "begun", commitment): when the node began to shred the record."""

    kind: Literal["begun-shredding"] = "begun-shredding"
    version: Literal[1] = 1
    time: Milliseconds


class Standing(IntEnum):
    """What a record is to whoever wants to read it."""

    STANDING = 1
    RESTRICTED = 2
    ORDERED = 3
    DESTROYED = 4


@dataclass(frozen=True, slots=True)
class RecordStanding:
    """The standing of a record, and what it follows from.

    ``until``: ms, of a restriction, else 0. ``ground``, ``ordered_by``, ``confirmed_by``: of the order, else empty.
    ``certificate``: its hash, empty unless destroyed. ``holds``: ids of holds that name the record itself.
    """

    standing: Standing
    until: int = 0
    ground: str = ""
    ordered_by: str = ""
    confirmed_by: str = ""
    certificate: bytes = b""
    holds: tuple[str, ...] = ()


class Stay(IntEnum):
    """What kind of stay a record was made in: the law counts from its end, and differently for each."""

    INPATIENT = 1
    OUTPATIENT = 2


@dataclass(frozen=True, slots=True)
class Term:
    """One row of the retention table: so many years for records of a stay and FHIR type ('' for every type)."""

    stay: Stay
    type: str
    years: int
    source: str


@dataclass(frozen=True, slots=True)
class Encounter:
    """What retention asks of an encounter.

    ``id``: names it among all of the person's, whatever their sources. ``class_code``: v3-ActCode as the source wrote
    it. ``ended``: the last day that its period can have; None where the source states none. ``counts``: False if it
    was cancelled or entered in error.
    """

    id: bytes
    class_code: str
    ended: datetime.date | None
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Order:
    """A destruction order as the consortium chain has it. Times in ms; ``batch`` registers the record."""

    batch: str
    ground: str
    ordered_by: str
    ordered: int
    confirmed_by: str
    confirmed: int


class ShredPlan(ChainObject, frozen=True, kw_only=True):
    """Kept before the first byte of a record is touched: once it is there, the record is shredded to the end."""

    kind: Literal["shred-plan"] = "shred-plan"
    version: Literal[1] = 1
    record: Identifier
    before: Measured


METHODS = (
    "keys, salts and handle removed from the keyring",
    "sealed original and copy overwritten with zeros",
    "source, subject, labels and logical id removed from the index",
    "files of keyring and index rebuilt",
    "write-ahead logs truncated",
)


class Certificate(ChainObject, frozen=True, kw_only=True):
    """What an institution's node states of a destroyed record (S7.1f: who, when, what, how).

    ``recipients``: ids of members that were given the record, ascending: their copies are theirs and not destroyed by
    this. ``backups_until``: ms; when the last backup made before the destruction is to be gone, by the node's settings.
    """

    kind: Literal["destruction-certificate"] = "destruction-certificate"
    version: Literal[1] = 1
    chain: ChainId
    member: Identifier
    node: Identifier
    commitment: Digest
    record: Identifier
    ground: Name
    ordered_by: Identifier
    ordered: Milliseconds
    confirmed_by: Identifier
    confirmed: Milliseconds
    destroyed: Milliseconds
    methods: tuple[str, ...]
    before: Measured
    after: Measured
    recipients: tuple[Identifier, ...]
    backup_days: Natural
    backups_until: Milliseconds


class SubjectOpening(ChainObject, frozen=True):
    """What opens a hold's subject: H("subject", salt, person); kept sealed in the home, never on a chain."""

    salt: Bytes16
    person: Bytes16

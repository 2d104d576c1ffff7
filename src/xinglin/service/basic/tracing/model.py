"""What a trace is made of, and how far it is shown (docs/spec/trace.md; S8.6b, S8.6c, S8.6d). Frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from xinglin.service.basic.audit.model import AccessEntry
from xinglin.service.basic.correction.model import Reason
from xinglin.service.basic.destruction.model import RecordStanding
from xinglin.stakeholders.labels import Category, Level, Special

TRACE = "trace"
"""The action of looking at a trace, as access entries have it."""


class Group(StrEnum):
    """Groups of facts: where a record comes from, who asked for it, what that rested on, its versions, its end."""

    ORIGIN = "origin"
    ACCESS = "access"
    PERMITS = "permits"
    CHANGES = "changes"
    END = "end"


class Depth(IntEnum):
    """How far a group is shown: not at all, by numbers, entry by entry, each with its basis and its proof reference."""

    NONE = 0
    COUNT = 1
    ENTRY = 2
    PROVEN = 3


class Viewer(StrEnum):
    """Who looks, as far as it matters for what is shown.

    ``OVERSEER``: auditor or compliance officer of the institution. ``PRACTITIONER``: of the institution, who may read
    the record. ``PATIENT``: an account of the institution that answers the patient. ``OUTSIDER``: a regulator or a
    technology provider.
    """

    OVERSEER = "overseer"
    PRACTITIONER = "practitioner"
    PATIENT = "patient"
    OUTSIDER = "outsider"


Depths = Mapping[Group, Depth]


@dataclass(frozen=True, slots=True)
class Sight:
    """How far a viewer sees at most, and whether the accounts of others are named."""

    depths: Depths
    named: bool


@dataclass(frozen=True, slots=True)
class Tables:
    """The schemes by (level, category; None for any), and the sights by viewer."""

    schemes: Mapping[tuple[Level, Category | None], Depths]
    sights: Mapping[Viewer, Sight]


@dataclass(frozen=True, slots=True)
class Registration:
    """Where a record was registered on the consortium chain: batch, item, log entry, height, block time (ms)."""

    batch: str
    item: int
    entry: int
    height: int
    time: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a version of a record comes from. ``generated``: when the medical act was, ms."""

    record: str
    urn: str
    type: str
    source: str
    producer: str
    recorder: str
    generated: int
    registered: Registration | None


@dataclass(frozen=True, slots=True)
class Access:
    """An access entry with its hash and its place: log entry, item, height."""

    entry: AccessEntry
    hash: bytes
    index: int
    item: int
    height: int


@dataclass(frozen=True, slots=True)
class Given:
    """Someone who was given a version; ``notice``, ``told``, ``acknowledged`` of its correction, empty for none."""

    member: str
    account: str
    copy: int
    times: int
    first: int
    last: int
    notice: str
    told: int
    acknowledged: int


@dataclass(frozen=True, slots=True)
class Corrected:
    """Why a version was corrected, on whose account, when (block time, ms)."""

    reason: Reason
    account: str
    time: int


@dataclass(frozen=True, slots=True)
class Step:
    """One version of a record, its labels and all that happened to it; ``corrected`` None: it is current."""

    number: int
    category: Category
    level: Level
    origin: Origin
    accesses: Sequence[Access]
    complete: bool
    given: Sequence[Given]
    corrected: Corrected | None
    standing: RecordStanding
    holds: Sequence[str]


@dataclass(frozen=True, slots=True)
class Withheld:
    """One version of a record that whoever looks is not told of; ``current``: it is not corrected."""

    number: int
    current: bool
    standing: RecordStanding


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace of a record: its labels and its versions, the oldest first. ``keeper`` is the member that keeps it."""

    record: str
    category: Category
    level: Level
    special: Special
    keeper: str
    steps: Sequence[Step | Withheld]

"""What a custodian's node answers (docs/spec/reading.md RD8 to RD12; H4 to H7).

An answer always holds a signed receipt; beside it the refusal's number and facts, or what was asked for. A record that
is served comes with what its reader needs to compare it with the commitment on the consortium chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from xinglin.carrier.ledger.model import Flag, ReceiptFact
from xinglin.kernel.encoding import Bytes16, ChainObject, Digest, Natural
from xinglin.service.basic.audit.messages import SignedReceipt
from xinglin.service.basic.audit.model import AccessEntry
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Copy

CategoryNumber = Annotated[int, msgspec.Meta(ge=0, le=int(max(Category)))]
LevelNumber = Annotated[int, msgspec.Meta(ge=0, le=int(max(Level)))]
"""0 is what was never labelled."""
SpecialFlags = Annotated[int, msgspec.Meta(ge=0, le=sum(map(int, Special)))]
TypeName = Annotated[str, msgspec.Meta(pattern=r"\A[A-Z][A-Za-z]{0,63}\Z")]


class Disclosure(ChainObject, frozen=True):
    """One record as served: a copy, its salt, and the digests of the two parts that are not shown.

    ``copy`` says which part ``content`` is. ``category``, ``level`` and ``special`` are the record's labels,
    ``version`` counts corrections from 0; ``current`` is 0 for a version that has been corrected.
    """

    commitment: Digest
    copy: Copy
    content: bytes
    salt: Bytes16
    behaviour: Digest
    other: Digest
    type: TypeName
    category: CategoryNumber
    level: LevelNumber
    special: SpecialFlags
    version: Natural
    current: Flag


class Found(ChainObject, frozen=True):
    """One record that a search tells of: what it is, and which copy a read for this purpose would open."""

    commitment: Digest
    type: TypeName
    category: CategoryNumber
    level: LevelNumber
    special: SpecialFlags
    version: Natural
    time: Natural
    copy: Copy


class SeenEntry(ChainObject, frozen=True):
    """An access entry and its place on the custodian's private chain: log entry and item (docs/spec/trace.md TR12)."""

    index: Natural
    item: Natural
    entry: AccessEntry


class SeenRecord(ChainObject, frozen=True):
    """Who has asked for one record; ``complete`` is 1 when the list leads to the record's head on the chain."""

    commitment: Digest
    type: TypeName
    version: Natural
    complete: Flag
    entries: tuple[SeenEntry, ...]


class Seen(ChainObject, frozen=True):
    """Who has seen a person's data at one node: of how many records, of how many more nothing is told, looks-up."""

    records: Natural
    withheld: Natural
    seen: tuple[SeenRecord, ...]
    looks: tuple[SeenEntry, ...]


class Answer(ChainObject, frozen=True, kw_only=True):
    """What comes back: the receipt; the refusal; or one record, what was found, the link of a person, who has seen."""

    kind: Literal["access-answer"] = "access-answer"
    version: Literal[1] = 1
    receipt: SignedReceipt
    facts: tuple[ReceiptFact, ...]
    disclosed: Annotated[tuple[Disclosure, ...], msgspec.Meta(max_length=1)] = ()
    found: tuple[Found, ...] = ()
    link: Annotated[tuple[Bytes16, ...], msgspec.Meta(max_length=1)] = ()
    seen: Annotated[tuple[Seen, ...], msgspec.Meta(max_length=1)] = ()

    @property
    def outcome(self) -> int:
        """0 when it was permitted, else the number of the refusal."""
        return self.receipt.receipt.outcome


@dataclass(frozen=True, slots=True)
class Custody:
    """Who the custodian is: consortium chain, member and node of the home."""

    chain: str
    member: str
    node: str

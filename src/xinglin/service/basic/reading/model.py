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
from xinglin.stakeholders.purposes import Copy

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
    category: Natural
    level: Natural
    special: Natural
    version: Natural
    current: Flag


class Found(ChainObject, frozen=True):
    """One record that a search tells of: what it is, and which copy a read for this purpose would open."""

    commitment: Digest
    type: TypeName
    category: Natural
    level: Natural
    special: Natural
    version: Natural
    time: Natural
    copy: Copy


class Answer(ChainObject, frozen=True, kw_only=True):
    """What comes back: the receipt; the refusal; or one record, what was found, or the link of a person."""

    kind: Literal["access-answer"] = "access-answer"
    version: Literal[1] = 1
    receipt: SignedReceipt
    facts: tuple[ReceiptFact, ...]
    disclosed: Annotated[tuple[Disclosure, ...], msgspec.Meta(max_length=1)] = ()
    found: tuple[Found, ...] = ()
    link: Annotated[tuple[Bytes16, ...], msgspec.Meta(max_length=1)] = ()

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

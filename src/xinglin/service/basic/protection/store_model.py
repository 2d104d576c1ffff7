"""What a node keeps of protection, each sealed in one row (design D13; S8.2d).

These values never reach a chain: they hold persons of the node's own index and words of people.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Literal

import msgspec

from xinglin.carrier.ledger.model import Flag
from xinglin.kernel.encoding import Bytes16, ChainObject, Digest, Identifier, Milliseconds, PublicKey, Text
from xinglin.service.basic.protection.consents.model import ConsentOpening, ConsentTerms, SealedOpening
from xinglin.service.basic.protection.model import Article, PatientDefault
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Copy, Purpose

Perhaps = msgspec.Meta(max_length=1)
SpecialNumber = Annotated[int, msgspec.Meta(ge=0, le=255)]


class Verdict(IntEnum):
    """What a review of an emergency access found."""

    JUSTIFIED = 1
    UNJUSTIFIED = 2


class KeptConsent(ChainObject, frozen=True, kw_only=True):
    """A consent or prohibition that this node opened; whether it stands, the chain says."""

    kind: Literal["kept-consent"] = "kept-consent"
    version: Literal[1] = 1
    opening: ConsentOpening


class KeptPaper(ChainObject, frozen=True, kw_only=True):
    """The hash of a scanned paper, which account scanned it and when; the scan itself lies with the institution."""

    kind: Literal["kept-paper"] = "kept-paper"
    version: Literal[1] = 1
    paper: Digest
    account: Identifier
    time: Milliseconds


class KeptDefault(ChainObject, frozen=True, kw_only=True):
    """What a patient decided for whatever no consent covers, since when, on which paper."""

    kind: Literal["kept-default"] = "kept-default"
    version: Literal[1] = 1
    id: Bytes16
    value: PatientDefault
    guardian: Annotated[tuple[Bytes16, ...], Perhaps]
    since_ms: Milliseconds
    paper: Annotated[tuple[Digest, ...], Perhaps]


class KeptGuardianship(ChainObject, frozen=True, kw_only=True):
    """Who is guardian of a patient, from when until when, on which evidence."""

    kind: Literal["kept-guardianship"] = "kept-guardianship"
    version: Literal[1] = 1
    id: Bytes16
    guardian: Text
    relation: Text
    evidence: Digest
    from_ms: Milliseconds
    until_ms: Annotated[tuple[Milliseconds, ...], Perhaps]


class Review(ChainObject, frozen=True):
    """What came of a review: by which account, when, with which verdict."""

    account: Identifier
    time: Milliseconds
    verdict: Verdict


class KeptGrant(ChainObject, frozen=True, kw_only=True):
    """A break-glass grant with its review task; ``admitted``: another institution gave it, this node let it in."""

    kind: Literal["kept-grant"] = "kept-grant"
    version: Literal[1] = 1
    id: Bytes16
    member: Identifier
    account: Identifier
    level: Level
    special: SpecialNumber
    from_ms: Milliseconds
    until_ms: Milliseconds
    reason: Text
    admitted: Flag
    review_by_ms: Milliseconds
    review: Annotated[tuple[Review, ...], Perhaps]


class KeptMandate(ChainObject, frozen=True, kw_only=True):
    """A court order or legal duty on record (table M of docs/spec/permit.md), entered by ``account``."""

    kind: Literal["kept-mandate"] = "kept-mandate"
    version: Literal[1] = 1
    id: Bytes16
    article: Article
    members: tuple[Identifier, ...]
    roles: tuple[Role, ...]
    accounts: tuple[Identifier, ...]
    purposes: tuple[Purpose, ...]
    categories: tuple[Category, ...]
    level: Level
    special: SpecialNumber
    copy: Copy
    from_ms: Milliseconds
    until_ms: Milliseconds
    document: Digest
    account: Identifier


class Draft(ChainObject, frozen=True):
    """What opens and sends a proposed consent: its key, salt, terms and sealed openings."""

    subject_key: PublicKey
    salt: Bytes16
    terms: ConsentTerms
    sealed: tuple[SealedOpening, ...]


class KeptDraft(ChainObject, frozen=True, kw_only=True):
    """A consent that ``account`` proposes at the counter; ``draft`` is emptied once it is settled or has lapsed."""

    kind: Literal["kept-draft"] = "kept-draft"
    version: Literal[1] = 1
    id: Bytes16
    account: Identifier
    time: Milliseconds
    draft: Annotated[tuple[Draft, ...], Perhaps]


class KeptLook(ChainObject, frozen=True, kw_only=True):
    """How far this node has looked for consents that bind it: all that were granted before a block time.

    ``waiting``: those before it that wait until their patient is known here.
    """

    kind: Literal["kept-look"] = "kept-look"
    version: Literal[1] = 1
    before_ms: Milliseconds
    waiting: tuple[Bytes16, ...]


Kept = KeptConsent | KeptPaper | KeptDefault | KeptGuardianship | KeptGrant | KeptMandate | KeptDraft | KeptLook
"""Everything that a row can hold."""

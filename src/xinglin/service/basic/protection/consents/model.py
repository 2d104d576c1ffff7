"""State values and arguments of the contract ``consent``, and what is committed off chain (docs/spec/consent.md).

On chain: a fresh subject key, a salted commitment to the terms, sealed openings of one length, states and times. Never
whom a consent names or what it opens, and nothing that two consents of one patient share (design D10).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final, Literal

import msgspec

from xinglin.carrier.ledger.model import Flag
from xinglin.kernel.encoding import (
    Bytes16,
    ChainId,
    ChainObject,
    Digest,
    Identifier,
    Milliseconds,
    PublicKey,
    Signature,
    Text,
)
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Copy, Purpose

NAMESPACE: Final = "consent"
OPENING_BYTES: Final = 1024
"""Length of every opening before it is sealed: a length would tell how much a consent names."""
OPENING_COUNTS: Final = (4, 8)
"""How many openings a consent has: those of its custodians, and dummies."""
MAX_CUSTODIANS: Final = 8

SealedOpening = Annotated[bytes, msgspec.Meta(min_length=OPENING_BYTES + 32, max_length=OPENING_BYTES + 256)]
"""An opening, encrypted to the sealing key of a node (or, a dummy, to a key that nobody has)."""
OneOrNone = msgspec.Meta(max_length=1)
PROPOSAL_MS: Final = 7 * 86_400_000
"""How long a proposed consent waits for its second account (block time, ms); then it has lapsed."""


class Method(IntEnum):
    """How a consent was given: by the patient's own key, a health card, or on paper at a counter."""

    OWN_KEY = 1
    CARD = 2
    COUNTER = 3


class KeyMethod(IntEnum):
    """The methods in which the subject key signs: numbers of ``Method``."""

    OWN_KEY = 1
    CARD = 2


class ConsentStatus(IntEnum):
    """Where a consent is on the chain; expiry is not a status, it is evaluated when asked."""

    PROPOSED = 1
    GRANTED = 2
    REVOKED = 3


class Custodian(ChainObject, frozen=True):
    """A node that a consent binds, and H("subject", salt, person) of whom the node knows the patient as."""

    node: Identifier
    subject: Digest


class ConsentTerms(ChainObject, frozen=True, kw_only=True):
    """What a patient agreed to or forbade; committed as H("consent", salt, terms), itself never on chain.

    Tuples ascend and are distinct. ``members``, ``roles``, ``accounts`` empty: any. ``level``: of a consent the highest
    that it opens, of a prohibition the lowest that it forbids. ``guardian``: the guardianship under which it was given.
    ``paper``: hash of the scanned paper. ``certificate``: H("subject-certificate", salt, certificate bytes).
    """

    kind: Literal["consent-terms"] = "consent-terms"
    version: Literal[1] = 1
    consent: Identifier
    prohibits: Flag
    members: Annotated[tuple[Identifier, ...], msgspec.Meta(max_length=8)]
    roles: tuple[Role, ...]
    accounts: Annotated[tuple[Identifier, ...], msgspec.Meta(max_length=8)]
    purposes: tuple[Purpose, ...]
    categories: tuple[Category, ...]
    level: Level
    special: Annotated[int, msgspec.Meta(ge=0, le=255)]
    copy: Copy
    given_ms: Milliseconds
    from_ms: Milliseconds
    until_ms: Milliseconds
    custodians: Annotated[tuple[Custodian, ...], msgspec.Meta(min_length=1, max_length=MAX_CUSTODIANS)]
    guardian: Annotated[tuple[Identifier, ...], OneOrNone]
    paper: Annotated[tuple[Digest, ...], OneOrNone]
    certificate: Annotated[tuple[Digest, ...], OneOrNone]


class ConsentOpening(ChainObject, frozen=True, kw_only=True):
    """What one custodian needs: the terms with their salt, and whom it knows the patient as with that salt."""

    kind: Literal["consent-opening"] = "consent-opening"
    version: Literal[1] = 1
    salt: Bytes16
    terms: ConsentTerms
    subject_salt: Bytes16
    person: Bytes16


class SubjectStatement(ChainObject, frozen=True, kw_only=True):
    """A member's statement whose a consent's subject key is.

    ``person`` is the patient in words (name, kind and number of the document that was shown).
    """

    kind: Literal["subject-statement"] = "subject-statement"
    version: Literal[1] = 1
    chain: ChainId
    consent: Identifier
    subject_key: PublicKey
    account: Identifier
    person: Text
    time: Milliseconds


class SubjectCertificate(ChainObject, frozen=True):
    """A statement with the signature of the account that it names, over H("subject-statement", statement).

    Never on a chain, nor is any node told: whoever holds it shows it with its salt to whom it likes.
    """

    statement: SubjectStatement
    signature: Signature


class ConsentState(ChainObject, frozen=True, kw_only=True):
    """("consent", "consent", id): a consent or prohibition; which of both is not on chain.

    ``member`` vouched for the patient's identity by ``account`` (at a counter: proposed by it, approved by
    ``approved_by``). ``granted_ms`` and ``revoked_ms`` are block times. ``revoking``: the account that proposed the
    revocation of a counter consent.
    """

    kind: Literal["consent"] = "consent"
    version: Literal[1] = 1
    method: Method
    status: ConsentStatus
    subject_key: PublicKey
    terms: Digest
    member: Identifier
    account: Identifier
    approved_by: Annotated[tuple[Identifier, ...], OneOrNone]
    granted_ms: Annotated[tuple[Milliseconds, ...], OneOrNone]
    revoking: Annotated[tuple[Identifier, ...], OneOrNone]
    revoked_ms: Annotated[tuple[Milliseconds, ...], OneOrNone]


class ConsentProposal(ChainObject, frozen=True, kw_only=True):
    """("consent", "proposed", id): since when (block time) a consent waits for its approval; gone once it has it."""

    kind: Literal["consent-proposal"] = "consent-proposal"
    version: Literal[1] = 1
    time: Milliseconds


class ConsentOpenings(ChainObject, frozen=True, kw_only=True):
    """("consent", "openings", id): the sealed openings, in an order that says nothing."""

    kind: Literal["consent-openings"] = "consent-openings"
    version: Literal[1] = 1
    sealed: tuple[SealedOpening, ...]


class SubjectKeyUse(ChainObject, frozen=True, kw_only=True):
    """("consent", "subject", key): the one consent that a subject key serves."""

    kind: Literal["subject-key"] = "subject-key"
    version: Literal[1] = 1
    consent: Identifier


class Acknowledgement(ChainObject, frozen=True, kw_only=True):
    """("consent", "acknowledged", id, node): since when a node holds a consent and follows it."""

    kind: Literal["acknowledgement"] = "acknowledgement"
    version: Literal[1] = 1
    time: Milliseconds


class GrantConsent(ChainObject, frozen=True):
    """consent.grant: by the patient's own key (1) or card (2).

    ``signature`` is the subject key's over H("consent-grant", chain, consent, terms).
    """

    consent: Identifier
    method: KeyMethod
    subject_key: PublicKey
    terms: Digest
    signature: Signature
    openings: tuple[SealedOpening, ...]


class ProposeConsent(ChainObject, frozen=True):
    """consent.propose: the first of two staff at a counter; the patient signed on paper, whose hash is in the terms."""

    consent: Identifier
    subject_key: PublicKey
    terms: Digest
    openings: tuple[SealedOpening, ...]


class ApproveConsent(ChainObject, frozen=True):
    """consent.approve: another account of the same member, for exactly these terms."""

    consent: Identifier
    terms: Digest


class RevokeConsent(ChainObject, frozen=True):
    """consent.revoke: carried by any account; the subject key's signature over H("consent-revoke", chain, consent)."""

    consent: Identifier
    signature: Signature


class ProposeRevocation(ChainObject, frozen=True):
    """consent.propose_revocation: the first of two staff of the member that vouched for a counter consent."""

    consent: Identifier


class ApproveRevocation(ChainObject, frozen=True):
    """consent.approve_revocation: another account of that member."""

    consent: Identifier


class AcknowledgeConsent(ChainObject, frozen=True):
    """consent.acknowledge: the service account of a node says that the node holds the consent and follows it."""

    consent: Identifier
    node: Identifier

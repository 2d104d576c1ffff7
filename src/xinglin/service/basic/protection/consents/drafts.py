"""Makes a consent: terms, openings sealed for its custodians, and the calls that bring it onto the chain (S6.3c, W8).

Works for each of the three ways in: own key or card (``grant_call`` with the subject key's signature) and counter
(``propose_call``, then ``approve_call`` by a second account). Signs nothing and keeps nothing: keys stay where they
are, the draft goes to the patient's wallet and to the counter. Randomness comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xinglin.carrier.crypto.suite import Suite
from xinglin.service.basic.protection.consents.model import (
    MAX_CUSTODIANS,
    OPENING_BYTES,
    OPENING_COUNTS,
    ApproveConsent,
    ConsentOpening,
    ConsentTerms,
    Custodian,
    GrantConsent,
    KeyMethod,
    ProposeConsent,
)
from xinglin.service.basic.protection.consents.rules import (
    grant_message,
    padded,
    subject_commitment,
    terms_commitment,
    terms_in_form,
)
from xinglin.service.basic.protection.errors import ConsentTermsInvalid, ConsentTooLong
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Copy, Purpose

Randomness = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Addressee:
    """A custodian: its node, the node's sealing key of the registry, the 16 bytes by which it knows the patient."""

    node: str
    sealing_key: bytes
    person: bytes


@dataclass(frozen=True, slots=True)
class WantedConsent:
    """What the patient wants, in the words of the page of permits; an empty list of grantees is any."""

    purposes: Sequence[Purpose]
    categories: Sequence[Category]
    level: Level
    given_ms: int
    from_ms: int
    until_ms: int
    members: Sequence[str] = ()
    roles: Sequence[Role] = ()
    accounts: Sequence[str] = ()
    special: Special = Special.NONE
    copy: Copy = Copy.ORIGINAL
    prohibits: bool = False
    guardian: str = ""
    paper: bytes = b""
    certificate: bytes = b""


@dataclass(frozen=True, slots=True)
class ConsentDraft:
    """A consent ready to be signed and called. ``salt`` with ``terms`` opens the commitment: keep both."""

    consent: str
    subject_key: bytes
    terms: ConsentTerms
    salt: bytes = field(repr=False)
    commitment: bytes
    openings: tuple[bytes, ...] = field(repr=False)


def draft_consent(
    suite: Suite,
    randomness: Randomness,
    consent: str,
    subject_key: bytes,
    wanted: WantedConsent,
    custodians: Sequence[Addressee],
) -> ConsentDraft:
    """Return a draft: terms with fresh salts, an opening for each custodian, dummies, all in random order.

    Args:
        suite: the chain's suite.
        randomness: a source of unpredictable bytes.
        consent: a fresh id.
        subject_key: public half of a key made for this consent alone.
        wanted: what the patient wants.
        custodians: the nodes that it shall bind, 1 to 8, each once.

    Raises:
        ConsentTermsInvalid: the terms are not in form (CN6), or there are no or too many custodians.
        ConsentTooLong: the terms name too much for an opening.
    """
    if not 1 <= len(custodians) <= MAX_CUSTODIANS:
        raise ConsentTermsInvalid
    salts = [randomness(16) for _ in custodians]
    terms = _terms(suite, consent, wanted, custodians, salts)
    if not terms_in_form(terms):
        raise ConsentTermsInvalid
    salt = randomness(16)
    openings = []
    for addressee, subject_salt in zip(custodians, salts, strict=True):
        plaintext = padded(ConsentOpening(salt=salt, terms=terms, subject_salt=subject_salt, person=addressee.person))
        if plaintext is None:
            raise ConsentTooLong
        openings.append(suite.encrypt(addressee.sealing_key, plaintext))
    openings += [_dummy(suite) for _ in range(_count(len(custodians)) - len(custodians))]
    commitment = terms_commitment(suite.hash, salt, terms)
    return ConsentDraft(consent, subject_key, terms, salt, commitment, _shuffled(openings, randomness))


def signed_message(suite: Suite, chain: str, draft: ConsentDraft) -> bytes:
    """Return what the subject key signs to give a drafted consent (CN4)."""
    return grant_message(suite.hash, chain, draft.consent, draft.commitment)


def grant_call(draft: ConsentDraft, method: KeyMethod, signature: bytes) -> GrantConsent:
    """Return the arguments of consent.grant: own key or card."""
    return GrantConsent(draft.consent, method, draft.subject_key, draft.commitment, signature, draft.openings)


def propose_call(draft: ConsentDraft) -> ProposeConsent:
    """Return the arguments of consent.propose: the first of two staff at a counter."""
    return ProposeConsent(draft.consent, draft.subject_key, draft.commitment, draft.openings)


def approve_call(draft: ConsentDraft) -> ApproveConsent:
    """Return the arguments of consent.approve: the second, who has compared the terms with the paper."""
    return ApproveConsent(draft.consent, draft.commitment)


def _terms(
    suite: Suite, consent: str, wanted: WantedConsent, custodians: Sequence[Addressee], salts: Sequence[bytes]
) -> ConsentTerms:
    named = (
        Custodian(one.node, subject_commitment(suite.hash, salt, one.person))
        for one, salt in zip(custodians, salts, strict=True)
    )
    return ConsentTerms(
        consent=consent,
        prohibits=int(wanted.prohibits),
        members=tuple(sorted(wanted.members)),
        roles=tuple(sorted(wanted.roles)),
        accounts=tuple(sorted(wanted.accounts)),
        purposes=tuple(sorted(wanted.purposes)),
        categories=tuple(sorted(wanted.categories)),
        level=wanted.level,
        special=int(wanted.special),
        copy=wanted.copy,
        given_ms=wanted.given_ms,
        from_ms=wanted.from_ms,
        until_ms=wanted.until_ms,
        custodians=tuple(sorted(named, key=lambda one: one.node)),
        guardian=(wanted.guardian,) if wanted.guardian else (),
        paper=(wanted.paper,) if wanted.paper else (),
        certificate=(wanted.certificate,) if wanted.certificate else (),
    )


def _count(custodians: int) -> int:
    return next(count for count in OPENING_COUNTS if custodians <= count)


def _dummy(suite: Suite) -> bytes:
    nobody = suite.encryption_public_key(suite.generate_encryption_key())
    return suite.encrypt(nobody, bytes(OPENING_BYTES))


def _shuffled(openings: Sequence[bytes], randomness: Randomness) -> tuple[bytes, ...]:
    # Sorted by random keys: where an opening stands says nothing of whose it is.
    return tuple(sealed for _, sealed in sorted((randomness(16), sealed) for sealed in openings))

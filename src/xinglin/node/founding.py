"""Founding: founders make their keys, a genesis is made of them, and each home adopts it (design D5.1)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from xinglin.carrier.crypto.keystore import KeyStore
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.genesis import key_proof_message
from xinglin.carrier.ledger.model import Founder, FoundingAccount, Genesis, Parameters, Profile, SuiteNumber
from xinglin.kernel.hashing import Tag, tagged
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import Randomness
from xinglin.stakeholders.kinds import MemberKind, Role

COSIGNING = "cosigning"
ADMINISTRATOR = "administrator"
SERVICE = "service"
SEALING = "sealing"
INSTITUTION = "institution"
"""Names of a home's keys: what signs checkpoints and votes, what signs for the administrator and for the node
itself, what epoch keys are encrypted to, and the root of the institution's own keys."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """A member before it is on a chain: its ids and what it is; its name is in NFC, as the chain has it."""

    member: str
    node: str
    administrator: str
    service: str
    kind: MemberKind
    name: str
    votes: bool = True
    cosigns: bool = True


def new_organisation(name: str, kind: MemberKind, randomness: Randomness) -> Organisation:
    """Return an organisation with fresh ids."""
    ids = [identifier(randomness(16)) for _ in range(4)]
    return Organisation(ids[0], ids[1], ids[2], ids[3], kind, unicodedata.normalize("NFC", name))


def person_commitment(suite: Suite, salt: bytes, statement: bytes) -> bytes:
    """Return the commitment to a responsible person: H("person", salt, statement); both stay off the chain."""
    return tagged(suite.hash, Tag.PERSON, salt, statement)


def founder_of(
    suite: Suite, keys: KeyStore, organisation: Organisation, persons: Sequence[bytes], scope: str = "genesis"
) -> Founder:
    """Return an organisation as founder or applicant, its keys proven.

    Args:
        suite: the chain's suite.
        keys: the home's key store, with its cosigning, administrator and service keys.
        organisation: who it is.
        persons: commitments to who is responsible for the administrator's and the service account.
        scope: ``genesis``, or the chain's id for an applicant.
    """

    def proof(name: str, account: str) -> bytes:
        message = key_proof_message(suite.hash, scope, organisation.member, account, keys.public(name))
        return keys.sign(name, message)

    accounts = (
        (organisation.administrator, Role.SUPER_ADMINISTRATOR, ADMINISTRATOR, persons[0]),
        (organisation.service, Role.SERVICE, SERVICE, persons[1]),
    )
    return Founder(
        member=organisation.member,
        kind=organisation.kind,
        name=organisation.name.encode(),
        votes=int(organisation.votes),
        cosigns=int(organisation.cosigns),
        key=keys.public(COSIGNING),
        proof=proof(COSIGNING, ""),
        accounts=tuple(
            FoundingAccount(account, (role,), person, keys.public(name), proof(name, account))
            for account, role, name, person in accounts
        ),
    )


def make_genesis(
    profile: Profile,
    founders: Sequence[Founder],
    now_ms: int,
    nonce: bytes,
    suite: SuiteNumber = SuiteNumber.GM,
    parameters: Parameters | None = None,
) -> Genesis:
    """Return a genesis in which a majority of the voters and of the cosigners decides."""
    voters = sum(founder.votes for founder in founders)
    cosigners = sum(founder.cosigns for founder in founders)
    return Genesis(
        suite=suite,
        profile=profile,
        time=now_ms,
        nonce=nonce,
        parameters=parameters or Parameters(),
        threshold=voters // 2 + 1,
        quorum=cosigners // 2 + 1,
        founders=tuple(founders),
    )

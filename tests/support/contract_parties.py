"""Members with real keys, their genesis, proofs and votes, and a consortium of them; for tests of contracts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.fake_context import FakeLedger
from xinglin.carrier.access.founding import founding
from xinglin.carrier.contracts.api import Caller, Contract
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.genesis import chain_id, epoch_hash, key_proof_message
from xinglin.carrier.ledger.model import (
    Epoch,
    EpochMember,
    Founder,
    FoundingAccount,
    Genesis,
    Parameters,
    Profile,
    SuiteNumber,
)
from xinglin.kernel.identifiers import identifier
from xinglin.stakeholders.kinds import MemberKind, Role

GENESIS_TIME = 1_699_999_999_000
_count = itertools.count(1)


def new_id() -> str:
    """Return an identifier that no earlier call returned."""
    return identifier(next(_count).to_bytes(16, "big"))


@dataclass
class Key:
    """A key pair that signs and proves."""

    suite: Suite
    private: bytes = b""
    public: bytes = b""

    def __post_init__(self) -> None:
        self.private = self.suite.generate_private_key()
        self.public = self.suite.public_key(self.private)

    def sign(self, message: bytes) -> bytes:
        """Return the signature over a message."""
        return self.suite.sign(self.private, message)

    def prove(self, scope: str, member: str, account: str) -> bytes:
        """Return the proof of key for an account (empty: the member's cosigning key)."""
        return self.sign(key_proof_message(self.suite.hash, scope, member, account, self.public))


@dataclass
class Party:
    """A member with its cosigning key and one account for each role that it was given."""

    suite: Suite
    kind: MemberKind
    roles: tuple[Role, ...] = (Role.SUPER_ADMINISTRATOR,)
    votes: int = 1
    cosigns: int = 1
    member: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        self.key = Key(self.suite)
        self.accounts = {role: (new_id(), Key(self.suite)) for role in self.roles}

    def caller(self, role: Role) -> Caller:
        """Return the caller that the account of a role is."""
        account, key = self.accounts[role]
        return Caller(key.public, account, self.member, self.kind, frozenset({role}))

    def founder(self, scope: str = "genesis") -> Founder:
        """Return the member as a founder, or as an applicant to the chain ``scope``."""
        accounts = tuple(
            FoundingAccount(account, (role,), bytes(32), key.public, key.prove(scope, self.member, account))
            for role, (account, key) in self.accounts.items()
        )
        proof = self.key.prove(scope, self.member, "")
        return Founder(self.member, self.kind, b"member", self.votes, self.cosigns, self.key.public, proof, accounts)

    def entry(self) -> EpochMember:
        """Return the member's entry in an epoch."""
        return EpochMember(self.member, self.key.public, self.votes, self.cosigns)

    def vote(self, epoch: Epoch) -> bytes:
        """Return the member's vote for an epoch."""
        return self.key.sign(epoch_hash(self.suite.hash, epoch))


def genesis_of(*parties: Party, profile: Profile = Profile.CONSORTIUM) -> tuple[str, Genesis]:
    """Return the chain id and the genesis that parties found, with simple majorities."""
    genesis = Genesis(
        suite=SuiteNumber.GM if parties[0].suite.name == "gm" else SuiteNumber.INTL,
        profile=profile,
        time=GENESIS_TIME,
        nonce=next(_count).to_bytes(16, "big"),
        parameters=Parameters(),
        threshold=sum(p.votes for p in parties) // 2 + 1,
        quorum=sum(p.cosigns for p in parties) // 2 + 1,
        founders=tuple(party.founder() for party in parties),
    )
    return chain_id(parties[0].suite.hash, genesis), genesis


def next_epoch(before: Epoch, hash_before: bytes, from_height: int, *members: EpochMember) -> Epoch:
    """Return the epoch after ``before`` that has these members, with simple majorities."""
    return Epoch(
        chain=before.chain,
        number=before.number + 1,
        previous=hash_before,
        from_height=from_height,
        threshold=sum(m.votes for m in members) // 2 + 1,
        quorum=sum(m.cosigns for m in members) // 2 + 1,
        members=tuple(sorted(members, key=lambda m: m.member)),
    )


@dataclass
class Consortium:
    """Two hospitals, a platform and a regulator without a vote, and their chain at height 1."""

    hospital: Party
    other: Party
    platform: Party
    regulator: Party
    ledger: FakeLedger


def found_consortium(suite: Suite, kind: type[FakeLedger], contracts: Sequence[Contract]) -> Consortium:
    """Return a consortium just founded; the hospital has an account of each role, the others a few."""
    hospital = Party(suite, MemberKind.MEDICAL_INSTITUTION, tuple(Role))
    other = Party(suite, MemberKind.MEDICAL_INSTITUTION, (Role.SUPER_ADMINISTRATOR, Role.SERVICE))
    platform = Party(suite, MemberKind.TECHNOLOGY_PROVIDER, (Role.SUPER_ADMINISTRATOR, Role.SERVICE))
    regulator = Party(suite, MemberKind.REGULATOR, (Role.SUPER_ADMINISTRATOR, Role.AUDITOR), votes=0)
    chain, genesis = genesis_of(hospital, other, platform, regulator)
    ledger = kind(suite, chain, contracts, founding(chain, genesis))
    return Consortium(hospital, other, platform, regulator, ledger)

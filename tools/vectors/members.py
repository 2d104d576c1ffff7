"""The members of the vectors' world: who they are, their keys, and the genesis and epochs that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.vectors.keys import FixedKey, fixed_bytes, fixed_id
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.checkpoint import Head, NoteSignature, SignatureType, SignedNote, sign_head
from xinglin.carrier.ledger.genesis import epoch_hash
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
from xinglin.kernel.hashing import Tag, tagged
from xinglin.stakeholders.kinds import MemberKind, Role

START = 1_767_225_600_000
"""Time of the genesis: 2026-01-01T00:00:00Z."""
NUMBERS = {"gm": SuiteNumber.GM, "intl": SuiteNumber.INTL}


@dataclass(frozen=True)
class Member:
    """A member with its cosigning key and its first accounts, each with one key, by role."""

    suite: Suite
    label: str
    kind: MemberKind
    name: str
    roles: tuple[Role, ...]
    votes: int = 1

    @property
    def member(self) -> str:
        """The member id."""
        return fixed_id(self.label)

    @property
    def key(self) -> FixedKey:
        """The cosigning key."""
        return FixedKey(self.suite, self.label)

    def account(self, role: Role) -> str:
        """Return the id of the account with a role."""
        return fixed_id(f"{self.label} {role.name.lower()}")

    def account_key(self, role: Role) -> FixedKey:
        """Return the key of the account with a role."""
        return FixedKey(self.suite, f"{self.label} {role.name.lower()}")

    def person(self, role: Role) -> bytes:
        """Return the commitment to who is responsible for the account with a role."""
        salt = fixed_bytes(f"person salt {self.label} {role.name}", 16)
        return tagged(self.suite.hash, Tag.PERSON, salt, f"{self.name}, {role.name}".encode())

    def founder(self, scope: str = "genesis") -> Founder:
        """Return the member as a founder, or as an applicant to the chain ``scope``."""
        accounts = tuple(
            FoundingAccount(
                self.account(role),
                (role,),
                self.person(role),
                self.account_key(role).public,
                self.account_key(role).prove(scope, self.member, self.account(role)),
            )
            for role in self.roles
        )
        proof = self.key.prove(scope, self.member, "")
        name = self.name.encode()
        return Founder(self.member, self.kind, name, self.votes, 1, self.key.public, proof, accounts)

    def entry(self) -> EpochMember:
        """Return the member's entry in an epoch."""
        return EpochMember(self.member, self.key.public, self.votes, 1)

    def vote(self, epoch: Epoch) -> bytes:
        """Return the member's vote for an epoch."""
        return self.key.sign(epoch_hash(self.suite.hash, epoch))

    def cosign(self, head: Head, type_: SignatureType = SignatureType.CHECKPOINT) -> NoteSignature:
        """Return the member's signature line over a head."""
        return sign_head(head, self.member, self.key.public, NUMBERS[self.suite.name], type_, self.key.sign)


def cast(suite: Suite) -> Mapping[str, Member]:
    """Return the members by label; the insurer is none of the founders."""
    staff = (Role.SUPER_ADMINISTRATOR, Role.PRACTITIONER, Role.COMPLIANCE_OFFICER, Role.SERVICE)
    few = (Role.SUPER_ADMINISTRATOR, Role.SERVICE)
    members = (
        Member(suite, "hospital-a", MemberKind.MEDICAL_INSTITUTION, "杏林第一医院", staff),
        Member(suite, "hospital-b", MemberKind.MEDICAL_INSTITUTION, "Second Hospital", few),
        Member(suite, "platform", MemberKind.TECHNOLOGY_PROVIDER, "Regional Platform", few),
        Member(suite, "regulator", MemberKind.REGULATOR, "Health Commission", (Role.SUPER_ADMINISTRATOR,), votes=0),
        Member(suite, "insurer", MemberKind.DATA_USER, "Insurer", few),
    )
    return {member.label: member for member in members}


def genesis_of(members: Sequence[Member], profile: Profile, threshold: int, quorum: int) -> Genesis:
    """Return the genesis that members found, ascending by member id."""
    founders = sorted((member.founder() for member in members), key=lambda founder: founder.member)
    return Genesis(
        suite=NUMBERS[members[0].suite.name],
        profile=profile,
        time=START,
        nonce=fixed_bytes(f"genesis {profile.name}", 16),
        parameters=Parameters(),
        threshold=threshold,
        quorum=quorum,
        founders=tuple(founders),
    )


def cosigned(head: Head, members: Sequence[Member]) -> SignedNote:
    """Return the checkpoint of a head with the lines of members."""
    return SignedNote(head, tuple(sorted(member.cosign(head) for member in members)))

"""Who signs a transaction, as the registry of a chain knows it: the link between ledger, contracts and rights."""

from __future__ import annotations

from dataclasses import dataclass

from xinglin.stakeholders.kinds import MemberKind, Role


@dataclass(frozen=True, slots=True)
class Caller:
    """A signer of a transaction, as the registry knew it when the block began."""

    key: bytes
    account: str
    member: str
    member_kind: MemberKind
    roles: frozenset[Role]

"""Pure rules of governance: how an epoch relates to the one before (docs/spec/genesis.md N1 to N6)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from xinglin.carrier.ledger.model import Epoch, EpochMember, Founder

MAX_AHEAD = 1_000_000
"""Heights that an epoch may wait for: one that waited for ever would end governance, as the next comes later."""


def member_of(epoch: Epoch, member: str) -> EpochMember | None:
    """Return a member's entry in an epoch, None when it has none."""
    return next((entry for entry in epoch.members if entry.member == member), None)


def follows(before: Epoch, before_hash: bytes, epoch: Epoch) -> bool:
    """Tell whether an epoch follows another (N3)."""
    return (
        epoch.chain == before.chain
        and epoch.number == before.number + 1
        and epoch.previous == before_hash
        and epoch.from_height > before.from_height
    )


def ascending(members: Sequence[str]) -> bool:
    """Tell whether ids are ascending and distinct."""
    return all(a < b for a, b in pairwise(members))


def as_proposed(epoch: Epoch, applicants: Sequence[Founder]) -> bool:
    """Tell whether applicants are in order, each is in the epoch as it applies, and none shares id or key."""
    accounts = [account for applicant in applicants for account in applicant.accounts]
    return (
        ascending([applicant.member for applicant in applicants])
        and len({account.account for account in accounts}) == len(accounts)
        and len({account.key for account in accounts}) == len(accounts)
        and all(member_of(epoch, a.member) == EpochMember(a.member, a.key, a.votes, a.cosigns) for a in applicants)
    )


def arriving(before: Epoch, epoch: Epoch) -> list[str]:
    """Return the ids of members of an epoch that were not in the one before, ascending."""
    return sorted({entry.member for entry in epoch.members} - {entry.member for entry in before.members})


def leaving(before: Epoch, epoch: Epoch) -> list[str]:
    """Return the ids of members of the epoch before that are not in the next, ascending."""
    return arriving(epoch, before)


def with_new_key(before: Epoch, epoch: Epoch, applicants: Sequence[Founder]) -> list[EpochMember]:
    """Return the members, applicants aside, that have not had their key of ``epoch`` in the one before."""
    applying = {applicant.member for applicant in applicants}
    held = {(entry.member, entry.key) for entry in before.members}
    return [e for e in epoch.members if e.member not in applying and (e.member, e.key) not in held]

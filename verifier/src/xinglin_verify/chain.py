"""Rules of a chain's beginning and of its member epochs (docs/spec/genesis.md, G1 to G5, N1 to N5)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import astuple
from itertools import pairwise

from xinglin_verify.errors import DoesNotHold
from xinglin_verify.objects import Epoch, Genesis, Member, Vote
from xinglin_verify.suites import Suite

PROFILES = {1: "consortium", 2: "private", 3: "supervision"}
PRIVATE = 2


def chain_id(suite: Suite, genesis: Genesis) -> tuple[str, bytes]:
    """Return the chain id and the genesis hash."""
    digest = suite.tagged("genesis", genesis.value())
    letters = base64.b32encode(digest).decode("ascii").lower()
    return PROFILES[genesis.profile][0] + letters[:26], digest


def check_genesis(suite: Suite, genesis: Genesis, chain: str) -> Epoch:
    """Return epoch 0 of a chain, after checking G1 to G5.

    Raises:
        DoesNotHold: a rule is broken.
    """
    if not genesis.founders or (genesis.profile == PRIVATE and len(genesis.founders) != 1):
        raise DoesNotHold("genesis.founders", founders=len(genesis.founders))
    epoch = _epoch_0(genesis, chain)
    check_epoch(suite, epoch)
    accounts = [account for founder in genesis.founders for account in founder.accounts]
    ids, keys = {account.account for account in accounts}, {account.key for account in accounts}
    if len(ids) != len(accounts) or len(keys) != len(accounts):
        raise DoesNotHold("genesis.accounts")
    if not all(astuple(genesis.parameters)):
        raise DoesNotHold("genesis.parameters")
    for founder in genesis.founders:
        _check_proof_of_key(suite, founder.member, "", founder.key, founder.proof)
        for account in founder.accounts:
            _check_proof_of_key(suite, founder.member, account.account, account.key, account.proof)
    return epoch


def check_epoch(suite: Suite, epoch: Epoch) -> None:
    """Check an epoch by itself (N1, N2).

    Raises:
        DoesNotHold: members, keys, threshold or quorum break a rule.
    """
    ids = [member.member for member in epoch.members]
    keys = {member.key for member in epoch.members}
    if any(left >= right for left, right in pairwise(ids)) or len(keys) != len(ids):
        raise DoesNotHold("epoch.members", epoch=epoch.number)
    if not all(suite.is_key(key) for key in keys):
        raise DoesNotHold("epoch.key_form", epoch=epoch.number)
    voting = sum(member.votes for member in epoch.members)
    cosigning = sum(member.cosigns for member in epoch.members)
    if not voting < 2 * epoch.threshold <= 2 * voting or not cosigning < 2 * epoch.quorum <= 2 * cosigning:
        raise DoesNotHold("epoch.majority", epoch=epoch.number)


def check_next_epoch(suite: Suite, before: Epoch, epoch: Epoch, votes: Sequence[Vote]) -> None:
    """Check that an epoch follows another (N3) and that votes of that one passed it (N4).

    Raises:
        DoesNotHold: it doesn't follow, a vote doesn't count, or there are too few.
    """
    check_epoch(suite, epoch)
    follows = (epoch.chain, epoch.number, epoch.previous) == (
        before.chain,
        before.number + 1,
        suite.tagged("epoch", before.value()),
    )
    if not follows or epoch.from_height <= before.from_height:
        raise DoesNotHold("epoch.sequence", epoch=epoch.number)
    voting = {member.member: member for member in before.members if member.votes}
    ids = [vote.member for vote in votes]
    if any(left >= right for left, right in pairwise(ids)) or not voting.keys() >= set(ids):
        raise DoesNotHold("epoch.voters", epoch=epoch.number)
    if len(votes) < before.threshold:
        raise DoesNotHold("epoch.threshold", epoch=epoch.number, votes=len(votes), needed=before.threshold)
    message = suite.tagged("epoch", epoch.value())
    for vote in votes:
        if not suite.verify(voting[vote.member].key, message, vote.signature):
            raise DoesNotHold("epoch.vote", epoch=epoch.number, member=vote.member)


def _epoch_0(genesis: Genesis, chain: str) -> Epoch:
    """Return the epoch that the founders are."""
    founders = sorted(genesis.founders, key=lambda founder: founder.member)
    members = tuple(Member(one.member, one.key, one.votes, one.cosigns) for one in founders)
    return Epoch(chain, 0, bytes(32), 0, genesis.threshold, genesis.quorum, members)


def _check_proof_of_key(suite: Suite, member: str, account: str, key: bytes, proof: bytes) -> None:
    message = suite.tagged("key-proof", "genesis", member, account, key)
    if not suite.verify(key, message, proof):
        raise DoesNotHold("genesis.proof", member=member, account=account)

"""Genesis: the chain id, epoch 0, the key proofs and the rules that a genesis must meet (docs/spec/genesis.md).

Pure: it reads no file and makes no key.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from xinglin.carrier.ledger.errors import GenesisInvalid
from xinglin.carrier.ledger.model import ZERO, Epoch, EpochMember, Founder, Genesis, Profile
from xinglin.kernel.hashing import Hash, Tag, tagged
from xinglin.kernel.identifiers import base32

_LETTER = {Profile.CONSORTIUM: "c", Profile.PRIVATE: "p", Profile.SUPERVISION: "s"}


def genesis_hash(hash_: Hash, genesis: Genesis) -> bytes:
    """Return H("genesis", genesis), which a verifier pins."""
    return tagged(hash_, Tag.GENESIS, genesis)


def chain_id(hash_: Hash, genesis: Genesis) -> str:
    """Return the chain's id: profile letter and the first 26 base32 characters of the genesis hash."""
    return _LETTER[genesis.profile] + base32(genesis_hash(hash_, genesis))[:26]


def key_proof_message(hash_: Hash, scope: str, member: str, account: str, key: bytes) -> bytes:
    """Return what the holder of a key signs to prove that it has it.

    Args:
        hash_: hash of the chain's suite.
        scope: the chain id, or ``genesis`` in a genesis (whose id is not known yet).
        member: the member the key is for.
        account: the account the key is for, empty for the member's cosigning key.
        key: the public key.
    """
    return tagged(hash_, Tag.KEY_PROOF, scope, member, account, key)


def epoch_zero(chain: str, genesis: Genesis) -> Epoch:
    """Return the epoch that the founders are (design D9)."""
    members = [EpochMember(f.member, f.key, f.votes, f.cosigns) for f in genesis.founders]
    return Epoch(
        chain=chain,
        number=0,
        previous=ZERO,
        from_height=0,
        threshold=genesis.threshold,
        quorum=genesis.quorum,
        members=tuple(sorted(members, key=lambda m: m.member)),
    )


def epoch_hash(hash_: Hash, epoch: Epoch) -> bytes:
    """Return H("epoch", epoch): what votes sign and the next epoch names."""
    return tagged(hash_, Tag.EPOCH, epoch)


def check_epoch(epoch: Epoch) -> None:
    """Check that an epoch can decide: members in order and distinct, majorities reachable.

    Raises:
        GenesisInvalid: names the rule that is broken.
    """
    names = [member.member for member in epoch.members]
    keys = [member.key for member in epoch.members]
    voters = sum(member.votes for member in epoch.members)
    cosigners = sum(member.cosigns for member in epoch.members)
    _require(names == sorted(set(names)), "members are not in order or not distinct")
    _require(len(keys) == len(set(keys)), "two members have one cosigning key")
    _require(voters < 2 * epoch.threshold and epoch.threshold <= voters, "the threshold is not a majority of the votes")
    _require(
        cosigners < 2 * epoch.quorum and epoch.quorum <= cosigners, "the quorum is not a majority of the cosigners"
    )


def check_genesis(genesis: Genesis, hash_: Hash, verify: Callable[[bytes, bytes, bytes], bool]) -> None:
    """Check the rules of a genesis beyond its form.

    Args:
        genesis: the decoded object.
        hash_: hash of its suite.
        verify: (public key, message, signature) -> whether it verifies, of its suite.

    Raises:
        GenesisInvalid: a rule is broken; the fact ``rule`` names it.
    """
    _require(len(genesis.founders) >= 1, "there is no founder")
    _require(min(msgspec.structs.astuple(genesis.parameters)) >= 1, "a parameter is zero")
    _require(genesis.profile is not Profile.PRIVATE or len(genesis.founders) == 1, "a private chain has one founder")
    check_epoch(epoch_zero(chain_id(hash_, genesis), genesis))
    accounts = [account for founder in genesis.founders for account in founder.accounts]
    _require(len({a.account for a in accounts}) == len(accounts), "two accounts have one id")
    _require(len({a.key for a in accounts}) == len(accounts), "two accounts have one key")
    for founder in genesis.founders:
        _require(founder_proofs_hold(founder, "genesis", hash_, verify), "a key is not proven")


def founder_proofs_hold(
    founder: Founder, scope: str, hash_: Hash, verify: Callable[[bytes, bytes, bytes], bool]
) -> bool:
    """Tell whether every key of a founder or applicant is proven by its holder."""
    proofs = [("", founder.key, founder.proof)]
    proofs += [(account.account, account.key, account.proof) for account in founder.accounts]
    return all(
        verify(key, key_proof_message(hash_, scope, founder.member, account, key), proof)
        for account, key, proof in proofs
    )


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise GenesisInvalid(rule=rule)

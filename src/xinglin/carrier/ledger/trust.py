"""What makes a checkpoint trusted: a pinned genesis or pinned keys, member epochs, a quorum of cosignatures.

Steps P3, P4 and P6 of docs/spec/proof-bundle.md, and the trust file that an auditor keeps. Pure: it reads no file, and
decides nothing about what a checkpoint proves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.bundle_model import EpochStep
from xinglin.carrier.ledger.checkpoint import SignatureType, SignedNote, key_id
from xinglin.carrier.ledger.errors import ProofInvalid, TrustInvalid
from xinglin.carrier.ledger.genesis import check_epoch, epoch_hash
from xinglin.carrier.ledger.model import Epoch, SuiteNumber
from xinglin.carrier.ledger.proof import require
from xinglin.kernel.encoding import ChainId, Identifier
from xinglin.kernel.errors import Invalid

MAX_TRUST_BYTES = 1 << 20
_Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Key = Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{64}|[0-9a-f]{130})\Z")]


@dataclass(frozen=True, slots=True)
class Trust:
    """What somebody who verifies knows from elsewhere; at least ``genesis`` or ``keys`` is given.

    ``chain``: the chain's id, None for any. ``genesis``: its genesis hash. ``keys``: members' cosigning keys as (member
    id, key), of which ``quorum`` must have cosigned; none and 0 when no key is pinned.
    """

    chain: str | None = None
    genesis: bytes | None = None
    keys: frozenset[tuple[str, bytes]] = frozenset()
    quorum: int = 0


class _PinnedKey(msgspec.Struct, forbid_unknown_fields=True):
    member: Identifier
    key: _Key


class _File(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    xinglin_trust: Literal[1]
    chain: ChainId | msgspec.UnsetType = msgspec.UNSET
    genesis: _Hash | msgspec.UnsetType = msgspec.UNSET
    keys: Annotated[list[_PinnedKey], msgspec.Meta(min_length=1, max_length=4096)] | msgspec.UnsetType = msgspec.UNSET
    quorum: Annotated[int, msgspec.Meta(ge=1)] | msgspec.UnsetType = msgspec.UNSET


msgspec.json.Decoder(_File)  # looks at the type while one thread imports; two at once would end the process


def encode_trust(trust: Trust) -> bytes:
    """Return the trust file of a trust, one line of JSON."""
    keys = [_PinnedKey(member, key.hex()) for member, key in sorted(trust.keys)]
    file = _File(
        1,
        chain=trust.chain or msgspec.UNSET,
        genesis=trust.genesis.hex() if trust.genesis else msgspec.UNSET,
        keys=keys or msgspec.UNSET,
        quorum=trust.quorum or msgspec.UNSET,
    )
    return msgspec.json.encode(file) + b"\n"


def parse_trust(data: bytes) -> Trust:
    """Return the trust that a file holds.

    Raises:
        TrustInvalid: it has another form, a member twice, or pins neither a genesis nor keys.
    """
    if len(data) > MAX_TRUST_BYTES:
        raise TrustInvalid(reason="it is too long")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_distinct)
        file = msgspec.convert(value, _File)
    except (ValueError, RecursionError) as error:
        raise TrustInvalid(reason=str(error)[:200]) from None
    keys = frozenset((one.member, bytes.fromhex(one.key)) for one in file.keys or ())
    quorum = file.quorum or 0
    if len({key for _, key in keys}) != len(file.keys or ()):
        raise TrustInvalid(reason="a key is there twice")
    if not bool(keys) <= quorum <= len(keys):
        raise TrustInvalid(reason="keys and quorum don't fit each other")
    if not keys and not file.genesis:
        raise TrustInvalid(reason="it pins neither a genesis nor keys")
    genesis = bytes.fromhex(file.genesis) if file.genesis else None
    return Trust(file.chain or None, genesis, keys, quorum)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is there twice")
    return members


def check_pinned(trust: Trust, chain: str, genesis_hash: bytes) -> None:
    """Take step P3: a pinned chain and a pinned genesis hash are these; raises ProofInvalid."""
    require("P3", trust.chain in (None, chain), "the pinned chain is another one")
    require("P3", trust.genesis in (None, genesis_hash), "the pinned genesis is another one")


def check_epochs(suite: Suite, first: Epoch, steps: Iterable[EpochStep]) -> list[Epoch]:
    """Take step P4: each epoch follows the one before and was passed by its members.

    Args:
        suite: the chain's suite.
        first: epoch 0, made from a genesis that was checked.
        steps: the epochs after it, each with its votes.

    Returns: all epochs in order, ``first`` included.

    Raises:
        ProofInvalid: N1 to N4 of docs/spec/genesis.md do not hold.
    """
    epochs = [first]
    for step in steps:
        _check_next(suite, epochs[-1], step.epoch)
        _check_votes(suite, epochs[-1], step)
        epochs.append(step.epoch)
    return epochs


def _check_next(suite: Suite, before: Epoch, epoch: Epoch) -> None:
    """N1 to N3."""
    try:
        check_epoch(epoch)
        for member in epoch.members:
            suite.check_public_key(member.key)
    except Invalid as refusal:
        raise ProofInvalid(step="P4", reason=refusal.sentence()) from None
    follows = (epoch.chain, epoch.number, epoch.previous) == (
        before.chain,
        before.number + 1,
        epoch_hash(suite.hash, before),
    )
    require("P4", follows and epoch.from_height > before.from_height, "an epoch does not follow the one before")


def _check_votes(suite: Suite, before: Epoch, step: EpochStep) -> None:
    """N4."""
    keys = {member.member: member.key for member in before.members if member.votes}
    voters = [vote.member for vote in step.votes]
    require("P4", voters == sorted(set(voters)), "the votes do not ascend by member")
    require("P4", keys.keys() >= set(voters), "a vote is by someone who has none")
    require("P4", len(voters) >= before.threshold, "there are fewer votes than the threshold")
    message = epoch_hash(suite.hash, step.epoch)
    signatures = [vote.signature for vote in step.votes]
    verdicts = suite.verify_many([keys[voter] for voter in voters], [message] * len(voters), signatures)
    require("P4", all(verdicts), "a vote does not verify")


@dataclass(frozen=True, slots=True)
class Support:
    """How far a checkpoint is trusted: who cosigned, how many of them count, and how many are needed."""

    members: tuple[str, ...]
    counted: int
    quorum: int

    @property
    def reached(self) -> bool:
        """Whether enough have cosigned."""
        return self.counted >= self.quorum


def check_cosignatures(
    suite: Suite, suite_number: SuiteNumber, note: SignedNote, epoch: Epoch, trust: Trust | None
) -> Support:
    """Take step P6: every line is a checkpoint cosignature of a cosigning member, and verifies.

    Args:
        suite: the chain's suite.
        suite_number: its number in the genesis.
        note: the checkpoint.
        epoch: the epoch in force at its height.
        trust: pinned keys make its quorum the one that counts, of these keys alone.

    Raises:
        ProofInvalid: a line is not right. That there are too few is not an error; see ``Support.reached``.
    """
    keys = {member.member: member.key for member in epoch.members if member.cosigns}
    signed = [(line.member, keys.get(line.member, b"")) for line in note.signatures]
    for line, (member, key) in zip(note.signatures, signed, strict=True):
        require("P6", member in keys, f"{member} does not cosign at this height")
        own = key_id(member, suite_number, SignatureType.CHECKPOINT, key)
        require("P6", line.key_id == own, f"the line of {member} is not a cosignature by its key")
    message = note.head.text
    signatures = [line.signature for line in note.signatures]
    verdicts = suite.verify_many([key for _, key in signed], [message] * len(signed), signatures)
    require("P6", all(verdicts), "a cosignature does not verify")
    members = tuple(member for member, _ in signed)
    if trust is not None and trust.keys:
        return Support(members, len(trust.keys.intersection(signed)), trust.quorum)
    return Support(members, len(signed), epoch.quorum)

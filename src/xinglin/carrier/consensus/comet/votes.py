"""Two votes of one validator that contradict each other, checked by themselves (docs/spec/membership.md; W19, S6.2b).

A vote is signed over a message of its own, which is made anew here from what CometBFT shows of it in a block's evidence
(``types/canonical.go`` and ``proto/tendermint/types/canonical.proto`` of v0.38).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from xinglin.carrier.consensus.comet.fields import data, fixed, message, number, read_timestamp, timestamp, varint
from xinglin.carrier.consensus.comet.files import key_address
from xinglin.carrier.crypto.engine_keys import ENGINE_KEY_SIZE, verify_engine_signature
from xinglin.kernel.encoding import ChainId, ChainObject, Natural, Signature, decode, encode
from xinglin.kernel.errors import Invalid

MAX_DOUBLE_VOTE_BYTES = 4096
KINDS = {1: "prevote", 2: "precommit"}
"""CometBFT's numbers of the kinds of votes."""
_NAMED = "tendermint/DuplicateVoteEvidence"
_ATTACK = "tendermint/LightClientAttackEvidence"
_PRECOMMIT, _FOR_THE_BLOCK = 2, 2
Blocks = Callable[[int], Mapping[str, Any]]
"""Gives the engine's block of a height as CometBFT answers it; raises PlatformError."""
_Hash = Annotated[bytes, msgspec.Meta(max_length=32)]
_Key = Annotated[bytes, msgspec.Meta(min_length=ENGINE_KEY_SIZE, max_length=ENGINE_KEY_SIZE)]
_Nanoseconds = Annotated[int, msgspec.Meta(ge=0, lt=1_000_000_000)]
_Parts = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]


class DoubleVoteInvalid(Invalid):
    """What should show that a validator signed twice does not show it."""

    code, number, clause = "evidence.votes", 6360, "S6.2b"
    en = "The evidence does not show that a validator signed two votes against each other: {reason}."
    zh = "该证据不能表明某验证者签署了两张互相矛盾的投票：{reason}。"
    hint_en = "Take the file from another member's node; do not act on this one."
    hint_zh = "请从其他成员的节点获取该文件；切勿据此采取行动。"


class SignedVote(ChainObject, frozen=True):
    """One vote: for which block (its hash, number and hash of its parts; empty and 0 for none), its time, signature."""

    block: _Hash
    parts: _Parts
    parts_hash: _Hash
    seconds: Natural
    nanos: _Nanoseconds
    signature: Signature


class DoubleVote(ChainObject, frozen=True, kw_only=True):
    """Two votes that one engine key signed for one height, round and kind (1 prevote, 2 precommit) of a chain."""

    kind: Literal["double-vote"] = "double-vote"
    version: Literal[1] = 1
    chain: ChainId
    key: _Key
    vote: Annotated[int, msgspec.Meta(ge=1, le=2)]
    height: Natural
    round: Natural
    votes: tuple[SignedVote, SignedVote]


@dataclass(frozen=True, slots=True)
class Accused:
    """Whose votes are looked for: the chain, its engine key, the height that they are of."""

    chain: str
    key: bytes
    height: int


def vote_message(chain: str, vote: int, height: int, round_: int, of: SignedVote) -> bytes:
    """Return what a validator signs to vote."""
    voted = b""
    if of.block or of.parts or of.parts_hash:
        voted = message(4, data(1, of.block) + message(2, number(1, of.parts) + data(2, of.parts_hash)))
    canonical = (
        number(1, vote)
        + fixed(2, height)
        + fixed(3, round_)
        + voted
        + message(5, timestamp(of.seconds, of.nanos))
        + data(6, chain.encode())
    )
    return varint(len(canonical)) + canonical


def check_double_vote(found: DoubleVote) -> None:
    """Check that both votes are signed and contradict each other; it needs nothing else.

    Raises:
        DoubleVoteInvalid: they don't.
    """
    first, second = found.votes
    if (first.block, first.parts, first.parts_hash) == (second.block, second.parts, second.parts_hash):
        raise DoubleVoteInvalid(reason="both are for the same block")
    for one in found.votes:
        signed = vote_message(found.chain, found.vote, found.height, found.round, one)
        if not verify_engine_signature(found.key, signed, one.signature):
            raise DoubleVoteInvalid(reason="a signature does not verify")


def read_double_vote(raw: bytes) -> DoubleVote:
    """Return the votes that a file has, checked.

    Raises:
        DoubleVoteInvalid: it is not in form, or shows nothing.
    """
    if len(raw) > MAX_DOUBLE_VOTE_BYTES:
        raise DoubleVoteInvalid(reason="it is too long")
    try:
        found = decode(DoubleVote, raw)
    except Invalid:
        raise DoubleVoteInvalid(reason="it is not in form") from None
    check_double_vote(found)
    return found


def double_vote_in(block: Mapping[str, Any], accused: Accused) -> DoubleVote:
    """Return two votes from the evidence in a block, as CometBFT's ``block`` answers it, checked.

    Raises:
        DoubleVoteInvalid: the block has none of this validator and height, or they are not what they should be.
    """
    try:
        for one in block["block"]["evidence"]["evidence"] or ():
            if one["type"] == _NAMED and _is_of(one["value"]["vote_a"], accused):
                found = _read(one["value"]["vote_a"], one["value"]["vote_b"], accused)
                check_double_vote(found)
                return found
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError):
        raise DoubleVoteInvalid(reason="the engine's block is not in form") from None
    raise DoubleVoteInvalid(reason="the engine's block has no such votes")


def attack_votes_in(block: Mapping[str, Any], accused: Accused, blocks: Blocks) -> DoubleVote:
    """Return two votes of a validator that is accused of an attack on light clients, checked.

    One is for the block that the client was shown, the other for the chain's own of the same height and round.

    Args:
        block: has the evidence, as CometBFT's ``block`` answers it.
        accused: its height is the last one that both chains had in common, or that of the attack.
        blocks: gives the block after the attack's height, which has the chain's own commit of it.

    Raises:
        DoubleVoteInvalid: there are no two such votes: who made up a header may have signed no other block in that
            round, and its one vote says nothing without both headers and the commit of all the others.
        PlatformError: see ``Blocks``.
    """
    try:
        for one in block["block"]["evidence"]["evidence"] or ():
            if one["type"] == _ATTACK and int(one["value"]["CommonHeight"]) == accused.height:
                shown = one["value"]["ConflictingBlock"]["signed_header"]["commit"]
                own = blocks(int(shown["height"]) + 1)["block"]["last_commit"]
                found = _against(shown, own, accused)
                if found is not None:
                    check_double_vote(found)
                    return found
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError):
        raise DoubleVoteInvalid(reason="the engine's block is not in form") from None
    raise DoubleVoteInvalid(reason="it signed no two blocks of one height and round")


def _against(shown: Mapping[str, Any], own: Mapping[str, Any], accused: Accused) -> DoubleVote | None:
    """Return a validator's votes in two commits, if it voted for the block in both."""
    lines = [_line(commit, key_address(accused.key)) for commit in (shown, own)]
    about = [(int(commit["height"]), int(commit["round"])) for commit in (shown, own)]
    if None in lines or about[0] != about[1]:
        return None
    votes = [
        {"type": _PRECOMMIT, "height": commit["height"], "round": commit["round"], "block_id": commit["block_id"]}
        | dict(line or {})
        for commit, line in zip((shown, own), lines, strict=True)
    ]
    return _read(votes[0], votes[1], accused)


def _line(commit: Mapping[str, Any], address: bytes) -> Mapping[str, Any] | None:
    """Return the line of a validator in a commit, if it voted for the block."""
    for line in commit["signatures"]:
        if int(line["block_id_flag"]) == _FOR_THE_BLOCK and bytes.fromhex(line["validator_address"]) == address:
            return dict(line)
    return None


def _is_of(vote: Mapping[str, Any], accused: Accused) -> bool:
    address = bytes.fromhex(vote["validator_address"])
    return int(vote["height"]) == accused.height and address == key_address(accused.key)


def _read(first: Mapping[str, Any], second: Mapping[str, Any], accused: Accused) -> DoubleVote:
    about = [(int(one["type"]), int(one["height"]), int(one["round"])) for one in (first, second)]
    if about[0] != about[1]:
        raise DoubleVoteInvalid(reason="they are not of the same height, round and kind")
    vote, height, round_ = about[0]
    votes = (_signed(first), _signed(second))
    found = DoubleVote(chain=accused.chain, key=accused.key, vote=vote, height=height, round=round_, votes=votes)
    try:
        encode(found)
    except Invalid:
        raise DoubleVoteInvalid(reason="the engine's block is not in form") from None
    return found


def _signed(vote: Mapping[str, Any]) -> SignedVote:
    block = vote["block_id"]
    seconds, nanos = read_timestamp(vote["timestamp"])
    return SignedVote(
        block=bytes.fromhex(block["hash"]),
        parts=int(block["parts"]["total"]),
        parts_hash=bytes.fromhex(block["parts"]["hash"]),
        seconds=seconds,
        nanos=nanos,
        signature=base64.b64decode(vote["signature"], validate=True),
    )

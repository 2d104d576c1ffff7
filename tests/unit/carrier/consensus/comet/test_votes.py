"""Votes are signed over CometBFT's very bytes, and two of them prove themselves or are refused (MB19)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.support.double_votes import BLOCK, CHAIN, Signing, attack_with, block_with
from xinglin.carrier.consensus.comet.votes import (
    MAX_DOUBLE_VOTE_BYTES,
    Accused,
    DoubleVote,
    DoubleVoteInvalid,
    SignedVote,
    attack_votes_in,
    check_double_vote,
    double_vote_in,
    read_double_vote,
    vote_message,
)
from xinglin.kernel.encoding import encode


def test_a_vote_is_signed_over_the_bytes_of_cometbft() -> None:
    """Its vectors (types/vote_test.go, TestVoteSignBytesTestVectors), but for their time, which is of the year 1."""
    none = SignedVote(b"", 0, b"", 1_795_690_800, 5_000, bytes(64))
    eight = (1).to_bytes(8, "little")
    kind, height, round_, chain = b"\x08\x02", b"\x11" + eight, b"\x19" + eight, b"\x32\x0dtest_chain_id"
    when = b"\x2a\x09" + b"\x08" + _varint(1_795_690_800) + b"\x10" + _varint(5_000)
    body = kind + height + round_ + when + chain
    assert vote_message("test_chain_id", 2, 1, 1, none) == bytes([len(body)]) + body
    # In round 0 the field is left out, as protobuf does.
    body = kind + height + when + chain
    assert vote_message("test_chain_id", 2, 1, 0, none) == bytes([len(body)]) + body


def _varint(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80]) + _varint(value >> 7) if value > 0x7F else bytes([value])


@pytest.mark.requirement("S6.2b", part="two votes of one validator prove by themselves that it signed twice")
def test_two_votes_prove_themselves_and_are_found_in_a_block() -> None:
    signing = Signing()
    found = signing.twice()
    check_double_vote(found)
    assert read_double_vote(encode(found)) == found
    assert double_vote_in(block_with(found), Accused(CHAIN, signing.key, 7)) == found


def test_a_vote_for_none_contradicts_one_for_a_block() -> None:
    signing = Signing()
    votes = (signing.vote(b""), signing.vote(b"\x02" * 32))
    check_double_vote(DoubleVote(chain=CHAIN, key=signing.key, vote=2, height=7, round=1, votes=votes))


CHANGES: dict[str, Callable[[DoubleVote, Signing], DoubleVote]] = {
    "another chain": lambda one, _: msgspec.structs.replace(one, chain="c" + "b" * 26),
    "another key": lambda one, _: msgspec.structs.replace(one, key=Signing().key),
    "another height": lambda one, _: msgspec.structs.replace(one, height=8),
    "another round": lambda one, _: msgspec.structs.replace(one, round=2),
    "another kind": lambda one, _: msgspec.structs.replace(one, vote=1),
    "twice the same vote": lambda one, _: msgspec.structs.replace(one, votes=(one.votes[0], one.votes[0])),
    "signed twice for one block, a second later": lambda one, signing: msgspec.structs.replace(
        one, votes=(one.votes[0], signing.vote(b"\x01" * 32))
    ),
    "another block": lambda one, _: msgspec.structs.replace(
        one, votes=(one.votes[0], msgspec.structs.replace(one.votes[1], block=b"\x03" * 32))
    ),
    "another number of parts": lambda one, _: msgspec.structs.replace(
        one, votes=(one.votes[0], msgspec.structs.replace(one.votes[1], parts=2))
    ),
    "another time": lambda one, _: msgspec.structs.replace(
        one, votes=(msgspec.structs.replace(one.votes[0], nanos=1), one.votes[1])
    ),
    "a vote of another round": lambda one, signing: msgspec.structs.replace(
        one, votes=(one.votes[0], signing.vote(b"\x02" * 32, round_=2))
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_one_change_and_they_prove_nothing(change: Callable[[DoubleVote, Signing], DoubleVote]) -> None:
    signing = Signing()
    with pytest.raises(DoubleVoteInvalid):
        read_double_vote(encode(change(signing.twice(), signing)))


@pytest.mark.parametrize("cut", [b"", b"\x90", bytes(MAX_DOUBLE_VOTE_BYTES + 1)], ids=["empty", "array", "long"])
def test_what_is_not_in_form_is_refused(cut: bytes) -> None:
    with pytest.raises(DoubleVoteInvalid):
        read_double_vote(cut)


def test_no_changed_byte_of_a_file_proves_anything() -> None:
    raw = encode(Signing().twice())
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(DoubleVoteInvalid):
            read_double_vote(changed)


def test_a_block_that_has_none_or_is_not_in_form_gives_none() -> None:
    signing = Signing()
    found = signing.twice()
    block, accused = block_with(found), Accused(CHAIN, signing.key, 7)
    for wrong in (
        Accused(CHAIN, signing.key, 8),
        Accused(CHAIN, Signing().key, 7),
        Accused("c" + "b" * 26, signing.key, 7),
    ):
        with pytest.raises(DoubleVoteInvalid):
            double_vote_in(block, wrong)
    for path in ("type", "height", "round", "signature", "timestamp", "block_id", "validator_address"):
        spoilt: Any = copy.deepcopy(block)
        spoilt["block"]["evidence"]["evidence"][0]["value"]["vote_a"][path] = [None]
        with pytest.raises(DoubleVoteInvalid):
            double_vote_in(spoilt, accused)
    for empty in (
        "null",
        "{}",
        '{"block": {"evidence": {"evidence": null}}}',
        '{"block": {"evidence": {"evidence": []}}}',
    ):
        with pytest.raises(DoubleVoteInvalid):
            double_vote_in(json.loads(empty), accused)


@pytest.mark.requirement("S6.2b", part="two votes of one validator prove by themselves that it signed twice")
@pytest.mark.parametrize("common", [7, 4])
def test_two_votes_of_an_attack_on_light_clients_prove_themselves(common: int) -> None:
    signing = Signing()
    found = signing.twice()
    blocks = attack_with(found, common=common)
    accused = Accused(CHAIN, signing.key, common)
    assert attack_votes_in(blocks[BLOCK], accused, blocks.__getitem__) == found


@pytest.mark.parametrize(
    "more",
    [
        {"flags": (3, 2)},  # it voted for none in one of the two
        {"flags": (2, 1)},
        {"rounds": (1, 2)},
        {"common": 6},  # another attack
    ],
)
def test_an_attack_without_two_votes_of_one_round_gives_none(more: dict[str, Any]) -> None:
    signing = Signing()
    blocks = attack_with(signing.twice(), **more)
    with pytest.raises(DoubleVoteInvalid, match="no two blocks"):
        attack_votes_in(blocks[BLOCK], Accused(CHAIN, signing.key, 7), blocks.__getitem__)


def test_votes_of_an_attack_that_do_not_hold_are_refused() -> None:
    signing, other = Signing(), Signing()
    found = signing.twice()
    for votes in ((found.votes[0], found.votes[0]), (found.votes[0], other.vote(b"\x02" * 32))):
        blocks = attack_with(msgspec.structs.replace(found, votes=votes))
        with pytest.raises(DoubleVoteInvalid):
            attack_votes_in(blocks[BLOCK], Accused(CHAIN, signing.key, 7), blocks.__getitem__)
    blocks = attack_with(found)
    with pytest.raises(DoubleVoteInvalid):
        attack_votes_in(blocks[BLOCK], Accused(CHAIN, other.key, 7), blocks.__getitem__)
    for broken in ({}, {"block": 5}, {"block": {"last_commit": {"height": "x"}}}, {"block": {"last_commit": None}}):
        with pytest.raises(DoubleVoteInvalid):
            attack_votes_in(blocks[BLOCK], Accused(CHAIN, signing.key, 7), lambda _, broken=broken: broken)  # type: ignore[misc]

"""A validator that signs twice, and the engine's block that shows it, as CometBFT would answer."""

from __future__ import annotations

import base64
from typing import Any

from xinglin.carrier.consensus.comet.files import key_address
from xinglin.carrier.consensus.comet.votes import DoubleVote, SignedVote, vote_message
from xinglin.carrier.crypto.suite import suite

CHAIN = "c" + "a" * 26
SECONDS = 1_795_690_800
BLOCK = 9


class Signing:
    """An engine key that signs whatever it is asked to."""

    def __init__(self, chain: str = CHAIN) -> None:
        self._private = suite("intl").generate_private_key()
        self.key = suite("intl").public_key(self._private)
        self.address = key_address(self.key)
        self.chain = chain

    def vote(self, block: bytes, height: int = 7, round_: int = 1, kind: int = 2) -> SignedVote:
        """Sign one vote; ``block`` is the hash of what it is for, empty for none."""
        unsigned = SignedVote(block, 1 if block else 0, block[::-1], SECONDS, 5_000, bytes(64))
        signed = suite("intl").sign(self._private, vote_message(self.chain, kind, height, round_, unsigned))
        return SignedVote(*(getattr(unsigned, name) for name in unsigned.__struct_fields__[:-1]), signed)

    def twice(self) -> DoubleVote:
        """Sign two votes against each other."""
        votes = (self.vote(b"\x01" * 32), self.vote(b"\x02" * 32))
        return DoubleVote(chain=self.chain, key=self.key, vote=2, height=7, round=1, votes=votes)


def block_with(found: DoubleVote, address: bytes | None = None) -> dict[str, Any]:
    """Return the answer to ``block`` for a block that has two votes as evidence."""
    votes = [_vote(found, one, key_address(found.key) if address is None else address) for one in found.votes]
    evidence = {"vote_a": votes[0], "vote_b": votes[1], "TotalVotingPower": "40", "ValidatorPower": "10"}
    return {
        "block": {
            "header": {"height": str(BLOCK)},
            "evidence": {"evidence": [{"type": "tendermint/DuplicateVoteEvidence", "value": evidence}]},
        }
    }


def _vote(found: DoubleVote, one: SignedVote, address: bytes) -> dict[str, Any]:
    return {
        "type": found.vote,
        "height": str(found.height),
        "round": found.round,
        "block_id": {
            "hash": one.block.hex().upper(),
            "parts": {"total": one.parts, "hash": one.parts_hash.hex().upper()},
        },
        "timestamp": "2026-11-26T11:00:00.000005Z",
        "validator_address": address.hex().upper(),
        "validator_index": 0,
        "signature": base64.b64encode(one.signature).decode(),
        "extension": None,
        "extension_signature": None,
    }


def attack_with(
    found: DoubleVote, *, common: int = 7, flags: tuple[int, int] = (2, 2), rounds: tuple[int, int] = (1, 1)
) -> dict[int, dict[str, Any]]:
    """Return the engine's blocks of an attack on light clients: the one with the evidence, and the one after it.

    The first of the two votes is for the block that the client was shown. ``flags``: how it voted in the two commits;
    ``rounds``: theirs.
    """
    commits = [_commit(found, one, flag, round_) for one, flag, round_ in zip(found.votes, flags, rounds, strict=True)]
    value = {
        "ConflictingBlock": {"signed_header": {"header": {}, "commit": commits[0]}, "validator_set": {}},
        "CommonHeight": str(common),
        "ByzantineValidators": [],
        "TotalVotingPower": "40",
        "Timestamp": "2026-11-26T11:00:00Z",
    }
    evidence = [{"type": "tendermint/LightClientAttackEvidence", "value": value}]
    return {
        BLOCK: {"block": {"header": {"height": str(BLOCK)}, "evidence": {"evidence": evidence}}},
        found.height + 1: {"block": {"evidence": {"evidence": []}, "last_commit": commits[1]}},
    }


def _commit(found: DoubleVote, one: SignedVote, flag: int, round_: int) -> dict[str, Any]:
    vote = _vote(found, one, key_address(found.key))
    line = {name: vote[name] for name in ("validator_address", "timestamp", "signature")} | {"block_id_flag": flag}
    absent = {"block_id_flag": 1, "validator_address": "", "timestamp": "0001-01-01T00:00:00Z", "signature": None}
    return {
        "height": str(found.height),
        "round": round_,
        "block_id": vote["block_id"],
        "signatures": [absent, line],
    }

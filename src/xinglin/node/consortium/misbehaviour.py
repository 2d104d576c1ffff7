"""Keeps what decided blocks say of validators that broke the protocol, as evidence for people (S6.2c1; design D7).

One file for each deed under the home's ``evidence``, the same however often a block is brought. The two votes of a
validator that signed twice are fetched from the engine's block that has them and kept beside it: they prove themselves,
also when the engine has given up its blocks. What follows from them is for the members' vote to decide.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xinglin.carrier.access.governance.validators import known_validator
from xinglin.carrier.consensus.comet.errors import EngineRefused
from xinglin.carrier.consensus.comet.handler import Misbehaviour
from xinglin.carrier.consensus.comet.votes import (
    MAX_DOUBLE_VOTE_BYTES,
    Accused,
    Blocks,
    DoubleVote,
    DoubleVoteInvalid,
    attack_votes_in,
    double_vote_in,
    read_double_vote,
)
from xinglin.carrier.ledger.reading import CommittedState
from xinglin.kernel.encoding import encode
from xinglin.kernel.errors import Unavailable
from xinglin.node.consortium.repeating import Repeating
from xinglin.node.home import Home
from xinglin.node.node import Node

logger = logging.getLogger(__name__)


class EvidenceNotKept(Unavailable):
    """Evidence against a validator can't be written; the block that has it is not taken without it."""

    code, number, clause = "evidence.not_kept", 6340, "S6.2c1"
    en = "Evidence against a validator can't be written to {home}: {reason}."
    zh = "无法将针对验证者的证据写入 {home}：{reason}。"
    hint_en = "Make room on the disk; the node tries again by itself."
    hint_zh = "请清理磁盘空间；节点会自动重试。"


MAX_KEPT = 100
"""Pieces of evidence against one validator; more say nothing new, and would fill the disk."""
LOOK_SECONDS = 2.0
DUPLICATE_VOTE, ATTACK = "duplicate_vote", "light_client_attack"
_PREFIX = "engine"
_VOTES = ".votes"
_MAX_BYTES = 1 << 16


def keep_misbehaviour(node: Node, one: Misbehaviour) -> None:
    """Keep a deed durably; nothing if it is kept already, or as many of that validator are.

    Raises:
        EvidenceNotKept: there is no room.
    """
    validator = one.validator.hex()
    name = f"{_PREFIX}-{validator}-{one.height}-{one.what}.json"
    if misbehaviour_kept(node.home)[validator] >= MAX_KEPT or (node.home.evidence / name).exists():
        return
    known = known_validator(CommittedState(node.consortium), one.validator)
    said = {
        "what": one.what,
        "chain": node.consortium.rules.chain,
        "member": known.member,
        "validator": validator,
        "key": known.key.hex(),
        "height": one.height,
        "time": one.time,
        "power": one.power,
        "total_power": one.total_power,
        "block": one.block,
    }
    _keep(node.home, name, json.dumps(said, sort_keys=True).encode())


def misbehaviour_kept(home: Home) -> Counter[str]:
    """Return how many pieces of evidence a home keeps against each validator, by its address in hexadecimal."""
    return Counter(path.name.split("-")[1] for path in home.evidence.glob(f"{_PREFIX}-*-*.json"))


@dataclass(frozen=True, slots=True)
class Deed:
    """A kept piece of evidence: its file, what it says, the votes if they are kept, else why they don't count."""

    path: Path
    said: Mapping[str, Any]
    votes: DoubleVote | None
    fault: str


def deeds(home: Home) -> Iterator[Deed]:
    """Yield what a home keeps against validators, by name; the votes are checked anew, by themselves."""
    for path in sorted(home.evidence.glob(f"{_PREFIX}-*-*.json")):
        said = _said(path)
        if said is None:
            yield Deed(path, {}, None, "it is not in form")
            continue
        votes, fault = None, ""
        try:
            votes = _votes_of(path, said)
        except DoubleVoteInvalid as refusal:
            fault = str(refusal.facts["reason"])
        yield Deed(path, said, votes, fault)


class VotesKeeper:
    """Fetches the votes behind what is kept, on a thread of its own. Start it; close it before the engine.

    Args:
        home: where evidence is kept.
        blocks: gives the engine's blocks.
    """

    def __init__(self, home: Home, blocks: Blocks) -> None:
        self._home = home
        self._blocks = blocks
        self._vain: set[str] = set()
        self._repeating = Repeating("keeping votes", self.look, LOOK_SECONDS)

    def start(self) -> None:
        """Begin."""
        self._repeating.start()

    def close(self) -> None:
        """Stop; a call of the engine that is under way is waited for."""
        self._repeating.close()

    def look(self) -> None:
        """Fetch what is missing and can be had; what the engine has not (any more) is tried again at the next start.

        Raises:
            EvidenceNotKept: there is no room.
            PlatformError: the engine does not answer.
        """
        for path in sorted(self._home.evidence.glob(f"{_PREFIX}-*.json")):
            known = path.name in self._vain or path.with_suffix(_VOTES).exists()
            if known or not path.stem.endswith((DUPLICATE_VOTE, ATTACK)):
                continue
            try:
                self._fetch(path)
            except (DoubleVoteInvalid, EngineRefused) as refusal:
                self._vain.add(path.name)
                logger.warning("the votes of %s can't be had: %s", path.name, refusal.facts["reason"])

    def _fetch(self, path: Path) -> None:
        said = _said(path)
        if said is None:
            raise DoubleVoteInvalid(reason="it is not in form")
        accused = Accused(said["chain"], bytes.fromhex(said["key"]), said["height"])
        block = self._blocks(said["block"])
        attack = said["what"] == ATTACK
        found = attack_votes_in(block, accused, self._blocks) if attack else double_vote_in(block, accused)
        _keep(self._home, path.with_suffix(_VOTES).name, encode(found))
        logger.warning(
            "kept two votes of member %s at height %d that contradict each other", said["member"], found.height
        )


def _votes_of(path: Path, said: Mapping[str, Any]) -> DoubleVote | None:
    """Return the votes beside a piece of evidence, checked; None if they are not there.

    Raises:
        DoubleVoteInvalid: they prove nothing, or something else.
    """
    try:
        with path.with_suffix(_VOTES).open("rb") as file:
            raw = file.read(MAX_DOUBLE_VOTE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DoubleVoteInvalid(reason=error.strerror or type(error).__name__) from None
    found = read_double_vote(raw)
    # An attack on light clients is said to be of the last height that both chains had in common.
    fits = found.height >= said["height"] if said["what"] == ATTACK else found.height == said["height"]
    if (found.chain, found.key.hex()) != (said["chain"], said["key"]) or not fits:
        raise DoubleVoteInvalid(reason="they are another validator's, or of another height")
    return found


def _said(path: Path) -> Mapping[str, Any] | None:
    """Return what a piece of evidence says; None if it is not what is written here."""
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(_MAX_BYTES))
        numbers = all(type(said[name]) is int for name in ("height", "time", "block", "power", "total_power"))
        texts = all(type(said[name]) is str for name in ("what", "chain", "member", "validator", "key"))
        bytes.fromhex(said["key"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return said if numbers and texts else None


def _keep(home: Home, name: str, data: bytes) -> None:
    try:
        home.keep_evidence(name, data)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise EvidenceNotKept(home=str(home.path), reason=reason) from None

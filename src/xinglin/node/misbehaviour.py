"""Keeps what decided blocks say of validators that broke the protocol, as evidence for people (S6.2c1; design D7).

One file for each deed under the home's ``evidence``, the same however often a block is brought. The two votes
themselves stand in the engine's block that is named; what follows from them is for the members' vote to decide.
"""

from __future__ import annotations

import json
from collections import Counter

from xinglin.carrier.access.governance.validators import member_of_validator
from xinglin.carrier.consensus.comet.handler import Misbehaviour
from xinglin.carrier.ledger.reading import CommittedState
from xinglin.kernel.errors import Unavailable
from xinglin.node.home import Home
from xinglin.node.node import Node


class EvidenceNotKept(Unavailable):
    """Evidence against a validator can't be written; the block that has it is not taken without it."""

    code, number, clause = "evidence.not_kept", 6340, "S6.2c1"
    en = "Evidence against a validator can't be written to {home}: {reason}."
    zh = "无法将针对验证者的证据写入 {home}：{reason}。"
    hint_en = "Make room on the disk; the node tries again by itself."
    hint_zh = "请清理磁盘空间；节点会自动重试。"


MAX_KEPT = 100
"""Pieces of evidence against one validator; more say nothing new, and would fill the disk."""
_PREFIX = "engine"


def keep_misbehaviour(node: Node, one: Misbehaviour) -> None:
    """Keep a deed durably; nothing if it is kept already, or as many of that validator are.

    Raises:
        EvidenceNotKept: there is no room.
    """
    validator = one.validator.hex()
    name = f"{_PREFIX}-{validator}-{one.height}-{one.what}.json"
    if misbehaviour_kept(node.home)[validator] >= MAX_KEPT or (node.home.evidence / name).exists():
        return
    said = {
        "what": one.what,
        "chain": node.consortium.rules.chain,
        "member": member_of_validator(CommittedState(node.consortium), one.validator),
        "validator": validator,
        "height": one.height,
        "time": one.time,
        "power": one.power,
        "total_power": one.total_power,
        "block": one.block,
    }
    try:
        node.home.keep_evidence(name, json.dumps(said, sort_keys=True).encode())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise EvidenceNotKept(home=str(node.home.path), reason=reason) from None


def misbehaviour_kept(home: Home) -> Counter[str]:
    """Return how many pieces of evidence a home keeps against each validator, by its address in hexadecimal."""
    return Counter(path.name.split("-")[1] for path in home.evidence.glob(f"{_PREFIX}-*-*.json"))

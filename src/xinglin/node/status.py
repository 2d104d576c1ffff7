"""What is told of a chain that a home keeps: height, time, log, app hash, and how much of a private one is anchored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xinglin.carrier.ledger.ledger import Ledger
from xinglin.node.node import Node
from xinglin.service.basic.coordination.anchoring import anchor_state
from xinglin.service.basic.coordination.model import AnchorState


def chain_row(node: Node, ledger: Ledger, now: int) -> Mapping[str, Any]:
    """Return what is told of one chain of an open home.

    Args:
        node: the home.
        ledger: its consortium or private chain.
        now: the present time, ms.
    """
    tip, chain = ledger.tip, ledger.rules.chain
    row = {
        "chain": chain,
        "profile": ledger.rules.genesis.profile.name.lower(),
        "height": tip.height,
        "time_ms": tip.time,
        "age_ms": now - tip.time,
        "log_size": tip.log_size,
        "state_root": tip.state_root.hex(),
        "log_missing": ledger.log_missing,
        "log_root": tip.log_root.hex(),
        "app_hash": tip.app_hash.hex(),
    }
    return row if ledger is node.consortium else row | {"anchor": _anchor(anchor_state(node.consortium, chain))}


def _anchor(anchored: AnchorState | None) -> Mapping[str, Any] | None:
    if anchored is None:
        return None
    head = anchored.head
    return {"size": head.size, "height": head.height, "time_ms": head.time, "frozen": bool(anchored.frozen)}

"""What a running node does towards other members' nodes: has checkpoints cosigned (W19)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from xinglin.node.cosigning import CosigningKeeper
from xinglin.node.neighbours import neighbours_of
from xinglin.node.node import Node


@dataclass(frozen=True, slots=True)
class Keepers:
    """The keepers of one running node."""

    cosigning: CosigningKeeper

    def status(self) -> Mapping[str, Any]:
        """Return how they do, for the node's own user."""
        return {"cosigning": {**asdict(self.cosigning.status), "nodes": self._nodes()}}

    def _nodes(self) -> list[Mapping[str, Any]]:
        """Return who was asked for cosignatures, and how it went."""
        return [
            {
                "address": one.neighbour.address,
                "node": one.met.node if one.met else "",
                "member": one.met.member if one.met else "",
                "answered": one.answered,
                "code": one.code,
                "since_ms": one.since_ms,
            }
            for one in self.cosigning.asked
        ]


@contextmanager
def keepers_of(node: Node) -> Iterator[Keepers]:
    """Run the keepers of a node whose chains run, until the block ends."""
    cosigning = CosigningKeeper(node, neighbours_of(node))
    cosigning.start()
    try:
        yield Keepers(cosigning)
    finally:
        cosigning.close()

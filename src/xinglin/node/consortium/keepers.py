"""What a running node does towards other members' nodes: cosigning, links, evidence, the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from xinglin.node.consortium.backfilling import BackfillKeeper
from xinglin.node.consortium.comet_chain import CometChain
from xinglin.node.consortium.cosigning import CosigningKeeper
from xinglin.node.consortium.links import LinkWatch
from xinglin.node.consortium.misbehaviour import VotesKeeper
from xinglin.node.consortium.neighbours import neighbours_of
from xinglin.node.consortium.validator_key import ValidatorKeyKeeper
from xinglin.node.node import Node


class _Keeper(Protocol):
    def start(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Keepers:
    """The keepers of one running node."""

    cosigning: CosigningKeeper
    links: LinkWatch
    backfill: BackfillKeeper

    def status(self) -> Mapping[str, Any]:
        """Return how they do, for the node's own user."""
        filled = self.backfill.status
        return {
            "clock": asdict(self.links.clock),
            "backfill": None if filled is None else asdict(filled),
            "cosigning": {**asdict(self.cosigning.status), "nodes": self._nodes()},
            "alarms": [
                {"member": link.member, "node": link.node, "address": link.address, **asdict(alarm)}
                for link in self.links.links
                for alarm in link.alarms
            ],
        }

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
def keepers_of(node: Node, comet: CometChain | None) -> Iterator[Keepers]:
    """Run the keepers of a node whose chains run, until the block ends."""
    neighbours = neighbours_of(node)
    with ExitStack() as stack:
        cosigning = CosigningKeeper(node, neighbours)
        links = LinkWatch(node, neighbours, None if comet is None else comet.links)
        backfill = BackfillKeeper(node.consortium, neighbours)
        keepers: list[CosigningKeeper | LinkWatch | VotesKeeper | BackfillKeeper | ValidatorKeyKeeper] = [
            cosigning,
            links,
            backfill,
        ]
        if comet is not None:
            keepers.append(VotesKeeper(node.home, comet.block))
            keepers.append(ValidatorKeyKeeper(node, comet.home, comet.restart))
        for keeper in keepers:
            keeper.start()
            stack.callback(keeper.close)
        yield Keepers(cosigning, links, backfill)

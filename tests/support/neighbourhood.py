"""Homes of one consortium open in one process, each answering members over real HTTP, as nodes of their own would."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from tests.support.ports import free_ports
from tests.support.product import CHEAP, PASSPHRASE
from tests.support.waiting import PATIENCE, until
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.consortium.backfilling import BackfillKeeper
from xinglin.node.consortium.cosigning import CosigningKeeper
from xinglin.node.consortium.keepers import Keepers
from xinglin.node.consortium.links import LinkWatch
from xinglin.node.consortium.neighbours import neighbours_of
from xinglin.node.node import Group, Node, open_node, run_group
from xinglin.node.opening import open_for_business
from xinglin.node.running import Running
from xinglin.node.setup import GROUP, adopt, consortium_genesis, make_home
from xinglin.server.app import Applications
from xinglin.stakeholders.kinds import MemberKind

KINDS = {
    "hospital": MemberKind.MEDICAL_INSTITUTION,
    "platform": MemberKind.TECHNOLOGY_PROVIDER,
    "insurer": MemberKind.DATA_USER,
    "regulator": MemberKind.REGULATOR,
}


@dataclass
class House:
    """One home: its node, what runs in it, and the port of its listener for members."""

    node: Node
    running: Running
    port: int
    server: uvicorn.Server | None = None
    thread: threading.Thread | None = None
    between: Callable[[ASGIApp], ASGIApp] = lambda app: app
    """What stands between the node and who asks it: nothing, or what makes it lie."""

    @property
    def address(self) -> str:
        """Where it answers members."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def keeper(self) -> CosigningKeeper:
        """What collects cosignatures; it does nothing by itself: call ``look``."""
        return self.running.keepers.cosigning

    def listen(self) -> None:
        """Answer members from now on."""
        config = uvicorn.Config(
            self.between(Applications(self.running).member()),
            host="127.0.0.1",
            port=self.port,
            log_config=None,
            lifespan="off",
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        wait_for(lambda: self.server is not None and self.server.started)

    def deaf(self) -> None:
        """Answer nobody any more."""
        if self.server is not None and self.thread is not None:
            self.server.should_exit = True
            self.thread.join(PATIENCE)
            self.server = None

    def become(self, node: Node) -> None:
        """Answer by another view of the node, which a test has made to lie."""
        self.deaf()
        self.running = running_of(node)
        self.listen()


def running_of(node: Node) -> Running:
    """Return a running node whose keepers do nothing by themselves."""
    neighbours = neighbours_of(node)
    cosigning, links = CosigningKeeper(node, neighbours), LinkWatch(node, neighbours, None)
    keepers = Keepers(cosigning, links, BackfillKeeper(node.consortium, neighbours))
    return Running(node, None, SystemClock().now_ms() - 1, keepers)


@dataclass
class Neighbourhood:
    """The homes, by name, and the engine that they share."""

    group: Group
    houses: dict[str, House] = field(default_factory=dict)

    def __getitem__(self, name: str) -> House:
        return self.houses[name]

    def grow(self, height: int) -> None:
        """Make blocks until the chain has a height."""
        while self.group.nodes[0].consortium.tip.height < height:
            self.group.engine.submit_many([]).result(PATIENCE)


@contextmanager
def neighbourhood(folder: Path, settings: str = "") -> Iterator[Neighbourhood]:
    """Give four homes that answer one another; ``settings`` are more lines of each settings file."""
    with ExitStack() as stack:
        base = free_ports(len(KINDS))
        ports = {name: base + number for number, name in enumerate(KINDS)}
        made = [make_home(folder / name, name, kind, PASSPHRASE, random_bytes, CHEAP) for name, kind in KINDS.items()]
        genesis = consortium_genesis(made, random_bytes)
        for name, new in zip(KINDS, made, strict=True):
            others = tuple(f"127.0.0.1:{port}" for other, port in ports.items() if other != name)
            adopt(new, genesis, GROUP, random_bytes, more={"listener": {"members": others}})
            with new.home.config.open("a") as config:
                config.write(settings)
        nodes = [open_node(folder / name, PASSPHRASE) for name in KINDS]
        group = run_group(nodes, heartbeat_seconds=3_600)
        stack.callback(group.close)
        open_for_business(nodes, nodes[0])
        place = Neighbourhood(group)
        for (name, port), node in zip(ports.items(), nodes, strict=True):
            place.houses[name] = House(node, running_of(node), port)
            stack.callback(place[name].deaf)
            place[name].listen()
        yield place


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until a condition holds."""
    until(condition, seconds)

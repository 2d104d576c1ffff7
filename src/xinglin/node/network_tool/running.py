"""Brings a network up, node after node, and takes it down."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xinglin.carrier.consensus.comet.binary import find_engine
from xinglin.kernel.errors import PlatformError
from xinglin.node.network_tool.creating import Tell, require_free
from xinglin.node.network_tool.errors import NetworkStands, NodeNotStarted
from xinglin.node.network_tool.folder import NetworkFolder, NetworkNode
from xinglin.node.network_tool.processes import last_said, process_of, start_process, stop_processes
from xinglin.node.remote.served import ServedHome

START_SECONDS = 90.0
"""For one node to answer; what stretches the passphrase is most of it on a slow machine."""
GROW_SECONDS = 60.0
AT_ONCE = 2
"""Nodes that start together: most of a start is one processor's work."""
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Up:
    """What ``bring_up`` did: which nodes it started, which ran already, whether blocks are made."""

    started: tuple[str, ...]
    ran: tuple[str, ...]
    grows: bool


@dataclass(frozen=True, slots=True)
class _Coming:
    """A node whose process was started, and when (monotonic seconds)."""

    node: NetworkNode
    process: subprocess.Popen[bytes]
    begun: float


def bring_up(network: NetworkFolder, names: Sequence[str], tell: Tell) -> Up:
    """Start the nodes that do not run and wait until they answer; where enough run for it, until each has new blocks.

    Not all at once: an engine that finds a peer's port closed tries it again only after seconds.

    Args:
        network: the network.
        names: of the nodes to start, none for all.
        tell: hears of each step.

    Raises:
        NodeUnknown, NetworkLeft, NetworkBusy: see there.
        EngineMissing, EngineVersionWrong: there is no engine of the pinned version.
        PlaceTaken: somebody else listens at a node's place.
        NodeNotStarted: a node ended or did not answer in time; those that were started before it run on.
        NetworkStands: all answer and no block is made.
    """
    chosen = network.some(names)
    network.require_here()
    find_engine()
    started: list[str] = []
    coming: list[_Coming] = []
    with network.alone():
        for node in chosen:
            if process_of(node) is not None:
                tell(f"{node.name}: runs already")
                continue
            if len(coming) == AT_ONCE:
                _wait_answer(coming.pop(0), tell)
            coming.append(_start(network, node, tell))
            started.append(node.name)
        for one in coming:
            _wait_answer(one, tell)
        grows = _enough(network)
        if grows:
            tell("waiting for blocks")
            _wait_growth(chosen)
    return Up(tuple(started), tuple(node.name for node in chosen if node.name not in started), grows)


def take_down(network: NetworkFolder, names: Sequence[str]) -> list[str]:
    """Stop nodes and their engines, all when none is named; return the names of those that ran.

    Raises:
        NodeUnknown, NetworkBusy, NodeRemains: see there.
    """
    chosen = network.some(names)
    with network.alone():
        return stop_processes(network, chosen)


def status_of(node: NetworkNode) -> Mapping[str, Any] | None:
    """Return what a node tells of itself, None where it does not answer."""
    try:
        return ServedHome(node.home).status()
    except PlatformError:
        return None


def height_of(node: NetworkNode) -> int | None:
    """Return the height of a node's consortium chain, None where it does not answer."""
    try:
        return ServedHome(node.home).tip.height
    except PlatformError:
        return None


def _start(network: NetworkFolder, node: NetworkNode, tell: Tell) -> _Coming:
    # An engine that a killed node left still has its ports for a moment; the node itself sees to it.
    require_free(node.name, node.listen, node.metrics)
    tell(f"{node.name}: starting")
    return _Coming(node, start_process(node, network.passphrase), time.monotonic())


def _wait_answer(coming: _Coming, tell: Tell) -> None:
    node, process = coming.node, coming.process
    while not _answers(node):
        if process.poll() is not None or time.monotonic() - coming.begun > START_SECONDS:
            _give_up(process)
            raise NodeNotStarted(node=node.name, seconds=int(START_SECONDS), reason=last_said(node))
        time.sleep(_LOOK_SECONDS)
    tell(f"{node.name}: answers after {time.monotonic() - coming.begun:.1f} s")


def _give_up(process: subprocess.Popen[bytes]) -> None:
    """End a node that does not answer: it is asked as any other, so that its engine ends with it."""
    process.terminate()
    try:
        process.wait(GROW_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _answers(node: NetworkNode) -> bool:
    """Tell whether a node answers, and its engine answers it."""
    status = status_of(node)
    return status is not None and bool((status.get("engine_process") or {}).get("answers"))


def _enough(network: NetworkFolder) -> bool:
    """Tell whether more than two thirds of those who vote run, so that blocks can be made."""
    voting = [node for node in network.nodes if node.votes]
    return 3 * sum(process_of(node) is not None for node in voting) > 2 * len(voting)


def _wait_growth(nodes: Sequence[NetworkNode]) -> None:
    """Wait until each has a block that was made after this began.

    Raises:
        NetworkStands: one has none within the time.
    """
    begun, at_first = time.monotonic(), {node.name: height_of(node) for node in nodes}
    for node in nodes:
        while True:
            now, before = height_of(node), at_first[node.name]
            if now is not None and before is not None and now > before:
                break
            at_first[node.name] = now if before is None else before
            if time.monotonic() - begun > GROW_SECONDS:
                raise NetworkStands(node=node.name, seconds=int(GROW_SECONDS))
            time.sleep(_LOOK_SECONDS)

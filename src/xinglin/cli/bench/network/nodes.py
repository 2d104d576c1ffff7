"""The nodes of ``bench network``: a consortium of hospitals, each served by a process as an institution runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from xinglin.carrier.crypto.keystore import Stretching
from xinglin.carrier.ledger.chain import ChainRules
from xinglin.kernel.errors import Unavailable
from xinglin.node.chains import random_bytes, rules_of
from xinglin.node.consortium.network import Network
from xinglin.node.consortium.network_setup import found_network, free_ports, local_places
from xinglin.node.node import open_node
from xinglin.node.opening import open_for_business
from xinglin.node.remote.local import SOCKET_NAME
from xinglin.node.remote.transport import Ask, ask, parse_address
from xinglin.node.setup import NewHome, make_home
from xinglin.stakeholders.kinds import MemberKind

_STRETCHING = Stretching(log_n=10, r=1, p=1)
"""Cheap: the homes are deleted at the end, and trying a passphrase is not measured."""
_START_SECONDS, _STOP_SECONDS = 60.0, 30.0
_POLL_SECONDS = 0.01


class BenchNetworkFailed(Unavailable):
    """A network that is measured did not do what it was given."""

    code, number, clause = "bench.network", 6330, "S6.2b"
    en = "The network that was measured failed: {reason}."
    zh = "被测网络失败：{reason}。"
    hint_en = "Nothing of it is kept. See whether the machine has room and memory, and try a smaller load."
    hint_zh = "其数据均不保留。请检查本机磁盘与内存余量，或减小负载后再试。"


class Nodes:
    """Served homes of one consortium.

    Args:
        homes: with their keys, so that transactions can be signed apart from the nodes.
        rules: of their chain.
        processes: that serve them, in the same order.
    """

    def __init__(
        self, homes: Sequence[NewHome], rules: ChainRules, processes: Sequence[subprocess.Popen[bytes]]
    ) -> None:
        self.homes = homes
        self.rules = rules
        self._processes = processes

    @property
    def sockets(self) -> list[str]:
        """Return the paths of the local sockets."""
        return [str(new.home.path / SOCKET_NAME) for new in self.homes]

    def heads(self) -> list[dict[str, Any]]:
        """Return the newest block of each."""
        return [self._asked(place, "/ledger/v1/head") for place in self.sockets]

    def parts(self) -> dict[str, list[int]]:
        """Return the processes that run, by what they are."""
        engines = [self._asked(place, "/status")["engine_process"]["pid"] or 0 for place in self.sockets]
        return {"nodes": [process.pid for process in self._processes], "engines": engines}

    def wait_for(self, what: str, holds: Callable[[list[dict[str, Any]]], bool], seconds: float) -> float:
        """Wait until something holds of the newest blocks; return the time at which it did.

        Raises:
            BenchNetworkFailed: it does not in time.
        """
        deadline = time.monotonic() + seconds
        while not holds(self.heads()):
            if time.monotonic() > deadline:
                raise BenchNetworkFailed(reason=f"{what} took longer than {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)
        return time.monotonic()

    def compare(self) -> None:
        """Wait until all are at one height, and compare their app hashes.

        Raises:
            BenchNetworkFailed: they differ.
        """
        found: list[set[str]] = []

        def together(heads: list[dict[str, Any]]) -> bool:
            if len({head["height"] for head in heads}) == 1:
                found.append({head["app_hash"] for head in heads})
            return bool(found)

        self.wait_for("a common height", together, _START_SECONDS)
        if len(found[0]) != 1:
            raise BenchNetworkFailed(reason="nodes differ at the same height")

    def _asked(self, place: str, path: str) -> Any:
        return json.loads(ask(parse_address(f"unix:{place}"), Ask("GET", path)).body)


@contextmanager
def served_nodes(folder: Path, count: int) -> Iterator[Nodes]:
    """Found a consortium in a folder and serve its homes until the block ends.

    Raises:
        EngineMissing, EngineVersionWrong: there is no engine of the pinned version.
        BenchNetworkFailed: a node does not come up.
    """
    passphrase = random_bytes(16).hex().encode()
    file = folder / "passphrase"
    file.touch(0o600)
    file.write_bytes(passphrase)
    kind = MemberKind.MEDICAL_INSTITUTION
    homes = [
        make_home(folder / f"node-{number}", f"Bench {number}", kind, passphrase, random_bytes, _STRETCHING)
        for number in range(1, count + 1)
    ]
    genesis = found_network(homes, local_places(count, free_ports(3 * count)), random_bytes)
    network = Network([open_node(new.home.path, passphrase) for new in homes])
    try:
        open_for_business(network.nodes, network.nodes[0])
    finally:
        network.close()
    with ExitStack() as stack:
        processes = [stack.enter_context(_served(new.home.path, file)) for new in homes]
        for process in processes:
            if process.stdout is None or b'"serving"' not in process.stdout.readline():
                raise BenchNetworkFailed(reason="a node did not come up")
        nodes = Nodes(homes, rules_of(genesis), processes)
        before = max(head["height"] for head in nodes.heads())
        nodes.wait_for("starting", lambda heads: min(head["height"] for head in heads) > before + 1, _START_SECONDS)
        yield nodes


@contextmanager
def _served(home: Path, passphrase: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "xinglin", "serve", str(home), "--passphrase-file", str(passphrase), "--json"]
    with (home / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)  # noqa: S603
    try:
        yield process
    finally:
        stopped(process)


def stopped(process: subprocess.Popen[bytes]) -> None:
    """End a process in order, or at last without."""
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()

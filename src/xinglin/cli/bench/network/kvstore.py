"""The reference: CometBFT's own key-value application in Go, within its engine, with the same settings and validators.

It checks no signature, keeps no proofs and writes nothing of its own durably: it shows what the engine alone can do on
this machine.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from xinglin.carrier.consensus.comet.binary import find_engine
from xinglin.carrier.consensus.comet.config import EngineSettings, Peer
from xinglin.carrier.consensus.comet.files import EngineHome, make_keys, write_genesis, write_settings
from xinglin.carrier.consensus.comet.genesis import EngineGenesis
from xinglin.carrier.consensus.comet.place import socket_path
from xinglin.carrier.consensus.comet.rpc import EngineRpc
from xinglin.cli.bench.network.load import KVSTORE, Work, write_bodies
from xinglin.cli.bench.network.nodes import BenchNetworkFailed, stopped
from xinglin.cli.bench.network.rounds import Round, measured
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.consortium.network_setup import Place, free_ports, local_places
from xinglin.settings import EngineGroup

_START_SECONDS = 30.0


def kvstore_rounds(folder: Path, nodes: int, each: int, size: int, counts: Sequence[int], waiting: int) -> list[Round]:
    """Measure the reference.

    Args:
        folder: for its homes.
        nodes: validators.
        each: transactions of a call of the RPC.
        size: bytes of a transaction.
        counts: transactions of each round; whole calls for each node are made of them.
        waiting: transactions that wait at once.

    Raises:
        BenchNetworkFailed: it does not come up, or not do its work.
    """
    places = local_places(nodes, free_ports(3 * nodes))
    rounds = []
    with _running(folder, places) as processes:
        done = 0
        for count in counts:
            calls = max(1, count // nodes // each)
            files = []
            for number in range(nodes):
                path = folder / f"load-{number}"
                write_bodies(path, [_call(each, size) for _ in range(calls)])
                files.append(str(path))
            ports = tuple(place.rpc.rpartition(":")[2] for place in places)
            done += calls * each * nodes
            work = Work(KVSTORE, ports, tuple(files), each, waiting, total=done)
            seen, seconds, taken = measured({"engines": processes}, work, lambda _: time.monotonic())
            rounds.append(Round(calls * each * nodes, seconds, seen.ended - seen.begun, seen.latencies_ms, taken))
    return rounds


@contextmanager
def _running(folder: Path, places: Sequence[Place]) -> Iterator[list[int]]:
    homes = [EngineHome((folder / f"kvstore-{number}").resolve()) for number in range(len(places))]
    identities = [make_keys(home) for home in homes]
    peers = [Peer(who.peer, place.p2p) for who, place in zip(identities, places, strict=True)]
    validators = {who.validator_key: 10 for who in identities}
    genesis = EngineGenesis(chain="kvstore", time_ms=SystemClock().now_ms(), validators=validators)
    told = EngineGroup()
    with ExitStack() as stack:
        processes = []
        for number, (home, place) in enumerate(zip(homes, places, strict=True)):
            write_genesis(home, genesis)
            settings = EngineSettings(
                moniker=f"kvstore-{number}",
                abci_socket=socket_path(home.folder),
                p2p_listen=place.p2p,
                rpc_listen=place.rpc,
                peers=tuple(peer for peer in peers if peer is not peers[number]),
                filter_peers=False,
                timeout_commit_ms=told.timeout_commit_ms,
                timeout_propose_ms=told.timeout_propose_ms,
            )
            write_settings(home, settings)
            processes.append(stack.enter_context(_engine(home)))
            _wait(place, 0)
        for place in places:
            _wait(place, 2)
        yield [process.pid for process in processes]


@contextmanager
def _engine(home: EngineHome) -> Iterator[subprocess.Popen[bytes]]:
    command = [str(find_engine()), "start", "--home", str(home.folder), "--proxy_app", "kvstore"]
    environment = {"PATH": os.defpath, "HOME": str(home.folder)}
    with home.log.open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603
    try:
        yield process
    finally:
        stopped(process)


def _wait(place: Place, height: int) -> None:
    """Wait until an engine answers and has so many blocks."""
    deadline = time.monotonic() + _START_SECONDS
    with EngineRpc(place.rpc) as rpc:
        while time.monotonic() < deadline:
            try:
                if rpc.status().height >= height:
                    return
            except PlatformError:
                pass  # it does not listen yet
            time.sleep(0.05)
    raise BenchNetworkFailed(reason="the reference did not come up")


def _call(each: int, size: int) -> bytes:
    """Return one call of the RPC that hands in so many transactions, each of so many bytes."""
    calls: list[dict[str, Any]] = [
        {"jsonrpc": "2.0", "id": number, "method": "broadcast_tx_async", "params": {"tx": _pair(size)}}
        for number in range(each)
    ]
    return json.dumps(calls).encode()


def _pair(size: int) -> str:
    """Return a key and a value in the form that the application takes, in Base64."""
    letters = random_bytes(size // 2 + 1).hex()[: size - 1]
    return base64.b64encode(f"{letters[:32]}={letters[32:]}".encode()).decode()

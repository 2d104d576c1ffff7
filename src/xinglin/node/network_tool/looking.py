"""What a network tells of itself: a row for each node, and whether those that answer have one state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from xinglin.carrier.consensus.comet.rpc import EngineRpc
from xinglin.kernel.errors import PlatformError
from xinglin.node.network_tool.folder import NetworkFolder, NetworkNode
from xinglin.node.network_tool.processes import engines_of, process_of
from xinglin.node.network_tool.running import status_of
from xinglin.node.remote.served import ServedHome

_RPC_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One node as it is now.

    ``process``, ``engine``: their process numbers, None where none runs. ``restarts``: how often the engine was started
    again. ``height``, ``lag_ms`` (age of its newest block), ``app_hash`` of it, ``ready``, ``unready`` (a code): None
    where the node does not answer. ``peers``: connections of its engine, None where that does not answer. ``common``:
    app hash at the height that is compared.
    """

    name: str
    votes: bool
    process: int | None
    engine: int | None
    restarts: int | None = None
    height: int | None = None
    lag_ms: int | None = None
    app_hash: str | None = None
    peers: int | None = None
    ready: bool | None = None
    unready: str | None = None
    common: str | None = None


@dataclass(frozen=True, slots=True)
class NetworkStatus:
    """All nodes; the height up to which those that answer were compared (None for fewer than two); whether they agree.

    ``agree`` is False also where a node that answers has no app hash for that height.
    """

    folder: str
    chain: str
    rows: tuple[NodeRow, ...]
    compared_height: int | None
    agree: bool | None

    def data(self) -> Mapping[str, Any]:
        """Return it as programs get it."""
        return asdict(self)


def look_at_network(network: NetworkFolder) -> NetworkStatus:
    """Ask every node, and compare app hashes at the lowest height that those that answer have."""
    found = [(node, status_of(node)) for node in network.nodes]
    heights = [_consortium(status)["height"] for _, status in found if status is not None]
    common = min(heights) if len(heights) > 1 else None
    rows = tuple(_row(network, node, status, common) for node, status in found)
    hashes = {row.common for row in rows if row.height is not None}
    agree = None if common is None else len(hashes) == 1 and None not in hashes
    return NetworkStatus(str(network.path), network.chain, rows, common, agree)


def _row(network: NetworkFolder, node: NetworkNode, status: Mapping[str, Any] | None, common: int | None) -> NodeRow:
    engines = engines_of(node, network.chain)
    process, engine = process_of(node), engines[0] if engines else None
    if status is None:
        return NodeRow(node.name, node.votes, process, engine, peers=_peers(node) if engine else None)
    chain = _consortium(status)
    return NodeRow(
        name=node.name,
        votes=node.votes,
        process=process,
        engine=engine,
        restarts=(status.get("engine_process") or {}).get("restarts"),
        height=chain["height"],
        lag_ms=chain["age_ms"],
        app_hash=chain["app_hash"],
        peers=_peers(node) if engine else None,
        ready=status["ready"],
        unready=status["unready"],
        common=None if common is None else _app_hash(node, common),
    )


def _consortium(status: Mapping[str, Any]) -> Mapping[str, Any]:
    chains: Sequence[Mapping[str, Any]] = status["chains"]
    return chains[0]


def _app_hash(node: NetworkNode, height: int) -> str | None:
    try:
        return ServedHome(node.home).app_hash(height).hex()
    except PlatformError:
        return None


def _peers(node: NetworkNode) -> int | None:
    try:
        with EngineRpc(node.rpc, _RPC_SECONDS) as rpc:
            return len(rpc.links())
    except PlatformError:
        return None

"""The settings of an engine and its ``config.toml``: what differs from CometBFT's defaults, and why (design D7).

Names are those of CometBFT v0.38's ``config/config.go``. What is not written keeps its default.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xinglin.carrier.consensus.comet.binary import VERSION
from xinglin.carrier.consensus.comet.errors import EngineSettingInvalid

PEER_ID_SIZE = 20
"""Bytes of a peer id."""
MAX_SOCKET_PATH = 100
"""Bytes of a Unix socket's path; systems allow 103 or 107."""
MAX_BATCH = 500
"""Transactions in one call of the RPC."""
MAX_BODY_BYTES = 16 << 20
"""Bytes of one call of the RPC."""

_MIB = 1 << 20
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]")
_PEERS_LINE = re.compile(r'^persistent_peers = "[^"\n]*"$', re.MULTILINE)
# Who connects and how it starts; what each block and vote does is too much at ten blocks a second.
_LOG_LEVEL = "main:info,p2p:info,blocksync:info,statesync:info,*:error"

Value = str | int | bool | Sequence[str]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another node's engine: its id (20 bytes) and where its P2P port is, ``host:port``."""

    id: bytes
    address: str

    def __post_init__(self) -> None:
        if len(self.id) != PEER_ID_SIZE:
            raise EngineSettingInvalid(setting="peer", value=self.id)
        check_address("peer", self.address)

    def __str__(self) -> str:
        return f"{self.id.hex()}@{self.address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSync:
    """From where a node without blocks takes a snapshot, and what it trusts.

    ``rpc_servers``: two or more addresses that serve light blocks; ``trust_height`` and ``trust_hash`` (32 bytes): a
    block that the operator trusts; ``trust_hours``: for how long validators can be held to what they signed.
    """

    rpc_servers: tuple[str, ...]
    trust_height: int
    trust_hash: bytes
    trust_hours: int = 168


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What a node decides of its engine.

    Args:
        moniker: a name for logs; printable, the node's id.
        abci_socket: the Unix socket on which the application listens; absolute, at most 100 bytes.
        p2p_listen: ``host:port`` for other nodes.
        rpc_listen: ``host:port`` on loopback.
        external_address: ``host:port`` under which others reach ``p2p_listen``; empty if it is the same.
        peers: the nodes that it keeps a connection to.
        filter_peers: ask the application who may connect.
        timeout_commit_ms: how long after a block the next one begins.
        timeout_propose_ms: how long a proposal is waited for; what a dead proposer costs.
        empty_block_ms: with nothing to do, a block each so often.
        max_tx_bytes: largest transaction, of the chain's genesis.
        max_waiting: transactions that may wait.
        max_waiting_bytes: their bytes together.
        rate_bytes: bytes a second that one connection may send and receive.
        metrics_listen: ``host:port`` of metrics for Prometheus; empty for none.
        state_sync: for a new node, else None.

    Raises:
        EngineSettingInvalid: a value breaks its form or is out of range.
    """

    moniker: str
    abci_socket: Path
    p2p_listen: str
    rpc_listen: str
    external_address: str = ""
    peers: tuple[Peer, ...] = ()
    filter_peers: bool = True
    timeout_commit_ms: int = 100
    timeout_propose_ms: int = 3_000
    empty_block_ms: int = 2_000
    max_tx_bytes: int = 4 * _MIB
    max_waiting: int = 20_000
    max_waiting_bytes: int = 256 * _MIB
    rate_bytes: int = 100_000_000
    metrics_listen: str = ""
    state_sync: StateSync | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", self.moniker):
            raise EngineSettingInvalid(setting="moniker", value=self.moniker[:64])
        _check_socket(self.abci_socket)
        check_address("p2p_listen", self.p2p_listen)
        check_loopback("rpc_listen", self.rpc_listen)
        for name in ("external_address", "metrics_listen"):
            if getattr(self, name):
                check_address(name, getattr(self, name))
        for name in ("timeout_commit_ms", "timeout_propose_ms", "empty_block_ms"):
            _check_range(name, getattr(self, name), 1, 600_000)
        _check_range("max_tx_bytes", self.max_tx_bytes, 1024, MAX_BODY_BYTES // 2)
        _check_range("max_waiting", self.max_waiting, 1, 10_000_000)
        _check_range("max_waiting_bytes", self.max_waiting_bytes, self.max_tx_bytes, 1 << 40)
        _check_range("rate_bytes", self.rate_bytes, 1024, 1 << 40)


def check_address(setting: str, address: str) -> tuple[str, int]:
    """Return host and port of ``host:port``; an IPv6 address stands in brackets.

    Raises:
        EngineSettingInvalid: it is none.
    """
    host, _, port = address.rpartition(":")
    if not _HOST.fullmatch(host) or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 1 << 16:
        raise EngineSettingInvalid(setting=setting, value=address[:120])
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise EngineSettingInvalid(setting=setting, value=address[:120]) from None
    return host, int(port)


def check_loopback(setting: str, address: str) -> tuple[str, int]:
    """Return host (without brackets) and port of an address on loopback.

    Raises:
        EngineSettingInvalid: it is no address, or one that others can reach.
    """
    host, port = check_address(setting, address)
    host = host.strip("[]")
    try:
        inside = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise EngineSettingInvalid(setting=setting, value=address[:120])
    return host, port


def config_text(settings: EngineSettings) -> str:
    """Return ``config.toml``."""
    lines = ["# Written by Xinglin at each start of the node; what is not here is CometBFT's default."]
    for section, values in _sections(settings).items():
        lines += ["", f"[{section}]"] if section else []
        lines += [f"{name} = {_toml(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def with_peers(text: str, peers: Sequence[Peer]) -> str | None:
    """Return a ``config.toml`` with other persistent peers, all else as it is; None if it has no one such line."""
    if len(_PEERS_LINE.findall(text)) != 1:
        return None
    line = f"persistent_peers = {_toml(_joined(peers))}"
    return _PEERS_LINE.sub(lambda _: line, text)


def _sections(settings: EngineSettings) -> Mapping[str, Mapping[str, Value]]:
    return {
        "": {
            "version": VERSION,
            "proxy_app": f"unix://{settings.abci_socket}",
            "moniker": settings.moniker,
            "log_level": _LOG_LEVEL,
            "filter_peers": settings.filter_peers,
        },
        "rpc": {
            "laddr": f"tcp://{settings.rpc_listen}",
            "max_open_connections": 100,
            "max_request_batch_size": MAX_BATCH,
            "max_body_bytes": MAX_BODY_BYTES,
        },
        "p2p": _p2p(settings),
        "mempool": {
            # Transactions are judged again when a block is proposed and when it is executed.
            "recheck": False,
            "size": settings.max_waiting,
            "max_txs_bytes": settings.max_waiting_bytes,
            "max_tx_bytes": settings.max_tx_bytes,
            "cache_size": 4 * settings.max_waiting,
        },
        "consensus": {
            "timeout_propose": _ms(settings.timeout_propose_ms),
            "timeout_commit": _ms(settings.timeout_commit_ms),
            # A block's time is that of the votes for the one before: without blocks, time stands still.
            "create_empty_blocks": True,
            "create_empty_blocks_interval": _ms(settings.empty_block_ms),
            "peer_gossip_sleep_duration": "5ms",
        },
        # The ledger has what became of each transaction; the engine keeps what it needs to go on, of the last block.
        "storage": {"discard_abci_responses": True},
        "tx_index": {"indexer": "null"},
        "instrumentation": {
            "prometheus": bool(settings.metrics_listen),
            "prometheus_listen_addr": settings.metrics_listen,
        },
        **({"statesync": _state_sync(settings.state_sync)} if settings.state_sync else {}),
    }


def _p2p(settings: EngineSettings) -> Mapping[str, Value]:
    return {
        "laddr": f"tcp://{settings.p2p_listen}",
        # An engine whose own name means nothing to it does not start; a peer's, it refuses. Others have the registry's.
        "external_address": settings.external_address if _is_number(settings.external_address) else "",
        "persistent_peers": _joined(settings.peers),
        # Peers are those of the registry, whatever addresses they have; nobody tells of others.
        "pex": False,
        "addr_book_strict": False,
        "allow_duplicate_ip": True,
        "max_num_inbound_peers": 200,
        "persistent_peers_max_dial_period": "10s",
        "flush_throttle_timeout": "5ms",
        "send_rate": settings.rate_bytes,
        "recv_rate": settings.rate_bytes,
    }


def _state_sync(sync: StateSync) -> Mapping[str, Value]:
    return {
        "enable": True,
        "rpc_servers": ",".join(sync.rpc_servers),
        "trust_height": sync.trust_height,
        "trust_hash": sync.trust_hash.hex(),
        "trust_period": f"{sync.trust_hours}h",
        "discovery_time": "5s",
    }


def _is_number(address: str) -> bool:
    """Tell whether the host of an address is an IP address."""
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(address.rpartition(":")[0].strip("[]")))
    return False


def _joined(peers: Sequence[Peer]) -> str:
    return ",".join(map(str, peers))


def _ms(milliseconds: int) -> str:
    return f"{milliseconds}ms"


def _toml(value: Value) -> str:
    # A JSON string is a basic string of TOML; what is written here is printable.
    return json.dumps(value, ensure_ascii=False)


def _check_socket(path: Path) -> None:
    text = str(path)
    if not path.is_absolute() or len(text.encode(errors="replace")) > MAX_SOCKET_PATH or not text.isprintable():
        raise EngineSettingInvalid(setting="abci_socket", value=text[:120])


def _check_range(setting: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise EngineSettingInvalid(setting=setting, value=value)

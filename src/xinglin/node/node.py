"""A running node: the open home with its keys, chains and vault (design D13).

``open_node`` opens one home; its private chain has an engine of its own, the consortium chain one too when this home is
alone in it. Homes of a group are opened together by ``open_group``. What only reads opens nothing for writing.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from xinglin.carrier.access.governance.epochs import epoch_at, epochs_of
from xinglin.carrier.consensus.embedded import EmbeddedEngine
from xinglin.carrier.consensus.errors import GroupRequired
from xinglin.carrier.consensus.ports import Engine
from xinglin.carrier.crypto.keystore import KeyStore, open_keystore
from xinglin.carrier.ledger.build import Signer
from xinglin.carrier.ledger.cosign import Cosigner, NoteStore
from xinglin.carrier.ledger.errors import StoreLocked
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.reading import stored_genesis
from xinglin.kernel.errors import NotFound
from xinglin.node.chains import SystemClock, group_member, random_bytes, rules_of, start_engine
from xinglin.node.client import ChainClient
from xinglin.node.founding import COSIGNING
from xinglin.node.home import Home
from xinglin.node.remote.errors import NodeServed
from xinglin.node.remote.local import serving_process
from xinglin.service.basic.coordination.anchoring import pin_anchored
from xinglin.settings import Settings, load_settings


class NoPrivateChain(NotFound):
    """The home has no private chain."""

    code, number, clause = "home.no_private_chain", 6004, "H2"
    en = "{home} has no private chain."
    zh = "{home} 没有私有链。"
    hint_en = "Only medical institutions made with 'xinglin init' have one."
    hint_zh = "只有用 xinglin init 创建的医疗机构节点才有私有链。"


class Stoppable(Protocol):
    """What makes a chain's blocks here."""

    def close(self) -> None:
        """Stop after the block in hand."""
        ...


@dataclass(slots=True)
class Node:
    """One open home. Close it; engines are closed first."""

    home: Home
    settings: Settings
    keys: KeyStore
    consortium: Ledger
    private: Ledger | None
    engines: list[Stoppable] = field(default_factory=list)
    notes: NoteStore = field(init=False)
    anchoring_turn: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _clients: dict[str, ChainClient] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Join the checkpoints that the home keeps with the chain that they are of."""
        consortium = self.consortium

        def pin(heights: Collection[int]) -> Collection[int]:
            return consortium.pin("checkpoints", heights)

        self.notes = NoteStore(self.home.chain(consortium.rules.chain), pin)

    @property
    def member(self) -> str:
        """The member that owns this home."""
        return self.settings.member

    def signer(self, name: str) -> Signer:
        """Return a signer for one of this home's keys."""
        keys = self.keys
        return Signer(keys.public(name), partial(keys.sign, name), partial(keys.sign_many, name))

    def client(self, ledger: Ledger | None = None) -> ChainClient:
        """Return the client of a chain whose engine runs; of the consortium chain when none is named.

        Raises:
            GroupRequired: the chain's engine does not run in this process.
        """
        chain = (ledger or self.consortium).rules.chain
        client = self._clients.get(chain)
        if client is None:
            raise GroupRequired(chain=chain)
        return client

    def private_ledger(self) -> Ledger:
        """Return the private chain's ledger.

        Raises:
            NoPrivateChain: this home has none.
        """
        if self.private is None:
            raise NoPrivateChain(home=str(self.home.path))
        return self.private

    def run(self, ledger: Ledger, engine: Engine, *, owned: bool) -> None:
        """Take note of a chain's engine; one that is owned is closed with the node."""
        self._clients[ledger.rules.chain] = ChainClient(ledger, engine, SystemClock(), random_bytes)
        if owned:
            self.engines.append(engine)

    def start_own_chains(self) -> None:
        """Start the engines of the chains that this home keeps alone."""
        for ledger, engine in ((self.private, "embedded"), (self.consortium, self.settings.consortium.engine)):
            if ledger is not None and engine == "embedded":
                member = group_member(self.settings.name or self.member, self.home, ledger)
                self.run(ledger, start_engine([member], ledger.rules.genesis), owned=True)

    def cosigner(self) -> Cosigner:
        """Return this member's cosigning of the consortium chain."""
        ledger = self.consortium

        def keys_at(height: int) -> dict[str, bytes]:
            members = epoch_at(epochs_of(ledger.value), height).members
            return {member.member: member.key for member in members if member.cosigns}

        return Cosigner(ledger.rules, self.member, self.cosigning_signer, self.notes, ledger.head_at, keys_at)

    def cosigning_signer(self, height: int | None = None) -> Signer:
        """Return the signer of this member's cosigning key that is in force, or of the first where none is.

        Args:
            height: at which it is; the newest when not given. Keys that were replaced stay in the key store.
        """
        height = self.consortium.tip.height if height is None else height
        members = epoch_at(epochs_of(self.consortium.value), height).members
        wanted = {one.key for one in members if one.member == self.member}
        names = [name for name in self.keys.names() if name.startswith(COSIGNING) and self.keys.public(name) in wanted]
        return self.signer(names[0] if names else COSIGNING)

    def pin_heights(self) -> None:
        """Keep provable what D6 names: the checkpoints' heights and the last anchored one; before the next block."""
        self.notes.pin_kept()
        if self.private is not None:
            pin_anchored(self.private, self.consortium)

    def close(self) -> None:
        """Close engines, then stores."""
        for engine in self.engines:
            engine.close()
        self.engines.clear()
        self._clients.clear()
        self.consortium.close()
        if self.private is not None:
            self.private.close()


def open_node(path: Path, passphrase: bytes, keys: KeyStore | None = None) -> Node:
    """Open a home; start its own chains with ``Node.start_own_chains``.

    Args:
        path: the home.
        passphrase: of its key store.
        keys: the key store when it is open already.

    Raises:
        HomeNotFound, SettingsInvalid, StoreDamaged, StoreBehindHead, StoreLocked: see where they are defined.
        NodeServed: a running node has it open.
        PassphraseWrong: the key store does not open.
    """
    home = Home(path)
    settings = load_settings(path)
    keys = keys or open_keystore(home.keys, passphrase)
    consortium = _open_unless_served(home, settings)
    try:
        private = _open_ledger(home, settings, settings.private.id) if settings.private else None
    except BaseException:
        consortium.close()
        raise
    node = Node(home, settings, keys, consortium, private)
    try:
        node.pin_heights()
    except BaseException:
        node.close()
        raise
    return node


@dataclass(slots=True)
class Group:
    """Homes that keep the consortium chain together in this process."""

    nodes: Sequence[Node]
    engine: EmbeddedEngine

    def stop(self) -> None:
        """Stop the consortium chain; homes and private chains stay open."""
        self.engine.close()

    def resume(self, heartbeat_seconds: float = 2.0) -> None:
        """Start the consortium chain again, after its engine was closed and while the homes stayed open."""
        self.engine = _shared_engine(self.nodes, heartbeat_seconds)

    def close(self) -> None:
        """Close the engine, then every node."""
        self.engine.close()
        for node in self.nodes:
            node.close()


def run_group(nodes: Sequence[Node], heartbeat_seconds: float = 2.0) -> Group:
    """Start the consortium chain of several open homes, and each one's private chain.

    Raises:
        AppHashDiffers: homes contradict one another, and none has more than half on its side.
        MajorityLost: not more than half of them can go on from one height.
    """
    engine = _shared_engine(nodes, heartbeat_seconds)
    for node in nodes:
        node.start_own_chains()
    return Group(nodes, engine)


def _shared_engine(nodes: Sequence[Node], heartbeat_seconds: float) -> EmbeddedEngine:
    members = [group_member(node.settings.name or node.member, node.home, node.consortium) for node in nodes]
    engine = start_engine(members, nodes[0].consortium.rules.genesis, heartbeat_seconds)
    for node in nodes:
        node.run(node.consortium, engine, owned=False)
    return engine


def _open_unless_served(home: Home, settings: Settings) -> Ledger:
    try:
        return _open_ledger(home, settings, settings.consortium.id)
    except StoreLocked:
        process = serving_process(home.path)
        if process is None:
            raise
        raise NodeServed(home=str(home.path), process=process) from None


def _open_ledger(home: Home, settings: Settings, chain: str) -> Ledger:
    rules = rules_of(stored_genesis(home.path, chain))
    return Ledger.open(home.path, rules, settings.storage.map_gib << 30)

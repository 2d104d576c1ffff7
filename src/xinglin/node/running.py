"""A running node: what ``xinglin serve`` keeps open, and what it tells of itself (design D13; S6.3b).

Opens the home, starts its chains, then its keepers where it keeps records: the private chain is anchored, refusals of
strangers are logged. How it is reached is for the server; how its consortium chain's blocks are made is decided in
``start_chains`` alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xinglin.carrier.access.registry.directory import RegistryDirectory
from xinglin.carrier.consensus.errors import GroupRequired
from xinglin.carrier.ledger.build import operation_of
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.errors import PlatformError, Unavailable
from xinglin.node.archive import open_archive
from xinglin.node.chains import SystemClock
from xinglin.node.client import ChainClient
from xinglin.node.comet_chain import CometChain
from xinglin.node.node import Node, open_node
from xinglin.node.remote.forms import CallAsked
from xinglin.node.remote.signed import Addressee
from xinglin.node.serving import Serving, open_serving
from xinglin.node.setup import COMETBFT, GROUP
from xinglin.node.status import chain_row
from xinglin.node.storage_use import storage_use

STALE_MS = 10_000
"""A consortium head that is older is not served from (design D7)."""
_BLOCK_SECONDS = 60.0


class NodeBehind(Unavailable):
    """The newest block of the consortium chain is too old: this node is behind, or the chain stands."""

    code, number, clause = "node.behind", 6220, "S9.3"
    en = "The newest block of chain {chain} is {age} ms old."
    zh = "链 {chain} 的最新区块已过去 {age} 毫秒。"
    hint_en = "See whether the other members' nodes run and can be reached, and whether clocks are right."
    hint_zh = "请检查其他成员的节点是否运行、可否连通，以及时钟是否准确。"


@dataclass(frozen=True, slots=True)
class Running:
    """A node whose chains run.

    ``serving`` answers readers, None where the home keeps no records; ``comet`` makes the consortium's blocks, None
    where another engine does.
    """

    node: Node
    serving: Serving | None
    started_ms: int
    comet: CometChain | None = None

    @property
    def consortium(self) -> Ledger:
        """The consortium chain."""
        return self.node.consortium

    @property
    def client(self) -> ChainClient:
        """What submits to the consortium chain."""
        return self.node.client()

    def addressee(self) -> Addressee:
        """Return to whom requests of members must be signed."""
        rules = self.consortium.rules
        return Addressee(rules.chain, self.node.settings.node, rules.suite, RegistryDirectory())

    def call(self, asked: CallAsked) -> Any:
        """Sign a call with one of the home's own keys and submit it; see ``ChainClient.call``.

        Raises:
            NoPrivateChain: it is for the private chain, and there is none.
            PlatformError: the refusal.
        """
        ledger = self.node.private_ledger() if asked.chain == "private" else self.consortium
        call = operation_of(asked.contract, asked.method, bytes.fromhex(asked.arguments))
        return self.node.client(ledger).call([call], [self.node.signer(asked.key)])

    def fault(self) -> PlatformError | None:
        """Return what stopped an engine of this node, None while all run."""
        for ledger in self._ledgers():
            failure = self.node.client(ledger).engine.failure
            if failure is not None:
                return failure
        return None if self.comet is None else self.comet.failure

    def unready(self) -> PlatformError | None:
        """Return why this node should not be asked now, None when it may be."""
        age = SystemClock().now_ms() - self.consortium.tip.time
        if age > STALE_MS:
            return NodeBehind(chain=self.consortium.rules.chain, age=age)
        try:
            if self.serving is not None:
                self.serving.anchors.require_open()
        except PlatformError as refusal:
            return refusal
        return self.fault()

    def note_stranger(self, source: bytes) -> None:
        """Count a refusal of somebody who could not show who it is, where the home has a chain for that."""
        if self.serving is not None:
            self.serving.strangers.note(source, SystemClock().now_ms())

    def status(self) -> Mapping[str, Any]:
        """Return what this node tells its own user of itself; no secret is in it."""
        now, unready = SystemClock().now_ms(), self.unready()
        settings = self.node.settings
        return {
            "home": str(self.node.home.path),
            "member": self.node.member,
            "node": settings.node,
            "process": os.getpid(),
            "started_ms": self.started_ms,
            "ready": unready is None,
            "unready": None if unready is None else unready.code,
            "engine": settings.consortium.engine,
            "engine_process": None if self.comet is None else asdict(self.comet.process.report()),
            "chains": [chain_row(self.node, ledger, now) for ledger in self._ledgers()],
            "storage": storage_use(self.node).row(),
            "keepers": self._keepers(),
        }

    def _keepers(self) -> Mapping[str, Any]:
        if self.serving is None:
            return {}
        anchors = self.serving.anchors.status
        return {"anchors": {"failures": anchors.failures, "fault": anchors.fault, "closed": anchors.closed}}

    def _ledgers(self) -> list[Ledger]:
        private = self.node.private
        return [self.consortium] if private is None else [self.consortium, private]


@contextmanager
def open_running(home: Path, passphrase: bytes) -> Iterator[Running]:
    """Open a home, start its chains and keepers, until the block ends; then stop them in the other order.

    Raises:
        HomeNotFound, PassphraseWrong, StoreLocked, NodeServed, StoreDamaged: see ``open_node``.
        GroupRequired: several homes of one process keep its consortium chain.
    """
    with ExitStack() as stack:
        node = open_node(home.resolve(), passphrase)
        stack.callback(node.close)
        comet = start_chains(node)
        serving = None
        if node.private is not None:
            archive = stack.enter_context(open_archive(node))
            serving = stack.enter_context(open_serving(archive))
        yield Running(node, serving, SystemClock().now_ms(), comet)


def start_chains(node: Node) -> CometChain | None:
    """Start the chains of a node that is served: here alone it matters which engine makes the consortium's blocks.

    A node on CometBFT does not wait for the others: it serves what it has, and says that it is stale.

    Returns: the consortium chain on CometBFT, None where another engine makes its blocks.

    Raises:
        GroupRequired: homes that are opened together make them.
        EngineMissing, EngineVersionWrong, EngineHomeInUse, EngineFileDamaged: see ``CometChain``.
    """
    engine = node.settings.consortium.engine
    if engine == GROUP:
        raise GroupRequired(chain=node.consortium.rules.chain)
    chain = None
    if engine == COMETBFT:
        chain = CometChain(node)
        node.engines.append(chain)
    node.start_own_chains()
    if chain is None:
        # Decisions rest on the newest block: without one of now, everything would be as old as the last stop.
        node.client().engine.submit_many([]).result(_BLOCK_SECONDS)
    return chain

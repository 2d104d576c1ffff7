"""A running node: what ``xinglin serve`` keeps open, and what it tells of itself (design D13; S6.3b).

Opens the home, starts its chains, then its keepers where it keeps records: the private chain is anchored, refusals of
strangers are logged. How it is reached is for the server; how its consortium chain's blocks are made is decided in
``start_chains`` alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xinglin.carrier.access.registry.directory import RegistryDirectory
from xinglin.carrier.consensus.errors import GroupRequired
from xinglin.carrier.ledger.build import operation_of
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.trust import encode_trust
from xinglin.kernel.errors import Invalid, PlatformError, Unavailable
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.chains import SystemClock
from xinglin.node.client import ChainClient
from xinglin.node.consortium.comet_chain import CometChain
from xinglin.node.consortium.keepers import Keepers, keepers_of
from xinglin.node.consortium.misbehaviour import misbehaviour_kept
from xinglin.node.consortium.package import Made, make_package
from xinglin.node.consortium.peers import closing_on_departed
from xinglin.node.consortium.rebuilding import RebuildImpossible
from xinglin.node.membership.joining import await_registration
from xinglin.node.node import Node, open_node
from xinglin.node.office.following import ConsentKeeper
from xinglin.node.office.proofs import prove_anchor, prove_entry, prove_reads, prove_record, trust_of
from xinglin.node.records.archive import open_archive
from xinglin.node.records.serving import Serving, open_serving
from xinglin.node.remote.forms import CallAsked
from xinglin.node.remote.signed import Addressee
from xinglin.node.setup import COMETBFT, GROUP
from xinglin.node.status import chain_row
from xinglin.node.storage_use import storage_use
from xinglin.service.basic.protection.chain import LedgerFacts
from xinglin.service.basic.protection.permit_errors import ChainStale
from xinglin.stakeholders.kinds import Status

_BLOCK_SECONDS = 60.0
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


class NodeBehind(Unavailable):
    """The newest block of the consortium chain is too old: this node is behind, or the chain stands."""

    code, number, clause = "node.behind", 6220, "S9.3"
    en = "The newest block of chain {chain} is {age} ms old."
    zh = "链 {chain} 的最新区块已过去 {age} 毫秒。"
    hint_en = "See whether the other members' nodes run and can be reached, and whether clocks are right."
    hint_zh = "请检查其他成员的节点是否运行、可否连通，以及时钟是否准确。"


class MemberOut(Unavailable):
    """The member that owns this node is suspended or has ended."""

    code, number, clause = "node.member_out", 6395, "S8.2c"
    en = "Member {member}, which owns this node, is suspended or has left the consortium."
    zh = "本节点所属成员 {member} 已被暂停或已退出联盟。"
    hint_en = "Ask another member's node; 'xinglin member list' shows how it stands, the others vote to restore it."
    hint_zh = "请改问其他成员的节点；xinglin member list 可查看其状态，恢复须由其他成员表决。"


class ProofUnknown(Invalid):
    """A running node is asked for a proof that it does not make."""

    code, number, clause = "proof.kind", 6292, "S9.2"
    en = "This node makes no proof '{kind}' of that."
    zh = "本节点不能据此生成“{kind}”证明。"
    hint_en = "Proofs of a running node: record, anchor, access, trust; stop it for one that shows content."
    hint_zh = "运行中的节点可生成 record、anchor、access、trust 证明；展示内容的证明须先停止节点。"


@dataclass(frozen=True, slots=True)
class Running:
    """A node whose chains run.

    ``serving`` answers readers, None where the home keeps no records; ``keepers`` speak to other members' nodes;
    ``comet`` makes the consortium's blocks, None where another engine does; ``following`` takes in consents that bind
    this node, None where it keeps no records.
    """

    node: Node
    serving: Serving | None
    started_ms: int
    keepers: Keepers
    comet: CometChain | None = None
    following: ConsentKeeper | None = None

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
            ChainStale: the consortium chain stands, or this node has not heard of it lately.
            PlatformError: the refusal.
        """
        ledger = self.node.private_ledger() if asked.chain == "private" else self.consortium
        if ledger is self.consortium:
            self.require_fresh()
        call = operation_of(asked.contract, asked.method, bytes.fromhex(asked.arguments))
        return self.node.client(ledger).call([call], [self.node.signer(asked.key)])

    def prove(self, kind: str, of: str) -> bytes:
        """Return a proof bundle that shows no content, or the trust file.

        Args:
            kind: ``record``, ``anchor``, ``entry``, ``reads``, ``trust``.
            of: the record's id, the entry's hash, the record's commitment.

        Raises:
            ProofUnknown: no such proof, or what it is of is not said as it should be.
            NoPrivateChain, RecordNotFound, NoCheckpoint, NoAnchor, NoSuchEntry: see ``proofs``.
        """
        node = self.node
        if kind == "trust":
            return encode_trust(trust_of(self.consortium))
        if kind == "anchor":
            return prove_anchor(node, node.private_ledger().rules.chain)
        if kind == "record" and self.serving is not None:
            identifier_bytes(of)
            return prove_record(self.serving.archive, of)
        if kind in ("entry", "reads") and _HASH.fullmatch(of):
            return (prove_entry if kind == "entry" else prove_reads)(node, bytes.fromhex(of))
        raise ProofUnknown(kind=kind[:40])

    @property
    def stale(self) -> bool:
        """Whether the newest block of the consortium chain is older than the settings allow (D7)."""
        return self._age_ms() > self.node.settings.freshness.stale_seconds * 1000

    def require_fresh(self) -> None:
        """Refuse what would rest on the newest block while that is too old.

        Raises:
            ChainStale: it is.
        """
        if self.stale:
            raise ChainStale

    def _age_ms(self) -> int:
        return SystemClock().now_ms() - self.consortium.tip.time

    def fault(self) -> PlatformError | None:
        """Return what stopped an engine of this node, None while all run."""
        for ledger in self._ledgers():
            failure = self.node.client(ledger).engine.failure
            if failure is not None:
                return failure
        return None if self.comet is None else self.comet.failure

    def unready(self) -> PlatformError | None:
        """Return why this node should not be asked now, None when it may be."""
        try:
            member = LedgerFacts(self.consortium).member(self.node.member)
            if member is not None and member.status is not Status.ACTIVE:
                return MemberOut(member=self.node.member)
            if self.stale:
                return NodeBehind(chain=self.consortium.rules.chain, age=self._age_ms())
            if self.serving is not None:
                self.serving.anchors.require_open()
        except PlatformError as refusal:
            return refusal
        return self.fault()

    def note_stranger(self, source: bytes) -> None:
        """Count a refusal of somebody who could not show who it is, where the home has a chain for that."""
        if self.serving is not None:
            self.serving.strangers.note(source, SystemClock().now_ms())

    def package(self, path: Path | None = None) -> Made:
        """Write a recovery package of the newest cosigned height, into the home if no file is named.

        One that is there is replaced.

        Raises:
            RebuildImpossible: the consortium's blocks are not made by CometBFT.
            PlatformError: see ``make_package``.
        """
        if self.comet is None:
            raise RebuildImpossible(home=str(self.node.home.path), engine=self.node.settings.consortium.engine)
        folder = self.node.home.chain(self.consortium.rules.chain)
        return make_package(self.node, self.comet, path or folder / "recovery.tar")

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
            "stale": self.stale,
            "engine": settings.consortium.engine,
            "engine_process": None if self.comet is None else asdict(self.comet.process.report()),
            "chains": [chain_row(self.node, ledger, now) for ledger in self._ledgers()],
            "storage": storage_use(self.node).row(),
            "keepers": self._keepers() | dict(self.keepers.status()),
            "misbehaviour": dict(misbehaviour_kept(self.node.home)),
        }

    def _keepers(self) -> dict[str, Any]:
        if self.serving is None:
            return {}
        anchors = self.serving.anchors.status
        told: dict[str, Any] = {
            "anchors": {"failures": anchors.failures, "fault": anchors.fault, "closed": anchors.closed}
        }
        return told if self.following is None else told | {"consents": asdict(self.following.status)}

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
        if comet is not None:
            stagger = node.settings.engine.restart_stagger_seconds
            # Before the chain is caught up with: who was admitted on the way and is not now may be connected.
            stack.enter_context(closing_on_departed(comet, stagger))
            await_registration(node, lambda: comet.failure)
        serving = None
        if node.private is not None:
            archive = stack.enter_context(open_archive(node))
            serving = stack.enter_context(open_serving(archive))
        keepers = stack.enter_context(keepers_of(node, comet))
        following = None
        if serving is not None:
            following = ConsentKeeper(serving)
            following.start()
            stack.callback(following.close)
        yield Running(node, serving, SystemClock().now_ms(), keepers, comet, following)


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

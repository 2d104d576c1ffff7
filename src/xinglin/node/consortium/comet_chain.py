"""The consortium chain of a home on CometBFT: application, socket, process and engine as one thing (design D7, D13).

The order is what keeps it whole: the socket is there before the process looks for it, and the process has ended before
the socket goes. Either may die at any moment: the process is started again, and a node that comes back tells it by Info
how far it is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from xinglin.carrier.access.founding_block import check_founding
from xinglin.carrier.access.governance.validators import members_of, peers_of
from xinglin.carrier.consensus.comet.beginning import TRUST_HOURS, MarkTaker, read_beginning
from xinglin.carrier.consensus.comet.binary import find_engine
from xinglin.carrier.consensus.comet.config import EngineSettings, Peer, StateSync
from xinglin.carrier.consensus.comet.engine import CometEngine
from xinglin.carrier.consensus.comet.errors import EngineDataDamaged
from xinglin.carrier.consensus.comet.files import EngineHome, identity, write_peers, write_settings
from xinglin.carrier.consensus.comet.handler import AbciHandler, Misbehaviour
from xinglin.carrier.consensus.comet.light_server import LightServer
from xinglin.carrier.consensus.comet.opening import read_opening
from xinglin.carrier.consensus.comet.place import socket_path
from xinglin.carrier.consensus.comet.process import EngineProcess
from xinglin.carrier.consensus.comet.rpc import EngineRpc, PeerLink
from xinglin.carrier.consensus.comet.server import AbciServer
from xinglin.carrier.consensus.ports import BlockAnswer
from xinglin.carrier.contracts.ports import Opening
from xinglin.carrier.ledger.reading import CommittedState
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import SystemClock, comet_application
from xinglin.node.consortium.misbehaviour import keep_misbehaviour
from xinglin.node.consortium.named_peers import NamedPeers
from xinglin.node.consortium.redial import Growth, dead, reachable, silent
from xinglin.node.consortium.turns import Everybody
from xinglin.node.consortium.validator_key import take_registered_key
from xinglin.node.node import Node

_REACH_SECONDS = 2.0
Told = Callable[[int, Callable[[], None]], None]
"""Is told that a height is durable here, and given what answers those who wait for it."""


def at_once(_: int, answer: Callable[[], None]) -> None:
    """Answer those who wait for a height as soon as this home has it."""
    answer()


class CometChain:
    """The consortium chain of one open home; it runs from its making until it is closed.

    Args:
        node: the home, with engine files that ``network_setup`` made.
        told: is told of heights.

    Raises:
        EngineMissing, EngineVersionWrong: there is no engine of the pinned version.
        EngineHomeInUse: an engine runs there that can't be stopped.
        EngineFileDamaged, FoundingTransactionInvalid, FoundingSetInvalid: its files are not those of the chain.
    """

    def __init__(self, node: Node, told: Told = at_once) -> None:
        ledger = node.consortium
        self.node = node
        self.home = EngineHome(node.home.engine(ledger.rules.chain).resolve())
        self._told = told
        self.package_turn = threading.Lock()
        take_registered_key(node, self.home)
        self.own_peer, self.own_member = identity(self.home).peer, node.member
        # Of a chain that was begun anew: the checkpoints that are kept, until it has their heights again.
        self._notes_ahead = {height for height in node.notes.heights() if height > ledger.tip.height}
        self._opening = opening = check_founding(ledger.rules, read_opening(self.home).transactions)
        self._growth = Growth()
        self._named = NamedPeers(node, self.home)
        keep_blocks = node.settings.engine.keep_blocks
        self.application = comet_application(node.home, ledger, opening, keep_blocks, self._named.now)
        settings = self._settings()
        self.begun_with: Sequence[Peer] = settings.peers
        beginning = read_beginning(self.home, ledger.tip.height)
        self._light = None if beginning is None else LightServer(beginning.blocks)
        if beginning is not None and self._light is not None:
            sync = StateSync(
                rpc_servers=(self._light.address, self._light.address),
                trust_height=beginning.trust_height,
                trust_hash=beginning.trust_hash,
                trust_hours=TRUST_HOURS,
            )
            settings = replace(settings, state_sync=sync)
        self._rpc = EngineRpc(settings.rpc_listen)
        self.process = EngineProcess(self.home, find_engine(), settings.rpc_listen, given_up=self._given_up)
        write_settings(self.home, settings)
        limit = ledger.rules.parameters.max_transaction_bytes
        self.engine = CometEngine(self.application, SystemClock(), self._rpc.hand_in, max_transaction_bytes=limit)
        self.server = AbciServer(
            settings.abci_socket,
            AbciHandler(
                self.application,
                self,
                MarkTaker(self.application),
                serves_snapshots=node.settings.engine.serves_snapshots,
            ),
        )
        try:
            self.process.start()
        except BaseException:
            self.close()
            raise
        node.run(ledger, self.engine, owned=False)

    def links(self) -> list[PeerLink]:
        """Return the connections of the engine.

        Raises:
            EngineUnreachable, EngineRefused, EngineAnswerInvalid: it does not say.
        """
        return self._rpc.links()

    def block(self, height: int) -> Mapping[str, Any]:
        """Return a block of the engine's as CometBFT wrote it; see ``VotesKeeper``.

        Raises:
            EngineRefused: it has none of that height, or not any more.
            EngineUnreachable, EngineAnswerInvalid: it does not say.
        """
        return self._rpc.block(height)

    def light_block(self, height: int) -> Mapping[str, Any]:
        """Return what an engine without blocks asks of a height: answers of this engine's as CometBFT wrote them.

        Raises:
            EngineRefused: it has no such height, or not yet.
            EngineUnreachable, EngineAnswerInvalid: it does not say.
        """
        at = {"height": str(height)}
        return {
            "commit": self._rpc.call("commit", **at),
            "validators": self._rpc.call("validators", **at, page="1", per_page="100"),
            "consensus_params": self._rpc.call("consensus_params", **at),
        }

    def admitted(self) -> Sequence[Peer]:
        """Return the engines that are admitted now, without this one; see ``Peered``."""
        peers = {peer: Peer(peer, address) for peer, address in _peers(self.node, self._opening).items()}
        # Where the owner says that a peer is, it is now; where the chain of long ago says so, it was.
        peers |= self._named.now()
        return tuple(peers[peer] for peer in sorted(peers) if peer != self.own_peer)

    def everybody(self) -> Everybody:
        """Return who starts in turn; see ``Peered``."""
        state = CommittedState(self.node.consortium)
        return Everybody(members_of(state), {peer: one.member for peer, one in peers_of(state).items()})

    def write_peers(self, peers: Sequence[Peer]) -> None:
        """Have the engine dial these from its next start on; see ``Peered``.

        Raises:
            EngineFileDamaged: its settings are not those that were written here.
        """
        write_peers(self.home, peers)

    def missed(self) -> Collection[bytes]:
        """Return the peers that it should dial anew; see ``Peered``."""
        try:
            links = self.links()
        except PlatformError:
            return ()
        connected = {one.peer for one in links}
        away = {one.id: one.address for one in self.admitted() if one.id not in connected}
        return silent(links) | reachable(away, _REACH_SECONDS)

    def dead(self) -> Collection[bytes]:
        """Return the peers whose connection is dead for sure; see ``Peered``."""
        now = time.monotonic()
        doubled = {peer: now - at for peer, at in self.process.doubled().items()}
        try:
            return dead(self.links(), doubled) if doubled else ()
        except PlatformError:
            return ()

    def stands(self) -> bool:
        """Tell whether no block comes; see ``Peered``."""
        return self._growth.stands(self.node.consortium.tip.height, time.monotonic())

    def restart(self) -> None:
        """Stop the engine in order and start it; what is handed in meanwhile waits.

        Raises:
            EngineHomeInUse: another engine runs in this home.
        """
        self.process.restart()

    def close(self) -> None:
        """End the process, then the socket, then whoever waits."""
        self.process.stop()
        self.server.close()
        self.engine.close()
        self._rpc.close()
        if self._light is not None:
            self._light.close()

    @property
    def failure(self) -> PlatformError | None:
        """Why starting the engine again is of no use: the chain's store or its own data are damaged. Else None."""
        if not self.server.may_restart:
            return self.server.failure
        said = self.process.report().damage
        return EngineDataDamaged(home=str(self.home.folder), said=said.rstrip(".")) if said else None

    # --- what the ABCI server tells ---

    def misbehaved(self, misbehaviour: Misbehaviour) -> None:
        """See ``Watcher``: kept for people, before the block that says so is durable here."""
        keep_misbehaviour(self.node, misbehaviour)

    def refused(self, transaction: bytes, refusal: PlatformError) -> None:
        """See ``Watcher``."""
        self.engine.refused(transaction, refusal)

    def committing(self) -> None:
        """See ``Watcher``."""
        self.engine.committing()

    def not_committed(self) -> None:
        """See ``Watcher``."""
        self.engine.not_committed()

    def committed(self, height: int, time: int, transactions: Sequence[bytes], answer: BlockAnswer) -> None:
        """See ``Watcher``."""
        try:
            if height in self._notes_ahead:
                self._notes_ahead.discard(height)
                self.node.notes.pin_kept()
        finally:  # the block is durable, whatever comes of the notes
            self._told(height, lambda: self.engine.committed(height, time, transactions, answer))

    def _given_up(self) -> bool:
        """Stop for good where the application can't go on until somebody has looked; who waits is told why."""
        failure = self.server.failure
        if failure is None or self.server.may_restart:
            return False
        self.engine.stop(failure)
        return True

    # --- settings ---

    def _settings(self) -> EngineSettings:
        """Return what the engine is told; its peers are those that are admitted, without this node."""
        node, told = self.node, self.node.settings.engine
        parameters = node.consortium.rules.parameters
        return EngineSettings(
            moniker=node.settings.node,
            abci_socket=socket_path(self.home.folder),
            p2p_listen=told.p2p_listen,
            rpc_listen=told.rpc_listen,
            external_address=told.external_address,
            peers=tuple(self.admitted()),
            timeout_commit_ms=told.timeout_commit_ms,
            timeout_propose_ms=told.timeout_propose_ms,
            rate_bytes=told.rate_bytes,
            max_tx_bytes=parameters.max_transaction_bytes,
        )


def _peers(node: Node, opening: Opening) -> dict[bytes, str]:
    """Return the addresses of all nodes that are admitted, by the founding transactions while there is no block."""
    if node.consortium.tip.height == 0:
        return dict(opening.peers)
    return {peer: one.address for peer, one in peers_of(CommittedState(node.consortium)).items()}

"""What the application answers to each ABCI request (docs/spec/abci.md): translation only, no rule of its own.

Requests of one connection come in order from one thread. Several connections ask at once: those of consensus and state
sync change things and take turns; transactions of the mempool are checked beside them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from xinglin.carrier.consensus.comet.binary import VERSION
from xinglin.carrier.consensus.comet.messages import Response
from xinglin.carrier.consensus.comet.opening import opening_of
from xinglin.carrier.consensus.errors import EngineProtocol, EngineRequestRefused
from xinglin.carrier.consensus.ports import Application, BlockAnswer, SnapshotOffer, ValidatorUpdate
from xinglin.carrier.ledger.errors import SnapshotInvalid
from xinglin.kernel.errors import PlatformError

ACCEPT, REJECT = 1, 2
ABORT_SNAPSHOT = 2
RECHECK = 1
MAX_ECHO = 1024
_MISBEHAVIOURS = {1: "duplicate_vote", 2: "light_client_attack"}
_FILTER_ID = "/p2p/filter/id/"
_FILTER_ADDRESS = "/p2p/filter/addr/"
_PEER_HEX = frozenset("0123456789abcdef")
_PEER_BYTES = 20
# Seconds of the years 1 and 10000, between which a timestamp lies.
_FIRST_SECOND, _END_SECOND = -62_135_596_800, 253_402_300_800


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """What a decided block says that a validator did, by votes that contradict each other and stand in that block.

    ``what``: as in ABCI, "duplicate_vote" or "light_client_attack". ``validator``: the first 20 bytes of the SHA-256 of
    its key. ``height`` and ``time`` (ms): when it did so. ``power`` of ``total_power``: what it had in votes then.
    ``block``: the height of the block that says so.
    """

    what: str
    validator: bytes
    height: int
    time: int
    power: int
    total_power: int
    block: int


class Watcher(Protocol):
    """Is told what became of transactions; called from the threads of the connections."""

    def misbehaved(self, misbehaviour: Misbehaviour) -> None:
        """A decided block says that a validator broke the protocol; told before that block is durable, maybe again.

        What is raised keeps the block from being executed: the engine brings it again.
        """
        ...

    def refused(self, transaction: bytes, refusal: PlatformError) -> None:
        """A transaction was not taken into the mempool."""
        ...

    def committing(self) -> None:
        """A block is being made durable; ``committed`` follows, or ``not_committed``."""
        ...

    def not_committed(self) -> None:
        """The block was not made durable, or nobody can say whether it was."""
        ...

    def committed(self, height: int, time: int, transactions: Sequence[bytes], answer: BlockAnswer) -> None:
        """A block is durable on this node."""
        ...


@dataclass(frozen=True, slots=True)
class ChunkAnswer:
    """What to do after a chunk: ``result`` by ABCI's numbers, chunks to ask for again, senders to drop."""

    result: int
    refetch: Sequence[int] = ()
    reject_senders: Sequence[str] = ()


class Restorer(Protocol):
    """Takes in a snapshot that others serve; results by ABCI's numbers."""

    def offer(self, snapshot: SnapshotOffer, app_hash: bytes) -> int:
        """Say whether to fetch a snapshot of which CometBFT's light client vouches for the app hash."""
        ...

    def apply(self, index: int, chunk: bytes, sender: str) -> ChunkAnswer:
        """Take one chunk, in order."""
        ...


class AbciHandler:
    """Answers an engine's requests from an application.

    Args:
        application: what is driven.
        watcher: is told of refusals and blocks.
        restorer: takes in snapshots; without one every offer is answered ABORT.
        serves_snapshots: whether other nodes are offered snapshots.
    """

    def __init__(
        self,
        application: Application,
        watcher: Watcher,
        restorer: Restorer | None = None,
        *,
        serves_snapshots: bool = True,
    ) -> None:
        self._application = application
        self._watcher = watcher
        self._restorer = restorer
        self._serves = serves_snapshots
        self._turn = threading.RLock()
        self._decided: tuple[int, int, Sequence[bytes], BlockAnswer] | None = None
        self._untold: list[tuple[int, int, Sequence[bytes], BlockAnswer]] = []
        self._answers: dict[str, Callable[[Any], Any]] = {
            "info": self._info,
            "init_chain": self._init_chain,
            "prepare_proposal": self._prepare_proposal,
            "process_proposal": self._process_proposal,
            "finalize_block": self._finalize_block,
            "commit": self._commit,
            "offer_snapshot": self._offer_snapshot,
            "apply_snapshot_chunk": self._apply_snapshot_chunk,
        }
        # These change nothing and wait for nobody: an answer to a peer may not have to wait for a block.
        self._answers_at_once: dict[str, Callable[[Any], Any]] = {
            "echo": _echo,
            "flush": lambda _: {},
            "query": self._query,
            "list_snapshots": self._list_snapshots,
            "load_snapshot_chunk": self._load_snapshot_chunk,
            "extend_vote": lambda _: {},
            "verify_vote_extension": lambda asked: {"status": REJECT if asked.vote_extension else ACCEPT},
        }

    def answer(self, request: Any) -> Any:
        """Return the response to one request that is not a ``check_tx``.

        Raises:
            EngineProtocol, EngineRequestRefused: the engine may not ask this.
            PlatformError: the application can't go on; the connection ends after saying so.
        """
        kind = request.WhichOneof("value")
        asked = getattr(request, kind)
        if kind in self._answers_at_once:
            return _response(kind, self._answers_at_once[kind](asked))
        if kind not in self._answers:
            raise EngineRequestRefused(request=kind)
        with self._turn:
            return _response(kind, self._answers[kind](asked))

    def check(self, requests: Sequence[Any]) -> list[Any]:
        """Return the responses to ``check_tx`` requests, checked as one batch.

        A repeated check is good without being made: what became bad while it waited leaves the mempool by a block.
        """
        fresh = [request.check_tx.tx for request in requests if request.check_tx.type != RECHECK]
        answers = iter(self._application.check_txs(fresh) if fresh else ())
        responses = []
        for request in requests:
            fields: dict[str, Any] = {}
            if request.check_tx.type != RECHECK:
                answer = next(answers)
                if answer.refusal is not None:
                    fields = {"code": answer.code, "log": answer.refusal.code, "codespace": "xinglin"}
                    self._watcher.refused(request.check_tx.tx, answer.refusal)
            responses.append(_response("check_tx", fields))
        return responses

    def left(self) -> None:
        """Forget what the engine decided and did not commit: it has gone, and the next one begins anew."""
        with self._turn:
            self._decided = None

    def ask_state(self) -> None:
        """Have the application say where it stands, as for ``info``.

        Raises:
            PlatformError: it can't.
        """
        with self._turn:
            self._application.info()

    def tell(self) -> None:
        """Tell the watcher of the blocks that were committed; this can wait until the response has gone."""
        untold, self._untold = self._untold, []
        try:
            for number, block in enumerate(untold):
                done = number + 1
                self._watcher.committed(*block)
        except BaseException:
            self._untold = untold[done:]
            self.tell()
            raise

    def _info(self, asked: Any) -> dict[str, Any]:
        if asked.version != VERSION:
            raise EngineProtocol(reason=f"it is version {asked.version[:20]!r}, not {VERSION}")
        info = self._application.info()
        if self._decided is not None:
            # Whoever may call the engine's RPC can have it ask between decision and commit: the commit still comes.
            self._application.finalize_block(*self._decided[:3])
        fields: dict[str, Any] = {"data": info.chain, "app_version": 1, "last_block_height": info.height}
        return fields | {"last_block_app_hash": info.app_hash if info.height else b""}

    def _init_chain(self, asked: Any) -> dict[str, Any]:
        """Begin a chain whose genesis document is of this chain; consensus parameters and validators stay as in it."""
        if asked.initial_height != 1:
            raise EngineProtocol(reason="the first height is not 1")
        validators = [ValidatorUpdate(one.pub_key.ed25519, one.power) for one in asked.validators]
        digest = opening_of(asked.app_state_bytes).genesis
        return {"app_hash": self._application.init_chain(asked.chain_id, digest, validators)}

    def _query(self, asked: Any) -> dict[str, Any]:
        """Answer whether a peer may connect, 0 for yes; nothing else is asked here."""
        if asked.path.startswith(_FILTER_ADDRESS):
            return {"code": 0}  # addresses change, and prove nothing
        peer = asked.path.removeprefix(_FILTER_ID)
        if peer == asked.path or len(peer) != 2 * _PEER_BYTES or not _PEER_HEX.issuperset(peer):
            return {"code": 1, "log": "no such query"}
        if not self._application.admits_peer(bytes.fromhex(peer)):
            return {"code": 1, "log": "not an active peer of an active member"}
        return {"code": 0}

    def _prepare_proposal(self, asked: Any) -> dict[str, Any]:
        chosen = self._application.prepare_proposal(
            asked.height, _milliseconds(asked.time), list(asked.txs), asked.max_tx_bytes
        )
        return {"txs": chosen}

    def _process_proposal(self, asked: Any) -> dict[str, Any]:
        accepted = self._application.process_proposal(asked.height, _milliseconds(asked.time), list(asked.txs))
        return {"status": ACCEPT if accepted else REJECT}

    def _finalize_block(self, asked: Any) -> dict[str, Any]:
        time, transactions = _milliseconds(asked.time), list(asked.txs)
        for one in asked.misbehavior:
            self._watcher.misbehaved(_misbehaviour(one, asked.height))
        answer = self._application.finalize_block(asked.height, time, transactions)
        self._decided = (asked.height, time, transactions, answer)
        return {
            "tx_results": [{"code": one.code, "data": one.data} for one in answer.results],
            "validator_updates": [{"pub_key": {"ed25519": one.key}, "power": one.power} for one in answer.validators],
            "app_hash": answer.app_hash,
        }

    def _commit(self, _: Any) -> dict[str, Any]:
        decided, self._decided = self._decided, None
        if decided is None:
            raise EngineProtocol(reason="a commit without a decided block")
        self._watcher.committing()
        try:
            retain = self._application.commit()
        except BaseException:
            # What comes after the block is durable may fail too: whoever waits for it is told all the same.
            if self._is_durable(decided[0]):
                self._untold.append(decided)
            else:
                self._watcher.not_committed()
            raise
        self._untold.append(decided)
        return {"retain_height": retain}

    def _is_durable(self, height: int) -> bool:
        try:
            return self._application.info().height >= height
        except Exception:  # noqa: BLE001  (nobody can say; the failure that led here is told)
            return False

    def _list_snapshots(self, _: Any) -> dict[str, Any]:
        if not self._serves:
            return {}
        return {
            "snapshots": [
                {"height": o.height, "format": o.format, "chunks": o.chunks, "hash": o.hash, "metadata": o.manifest}
                for o in self._application.list_snapshots()
            ]
        }

    def _load_snapshot_chunk(self, asked: Any) -> dict[str, Any]:
        """Answer with a chunk; with none where there is none, since any peer may ask for any."""
        if not self._serves:
            return {}
        try:
            return {"chunk": self._application.load_chunk(asked.height, asked.format, asked.chunk)}
        except SnapshotInvalid:
            return {}

    def _offer_snapshot(self, asked: Any) -> dict[str, Any]:
        if self._restorer is None:
            return {"result": ABORT_SNAPSHOT}
        said = asked.snapshot
        offer = SnapshotOffer(said.height, said.format, said.chunks, said.hash, said.metadata)
        return {"result": self._restorer.offer(offer, asked.app_hash)}

    def _apply_snapshot_chunk(self, asked: Any) -> dict[str, Any]:
        if self._restorer is None:
            return {"result": ABORT_SNAPSHOT}
        answer = self._restorer.apply(asked.index, asked.chunk, asked.sender)
        return {
            "result": answer.result,
            "refetch_chunks": list(answer.refetch),
            "reject_senders": list(answer.reject_senders),
        }


def _misbehaviour(said: Any, block: int) -> Misbehaviour:
    return Misbehaviour(
        what=_MISBEHAVIOURS.get(said.type, "unknown"),
        validator=said.validator.address,
        height=said.height,
        time=_milliseconds(said.time),
        power=said.validator.power,
        total_power=said.total_voting_power,
        block=block,
    )


def exception(failure: Exception) -> Any:
    """Return the response that ends a connection: what failed, by its code."""
    said = failure.code if isinstance(failure, PlatformError) else type(failure).__name__
    return _response("exception", {"error": said})


def _response(kind: str, fields: dict[str, Any]) -> Any:
    """Return a response whose alternative is set even when all its fields have their defaults."""
    return Response(**{kind: fields})


def _echo(asked: Any) -> dict[str, Any]:
    if len(asked.message) > MAX_ECHO:
        raise EngineProtocol(reason="an echo is too long")
    return {"message": asked.message}


def _milliseconds(time: Any) -> int:
    """Return a header's time in whole ms: its nanoseconds are cut off, so that later blocks stay later (D7)."""
    if not (_FIRST_SECOND <= time.seconds < _END_SECOND and 0 <= time.nanos < 1_000_000_000):
        raise EngineProtocol(reason="a time that is none")
    return int(time.seconds) * 1000 + int(time.nanos) // 1_000_000

"""The two ports of consensus, shaped as ABCI 2.0 so that CometBFT and the embedded engine drive the same code (D7).

An **engine** decides which transactions form which block; the **application** says what a block does. The application
never learns which engine drives it. Order of calls for one height: any number of ``process_proposal`` and
``finalize_block``, then one ``commit``; only ``commit`` makes anything durable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from xinglin.kernel.errors import PlatformError


@dataclass(frozen=True, slots=True)
class AppInfo:
    """What an application has committed: chain id, height, block time (ms), app hash."""

    chain: str
    height: int
    time: int
    app_hash: bytes


@dataclass(frozen=True, slots=True)
class TxAnswer:
    """The application's answer on a transaction: code 0 and no refusal when good."""

    code: int
    refusal: PlatformError | None = None


@dataclass(frozen=True, slots=True)
class TxResult:
    """What became of a transaction in a block.

    ``logged``: it has a receipt (``code`` its number, ``data`` its hash, ``index`` its log index); otherwise it was
    passed over with ``refusal``.
    """

    code: int
    data: bytes
    logged: bool
    index: int
    refusal: PlatformError | None


@dataclass(frozen=True, slots=True)
class ValidatorUpdate:
    """A change of the engine's validators: the engine key, and its power from then on; 0 removes it."""

    key: bytes
    power: int


@dataclass(frozen=True, slots=True)
class BlockAnswer:
    """What a block does: a result for each transaction, the app hash after it, and the validators that it changes.

    ``validators``: ascending by key, each key once; the engine applies them at a height of its own rules.
    """

    app_hash: bytes
    results: Sequence[TxResult]
    validators: Sequence[ValidatorUpdate] = ()


MARK_FORMAT = 2
"""Of the one snapshot that engines exchange: a mark, which says that a height is known here (spec SN13)."""


@dataclass(frozen=True, slots=True)
class SnapshotOffer:
    """A snapshot that can be fetched: height, format, number of chunks, its hash and its manifest."""

    height: int
    format: int
    chunks: int
    hash: bytes
    manifest: bytes


class Application(Protocol):
    """What an engine drives. Calls come from one thread, except ``check_txs``, ``look_ahead`` and ``admits_peer``."""

    def info(self) -> AppInfo:
        """Return what is committed. MUST drop every candidate that is not."""
        ...

    def init_chain(self, chain: str, genesis_digest: bytes, validators: Sequence[ValidatorUpdate]) -> bytes:
        """Compare what an engine is about to begin with, at height 0, and return the app hash of height 0.

        Args:
            chain: the chain's id by the engine's genesis document.
            genesis_digest: H("genesis", genesis) by the same.
            validators: those with which the engine begins.

        Raises:
            EngineGenesisOther: chain, genesis or validators are not those of this chain and its founding transactions,
                or blocks are committed already.
        """
        ...

    def admits_peer(self, peer: bytes) -> bool:
        """Tell whether the engine lets a peer id (20 bytes) in, by the committed state. From any thread."""
        ...

    def check_room(self) -> None:
        """Raise StoreFull when no more transactions should be taken; blocks are applied while there is any room."""
        ...

    def check_txs(self, transactions: Sequence[bytes], time: int | None = None) -> list[TxAnswer]:
        """Say of each transaction whether a block might log it (CheckTx).

        Args:
            transactions: their bytes.
            time: block time to judge by, ms; that of the last block when none is given.
        """
        ...

    def look_ahead(self, transactions: Sequence[bytes]) -> None:
        """Do what of the check depends on the transactions alone, before their block comes. From any thread.

        MUST NOT change any answer; only ``finalize_block`` is faster for it.
        """
        ...

    def prepare_proposal(self, height: int, time: int, transactions: Sequence[bytes], max_bytes: int) -> list[bytes]:
        """Return the transactions to propose, in order, at most ``max_bytes`` together and what the chain allows.

        What a block may hold but would pass over comes last: in a block is where an engine's mempool gets rid of it.
        """
        ...

    def process_proposal(self, height: int, time: int, transactions: Sequence[bytes]) -> bool:
        """Say whether a proposed block is valid. MUST depend on block and committed state alone."""
        ...

    def finalize_block(self, height: int, time: int, transactions: Sequence[bytes]) -> BlockAnswer:
        """Execute a decided block in memory. MUST give the same answer when it is called again.

        Raises:
            BlockInvalid: the block can't be applied; nothing changed.
        """
        ...

    def commit(self) -> int:
        """Make the block that was finalised last durable, and return the lowest height that others may still need.

        Raises:
            StoreFull: nothing was written.
        """
        ...

    def list_snapshots(self) -> list[SnapshotOffer]:
        """Return the snapshots that ``load_chunk`` serves."""
        ...

    def load_chunk(self, height: int, format_: int, chunk: int) -> bytes:
        """Return one chunk of a snapshot.

        Raises:
            SnapshotInvalid: there is no such chunk.
        """
        ...


@dataclass(frozen=True, slots=True)
class Committed:
    """Where a submitted transaction went: its height and log index, its receipt's number and hash."""

    height: int
    time: int
    index: int
    code: int
    receipt_hash: bytes


Outcome = Committed | PlatformError
"""What became of one submitted transaction."""


def hand_in_one(
    submit_many: Callable[[Sequence[bytes]], Future[list[Outcome]]], transaction: bytes
) -> Future[Committed]:
    """Hand in one transaction through what takes several; see ``Engine.submit``."""
    answer: Future[Committed] = Future()
    answer.set_running_or_notify_cancel()

    def finish(done: Future[list[Outcome]]) -> None:
        try:
            outcome = done.result()[0]
        except PlatformError as failure:
            outcome = failure
        if isinstance(outcome, PlatformError):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)

    submit_many([transaction]).add_done_callback(finish)
    return answer


def hand_in_rest(
    submit_many: Callable[[Sequence[bytes]], Future[list[Outcome]]],
    transactions: Sequence[bytes],
    refusals: Sequence[PlatformError | None],
) -> Future[list[Outcome]]:
    """Hand in those of several transactions that have no refusal yet.

    Returns: as ``Engine.submit_many``, with the refusals in their places.

    Raises:
        Unavailable: see ``Engine.submit_many``.
    """
    answer: Future[list[Outcome]] = Future()
    answer.set_running_or_notify_cancel()

    def finish(done: Future[list[Outcome]]) -> None:
        failure = done.exception()
        if failure is not None:
            answer.set_exception(failure)
            return
        outcomes = iter(done.result())
        answer.set_result([refusal or next(outcomes) for refusal in refusals])

    rest = [raw for raw, refusal in zip(transactions, refusals, strict=True) if refusal is None]
    if rest:
        submit_many(rest).add_done_callback(finish)
    else:
        answer.set_result([refusal for refusal in refusals if refusal is not None])
    return answer


class Engine(Protocol):
    """Brings transactions into blocks and blocks to the application.

    Block times are whole ms, each later than the one before; height 0 has the time of the chain's genesis. An engine
    MUST keep to that from its first block on. CometBFT gives the first block exactly the genesis time of its own
    genesis document (with proposer-based timestamps that or later): were it the chain's, no node would take the block.
    So the document's time MUST be later than the chain's, by 1 ms or more, and the same on every node.
    """

    def submit(self, transaction: bytes) -> Future[Committed]:
        """Hand in a transaction.

        Returns: a future that ends when the block with it is durable. Its exception is the refusal of a transaction
            that is malformed or was passed over; one whose receipt is a refusal ends normally with that code.
        """
        ...

    def submit_many(self, transactions: Sequence[bytes]) -> Future[list[Outcome]]:
        """Hand in several transactions, each on its own merits.

        Returns: a future that ends when each is durable on this node or refused; outcomes in order. Its exception is
            what concerns all of them, such as a store without room. It can't be cancelled: what was handed in may be
            in a block already.

        Raises:
            Unavailable: they are not taken now, and none was handed in.
        """
        ...

    @property
    def failure(self) -> PlatformError | None:
        """What stopped the engine, None while it runs or was closed in order."""
        ...

    def close(self) -> None:
        """Stop after the block in hand; transactions that were not committed fail with ``engine.closed``."""
        ...

"""A chain of this home as the outbox sees it: the ledger to look things up, the engine to submit (``ChainClient``)."""

from __future__ import annotations

from concurrent.futures import Future

from xinglin.carrier.consensus.ports import Committed, Engine
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Transaction
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.coordination.model import BatchState, RegisterBatch
from xinglin.service.basic.coordination.ports import AcceptedBatch, Outcome


class LedgerClient:
    """One member's view of a chain.

    Args:
        ledger: the chain's ledger in this home.
        engine: what brings transactions onto it.
        member: id of the member whose batches are looked up.
    """

    def __init__(self, ledger: Ledger, engine: Engine, member: str) -> None:
        self.chain = ledger.rules.chain
        self._ledger = ledger
        self._engine = engine
        self._member = member

    def time_ms(self) -> int:
        """See ``ChainClient.time_ms``."""
        return self._ledger.tip.time

    def submit(self, transaction: bytes) -> Future[Outcome]:
        """See ``ChainClient.submit``."""
        answer: Future[Outcome] = Future()
        answer.set_running_or_notify_cancel()  # what was handed in can't be taken back
        try:
            committed = self._engine.submit(transaction)
        except PlatformError as refusal:
            answer.set_exception(refusal)
        else:
            committed.add_done_callback(lambda done: _pass_on(done, answer))
        return answer

    def find(self, valid_until: int, body: bytes) -> Outcome | None:
        """See ``ChainClient.find``."""
        index = self._ledger.find(valid_until, body)
        return self._outcome(index) if index is not None else None

    def accepted(self, batch: str) -> AcceptedBatch | None:
        """See ``ChainClient.accepted``; reads the log from its newest entry back."""
        stored = self._ledger.value(state_key("records", "batch", self._member, batch))
        if stored is None:
            return None
        root = decode(BatchState, stored).root
        for index in reversed(range(self._ledger.tip.log_size)):
            self._ledger.require_here(index)
            entry = self._ledger.entry(index)
            if entry.receipt.number == 0 and _registers(entry.transaction, batch, root):
                return AcceptedBatch(root, Outcome(0, index, entry.leaf.height))
        return None

    def _outcome(self, index: int) -> Outcome:
        entry = self._ledger.entry(index)
        return Outcome(entry.receipt.number, index, entry.leaf.height)


def _pass_on(committed: Future[Committed], answer: Future[Outcome]) -> None:
    refusal = committed.exception()
    if refusal is not None:
        answer.set_exception(refusal)
    else:
        result = committed.result()
        answer.set_result(Outcome(result.code, result.index, result.height))


def _registers(transaction: Transaction, batch: str, root: bytes) -> bool:
    return any(
        (one.head.contract, one.head.method) == ("records", "register")
        and one.head.batch[0].root == root
        and decode(RegisterBatch, one.head.arguments).batch == batch
        for one in transaction.operations
    )

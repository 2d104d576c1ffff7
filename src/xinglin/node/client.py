"""A home's client of one of its chains: signs operations, submits them, waits, and turns refusals into errors."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from xinglin.carrier.consensus.ports import Committed, Engine, Outcome
from xinglin.carrier.ledger.build import Built, Signer, build_transaction
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Operation
from xinglin.kernel.clock import Clock
from xinglin.kernel.errors import Conflict, PlatformError, error_for_number
from xinglin.node.chains import Randomness
from xinglin.node.remote.errors import SubmissionUnknown

VALID_MS = 300_000
"""How long a transaction that this node signs may wait for a block."""
_WAIT_SECONDS = 60.0


class TransactionRefused(Conflict):
    """A transaction was logged with a refusal that this version does not know."""

    code, number, clause = "transaction.refused", 6010, "S9.2"
    en = "The transaction was refused with number {refusal}."
    zh = "事务被拒绝，编号 {refusal}。"
    hint_en = "See docs/spec/errors.md of the version that the other members run."
    hint_zh = "请查阅其他成员所用版本的 docs/spec/errors.md。"


class ChainClient:
    """Submits to a chain and looks up what became of it.

    Args:
        ledger: this home's ledger of the chain.
        engine: what makes its blocks.
        clock: for ``valid_until``.
        randomness: for nonces.
    """

    def __init__(self, ledger: Ledger, engine: Engine, clock: Clock, randomness: Randomness) -> None:
        self.ledger = ledger
        self.chain = ledger.rules.chain
        self.suite = ledger.rules.suite
        self.engine = engine
        self._clock = clock
        self._randomness = randomness

    def time_ms(self) -> int:
        """Return the committed block time."""
        return self.ledger.tip.time

    def build(self, operations: Sequence[Operation], signers: Sequence[Signer]) -> Built:
        """Return a signed transaction that may wait five minutes for a block."""
        valid_until = max(self._clock.now_ms(), self.ledger.tip.time) + VALID_MS
        return build_transaction(self.suite, self.chain, self._randomness(16), valid_until, operations, signers)

    def submit(self, transaction: bytes) -> Future[Committed]:
        """Hand in a signed transaction; see ``Engine.submit``."""
        return self.engine.submit(transaction)

    def submit_many(self, transactions: Sequence[bytes]) -> Future[list[Outcome]]:
        """Hand in several at once; see ``Engine.submit_many``."""
        return self.engine.submit_many(transactions)

    def find(self, valid_until: int, body: bytes) -> int | None:
        """Return the log index of a body id, None while it is not logged."""
        return self.ledger.find(valid_until, body)

    def call(self, operations: Sequence[Operation], signers: Sequence[Signer]) -> Committed:
        """Sign, submit, wait, and return where it went.

        Raises:
            SubmissionUnknown: it is in no block yet; it may still be committed.
            PlatformError: the refusal, whether before a block or in the receipt.
        """
        built = self.build(operations, signers)
        try:
            committed = self.submit(built.raw).result(_WAIT_SECONDS)
        except TimeoutError:  # too few of the engines that make blocks are there
            raise SubmissionUnknown(body=built.body, valid_until=built.valid_until) from None
        if committed.code != 0:
            raise self.refusal(committed)
        return committed

    def refusal(self, committed: Committed) -> PlatformError:
        """Return the error that a receipt stands for, with its facts."""
        receipt = self.ledger.entry(committed.index).receipt
        kind = error_for_number(receipt.number)
        if kind is None:
            return TransactionRefused(refusal=receipt.number)
        return kind(**{fact.name: fact.value for fact in receipt.facts})

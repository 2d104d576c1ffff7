"""The outbox: brings every stored batch onto the chain, once, whatever crashes in between (design D5.5; S9.1).

A batch's signed transaction is kept before it is submitted for the first time. After a crash the chain is asked for its
body id: logged, it is marked; not logged and past ``valid_until`` in committed time, it is signed again under a new
nonce with the same batch id, which the contract accepts once; otherwise the same bytes are handed in again. Never
knows what a batch's items say.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from dataclasses import dataclass, replace
from time import monotonic, sleep

import sqlalchemy as sa

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import Built, Signer, build_transaction
from xinglin.carrier.ledger.errors import TransactionExpired, TransactionReplayed
from xinglin.carrier.ledger.model import Operation, Transaction
from xinglin.kernel.clock import Clock
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import Integrity, Invalid, PlatformError, error_for_number
from xinglin.kernel.hashing import Tag, tagged
from xinglin.service.basic.coordination.errors import BatchExists
from xinglin.service.basic.coordination.outbox.errors import (
    BatchContradiction,
    BatchNotFound,
    BatchRefused,
    BatchUnsettled,
    OutboxRowDamaged,
    OutboxRowMissing,
)
from xinglin.service.basic.coordination.outbox.store import BatchRow, Delivery, OutboxStore
from xinglin.service.basic.coordination.ports import ChainClient, Outcome
from xinglin.service.lifecycle.storage.hierarchy import Randomness
from xinglin.service.lifecycle.storage.vault import Vault

DEFAULT_WINDOW_MS = 300_000
"""How far ahead ``valid_until`` lies: half of what a chain allows by default."""
_ATTEMPTS = 4
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch to be stored: its id, how many records it registers, the root over its items, the signed transaction."""

    batch: str
    count: int
    root: bytes
    built: Built


class Outbox:
    """The outbox of one home for one chain. One thread at a time.

    Args:
        vault: the home's vault, opened; the rows live in its index's database.
        client: the chain.
        suite: the chain's suite.
        signer: the account that registers.
        randomness: where nonces come from.
        clock: the present time, ahead of which ``valid_until`` lies: an idle chain's own may be far behind.
        window_ms: how long a signed transaction may wait to be logged.
        answer_seconds: how long the chain may take to say what became of one.
    """

    def __init__(
        self,
        vault: Vault,
        client: ChainClient,
        suite: Suite,
        signer: Signer,
        randomness: Randomness,
        clock: Clock,
        window_ms: int = DEFAULT_WINDOW_MS,
        answer_seconds: float = 60,
    ) -> None:
        self.store = OutboxStore(vault.database, vault.keyring.keys)
        self.store.prepare()
        self._client = client
        self._suite = suite
        self._signer = signer
        self._randomness = randomness
        self._clock = clock
        self._window_ms = window_ms
        self._answer_seconds = answer_seconds
        self._flying: deque[tuple[BatchRow, Future[Outcome]]] = deque()

    def sign(self, batch: str, count: int, operation: Operation) -> NewBatch:
        """Return a batch with the transaction that is to register it; nothing is stored or submitted.

        Args:
            batch: the batch's id.
            count: how many of its items are records.
            operation: the call that registers it.
        """
        return NewBatch(batch, count, operation.head.batch[0].root, self._built([operation]))

    def add(self, connection: sa.Connection, first: int, batches: Sequence[NewBatch]) -> list[BatchRow]:
        """Write new rows in the transaction that stores their records, which are numbered on from ``first``.

        Returns: the rows, to be handed to ``submit`` once the transaction is committed.
        """
        number, rows = self.store.last_number(), []
        for batch in batches:
            number += 1
            built = batch.built
            rows.append(
                BatchRow(
                    number=number,
                    batch=batch.batch,
                    first=first,
                    count=batch.count,
                    state=Delivery.STORED,
                    root=batch.root,
                    body=built.body,
                    valid_until=built.valid_until,
                    raw=built.raw,
                )
            )
            first += batch.count
        self.store.insert(connection, rows)
        return rows

    def submit(self, rows: Sequence[BatchRow]) -> None:
        """Hand stored batches in; ``collect`` sees what became of them."""
        for row in rows:
            self._flying.append((row, self._client.submit(row.raw)))

    def collect(self, leave: int = 0) -> int:
        """Mark batches that were registered; wait until at most ``leave`` of those handed in are not.

        Returns: how many batches were marked.

        Raises:
            BatchRefused, BatchContradiction, BatchUnsettled: a batch can't be registered now; it stays stored.
            PlatformError: the chain's refusal of the transaction.
        """
        marked: list[BatchRow] = []
        try:
            while self._flying and (len(self._flying) > leave or self._flying[0][1].done()):
                row, future = self._flying[0]
                outcome = self._answer(row, future)
                fine = outcome is not None and outcome.number == 0
                marked.append(_registered(row, outcome) if outcome and fine else self.settle(row))
                self._flying.popleft()
        finally:
            self.store.replace(marked)
        return len(marked)

    def resume(self) -> int:
        """Bring every batch that a crash or an outage left onto the chain.

        Returns: how many batches were settled.

        Raises: as ``collect``.
        """
        self._flying.clear()  # what was handed in before an error is looked at as after a crash
        pending = self.store.pending()
        for row in pending:
            self.store.replace([self.settle(row)])
        return len(pending)

    def settle(self, row: BatchRow) -> BatchRow:
        """Return the row of a stored batch as registered, after doing what is needed for that; see the module.

        Raises: as ``collect``.
        """
        for attempt in range(_ATTEMPTS):
            # The time first: what is not found after that, and ended before it, can't be logged any more.
            time = self._client.time_ms()
            outcome = self._client.find(row.valid_until, row.body)
            known = outcome is not None
            if outcome is None:
                row = self._signed_again(row) if time > row.valid_until else row
                outcome = self._answer(row, self._client.submit(row.raw))
            if outcome is None:
                continue
            if outcome.number == 0:
                return _registered(row, outcome)
            if outcome.number == BatchExists.number:
                return self._accepted(row)
            if not known or attempt > 0:
                raise _refused(row, outcome.number)
            row = self._signed_again(row)  # refused in an earlier run: the reason may be gone
        raise BatchUnsettled(batch=row.batch)

    def unnoted(self) -> list[BatchRow]:
        """Return the batches that are registered and not noted yet, in order."""
        return self.store.pending(Delivery.REGISTERED)

    def mark_noted(self, rows: Sequence[BatchRow]) -> None:
        """Mark batches whose registration is noted on the private chain, durably."""
        self.store.replace([replace(row, state=Delivery.NOTED) for row in rows])

    def find(self, batch: str) -> BatchRow:
        """Return the row of a batch.

        Raises:
            BatchNotFound: there is none.
            OutboxRowDamaged: it was altered.
        """
        row = self.store.by_batch(batch)
        if row is None:
            raise BatchNotFound(batch=batch)
        return row

    def _built(self, operations: Sequence[Operation]) -> Built:
        until = max(self._clock.now_ms(), self._client.time_ms()) + self._window_ms
        nonce = self._randomness(16)
        return build_transaction(self._suite, self._client.chain, nonce, until, operations, [self._signer])

    def _answer(self, row: BatchRow, future: Future[Outcome]) -> Outcome | None:
        """Return what the chain said, None when the batch has to be looked at again."""
        try:
            return future.result(timeout=self._answer_seconds)
        except TransactionReplayed:
            return None
        except TransactionExpired:
            self._wait_until_past(row)
            return None
        except NoAnswer:
            raise BatchUnsettled(batch=row.batch) from None

    def _wait_until_past(self, row: BatchRow) -> None:
        """Wait until committed time, which an empty block brings on, says too that the transaction has ended."""
        last = monotonic() + self._answer_seconds
        while self._client.time_ms() <= row.valid_until:
            if monotonic() > last:
                raise BatchUnsettled(batch=row.batch)
            sleep(_POLL_SECONDS)

    def _signed_again(self, row: BatchRow) -> BatchRow:
        try:
            operations = decode(Transaction, row.raw).operations
        except Invalid:
            raise OutboxRowDamaged(number=row.number) from None
        built = self._built(operations)
        row = replace(row, body=built.body, valid_until=built.valid_until, raw=built.raw)
        self.store.replace([row])
        return row

    def _accepted(self, row: BatchRow) -> BatchRow:
        accepted = self._client.accepted(row.batch)
        if accepted is None:
            raise BatchUnsettled(batch=row.batch)
        if accepted.root != row.root:
            raise BatchContradiction(batch=row.batch)
        return _registered(row, accepted.outcome)


def _registered(row: BatchRow, outcome: Outcome) -> BatchRow:
    return replace(row, state=Delivery.REGISTERED, raw=b"", index=outcome.index, height=outcome.height)


def _refused(row: BatchRow, number: int) -> BatchRefused:
    known = error_for_number(number)
    return BatchRefused(batch=row.batch, refusal=number, reason=known.code if known else "a later version's refusal")


def outbox_findings(vault: Vault, suite: Suite, last_record: int) -> Iterator[PlatformError]:
    """Yield what is wrong with the rows of an outbox.

    Args:
        vault: the home's vault, opened.
        suite: the chain's suite.
        last_record: row number of the vault's last record; every record belongs to one batch.
    """
    first = 1
    for number, row in enumerate(OutboxStore(vault.database, vault.keyring.keys).rows(), 1):
        if isinstance(row, OutboxRowDamaged):
            yield row
            return
        if row.number != number or row.first != first:
            yield OutboxRowMissing(first=first)
            return
        if row.state is Delivery.STORED and _body(suite, row) != row.body:
            yield OutboxRowDamaged(number=row.number)
        first += row.count
    if first <= last_record:
        yield OutboxRowMissing(first=first)


def _body(suite: Suite, row: BatchRow) -> bytes:
    try:
        return tagged(suite.hash, Tag.BODY, decode(Transaction, row.raw).header)
    except (Invalid, Integrity):
        return b""

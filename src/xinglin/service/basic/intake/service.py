"""The intake workflow: sort out what is known, prepare, store, register, mark (H3, S8.6a).

While one thread reads and validates the next bundle, a second one stores and submits the chunk before. What is stored
is registered sooner or later, by this run or by the next start; what is known already is neither stored nor
registered again, so that a run may be repeated after any crash. What can't be taken goes to quarantine and stops
nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from xinglin.kernel.clock import Clock
from xinglin.service.basic.coordination.outbox.delivery import Outbox
from xinglin.service.basic.coordination.outbox.store import BatchRow
from xinglin.service.basic.intake.model import DEFAULT_LIMITS, Incoming, IntakeLimits, IntakeReport, Refused
from xinglin.service.basic.intake.ports import Persons, Quarantine
from xinglin.service.basic.intake.preparation import Fresh, Preparation
from xinglin.service.basic.intake.rules import duplicate, known_by
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import Vault

Progress = Callable[[IntakeReport], None]
"""Told after each chunk what the run has done so far."""
_CHUNKS_WAITING = 2


class Intake:
    """Takes resources in for one institution. One run at a time.

    Args:
        vault: the home's vault, opened.
        outbox: its outbox.
        quarantine: for what can't be taken.
        preparation: makes records of resources.
        persons: where whom they are about is entered before they are stored.
        clock: says the time of recording.
        limits: how much at once.
    """

    def __init__(
        self,
        vault: Vault,
        outbox: Outbox,
        quarantine: Quarantine,
        preparation: Preparation,
        persons: Persons,
        clock: Clock,
        limits: IntakeLimits = DEFAULT_LIMITS,
    ) -> None:
        self._vault = vault
        self._outbox = outbox
        self._quarantine = quarantine
        self._preparation = preparation
        self._persons = persons
        self._clock = clock
        self._limits = limits
        self._hash = vault.keyring.keys.suite.hash

    def run(self, incoming: Iterable[Incoming], progress: Progress = lambda _: None) -> IntakeReport:
        """Take in everything that comes; first bring onto the chain what an earlier run left.

        Args:
            incoming: bundles; read as fast as they are stored, never all at once.
            progress: told after each chunk.

        Returns: what was done; every batch named is registered.

        Raises:
            BatchRefused, BatchContradiction, BatchUnsettled: the chain takes no batch now; all that was reported is
                stored and is registered by the next run.
            StorageUnwritable: the disk refuses.
            Integrity: something stored that this run had to look at was altered.
        """
        self._outbox.resume()
        total = IntakeReport()
        waiting: deque[Future[IntakeReport]] = deque()
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake") as worker:
            for chunk in self._chunks(incoming):
                waiting.append(worker.submit(self._take, chunk))
                while len(waiting) > _CHUNKS_WAITING:
                    total = total.plus(waiting.popleft().result())
                    progress(total)
            for done in waiting:
                total = total.plus(done.result())
                progress(total)
        self._outbox.collect()
        return total

    def _chunks(self, incoming: Iterable[Incoming]) -> Iterable[Incoming]:
        """Yield what comes in, put together or cut into chunks."""
        limits = self._limits
        chunk: list[CollectedResource] = []
        size, begun = 0, 0
        for bundle in incoming:
            if bundle.refused or bundle.repeated or bundle.dropped:
                yield Incoming((), bundle.refused, bundle.repeated, bundle.dropped)
            for resource in bundle.accepted:
                begun = begun if chunk else self._clock.now_ms()
                chunk.append(resource)
                size += len(resource.original)
                if len(chunk) >= limits.chunk_records or size >= limits.chunk_bytes:
                    yield Incoming(chunk)
                    chunk, size = [], 0
            if chunk and self._clock.now_ms() - begun >= limits.close_after_ms:
                yield Incoming(chunk)
                chunk, size = [], 0
        if chunk:
            yield Incoming(chunk)

    def _take(self, chunk: Incoming) -> IntakeReport:
        fresh, known, refused = self._sorted(chunk.accepted)
        refused += chunk.refused
        rows = self._store(fresh, refused) if fresh else []
        for one in refused:
            self._quarantine.put(one.original, one.issues)
        taken, batches = sum(row.count for row in rows), tuple(row.batch for row in rows)
        return IntakeReport(taken, known + chunk.repeated, len(refused), batches, chunk.dropped)

    def _store(self, fresh: Sequence[Fresh], refused: list[Refused]) -> list[BatchRow]:
        """Store and hand in what is new; what turns out to be no record is added to ``refused``."""
        prepared = self._preparation.prepare(fresh, self._clock.now_ms())
        refused += prepared.refused
        if not prepared.records:
            return []
        self._persons.enter([one.resource for one in fresh])
        signed = [self._outbox.sign(one.batch, one.count, one.call) for one in prepared.batches]
        rows: list[BatchRow] = []
        self._vault.put(
            prepared.records, [lambda connection, first: rows.extend(self._outbox.add(connection, first, signed))]
        )
        self._outbox.submit(rows)
        self._outbox.collect(self._limits.open_batches)
        return rows

    def _sorted(self, resources: Sequence[CollectedResource]) -> tuple[list[Fresh], int, list[Refused]]:
        """Return what is new, how much is there already, and what is there with other bytes."""
        if not resources:
            return [], 0, []
        named = [Fresh(one, known_by(self._hash, one)) for one in resources]
        found = self._vault.index.by_resource(
            [(self._preparation.source, one.resource.resource_type.encode(), one.logical_id, 0) for one in named]
        )
        stored = [(one, row) for one, row in zip(named, found, strict=True) if row is not None]
        same = self._same(stored)
        refused = [_duplicate(one) for (one, _), equal in zip(stored, same, strict=True) if not equal]
        known = sum(same)
        fresh: dict[tuple[str, bytes], Fresh] = {}
        for one, row in zip(named, found, strict=True):
            if row is not None:
                continue
            first = fresh.setdefault((one.resource.resource_type, one.logical_id), one)
            if first is one:
                continue
            if first.resource.original == one.resource.original:
                known += 1
            else:
                refused.append(_duplicate(one))
        return list(fresh.values()), known, refused

    def _same(self, stored: Sequence[tuple[Fresh, StoredRecord]]) -> list[bool]:
        """Tell which resources are there already: as the door takes them now, or whole, as it may have taken them."""
        same = self._vault.same([row for _, row in stored], [one.resource.original for one, _ in stored])
        cut = [number for number, equal in enumerate(same) if not equal and stored[number][0].resource.whole]
        whole = [stored[number][0].resource.whole for number in cut]
        for number, equal in zip(cut, self._vault.same([stored[number][1] for number in cut], whole), strict=True):
            same[number] = equal
        return same


def _duplicate(one: Fresh) -> Refused:
    return Refused(one.resource.original, [duplicate(one.resource)])

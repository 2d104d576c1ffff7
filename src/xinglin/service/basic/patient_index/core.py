"""What the jobs of the patient index share: the file, the index in memory, what people decided, one lock (H1).

A decision of people is written in one transaction, counts from then on, and goes on record on the institution's private
chain at once (``recording.py``); where a crash or an outage came between, with the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock

from xinglin.kernel.clock import Clock
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.patient_index.blocks import Blocks
from xinglin.service.basic.patient_index.decisions import Decisions
from xinglin.service.basic.patient_index.errors import PersonNotFound
from xinglin.service.basic.patient_index.finding import Finder
from xinglin.service.basic.patient_index.identity.recording import Recording
from xinglin.service.basic.patient_index.identity.rules import Acts
from xinglin.service.basic.patient_index.model import Decision, Registration
from xinglin.service.basic.patient_index.store import IndexStore, Row
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys, Randomness


class IndexCore:
    """The parts of one home's index; see ``PatientIndex``."""

    def __init__(self, folder: Path, keys: InstitutionKeys, randomness: Randomness, clock: Clock) -> None:
        self._store = IndexStore(folder, keys)
        self._folder = folder
        self._randomness = randomness
        self._clock = clock
        self._lock = RLock()
        self._blocks = Blocks()
        self._decisions = Decisions()
        self._acts = Acts()
        self._written = 0
        self._finder = Finder(self._blocks, self._decisions)
        self._recording: Recording | None = None

    @contextmanager
    def _deciding(self) -> Iterator[None]:
        """Hold the lock while people's decision is checked and written; then put it on record, the lock given back.

        Raises:
            IdentityBehind, IdentityDiffers: index and private chain contradict each other; nothing is decided then.
            PlatformError: the chain takes nothing now; the decision stands and goes on record with the next.
        """
        if self._recording is not None:
            self._recording.ready()
        with self._lock:
            yield
        if self._recording is not None:
            self._recording.settle()

    def _decide(self, decision: Decision) -> None:
        self._write({}, {}, [decision])

    def _write(
        self, new: Mapping[int, Registration], changed: Mapping[int, Registration], decisions: Sequence[Decision]
    ) -> None:
        """Write everything in one transaction, then let the decisions count."""
        if not (new or changed or decisions):
            return
        numbered = list(enumerate(decisions, self._written))
        with self._store.database.transaction() as connection:
            self._store.write(connection, list(new.items()), list(changed.items()), numbered)
        for decision in decisions:
            self._apply(decision)

    def _apply(self, decision: Decision) -> None:
        self._decisions.apply(decision)
        self._acts.add(self._written, decision)
        self._written += 1

    def _year(self) -> int:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).year

    def _rows(self, person: bytes) -> list[Row]:
        """The rows first assigned to a person."""
        return self._store.numbered(self._blocks.numbers_of(person))

    def _rows_of(self, person: bytes) -> list[Row]:
        """The rows of a person and of those merged into it."""
        numbers = [number for one in self._decisions.tree(person) for number in self._blocks.numbers_of(one)]
        return self._store.numbered(numbers)

    def _must_be(self, person: bytes) -> None:
        if not any(self._blocks.numbers_of(one) for one in self._decisions.tree(person)):
            raise PersonNotFound(person=identifier(person))

"""``xinglin bench empi``: how fast and how right the patient index is, through the very calls that a node makes (H1).

Figures of matching are over pairs: of all pairs of registrations that are of one person, how many were put together,
and of all that were put together, how many are. Possible matches, which people look at, count as not put together.
Look-ups are what a match request of another node costs, in an index of many.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

from xinglin.carrier.crypto.suite import suite
from xinglin.cli.bench.linkage import labelled_sets, without_national
from xinglin.cli.bench.measure import Result, Timer, anonymous_mib, report
from xinglin.cli.bench.people import SEED, Person, people
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.service.basic.patient_index.service import PatientIndex
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys

_TAKEN: Final = 500
_LOOKUPS: Final = 5_000
_JUDGED: Final = 20_000
"""Of how many invented persons matching is judged when no labelled data are given."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """How many pairs were put together, how many should have been, how many of both; and possible matches."""

    found: int
    true: int
    right: int
    possible: int

    def plus(self, other: Pairs) -> Pairs:
        """Return both together."""
        return Pairs(
            self.found + other.found, self.true + other.true, self.right + other.right, self.possible + other.possible
        )

    @property
    def precision(self) -> float:
        """Of what was put together, how much is one person."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Of what is one person, how much was put together."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.right / (self.found + self.true) if self.found + self.true else 1.0

    def as_json(self) -> dict[str, float | int]:
        """Return the figures as they are printed."""
        return {
            "precision": round(self.precision, 4),
            "recall": round(self.recall, 4),
            "f1": round(self.f1, 4),
            "pairs": self.true,
            "possible": self.possible,
        }


def bench_empi(data: Path | None, persons: int) -> dict[str, Any]:
    """Judge matching on labelled data, then measure look-ups among many.

    Args:
        data: folder of labelled sets (docs/spec/patient-index.md); invented people when not given.
        persons: how many the index holds when look-ups are measured.
    """
    sets = labelled_sets(data) if data is not None else {"invented": list(people(min(persons, _JUDGED)))}
    figures = {name: _both_ways(registrations) for name, registrations in sets.items()}
    total = {way: _sum([figure[way] for figure in figures.values()]) for way in ("without", "with")}
    bare = total["without"]
    extra = {
        "with_national_number": total["with"].as_json(),
        "sets": {name: {way: one.as_json() for way, one in figure.items()} for name, figure in figures.items()},
    }
    results = [
        _lookups(persons),
        Result("empi_precision", bare.precision, "of pairs put together, without the national number", (), extra),
        Result("empi_recall", bare.recall, "of pairs of one person, without the national number"),
        Result("empi_f1", bare.f1, "without the national number"),
    ]
    settings = {"persons": persons, "data": "invented" if data is None else "given", "seed": SEED}
    return report("empi", settings, results)


def judged(registrations: Sequence[Person]) -> Pairs:
    """Take registrations into a fresh index in their order and compare who was put together with who is one."""
    with fresh_index() as index:
        answers = [
            answer
            for start in range(0, len(registrations), _TAKEN)
            for answer in index.take_many(_rows(registrations[start : start + _TAKEN]))
        ]
        possible = len(index.reviews())
    found = Counter(person for person, _ in answers)
    true = Counter(one.number for one in registrations)
    right = Counter((one.number, answer[0]) for one, answer in zip(registrations, answers, strict=True))
    return Pairs(_pairs(found), _pairs(true), _pairs(right), possible)


@contextmanager
def fresh_index() -> Iterator[PatientIndex]:
    """Give an empty index in a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="xinglin-bench-") as folder:
        keys = InstitutionKeys(suite("gm"), random_bytes(32))
        index = PatientIndex(Path(folder) / "patient_index", keys, random_bytes, SystemClock())
        index.create()
        try:
            yield index
        finally:
            index.close()


def _both_ways(registrations: Sequence[Person]) -> dict[str, Pairs]:
    return {"without": judged([without_national(one) for one in registrations]), "with": judged(registrations)}


def _sum(figures: Sequence[Pairs]) -> Pairs:
    total = Pairs(0, 0, 0, 0)
    for one in figures:
        total = total.plus(one)
    return total


def _pairs(groups: Counter[Any]) -> int:
    return sum(size * (size - 1) // 2 for size in groups.values())


def _rows(registrations: Sequence[Person]) -> list[tuple[bytes, bytes, Any]]:
    return [(one.source, one.subject, one.traits) for one in registrations]


def _lookups(persons: int) -> Result:
    """Fill an index and look people up: half as they are registered, half as another register would have them."""
    with fresh_index() as index:
        before, begun = anonymous_mib(), time.perf_counter()
        arriving = people(persons)
        while chunk := list(islice(arriving, _TAKEN)):
            index.take_many(_rows(chunk))
        seconds = time.perf_counter() - begun
        wanted = [one.traits for one in people(_LOOKUPS)]
        Random(SEED).shuffle(wanted)  # noqa: S311 - an order, no secret
        index.match(wanted[0])
        timer, processor = Timer(), []
        for traits in wanted[:_LOOKUPS]:
            busy = time.thread_time()
            timer.piece(partial(index.match, traits))
            processor.append((time.thread_time() - busy) * 1000)
        rate = len(processor) / timer.seconds
        extra = {
            "registrations": index.size,
            "taken_per_second": round(index.size / seconds, 1),
            "processor_p50_ms": round(sorted(processor)[len(processor) // 2], 3),
            "processor_p99_ms": round(sorted(processor)[len(processor) * 99 // 100], 3),  # others' work left out
            "rss_anon_mib": round(anonymous_mib(), 1),
            "index_mib": round(anonymous_mib() - before, 1),
        }
    return Result("empi_lookups", rate, "lookups/s", timer.latencies_ms, extra)

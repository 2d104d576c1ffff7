"""``xinglin bench read``: permitted reads of one record each, with everything on (D15: p99 at most 10 ms, 2,000/s).

Fresh homes, each with so many records of invented patients; some patients consent by keys of their own, a practitioner
reads any of their records: signed request, permit, audit of the record, durable access entry, second decision, receipt,
and the reader's own comparison with the commitment. ``reads_served`` is the custodian's part of it alone, its requests
signed beforehand; ``permitted_reads_apart`` is all of it with the readers in another process. Where there are homes of
several sizes they take turns, so that what else the machine does weighs on each alike.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from xinglin.cli.bench.apart import readers_apart
from xinglin.cli.bench.ledger import fresh_home
from xinglin.cli.bench.measure import Result, anonymous_mib, report
from xinglin.cli.bench.syncs import syncs_per_block
from xinglin.cli.bench.wards import PER_PATIENT, consenting, fill
from xinglin.kernel.encoding import encode
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.office.accounts import add_account
from xinglin.node.records.archive import open_archive
from xinglin.node.records.read_ports import ReadQuota
from xinglin.node.records.serving import Serving, open_serving
from xinglin.service.basic.audit.messages import AccessRequest, Asked
from xinglin.service.basic.audit.receipts import MAX_REQUEST_MS, sign_request
from xinglin.service.basic.reading.reader import ReaderAccount
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.purposes import Action, Purpose

_CONSENTING = 64
"""Patients whose records are read, spread over the whole vault."""
_SEED = 20_260_101
_ROUNDS = 5
_BEFORE = 500
"""Requests that are signed at a time: they run for ten minutes."""


@dataclass(slots=True)
class _Figures:
    """What some rounds came to: seconds and processor seconds of each, latencies in ms, blocks of the private chain."""

    reads: int = 0
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    blocks: int = 0


@dataclass(slots=True)
class _Ward:
    """An open home that serves its practitioner, and the commitments that may be read."""

    serving: Serving
    who: ReaderAccount
    commitments: Sequence[bytes]
    random: Random = field(default_factory=lambda: Random(_SEED))  # noqa: S311 - an order, no secret

    def wanted(self, count: int) -> list[bytes]:
        """Return which records are read, as they come."""
        return self.random.choices(self.commitments, k=count)

    def signed(self, commitment: bytes) -> bytes:
        """Return a signed request for a record."""
        node, until = self.serving.archive.node, SystemClock().now_ms() + MAX_REQUEST_MS
        request = AccessRequest(
            chain=node.consortium.rules.chain,
            id=random_bytes(16),
            account=self.who.account,
            member=self.serving.member,
            custodian=self.serving.node,
            asked=Asked("record", commitment),
            action=Action.READ.value,
            purpose=Purpose.TREAT.value,
            consents=(),
            valid_until=until,
        )
        return encode(sign_request(node.consortium.rules.suite.hash, request, self.who.signer))


def bench_read(
    count: int, readers: Sequence[int], sizes: Sequence[int], folder: Path | None, *, apart: bool = False
) -> dict[str, Any]:
    """Read ``count`` records with each number of readers, from homes of each size; ratios to the smallest.

    Args:
        count: reads of each figure.
        readers: how many wait at once.
        sizes: numbers of records, ascending.
        folder: where homes are made and deleted after; the system's by default.
        apart: measure readers in a process of their own too.
    """
    per_block = syncs_per_block(folder)
    with ExitStack() as stack:
        wards = [stack.enter_context(_ward(size, folder)) for size in sizes]
        results = [
            _result("permitted_reads", one, readers_, per_block) for readers_, one in _read(wards, count, readers)
        ]
        served = _Figures()
        for _ in range(max(1, count // _BEFORE)):
            _serve(wards[0], min(count, _BEFORE), max(readers), served)
        results.append(_result("reads_served", served, max(readers), per_block))
        if apart:
            results += [_apart(wards[0], count, waiting, per_block) for waiting in readers]
        results += _growth(wards, sizes, count)
    settings = {"reads": count, "readers": list(readers), "records": list(sizes), "consenting": _CONSENTING}
    return report("read", settings, results)


def _read(wards: Sequence[_Ward], count: int, readers: Sequence[int]) -> Iterator[tuple[int, _Figures]]:
    """Yield the figures of the smallest home with each number of readers."""
    for waiting in readers:
        figures = _Figures()
        for _ in range(_ROUNDS):
            _round(wards[0], max(waiting, count // _ROUNDS), waiting, figures)
        yield waiting, figures


def _apart(ward: _Ward, count: int, readers: int, per_block: float | None) -> Result:
    """Measure the smallest home with readers in a process of their own, of which ``processor`` is added."""
    figures, private, theirs = _Figures(), ward.serving.archive.node.private_ledger(), 0.0
    with readers_apart(ward.serving, ward.who, readers, ward.commitments[0]) as far:
        far.read([ward.wanted(20) for _ in range(readers)])
        for _ in range(_ROUNDS):
            wanted = [ward.wanted(max(1, count // _ROUNDS // readers)) for _ in range(readers)]
            before, processor = private.tip.height, time.process_time()
            seconds, used, latencies = far.read(wanted)
            figures.processor.append(time.process_time() - processor + used)
            theirs += used
            figures.blocks += private.tip.height - before
            figures.seconds.append(seconds)
            figures.latencies += latencies
            figures.reads += len(latencies)
    result = _result("permitted_reads_apart", figures, readers, per_block)
    result.extra["readers_processor_ms_per_read"] = round(theirs * 1000 / figures.reads, 3)
    return result


def _growth(wards: Sequence[_Ward], sizes: Sequence[int], count: int) -> list[Result]:
    """Measure homes of all sizes in turns, with one reader, and compare the medians, which others disturb least."""
    if len(wards) < 2:
        return []
    all_figures = [_Figures() for _ in wards]
    for turn in range(_ROUNDS + 1):
        for ward, figures in zip(wards, all_figures, strict=True):
            _round(ward, max(1, count // _ROUNDS), 1, figures if turn else _Figures())  # the first warms each up
    results = [
        _result(f"permitted_reads_at_{size}", figures, 1, None)
        for size, figures in zip(sizes, all_figures, strict=True)
    ]
    first, last = all_figures[0], all_figures[-1]
    extra = {
        "rate_ratio": round(sum(first.seconds) / sum(last.seconds), 4),
        "processor_ratio": round(min(first.processor) / min(last.processor), 4),
    }
    ratio = median(first.latencies) / median(last.latencies)
    unit = f"median read at {sizes[0]} records / at {sizes[-1]}"
    return [*results, Result("permitted_reads_growth", ratio, unit, (), extra)]


def _result(name: str, figures: _Figures, readers: int, per_block: float | None) -> Result:
    extra = {
        "readers": readers,
        "blocks": figures.blocks,
        "fsyncs_per_read": None if per_block is None else round(per_block * figures.blocks / figures.reads, 3),
        "processor_ms_per_read": round(sum(figures.processor) * 1000 / figures.reads, 3),
        "rss_anon_mib": round(anonymous_mib(), 1),
    }
    return Result(name, figures.reads / sum(figures.seconds), "reads/s", figures.latencies, extra)


@contextmanager
def _ward(size: int, folder: Path | None) -> Iterator[_Ward]:
    with fresh_home(folder) as node:
        account = add_account(node, (Role.PRACTITIONER,), "Reader of the benchmark")
        with open_archive(node) as archive:
            patients = max(1, size // PER_PATIENT)
            fill(archive, patients)
            with open_serving(archive, ReadQuota(per_minute=1 << 40)) as serving:
                commitments = consenting(serving, patients, _CONSENTING)
                yield _Ward(serving, serving.account(account.account, account.key_name), commitments)


def _round(ward: _Ward, count: int, readers: int, figures: _Figures) -> None:
    read, serving = ward.serving.reader.read, ward.serving
    _timed(
        serving, readers, [partial(read, serving, ward.who, one, Purpose.TREAT) for one in ward.wanted(count)], figures
    )


def _serve(ward: _Ward, count: int, readers: int, figures: _Figures) -> None:
    requests = [ward.signed(one) for one in ward.wanted(count)]
    _timed(ward.serving, readers, [partial(ward.serving.answer, one) for one in requests], figures)


def _timed(serving: Serving, readers: int, works: Sequence[Callable[[], object]], figures: _Figures) -> None:
    """Do work from so many threads, each waiting for an answer before its next question; a refusal ends it all."""
    latencies: list[list[float]] = [[] for _ in range(readers)]
    begun = threading.Barrier(readers + 1)

    def work(number: int) -> None:
        begun.wait()
        for one in works[number::readers]:
            start = time.perf_counter()
            one()
            latencies[number].append((time.perf_counter() - start) * 1000)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(readers)]
    for thread in threads:
        thread.start()
    private = serving.archive.node.private_ledger()
    before = private.tip.height
    begun.wait()
    start, processor = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    figures.seconds.append(time.perf_counter() - start)
    figures.processor.append(time.process_time() - processor)
    figures.blocks += private.tip.height - before
    figures.reads += len(works)
    figures.latencies += [one for part in latencies for one in part]
    if sum(map(len, latencies)) != len(works):
        raise AssertionError("a read was refused")

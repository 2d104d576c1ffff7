"""``xinglin bench read``: permitted reads of one record each, with everything on (D15: p99 at most 10 ms, 2,000/s).

One fresh home with records of invented or given patients. A patient consents by a key of the patient's own, a
practitioner reads: signed request, permit, audit of the record, durable access entry, second decision, receipt, and the
reader's own comparison with the commitment.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from xinglin.cli.bench.ledger import fresh_home
from xinglin.cli.bench.measure import Result, anonymous_mib, report
from xinglin.cli.bench.syncs import syncs_per_block
from xinglin.cli.demo.cohort import write_cohort
from xinglin.cli.demo.stage import NoBundles
from xinglin.node.accounts import add_account
from xinglin.node.archive import Archive, open_archive
from xinglin.node.chains import SystemClock
from xinglin.node.consents import acknowledge, give_by_own_key
from xinglin.node.read_ports import ReadQuota, decides_alone
from xinglin.node.reading import reading
from xinglin.node.serving import Serving, open_serving
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.basic.reading.reader import ReaderAccount
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose

_YEAR_MS = 365 * 86_400_000
_BUNDLES = 5


def bench_read(count: int, threads: int, data: Path | None, folder: Path | None) -> dict[str, Any]:
    """Read ``count`` records from ``threads`` threads, each waiting for its content before its next."""
    with tempfile.TemporaryDirectory(prefix="xinglin-bench-", dir=folder) as made, fresh_home(folder) as node:
        files = sorted(data.glob("*.json"))[:_BUNDLES] if data is not None else write_cohort(Path(made), _BUNDLES)
        if not files:
            raise NoBundles(folder=str(data))
        account = add_account(node, (Role.PRACTITIONER,), "Reader of the benchmark")
        with open_archive(node) as archive:
            with reading(files, 1 << 30, [], archive.orders("bench")) as incoming:
                archive.take_in("bench", incoming)
            with open_serving(archive, ReadQuota(per_minute=count + 1)) as serving:
                who = serving.account(account.account, account.key_name)
                commitments = _permitted(serving, archive)
                before = node.private_ledger().tip.height
                seconds, latencies = _from_threads(serving, who, commitments, count, threads)
                blocks = node.private_ledger().tip.height - before
                memory = anonymous_mib()
    per_block = syncs_per_block(folder)
    extra = {
        "blocks": blocks,
        "fsyncs_per_read": None if per_block is None else round(per_block * blocks / count, 3),
        "rss_anon_mib": round(memory, 1),
    }
    settings = {"reads": count, "threads": threads, "records": len(commitments), "data": "given" if data else "cohort"}
    return report("read", settings, [Result("permitted_reads", count / seconds, "reads/s", latencies, extra)])


def _permitted(serving: Serving, archive: Archive) -> list[bytes]:
    """Have the patient with most records consent; return the commitments that the consent opens."""
    persons = archive.persons
    adults = [one for one in persons.persons() if decides_alone(persons, one, archive.orders("bench").as_of)]
    rows = {one: archive.vault.records_of(persons.subjects_of(one)) for one in adults}
    person = Counter({one: len(found) for one, found in rows.items()}).most_common(1)[0][0]
    categories = (Category.HEALTH_STATUS, Category.MEDICAL_APPLICATION)
    now = SystemClock().now_ms()
    wanted = WantedConsent(
        purposes=(Purpose.TREAT,),
        categories=categories,
        level=Level.NARROW,
        given_ms=now - 1_000,
        from_ms=now - 1_000,
        until_ms=now + _YEAR_MS,
        members=(serving.member,),
    )
    given = give_by_own_key(archive.node, wanted, [(serving.node, person)])
    acknowledge(serving, given.consent)
    details = [row.details for row in rows[person]]
    return [one.commitment for one in details if one.category in categories and one.level == Level.NARROW]


def _from_threads(
    serving: Serving, who: ReaderAccount, commitments: list[bytes], count: int, threads: int
) -> tuple[float, list[float]]:
    """Return seconds in all and the latency of each read in ms."""
    latencies: list[list[float]] = [[] for _ in range(threads)]
    begun = threading.Barrier(threads + 1)

    def work(number: int) -> None:
        begun.wait()
        for one in range(number, count, threads):
            start = time.perf_counter()
            serving.reader.read(serving, who, commitments[one % len(commitments)], Purpose.TREAT)
            latencies[number].append((time.perf_counter() - start) * 1000)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    begun.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - start
    if sum(map(len, latencies)) != count:
        raise AssertionError("a read was refused")
    return seconds, [one for part in latencies for one in part]

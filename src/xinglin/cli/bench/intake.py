"""``xinglin bench ingest``: bundles read, validated, matched, graded, copied, encrypted, registered and anchored.

D15 asks for 3,000 resources a second or more with everything on.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from xinglin.cli.bench.ledger import fresh_home
from xinglin.cli.bench.measure import Result, Timer, anonymous_mib, report
from xinglin.cli.demo.cohort import write_cohort
from xinglin.cli.demo.stage import NoBundles
from xinglin.node.opening import anchoring
from xinglin.node.records.archive import open_archive
from xinglin.node.records.reading import reading
from xinglin.service.basic.intake.files import Refusal


def bench_intake(data: Path | None, folder: Path | None) -> dict[str, Any]:
    """Take every bundle of ``data`` into a fresh home; without ``data``, those of a cohort made up beforehand.

    ``intake_resources`` counts until all are registered and noted on the private chain, ``ingest_resources`` until that
    is anchored too.
    """
    with tempfile.TemporaryDirectory(prefix="xinglin-bench-", dir=folder) as made:
        files = sorted(data.glob("*.json")) if data is not None else write_cohort(Path(made))
        if not files:
            raise NoBundles(folder=str(data))
        with fresh_home(folder) as node, open_archive(node) as archive:
            refusals: list[Refusal] = []
            timer = Timer()
            with reading(files, 1 << 30, refusals, archive.orders("bench")) as incoming:
                taken = archive.take_in("bench", incoming)
            registered = timer.seconds
            anchoring(node).step()
            anchored = timer.seconds
            memory = anonymous_mib()
    resources = taken.accepted + taken.already_there + taken.quarantined
    extra = {
        "registered": taken.accepted,
        "quarantined": taken.quarantined,
        "refused_files": len(refusals),
        "rss_anon_mib": round(memory, 1),
    }
    settings = {"bundles": len(files), "resources": resources, "data": "cohort" if data is None else "given"}
    results = [
        Result("ingest_resources", resources / anchored, "resources/s", (), extra),
        Result("intake_resources", resources / registered, "resources/s", (), extra),
    ]
    return report("ingest", settings, results)

"""``xinglin bench intake``: bundles read, validated, encrypted and registered (D15: 3,000 resources/s or more)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from xinglin.cli.bench.ledger import fresh_home
from xinglin.cli.bench.measure import Result, Timer, anonymous_mib, report
from xinglin.cli.demo.cohort import write_cohort
from xinglin.cli.demo.stage import NoBundles
from xinglin.node.archive import open_archive
from xinglin.node.reading import reading
from xinglin.service.basic.intake.files import Refusal


def bench_intake(data: Path | None, folder: Path | None) -> dict[str, Any]:
    """Take every bundle of ``data`` into a fresh home; without ``data``, those of a cohort made up beforehand."""
    with tempfile.TemporaryDirectory(prefix="xinglin-bench-", dir=folder) as made:
        files = sorted(data.glob("*.json")) if data is not None else write_cohort(Path(made))
        if not files:
            raise NoBundles(folder=str(data))
        with fresh_home(folder) as node, open_archive(node) as archive:
            refusals: list[Refusal] = []
            timer = Timer()
            with reading(files, 1 << 30, refusals, archive.orders("bench")) as incoming:
                taken = archive.take_in("bench", incoming)
            seconds = timer.seconds
            memory = anonymous_mib()
    resources = taken.accepted + taken.already_there + taken.quarantined
    extra = {
        "registered": taken.accepted,
        "quarantined": taken.quarantined,
        "refused_files": len(refusals),
        "rss_anon_mib": round(memory, 1),
    }
    settings = {"bundles": len(files), "resources": resources, "data": "cohort" if data is None else "given"}
    return report("intake", settings, [Result("intake_resources", resources / seconds, "resources/s", (), extra)])

"""What processes used, by the system's own accounting (``/proc``): CPU, anonymous memory, bytes written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xinglin.cli.bench.measure import anonymous_mib

_TICKS = os.sysconf("SC_CLK_TCK")
_MIB = 1 << 20
Parts = Mapping[str, Sequence[int]]
"""Processes by what they are."""


@dataclass(frozen=True, slots=True)
class Used:
    """CPU seconds and written MiB of each process since its start, by what it is."""

    cpu: Mapping[str, Sequence[float]]
    written: Mapping[str, Sequence[float]]


def used(parts: Parts) -> Used:
    """Return what processes have used until now; 0 for one that is gone."""
    return Used(
        {part: [_cpu_seconds(pid) for pid in pids] for part, pids in parts.items()},
        {part: [_written_mib(pid) for pid in pids] for part, pids in parts.items()},
    )


def between(parts: Parts, before: Used, after: Used, seconds: float, load: float) -> dict[str, Any]:
    """Return what was used between two looks, as a report has it.

    ``cpu_share`` is of all cores that this process may use; ``cpu_bound_seconds`` is how long the same would have taken
    if they had done nothing else and never waited: on a machine that others use it says more than the clock.
    """
    cpu = {part: _less(before.cpu[part], after.cpu[part]) for part in parts}
    cores = len(os.sched_getaffinity(0))
    totals = {**{part: sum(each) for part, each in cpu.items()}, "load": load}
    return {
        "cpu_seconds": {**cpu, "load": round(load, 2)},
        "cpu_share": {part: round(total / seconds / cores, 3) for part, total in totals.items()},
        "cpu_bound_seconds": round(sum(totals.values()) / cores, 2),
        "rss_anon_mib": {part: [round(anonymous_mib(pid), 1) for pid in pids] for part, pids in parts.items()},
        "written_mib": {part: _less(before.written[part], after.written[part]) for part in parts},
    }


def _less(before: Sequence[float], after: Sequence[float]) -> list[float]:
    return [round(late - early, 2) for early, late in zip(before, after, strict=True)]


def _cpu_seconds(pid: int) -> float:
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS if len(fields) > 12 else 0.0


def _written_mib(pid: int) -> float:
    found = _read(pid, "io").partition("write_bytes: ")[2].split()
    return int(found[0]) / _MIB if found else 0.0


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""

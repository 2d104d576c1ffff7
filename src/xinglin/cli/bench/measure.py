"""How benchmarks measure and what they print: one object, rates and percentiles (design D15).

A latency is of one unit of work as its user sees it; where work is done in groups the group's time is that of each
of its members. fsyncs are counted by the kernel's own accounting of this process where it gives one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """One figure: work done per second, and latencies in milliseconds."""

    name: str
    rate: float
    unit: str
    latencies_ms: Sequence[float] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the figure as it is printed."""
        ordered = sorted(self.latencies_ms)
        percentiles = {
            f"p{percent}_ms": round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 3)
            if ordered
            else None
            for percent in (50, 95, 99)
        }
        return {"name": self.name, "rate": round(self.rate, 4), "unit": self.unit, **percentiles, **self.extra}


@dataclass(slots=True)
class Timer:
    """Collects the time of each piece of work and the whole."""

    latencies_ms: list[float] = field(default_factory=list)
    _begin: float = field(default_factory=time.perf_counter)

    def piece(self, work: Callable[[], object]) -> None:
        """Run one piece of work and note its time."""
        start = time.perf_counter()
        work()
        self.latencies_ms.append((time.perf_counter() - start) * 1000)

    @property
    def seconds(self) -> float:
        """Seconds since the timer was made."""
        return time.perf_counter() - self._begin


def report(benchmark: str, settings: dict[str, Any], results: Sequence[Result]) -> dict[str, Any]:
    """Return the object that a benchmark prints."""
    return {
        "benchmark": benchmark,
        "cores": len(os.sched_getaffinity(0)),
        "settings": settings,
        "results": [result.as_json() for result in results],
    }


def anonymous_mib(process: int | str = "self") -> float:
    """Return a process's anonymous memory (RssAnon) in MiB, 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    for line in status.splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return 0.0

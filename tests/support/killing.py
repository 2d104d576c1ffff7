"""What the runs that kill processes have in common: a process that is killed, and the command that tells what came."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.support.product import child_environment

BEYOND = 1.2
"""Kill moments reach so far beyond the usual end, so that some runs end by themselves."""
_BEGUN = "begun"


@dataclass(frozen=True, slots=True)
class Run:
    """How a process ended: killed or with a status, what it wrote, and how long it took from when it had begun."""

    killed: bool
    status: int
    out: str
    err: str
    seconds: float


def tell_begun() -> None:
    """Tell, from within the process, that the time until the kill begins."""
    print(_BEGUN, flush=True)


def run_killed(command: Sequence[str], limit: float | None) -> Run:
    """Run a process to its end, killed (``SIGKILL``) when it still runs so many seconds after it has begun."""
    # Without a buffer: what was read ahead of the first line would be lost to ``communicate``.
    process = subprocess.Popen(
        command, env=child_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    assert process.stdout is not None
    begun = process.stdout.readline().strip().decode() == _BEGUN
    start, killed = time.monotonic(), False
    if limit is not None and begun:
        while process.poll() is None and time.monotonic() - start < limit:
            time.sleep(0.0005)
        killed = process.poll() is None
        if killed:
            process.send_signal(signal.SIGKILL)
    out, err = process.communicate()
    return Run(killed, process.returncode, out.decode(), err.decode(), time.monotonic() - start)


def killing_options(description: str | None, verify_every: int = 10) -> argparse.ArgumentParser:
    """Return the options that every such command has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", default="xinglin")
    parser.add_argument(
        "--verify-every", type=int, default=verify_every, help="verify the killed homes after so many kills"
    )
    return parser


def report(run: Callable[[Path], Any]) -> int:
    """Run in a folder of its own and print the figures; return 1 if there are findings."""
    with tempfile.TemporaryDirectory(prefix="xinglin-kill-") as folder:
        figures = run(Path(folder))
    print(json.dumps(asdict(figures), indent=2, ensure_ascii=False))
    return 1 if figures.findings else 0

"""What the runs that kill processes have in common: a process that is killed, when it is, and what is told of it.

The processes are forked from one that has imported the product already, so that a kill doesn't cost an import.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.support.product import child_environment

BEYOND = 1.2
"""Moments of the whole life of a process reach so far beyond its usual end, so that some runs end by themselves."""
WORKING = 0.75
"""Share of the moments that are drawn from the time in which a process works."""
_BEGUN, _ENDED = "begun", "ended"
_forked = multiprocessing.get_context("forkserver")
_forked.set_forkserver_preload(["tests.support.old_stays", "tests.support.reading_child"])


@dataclass(frozen=True, slots=True)
class Moment:
    """When a process is killed: so long after its start or, ``working``, after its work began, while that lasts."""

    seconds: float
    working: bool


@dataclass(frozen=True, slots=True)
class Run:
    """How a process ended: killed or with a status, the whole lines it wrote, its faults, how long it lived and worked.

    ``seconds`` are from its start; ``worked`` from when its work began to the end of it, or of the process.
    """

    killed: bool
    status: int
    lines: list[str]
    err: str
    seconds: float
    worked: float


def tell_begun() -> None:
    """Tell, from within the process, that its work begins: homes are open, and from now on something changes."""
    os.write(1, f"{_BEGUN}\n".encode())


def tell_ended() -> None:
    """Tell, from within the process, that its work is done."""
    os.write(1, f"{_ENDED}\n".encode())


def run_killed(work: Callable[..., None], arguments: Sequence[Any], moment: Moment | None) -> Run:
    """Call a function in a process of its own, killed (``SIGKILL``) at a moment or, without one, run to its end."""
    with patch.dict(os.environ, child_environment()):
        forkserver.ensure_running()
    reader, writer = _forked.Pipe(duplex=False)
    with tempfile.NamedTemporaryFile(prefix="xinglin-kill-") as err, reader:
        process = _forked.Process(target=_call, args=(work, arguments, writer, err.name))
        process.start()
        writer.close()
        watched = _Watched(reader)
        reached = watched.reaches(moment)
        if reached:
            process.kill()
        process.join()
        end = time.monotonic()
        watched.reaches(None)
        status = process.exitcode or 0
        process.close()
        return Run(
            killed=reached and status == -signal.SIGKILL,
            status=status,
            lines=[line for line in watched.lines() if line not in (_BEGUN, _ENDED)],
            err=Path(err.name).read_text("utf-8"),
            seconds=end - watched.start,
            worked=watched.told.get(_ENDED, end) - watched.told.get(_BEGUN, end),
        )


def _call(work: Callable[..., None], arguments: Sequence[Any], out: Connection, err: str) -> None:
    """Call a function with what it writes led to where it is looked for."""
    os.dup2(out.fileno(), 1)
    os.dup2(os.open(err, os.O_WRONLY | os.O_APPEND), 2)
    out.close()
    work(*arguments)


class _Watched:
    """What a process has written so far, and when it told what."""

    def __init__(self, reader: Connection) -> None:
        self.start = time.monotonic()
        self.told: dict[str, float] = {}
        self._reader = reader
        self._written = b""

    def lines(self) -> list[str]:
        """Return the lines so far; one without its end was not told."""
        return self._written.decode().split("\n")[:-1]

    def reaches(self, moment: Moment | None) -> bool:
        """Read until the moment, or until the process has closed its output; tell whether the moment came first."""
        while True:
            wait = None
            begin = self.told.get(_BEGUN) if moment and moment.working else self.start
            if moment is not None and begin is not None and not (moment.working and _ENDED in self.told):
                wait = max(0.0, begin + moment.seconds - time.monotonic())
            if not select.select([self._reader], [], [], wait)[0]:
                return True
            piece = os.read(self._reader.fileno(), 1 << 16)
            if not piece:
                return False
            self._written += piece
            for line in self.lines():
                if line in (_BEGUN, _ENDED):
                    self.told.setdefault(line, time.monotonic())


@dataclass(slots=True)
class KillFigures:
    """What was done and found.

    ``working`` counts the kills whose moment was drawn from the time of work; ``left_by_kills`` how far the kills left
    the work.
    """

    seed: str
    kills: int = 0
    working: int = 0
    rounds: int = 0
    killed_after_ms: list[int] = field(default_factory=list)
    left_by_kills: dict[str, int] = field(default_factory=dict)
    verified_after_kills: int = 0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)


class Killing:
    """Kills the work on some homes at moments that are drawn, and keeps the figures of it.

    Args:
        homes: a home, or a folder of homes; beside it the copy of the last kill is made.
        figures: are kept here; their seed is that of the moments.
        verify_every: after so many kills the killed homes are verified; 0 for never.
    """

    def __init__(self, homes: Path, figures: KillFigures, verify_every: int) -> None:
        self.figures = figures
        self.copy = homes.with_name("copy")
        self._homes = homes
        self._verify_every = verify_every
        self._random = random.Random(f"{figures.seed} moments")
        self._usual = {True: 0.5, False: 1.0}

    def run(self, work: Callable[..., None], arguments: Sequence[Any], kills: int) -> Run:
        """Run the work, killed as long as fewer than ``kills`` kills were done; a fault of it is a finding."""
        moment = self._moment() if self.figures.kills < kills else None
        run = run_killed(work, arguments, moment)
        if moment is not None and run.killed:
            self.killed(run.seconds, moment.working)
        elif run.status != 0:
            self.figures.findings.append(f"exit status {run.status}: {run.err[-300:]}")
        else:  # what only ends the work of a killed run is short, and would draw all moments to the beginning
            for working, seconds in ((True, run.worked), (False, run.seconds)):
                self._usual[working] = max(seconds, (self._usual[working] + seconds) / 2)
        return run

    def _moment(self) -> Moment:
        working, share = self._random.random() < WORKING, self._random.random()
        return Moment(share * self._usual[working] * (1 if working else BEYOND), working)

    def killed(self, after: float, working: bool) -> None:
        """Count a kill, and copy the homes as it left them: opening the homes themselves would mend them."""
        self.figures.kills += 1
        self.figures.working += working
        self.figures.killed_after_ms.append(round(after * 1000))
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self._homes, self.copy)

    def verifying(self) -> bool:
        """Tell whether this kill is one after which the homes are verified."""
        verifying = bool(self._verify_every) and self.figures.kills % self._verify_every == 0
        self.figures.verified_after_kills += verifying
        return verifying

    def left(self, state: str, found: Iterable[object]) -> None:
        """Note how far the kill left the work, and what was found after it."""
        figures = self.figures
        figures.left_by_kills[state] = figures.left_by_kills.get(state, 0) + 1
        figures.findings += [f"after kill {figures.kills}: {one}" for one in found]


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

"""A node that stops at any point of intake loses and doubles nothing (invariant 2; S9.1).

At a named point the home's files and the chain's log are copied as they are on the disk, which is what a killed process
leaves; the copy is started again. One test really kills a process, at moments that a seed chooses.
"""

from __future__ import annotations

import functools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_chain import FakeChain
from tests.support.intake_home import IntakeHome, bundle
from tests.unit.service.basic.intake.test_intake import sound, stored
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.outbox.delivery import Outbox
from xinglin.service.basic.coordination.outbox.store import OutboxStore
from xinglin.service.basic.intake.model import IntakeLimits
from xinglin.service.lifecycle.storage.database import Database
from xinglin.service.lifecycle.storage.head import VaultHead
from xinglin.service.lifecycle.storage.index import Index
from xinglin.service.lifecycle.storage.keyring import Keyring
from xinglin.service.lifecycle.storage.segments import Segments

LIMITS = IntakeLimits(batch_records=4, chunk_records=8, open_batches=1)
POINTS: dict[str, tuple[type, str]] = {
    "segments": (Segments, "append"),
    "keyring": (Keyring, "add"),
    "rows": (Database, "insert"),
    "outbox rows": (Outbox, "add"),
    "index": (Index, "add"),
    "head": (VaultHead, "write"),
    "submission": (Outbox, "submit"),
    "chain": (FakeChain, "_apply"),
    "mark": (OutboxStore, "replace"),
}


class Stopped(BaseException):
    """The process ends here."""


def stop_at(monkeypatch: pytest.MonkeyPatch, point: str, when: str, call: int, home: Path, copy: Path) -> None:
    """Copy the home and stop, before or after the given call of a point's function."""
    owner, name = POINTS[point]
    whole: Callable[..., Any] = getattr(owner, name)
    calls = 0

    @functools.wraps(whole)
    def stopping(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and when == "before":
            _stop(home, copy)
        result = whole(*arguments, **named)
        if calls == call and when == "after":
            _stop(home, copy)
        return result

    monkeypatch.setattr(owner, name, stopping)


def _stop(home: Path, copy: Path) -> None:
    if not copy.exists():
        shutil.copytree(home, copy)
    raise Stopped


@pytest.mark.requirement("S9.1", "S8.6a")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("point", POINTS)
def test_stopping_at_any_point_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, when: str
) -> None:
    for call in (1, 3):
        path, copy = tmp_path / f"home{call}", tmp_path / f"copy{call}"
        home = IntakeHome(path, limits=LIMITS)
        home.create()
        home.chain = FakeChain(home.storage.gm, path / "chain.log")
        home.close()
        home.open()
        acknowledged = 0

        def told(report: Any) -> None:
            nonlocal acknowledged
            acknowledged = report.accepted

        with monkeypatch.context() as patch:
            stop_at(patch, point, when, call, path, copy)
            with pytest.raises(Stopped):
                home.intake.run([bundle(range(start, start + 5)) for start in range(0, 40, 5)], told)
        home.close()
        again = IntakeHome(copy, FakeChain(home.storage.gm, copy / "chain.log"), LIMITS).open()
        assert len(stored(again)) >= acknowledged
        assert no_rest(again)
        report = again.intake.run([bundle(range(40))])
        assert report.accepted + report.already_there == 40
        assert report.already_there >= acknowledged
        assert report.quarantined == 0
        check_whole(again)
        again.close()


def no_rest(home: IntakeHome) -> bool:
    """Tell whether the segments hold the entries of the stored records and nothing behind them."""
    segments = home.storage.vault.segments
    size = sum(Path(segments.path(number)).stat().st_size for number in segments.numbers())
    return size == sum(row.details.length + 24 for row in stored(home))


def check_whole(home: IntakeHome) -> None:
    """Check that the forty resources are stored, registered and readable, once each, and nothing else is there."""
    assert sound(home)
    rows = stored(home)
    assert sorted(row.details.logical_id for row in rows) == sorted(b"o%d" % number for number in range(40))
    for row in rows:
        assert home.storage.vault.read(identifier(row.record)).startswith(b"{")
    assert no_rest(home)


CHILD = """
import sys
from pathlib import Path
from tests.support.fake_chain import FakeChain
from tests.support.intake_home import IntakeHome, bundle
from tests.unit.service.basic.intake.test_crash import LIMITS

path = Path(sys.argv[1])
home = IntakeHome(path, limits=LIMITS)
home.chain = FakeChain(home.storage.gm, path / "chain.log")
home.open()
print("open", flush=True)
home.intake.run([bundle([number]) for number in range(40)], lambda report: print(report.accepted, flush=True))
print("done", flush=True)
home.close()
"""


@pytest.mark.requirement("S9.1")
def test_a_killed_process_loses_and_doubles_nothing(tmp_path: Path, seeded: random.Random) -> None:
    path = tmp_path / "home"
    IntakeHome(path).create().close()
    acknowledged = 0
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        time.sleep(seeded.uniform(0, 0.06))
        child.send_signal(signal.SIGKILL)
        said = [line for line in child.communicate()[0].split() if line.isdigit()]
        acknowledged += int(said[-1]) if said else 0
    home = IntakeHome(path, limits=LIMITS)
    home.chain = FakeChain(home.storage.gm, path / "chain.log")
    home.open()
    assert len(stored(home)) >= acknowledged
    home.intake.run([bundle(range(40))])
    check_whole(home)
    home.close()

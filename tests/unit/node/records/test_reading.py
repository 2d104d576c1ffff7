"""Reading ahead in a process of its own: the same as here, in order; a killed worker ends the run and hangs nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from tests.support.product import some_bundles
from xinglin.node.records import reading as module
from xinglin.node.records.reading import reading
from xinglin.service.basic.intake.files import ReaderStopped, Refusal
from xinglin.service.basic.intake.model import Incoming


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Return twelve names of three bundles, the tenth of a file that is none."""
    bundles = some_bundles(tmp_path / "made", 3) * 4
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    bundles[9] = broken
    return bundles


def all_of(files: list[Path], refusals: list[Refusal]) -> list[Incoming]:
    """Read everything."""
    with reading(files, 1 << 27, refusals) as incoming:
        return list(incoming)


def test_a_worker_reads_what_this_process_would(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = list[Refusal](), list[Refusal]()
    monkeypatch.setattr(module, "WORTH_A_PROCESS_BYTES", 1 << 60)
    expected = all_of(files, here)
    monkeypatch.setattr(module, "WORTH_A_PROCESS_BYTES", 0)
    assert all_of(files, there) == expected
    assert [(one.path, one.refusal.code) for one in there] == [(one.path, one.refusal.code) for one in here]
    assert [one.path for one in here] == [files[9]]


@pytest.mark.timeout(300)
def test_a_killed_worker_ends_the_run_and_blames_no_file(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WORTH_A_PROCESS_BYTES", 0)
    refusals: list[Refusal] = []
    taken = 0

    def read_and_kill() -> None:
        nonlocal taken
        with reading(files[:9] * 3, 1 << 27, refusals) as incoming:
            for taken, _ in enumerate(incoming, 1):
                if taken == 8:
                    (worker,) = multiprocessing.active_children()
                    assert worker.pid is not None
                    os.kill(worker.pid, signal.SIGKILL)
                    worker.join()

    with pytest.raises(ReaderStopped):
        read_and_kill()
    assert 8 <= taken < 27
    assert refusals == []
    assert multiprocessing.active_children() == []

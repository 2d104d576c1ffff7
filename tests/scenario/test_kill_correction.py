"""``kill -9`` at random moments of a correction and of its notices; a share of ``kill_correction.py``.

How many: XINGLIN_KILLS; the seed is XINGLIN_SEED.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.scenario.kill_correction import Killer
from xinglin.service.basic.notices.store import NoticeStore

KILLS = int(os.environ.get("XINGLIN_KILLS", "4"))


@pytest.mark.requirement("S9.1", "H12")
def test_a_killed_correction_goes_on_and_everyone_is_told_once(tmp_path: Path, seeded: random.Random) -> None:
    figures = Killer(tmp_path, str(seeded.random()), records=4, verify_every=KILLS).run(KILLS)
    assert figures.findings == []
    assert figures.kills == KILLS
    assert figures.corrected == figures.notices == figures.acknowledged > 0


def test_a_difference_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killer = Killer(tmp_path, "one run", records=4)
    killer.round(0)
    killer.compare()
    assert killer.figures.findings == []
    record = next(record for record, value in killer._values.items() if value)
    killer._values[record] += 1  # as if it had been asked for
    killer._done[record] = 9  # as if it had been told
    monkeypatch.setattr(NoticeStore, "all", lambda _: [])
    killer.compare()
    told = " ".join(killer.figures.findings)
    assert f"{record}: 9 corrections were told to be done" in told
    assert "corrections of " in told
    assert "0 notices were sent and 0 came" in told

"""``kill -9`` at random moments of the real command loses and doubles nothing: a share of ``kill_intake.py``.

How many: XINGLIN_KILLS; the seed is XINGLIN_SEED.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.scenario.kill_intake import Killer
from tests.support.product import some_bundles

KILLS = int(os.environ.get("XINGLIN_KILLS", "6"))


@pytest.mark.requirement("S9.1", "S8.6a", command="xinglin record intake")
def test_a_killed_intake_loses_and_doubles_nothing(tmp_path: Path, seeded: random.Random) -> None:
    bundles = some_bundles(tmp_path / "bundles", 8)
    figures = Killer(tmp_path, bundles, str(seeded.random()), verify_every=KILLS).run(KILLS)
    assert figures.findings == []
    assert figures.kills == KILLS
    assert figures.records == figures.resources > 0
    assert figures.verified_after_kills == 1


def test_a_difference_is_found(tmp_path: Path) -> None:
    killer = Killer(tmp_path, some_bundles(tmp_path / "bundles", 1), "one run")
    killer.round(0)
    killer.compare()
    assert killer.figures.findings == []
    missing, altered, given = (b"system-0", b"Patient", b"nobody"), *list(killer.expected)[:2]
    killer.expected[missing] = killer.expected[altered]
    killer.expected[altered] = ("another digest", killer.expected[altered][1])
    del killer.expected[given]
    killer.compare()
    told = [f"{missing} is missing", f"{given} was never given"]
    told += [f"{one} is not as it was given" for one in (altered, given)]
    assert sorted(killer.figures.findings) == sorted(told)

"""``kill -9`` at random moments of a destruction: it goes on and ends once; a share of ``kill_destruction.py``.

How many: XINGLIN_KILLS; the seed is XINGLIN_SEED.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.scenario.kill_destruction import Killer

KILLS = int(os.environ.get("XINGLIN_KILLS", "4"))


@pytest.mark.requirement("S9.1")
def test_a_killed_destruction_goes_on_and_ends_once(tmp_path: Path, seeded: random.Random) -> None:
    figures = Killer(tmp_path, str(seeded.random()), notes=4 + 3 * KILLS, verify_every=KILLS).run(KILLS)
    assert figures.findings == []
    assert figures.kills == KILLS
    assert figures.destroyed > 0
    assert figures.standing > 0


def test_a_difference_is_found(tmp_path: Path) -> None:
    killer = Killer(tmp_path, "one run", notes=4)
    killer.round(0)
    killer.compare()
    assert killer.figures.findings == []
    [standing] = sorted(set(killer._needles) - killer._asked)[:1]
    killer._asked.add(standing)  # as if it had been asked for
    killer.compare()
    told = " ".join(killer.figures.findings)
    assert "records are destroyed" in told
    assert f"sealed secrets of {standing} is in" in told
    assert "acts, " in told

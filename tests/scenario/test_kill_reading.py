"""``kill -9`` at random moments of reading, acknowledging, revoking: a share of ``kill_reading.py``.

How many: XINGLIN_KILLS; the seed is XINGLIN_SEED.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.scenario.kill_reading import Killer

KILLS = int(os.environ.get("XINGLIN_KILLS", "4"))


@pytest.mark.requirement("H4", "H11", "S9.1")
def test_a_killed_reading_loses_nothing_that_was_told(tmp_path: Path, seeded: random.Random) -> None:
    killer = Killer(tmp_path, str(seeded.random()))
    figures = killer.run(KILLS)
    while not (figures.served and figures.consents) and figures.kills < KILLS + 60:  # all may have come too soon
        figures = killer.run(figures.kills + 1)
    assert figures.findings == []
    assert figures.served > 0
    assert figures.consents > 0


def test_a_difference_is_found(tmp_path: Path) -> None:
    killer = Killer(tmp_path, "one run")
    said: list[dict[str, Any]] = []
    standing: list[str] = []
    while not standing or not any(line.get("served") for line in said):
        said = killer._run()
        killer.kill(said)
        standing = [one for one in killer.told.consents if one not in killer.told.revoked]
    assert killer.figures.findings == []
    [first, *_] = [line for line in said if line.get("served")]
    killer._looked = dict.fromkeys(killer._looked, 0)
    killer._twins = dict.fromkeys(killer._twins, 0)
    lies = [
        {**first, "entry": "00" * 32},
        {**first, "request": "11" * 32, "read": "another"},
        {"begin": "another", "at": 0.0},
        {"consent": "a" * 26, "key": "", "patient": "0"},
        {"acknowledged": "b" * 25 + "a", "by": "a"},
        {"revoked": standing[0], "at": time.monotonic()},
        {"begin": "nobody's", "at": 0.0},
        {"asked": "nobody's", "request": "22" * 32},
    ]
    killer.kill([*(line for line in said if line.get("read") != first["read"]), *lies])
    told = " ".join(killer.figures.findings)
    for expected in (
        "the entry of an answered read is lost",
        "the twin of an answered read is lost",
        "consent aaaaaaaaaaaaaaaaaaaaaaaaaa is lost",
        "the acknowledgement of bbbbbbbbbbbbbbbbbbbbbbbbba is lost",
        f"consent {standing[0]} stands after its revocation was told",
        "a request left without its twin",
    ):
        assert expected in told, expected

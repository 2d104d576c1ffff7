"""No byte is served without a permit and a durable entry, and every receipt is under an anchor in time (invariant 5).

Random sessions; how many: XINGLIN_SESSIONS, how long: XINGLIN_ACTS, from which seed: XINGLIN_SEED. A long run with
figures is ``python -m tests.property.reading_sessions --operations 5000``.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.property.reading_sessions import BEGIN, Act, Found, Sessions, drawn, shrunk
from tests.support.reading_town import make_town
from tests.support.waiting import standstill
from tests.support.witness import Unwitnessed
from xinglin.node.records.read_ports import OpenLog
from xinglin.service.basic.audit.auditing import MAX_LAG_MS
from xinglin.service.basic.audit.log import Logged
from xinglin.service.basic.audit.model import AccessEntry
from xinglin.service.basic.protection.consents.service import Consents, KeptTerms
from xinglin.service.basic.protection.model import Held

SESSIONS, ACTS = int(os.environ.get("XINGLIN_SESSIONS", "2")), int(os.environ.get("XINGLIN_ACTS", "110"))


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_town(tmp_path_factory.mktemp("town") / "founded")


@pytest.mark.requirement("H4", "H11", "S7.2a")
def test_random_sessions_serve_what_is_permitted_and_on_record(
    founded: Path, tmp_path: Path, seeded: random.Random
) -> None:
    with standstill() as held:
        sessions = played(founded, tmp_path, seeded)
    figures = sessions.figures
    assert figures.served > 0
    assert figures.answers_witnessed > SESSIONS * ACTS / 3
    assert figures.lies_found > 0
    assert figures.lag_median_ms <= MAX_LAG_MS + held() * 1_000


def played(founded: Path, tmp_path: Path, seeded: random.Random) -> Sessions:
    """Play the sessions; fail with the acts that show what was found."""
    sessions = Sessions(founded, tmp_path)
    for number in range(SESSIONS):
        seed = f"{seeded.random()} {number}"
        acts = drawn(seed, ACTS)
        try:
            sessions.play(seed, acts)
        except Found as found:
            again = Sessions(founded, tmp_path / "again")
            few = shrunk(lambda fewer: again.play(seed, fewer), acts, seconds=20)  # noqa: B023
            pytest.fail(f"{found}; {len(few)} acts are enough: {few}")
    return sessions


OPENED = (*BEGIN, ("consent", (0, 3_074, 15_601, 4)))
"""A wide consent of the first patient, at both hospitals."""


def test_a_node_that_ignores_revocations_is_found(
    founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(self: Consents, kept: KeptTerms) -> Held | None:
        held = honest(self, kept)
        return None if held is None else replace(held, revoked_ms=None)

    honest = Consents.with_chain
    monkeypatch.setattr(Consents, "with_chain", forgetful)
    sessions = Sessions(founded, tmp_path)
    acts = [*OPENED, ("revoke", (0, 0, 0, 0)), ("reread", (0, 0, 0, 0))]
    with pytest.raises(Found, match=r"permit\.revoked"):
        sessions.play("forgetful", acts, lie=False, verify=False)


def test_the_acts_that_show_a_fault_are_made_few() -> None:
    acts = [*BEGIN, *(("read", (number, 0, 0, 0)) for number in range(40))]
    wanted = [acts[7], acts[30]]

    def play(some: list[Act]) -> None:
        if all(one in some for one in wanted):
            raise Found

    assert shrunk(play, acts, seconds=60) == [*BEGIN, *wanted]
    assert shrunk(play, acts, seconds=-1) == acts


def test_a_node_that_serves_before_its_entry_is_durable_is_found(
    founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hasty(self: OpenLog, entries: Sequence[AccessEntry]) -> Sequence[Logged | Exception]:
        places = honest(self, entries)  # where the next entry would be
        return [replace(one, index=one.index + 1, item=0) if isinstance(one, Logged) else one for one in places]

    honest = OpenLog.log_many
    monkeypatch.setattr(OpenLog, "log_many", hasty)
    sessions = Sessions(founded, tmp_path)
    with pytest.raises(Found) as found:
        sessions.play("hasty", [*OPENED, ("reread", (0, 0, 0, 0))], lie=False, verify=False)
    assert isinstance(found.value.__cause__, Unwitnessed)

"""Links to other members' nodes: round-trip, loss, lag, alarms with their begin and end; see docs/spec/cosigning.md."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.neighbourhood import House, Neighbourhood, neighbourhood
from tests.support.waiting import PATIENCE, until
from xinglin.carrier.consensus.comet.rpc import PeerLink
from xinglin.node.consortium import links
from xinglin.node.consortium.links import LEAST_PROBES, Link, LinkWatch
from xinglin.node.consortium.neighbours import neighbours_of
from xinglin.node.remote.errors import NodeUnreached
from xinglin.server.metrics import FIGURES, Figures

SETTINGS = "\n[links]\nloss_percent = 50\nlag_blocks = 3\nround_trip_ms = 60_000\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Neighbourhood]:
    """Return four homes that answer one another, and are given time to."""
    monkeypatch.setattr(links, "PROBE_SECONDS", PATIENCE)
    with neighbourhood(tmp_path, SETTINGS) as four:
        yield four


def link_to(house: House, other: House) -> Link:
    """Return how a home finds its link to another."""
    return next(one for one in house.running.keepers.links.links if one.address.endswith(f":{other.port}"))


@pytest.mark.requirement("S6.1d", part="a running node measures its links to other members' nodes")
def test_a_link_has_round_trip_loss_and_lag_by_member_and_node(place: Neighbourhood) -> None:
    hospital, platform = place["hospital"], place["platform"]
    hospital.running.keepers.links.look()
    link = link_to(hospital, platform)
    assert (link.member, link.node) == (platform.node.member, platform.node.settings.node)
    assert link.round_trip_ms is not None
    assert 0 < link.round_trip_ms < PATIENCE * 1_000
    assert (link.loss_percent, link.lag_blocks, link.code, link.alarms) == (0.0, 0, "", ())


def test_an_alarm_begins_and_ends_and_says_which_member_what_and_since_when(
    place: Neighbourhood, caplog: pytest.LogCaptureFixture
) -> None:
    hospital, platform = place["hospital"], place["platform"]
    watch = hospital.running.keepers.links
    watch.look()
    platform.deaf()
    with caplog.at_level(logging.WARNING, "xinglin.node.consortium.links"):
        for _ in range(LEAST_PROBES):
            watch.look()
        [alarm] = link_to(hospital, platform).alarms
        assert (alarm.kind, alarm.threshold) == ("loss", 50.0)
        assert alarm.value == 75.0
        assert link_to(hospital, platform).code == NodeUnreached.code
        assert [one for one in caplog.messages if platform.node.member in one and "loss" in one]
        assert hospital.running.status()["keepers"]["alarms"][0]["member"] == platform.node.member
        watch.look()
        assert link_to(hospital, platform).alarms[0].since_ms == alarm.since_ms
        platform.listen()
        for _ in range(6):
            watch.look()
        assert link_to(hospital, platform).alarms == ()
        told = [one for one in caplog.messages if platform.node.settings.node in one]
    assert len(told) == 2
    assert "good again" in told[1]


def test_a_node_that_is_far_behind_or_before_is_an_alarm(place: Neighbourhood) -> None:
    hospital, platform = place["hospital"], place["platform"]
    watch = hospital.running.keepers.links
    [probed] = [one for one in watch._probed if one.neighbour.address.endswith(f":{platform.port}")]
    watch.look()
    for lag, kinds in ((3, []), (4, ["lag"]), (-4, ["lag"])):
        probed.lag = lag
        watch.judge()
        assert [one.kind for one in link_to(hospital, platform).alarms] == kinds


def test_an_engine_that_the_registry_admits_and_is_not_connected_is_an_alarm(place: Neighbourhood) -> None:
    hospital, platform = place["hospital"], place["platform"]
    found: list[PeerLink] = []
    watch = LinkWatch(hospital.node, neighbours_of(hospital.node), lambda: found)
    watch.look()
    for _ in range(LEAST_PROBES):
        watch.judge()
    [link] = [one for one in watch.links if one.node == platform.node.settings.node]
    assert [one.kind for one in link.alarms] == ["engine"]


@pytest.mark.requirement("S6.1d", part="a node whose clock is off finds it by the other members' and gives an alarm")
def test_a_clock_that_is_off_is_an_alarm_until_it_is_right(
    place: Neighbourhood, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The clock of this machine is moved for the asking node alone: it reads it where the links are watched."""
    watch = place["hospital"].running.keepers.links

    def measured(ahead: int) -> bool:
        """Look; tell whether the clock is found to be so far ahead: an answer that came late tells it badly."""
        watch.look()
        return abs((watch.clock.offset_ms or 0.0) - ahead) < 1_000 and (watch.clock.since_ms is None) == (ahead == 0)

    until(lambda: measured(0))
    assert watch.clock.members == 3
    right = links._now
    with caplog.at_level(logging.WARNING, "xinglin.node.consortium.links"):
        for ahead in (90_000, -90_000):
            monkeypatch.setattr(links, "_now", lambda ahead=ahead: right() + ahead)
            until(lambda ahead=ahead: measured(ahead))  # type: ignore[misc]
            clock = watch.clock
            assert place["hospital"].running.status()["keepers"]["clock"]["since_ms"] == clock.since_ms
        text = Figures(place["hospital"].running).text().decode()
        assert "xinglin_clock_alarm 1.0" in text
        assert re.search(
            r"^xinglin_clock_offset_seconds -9\d\.|^xinglin_clock_offset_seconds -8\d\.", text, re.MULTILINE
        )
        monkeypatch.setattr(links, "_now", right)
        until(lambda: measured(0))
    assert [one for one in caplog.messages if "ahead" in one or "right again" in one][-1].count("right again") == 1
    assert "xinglin_clock_alarm 0.0" in Figures(place["hospital"].running).text().decode()


def test_every_figure_is_documented_and_given(place: Neighbourhood) -> None:
    hospital, platform = place["hospital"], place["platform"]
    place.grow(20)
    hospital.keeper.look()
    watch = hospital.running.keepers.links
    watch.look()
    platform.deaf()
    for _ in range(LEAST_PROBES + 1):
        watch.look()
    text = Figures(hospital.running).text().decode()
    names = {
        name + "_total" * (kind == "counter" and not name.endswith("_total"))
        for name, kind in re.findall(r"^# TYPE (xinglin_\w+) (\w+)$", text, re.MULTILINE)
        if not name.endswith("_created")
    }
    documented = {one.name for one in FIGURES}
    assert names - documented == set()
    assert documented - names <= {"xinglin_anchoring_failures", "xinglin_cosigning_seconds"}
    alarm = (
        f'xinglin_link_alarm{{alarm="loss",member="{platform.node.member}",node="{platform.node.settings.node}"}} 1.0'
    )
    assert alarm in text
    page = (Path(__file__).parents[2] / "docs/guide/metrics.md").read_text(encoding="utf-8")
    assert [one.name for one in FIGURES if f"| `{one.name}` |" not in page] == []

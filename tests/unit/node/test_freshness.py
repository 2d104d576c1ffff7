"""The age from which on a consortium chain is stale is a setting, for reads and for submissions alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.acting import acting
from tests.support.neighbourhood import neighbourhood
from tests.support.product import make_hospital, opened
from xinglin.node.chains import SystemClock
from xinglin.node.membership.voting import Change, propose, prove_key, vote
from xinglin.node.records.archive import open_archive
from xinglin.node.records.serving import open_deciding
from xinglin.node.remote.forms import CallAsked
from xinglin.node.running import MemberOut, NodeBehind
from xinglin.service.basic.protection.permit_errors import ChainStale


def test_reads_are_decided_by_the_age_of_the_settings(tmp_path: Path) -> None:
    home = make_hospital(tmp_path / "home")
    with (home / "config.toml").open("a") as config:
        config.write("\n[freshness]\nstale_seconds = 25.0\n")
    with opened(home) as node, open_archive(node, writing=False) as archive, open_deciding(archive) as deciding:
        assert deciding.protection.situations._stale_after_ms == 25_000


def test_a_stale_node_takes_no_call_says_so_and_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with neighbourhood(tmp_path, "\n[freshness]\nstale_seconds = 25.0\n") as place:
        running = place["hospital"].running
        now = running.consortium.tip.time
        for age, stale in ((25_000, False), (25_001, True)):
            monkeypatch.setattr(SystemClock, "now_ms", lambda _, age=age: now + age)
            assert (running.stale, running.status()["stale"]) == (stale, stale)
        assert isinstance(running.unready(), NodeBehind)
        with pytest.raises(ChainStale):
            running.call(CallAsked("registry", "end_validator", "", "administrator"))


def test_a_node_whose_member_is_suspended_says_so_until_it_is_restored(tmp_path: Path) -> None:
    with neighbourhood(tmp_path) as place:
        insurer = place["insurer"]
        statement = prove_key(insurer.node.keys, insurer.node.consortium.rules.chain, insurer.node.member)
        assert insurer.running.unready() is None
        for change, unready in (
            (Change(suspend=(insurer.node.member,), ahead=20), MemberOut),
            (Change(restore=[statement], ahead=20), type(None)),
        ):
            proposal, _ = propose(acting(place["hospital"].node), change)
            for name in ("hospital", "platform", "regulator"):
                vote(acting(place[name].node), proposal, None)
            assert isinstance(insurer.running.unready(), unready)
            assert place["hospital"].running.unready() is None

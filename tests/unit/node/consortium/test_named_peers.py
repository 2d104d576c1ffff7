"""Peers that the owner names count until the home has caught up with them, and again when it begins anew (RC16)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.product import make_hospital, opened
from xinglin.carrier.consensus.comet.files import EngineHome, make_keys
from xinglin.node.chains import SystemClock
from xinglin.node.consortium.named_peers import NamedPeers
from xinglin.node.node import Node
from xinglin.settings import SettingsInvalid, load_settings

FIRST, SECOND = f"{'1a' * 20}@192.0.2.1:26656", f"{'2b' * 20}@[2001:db8::1]:26656"
HOUR_MS = 3_600_000


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_hospital(tmp_path / "home")


def engine_of(home: Path) -> EngineHome:
    engine = EngineHome(home / "engine" / "chain")
    make_keys(engine)
    return engine


def naming(home: Path, *peers: str) -> None:
    """Write peers into the settings, in place of those that are there."""
    config = home / "config.toml"
    kept = config.read_text(encoding="utf-8").split("\n[engine]")[0]
    listed = ", ".join(f'"{one}"' for one in peers)
    config.write_text(f"{kept}\n[engine]\npeers = [{listed}]\n", encoding="utf-8")


def at(monkeypatch: pytest.MonkeyPatch, ms: int) -> None:
    """Let it be so many ms since 1970."""
    monkeypatch.setattr(SystemClock, "now_ms", lambda _: ms)


def now_named(node: Node, engine: EngineHome) -> list[str]:
    return [str(one) for one in NamedPeers(node, engine).now().values()]


@pytest.mark.requirement("S9.1", part="a home that begins anew gets in touch although every founder has another engine")
def test_they_count_until_the_newest_block_is_of_now_and_not_after(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of(home)
    naming(home, FIRST, SECOND)
    with opened(home) as node:
        tip = node.consortium.tip
        named = NamedPeers(node, engine)
        at(monkeypatch, tip.time + HOUR_MS)
        assert {str(one) for one in named.now().values()} == {FIRST, SECOND}
        at(monkeypatch, tip.time + 1)
        assert named.now() == {}
        at(monkeypatch, tip.time + HOUR_MS)
        assert named.now() == {}
        assert now_named(node, engine) == []  # not after another start either


def test_other_names_count_again_and_so_do_the_same_when_the_engine_begins_anew(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(home)
    naming(home, FIRST)
    with opened(home) as node:
        time_ms = node.consortium.tip.time
        at(monkeypatch, time_ms)
        assert now_named(node, engine) == []
    monkeypatch.setattr(SystemClock, "now_ms", lambda _: time.time_ns() // 1_000_000)
    naming(home, FIRST, SECOND)
    with opened(home) as node:
        at(monkeypatch, node.consortium.tip.time + HOUR_MS)
        assert now_named(node, engine) == [FIRST, SECOND]
        at(monkeypatch, node.consortium.tip.time)
        assert now_named(node, engine) == []
        at(monkeypatch, node.consortium.tip.time + HOUR_MS)
        for path in engine.signing_state.parent.iterdir():
            if path != engine.signing_state:
                path.unlink()  # as rebuilding sets it aside
        assert now_named(node, engine) == [FIRST, SECOND]


@pytest.mark.parametrize(
    "peer",
    ["", "127.0.0.1:26656", "1a@127.0.0.1:26656", f"{'1A' * 20}@127.0.0.1:1", f"{'1a' * 20}@127.0.0.1", FIRST[1:]],
)
def test_a_name_is_an_id_and_a_place(home: Path, peer: str) -> None:
    naming(home, FIRST, peer)
    with pytest.raises(SettingsInvalid):
        load_settings(home)
    naming(home, FIRST, SECOND, FIRST)
    assert load_settings(home).engine.peers == (FIRST, SECOND)

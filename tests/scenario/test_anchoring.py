"""A node that serves anchors its private chain by itself: within 5 s, nothing when nothing happens, never a cut one."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.hospitals import Hospitals, hospitals, make_hospitals
from tests.support.product import write_passphrase, xinglin
from tests.support.waiting import standstill, until
from xinglin.kernel.encoding import encode
from xinglin.node.founding import SERVICE
from xinglin.node.records.archive import open_archive
from xinglin.node.records.serving import Serving, open_serving
from xinglin.service.basic.audit.auditing import MAX_LAG_MS
from xinglin.service.basic.coordination.anchoring import ChainBehindAnchor, anchor_state
from xinglin.stakeholders.purposes import Purpose

RECORD = b"r" * 32
INTERVAL = 0.3


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("founded")
    make_hospitals(folder)
    return folder


@pytest.fixture
def homes(founded: Path, tmp_path: Path) -> Path:
    """Return a copy of the two homes."""
    shutil.copytree(founded, tmp_path / "homes")
    return tmp_path / "homes"


@contextmanager
def serving(two: Hospitals) -> Iterator[Serving]:
    """Let the custodian serve."""
    with open_archive(two.custodian) as archive, open_serving(archive) as opened:
        yield opened


def anchored(two: Hospitals) -> int:
    """Return how many entries of the custodian's private chain are anchored."""
    state = anchor_state(two.consortium, two.private.rules.chain)
    return 0 if state is None else state.head.size


@pytest.mark.requirement("H11", "H2")
def test_what_a_reader_is_given_is_anchored_within_five_seconds(homes: Path) -> None:
    with standstill() as held, hospitals(homes) as two, serving(two):
        for pause in (0.0, 1.1, 2.3):
            time.sleep(pause)
            before = held()
            two.read(RECORD)
            until(lambda: anchored(two) > two.receipts[-1].index)
            first = next(one for one in two.anchors() if one.size > two.receipts[-1].index)
            assert first.time - two.receipts[-1].time <= MAX_LAG_MS + (held() - before) * 1_000
        if held() < MAX_LAG_MS / 1_000:
            assert two.overdue() == []


def test_nothing_is_logged_while_nothing_happens(homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINGLIN_ANCHORING__INTERVAL_SECONDS", str(INTERVAL))
    with hospitals(homes) as two, serving(two):
        before = two.private.tip.log_size, two.consortium.tip.log_size
        time.sleep(4 * INTERVAL)
        assert (two.private.tip.log_size, two.consortium.tip.log_size) == before
        two.read(RECORD)
        until(lambda: anchored(two) == two.private.tip.log_size)
        after = two.private.tip.log_size, two.consortium.tip.log_size
        time.sleep(4 * INTERVAL)
        assert (two.private.tip.log_size, two.consortium.tip.log_size) == after


def test_what_is_left_is_anchored_when_serving_ends(homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINGLIN_ANCHORING__INTERVAL_SECONDS", "4")
    with hospitals(homes) as two:
        with serving(two):
            two.read(RECORD)
        assert anchored(two) == two.private.tip.log_size > 0
    write_passphrase(homes)
    shown = xinglin(
        "ledger", "show", "--home", homes / "custodian", "--passphrase-file", homes / "passphrase", "--json"
    )
    [consortium, private] = shown.json["chains"]
    assert private["anchor"]["size"] == private["log_size"]
    assert "anchor" not in consortium
    assert 0 <= consortium["age_ms"] < 600_000


def test_a_home_whose_group_does_not_run_serves_its_own_and_says_that_it_is_not_anchored(homes: Path) -> None:
    with hospitals(homes) as two, serving(two) as opened:
        two.group.engine.close()
        opened.anchors.attempt()
        two.log(two.entry(two.request(RECORD)))
        opened.anchors.attempt()
        noted = two.private.tip.log_size
        opened.anchors.attempt()
        status = opened.anchors.status
        assert status.failures >= 2
        assert status.fault == "engine.closed"
        assert not status.closed
        assert two.private.tip.log_size == noted
        opened.anchors.require_open()


@pytest.mark.requirement("H11", "S9.1")
def test_a_chain_that_was_set_back_serves_nobody_and_asks_nobody(homes: Path, tmp_path: Path) -> None:
    with hospitals(homes) as two:
        store = homes / "custodian" / "chain" / two.private.rules.chain
    shutil.copytree(store, tmp_path / "kept")
    with hospitals(homes) as two, serving(two):
        two.read(RECORD)
    shutil.rmtree(store)
    shutil.copytree(tmp_path / "kept", store)
    with hospitals(homes) as two, serving(two) as opened:
        size = two.private.tip.log_size
        assert opened.anchors.status.closed
        with pytest.raises(ChainBehindAnchor):
            opened.answer(encode(two.request(RECORD)))
        with open_archive(two.reader) as archive, open_serving(archive) as other:
            who = opened.account(two.account(two.custodian), SERVICE)
            with pytest.raises(ChainBehindAnchor):
                opened.reader.read(other, who, RECORD, Purpose.TREAT)
        assert two.private.tip.log_size == size

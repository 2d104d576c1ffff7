"""What a home's chains take, how fast that grows and when the room ends (S6.2c3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.product import make_hospital, opened
from xinglin.node import storage_use as module
from xinglin.node.node import Node
from xinglin.node.office.accounts import add_account
from xinglin.node.storage_use import StorageUse, storage_use
from xinglin.stakeholders.kinds import Role

pytestmark = pytest.mark.requirement("S6.2c3")
GIB = 1 << 30


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with opened(make_hospital(tmp_path / "home"), running=True) as one:
        for number in range(5):
            add_account(one, (Role.AUDITOR,), f"Auditor {number}")
        yield one


def measured(node: Node, monkeypatch: pytest.MonkeyPatch, **disk: int) -> StorageUse:
    """Measure on a disk of so many bytes."""
    fields = {"f_frsize": 1, "f_blocks": 100 * GIB, "f_bfree": 90 * GIB, "f_bavail": 90 * GIB} | disk
    monkeypatch.setattr(module.os, "statvfs", lambda _: SimpleNamespace(**fields))
    return storage_use(node)


def test_it_is_what_the_files_take(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    use = measured(node, monkeypatch)
    consortium, private = use.chains
    assert (consortium.profile, private.profile) == ("consortium", "private")
    for one in use.chains:
        data = node.home.chain(one.chain) / "data" / "data.mdb"
        assert one.store <= data.stat().st_blocks * 512 + 65_536
        assert 0 < one.store < one.limit == 64 * GIB * 80 // 100
        assert one.engine == 0
    assert (use.disk, use.disk_limit) == (10 * GIB, 80 * GIB)
    data = node.home.engine(consortium.chain) / "data" / "blockstore.db"
    data.mkdir(parents=True)
    (data / "000001.ldb").write_bytes(bytes(1 << 20))
    again = measured(node, monkeypatch).chains[0]
    assert again.engine >= 1 << 20
    assert again.daily > consortium.daily


def test_the_first_limit_that_is_reached_counts(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    roomy = measured(node, monkeypatch)
    grows = sum(one.daily for one in roomy.chains)
    assert grows > 0
    assert roomy.days is not None
    assert roomy.days == pytest.approx(min(roomy.days, 70 * GIB / grows))
    assert not roomy.alarm

    room = 10 * grows
    narrow = measured(node, monkeypatch, f_blocks=100 * room, f_bfree=30 * room, f_bavail=30 * room)
    assert narrow.days == pytest.approx(100, rel=0.01)
    assert not narrow.alarm
    soon = measured(node, monkeypatch, f_blocks=100 * room, f_bfree=22 * room, f_bavail=22 * room)
    assert soon.days == pytest.approx(20, rel=0.01)
    assert soon.alarm
    full = measured(node, monkeypatch, f_bfree=5 * GIB, f_bavail=5 * GIB)
    assert (full.days, full.alarm) == (0.0, True)


def test_a_full_store_alarms_whatever_grows(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    def usage(_: Any) -> tuple[int, int]:
        return 90, 100

    monkeypatch.setattr(type(node.consortium.store), "usage", usage)
    use = measured(node, monkeypatch)
    assert (use.days, use.alarm) == (0.0, True)


def test_a_chain_without_blocks_has_no_end_in_sight(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW_BLOCKS", 0)
    use = measured(node, monkeypatch)
    assert use.days is None
    assert not use.alarm
    assert all(one.daily == 0 and one.days is None for one in use.chains)

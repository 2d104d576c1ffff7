"""Packages for others: made once, kept in files, few of them, and given in parts."""

from __future__ import annotations

import errno
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE
from xinglin.node.consortium import sharing
from xinglin.node.consortium.marks import KEPT, PackagedHeights
from xinglin.node.consortium.package import Made
from xinglin.node.consortium.room import DiskRoomMissing
from xinglin.node.consortium.sharing import FRESH_SECONDS, PackageGone, PackageShelf, PackageUnavailable
from xinglin.node.office.proofs import NoCheckpoint


@dataclass
class Maker:
    """Makes packages of a height that grows; ``now`` is the time in seconds."""

    height: int = 5
    made: int = 0
    now: float = 0.0
    fault: Exception | None = None
    going: threading.Event = field(default_factory=threading.Event)
    wait: threading.Event | None = None

    def make(self, path: Path) -> Made:
        """Write a package, or break after the first bytes."""
        self.made += 1
        path.with_name(f".{path.name}.partial").write_bytes(b"half")
        self.going.set()
        if self.wait is not None:
            self.wait.wait(PATIENCE)
        if self.fault is not None:
            raise self.fault
        path.with_name(f".{path.name}.partial").unlink()
        path.write_bytes(bytes([self.height]) * 1000)
        return Made(path, self.height, 1000)

    def shelf(self, folder: Path) -> PackageShelf:
        """Return a shelf of its packages."""
        return PackageShelf(self.make, folder, lambda: self.now)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut parts of 300 bytes."""
    monkeypatch.setattr(sharing, "PART_BYTES", 300)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_one_is_made_for_all_who_ask_within_ten_minutes_and_two_are_kept(tmp_path: Path) -> None:
    folder, maker = tmp_path / "shared", Maker()
    folder.mkdir()
    (folder / "of a process before").touch()
    shelf = maker.shelf(folder)
    first = shelf.newest()
    assert (shelf.newest(), maker.made, first.bytes) == (first, 1, 1000)
    assert b"".join(shelf.part(5, number) for number in range(4)) == b"\x05" * 1000
    for height in (6, 7):
        maker.height, maker.now = height, maker.now + FRESH_SECONDS + 1
        assert shelf.newest().height == height
        assert shelf.part(height - 1, 3) == bytes([height - 1]) * 100, "who has begun with it goes on"
    assert names(folder) == ["6.tar", "7.tar"]
    for height, part in ((5, 0), (7, 4), (7, 1 << 60), (8, 0)):
        with pytest.raises(PackageGone):
            shelf.part(height, part)
    maker.now += FRESH_SECONDS + 1
    assert shelf.newest().height == 7
    assert names(folder) == ["7.tar"]


def test_what_fails_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    maker = Maker(fault=NoCheckpoint(height=1))
    shelf = maker.shelf(tmp_path / "shared")
    with pytest.raises(NoCheckpoint):
        shelf.newest()
    maker.fault = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(PackageUnavailable) as refused:
        shelf.newest()
    assert "No space left" in refused.value.sentence()
    assert names(tmp_path / "shared") == []
    maker.fault = None
    assert shelf.newest().height == 5


@pytest.mark.requirement("S8.5c")
def test_the_older_one_goes_before_room_is_asked_for(tmp_path: Path) -> None:
    folder, maker = tmp_path / "shared", Maker()
    shelf = maker.shelf(folder)
    for height in (5, 6):
        maker.height, maker.now = height, maker.now + FRESH_SECONDS + 1
        assert shelf.newest().height == height
    maker.height, maker.now = 7, maker.now + FRESH_SECONDS + 1
    maker.fault = DiskRoomMissing(needed=9, free=8)
    with pytest.raises(DiskRoomMissing):
        shelf.newest()
    assert names(folder) == ["6.tar"]
    assert shelf.part(6, 0)


def test_while_one_is_made_others_are_told_to_come_again(tmp_path: Path) -> None:
    maker = Maker(wait=threading.Event())
    shelf = maker.shelf(tmp_path / "shared")
    thread = threading.Thread(target=shelf.newest)
    thread.start()
    assert maker.going.wait(PATIENCE)
    with pytest.raises(PackageUnavailable):
        shelf.newest()
    assert maker.wait is not None
    maker.wait.set()
    thread.join(PATIENCE)
    assert shelf.newest().height == 5
    assert maker.made == 1


def test_the_newest_heights_of_packages_are_remembered(tmp_path: Path) -> None:
    marks = PackagedHeights(tmp_path)
    assert marks.heights() == []
    for height in (9, 10, 8, 100, 100, 11, 12):
        marks.add(height)
    assert PackagedHeights(tmp_path).heights() == [10, 11, 12, 100]
    assert len(marks.heights()) == KEPT

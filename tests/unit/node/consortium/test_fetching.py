"""A package from a node that may lie or be away: what is not what was said is not handed on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from xinglin.kernel.errors import Invalid, PlatformError
from xinglin.node.consortium import fetching
from xinglin.node.consortium.fetching import TRIES, fetch_package, package_from
from xinglin.node.consortium.package import PackageInvalid
from xinglin.node.consortium.room import DiskRoomMissing
from xinglin.node.consortium.sharing import PackageGone, PackageUnavailable
from xinglin.node.remote.errors import NodeAway, NodeUnreached
from xinglin.node.remote.forms import SharedPackageSaid

DATA = bytes(range(256)) * 10


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take parts of 1,000 bytes."""
    monkeypatch.setattr(fetching, "MIN_PART_BYTES", 1000)


@dataclass
class Giver:
    """A node that gives a package in parts of 1,000 bytes, after refusing so many requests."""

    refusals: list[PlatformError] = field(default_factory=list)
    said: SharedPackageSaid = field(
        default_factory=lambda: SharedPackageSaid(7, len(DATA), 1000, hashlib.sha256(DATA).hexdigest())
    )
    part_as: Callable[[bytes], bytes] = lambda part: part
    asked: int = 0

    def package(self) -> SharedPackageSaid:
        """Say what it is."""
        self._refuse()
        return self.said

    def package_part(self, height: int, number: int) -> bytes:
        """Give a part."""
        self._refuse()
        assert height == 7
        return self.part_as(DATA[number * 1000 : (number + 1) * 1000])

    def _refuse(self) -> None:
        self.asked += 1
        if self.refusals:
            raise self.refusals.pop(0)


def test_it_comes_whole_from_a_node_that_is_busy_now_and_then(tmp_path: Path) -> None:
    waits: list[float] = []
    busy = [PackageUnavailable(reason="one is being made"), NodeAway(address="a", reason="-")]
    fetch_package(Giver(busy), "http://a:1", tmp_path / "out", waits.append)
    assert (tmp_path / "out").read_bytes() == DATA
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("change", "part_as"),
    [
        ({"part_bytes": 0}, lambda part: part),
        ({"part_bytes": 1 << 40}, lambda part: part),
        ({"bytes": len(DATA) + 1}, lambda part: part),
        ({"sha256": "00" * 32}, lambda part: part),
        ({}, lambda part: part[:-1]),
        ({}, lambda part: part + b"x"),
        ({}, lambda part: b""),
        ({}, lambda part: part[:-1] + b"x"),
    ],
)
def test_what_is_not_what_was_said_is_refused(
    tmp_path: Path, change: dict[str, object], part_as: Callable[[bytes], bytes]
) -> None:
    giver = Giver(part_as=part_as)
    giver.said = msgspec.structs.replace(giver.said, **change)
    with pytest.raises(PackageInvalid):
        fetch_package(giver, "http://a:1", tmp_path / "out", lambda _: None)


@pytest.mark.requirement("S8.5c")
def test_what_the_disk_has_no_room_for_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has to hold the package and the store that is made of it."""
    giver, needed = Giver(), 3 * len(DATA)
    for free in (needed - 1, needed):
        monkeypatch.setattr(
            "xinglin.node.consortium.room.shutil.disk_usage", lambda _, free=free: SimpleNamespace(free=free)
        )
        if free < needed:
            with pytest.raises(DiskRoomMissing) as refused:
                fetch_package(giver, "http://a:1", tmp_path / "out", lambda _: None)
            assert refused.value.facts == {"needed": needed, "free": free}
            assert giver.asked == 1
            assert list(tmp_path.iterdir()) == []
        else:
            fetch_package(giver, "http://a:1", tmp_path / "out", lambda _: None)


def test_parts_too_small_are_not_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    giver = Giver()
    giver.said = msgspec.structs.replace(giver.said, bytes=fetching.MIN_PART_BYTES, part_bytes=1_000)
    with pytest.raises(PackageInvalid):
        fetch_package(giver, "http://a:1", tmp_path / "out", lambda _: None)
    assert giver.asked == 1
    whole = Giver(part_as=lambda part: DATA)
    whole.said = msgspec.structs.replace(whole.said, part_bytes=len(DATA))  # no part is smaller than the whole
    fetch_package(whole, "http://a:1", tmp_path / "whole", lambda _: None)
    assert (tmp_path / "whole").read_bytes() == DATA


def test_it_gives_up_in_the_end_and_at_once_where_asking_again_is_of_no_use(tmp_path: Path) -> None:
    cases: list[tuple[PlatformError, int]] = [
        (NodeAway(address="a", reason="-"), TRIES),
        (NodeUnreached(address="a", reason="-"), 1),
        (PackageGone(height=7, part=0), 1),
        (DiskRoomMissing(needed=9, free=8), 1),
    ]
    for number, (refusal, times) in enumerate(cases):
        giver = Giver([refusal] * 99)
        with pytest.raises(type(refusal)):
            fetch_package(giver, "http://a:1", tmp_path / str(number), lambda _: None)
        assert giver.asked == times


def test_a_file_is_taken_as_it_is_and_no_passphrase_asked_for(tmp_path: Path) -> None:
    def never() -> bytes:
        raise AssertionError("nothing is signed")

    for place in (None, "recovery.tar", "ftp://a/b"):
        with package_from(tmp_path, place, never) as file:
            assert file == (None if place is None else Path(place))
    with pytest.raises((PlatformError, Invalid)), package_from(tmp_path, "http://nothing here", lambda: b"x"):
        pass
    assert list(tmp_path.iterdir()) == []

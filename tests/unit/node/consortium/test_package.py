"""Making a recovery package: no more on the disk than the package, and nothing where there is no room for it."""

from __future__ import annotations

import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.chain import commit, found_chain
from tests.support.snapshots import take_snapshot
from xinglin.carrier.ledger import snapshot as snapshot_module
from xinglin.carrier.ledger.checkpoint import SignedNote
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.snapshot import snapshot_parts
from xinglin.node.consortium import package as package_module
from xinglin.node.consortium.package import make_package
from xinglin.node.consortium.room import RESERVE_BYTES, DiskRoomMissing
from xinglin.node.home import Home


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """Give a ledger whose snapshots have many chunks."""
    monkeypatch.setattr(snapshot_module, "_KEYS_IN_CHUNK", 8)
    monkeypatch.setattr(snapshot_module, "LEAVES_IN_CHUNK", 16)
    chain = found_chain(max_valid_ms=8_000)
    opened = chain.create(tmp_path / "home")
    for number in range(20):
        adding = [chain.add(f"c{number}-{one}") for one in range(10)]
        commit(opened, *[chain.sign(one, valid_until=opened.tip.time + 8_000) for one in adding])
    yield opened
    opened.close()


@pytest.fixture
def make(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Return what makes a package of the tip, which a quorum signed."""
    note = SignedNote(ledger.head_at(ledger.tip.height), ())
    monkeypatch.setattr(package_module, "newest_quorum", lambda *_: note)
    monkeypatch.setattr(package_module, "epochs_of", lambda _: [])
    node: Any = SimpleNamespace(consortium=ledger, home=Home(tmp_path / "home"))
    comet: Any = SimpleNamespace(package_turn=threading.Lock(), light_block=lambda height: {"height": height})
    return lambda: make_package(node, comet, tmp_path / "out" / "package")


def files(folder: Path) -> dict[str, int]:
    return {str(one.relative_to(folder)): one.stat().st_size for one in folder.rglob("*") if one.is_file()}


@pytest.mark.requirement("S9.1", part="a package takes its own bytes of the disk and no more")
def test_no_more_is_on_the_disk_than_the_package(
    make: Callable[[], Any], ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    before, most, put = files(tmp_path), [0], package_module._put

    def watched(*what: Any) -> None:
        put(*what)
        most[0] = max(most[0], sum(files(tmp_path).values()) - sum(before.values()))

    monkeypatch.setattr(package_module, "_put", watched)
    made = make()
    assert made.bytes > 20_000
    assert most[0] <= made.bytes + 1_000  # the file of its height's mark is empty
    with tarfile.open(made.path) as tar:
        names = tar.getnames()
        read = {name: getattr(tar.extractfile(name), "read")() for name in names}  # noqa: B009  (it is there)
    manifest = take_snapshot(ledger, tmp_path / "aside")
    assert manifest.chunks > 20
    for number in range(manifest.chunks):
        assert read[f"chunk-{number}"] == (tmp_path / "aside" / str(number)).read_bytes()
    assert read["manifest"] == (tmp_path / "aside" / "manifest").read_bytes()


@pytest.mark.requirement("S8.5c")
def test_nothing_is_written_for_which_there_is_no_room(
    make: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    before = files(tmp_path)
    monkeypatch.setattr("xinglin.node.consortium.room.shutil.disk_usage", lambda _: SimpleNamespace(free=RESERVE_BYTES))
    with pytest.raises(DiskRoomMissing) as refused:
        make()
    needed = int(str(refused.value.facts["needed"]))
    assert files(tmp_path) == before
    monkeypatch.setattr("xinglin.node.consortium.room.shutil.disk_usage", lambda _: SimpleNamespace(free=needed))
    made = make()
    assert RESERVE_BYTES + made.bytes <= needed, "what it says is enough"
    assert needed - RESERVE_BYTES < 4 * made.bytes, "and not much too much"


def test_what_fails_leaves_no_part_of_a_package(
    make: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    put = package_module._put

    def full(tar: Any, name: str, data: bytes) -> None:
        if name == "chunk-3":
            raise OSError(28, "No space left on device")
        put(tar, name, data)

    monkeypatch.setattr(package_module, "_put", full)
    with pytest.raises(OSError, match="No space"):
        make()
    assert files(tmp_path / "out") == {}


def test_what_is_said_of_a_snapshot_s_size_holds_at_older_heights_too(ledger: Ledger) -> None:
    ledger.pin("test", [ledger.tip.height - 5])
    for height in (ledger.tip.height, ledger.tip.height - 5):
        with snapshot_parts(ledger, height) as parts:
            size = sum(map(len, parts.chunks()))
            assert size <= parts.bytes_at_most < 6 * size  # of chunks as small as these


def test_a_package_is_written_through_no_link_and_by_its_owner_alone(make: Callable[[], Any], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / "out" / ".package.partial").symlink_to(tmp_path / "other")
    made = make()
    assert (tmp_path / "other").read_bytes() == b"other"
    assert not made.path.is_symlink()
    assert made.path.stat().st_mode & 0o777 == 0o600

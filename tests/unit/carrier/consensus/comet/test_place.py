"""Where the ABCI socket lies: a path that a socket can have, where nobody else can put one."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from xinglin.carrier.consensus.comet.place import MAX_SOCKET_PATH, socket_path
from xinglin.carrier.consensus.errors import AbciSocketUnsafe


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder for the user's short paths, which is not there yet; pytest's own paths are too long for it."""
    with tempfile.TemporaryDirectory(prefix="x") as base:
        monkeypatch.setenv("XDG_RUNTIME_DIR", base)
        yield Path(base) / f"xinglin-{os.getuid()}"


def long_folder(tmp_path: Path, name: str = "x") -> Path:
    return tmp_path / (name * 120) / "engine"


def test_in_the_home_where_there_is_room(tmp_path: Path, runtime: Path) -> None:
    folder = Path("/" + "h" * (MAX_SOCKET_PATH - len("//abci.sock")))
    assert socket_path(folder) == folder / "abci.sock"
    assert len(os.fsencode(socket_path(folder))) == MAX_SOCKET_PATH
    assert not runtime.exists()


def test_a_long_path_has_a_short_one_of_its_own(tmp_path: Path, runtime: Path) -> None:
    for folder in (Path("/" + "h" * (MAX_SOCKET_PATH - len("/abci.sock"))), long_folder(tmp_path)):
        assert socket_path(folder).parent == runtime
    first, other = socket_path(long_folder(tmp_path)), socket_path(long_folder(tmp_path, "院"))
    assert first != other
    assert socket_path(long_folder(tmp_path)) == first
    assert runtime.stat().st_mode & 0o777 == 0o700
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(first))


def test_a_folder_that_others_reach_is_refused(tmp_path: Path, runtime: Path) -> None:
    runtime.mkdir(mode=0o700)
    runtime.chmod(0o770)
    with pytest.raises(AbciSocketUnsafe):
        socket_path(long_folder(tmp_path))


def test_a_link_or_a_file_in_its_place_is_refused(tmp_path: Path, runtime: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    runtime.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AbciSocketUnsafe):
        socket_path(long_folder(tmp_path))
    runtime.unlink()
    runtime.write_text("")
    with pytest.raises(AbciSocketUnsafe):
        socket_path(long_folder(tmp_path))


def test_no_short_path_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tmp_path / ("y" * 90)
    base.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(base))
    with pytest.raises(AbciSocketUnsafe):
        socket_path(long_folder(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(AbciSocketUnsafe):
        socket_path(long_folder(tmp_path))

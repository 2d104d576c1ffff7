"""Files written whole: by several at once, over what a crash left, with the mode that was asked for."""

from __future__ import annotations

import itertools
import os
import stat
import threading
from pathlib import Path

import pytest

from xinglin.carrier.crypto import files
from xinglin.carrier.crypto.files import write_durably, write_new_durably


def test_threads_that_write_one_path_leave_one_whole_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = {bytes([number]) * (100_000 + number) for number in range(6)}
    failures: list[BaseException] = []

    def write(content: bytes) -> None:
        try:
            for _ in range(20):
                write_durably(path, content)
                assert path.read_bytes() in contents
        except BaseException as failure:  # noqa: BLE001  (told by the test's own thread)
            failures.append(failure)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_what_a_crash_left_is_in_nobodys_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process can get the number of one that was killed."""
    monkeypatch.setattr(files, "_counter", itertools.count())
    left = tmp_path / f".file.{os.getpid()}.0.tmp"
    left.write_bytes(b"half of")
    write_durably(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert left.read_bytes() == b"half of"


def test_a_write_that_fails_leaves_the_old_content_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_durably(path, b"old")
    with pytest.raises(TypeError):
        write_durably(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_the_mode_is_that_of_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for mode in (0o644, 0o600):
        write_durably(path, b"", mode)
        assert stat.S_IMODE(path.stat().st_mode) == mode & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_new_file_takes_no_other_ones_place(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_new_durably(path, b"first")
    with pytest.raises(FileExistsError):
        write_new_durably(path, b"second")
    assert path.read_bytes() == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]

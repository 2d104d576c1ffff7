"""A disk of a host's own, which at a power cut has what was written through to it, and nothing else.

A file system in a file, on a loop device. What its kernel side holds back and has not flushed is not in the file: a
copy of the file, taken when all processes have been killed, is the disk as a power cut leaves it. Needs root.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

_GIB = 1 << 30
_COMMIT_SECONDS = 600
"""How rarely the file system flushes by itself: what is there after a cut is there since somebody asked for it."""


def possible() -> bool:
    """Tell whether disks can be made here."""
    return Path("/dev/loop-control").exists() and shutil.which("mkfs.ext4", path="/usr/sbin:/sbin") is not None


class Disk:
    """A disk that has a folder of a host's and what is in it. Make it while the host is off; close it.

    Args:
        file: where it is kept; on a real disk.
        at: the folder, which goes onto it.
    """

    def __init__(self, file: Path, at: Path) -> None:
        self._file, self._at = file, at
        with file.open("wb") as made:
            made.truncate(4 * _GIB)
        _run("mkfs.ext4", "-q", "-b", "4096", str(file))
        aside = at.with_name(f"{at.name}.aside")
        at.rename(aside)
        at.mkdir()
        self._mount()
        _run("cp", "-a", "--sparse=always", f"{aside}/.", str(at))
        self.flush()
        shutil.rmtree(aside)

    def flush(self) -> None:
        """Write everything through, as a shutdown in order does."""
        _run("sync", "--file-system", str(self._at))

    def cut(self) -> None:
        """Lose what was not written through. Its users have ended."""
        left = self._file.with_suffix(".cut")
        _run("cp", "--sparse=always", str(self._file), str(left))
        self._unmount()
        left.replace(self._file)
        self._mount()

    def close(self) -> None:
        """Take it off; its file stays."""
        self._unmount()

    def _mount(self) -> None:
        _run("mount", "-o", f"loop,commit={_COMMIT_SECONDS}", str(self._file), str(self._at))

    def _unmount(self) -> None:
        deadline = time.monotonic() + 20
        while True:  # the namespace of a host that has just ended may hold it for a moment
            done = subprocess.run(["umount", str(self._at)], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return
            assert time.monotonic() < deadline, done.stderr
            time.sleep(0.2)


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stderr)

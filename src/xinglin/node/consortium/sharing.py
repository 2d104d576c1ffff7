"""Recovery packages for other members, from a running node over HTTP (docs/spec/snapshot.md; S9.1).

A package is made when one is asked for, once for a height, and kept in a file: it is given in parts, so that neither
side has it in memory, and a part that does not come is asked for again. Two are kept at most. None is made that could
fill the disk: the node's own blocks need it more.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xinglin.kernel.errors import NotFound, Unavailable
from xinglin.node.consortium.package import Made

PART_BYTES = 4 << 20
KEPT = 2
FRESH_SECONDS = 600.0
"""So old a package is given; blocks after it come from the engines."""
_READ = 1 << 20


class PackageUnavailable(Unavailable):
    """A running node can't give a recovery package now."""

    code, number, clause = "package.unavailable", 6343, "S9.1"
    en = "No recovery package can be given now: {reason}."
    zh = "当前无法提供恢复包：{reason}。"
    hint_en = "Ask again in a minute, or another member's node."
    hint_zh = "请一分钟后重试，或询问其他成员的节点。"


class PackageGone(NotFound):
    """A part of a recovery package is asked for that is not kept."""

    code, number, clause = "package.gone", 6344, "S9.1"
    en = "There is no part {part} of a recovery package of height {height} here."
    zh = "此处没有高度 {height} 的恢复包的第 {part} 部分。"
    hint_en = "Ask for the newest package, and then for its parts."
    hint_zh = "请先查询最新恢复包，再索取其各部分。"


@dataclass(frozen=True, slots=True)
class Shared:
    """A package that is given: its file, height, size in bytes, SHA-256 in hexadecimal."""

    path: Path
    height: int
    bytes: int
    sha256: str


class PackageShelf:
    """The packages that a node gives to others. From any thread.

    Args:
        make: makes the newest package in a file; see ``make_package``.
        folder: where they are kept; what an earlier process left there goes.
        monotonic: a clock that never goes back, in seconds.
    """

    def __init__(
        self,
        make: Callable[[Path], Made],
        folder: Path,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._folder = folder
        self._monotonic = monotonic
        self._kept: list[Shared] = []
        self._made_at = 0.0
        self._turn = threading.Lock()
        shutil.rmtree(folder, ignore_errors=True)

    def newest(self) -> Shared:
        """Return a package that is not older than ten minutes; it is made if there is none.

        Raises:
            PackageUnavailable: one is being made for another, or it can't be written.
            PlatformError: see ``make_package``, such as that there is no room for it.
        """
        if not self._turn.acquire(blocking=False):
            raise PackageUnavailable(reason="one is being made")
        try:
            now = self._monotonic()
            if not self._kept or now - self._made_at > FRESH_SECONDS:
                made = self._made()
                self._kept, self._made_at = [*self._kept, made], now
            return self._kept[-1]
        except OSError as fault:
            raise PackageUnavailable(reason=fault.strerror or type(fault).__name__) from None
        finally:
            self._turn.release()

    def part(self, height: int, number: int) -> bytes:
        """Return a part of the package of a height: 4 MiB, the last what is left.

        Raises:
            PackageGone: it is not kept, or has no such part.
        """
        found = next((one for one in self._kept if one.height == height), None)
        if found is None or number * PART_BYTES >= found.bytes:
            raise PackageGone(height=height, part=number)
        try:
            with found.path.open("rb") as file:
                file.seek(number * PART_BYTES)
                return file.read(PART_BYTES)
        except FileNotFoundError:  # a newer one has just taken its place
            raise PackageGone(height=height, part=number) from None

    def _made(self) -> Shared:
        """Make a package, once those that are too many have gone; whoever makes it sees whether there is room."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._kept = self._kept[1 - KEPT :]
        self._tidy()
        making = self._folder / "making"
        try:
            made = self._make(making)
            path = self._folder / f"{made.height}.tar"
            making.replace(path)
        except BaseException:
            for left in self._folder.glob("*making*"):
                left.unlink()
            raise
        self._kept = [one for one in self._kept if one.path != path]
        return Shared(path, made.height, made.bytes, _digest(path))

    def _tidy(self) -> None:
        """Take away what is not kept any more."""
        for other in self._folder.iterdir():
            if other not in {one.path for one in self._kept}:
                other.unlink()


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_READ):
            digest.update(part)
    return digest.hexdigest()

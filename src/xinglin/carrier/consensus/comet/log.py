"""The engine's log: it writes to a file by itself, which is cut when it grows, so that no pipe can stop it.

The file is opened for appending, so that it can be copied and emptied while the engine writes; a line that comes
between the two is lost.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAX_LOG_BYTES = 16 << 20
KEPT_LOGS = 4
_TAIL_BYTES = 16 << 10
_TAIL_LINES = 20
_MAX_LINE = 400
FAILURE = b"CONSENSUS FAILURE!!!"
"""What CometBFT says when it goes on without taking part in consensus."""

# What an engine says with its last words when its data contradict themselves or the application, that is by itself,
# at the beginning of a line: what others send stands within lines that begin with a level.
_DAMAGE = re.compile(
    rb"^(?:ERROR|panic|Load[A-Za-z]+): [^\n]*?"
    rb"(?:corrupt|BlockHeight \([0-9]+\) > |is higher than core|below block store base|reading block|unmarshal to )"
    rb"[^\n]*",
    re.MULTILINE | re.IGNORECASE,
)

# What it says when a peer that has proven its id connects while there is a connection with it.
_DOUBLED = re.compile(
    rb"^I\[[^\]\n]{1,40}\] Ignoring inbound connection: error while adding peer +module=p2p "
    rb'err="duplicate ID<([0-9a-f]{40})>"',
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class News:
    """What an engine has said since the last look.

    ``failure``: the line in which it left consensus, empty for none. ``doubled``: the peers whose connection it
    refused since it had one with them.
    """

    failure: str
    doubled: frozenset[bytes]


class EngineLog:
    """The log of one engine; used by one thread but for ``tail``.

    Args:
        path: its file; older parts are beside it with ``.1`` (the newest) and so on.
        maximum: bytes of a part.
    """

    def __init__(self, path: Path, maximum: int = MAX_LOG_BYTES) -> None:
        self._path = path
        self._maximum = maximum
        self._seen = 0  # up to where failures were looked for
        self._begun = 0  # where what this engine says begins

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Give the file for a new engine to append to; what was said before is no failure of the new one's."""
        self.rotate()
        with open(self._path, "ab", opener=_owner_only) as file:
            self._seen = self._begun = file.tell()
            yield file

    def rotate(self) -> None:
        """Begin a new part if this one is large."""
        try:
            if self._path.stat().st_size < self._maximum:
                return
        except FileNotFoundError:
            return
        for number in range(KEPT_LOGS - 1, 0, -1):
            older = self._part(number)
            if older.exists():
                older.replace(self._part(number + 1))
        shutil.copy2(self._path, self._part(1))
        os.truncate(self._path, 0)
        self._seen = self._begun = 0

    def news(self) -> News:
        """Return what of the engine's words since the last look its node has to act on."""
        with self._path.open("rb") as file:
            if file.seek(0, os.SEEK_END) < self._seen:
                self._seen = 0  # somebody else has emptied it
            file.seek(self._seen)
            said = file.read(self._maximum)
        whole = said[: said.rfind(b"\n") + 1]
        self._seen += len(whole)
        doubled = frozenset(bytes.fromhex(one.decode()) for one in _DOUBLED.findall(whole))
        at = whole.find(FAILURE)
        failure = "" if at < 0 else _shown(whole[whole.rfind(b"\n", 0, at) + 1 : whole.find(b"\n", at)])
        return News(failure, doubled)

    def damage(self) -> str:
        """Return the line in which an engine that has ended says that its data are damaged, empty if it did not."""
        with self._path.open("rb") as file:
            file.seek(self._begun)
            found = _DAMAGE.search(file.read(self._maximum))
        return _shown(found[0]) if found else ""

    def tail(self) -> tuple[str, ...]:
        """Return the last lines, each cut to a few hundred characters."""
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
                lines = file.read(_TAIL_BYTES).splitlines()
        except FileNotFoundError:
            return ()
        return tuple(_shown(line) for line in lines[-_TAIL_LINES:] if line.strip())

    def _part(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _shown(line: bytes) -> str:
    text = line[:_MAX_LINE].decode(errors="replace")
    return "".join(one if one.isprintable() else " " for one in text).strip()


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)

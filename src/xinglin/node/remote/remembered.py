"""What a client remembers of a chain from one run to the next (docs/spec/node-http.md, NH34; S6.2f).

The newest checkpoint with a quorum that it accepted, and the epochs that led to it, so that nodes that all show an old
or another chain are found out. A small file, read with care and checked as if a node had shown it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from xinglin.carrier.crypto.files import write_durably
from xinglin.kernel.errors import Integrity
from xinglin.node.remote.forms import Hex

MAX_BYTES = 32 << 20
"""More than epochs and a checkpoint ever have."""


class MemoryDamaged(Integrity):
    """What a client remembers of a chain is not what it wrote."""

    code, number, clause = "node.memory", 6383, "S6.2f"
    en = "What {file} remembers of the chain can't be used: {reason}."
    zh = "{file} 中所记的链信息不可用：{reason}。"
    hint_en = "Find out who changed it. Without the file the next command believes what its nodes show first."
    hint_zh = "请查明何人改动该文件。若无此文件，下一命令将采信其节点首先出示的内容。"


class Remembered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The canonical bytes of genesis and epochs, and the text of the newest checkpoint that was accepted, if any."""

    chain: str
    genesis: Hex
    epochs: list[Hex]
    checkpoint: str | None = None


class Memory(Protocol):
    """Where a client remembers."""

    def load(self) -> Remembered | None:
        """Return what was saved last, None where nothing was; raises MemoryDamaged."""
        ...

    def held(self) -> AbstractContextManager[None]:
        """Keep other processes from saving meanwhile; raises OSError."""
        ...

    def save(self, what: Remembered) -> None:
        """Remember durably, in place of what was before; raises OSError."""
        ...

    def damaged(self, reason: str) -> MemoryDamaged:
        """Return the refusal of what was saved."""
        ...


@dataclass(frozen=True, slots=True)
class FileMemory:
    """A client's memory in a file."""

    path: Path

    def load(self) -> Remembered | None:
        """See ``Memory``."""
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise self.damaged(fault.strerror or "-") from None
        try:
            return msgspec.json.decode(data, type=Remembered)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self.damaged("it is not in form") from None

    @contextmanager
    def held(self) -> Iterator[None]:
        """See ``Memory``; the lock is a file beside, since the file itself is replaced."""
        lock = self.path.with_name(f".{self.path.name}.lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def save(self, what: Remembered) -> None:
        """See ``Memory``."""
        write_durably(self.path, msgspec.json.encode(what))

    def damaged(self, reason: str) -> MemoryDamaged:
        """Return the refusal of this file."""
        return MemoryDamaged(file=str(self.path), reason=reason)

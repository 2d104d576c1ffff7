"""Alters files behind the back of whoever has them open, as a failing disk would: no commit, no lock."""

from __future__ import annotations

from pathlib import Path


def data_file(home: Path, chain: str) -> Path:
    """Return LMDB's data file of a chain."""
    return home / "chain" / chain / "data" / "data.mdb"


def alter(path: Path, old: bytes, new: bytes) -> int:
    """Replace bytes by others of the same length wherever they occur, and return how often that was."""
    assert len(old) == len(new)
    data = path.read_bytes()
    with path.open("r+b") as file:
        at = data.find(old)
        times = 0
        while at >= 0:
            file.seek(at)
            file.write(new)
            times += 1
            at = data.find(old, at + 1)
    return times


def flip(path: Path, offset: int, bit: int) -> None:
    """Flip one bit of a file; flipping it again restores it."""
    with path.open("r+b") as file:
        file.seek(offset)
        [byte] = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


def flipped(data: bytes) -> bytes:
    """Return bytes whose last bit is flipped."""
    return data[:-1] + bytes([data[-1] ^ 1])

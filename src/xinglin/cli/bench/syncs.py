"""Counts how often a committed block waits for the disk, as the kernel sees it (design D15).

A child commits blocks one at a time under ``strace``; two runs of different length are subtracted, so that opening and
closing don't count. Without ``strace`` the figure is not given.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_CALL = re.compile(r"^\d+ +(\w+)\((\d+)?")
_OPENED = re.compile(r"^\d+ +openat\(.*O_D?SYNC.*\) += (\d+)")
_SHORT, _LONG = 10, 60
_SYNCING = ("fsync", "fdatasync", "msync")


def syncs_per_block(folder: Path | None) -> float | None:
    """Return waits for the disk per committed block, None when ``strace`` is not on this machine."""
    if shutil.which("strace") is None:
        return None
    return (_syncs(_LONG, folder) - _syncs(_SHORT, folder)) / (_LONG - _SHORT)


def _syncs(blocks: int, folder: Path | None) -> int:
    with tempfile.TemporaryDirectory(prefix="xinglin-bench-", dir=folder) as scratch:
        trace = Path(scratch) / "trace"
        command = ["strace", "-f", "-qq", "-e", "trace=openat,pwrite64," + ",".join(_SYNCING), "-o", str(trace)]
        command += [sys.executable, "-m", __name__, str(blocks), scratch]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603  (strace, and this module)
        return count(trace.read_text(encoding="utf-8", errors="replace").splitlines())


def count(lines: list[str]) -> int:
    """Count syncing calls, and writes to files that were opened to sync with each write."""
    synced: set[str] = set()
    found = 0
    for line in lines:
        opened = _OPENED.match(line)
        if opened:
            synced.add(opened[1])
            continue
        call = _CALL.match(line)
        if call and (call[1] in _SYNCING or (call[1] == "pwrite64" and call[2] in synced)):
            found += 1
    return found


def main(blocks: int, folder: Path) -> None:
    """Commit so many blocks, one transaction each."""
    from xinglin.cli.bench.ledger import commit_blocks  # noqa: PLC0415  (which imports this module)

    commit_blocks(blocks, folder)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))

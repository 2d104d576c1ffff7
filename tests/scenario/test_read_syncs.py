"""The entry is on the disk before a byte of the record leaves: as the kernel sees it, with how many waits per read.

``strace`` shows the system calls of a child that reads (``tests/support/syncing_child.py``); without it, no test.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.product import child, child_environment
from tests.support.reading_town import make_town

READS = 12
SYNCING = ("fsync", "fdatasync", "msync")
CALL = re.compile(r"^\d+ +(?:<\.\.\. )?(\w+)\((\d+)<([^>]*)>(.*)$")
OPENED = re.compile(r"^\d+ +openat\(.*O_D?SYNC.*= (\d+)<")
MARK = re.compile(r'write\(2<[^>]*>, "mark (\w+) ?(\w*)')


@dataclass
class Read:
    """One read: of whom, and how often each of two chains was waited for, before and after the answer."""

    reader: str
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    answered: bool = False


def reads_of(lines: list[str]) -> Iterator[Read]:
    """Yield the reads that a trace shows, with the files that were waited for."""
    synced: set[str] = set()
    read: Read | None = None
    for line in lines:
        marked = MARK.search(line)
        opened = OPENED.match(line)
        call = CALL.match(line)
        if marked is not None:
            if marked[1] == "begin":
                read = Read(marked[2])
            elif read is not None and marked[1] == "answered":
                read.answered = True
            elif read is not None:
                yield read
                read = None
        elif opened is not None:
            synced.add(opened[1])
        elif read is not None and call is not None and _waited(call, synced):
            (read.after if read.answered else read.before).append(call[3])


def _waited(call: re.Match[str], synced: set[str]) -> bool:
    """Tell whether a call waits for the disk: one that syncs, or a write to a file that was opened to sync."""
    return call[1] in SYNCING or (call[1] == "pwrite64" and call[2] in synced)


def may_trace() -> bool:
    """Tell whether ``strace`` is here and may trace."""
    found = shutil.which("strace") is not None
    return found and subprocess.run(["strace", "-qq", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.requirement("H4", part="as the kernel sees it, on one machine")
@pytest.mark.skipif(not may_trace(), reason="strace is not on this machine, or may not trace")
def test_an_entry_is_on_the_disk_before_a_byte_is_answered(tmp_path: Path) -> None:
    folder, trace = make_town(tmp_path / "town"), tmp_path / "trace"
    chains = {name: tomllib.loads((folder / name / "config.toml").read_text())["private"]["id"] for name in ("a", "b")}
    command = ["strace", "-f", "-y", "-qq", "-s", "40", "-o", str(trace)]
    command += ["-e", "trace=openat,pwrite64,write," + ",".join(SYNCING)]
    command += child(folder, str(READS), module="tests.support.syncing_child")
    done = subprocess.run(command, env=child_environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-500:]
    reads = list(reads_of(trace.read_text(errors="replace").splitlines()))
    assert [one.reader for one in reads] == ["a"] * READS + ["b"] * READS
    for one in reads:
        assert any(chains["a"] in path for path in one.before), "no wait for the custodian's chain before the answer"
        if one.reader == "b":
            assert any(chains["b"] in path for path in one.before), "the twin was not on the disk before"
    # The least of them: a chain's own block, made meanwhile, is waited for in some.
    waits = {name: min(_waits(reads, name, chains)) for name in ("a", "b")}
    assert 1 <= waits["a"] <= 2
    assert waits["b"] <= 3 * waits["a"]  # the entry, and the twin opened and closed


def _waits(reads: list[Read], reader: str, chains: dict[str, str]) -> list[int]:
    """Return how often the private chains were waited for in each read of a hospital."""
    return [
        sum(any(chain in path for chain in chains.values()) for path in [*one.before, *one.after])
        for one in reads
        if one.reader == reader
    ]

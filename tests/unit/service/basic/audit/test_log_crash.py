"""Invariant 5: an access entry whose logging was answered survives ``kill -9``, at the place that the answer gave.

``XINGLIN_CRASHES`` says how often a process that logs entries is killed (4).
"""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.support.access_child import RECORDS
from tests.support.product import child, child_environment, findings, make_hospital, opened
from xinglin.node.records.access import open_trace

CRASHES = int(os.environ.get("XINGLIN_CRASHES", "4"))


@pytest.mark.requirement("H4", "S9.1")
def test_what_was_answered_survives_a_kill(tmp_path: Path, seeded: random.Random) -> None:
    home = make_hospital(tmp_path / "home")
    answered: list[list[str]] = []
    for _ in range(CRASHES):
        answered += log_and_kill(home, seeded.randrange(1, 120))
        with opened(home) as node, open_trace(node) as trace:
            for index, item, hash_, record in answered:
                row = trace.entry(bytes.fromhex(hash_))
                assert row is not None, f"{len(answered)} answered, entry {index} {item} is gone"
                assert (row.index, row.item, row.entry.commitment.hex()) == (int(index), int(item), record)
            assert all(trace.completeness(record).complete for record in RECORDS)
            logged = sum(trace.completeness(record).found for record in RECORDS)
            assert logged >= len(answered)
    assert len(answered) >= CRASHES
    assert findings(home) == []


def log_and_kill(home: Path, lines: int) -> list[list[str]]:
    """Let a child log, kill it after so many answers, and return every answer that it told."""
    command = child(home, module="tests.support.access_child")
    with subprocess.Popen(command, env=child_environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        told += process.stdout.readlines()
    assert all(told), "the child ended by itself"
    return [line.split() for line in told if line.endswith("\n")]

"""Readers in a process of their own: they read what is permitted, are told what is not, and end with who asked them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.reading_home import ReadingHome, make_reading_hospital, reading_home
from xinglin.cli.bench.apart import readers_apart
from xinglin.node.office.consents import revoke
from xinglin.service.basic.reading.errors import RequestReplayed


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadingHome]:
    """Let a hospital serve."""
    path: Path = make_reading_hospital(tmp_path_factory.mktemp("apart") / "home")
    with reading_home(path) as serving:
        yield serving


def refuse(request: bytes, valid_until: int, now: int) -> None:
    """Let no request in."""
    raise RequestReplayed


@pytest.mark.timeout(120)
def test_readers_apart(home: ReadingHome) -> None:
    note, given, private = home.note(0), home.consent(), home.archive.node.private_ledger()
    with readers_apart(home.serving, home.reader, 2, note) as apart:
        before = private.tip.log_size
        seconds, processor, latencies = apart.read([[note] * 3, [note]])
        assert len(latencies) == 4
        assert 0 < max(latencies) <= seconds * 1000
        assert processor > 0
        assert before < private.tip.log_size <= before + 4  # each is on record, several in one transaction
        revoke(home.archive.node, given)
        with pytest.raises(AssertionError, match=r"permit\.revoked"):
            apart.read([[note], []])
    assert not multiprocessing.active_children()


@pytest.mark.timeout(120)
def test_a_reader_whose_requests_nobody_looks_at_is_told(home: ReadingHome, monkeypatch: pytest.MonkeyPatch) -> None:
    note, given = home.note(0), home.consent()
    with readers_apart(home.serving, home.reader, 1, note) as apart:
        monkeypatch.setattr(home.serving.custodian._parts.seen, "once", refuse)
        with pytest.raises(AssertionError, match=r"reading\.answer"):
            apart.read([[note]])
    revoke(home.archive.node, given)

"""Entries of many segments, read together: one file open at a time, and nothing called gone that is out of reach."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from xinglin.service.lifecycle.storage.errors import StorageUnreadable
from xinglin.service.lifecycle.storage.segments import START, Location, Segments


@pytest.fixture
def places(tmp_path: Path) -> list[tuple[bytes, Location]]:
    """Return forty entries, each in a segment of its own."""
    segments, after, places = Segments(tmp_path, segment_bytes=1), START, []
    for number in range(40):
        record = number.to_bytes(16, "big")
        [after] = segments.append(after, [record], [bytes([number])])
        places.append((record, after))
    return places


def test_one_segment_is_open_at_a_time(
    tmp_path: Path, places: list[tuple[bytes, Location]], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    most: list[int] = []
    open_, close = os.open, os.close

    def counted(path: str, flags: int) -> int:
        opened.append(open_(path, flags))
        most.append(len(opened))
        return opened[-1]

    def closed(descriptor: int) -> None:
        opened.remove(descriptor)
        close(descriptor)

    monkeypatch.setattr(os, "open", counted)
    monkeypatch.setattr(os, "close", closed)
    asked = [*reversed(places), *places]
    found = Segments(tmp_path).read_many(asked)
    assert found == [record[-1:] for record, _ in asked]
    assert (max(most), len(most), opened) == (1, len(places), [])


@pytest.mark.parametrize("reason", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_what_can_not_be_opened_now_is_not_called_gone(
    tmp_path: Path, places: list[tuple[bytes, Location]], monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    def refuse(path: str, flags: int) -> int:
        raise OSError(reason, os.strerror(reason), path)

    segments = Segments(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(StorageUnreadable):
            segments.read_many(places)
        with pytest.raises(StorageUnreadable):
            segments.overwrite(places[0][0], [places[0][1]])
    assert segments.read(*places[0]) == b"\0"
    Path(segments.path(places[0][1].segment)).unlink()
    assert segments.read(*places[0]) is None

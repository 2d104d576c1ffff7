"""Segment files: sealed records one after the other, written once, synced once for each chunk (D10; S6.2d).

An entry describes itself: magic, length, record id, sealed bytes (docs/spec/vault.md). A segment takes entries until
it has reached its size, then the next one begins. This module knows no key and no index: whoever calls says where
the last committed entry ends, and everything behind that is what a crash left.
"""

from __future__ import annotations

import errno
import os
import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from xinglin.carrier.crypto.files import sync_folder
from xinglin.service.lifecycle.storage.disk import writing
from xinglin.service.lifecycle.storage.errors import StorageUnreadable

_HEADER = struct.Struct(">4sI16s")
_MAGIC = b"XVE1"
_NAME = re.compile(r"\A([0-9]{8})\.seg\Z")
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
"""What the system says when it has run out of something: the file may be there and whole."""
DEFAULT_SEGMENT_BYTES = 64 * 1024 * 1024
"""A segment that has reached this many bytes takes no further chunk."""


class Location(msgspec.Struct, frozen=True, gc=False):
    """Where an entry is: segment from 1, offset of its header, length of the sealed bytes."""

    segment: int
    offset: int
    length: int

    @property
    def end(self) -> int:
        """The offset behind the entry."""
        return self.offset + _HEADER.size + self.length

    def next(self, length: int) -> Location:
        """Return where an entry right behind this one is."""
        return Location(self.segment, self.end, length)

    def next_segment(self, length: int) -> Location:
        """Return where the first entry of the following segment is."""
        return Location(self.segment + 1, 0, length)


START = Location(1, -_HEADER.size, 0)
"""What precedes the first entry: an entry of no bytes that ends at offset 0."""


class Segments:
    """The segment files of one vault.

    Args:
        folder: where they are; it exists.
        segment_bytes: the size at which a segment is full.
    """

    def __init__(self, folder: Path, segment_bytes: int = DEFAULT_SEGMENT_BYTES) -> None:
        self.folder = folder
        self._segment_bytes = segment_bytes

    def append(self, after: Location, records: Sequence[bytes], sealed: Sequence[bytes]) -> list[Location]:
        """Write entries behind the entry ``after`` and sync them; what was there is overwritten.

        Args:
            after: the last committed entry.
            records: record ids, 16 bytes each; at least one.
            sealed: the sealed bytes of each.

        Returns: where each entry is, in order.

        Raises:
            StorageUnwritable: the disk refuses; nothing counts as written.
        """
        full = after.end >= self._segment_bytes
        locations: list[Location] = []
        pieces: list[bytes] = []
        for record, content in zip(records, sealed, strict=True):
            after = after.next_segment(len(content)) if full else after.next(len(content))
            full = False
            locations.append(after)
            pieces += (_HEADER.pack(_MAGIC, len(content), record), content)
        self._write(locations[0], b"".join(pieces))
        return locations

    def read(self, record: bytes, location: Location) -> bytes | None:
        """Return the sealed bytes of an entry; None when nothing of this record and length is there.

        Raises:
            StorageUnreadable: the system can't open the file now, which tells nothing of the entry.
        """
        return self.read_many([(record, location)])[0]

    def read_many(self, entries: Sequence[tuple[bytes, Location]]) -> list[bytes | None]:
        """Return the sealed bytes of entries, each (record, where it is), as ``read``; one segment is open at once."""
        of_segment: dict[int, list[int]] = {}
        for place, (_, at) in enumerate(entries):
            of_segment.setdefault(at.segment, []).append(place)
        found: dict[int, bytes | None] = {}
        for number, places in of_segment.items():
            with self._opened(number) as descriptor:
                found |= {place: _entry(descriptor, *entries[place]) for place in places}
        return [found[place] for place in range(len(entries))]

    @contextmanager
    def _opened(self, number: int) -> Iterator[int | None]:
        """Give the descriptor of a segment, None when there is no file to be read."""
        try:
            descriptor = os.open(self.path(number), os.O_RDONLY)
        except OSError as fault:
            if fault.errno in _EXHAUSTED:
                raise StorageUnreadable(file=self.path(number), what=fault.strerror or "-") from None
            descriptor = None
        try:
            yield descriptor
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def overwrite(self, record: bytes, locations: Sequence[Location]) -> None:
        """Overwrite the sealed bytes of a record's entries with zeros and sync them; their headers stay.

        Nothing is written where no entry of this record and length is.

        Raises:
            StorageUnwritable: the disk refuses.
        """
        for location in locations:
            if self.read(record, location) is not None:
                self._write(location, _HEADER.pack(_MAGIC, location.length, record) + bytes(location.length))

    def cut(self, after: Location) -> None:
        """Remove what a crash left behind the last committed entry.

        Raises:
            StorageUnwritable: the disk refuses.
        """
        with writing(self.folder):
            for segment in self.numbers():
                if segment >= after.segment:
                    _truncate(self.path(segment), after.end if segment == after.segment else 0)

    def end(self) -> Location:
        """Return an empty entry at the very end of the files, for a vault that can't tell its last one."""
        numbers = self.numbers()
        if not numbers:
            return START
        return Location(numbers[-1], Path(self.path(numbers[-1])).stat().st_size - _HEADER.size, 0)

    def numbers(self) -> list[int]:
        """Return the numbers of the segments that are there, ascending."""
        matches = (_NAME.match(path.name) for path in self.folder.iterdir())
        return sorted(int(match[1]) for match in matches if match)

    def strangers(self) -> list[str]:
        """Return the names in the folder that no segment has."""
        return sorted(path.name for path in self.folder.iterdir() if not _NAME.match(path.name))

    def path(self, segment: int) -> str:
        """Return the path of a segment's file."""
        return f"{self.folder}/{segment:08d}.seg"

    def _write(self, first: Location, data: bytes) -> None:
        path, start = self.path(first.segment), first.offset
        with writing(Path(path)):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                written = os.pwrite(descriptor, data, start)
                while written < len(data):
                    written += os.pwrite(descriptor, data[written:], start + written)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if start == 0:
                sync_folder(self.folder)


def _truncate(path: str, size: int) -> None:
    if Path(path).stat().st_size <= size:
        return
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.ftruncate(descriptor, size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _entry(descriptor: int | None, record: bytes, at: Location) -> bytes | None:
    size = _HEADER.size + at.length
    try:
        entry = b"" if descriptor is None else os.pread(descriptor, size, at.offset)
    except OSError:
        return None
    header = _HEADER.pack(_MAGIC, at.length, record)
    return entry[_HEADER.size :] if len(entry) == size and entry.startswith(header) else None

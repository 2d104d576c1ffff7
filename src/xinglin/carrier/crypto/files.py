"""Writes files durably: temporary file, sync, rename, sync of the folder. The one place that does so (style 11)."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_counter = itertools.count()


def write_durably(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a whole file so that a crash at any point leaves the old content or the new, never a mixture.

    Any number of threads and processes may write the same path: the last one's content stays, whole. What a crash
    leaves beside it is hidden and ends in ``.tmp``.

    Args:
        path: the file; its folder exists.
        data: its new content.
        mode: permission bits of the new file.
    """
    with _written_beside(path, data, mode) as temporary:
        temporary.replace(path)


def write_new_durably(path: Path, data: bytes, mode: int = 0o600) -> None:
    """As ``write_durably``, of a file that is not there yet: of all who write it at once, the first one's stays.

    Raises:
        FileExistsError: it is there; it was not changed.
    """
    with _written_beside(path, data, mode) as temporary:
        path.hardlink_to(temporary)  # a rename would take the place of what is there
        temporary.unlink()


def sync_folder(folder: Path) -> None:
    """Make renames and new names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _written_beside(path: Path, data: bytes, mode: int) -> Iterator[Path]:
    """Give a synced temporary file with these bytes, which the block puts in its place; it is gone where that fails."""
    temporary, descriptor = _new_beside(path, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _new_beside(path: Path, mode: int) -> tuple[Path, int]:
    """Make a temporary file that nobody else has, in the folder of ``path``, and return it with its descriptor."""
    while True:
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{next(_counter)}.tmp")
        try:
            return temporary, os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        except FileExistsError:
            continue  # left by a process that had the same number

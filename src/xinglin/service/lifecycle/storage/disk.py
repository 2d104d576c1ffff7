"""Turns the faults of a disk into errors of the family, in this one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xinglin.service.lifecycle.storage.errors import StorageExists, StorageUnwritable


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Do something to a file or folder.

    Raises:
        StorageExists: it should be new and is there already.
        StorageUnwritable: the disk refuses.
    """
    try:
        yield
    except FileExistsError:
        raise StorageExists(what=path.name) from None
    except OSError as error:
        raise StorageUnwritable(file=path.name, what=error.strerror or "I/O error") from None

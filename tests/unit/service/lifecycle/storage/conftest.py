"""Storage on the real disk, closed after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.storage_home import StorageHome


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StorageHome]:
    """Return a home's new vault and keyring, open."""
    home = StorageHome(tmp_path / "home").create()
    yield home
    home.close()

"""A hospital's home for tests of the commands, made once; commands find its passphrase by themselves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.product import make_hospital, record_ids, some_bundles, write_passphrase, xinglin


@dataclass(frozen=True)
class Place:
    """A home with some records, its passphrase file, and one bundle that it has and one that it lacks."""

    home: Path
    passphrase: Path
    known: Path
    other: Path
    record: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return the home; what a test refuses leaves it as it is."""
    folder = tmp_path_factory.mktemp("place")
    passphrase, home = write_passphrase(folder), make_hospital(folder / "home")
    known, other = some_bundles(folder / "bundles", 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XINGLIN_PASSPHRASE_FILE", str(passphrase))
        assert xinglin("record", "intake", "--home", home, known).status == 0
    return Place(home, passphrase, known, other, record_ids(home)[0])


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, place: Place, tmp_path: Path) -> None:
    """Run each test in an empty folder, in English, with the passphrase at hand and nothing else set."""
    for name in [name for name in os.environ if name.startswith("XINGLIN_") or name in ("LC_ALL", "LC_MESSAGES")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    monkeypatch.setenv("COLUMNS", "1000")
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(place.passphrase))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def copy(place: Place, tmp_path: Path) -> Iterator[Path]:
    """Return a copy of the home that a test may change."""
    home = tmp_path / "copy"
    shutil.copytree(place.home, home)
    yield home
    shutil.rmtree(home)

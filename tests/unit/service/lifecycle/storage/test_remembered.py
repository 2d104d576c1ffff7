"""Remembered answers, and the versions that they are as of: of a file, seen from here and from another process."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from xinglin.service.lifecycle.storage.database import Database, Whole
from xinglin.service.lifecycle.storage.errors import DatabaseDamaged
from xinglin.service.lifecycle.storage.remembered import Remembered, Versions

_tables = sa.MetaData()
_numbers = sa.Table("numbers", _tables, sa.Column("number", Whole, primary_key=True))


ANOTHER_PROCESS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("INSERT INTO numbers VALUES (2)")
connection.commit()
"""


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Return a database of one table."""
    made = Database(tmp_path / "numbers.sqlite", _tables, 1)
    made.create()
    return made


def add(database: Database, number: int) -> None:
    with database.transaction() as connection:
        database.insert(connection, _numbers, [(number,)])


def test_every_commit_makes_another_version(database: Database) -> None:
    first = database.version()
    assert database.version() == first
    database.fetch(sa.select(_numbers))
    assert database.version() == first
    add(database, 1)
    second = database.version()
    assert second != first
    subprocess.run([sys.executable, "-c", ANOTHER_PROCESS, str(database.path)], check=True)
    third = database.version()
    assert len({first, second, third}) == 3
    database.close()
    assert database.version() not in {first, second, third}  # nothing is known of the time in between
    database.close()


def test_a_file_that_is_no_database_has_no_version(database: Database) -> None:
    database.close()
    database.path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(DatabaseDamaged):
        database.version()
    database.close()
    assert sqlite3.sqlite_version


def test_an_answer_is_of_the_version_that_was_asked_before_it_was_made() -> None:
    version, made = [1], list[int]()
    remembered: Remembered[str, int] = Remembered(lambda: version[0], 2)

    def make() -> int:
        made.append(version[0])
        version[0] += len(made) == 1  # the first time, something changes while the answer is made
        return made[-1]

    assert [remembered.get("a", make) for _ in range(3)] == [1, 2, 2]
    version[0] = 1  # a thread that asked for its version before the change comes late
    assert remembered.get("a", make) == 1
    version[0] = 2
    assert remembered.get("a", make) == 2
    assert made == [1, 2, 1, 2]


def test_the_answer_that_was_not_asked_for_longest_goes() -> None:
    made: list[str] = []
    remembered: Remembered[str, str] = Remembered(lambda: 1, 2)
    for key in "abacab":
        assert remembered.get(key, lambda key=key: made.append(key) or key) == key  # type: ignore[misc,func-returns-value]
    assert made == ["a", "b", "c", "b"]


def test_an_answer_that_can_not_be_made_is_not_remembered() -> None:
    remembered: Remembered[str, float] = Remembered(lambda: 1, 2)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            remembered.get("a", lambda: 1 / 0)
    assert remembered.get("a", lambda: 1.0) == 1.0


def test_in_a_piece_of_work_each_store_is_asked_once() -> None:
    asked: list[str] = []

    def store(name: str) -> int:
        asked.append(name)
        return len(asked)

    versions = Versions(a=lambda: store("a"), b=lambda: store("b"))
    both, one = versions.of("a", "b"), versions.of("a")
    assert (both(), one()) == ((1, 2), (3,))
    with versions.held():
        assert (one(), both(), both()) == ((4,), (4, 5), (4, 5))
        with pytest.raises(AssertionError), versions.held():
            pass
    assert one() == (6,)
    assert asked == ["a", "b", "a", "a", "b", "a"]

"""The inbox of a home: one sealed row for each notice sent or received, in ``notices/inbox.sqlite`` (D13; H12)."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Annotated

import msgspec
import sqlalchemy as sa

from xinglin.kernel.encoding import Bytes16, ChainObject, Milliseconds, Natural, decode, encode
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.service.basic.notices.model import SignedAcknowledgement, SignedLetter
from xinglin.service.lifecycle.storage.database import Database
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys
from xinglin.service.lifecycle.storage.sealed_rows import SealedRow, SealedRows, sealed_table

FORMAT = 1
FILE = "inbox.sqlite"
PURPOSE = "notices"

_tables = sa.MetaData()
_notices = sealed_table("notices", _tables)


class Step(IntEnum):
    """How far a notice has come.

    A sent one: stored, logged on the private chain, delivered to the recipient's home, its signed acknowledgement
    here, done when that is on the chain too. A received one: stored, delivered when it is on the chain, signed, closed
    when the acknowledgement is on the chain, done when the sender has it.
    """

    STORED = 0
    LOGGED = 1
    DELIVERED = 2
    SIGNED = 3
    CLOSED = 4
    DONE = 5


OPEN = (Step.STORED, Step.LOGGED, Step.DELIVERED)
"""Steps before the acknowledgement."""


class Opening(ChainObject, frozen=True):
    """What opens H("subject", salt, person) of a notice to a patient."""

    salt: Bytes16
    person: Bytes16


class Kept(ChainObject, frozen=True, kw_only=True):
    """What a row holds. ``attempts``: how often handing over failed; ``next``: when to try again (ms)."""

    letter: SignedLetter
    opening: Annotated[tuple[Opening, ...], msgspec.Meta(max_length=1)] = ()
    acknowledgement: Annotated[tuple[SignedAcknowledgement, ...], msgspec.Meta(max_length=1)] = ()
    attempts: Natural = 0
    next: Milliseconds = 0


class NoticeStore:
    """Reads and writes the rows. Close it.

    Args:
        folder: the home's ``notices`` folder; made with the file when there is none.
        keys: of the home's keyring.
    """

    def __init__(self, folder: Path, keys: InstitutionKeys) -> None:
        self.database = Database(folder / FILE, _tables, FORMAT)
        self._rows = SealedRows(self.database, _notices, keys.sealer(PURPOSE))

    def open(self) -> None:
        """Open the file, made if there is none; raises as ``Database.open``."""
        self.database.open()

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def put(self, step: Step, kept: Kept) -> None:
        """Write a notice, new or further on, durably."""
        letter = kept.letter.letter
        self._rows.put(SealedRow(_name(letter.sender, letter.notice), int(step), encode(kept)))

    def get(self, sender: str, notice: str) -> tuple[Step, Kept] | None:
        """Return a notice by its sender and id, None when there is none.

        Raises:
            SealedRowDamaged: it was altered; so it is for every answer below.
        """
        row = self._rows.get(_name(sender, notice))
        return _opened(row) if row is not None else None

    def at_step(self, *steps: Step) -> list[tuple[Step, Kept]]:
        """Return the notices at these steps."""
        return [_opened(row) for row in self._rows.at_step(*map(int, steps))]

    def all(self) -> list[tuple[Step, Kept]]:
        """Return every notice."""
        return [_opened(row) for row in self._rows.all()]

    def damage(self) -> Iterator[PlatformError]:
        """Yield what is wrong with the file and its rows."""
        yield from self.database.damage()
        yield from self._rows.damaged()


def _name(sender: str, notice: str) -> bytes:
    return identifier_bytes(sender) + identifier_bytes(notice)


def _opened(row: SealedRow) -> tuple[Step, Kept]:
    return Step(row.step), decode(Kept, row.content)

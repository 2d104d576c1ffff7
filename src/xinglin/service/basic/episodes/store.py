"""Sealed episodes of a home: one sealed row each, in ``episodes/episodes.sqlite`` (D13; S1.1).

A row holds what opens the commitments on the chain: source and encounter, who the other side is.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Annotated

import msgspec
import sqlalchemy as sa

from xinglin.kernel.encoding import Bytes16, ChainObject, Digest, Identifier, Natural, decode, encode
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.service.basic.episodes.model import SealEpisode
from xinglin.service.lifecycle.storage.database import Database
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys
from xinglin.service.lifecycle.storage.sealed_rows import SealedRow, SealedRows, sealed_table

FORMAT = 1
FILE = "episodes.sqlite"
PURPOSE = "episodes"

_tables = sa.MetaData()
_episodes = sealed_table("episodes", _tables)


class Step(IntEnum):
    """How far an episode has come.

    Its set is drawn up; both sides have signed; sealed on the private chain and held; opened on the chain; released.
    """

    DRAFT = 0
    SIGNED = 1
    SEALED = 2
    OPENED = 3
    RELEASED = 4


class LateRecord(ChainObject, frozen=True):
    """A record that came after the sealing: its id and its commitment, in the order in which they were marked."""

    record: Bytes16
    commitment: Digest


class Kept(ChainObject, frozen=True, kw_only=True):
    """What a row holds.

    ``records`` and ``commitments``: the sealed set in order; ``last``: the row number of the vault's last record when
    it was drawn up; ``seen``: that of the last row that was marked as late. ``person_salt`` and ``statement`` open the
    commitment to the other side. ``seal`` is what both sides sign; its signatures are 64 zero bytes until they have.
    """

    episode: Identifier
    source: bytes
    encounter: bytes
    salt: Bytes16
    records: tuple[Bytes16, ...]
    commitments: tuple[Digest, ...]
    last: Natural
    seen: Natural
    person_salt: Bytes16
    statement: Annotated[bytes, msgspec.Meta(max_length=4096)]
    seal: SealEpisode
    late: tuple[LateRecord, ...] = ()


class EpisodeStore:
    """Reads and writes the rows. Close it.

    Args:
        folder: the home's ``episodes`` folder; made with the file when there is none.
        keys: of the home's keyring.
    """

    def __init__(self, folder: Path, keys: InstitutionKeys) -> None:
        self.database = Database(folder / FILE, _tables, FORMAT)
        self._rows = SealedRows(self.database, _episodes, keys.sealer(PURPOSE))

    def open(self) -> None:
        """Open the file, made if there is none; raises as ``Database.open``."""
        self.database.open()

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def put(self, step: Step, kept: Kept) -> None:
        """Write an episode, new or further on, durably."""
        self._rows.put(SealedRow(identifier_bytes(kept.episode), int(step), encode(kept)))

    def get(self, episode: str) -> tuple[Step, Kept] | None:
        """Return an episode, None when there is none.

        Raises:
            SealedRowDamaged: it was altered; so it is for every answer below.
        """
        row = self._rows.get(identifier_bytes(episode))
        return _opened(row) if row is not None else None

    def at_step(self, *steps: Step) -> list[tuple[Step, Kept]]:
        """Return the episodes at these steps."""
        return [_opened(row) for row in self._rows.at_step(*map(int, steps))]

    def all(self) -> list[tuple[Step, Kept]]:
        """Return every episode."""
        return [_opened(row) for row in self._rows.all()]

    def damage(self) -> Iterator[PlatformError]:
        """Yield what is wrong with the file and its rows."""
        yield from self.database.damage()
        yield from self._rows.damaged()


def _opened(row: SealedRow) -> tuple[Step, Kept]:
    return Step(row.step), decode(Kept, row.content)

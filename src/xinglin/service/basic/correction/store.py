"""What is under way of corrections: one sealed row each, in the same file as the vault's index (D13; H12).

A row is written in the commit that stores the corrected record, so that a crash after it is taken up.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

import sqlalchemy as sa

from xinglin.kernel.encoding import Bytes16, ChainObject, Digest, Identifier, Milliseconds, decode, encode
from xinglin.service.basic.correction.model import Reason
from xinglin.service.lifecycle.storage.errors import SealedRowDamaged
from xinglin.service.lifecycle.storage.sealed_rows import SealedRow, SealedRows, sealed_table
from xinglin.service.lifecycle.storage.vault import Vault

PURPOSE = "corrections"

_tables = sa.MetaData()
_corrections = sealed_table("corrections", _tables)


class Step(IntEnum):
    """How far a correction has come: the new version stored; linked on the private chain; everyone told."""

    STORED = 0
    LINKED = 1
    TOLD = 2


class Correction(ChainObject, frozen=True, kw_only=True):
    """One correction: which record by which, their commitments, why, on whose account, until when to acknowledge.

    ``batch`` registers the new version; ``salt`` makes the commitment to the patient who is told.
    """

    old: Bytes16
    new: Bytes16
    old_commitment: Digest
    new_commitment: Digest
    batch: Identifier
    reason: Reason
    account: Identifier
    due: Milliseconds
    salt: Bytes16


class CorrectionStore:
    """Reads and writes the rows in a vault's file.

    Args:
        vault: the home's vault, opened.
    """

    def __init__(self, vault: Vault) -> None:
        self._rows = SealedRows(vault.database, _corrections, vault.keyring.keys.sealer(PURPOSE))

    def prepare(self) -> None:
        """Make the table if it is not there."""
        self._rows.prepare()

    def add(self, connection: sa.Connection, correction: Correction) -> None:
        """Write a new correction inside the transaction that stores its record."""
        self._rows.write(connection, _row(Step.STORED, correction))

    def put(self, step: Step, correction: Correction) -> None:
        """Write how far a correction has come, durably."""
        self._rows.put(_row(step, correction))

    def of(self, new: bytes) -> tuple[Step, Correction] | None:
        """Return the correction that made a record (its id, 16 bytes), None when none did.

        Raises:
            SealedRowDamaged: it was altered; so it is for every answer below.
        """
        row = self._rows.get(new)
        return _opened(row) if row is not None else None

    def at_step(self, *steps: Step) -> list[tuple[Step, Correction]]:
        """Return the corrections at these steps."""
        return [_opened(row) for row in self._rows.at_step(*map(int, steps))]

    def all(self) -> list[tuple[Step, Correction]]:
        """Return every correction; none before the first."""
        return [_opened(row) for row in self._rows.all()]

    def damaged(self) -> Iterator[SealedRowDamaged]:
        """Yield the rows that were altered."""
        return self._rows.damaged()


def _row(step: Step, correction: Correction) -> SealedRow:
    return SealedRow(correction.new, int(step), encode(correction))


def _opened(row: SealedRow) -> tuple[Step, Correction]:
    return Step(row.step), decode(Correction, row.content)

"""The keyring: the institution key, a key for each patient, the secrets of each record (D10; S8.2d, S7.1b2).

Apart from the vault, so that neither alone opens a record. Destroying a patient's row destroys all of the patient's
records, destroying a record's row that record; deleted rows are overwritten. Never knows where a record is or what
it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from xinglin.carrier.crypto.suite import Suite
from xinglin.kernel.encoding import decode, pack
from xinglin.kernel.errors import Integrity, Invalid, PlatformError
from xinglin.service.lifecycle.storage.database import Blob, Database, Whole
from xinglin.service.lifecycle.storage.errors import KeyMissing, KeyRowDamaged, RootKeyRefused, StorageMissing
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys, Randomness
from xinglin.service.lifecycle.storage.model import RecordSecrets

FORMAT = 1
ROOT_BYTES = 32
_CACHED_PATIENTS = 10_000
_SLICE = 1_000

_tables = sa.MetaData()
_root = sa.Table(
    "root",
    _tables,
    sa.Column("number", Whole, primary_key=True, autoincrement=False),
    sa.Column("wrapped", Blob, nullable=False),
)
_patients = sa.Table(
    "patients",
    _tables,
    sa.Column("number", Whole, primary_key=True, autoincrement=False),
    sa.Column("subject", Blob, nullable=False, unique=True),
    sa.Column("wrapped", Blob, nullable=False),
)
_records = sa.Table(
    "records",
    _tables,
    sa.Column("number", Whole, primary_key=True, autoincrement=False),
    sa.Column("patient", Whole, nullable=False, index=True),
    sa.Column("handle", Blob, nullable=False, unique=True),
    sa.Column("sealed", Blob, nullable=False),
)


_with_patients = sa.select(
    _records.c.number, _records.c.patient, _records.c.sealed, _patients.c.subject, _patients.c.wrapped
).outerjoin_from(_records, _patients, _records.c.patient == _patients.c.number)
_some_records = _with_patients.where(_records.c.number.in_(sa.bindparam("numbers", expanding=True)))
_by_subjects = (
    sa.select(_records.c.number)
    .join_from(_records, _patients, _records.c.patient == _patients.c.number)
    .where(_patients.c.subject.in_(sa.bindparam("subjects", expanding=True)))
    .order_by(_records.c.number)
)
_by_handle = sa.select(_records.c.number).where(_records.c.handle == sa.bindparam("handle"))
_remove_record = _records.delete().where(_records.c.number == sa.bindparam("row"))
_remove_patient = _patients.delete().where(
    _patients.c.number == sa.bindparam("row"),
    ~sa.exists(sa.select(_records.c.number).where(_records.c.patient == _patients.c.number)),
)
_some_patients = sa.select(_patients).where(_patients.c.number.between(sa.bindparam("first"), sa.bindparam("last")))
_next_patient = sa.select(sa.func.min(_patients.c.number)).where(_patients.c.number >= sa.bindparam("first"))


class NewSecrets(msgspec.Struct, frozen=True, gc=False):
    """The secrets of a record to be kept; ``patient`` is whose record it is: (source system, logical id or empty)."""

    record: bytes
    patient: tuple[bytes, bytes]
    secrets: RecordSecrets


@dataclass(frozen=True, slots=True)
class _Patient:
    number: int
    subject: bytes
    key: bytes


class Keyring:
    """One home's keyring. Use from any thread; one thread writes at a time (the vault sees to it)."""

    def __init__(self, database: Database, keys: InstitutionKeys, randomness: Randomness) -> None:
        self._database = database
        self.keys = keys
        self._randomness = randomness
        self._patient_sealer = keys.sealer("patient")
        self._known: dict[bytes, _Patient] = {}

    @classmethod
    def create(cls, folder: Path, suite: Suite, encrypt: Callable[[bytes], bytes], randomness: Randomness) -> Keyring:
        """Make a keyring with a new institution key.

        Args:
            folder: the home's ``keyring`` folder; it exists.
            suite: the home's suite.
            encrypt: encrypts the institution key to the key store.
            randomness: where keys come from.

        Raises:
            StorageExists: there is a keyring.
            StorageUnwritable: the disk refuses.
        """
        database = _database(folder)
        database.create()
        root = randomness(ROOT_BYTES)
        with database.transaction() as connection:
            database.insert(connection, _root, [(1, encrypt(root))])
        return cls(database, InstitutionKeys(suite, root), randomness)

    @classmethod
    def open(cls, folder: Path, suite: Suite, decrypt: Callable[[bytes], bytes], randomness: Randomness) -> Keyring:
        """Open a keyring.

        Args:
            folder: the home's ``keyring`` folder.
            suite: the home's suite.
            decrypt: decrypts what ``create`` encrypted; raises a PlatformError when it does not open.
            randomness: where keys of new patients come from.

        Raises:
            StorageMissing: there is no keyring.
            RootKeyRefused: the institution key does not open with this key store.
            DatabaseDamaged: the file is damaged.
        """
        database = _database(folder)
        database.check()
        with database.transaction() as connection:
            wrapped = connection.execute(sa.select(_root.c.wrapped)).scalars().all()
        if not wrapped:
            raise StorageMissing(what="institution key in the keyring")
        try:
            root = decrypt(wrapped[0])
        except (Integrity, Invalid):
            raise RootKeyRefused from None
        return cls(database, InstitutionKeys(suite, root), randomness)

    def close(self) -> None:
        """Close the keyring."""
        self._database.close()

    def add(self, first: int, secrets: Sequence[NewSecrets]) -> None:
        """Keep the secrets of records, durably; makes a key for each patient seen for the first time.

        Args:
            first: the row number of the first record; rows from here on that a crash left are replaced.
            secrets: of the records in order.

        Raises:
            StorageUnwritable: the disk refuses; nothing was kept.
            KeyRowDamaged: the key of a patient who was there before was altered.
        """
        with self._database.transaction() as connection:
            patients = self._patients_of(connection, [one.patient for one in secrets])
            sealed = self.keys.suite.seal_many(
                [patient.key for patient in patients],
                [pack(one.secrets) for one in secrets],
                [
                    _record_aad(number, patient.number, one.record)
                    for number, (patient, one) in enumerate(zip(patients, secrets, strict=True), first)
                ],
            )
            handles = self.keys.lookups([_handle(one.secrets.handle) for one in secrets])
            connection.execute(_records.delete().where(_records.c.number >= first))
            rows = [
                (number, patient.number, handle, content)
                for number, (patient, handle, content) in enumerate(zip(patients, handles, sealed, strict=True), first)
            ]
            self._database.insert(connection, _records, rows)
        # Only now: had the commit failed, these patients would not be there.
        if len(self._known) > _CACHED_PATIENTS:
            self._known.clear()
        self._known.update((patient.subject, patient) for patient in patients)

    def remove_after(self, last: int) -> None:
        """Remove the secrets of rows behind ``last``, which a crash left."""
        with self._database.transaction() as connection:
            connection.execute(_records.delete().where(_records.c.number > last))

    def destroy(self, numbers: Sequence[int]) -> None:
        """Remove the secrets of rows, and the keys of patients who have no others; rows that are gone are no error.

        What SQLite keeps of them in the file goes with ``scrub``.
        """
        rows = self._rows(numbers) if numbers else {}
        if not rows:
            return
        with self._database.transaction() as connection:
            connection.execute(_remove_record, [{"row": number} for number in rows])
            connection.execute(_remove_patient, [{"row": patient} for patient in {row[1] for row in rows.values()}])
        self._known.clear()

    def holding(self, numbers: Sequence[int]) -> set[int]:
        """Return those of the row numbers whose secrets are here."""
        return set(self._rows(numbers)) if numbers else set()

    def scrub(self) -> None:
        """Leave nothing of removed rows in the file; see ``Database.scrub``."""
        self._database.scrub()

    def secrets_of(self, records: Sequence[tuple[int, bytes]]) -> list[RecordSecrets | KeyMissing | KeyRowDamaged]:
        """Return for each (number, record id) its secrets or why they can't be had."""
        rows = self._rows([number for number, _ in records])
        patients = self._open_patients({row[1]: row[3:] for row in rows.values()})
        found: list[RecordSecrets | KeyMissing | KeyRowDamaged] = []
        good: list[tuple[int, bytes, bytes, bytes]] = []
        for place, (number, record) in enumerate(records):
            row = rows.get(number)
            patient = patients[row[1]] if row is not None else None
            if row is None or patient is None:
                found.append(KeyMissing(number=number))
            elif isinstance(patient, KeyRowDamaged):
                found.append(patient)
            else:
                found.append(KeyRowDamaged(table="records", number=number))
                good.append((place, patient.key, row[2], _record_aad(number, patient.number, record)))
        opened = self.keys.suite.open_many([one[1] for one in good], [one[2] for one in good], [one[3] for one in good])
        for one, content in zip(good, opened, strict=True):
            with suppress(Invalid):
                found[one[0]] = decode(RecordSecrets, content or b"")
        return found

    def numbers_of(self, patients: Sequence[tuple[bytes, bytes]]) -> list[int]:
        """Return the row numbers of the records of patients, each (source system, logical id), ascending."""
        subjects = self.keys.lookups([(b"patient", *one) for one in patients])
        return [row[0] for row in self._database.fetch_in(_by_subjects, subjects)]

    def number_of(self, handle: bytes) -> int | None:
        """Return the row number of the record that locators name by a handle of 16 bytes, None when there is none.

        The index isn't sealed to its row: whoever uses it compares the secrets' own handle.
        """
        found = self._database.fetch(_by_handle, self.keys.lookups([_handle(handle)])[0])
        return found[0][0] if found else None

    def _rows(self, numbers: Sequence[int]) -> dict[int, tuple[Any, ...]]:
        rows = self._database.fetch_in(_some_records, numbers)
        return {row[0]: row for row in rows}

    def findings(self) -> Iterator[PlatformError]:
        """Yield what is wrong with the file and the patients' rows; records are looked at with the vault's."""
        damage = self._database.damage()
        yield from damage
        if damage:
            return
        start = self._database.fetch(_next_patient, 0)[0][0]
        while start is not None:
            rows = self._database.fetch(_some_patients, start, start + _SLICE - 1)
            opened = zip(rows, (self._open_patient(*row) for row in rows), strict=True)
            yield from (
                KeyRowDamaged(table="patients", number=row[0]) for row, one in opened if not isinstance(one, _Patient)
            )
            start = self._database.fetch(_next_patient, start + _SLICE)[0][0]

    def _patients_of(self, connection: sa.Connection, wanted: Sequence[tuple[bytes, bytes]]) -> list[_Patient]:
        distinct = list(dict.fromkeys(wanted))
        subjects = self.keys.lookups([(b"patient", *one) for one in distinct])
        missing = [subject for subject in subjects if subject not in self._known]
        found = {subject: self._known[subject] for subject in subjects if subject in self._known}
        query = sa.select(_patients).where(_patients.c.subject.in_(missing))
        for row in connection.execute(query).all() if missing else []:
            patient = self._open_patient(*row)
            if not isinstance(patient, _Patient):
                raise KeyRowDamaged(table="patients", number=row.number)
            found[patient.subject] = patient
        self._make_patients(connection, [subject for subject in missing if subject not in found], found)
        by_wanted = {one: found[subject] for one, subject in zip(distinct, subjects, strict=True)}
        return [by_wanted[one] for one in wanted]

    def _make_patients(
        self, connection: sa.Connection, subjects: Sequence[bytes], found: dict[bytes, _Patient]
    ) -> None:
        if not subjects:
            return
        last = connection.execute(sa.select(sa.func.max(_patients.c.number))).scalar_one() or 0
        rows = []
        for number, subject in enumerate(subjects, last + 1):
            patient = _Patient(number, subject, self._randomness(self.keys.suite.key_size))
            found[subject] = patient
            rows.append((number, subject, self._patient_sealer.seal(patient.key, _patient_aad(number, subject))))
        self._database.insert(connection, _patients, rows)

    def _open_patient(self, number: int, subject: bytes, wrapped: bytes) -> _Patient | KeyRowDamaged | None:
        return self._open_patients({number: (subject, wrapped)})[number]

    def _open_patients(self, rows: Mapping[int, tuple[Any, ...]]) -> dict[int, _Patient | KeyRowDamaged | None]:
        """Return for each number, with (subject, wrapped key), the patient; None where the row is not there."""
        there = {number: row for number, row in rows.items() if row[1]}
        keys = self._patient_sealer.open_many(
            [wrapped for _, wrapped in there.values()],
            [_patient_aad(number, subject) for number, (subject, _) in there.items()],
        )
        opened = {
            number: KeyRowDamaged(table="patients", number=number) if key is None else _Patient(number, row[0], key)
            for (number, row), key in zip(there.items(), keys, strict=True)
        }
        return {number: opened.get(number) for number in rows}


def _handle(handle: bytes) -> tuple[int | bytes, ...]:
    return (b"handle", handle)


def _database(folder: Path) -> Database:
    return Database(folder / "keyring.sqlite", _tables, FORMAT)


def _patient_aad(number: int, subject: bytes) -> bytes:
    return pack(("patient", number, subject))


def _record_aad(number: int, patient: int, record: bytes) -> bytes:
    return pack(("record", number, patient, record))

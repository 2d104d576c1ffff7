"""Looks for what must be gone after a record's destruction in every file of a home (invariant 6), byte by byte.

Needles are taken while the record stands: its key, salts and handle; its plaintext; and the sealed bytes in which a
home keeps them, since whoever still has the patient's or the institution's key opens a forgotten copy of these. A
sealed needle is looked for by all its pieces of 16 bytes, because half a copy tells half of it. ``Trial`` goes further:
it tries to open secrets at every position of a file.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from xinglin.kernel.encoding import decode, encode, pack
from xinglin.kernel.errors import Invalid
from xinglin.node.records.access import open_trace
from xinglin.node.records.archive import Archive
from xinglin.service.basic.correction.store import CorrectionStore
from xinglin.service.basic.episodes.store import EpisodeStore
from xinglin.service.basic.notices.store import NoticeStore
from xinglin.service.lifecycle.storage.model import RecordSecrets, StoredRecord
from xinglin.service.lifecycle.storage.vault import OpenedRecord, location_of

PIECE = 16


@dataclass(frozen=True)
class Needles:
    """What to look for, by what it is; each as the byte strings that would tell it."""

    forms: dict[str, list[bytes]] = field(default_factory=dict)

    def found_in(self, home: Path) -> list[tuple[str, str]]:
        """Return (what, file) for everything that is found in a home's files."""
        found = []
        for path in sorted(path for path in home.rglob("*") if path.is_file()):
            data = path.read_bytes()
            found += [(what, str(path.relative_to(home))) for what, forms in self.forms.items() if _has(data, forms)]
        return found


def _has(data: bytes, forms: Sequence[bytes]) -> bool:
    return any(form in data for form in forms)


def needles_of(archive: Archive, stored: StoredRecord) -> Needles:
    """Return the needles of a record that stands."""
    vault = archive.vault
    secrets = vault.keyring.secrets_of([(stored.number, stored.record)])[0]
    opened = vault.open_many([stored])[0]
    assert isinstance(secrets, RecordSecrets)
    assert isinstance(opened, OpenedRecord)
    forms = {
        name: _spelt(value)
        for name, value in (
            ("key", secrets.key),
            ("salt_r", secrets.salt_original),
            ("salt_d", secrets.salt_copy),
            ("handle", secrets.handle),
        )
    }
    original = opened.parts.original[1]
    forms["plaintext"] = list(_pieces(original)) + [form for piece in _pieces(original) for form in _spelt(piece)[1:]]
    if opened.parts.copy[1]:
        forms["copy in plain"] = list(_pieces(opened.parts.copy[1]))
    at = location_of(stored.details)
    forms["sealed original"] = list(_pieces(vault.segments.read(stored.record, at) or b""))
    if stored.details.copy_length:
        sealed = vault.segments.read(stored.record, at.next(stored.details.copy_length))
        forms["sealed copy"] = list(_pieces(sealed or b""))
    forms["sealed secrets"] = list(_pieces(sealed_secrets(archive, stored)))
    forms["sealed row"] = list(_pieces(_cell(vault.database.engine, "records", stored.number)))
    return Needles(forms)


def sealed_secrets(archive: Archive, stored: StoredRecord) -> bytes:
    """Return the sealed secrets of a record as the keyring has them."""
    engine = sa.create_engine(f"sqlite:///{archive.node.home.keyring / 'keyring.sqlite'}")
    try:
        return _cell(engine, "records", stored.number)
    finally:
        engine.dispose()


def _cell(engine: sa.Engine, table: str, number: int) -> bytes:
    with engine.connect() as connection:
        found = connection.exec_driver_sql(f"SELECT sealed FROM {table} WHERE number = ?", (number,)).scalar_one()  # noqa: S608
    assert isinstance(found, bytes)
    return found


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data) - PIECE + 1, PIECE):
        yield data[start : start + PIECE]


def _spelt(value: bytes) -> list[bytes]:
    """Return bytes as they are, in hexadecimal and in base64 wherever they begin in it."""
    forms = [value, value.hex().encode(), value.hex().upper().encode(), value.decode("latin-1").encode("utf-16-le")]
    for before in range(3):
        whole = base64.b64encode(bytes(before) + value).rstrip(b"=")
        forms.append(whole[(before * 8 + 5) // 6 : (before + len(value)) * 8 // 6])
    return forms


def opened_elsewhere(archive: Archive) -> Iterator[tuple[str, bytes]]:
    """Yield (where, bytes) of what a home keeps sealed outside its vault, opened: for who has the home's keys too."""
    home, keys = archive.node.home, archive.vault.keyring.keys
    for name in archive.quarantine.names():
        yield f"quarantine {name}", archive.quarantine.original(name) + archive.quarantine.outcome(name)
    for registration in (row for one in archive.persons.persons() for row in archive.persons.registrations_of(one)):
        yield "patient index", pack(registration)
    for decision in archive.persons.record():
        yield "decisions", pack(decision)
    for store, kept in ((NoticeStore(home.notices, keys), "notices"), (EpisodeStore(home.episodes, keys), "episodes")):
        store.open()
        try:
            for _, one in store.all():
                yield kept, encode(one)
        finally:
            store.close()
    for _, correction in CorrectionStore(archive.vault).all():
        yield "corrections", encode(correction)
    with open_trace(archive.node) as trace:
        for row in trace.entries_of([one.details.commitment for one in _rows(archive)]):
            yield "accesses", row.raw


def _rows(archive: Archive) -> Iterator[StoredRecord]:
    for part in archive.vault.index.slices(1, archive.vault.index.last_number()):
        yield from (one for one in part if isinstance(one, StoredRecord))


@dataclass(frozen=True)
class Trial:
    """The key under which a record's secrets are sealed, kept by a patient who has other records."""

    key: bytes
    aad: bytes
    length: int

    def opens_in(self, archive: Archive, folders: Sequence[Path]) -> list[str]:
        """Return the files in which secrets of the record open at some position."""
        suite = archive.node.consortium.rules.suite
        found = []
        for path in (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()):
            data = path.read_bytes()
            places = range(max(0, len(data) - self.length + 1))
            sealed = [data[at : at + self.length] for at in places]
            opened = suite.open_many([self.key] * len(sealed), sealed, [self.aad] * len(sealed)) if sealed else []
            if any(_is_secret(one) for one in opened):
                found.append(path.name)
        return found


def trial_of(archive: Archive, stored: StoredRecord) -> Trial:
    """Return what a record's secrets open with, taken while it stands."""
    keyring, number = archive.vault.keyring, stored.number
    row = keyring._rows([number])[number]
    patient = keyring._open_patient(row[1], *row[3:])
    assert hasattr(patient, "key")
    return Trial(patient.key, pack(("record", number, row[1], stored.record)), len(row[2]))


def _is_secret(opened: bytes | None) -> bool:
    try:
        decode(RecordSecrets, opened or b"")
    except Invalid:
        return False
    return True

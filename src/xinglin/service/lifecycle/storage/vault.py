"""The vault: the institution's off-chain store of encrypted originals, each under a key of its own (D10; S6.2d, S8.2d).

Records are stored many at a time, in this order: entries synced to the segments, secrets committed to the keyring,
rows committed to the index. The last commit makes them stored; what a crash leaves before it is removed at the next
start. Reading checks everything on the way back: the row, the keys, the sealed bytes, the record commitment.
Never decides who may read, and knows no chain.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xinglin.carrier.crypto.files import sync_folder
from xinglin.kernel.errors import Integrity
from xinglin.kernel.identifiers import identifier, identifier_bytes
from xinglin.service.lifecycle.storage.database import Database
from xinglin.service.lifecycle.storage.disk import writing
from xinglin.service.lifecycle.storage.errors import (
    CommitmentMismatch,
    EntryDamaged,
    RecordNotFound,
    RecordShredded,
    RowDamaged,
    StorageMissing,
    VaultBehindHead,
    VaultLocked,
)
from xinglin.service.lifecycle.storage.head import VaultHead
from xinglin.service.lifecycle.storage.index import Also, Index
from xinglin.service.lifecycle.storage.keyring import Keyring, NewSecrets
from xinglin.service.lifecycle.storage.model import (
    CommitmentRule,
    NewRecord,
    Parts,
    RecordDetails,
    RecordSecrets,
    StoredRecord,
)
from xinglin.service.lifecycle.storage.segments import DEFAULT_SEGMENT_BYTES, START, Location, Segments

NO_COPY = b""
"""What stands for the de-identified copy as long as there is none."""
COPY_AAD = b"copy"
"""Put behind the record id in the additional data of a copy, so that it never opens as an original."""


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """A record read back and checked: its row and the salted parts of its commitment, the original among them."""

    stored: StoredRecord
    parts: Parts


class Vault:
    """One home's vault. Reading from any thread; writing is serialised here.

    Args:
        folder: the home's ``vault`` folder.
        keyring: the home's keyring.
        rule: how record commitments are made.
        segment_bytes: the size at which a segment file is full.
    """

    def __init__(
        self, folder: Path, keyring: Keyring, rule: CommitmentRule, segment_bytes: int = DEFAULT_SEGMENT_BYTES
    ) -> None:
        self.folder = folder
        self.keyring = keyring
        self.rule = rule
        self.segments = Segments(folder / "segments", segment_bytes)
        self.index = Index(folder, keyring.keys)
        self.head = VaultHead(folder / "head", lambda number: keyring.keys.lookups([(b"head", number)])[0])
        self._suite = keyring.keys.suite
        self._writing = threading.Lock()
        self._lock: int | None = None
        self._last = 0
        self._after = START

    @property
    def database(self) -> Database:
        """The index's database, where the outbox keeps its rows so that both change in one commit."""
        return self.index.database

    def create(self) -> None:
        """Make an empty vault on the disk.

        Raises:
            StorageExists: there is one.
            StorageUnwritable: the disk refuses.
        """
        with writing(self.segments.folder):
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self.segments.folder.mkdir(mode=0o700)
        self.index.database.create()
        self.head.write(0)
        with writing(self.folder):
            sync_folder(self.folder)

    def open(self) -> None:
        """Take the vault for writing and remove what a crash left half stored.

        Raises:
            StorageMissing: there is no vault.
            VaultLocked: another process writes to it.
            VaultBehindHead: the index lost records that were stored; nothing is removed then.
            HeadDamaged: no slot of the head file is good.
            DatabaseDamaged: the index does not open.
        """
        self.open_for_reading()
        self._take_lock()
        try:
            self._recover()
        except BaseException:
            self.close()
            raise

    def open_for_reading(self) -> None:
        """Check that there is a vault of this format; takes no lock and changes nothing.

        Raises:
            StorageMissing: there is no vault.
            StorageVersionUnknown: another version wrote it.
            DatabaseDamaged: the index does not open.
        """
        if not self.segments.folder.is_dir():
            raise StorageMissing(what="vault")
        self.index.database.check()

    def close(self) -> None:
        """Give the vault back; the keyring stays open."""
        self.index.database.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep every other writer of this vault out for a while: for destruction, which touches all of its parts."""
        with self._writing:
            yield

    def put(self, records: Sequence[NewRecord], also: Sequence[Also] = ()) -> int:
        """Store records, durably and together: all of them or none.

        Args:
            records: at least one, new ones, none of whose resources is stored.
            also: what else is written in the commit that makes them stored.

        Returns: the row number of the first.

        Raises:
            StorageExists: one of the resources is stored; nothing of these is.
            StorageUnwritable: the disk refuses; nothing is stored.
        """
        with self._writing:
            ids = [one.record for one in records]
            places, entries = self._sealed(records)
            locations = self.segments.append(
                self._after, [record for record, _ in entries], [one for _, one in entries]
            )
            first = self._last + 1
            self.keyring.add(first, [NewSecrets(one.record, (one.source, one.subject), one.secrets) for one in records])
            details = [
                _details(one, locations[place], locations[place + 1].length if one.copy_content else 0)
                for one, place in zip(records, places, strict=True)
            ]
            self.index.add(first, ids, details, also)
            self._last += len(records)
            self._after = locations[-1]
            self.head.write(self._last)
            return first

    def _sealed(self, records: Sequence[NewRecord]) -> tuple[list[int], list[tuple[bytes, bytes]]]:
        """Return the place of each record among the entries, and these: (record id, sealed bytes), copies behind."""
        places: list[int] = []
        keys: list[bytes] = []
        contents: list[bytes] = []
        aads: list[bytes] = []
        ids: list[bytes] = []
        for one in records:
            places.append(len(ids))
            for content, aad in ((one.content, one.record), (one.copy_content, one.record + COPY_AAD)):
                if content or aad == one.record:
                    keys.append(one.secrets.key)
                    contents.append(content)
                    aads.append(aad)
                    ids.append(one.record)
        return places, list(zip(ids, self._suite.seal_many(keys, contents, aads), strict=True))

    def records_of(self, patients: Sequence[tuple[bytes, bytes]]) -> list[StoredRecord]:
        """Return the rows of all records of patients, each (source system, logical id), in order of storing.

        Raises:
            RowDamaged: a row was altered.
        """
        return self.index.by_numbers(self.keyring.numbers_of(patients)) if patients else []

    def find_commitment(self, commitment: bytes) -> StoredRecord | None:
        """Return the row of a record commitment, None when it is not here; raises RowDamaged."""
        return self.index.by_commitment(commitment)

    def find_commitments(self, commitments: Sequence[bytes]) -> list[StoredRecord | RowDamaged | None]:
        """Return for each record commitment its row, None for those not here, damaged ones as errors."""
        return self.index.by_commitments(commitments)

    def find_handle(self, handle: bytes) -> StoredRecord | None:
        """Return the row of the record that locators name by a handle, None when it is not here (any more).

        Raises:
            RowDamaged, KeyMissing, KeyRowDamaged: something that it rests on was altered.
        """
        number = self.keyring.number_of(handle)
        row = self.index.by_number(number) if number is not None else None
        if row is None:
            return None
        secrets = self.keyring.secrets_of([(row.number, row.record)])[0]
        if not isinstance(secrets, RecordSecrets):
            raise secrets
        return row if secrets.handle == handle else None

    def find(self, record: str) -> StoredRecord:
        """Return the row of a record.

        Args:
            record: its id, 26 base32 characters.

        Raises:
            IdentifierInvalid: that is no id.
            RecordNotFound: it is not here.
            RowDamaged: its row was altered.
        """
        found = self.index.by_record(identifier_bytes(record))
        if found is None:
            raise RecordNotFound(record=record)
        return found

    def read(self, record: str) -> bytes:
        """Return the original of a record, byte for byte as it was taken in.

        Raises:
            RecordNotFound: it is not here.
            RecordShredded: it was destroyed.
            RowDamaged, KeyMissing, KeyRowDamaged, EntryDamaged, CommitmentMismatch: something that it rests on was
                altered; nothing of it is returned.
        """
        return self.open_record(record).parts.original[1]

    def open_record(self, record: str) -> OpenedRecord:
        """Return a record with the salted parts that open its commitment, checked as by ``read``."""
        opened = self.open_many([self.find(record)])[0]
        if isinstance(opened, OpenedRecord):
            return opened
        raise opened

    def open_many(self, stored: Sequence[StoredRecord]) -> list[OpenedRecord | Integrity | RecordShredded]:
        """Return for each row its record, that it was destroyed, or the first thing found wrong with it."""
        standing = [one for one in stored if not one.details.destroyed]
        opened = iter(self._checked(standing))
        return [
            RecordShredded(record=identifier(one.record)) if one.details.destroyed else next(opened) for one in stored
        ]

    def _checked(self, stored: Sequence[StoredRecord]) -> list[OpenedRecord | Integrity]:
        opened = self._opened(stored, self.keyring.secrets_of([(one.number, one.record) for one in stored]))
        digests = iter(self.rule([one.parts for one in opened if isinstance(one, OpenedRecord)]))
        return [
            one
            if isinstance(one, Integrity) or next(digests).commitment == one.stored.details.commitment
            else CommitmentMismatch(record=identifier(one.stored.record))
            for one in opened
        ]

    def same(self, stored: Sequence[StoredRecord], contents: Sequence[bytes]) -> list[bool]:
        """Tell of each record whether its original is these bytes, by its digest and without opening it.

        A destroyed record can't be compared any more and counts as the same: it is not taken in again.

        Raises:
            KeyMissing, KeyRowDamaged: the salts of a record can't be had.
        """
        parts = []
        standing = [(one, content) for one, content in zip(stored, contents, strict=True) if not one.details.destroyed]
        secrets = self.keyring.secrets_of([(one.number, one.record) for one, _ in standing]) if standing else []
        for (one, content), secret in zip(standing, secrets, strict=True):
            if not isinstance(secret, RecordSecrets):
                raise secret
            parts.append(_parts(one.details, secret, content, NO_COPY))
        committed = iter(self.rule(parts))
        return [bool(one.details.destroyed) or next(committed).original == one.details.original for one in stored]

    def _opened(
        self, stored: Sequence[StoredRecord], secrets: Sequence[RecordSecrets | Integrity]
    ) -> list[OpenedRecord | Integrity]:
        """Return each record with the parts of its commitment not yet checked; all are opened in one call."""
        found: dict[int, OpenedRecord] = {}
        good: list[tuple[int, StoredRecord, RecordSecrets]] = []
        sealed: list[bytes] = []
        for place, (one, secret, entries) in enumerate(zip(stored, secrets, self._entries(stored), strict=True)):
            if isinstance(secret, RecordSecrets) and entries is not None:
                good.append((place, one, secret))
                sealed += entries
        named = [(secret.key, one.record) for _, one, secret in good]
        # Two for each: the entry of the copy is empty where there is none, and opens to nothing.
        contents = self._suite.open_many(
            [key for key, _ in named for _ in range(2)],
            sealed,
            [aad for _, id_ in named for aad in (id_, id_ + COPY_AAD)],
        )
        for (place, one, secret), original, copy in zip(good, contents[::2], contents[1::2], strict=True):
            kept = copy if one.details.copy_length else NO_COPY
            if original is not None and kept is not None:
                found[place] = OpenedRecord(one, _parts(one.details, secret, original, kept))
        return [
            found.get(place) or (secret if isinstance(secret, Integrity) else _damaged(one))
            for place, (one, secret) in enumerate(zip(stored, secrets, strict=True))
        ]

    def _entries(self, stored: Sequence[StoredRecord]) -> Iterator[tuple[bytes, bytes] | None]:
        """Yield the sealed original and copy of each record, None when they are not where its row says."""
        places = [(one.record, location_of(one.details), one.details.copy_length) for one in stored]
        originals = self.segments.read_many([(record, at) for record, at, _ in places])
        copies = iter(self.segments.read_many([(record, at.next(size)) for record, at, size in places if size]))
        for (_, _, size), original in zip(places, originals, strict=True):
            copy = next(copies) if size else b""
            yield None if original is None or copy is None else (original, copy)

    def _take_lock(self) -> None:
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise VaultLocked from None

    def _recover(self) -> None:
        head, self._last = self.head.read(), self.index.last_number()
        if self._last < head:
            raise VaultBehindHead(found=self._last, head=head)
        self.keyring.remove_after(self._last)
        try:
            last = self.index.by_number(self._last)
        except Integrity:
            # Where the last entry ends can't be told: keep all there is and write behind it.
            self._after = self.segments.end()
            return
        self._after = START if last is None else last_entry(last.details)
        self.segments.cut(self._after)


def location_of(details: RecordDetails) -> Location:
    """Return where the entry of a record's original is."""
    return Location(details.segment, details.offset, details.length)


def _damaged(stored: StoredRecord) -> EntryDamaged:
    at = location_of(stored.details)
    return EntryDamaged(record=identifier(stored.record), segment=at.segment, offset=at.offset)


def last_entry(details: RecordDetails) -> Location:
    """Return where the last entry of a record is: its copy's, its original's where it has none."""
    original = location_of(details)
    return original.next(details.copy_length) if details.copy_length else original


def _details(new: NewRecord, location: Location, copy_length: int) -> RecordDetails:
    return RecordDetails(
        segment=location.segment,
        offset=location.offset,
        length=location.length,
        copy_length=copy_length,
        version=new.version,
        category=new.category,
        level=new.level,
        special=new.special,
        batch=new.batch,
        item=new.item,
        source=new.source,
        type=new.type,
        logical_id=new.logical_id,
        subject=new.subject,
        commitment=new.commitment,
        original=new.original,
        copy=new.copy,
        behaviour=new.behaviour,
        salt_behaviour=new.salt_behaviour,
    )


def _parts(details: RecordDetails, secrets: RecordSecrets, content: bytes, copy: bytes) -> Parts:
    return Parts(
        (details.salt_behaviour, details.behaviour), (secrets.salt_original, content), (secrets.salt_copy, copy)
    )

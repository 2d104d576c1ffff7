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
from collections.abc import Sequence
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
            sealed = self._suite.seal_many([one.secrets.key for one in records], [one.content for one in records], ids)
            locations = self.segments.append(self._after, ids, sealed)
            first = self._last + 1
            self.keyring.add(first, [NewSecrets(one.record, (one.source, one.subject), one.secrets) for one in records])
            details = [_details(one, location) for one, location in zip(records, locations, strict=True)]
            self.index.add(first, ids, details, also)
            self._last += len(records)
            self._after = locations[-1]
            self.head.write(self._last)
            return first

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

    def open_many(self, stored: Sequence[StoredRecord]) -> list[OpenedRecord | Integrity]:
        """Return for each row its record, or the first thing found wrong with it."""
        opened = self._opened(stored, self.keyring.secrets_of([(one.number, one.record) for one in stored]))
        digests = iter(self.rule([one.parts for one in opened if isinstance(one, OpenedRecord)]))
        return [
            one
            if isinstance(one, Integrity) or next(digests).commitment == one.stored.details.commitment
            else CommitmentMismatch(record=identifier(one.stored.record))
            for one in opened
        ]

    def same(self, stored: Sequence[StoredRecord], contents: Sequence[bytes]) -> list[bool]:
        """Tell of each record whether its original is these bytes, by the commitment and without opening it.

        Raises:
            KeyMissing, KeyRowDamaged: the salts of a record can't be had.
        """
        parts = []
        secrets = self.keyring.secrets_of([(one.number, one.record) for one in stored]) if stored else []
        for one, secret, content in zip(stored, secrets, contents, strict=True):
            if not isinstance(secret, RecordSecrets):
                raise secret
            parts.append(_parts(one.details, secret, content))
        committed = self.rule(parts)
        return [found.commitment == one.details.commitment for one, found in zip(stored, committed, strict=True)]

    def _opened(
        self, stored: Sequence[StoredRecord], secrets: Sequence[RecordSecrets | Integrity]
    ) -> list[OpenedRecord | Integrity]:
        """Return each record with the parts of its commitment not yet checked; all are opened in one call."""
        found: list[OpenedRecord | Integrity] = []
        good: list[tuple[int, StoredRecord, RecordSecrets, bytes]] = []
        for one, secret in zip(stored, secrets, strict=True):
            at = location_of(one.details)
            sealed = self.segments.read(one.record, at)
            if isinstance(secret, RecordSecrets) and sealed is not None:
                good.append((len(found), one, secret, sealed))
            damage = EntryDamaged(record=identifier(one.record), segment=at.segment, offset=at.offset)
            found.append(secret if isinstance(secret, Integrity) else damage)
        contents = self._suite.open_many(
            [secret.key for _, _, secret, _ in good],
            [sealed for *_, sealed in good],
            [one.record for _, one, _, _ in good],
        )
        for (place, one, secret, _), content in zip(good, contents, strict=True):
            if content is not None:
                found[place] = OpenedRecord(one, _parts(one.details, secret, content))
        return found

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
        self._after = START if last is None else location_of(last.details)
        self.segments.cut(self._after)


def location_of(details: RecordDetails) -> Location:
    """Return where a record's entry is."""
    return Location(details.segment, details.offset, details.length)


def _details(new: NewRecord, location: Location) -> RecordDetails:
    return RecordDetails(
        segment=location.segment,
        offset=location.offset,
        length=location.length,
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


def _parts(details: RecordDetails, secrets: RecordSecrets, content: bytes) -> Parts:
    return Parts(
        (details.salt_behaviour, details.behaviour), (secrets.salt_original, content), (secrets.salt_copy, NO_COPY)
    )

"""What the vault and the keyring hold of a record, as values. Nothing here reads, writes or decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

import msgspec

from xinglin.kernel.encoding import Bytes16, ChainObject, Digest, Identifier, Natural

Flag = Annotated[int, msgspec.Meta(ge=0, le=1)]


class RecordSecrets(ChainObject, frozen=True):
    """What only the keyring holds of a record: destroying this destroys the record (D10).

    ``key`` seals the original; ``salt_original`` and ``salt_copy`` hide original and copy in the commitment;
    ``handle`` is what locators name the record by.
    """

    key: bytes
    salt_original: Bytes16
    salt_copy: Bytes16
    handle: Bytes16


class RecordDetails(ChainObject, frozen=True):
    """What a row of the index says of a record, sealed: where it is, what it is, what was committed.

    The entry of the de-identified copy lies right behind the original's; ``copy_length`` is 0 while there is none.
    ``version``: 0, and one more for each correction. ``category``, ``level``, ``special``: its labels
    (``stakeholders/labels.py``), 0 where it was not labelled. ``batch`` and ``item``: the record batch that registers
    it and its position there. ``source``, ``type``, ``logical_id``: which system's resource it is; ``subject`` the
    patient's logical id in that system, possibly empty. ``behaviour`` is the encoded behaviour data with its salt; both
    outlive the record's destruction. ``destroyed`` is 1 once the record is destroyed: its place, type, batch, item and
    digests are left, all else is empty or 0.
    """

    segment: Natural
    offset: Natural
    length: Natural
    copy_length: Natural
    version: Natural
    category: Natural
    level: Natural
    special: Natural
    batch: Identifier
    item: Natural
    source: bytes
    type: bytes
    logical_id: bytes
    subject: bytes
    commitment: Digest
    original: Digest
    copy: Digest
    behaviour: bytes
    salt_behaviour: Bytes16
    destroyed: Flag = 0


class NewRecord(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A record to be stored. Fields as in ``RecordDetails`` and ``RecordSecrets``.

    ``content`` is the original, ``copy_content`` the de-identified copy, empty for none.
    """

    record: bytes
    source: bytes
    type: bytes
    logical_id: bytes
    subject: bytes
    content: bytes
    copy_content: bytes = b""
    version: int = 0
    category: int = 0
    level: int = 0
    special: int = 0
    batch: str
    item: int
    behaviour: bytes
    salt_behaviour: bytes
    commitment: bytes
    original: bytes
    copy: bytes
    secrets: RecordSecrets


class StoredRecord(msgspec.Struct, frozen=True, gc=False):
    """A record as the index has it: row number from 1, record id (16 bytes), details."""

    number: int
    record: bytes
    details: RecordDetails


@dataclass(frozen=True, slots=True)
class Parts:
    """The salted parts of a record commitment: behaviour, original and copy, each (salt, data)."""

    behaviour: tuple[bytes, bytes]
    original: tuple[bytes, bytes]
    copy: tuple[bytes, bytes]


class Committed(Protocol):
    """What a rule says of a record."""

    @property
    def commitment(self) -> bytes:
        """The record commitment, 32 bytes."""
        ...

    @property
    def original(self) -> bytes:
        """The digest of the salted original, 32 bytes."""
        ...


class CommitmentRule(Protocol):
    """How a record commitment is made. The rule belongs to the coordination of a chain and comes in as an argument."""

    def __call__(self, parts: Sequence[Parts]) -> Sequence[Committed]:
        """Return the commitment of each record; MUST be pure."""
        ...

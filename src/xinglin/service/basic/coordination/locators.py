"""Locators: where a record is, sealed for the nodes of an audience (H5; design D10; docs/spec/locator.md LC1 to LC7).

A locator is 32 bytes, node id and random handle, sealed under a key made from the audience's epoch key and the batch's
salt, with the item's index as nonce and the batch id as additional data. It holds nothing of a person. This module
keeps no key and resolves no handle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xinglin.carrier.crypto.suite import NONCE_SIZE, Suite
from xinglin.kernel.hashing import Hash, Tag, tagged
from xinglin.kernel.identifiers import identifier, identifier_bytes
from xinglin.service.basic.coordination.batching import Entry
from xinglin.service.basic.coordination.model import RecordItem, RegisterBatch
from xinglin.service.basic.coordination.records.rules import item_bytes


@dataclass(frozen=True, slots=True)
class Locator:
    """The node that has a record, and the handle by which that node finds it."""

    node: str
    handle: bytes


def audience_key_commitment(hash_: Hash, audience: str, number: int, epoch_key: bytes) -> bytes:
    """Return H("audience-key", audience, number, key), by which a node checks the epoch key that it got."""
    return tagged(hash_, Tag.AUDIENCE_KEY, audience, number, epoch_key)


def locator_key(suite: Suite, epoch_key: bytes, salt: bytes) -> bytes:
    """Return the batch's key: as many bytes of H("locator-key", epoch key, salt) as the suite's cipher takes."""
    return tagged(suite.hash, Tag.LOCATOR_KEY, epoch_key, salt)[: suite.key_size]


def seal_batch(
    suite: Suite, epoch_key: bytes, batch: RegisterBatch, node: str, entries: Sequence[Entry]
) -> list[bytes]:
    """Return the items of a batch, each the canonical encoding of a ``RecordItem``.

    Args:
        suite: the chain's suite.
        epoch_key: the transmission key that ``batch`` names.
        batch: the batch's id, audience, epoch and salt; the salt MUST be fresh for each batch.
        node: id of the node that has the records.
        entries: what ``close_batch`` returned.
    """
    count, key = len(entries), locator_key(suite, epoch_key, batch.salt)
    where, aad = identifier_bytes(node), identifier_bytes(batch.batch)
    nonces = [_nonce(index) for index in range(count)]
    plaintexts = [where + entry.handle for entry in entries]
    sealed = suite.seal_many_at([key] * count, nonces, plaintexts, [aad] * count)
    return [item_bytes(entry.commitment, locator) for entry, locator in zip(entries, sealed, strict=True)]


def open_locator(suite: Suite, epoch_key: bytes, batch: RegisterBatch, index: int, item: RecordItem) -> Locator:
    """Return where the record of an item is.

    Raises:
        OpenFailed: sealed under another key, for another batch or index, or changed.
    """
    key = locator_key(suite, epoch_key, batch.salt)
    opened = suite.open_at(key, _nonce(index), item.locator, identifier_bytes(batch.batch))
    return Locator(identifier(opened[:16]), opened[16:])


def _nonce(index: int) -> bytes:
    return index.to_bytes(NONCE_SIZE, "big")

"""How people name a record: by its id here, or by its commitment, which other institutions know it by."""

from __future__ import annotations

from xinglin.kernel.identifiers import hash_bytes, identifier_bytes
from xinglin.service.lifecycle.storage.errors import RecordNotFound
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import Vault


def commitment_in(name: str) -> bytes | None:
    """Return the commitment that a name is in hexadecimal; None for an id.

    Raises:
        IdentifierInvalid: it is neither.
    """
    commitment = hash_bytes(name)
    if commitment is None:
        identifier_bytes(name)
    return commitment


def record_named(vault: Vault, name: str) -> StoredRecord:
    """Return the row of the record that is named by its id, or by its commitment.

    Raises:
        IdentifierInvalid: it is neither.
        RecordNotFound: it is not here.
        RowDamaged: its row was altered.
    """
    commitment = commitment_in(name)
    if commitment is None:
        return vault.find(name)
    found = vault.find_commitment(commitment)
    if found is None:
        raise RecordNotFound(record=name)
    return found

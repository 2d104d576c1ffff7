"""How people name a record: by its id here, or by its commitment, which other institutions know it by."""

from __future__ import annotations

import string

from xinglin.kernel.identifiers import identifier, identifier_bytes
from xinglin.service.lifecycle.storage.errors import RecordNotFound
from xinglin.service.lifecycle.storage.vault import Vault

_DIGITS = 64


def commitment_in(name: str) -> bytes | None:
    """Return the commitment that a name is in hexadecimal; None for an id.

    Raises:
        IdentifierInvalid: it is neither.
    """
    if len(name) == _DIGITS and set(name) <= set(string.hexdigits):
        return bytes.fromhex(name)
    identifier_bytes(name)
    return None


def record_named(vault: Vault, name: str) -> str:
    """Return the id of the record that is named by it, or by its commitment; whether an id is here is not looked at.

    Raises:
        IdentifierInvalid: it is neither.
        RecordNotFound: no record here has the commitment.
        RowDamaged: its row was altered.
    """
    commitment = commitment_in(name)
    if commitment is None:
        return name
    found = vault.find_commitment(commitment)
    if found is None:
        raise RecordNotFound(record=name)
    return identifier(found.record)

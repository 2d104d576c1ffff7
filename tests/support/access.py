"""Access entries for tests: one that holds, to be changed in one field."""

from __future__ import annotations

import os
from typing import Any

from xinglin.kernel.encoding import encode
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.audit.model import AccessEntry, OpenedCopy, Proven, ReaderProof

READER = identifier(b"reader's member.")
ACCOUNT = identifier(b"reader's account")


def entry(**fields: Any) -> AccessEntry:
    """Return an entry of a permitted read of a record, signed (as far as its form goes) by a reader elsewhere."""
    signed = {"proven": Proven.SIGNATURE, "proof": (ReaderProof(bytes(32), bytes(64)),)}
    return AccessEntry(
        **{
            "commitment": os.urandom(32),
            "member": READER,
            "account": ACCOUNT,
            "action": "read",
            "outcome": 0,
            "basis": "consent",
            "reference": bytes(16),
            "purpose": "treat",
            "copy": OpenedCopy.ORIGINAL,
            "request": os.urandom(32),
            **signed,
            "seen_height": 7,
            "seen_time": 1_700_000_000_000,
            "time": 1_700_000_000_000,
            **fields,
        }
    )


def item(**fields: Any) -> bytes:
    """Return the canonical encoding of ``entry``."""
    return encode(entry(**fields))

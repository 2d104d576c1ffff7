"""What is left of a record's row once the record is destroyed (docs/spec/destruction.md DE11). Pure."""

from __future__ import annotations

from msgspec.structs import replace

from xinglin.service.lifecycle.storage.model import RecordDetails


def what_remains(details: RecordDetails) -> RecordDetails:
    """Return the details of a destroyed record.

    Left are where its bytes were, so that the segment stays readable; batch, item and the digests, without which
    commitment and behaviour data could not be proven any more; type and behaviour data. Whose it was, by which name
    its source knew it, and its labels are gone.
    """
    return replace(details, destroyed=1, category=0, level=0, special=0, source=b"", logical_id=b"", subject=b"")

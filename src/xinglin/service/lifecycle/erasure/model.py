"""Where the bytes of a shredded record were, and hashes of them before and after. Nothing is done here."""

from __future__ import annotations

from xinglin.kernel.encoding import ChainObject, Digest, Natural


class SegmentRange(ChainObject, frozen=True):
    """Where the sealed bytes of a record lie: segment, offset of the first header, bytes of original and copy."""

    segment: Natural
    offset: Natural
    length: Natural
    copy_length: Natural


class Measured(ChainObject, frozen=True):
    """A range and ``H("erased", sealed original, sealed copy)`` of what was in it when it was looked at."""

    place: SegmentRange
    digest: Digest

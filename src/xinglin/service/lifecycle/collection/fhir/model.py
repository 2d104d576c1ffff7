"""What the reading of a bundle gives: accepted resources as their exact bytes, and what was refused with reasons.

Values only; no file, clock or network. Requirements S7.1a, H3.
"""

from __future__ import annotations

import msgspec

from xinglin.service.lifecycle.collection.fhir.findings import Issue


class Processed(msgspec.Struct, frozen=True, gc=False):
    """What processing made of a resource: numbers of category, level and special labels, and the de-identified copy."""

    category: int = 0
    level: int = 0
    special: int = 0
    copy: bytes = b""


UNPROCESSED = Processed()


class CollectedResource(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One resource that passed, and what it says about the act of recording it.

    Attributes:
        position: index of its entry in the bundle, from 0.
        resource_type: FHIR type, such as ``Observation``.
        logical_id: its id, or the tail of its fullUrl where it has none; empty where it has neither.
        original: the very bytes of the resource in the source file, less what the door leaves out; never written anew.
        full_url: the entry's fullUrl, possibly empty.
        subject: logical id of the Patient that it is about; a Patient's own; empty where it is about none.
        organisation: logical id of the providing organisation (an address or conditional reference where the bundle
            has no such entry); stated by the resource or derived (``providers.py``); empty where neither.
        occasion: logical id of the encounter in which it was made; an Encounter's own; empty where unknown.
        performer: logical id of the practitioner who did or recorded it, else empty.
        occurred_at_ms: clinical time, milliseconds since 1970 UTC (``times.py``), None where it states none.
        occurred_precision: ``year``, ``month``, ``day``, ``second`` or ``millisecond``; empty without a time.
        links: ``Type/id`` of the bundle's entries that it refers to, in order, each once.
        issues: warnings; a resource with an error is never here.
        processed: its labels and copy; nothing where nobody asked for them.
        whole: the bytes of the resource in the source file where the door left some of them out, else empty.
    """

    position: int
    resource_type: str
    logical_id: str
    original: bytes
    full_url: str = ""
    subject: str = ""
    organisation: str = ""
    occasion: str = ""
    performer: str = ""
    occurred_at_ms: int | None = None
    occurred_precision: str = ""
    links: tuple[str, ...] = ()
    issues: tuple[Issue, ...] = ()
    processed: Processed = UNPROCESSED
    whole: bytes = b""

    @property
    def key(self) -> str:
        """``Type/id``, the way in which ``links`` names it."""
        return f"{self.resource_type}/{self.logical_id}"


class RejectedEntry(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One entry that goes to quarantine.

    Attributes:
        position: index of the entry in the bundle, from 0.
        resource_type: FHIR type, empty where it has none that FHIR R4 knows.
        original: the very bytes of the resource, or of the whole entry where the entry itself is at fault.
        issues: at least one error.
    """

    position: int
    resource_type: str
    original: bytes
    issues: tuple[Issue, ...]


class BundleReading(msgspec.Struct, frozen=True, kw_only=True):
    """All entries of a bundle, each in exactly one place: accepted, rejected, repeated or left out.

    Attributes:
        bundle_type: FHIR BundleType code.
        entries: number of entries in the file; the lengths of the next four fields add up to it.
        accepted: in order of the file.
        rejected: in order of the file.
        repeated: positions of entries that bring, byte for byte, a resource that an earlier entry brought.
        left_out: positions of entries whose type of resource the door does not take.
        dropped: what the door did not take, ``Type`` or ``Type.element``, and how often, by name.
    """

    bundle_type: str
    entries: int
    accepted: tuple[CollectedResource, ...]
    rejected: tuple[RejectedEntry, ...]
    repeated: tuple[int, ...] = ()
    left_out: tuple[int, ...] = ()
    dropped: tuple[tuple[str, int], ...] = ()


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on what comes from outside.

    Attributes:
        max_bundle_bytes: of one file.
        max_resource_bytes: of one resource; a larger one goes to quarantine alone.
        max_entries: of one bundle.
        max_nesting: of objects and arrays in one resource; FHIR's own examples stay below 30.
    """

    max_bundle_bytes: int = 128 * 1024 * 1024
    max_resource_bytes: int = 32 * 1024 * 1024
    max_entries: int = 200_000
    max_nesting: int = 64

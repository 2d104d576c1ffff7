"""Decisions of intake: the time of a record's behaviour data, what a resource is known by, what a duplicate is (H3)."""

from __future__ import annotations

import re

from xinglin.kernel.hashing import Hash
from xinglin.service.lifecycle.collection.fhir.findings import ERROR, Issue
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource

MAX_TEXT_BYTES = 1_024
NO_ID = "#"
"""What a resource is known by begins so where it has no id."""
_TYPE = re.compile(r"\A[A-Z][A-Za-z]{0,63}\Z")


def behaviour_time(occurred_at_ms: int | None, recorded_at_ms: int) -> int:
    """Return the time that the behaviour data say, in ms since 1970 UTC.

    The time of the medical act as the resource states it; the time of recording where it states none, or one before
    1970, which chain objects can't hold.
    """
    return recorded_at_ms if occurred_at_ms is None or occurred_at_ms < 0 else occurred_at_ms


def known_by(hash_: Hash, resource: CollectedResource) -> bytes:
    """Return what tells a resource from others of its source and type.

    Its logical id; where it has none, the hash of its bytes behind a character that no id has.
    """
    return resource.logical_id.encode() or NO_ID.encode() + hash_(resource.original).hex().encode("ascii")


def duplicate(resource: CollectedResource) -> Issue:
    """Return the finding on a resource that is stored with other bytes: a correction is a command of its own."""
    sentence = "A resource of this type and id is stored with other content; a correction is registered as such."
    return Issue("intake.duplicate", ERROR, "duplicate", resource.resource_type, sentence)


def fits(resource: CollectedResource) -> bool:
    """Tell whether behaviour data can hold what a resource says: its type, and its encounter in 1,024 bytes."""
    return len(resource.occasion.encode()) <= MAX_TEXT_BYTES and _TYPE.match(resource.resource_type) is not None


def unfit(resource: CollectedResource) -> Issue:
    """Return the finding on a resource that does not fit."""
    sentence = "The reference to the encounter is longer than behaviour data hold."
    return Issue("intake.occasion", ERROR, "too-long", resource.resource_type, sentence)

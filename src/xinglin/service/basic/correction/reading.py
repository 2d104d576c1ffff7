"""Reads a correction: one FHIR resource by itself, which names patient and encounter as the record did (H12, S7.1a).

A record came in a bundle, whose other entries its references may have led to; a correction comes alone. Where it refers
to patient and encounter by the same addresses as the record's original, it is about the same.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.model import Behaviour
from xinglin.service.basic.correction.errors import CorrectionUnfit
from xinglin.service.basic.intake.rules import NO_ID
from xinglin.service.lifecycle.collection.fhir.entries import decode as decode_resource
from xinglin.service.lifecycle.collection.fhir.facts import OCCASION, SUBJECT, facts_of
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource
from xinglin.service.lifecycle.collection.fhir.ports import Validator
from xinglin.service.lifecycle.collection.fhir.reader import Process, read_bundle
from xinglin.service.lifecycle.storage.vault import OpenedRecord

_BEFORE: Final = b'{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:'
_NAME: Final = b"00000000-0000-4000-8000-000000000000"
_AFTER: Final = b"}]}"


def read_correction(data: bytes, validator: Validator, old: OpenedRecord, process: Process) -> CollectedResource:
    """Return the resource that corrects a record, its bytes as they are, with labels and copy of its own.

    Args:
        data: one FHIR R4 resource in JSON, UTF-8.
        validator: judges single resources.
        old: the record, opened.
        process: labels and copies it.

    Raises:
        CorrectionUnfit: it is no valid resource; ``reason`` is the first rule that it breaks, and where.
    """
    record = identifier(old.stored.record)
    try:
        reading = read_bundle(_BEFORE + _NAME + b'","resource":' + data + _AFTER, validator)
    except PlatformError as refusal:
        raise CorrectionUnfit(record=record, reason=refusal.code) from None
    for rejected in reading.rejected:
        issue = next(issue for issue in rejected.issues if issue.severity == "error")
        raise CorrectionUnfit(record=record, reason=f"{issue.expression}: {issue.rule}")
    if len(reading.accepted) != 1:
        raise CorrectionUnfit(record=record, reason="it is not one resource")
    resource = _as_record(reading.accepted[0], old)
    known = old.stored.details.logical_id.decode()
    own = resource.logical_id or ("" if known.startswith(NO_ID) else known)
    return replace(resource, processed=process(decode_resource(resource.original), resource.subject, own))


def _as_record(resource: CollectedResource, old: OpenedRecord) -> CollectedResource:
    """Return a resource with the record's patient and encounter where it refers to the same."""
    before, after = (_references(content) for content in (old.parts.original[1], resource.original))
    return replace(
        resource,
        # One that states no id is named by its address, which says nothing here.
        logical_id="" if resource.logical_id == _NAME.decode() else resource.logical_id,
        subject=old.stored.details.subject.decode() if before[SUBJECT] == after[SUBJECT] else resource.subject,
        occasion=_occasion(old) if before[OCCASION] == after[OCCASION] else resource.occasion,
    )


def _occasion(old: OpenedRecord) -> str:
    return decode(Behaviour, old.parts.behaviour[1]).occasion.decode()


def _references(original: bytes) -> dict[int, list[str]]:
    """Return what a resource refers to as patient and as encounter, as it is written."""
    content: dict[str, Any] = msgspec.json.decode(original)
    found = facts_of(content).references
    return {fact: [reference for kind, _, reference in found if kind == fact] for fact in (SUBJECT, OCCASION)}

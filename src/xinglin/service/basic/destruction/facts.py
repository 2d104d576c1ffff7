"""What an Encounter says that retention asks of it. Reads bytes that were validated at intake; guesses nothing."""

from __future__ import annotations

import json
from typing import Any

from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import Invalid
from xinglin.service.basic.coordination.model import Behaviour
from xinglin.service.basic.destruction.model import Encounter
from xinglin.service.basic.destruction.rules import last_day
from xinglin.service.lifecycle.storage.model import StoredRecord

ENCOUNTER = b"Encounter"
_VOID = frozenset({"cancelled", "entered-in-error"})


def encounter_of(logical_id: bytes, original: bytes) -> Encounter:
    """Return what retention asks of an Encounter.

    Args:
        logical_id: its id at its source.
        original: the resource in JSON (FHIR R4). What it does not state is empty or None.
    """
    try:
        resource = json.loads(original)
    except ValueError:
        resource = None
    code = _inside(resource, "class", "code")
    ended = last_day(_inside(resource, "period", "end"))
    return Encounter(logical_id, code, ended, _inside(resource, "status") not in _VOID)


def occasion_of(stored: StoredRecord) -> bytes:
    """Return the logical id of the encounter that a record belongs to: an Encounter's own, empty for none."""
    if stored.details.type == ENCOUNTER:
        return stored.details.logical_id
    try:
        return decode(Behaviour, stored.details.behaviour).occasion
    except Invalid:
        return b""


def _inside(value: Any, *names: str) -> str:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""

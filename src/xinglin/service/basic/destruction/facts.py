"""What an Encounter says that retention asks of it. Reads bytes that were validated at intake; guesses nothing."""

from __future__ import annotations

import json
from typing import Any

from xinglin.kernel.encoding import decode, pack
from xinglin.kernel.errors import Invalid
from xinglin.service.basic.coordination.model import Behaviour
from xinglin.service.basic.destruction.model import Encounter
from xinglin.service.basic.destruction.rules import last_day
from xinglin.service.lifecycle.storage.model import StoredRecord

ENCOUNTER, PATIENT = b"Encounter", b"Patient"
_VOID = frozenset({"cancelled", "entered-in-error"})


def encounter_of(name: bytes, original: bytes) -> Encounter:
    """Return what retention asks of an Encounter.

    Args:
        name: see ``occasion_of``.
        original: the resource in JSON (FHIR R4). What it does not state is empty or None.
    """
    try:
        resource = json.loads(original)
    except ValueError:
        resource = None
    code = _inside(resource, "class", "code")
    ended = last_day(_inside(resource, "period", "end"))
    return Encounter(name, code, ended, _inside(resource, "status") not in _VOID)


def occasion_of(stored: StoredRecord) -> bytes:
    """Return what names the encounter that a record belongs to, an Encounter's own among them; empty for none.

    Two source systems may have given one logical id to two encounters of a person: the source is part of the name.
    """
    source = stored.details.source
    if stored.details.type == ENCOUNTER:
        return pack((source, stored.details.logical_id))
    try:
        occasion = decode(Behaviour, stored.details.behaviour).occasion
    except Invalid:
        return b""
    return pack((source, occasion)) if occasion else b""


def _inside(value: Any, *names: str) -> str:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""

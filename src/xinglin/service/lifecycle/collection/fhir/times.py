"""Clinical times: FHIR's date, dateTime and instant as milliseconds with the precision that was stated.

A time without time of day has no time zone; it counts from 00:00 UTC of its first day, and its precision says so.
Never guesses a zone: what breaks FHIR's form gives no time.
"""

from __future__ import annotations

import datetime
import re
from typing import Any, Final

FORM: Final = re.compile(r"\d{4}(?:-\d\d(?:-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))?)?)?", re.ASCII)
EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
PRECISIONS: Final = {4: "year", 7: "month", 10: "day"}
DAY_MS: Final = 86_400_000

# The element that says when it happened, before those that say when it was written down. No type has two of a kind.
ELEMENTS: Final = (
    "effectiveDateTime", "effectiveInstant", "effectivePeriod", "performedDateTime", "performedPeriod",
    "occurrenceDateTime", "occurrencePeriod", "occurredDateTime", "occurredPeriod", "onsetDateTime", "onsetPeriod",
    "timingDateTime", "timingPeriod", "identifiedDateTime", "identifiedPeriod", "servicedDate", "servicedPeriod",
    "createdDateTime", "createdPeriod", "executionPeriod", "servicePeriod", "billablePeriod", "started", "period",
    "collection", "receivedTime", "whenHandedOver", "whenPrepared", "startDate", "start", "authoredOn", "dateTime",
    "date", "recordedDate", "recorded", "recordedOn", "dateAsserted", "enteredDate", "authored", "issued", "sent",
    "created", "dateWritten", "timestamp",
)  # fmt: skip
RANKS: Final = {name: rank for rank, name in enumerate(ELEMENTS)}
WITHIN: Final = ("start", "collectedDateTime", "collectedPeriod", "end")


def parse(text: str) -> tuple[int, str] | None:
    """Return milliseconds since 1970 UTC and the precision of a FHIR time, None if it is none.

    Args:
        text: date, dateTime or instant (FHIR R4, datatypes). A leap second counts as the second before it, digits
            below a millisecond are cut.
    """
    if not FORM.fullmatch(text):
        return None
    precision = PRECISIONS.get(len(text)) or ("millisecond" if "." in text else "second")
    if len(text) <= 10:
        text = f"{text}{'-01-01'[len(text) - 4 :]}T00:00:00Z"
    elif text[17:19] == "60":
        text = f"{text[:17]}59{text[19:]}"
    try:
        since = datetime.datetime.fromisoformat(text) - EPOCH
    except ValueError:
        return None
    return since.days * DAY_MS + since.seconds * 1000 + since.microseconds // 1000, precision


def clinical_time(resource: dict[str, Any]) -> tuple[int, str] | None:
    """Return when a resource's act took place, as ``parse`` does, None where it states no time.

    Args:
        resource: decoded resource; the first element of ``ELEMENTS`` that states a time decides.
    """
    stated, best = "", len(ELEMENTS)
    for name, value in resource.items():
        rank = RANKS.get(name, best)
        if rank < best and (text := _stated(value)):
            stated, best = text, rank
    return parse(stated)


def _stated(value: object) -> str:
    """Return the time in an element: itself, or the beginning of a Period or of a specimen's collection."""
    if isinstance(value, dict):
        return next((text for name in WITHIN if (text := _stated(value.get(name)))), "")
    return value if isinstance(value, str) else ""

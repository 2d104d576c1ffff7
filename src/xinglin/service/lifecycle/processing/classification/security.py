"""Labels as FHIR security labels, for what is served; a stored original is never changed (FHIR R4, security-labels).

``meta.security`` of what is served has the confidentiality by v3-Confidentiality, the sensitivity by v3-ActCode, and
category and level by code systems of our own. Labels of these systems that the source had are replaced: they can only
be lower, because classification takes them into account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from xinglin.service.lifecycle.processing.classification.model import Labels
from xinglin.stakeholders.labels import CATEGORY_ZH, LEVEL_ZH, SENSITIVITY, Category

CONFIDENTIALITY_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
SENSITIVITY_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CATEGORY_SYSTEM: Final = "urn:xinglin:category"
LEVEL_SYSTEM: Final = "urn:xinglin:level"
REPLACED: Final = frozenset({CONFIDENTIALITY_SYSTEM, CATEGORY_SYSTEM, LEVEL_SYSTEM})
CATEGORY_CODES: Final[Mapping[Category, str]] = {one: one.name.lower().replace("_", "-") for one in Category}

Coding = dict[str, str]


def security_labels(labels: Labels) -> list[Coding]:
    """Return the codings of a record's labels, confidentiality first."""
    return [
        {"system": CONFIDENTIALITY_SYSTEM, "code": labels.confidentiality},
        *({"system": SENSITIVITY_SYSTEM, "code": SENSITIVITY[one]} for one in labels.special if one in SENSITIVITY),
        {
            "system": CATEGORY_SYSTEM,
            "code": CATEGORY_CODES[labels.category],
            "display": CATEGORY_ZH[labels.category],
        },
        {"system": LEVEL_SYSTEM, "code": str(int(labels.level)), "display": LEVEL_ZH[labels.level]},
    ]


def with_labels(resource: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
    """Return a resource as it is served, its labels in ``meta.security``; the one given stays as it is.

    Args:
        resource: decoded JSON object.
        labels: of this resource.
    """
    meta = resource.get("meta")
    stated = meta.get("security") if isinstance(meta, dict) else None
    ours = security_labels(labels)
    kept = [one for one in stated if not _is_replaced(one) and one not in ours] if isinstance(stated, list) else []
    return {**resource, "meta": {**(meta if isinstance(meta, dict) else {}), "security": [*ours, *kept]}}


def _is_replaced(coding: object) -> bool:
    return isinstance(coding, dict) and coding.get("system") in REPLACED

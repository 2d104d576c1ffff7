"""Scopes of consents, prohibitions and mandates in words that commands take and show."""

from __future__ import annotations

from typing import Any

from xinglin.service.basic.protection.consents.model import ConsentTerms
from xinglin.service.basic.protection.store_model import KeptMandate
from xinglin.stakeholders.labels import Special


def scope_values(scope: ConsentTerms | KeptMandate) -> dict[str, Any]:
    """Return for whom, for what, how far, from when until when (ms) something holds: nobody named is anybody."""
    return {
        "members": list(scope.members),
        "roles": [role.name.lower() for role in scope.roles],
        "accounts": list(scope.accounts),
        "purposes": [purpose.value for purpose in scope.purposes],
        "categories": [category.name.lower() for category in scope.categories],
        "level": int(scope.level),
        "special": special_names(scope.special),
        "copy": scope.copy.name.lower(),
        "from_ms": scope.from_ms,
        "until_ms": scope.until_ms,
    }


def special_names(special: int) -> list[str]:
    """Return the names of special flags, none for 0."""
    return [flag.name.lower() for flag in Special(special) if flag.name]

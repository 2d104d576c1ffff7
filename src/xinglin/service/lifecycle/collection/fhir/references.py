"""References inside a bundle: where each leads, and whether it may lead there (FHIR R4, bundle.html#references).

Resolves fullUrl and urn:uuid, ``Type/id`` and ``#contained``. Addresses outside the bundle and conditional references
(``Practitioner?identifier=``) are taken as they are: nothing is fetched; their type is checked as far as it shows.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from xinglin.service.lifecycle.collection.fhir.elements import definitions
from xinglin.service.lifecycle.collection.fhir.findings import Issue, finding
from xinglin.service.lifecycle.collection.fhir.walk import Found, render

# Groups: base, type, id, version, fragment (FHIR R4, references.html#literal).
LITERAL: Final = re.compile(
    r"(https?://[A-Za-z0-9\-\\.:%$/]*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(/_history/[A-Za-z0-9\-.]{1,64})?(#.+)?"
)
CONDITIONAL: Final = re.compile(r"([A-Z][A-Za-z]+)\?[^\s]+")
ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")


class Target(NamedTuple):
    """Where a reference leads.

    Attributes:
        resource_type: FHIR type, empty where the reference does not show it.
        logical_id: id of the entry or the one in ``Type/id``; the address itself where it leads elsewhere.
        inside: the bundle has the entry.
    """

    resource_type: str
    logical_id: str
    inside: bool

    @property
    def key(self) -> str:
        """``Type/id``."""
        return f"{self.resource_type}/{self.logical_id}"


class Index:
    """The entries of one bundle by fullUrl and by ``Type/id``.

    Args:
        closed: the bundle must have what its urn:uuid and urn:oid references name: a transaction, batch, message or
            document, which are taken in as a whole.
    """

    def __init__(self, *, closed: bool) -> None:
        self._closed = closed
        self._by_address: dict[str, Target] = {}

    def add(self, full_url: str, resource_type: str, logical_id: str) -> None:
        """Enter one entry; of several with the same address the first counts.

        Args:
            full_url: the entry's fullUrl, possibly empty.
            resource_type: FHIR type, empty where the entry's resource can't be read.
            logical_id: possibly empty.
        """
        target = Target(resource_type, logical_id, inside=True)
        if full_url:
            self._by_address.setdefault(full_url, target)
        if logical_id:
            self._by_address.setdefault(target.key, target)

    def resolve(self, value: str) -> Target | None:
        """Return where a reference leads, None for a fragment or what has no form of a reference.

        Args:
            value: ``Reference.reference``.
        """
        found = self._by_address.get(value)
        if found is not None:
            return found
        literal = LITERAL.fullmatch(value)
        if literal is not None and literal[2] in definitions().resources:
            return self._literal(literal)
        conditional = CONDITIONAL.fullmatch(value)
        if conditional is not None and conditional[1] in definitions().resources:
            return Target(conditional[1], value, inside=False)
        if ABSOLUTE.fullmatch(value):
            return self._by_address.get(value.partition("#")[0], Target("", value, inside=False))
        return None

    def _literal(self, match: re.Match[str]) -> Target:
        base, resource_type, logical_id = match[1] or "", match[2], match[3]
        address = f"{base}{resource_type}/{logical_id}"
        outside = Target(resource_type, address if base else logical_id, inside=False)
        return self._by_address.get(address, outside)

    def check(self, resource_type: str, found: Found) -> tuple[list[Issue], tuple[str, ...]]:
        """Check every reference of one resource.

        Args:
            resource_type: of the resource that refers.
            found: what the walk over it gave.
        Returns: findings, and ``Type/id`` of the entries referred to, in order, each once.
        """
        issues: list[Issue] = []
        links: dict[str, None] = {}
        for path, value, allowed, declared in found.references:
            target = self._fragment(value, resource_type, found) if value[:1] == "#" else self.resolve(value)
            rule = self._broken(value, target, allowed, declared)
            if rule:
                issues.append(finding(rule, f"{render(resource_type, path)}.reference"))
            if target is not None and target.inside and target.resource_type and target.logical_id:
                links[target.key] = None
        return issues, tuple(links)

    def _fragment(self, value: str, resource_type: str, found: Found) -> Target | None:
        """Resolve ``#id`` among the contained resources; ``#`` alone is the resource itself."""
        name = value[1:]
        contained = found.contained.get(name) if name else resource_type
        return None if contained is None else Target(contained, "", inside=True)

    def _broken(self, value: str, target: Target | None, allowed: frozenset[str], declared: object) -> str:
        """Return the rule that a reference breaks, empty for none."""
        if target is None:
            return "reference.contained" if value[:1] == "#" else "reference.form"
        if not target.inside and value.startswith(("urn:uuid:", "urn:oid:")):
            return "reference.missing" if self._closed else "reference.unresolved"
        if not target.resource_type:
            return ""
        contradicted = isinstance(declared, str) and declared in definitions().resources
        if (allowed and target.resource_type not in allowed) or (contradicted and declared != target.resource_type):
            return "reference.type" if target.inside else "reference.outside"
        return ""

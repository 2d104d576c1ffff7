"""What a resource says about the act behind it: about whom, by which organisation, on which occasion, by whom, when.

Collects references as they are written; ``first`` turns them into logical ids once the whole bundle is known.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from xinglin.service.lifecycle.collection.fhir.references import Index
from xinglin.service.lifecycle.collection.fhir.times import clinical_time

SUBJECT, OCCASION, ORGANISATION, PERFORMER = range(4)
# The elements that may tell each, in order of preference. No R4 type uses one of these names for something else.
TELLING: Final[tuple[tuple[str, ...], ...]] = (
    ("subject", "patient", "beneficiary", "for", "individual", "candidate", "participant"),
    ("encounter", "context", "item"),
    ("serviceProvider", "managingOrganization", "organization", "custodian", "providedBy", "provider", "owner",
     "performer", "author"),
    ("performer", "participant", "recorder", "requester", "asserter", "author", "careTeam", "provider", "actor",
     "informationSource", "practitioner", "enterer", "assessor", "sender"),
)  # fmt: skip
INSIDE: Final = ("actor", "individual", "provider", "encounter", "member", "onBehalfOf")
PRACTITIONERS: Final = frozenset({"Practitioner", "PractitionerRole"})

RANKS: Final = {
    name: tuple((fact, names.index(name)) for fact, names in enumerate(TELLING) if name in names)
    for names in TELLING
    for name in names
}


class Facts(NamedTuple):
    """What one resource tells.

    Attributes:
        references: (fact, rank, reference as written) in order of preference for each fact.
        time: milliseconds since 1970 UTC and precision, None where it states none.
    """

    references: tuple[tuple[int, int, str], ...]
    time: tuple[int, str] | None

    def first(self, fact: int, index: Index, types: frozenset[str]) -> str:
        """Return the logical id of the first reference that leads to one of the types, empty for none.

        Args:
            fact: ``SUBJECT``, ``OCCASION``, ``ORGANISATION`` or ``PERFORMER``.
            index: the bundle's entries.
            types: FHIR resource types.
        """
        for kind, _, reference in self.references:
            if kind == fact:
                target = index.resolve(reference)
                if target is not None and target.resource_type in types:
                    return target.logical_id
        return ""


NO_FACTS: Final = Facts((), None)


def facts_of(resource: dict[str, Any]) -> Facts:
    """Collect the facts of a decoded resource."""
    found: list[tuple[int, int, str]] = []
    for name in RANKS.keys() & resource.keys():
        references: list[str] = []
        _collect(resource[name], references)
        for fact, rank in RANKS[name]:
            found.extend((fact, rank, reference) for reference in references)
    found.sort(key=_by_rank)
    return Facts(tuple(found), clinical_time(resource))


def _by_rank(item: tuple[int, int, str]) -> tuple[int, int]:
    return item[:2]


def _collect(value: object, references: list[str]) -> None:
    """Collect what an element refers to, directly or through one of the elements ``INSIDE`` it."""
    for item in value if isinstance(value, list) else (value,):
        if not isinstance(item, dict):
            continue
        reference = item.get("reference")
        if isinstance(reference, str):
            references.append(reference)
        else:
            for name in INSIDE:
                if name in item:
                    _collect(item[name], references)

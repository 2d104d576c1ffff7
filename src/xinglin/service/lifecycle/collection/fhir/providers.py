"""Which organisation provided the care behind each resource, and which institution takes it in.

Pure. A resource states its organisation itself, or has it from the encounter in which it was made, or from what it is
linked with. Whole bundles of a region are then split between institutions: nothing is lost, and nothing is doubled
but Patient resources, which go to each institution where that patient has had care (docs/spec/intake.md).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from xinglin.service.lifecycle.collection.fhir.model import CollectedResource


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """Bundles of several institutions, taken apart by who provided the care.

    Attributes:
        shares: for each institution, for each bundle in order, its resources in order of the file.
        organisations: institution of each organisation named in the bundles.
        visitors: logical ids of patients who have had care at more than one institution, in order.
    """

    shares: dict[str, tuple[tuple[CollectedResource, ...], ...]]
    organisations: dict[str, str]
    visitors: tuple[str, ...]


def with_organisations(resources: Sequence[CollectedResource]) -> tuple[CollectedResource, ...]:
    """Fill in the providing organisation where the resources of one bundle let it be known.

    In this order: stated by the resource; that of its encounter; the one that most of the resources linked with it
    have (of several, the first by id). A Patient has none: everything is linked with it.

    Args:
        resources: accepted resources of one bundle.
    """
    encounters = {r.logical_id: r.organisation for r in resources if r.resource_type == "Encounter"}
    known = [r.organisation or encounters.get(r.occasion, "") for r in resources]
    unknown = {
        resource.key: number
        for number, (resource, organisation) in enumerate(zip(resources, known, strict=True))
        if not organisation and resource.resource_type != "Patient"
    }
    if unknown:
        _fill_from_links(resources, known, unknown)
    return tuple(
        resource
        if resource.organisation == organisation
        else msgspec.structs.replace(resource, organisation=organisation)
        for resource, organisation in zip(resources, known, strict=True)
    )


def _fill_from_links(resources: Sequence[CollectedResource], known: list[str], unknown: dict[str, int]) -> None:
    """Give those without an organisation that of the majority of their neighbours, in either direction."""
    positions = {resource.key: number for number, resource in enumerate(resources)}
    neighbours: dict[int, Counter[str]] = defaultdict(Counter)
    for number, resource in enumerate(resources):
        for link in resource.links:
            if link in unknown:
                neighbours[unknown[link]][known[number]] += 1
            if resource.key in unknown and link in positions:
                neighbours[unknown[resource.key]][known[positions[link]]] += 1
    for number, counts in neighbours.items():
        known[number] = _majority(counts)


def _majority(counts: Counter[str]) -> str:
    """Return the most frequent name, the first in order of several, empty where there is none."""
    named = [(-count, name) for name, count in counts.items() if name]
    return min(named)[1] if named else ""


def split(bundles: Sequence[Sequence[CollectedResource]], institutions: Sequence[str]) -> Split:
    """Share out bundles between institutions by who provided the care.

    Organisations are dealt out, the one with most resources first, each to the institution that has the fewest so
    far; what has no organisation goes with the patient's majority, else with its bundle's. The same input gives the
    same split.

    Args:
        bundles: accepted resources of each bundle.
        institutions: names, at least one, in the order that decides a tie.
    """
    organisations = _deal(bundles, institutions)
    of_patient: dict[str, Counter[str]] = defaultdict(Counter)
    for resource in (resource for bundle in bundles for resource in bundle):
        if resource.subject and resource.resource_type != "Patient" and resource.organisation:
            of_patient[resource.subject][organisations[resource.organisation]] += 1
    shares: dict[str, list[tuple[CollectedResource, ...]]] = {name: [] for name in institutions}
    for bundle in bundles:
        placed = list(_place(bundle, organisations, of_patient, institutions[0]))
        for name in institutions:
            shares[name].append(tuple(resource for resource, names in placed if name in names))
    return Split(
        shares={name: tuple(parts) for name, parts in shares.items()},
        organisations=organisations,
        visitors=tuple(sorted(patient for patient, counts in of_patient.items() if len(counts) > 1)),
    )


def _deal(bundles: Iterable[Sequence[CollectedResource]], institutions: Sequence[str]) -> dict[str, str]:
    counts = Counter(resource.organisation for bundle in bundles for resource in bundle if resource.organisation)
    load = dict.fromkeys(institutions, 0)
    dealt = {}
    for organisation, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        dealt[organisation] = min(institutions, key=lambda name: load[name])
        load[dealt[organisation]] += count
    return dealt


def _place(
    bundle: Sequence[CollectedResource],
    organisations: dict[str, str],
    of_patient: dict[str, Counter[str]],
    last_resort: str,
) -> Iterator[tuple[CollectedResource, tuple[str, ...]]]:
    """Yield each resource with the institutions that take it in: one, or several for a Patient."""
    here = Counter(organisations[r.organisation] for r in bundle if r.organisation)
    for resource in bundle:
        patients = of_patient.get(resource.subject, Counter())
        otherwise = _majority(patients) or _majority(here) or last_resort
        if resource.resource_type == "Patient":
            yield resource, tuple(sorted(patients)) or (otherwise,)
        else:
            yield resource, (organisations.get(resource.organisation, otherwise),)

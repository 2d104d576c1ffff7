"""Who provided the care, and how bundles of a region are shared out between institutions."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource
from xinglin.service.lifecycle.collection.fhir.providers import split, with_organisations
from xinglin.service.lifecycle.collection.fhir.reader import read_bundle_file


def resource(kind: str, name: str, **facts: object) -> CollectedResource:
    return CollectedResource(
        **{"position": 0, "resource_type": kind, "logical_id": name, "original": b"{}", **facts}  # type: ignore[arg-type]
    )


def organisations(*resources: CollectedResource) -> dict[str, str]:
    return {one.key: one.organisation for one in with_organisations(resources)}


def test_what_is_stated_goes_before_the_encounter_and_that_before_the_links() -> None:
    told = organisations(
        resource("Encounter", "e1", organisation="one"),
        resource("Encounter", "e2", organisation="two"),
        resource("Observation", "stated", organisation="three", occasion="e1"),
        resource("Observation", "of encounter", occasion="e1", links=("Encounter/e2", "Encounter/e2")),
        resource("Goal", "linked", links=("Encounter/e2",)),
    )
    assert told == {
        "Encounter/e1": "one",
        "Encounter/e2": "two",
        "Observation/stated": "three",
        "Observation/of encounter": "one",
        "Goal/linked": "two",
    }


def test_links_count_in_both_directions_and_the_majority_decides() -> None:
    plans = [
        resource("CarePlan", f"p{number}", organisation=name, links=("Goal/g",))
        for number, name in enumerate(("two", "one", "two"))
    ]
    assert organisations(*plans, resource("Goal", "g"))["Goal/g"] == "two"
    assert organisations(*plans[:2], resource("Goal", "g"))["Goal/g"] == "one", "of several the first by name"


def test_a_patient_belongs_to_no_organisation_and_gives_none() -> None:
    told = organisations(
        resource("Patient", "p"),
        resource("Encounter", "e", organisation="one", links=("Patient/p",)),
        resource("AllergyIntolerance", "a", links=("Patient/p",)),
    )
    assert (told["Patient/p"], told["AllergyIntolerance/a"]) == ("", "")


def test_organisations_are_dealt_out_evenly_the_largest_first() -> None:
    sizes = {"a": 5, "b": 4, "c": 3, "d": 2, "e": 1}
    bundle = [
        resource("Encounter", f"{name}{n}", organisation=name) for name, size in sizes.items() for n in range(size)
    ]
    shared = split([bundle], ("A", "B"))
    assert shared.organisations == {"a": "A", "b": "B", "c": "B", "d": "A", "e": "A"}
    assert [len(shared.shares[name][0]) for name in ("A", "B")] == [8, 7]


def test_a_patient_goes_wherever_that_patient_has_had_care() -> None:
    here = [resource("Patient", "p", subject="p"), resource("Encounter", "e", subject="p", organisation="one")]
    there = [
        resource("Patient", "p", subject="p"),
        resource("Encounter", "f", subject="p", organisation="two"),
        resource("Encounter", "g", subject="p", organisation="two"),
        resource("AllergyIntolerance", "a", subject="p"),
    ]
    shared = split([here, there], ("A", "B"))
    assert shared.visitors == ("p",)
    keys = {name: [[one.key for one in part] for part in parts] for name, parts in shared.shares.items()}
    assert keys == {
        "A": [["Patient/p"], ["Patient/p", "Encounter/f", "Encounter/g", "AllergyIntolerance/a"]],
        "B": [["Patient/p", "Encounter/e"], ["Patient/p"]],
    }


def test_what_nobody_provided_goes_to_the_first() -> None:
    shared = split([[resource("Patient", "p", subject="p"), resource("Device", "d")]], ("A", "B"))
    assert [len(parts[0]) for parts in shared.shares.values()] == [2, 0]


RESOURCES = st.builds(
    resource,
    st.sampled_from(["Encounter", "Observation", "Goal", "Organization"]),
    st.text("abcdef", min_size=1, max_size=3),
    subject=st.sampled_from(["", "p", "q"]),
    organisation=st.sampled_from(["", "one", "two", "three"]),
    occasion=st.sampled_from(["", "a", "b"]),
    links=st.lists(st.sampled_from(["Encounter/a", "Goal/b", "Patient/p"]), max_size=3).map(tuple),
)


@given(st.lists(st.lists(RESOURCES, max_size=8), max_size=4), st.integers(1, 3))
def test_nothing_is_lost_and_nothing_doubled(bundles: list[list[CollectedResource]], number: int) -> None:
    institutions = ("A", "B", "C")[:number]
    derived = [with_organisations(bundle) for bundle in bundles]
    shared = split(derived, institutions)
    assert shared == split(derived, institutions)
    for position, bundle in enumerate(derived):
        parts = [shared.shares[name][position] for name in institutions]
        assert Counter(id(one) for part in parts for one in part) == Counter(id(one) for one in bundle)


def test_the_real_bundles(shared_data: Path) -> None:
    """39 patients, 8,009 resources: the figures of docs/spec/intake.md."""
    validator = FhirkitValidator()
    files = sorted((shared_data / "fhir" / "synthea_smart2019").glob("*.json"))
    readings = [read_bundle_file(path, validator) for path in files]
    assert (len(readings), sum(reading.entries for reading in readings)) == (39, 8009)
    assert [(reading.rejected, reading.repeated) for reading in readings] == [((), ())] * 39
    assert {issue.rule for reading in readings for one in reading.accepted for issue in one.issues} == set()
    shared = split([reading.accepted for reading in readings], ("A", "B"))
    placed = [one for parts in shared.shares.values() for part in parts for one in part]
    patients = [one for one in placed if one.resource_type == "Patient"]
    assert len(placed) - len(patients) == 8009 - 39
    assert (len(patients), len(shared.visitors)) == (39 + 8, 8)
    assert [sum(map(len, parts)) for parts in shared.shares.values()] == [4011, 4006]
    without = Counter(one.resource_type for reading in readings for one in reading.accepted if not one.organisation)
    assert without == {"Patient": 39, "AllergyIntolerance": 46}
    for path, reading in zip(files, readings, strict=True):
        data = path.read_bytes()
        assert all(one.original in data for one in reading.accepted)

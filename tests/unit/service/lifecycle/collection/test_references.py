"""References inside a bundle: where they lead, where they may lead, and which can't be told."""

from __future__ import annotations

import pytest

from tests.support.fhir_bundles import (
    ENCOUNTER,
    EPISODE,
    OBSERVATION,
    ORGANISATION,
    PATIENT,
    PRACTITIONER,
    Resource,
    bundle,
    but,
    collection,
    entry,
    posted,
)
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.model import BundleReading
from xinglin.service.lifecycle.collection.fhir.reader import read_bundle

BASE = "https://his.test/fhir"


def read(data: bytes) -> BundleReading:
    return read_bundle(data, FhirkitValidator())


def errors(reading: BundleReading) -> list[tuple[str, str]]:
    return [(issue.rule, issue.expression) for one in reading.rejected for issue in one.issues]


def warnings(reading: BundleReading) -> list[tuple[str, str]]:
    return [(issue.rule, issue.expression) for one in reading.accepted for issue in one.issues]


def referring(reference: str, **more: object) -> Resource:
    """Return an observation that says who is its subject in this way."""
    return but(OBSERVATION, encounter=None, performer=None, subject={"reference": reference, **more})


def links(reading: BundleReading) -> tuple[str, ...]:
    return next(one.links for one in reading.accepted if one.resource_type == "Observation")


@pytest.mark.parametrize(
    ("address", "reference"),
    [
        ("urn:uuid:0", "urn:uuid:0"),
        ("urn:oid:1.2.3", "urn:oid:1.2.3"),
        ("urn:uuid:0", "Patient/pat"),
        (f"{BASE}/Patient/pat", "Patient/pat"),
        (f"{BASE}/Patient/pat", f"{BASE}/Patient/pat"),
        (f"{BASE}/Patient/pat", f"{BASE}/Patient/pat/_history/3"),
        (f"{BASE}/Patient/pat", "Patient/pat/_history/3"),
        ("urn:uuid:0", "urn:uuid:0#part"),
    ],
)
def test_a_reference_leads_to_the_entry(address: str, reference: str) -> None:
    reading = read(bundle(entry(PATIENT, fullUrl=address), entry(referring(reference))))
    assert links(reading) == ("Patient/pat",)
    assert reading.accepted[1].subject == "pat"
    assert warnings(reading) == []


@pytest.mark.parametrize("reference", ["urn:uuid:9", "Practitioner/doc", f"{BASE}/Practitioner/doc", "#inner"])
def test_a_reference_to_another_type_than_allowed_is_refused(reference: str) -> None:
    inner = [{"resourceType": "Practitioner", "id": "inner"}]
    reading = read(
        bundle(
            entry(PRACTITIONER, fullUrl=f"{BASE}/Practitioner/doc"),
            entry(but(PRACTITIONER, id="nine"), fullUrl="urn:uuid:9"),
            entry(but(referring(reference), contained=inner)),
        )
    )
    assert errors(reading) == [("reference.type", "Observation.subject.reference")]


def test_the_type_of_the_target_counts_not_the_one_in_the_address() -> None:
    """``Practitioner/x`` by its address, an Organization by what is there."""
    performer = but(OBSERVATION, encounter=None, performer=None, subject={"reference": f"{BASE}/Patient/x"})
    reading = read(bundle(entry(ORGANISATION, fullUrl=f"{BASE}/Patient/x"), entry(performer)))
    assert errors(reading) == [("reference.type", "Observation.subject.reference")]


def test_a_declared_type_that_the_target_contradicts_is_refused() -> None:
    assert errors(read(collection(PATIENT, referring("Patient/pat", type="Patient")))) == []
    reading = read(collection(PATIENT, referring("Patient/pat", type="Group")))
    assert errors(reading) == [("reference.type", "Observation.subject.reference")]


def test_a_wrong_type_outside_the_bundle_is_only_warned_of() -> None:
    reading = read(collection(referring("Practitioner/elsewhere")))
    assert (errors(reading), warnings(reading)) == ([], [("reference.outside", "Observation.subject.reference")])


@pytest.mark.parametrize("kind", ["transaction", "batch", "document", "message"])
def test_a_urn_that_nothing_in_a_closed_bundle_has_is_refused(kind: str) -> None:
    reading = read(bundle(posted(PATIENT), posted(referring("urn:uuid:9")), kind=kind))
    assert errors(reading) == [("reference.missing", "Observation.subject.reference")]


@pytest.mark.parametrize("kind", ["collection", "searchset"])
def test_a_urn_that_nothing_in_an_open_bundle_has_is_warned_of(kind: str) -> None:
    reading = read(bundle(posted(PATIENT), posted(referring("urn:uuid:9")), kind=kind))
    assert (errors(reading), warnings(reading)) == ([], [("reference.unresolved", "Observation.subject.reference")])


@pytest.mark.parametrize(
    "reference",
    ["Patient/elsewhere", f"{BASE}/Patient/1", "Patient?identifier=urn:x|7", "https://a.test/other", "ftp://a.test/x"],
)
def test_what_leads_out_of_the_bundle_is_taken_as_it_is(reference: str) -> None:
    reading = read(bundle(posted(referring(reference)), kind="transaction"))
    assert (errors(reading), warnings(reading), links(reading)) == ([], [], ())


@pytest.mark.parametrize("reference", ["7", "pat", "patient/pat", "Patient/", "Patient/a b", "Chicken/7", "/Patient/7"])
def test_what_is_no_reference_is_refused(reference: str) -> None:
    assert errors(read(collection(referring(reference)))) == [("reference.form", "Observation.subject.reference")]


def test_contained_resources() -> None:
    inner = [{"resourceType": "Patient", "id": "inner"}]
    assert errors(read(collection(but(referring("#inner"), contained=inner)))) == []
    reading = read(collection(but(referring("#other"), contained=inner)))
    assert errors(reading) == [("reference.contained", "Observation.subject.reference")]


def test_a_contained_resource_may_refer_to_the_one_around_it() -> None:
    inner = [{"resourceType": "Observation", "id": "i", "status": "final", "code": {"text": "x"},
              "derivedFrom": [{"reference": "#"}]}]  # fmt: skip
    assert (
        errors(read(collection(but(referring("Patient/pat"), contained=inner, hasMember=[{"reference": "#i"}])))) == []
    )


def test_references_in_extensions_are_followed() -> None:
    extension = [{"url": "urn:x", "extension": [{"url": "urn:y", "valueReference": {"reference": "urn:uuid:9"}}]}]
    reading = read(bundle(posted(but(PATIENT, extension=extension)), kind="transaction"))
    assert errors(reading) == [("reference.missing", "Patient.extension[0].extension[0].valueReference.reference")]


def test_references_of_a_document_inside_are_its_own() -> None:
    document = {
        "resourceType": "Bundle", "id": "d", "type": "document",
        "entry": [entry(referring("urn:uuid:9")), entry(PATIENT, fullUrl="urn:uuid:9")],
    }  # fmt: skip
    assert errors(read(bundle(posted(document), kind="transaction"))) == []


def test_a_reference_without_an_address_is_none() -> None:
    by_name = but(OBSERVATION, encounter=None, performer=[{"display": "Dr Wu"}], subject={"identifier": {"value": "7"}})
    reading = read(collection(by_name))
    assert errors(reading) == []
    assert (reading.accepted[0].subject, reading.accepted[0].performer) == ("", "")


def test_what_refers_to_a_refused_resource_is_not_refused_with_it() -> None:
    for broken in (but(PATIENT, gender="f"), but(PATIENT, resourceType="Patients")):
        reading = read(bundle(posted(broken), posted(referring(posted(PATIENT)["fullUrl"])), kind="transaction"))
        assert [one.key for one in reading.accepted] == ["Observation/obs"]


def test_links_are_those_inside_the_bundle_each_once() -> None:
    reading = read(collection(*EPISODE))
    assert {one.key: one.links for one in reading.accepted} == {
        "Organization/org": (),
        "Practitioner/doc": (),
        "Patient/pat": (),
        "Encounter/enc": ("Patient/pat", "Practitioner/doc", "Organization/org"),
        "Observation/obs": ("Patient/pat", "Encounter/enc", "Practitioner/doc"),
    }
    twice = but(ENCOUNTER, participant=[{"individual": {"reference": "Practitioner/doc"}}] * 2)
    assert read(collection(PRACTITIONER, twice)).accepted[1].links == ("Practitioner/doc",)

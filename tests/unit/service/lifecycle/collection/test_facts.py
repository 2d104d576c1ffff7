"""What a resource tells of the act behind it: patient, organisation, occasion, performer, time."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fhir_bundles import EPISODE, OBSERVATION, PATIENT, Resource, bundle, but, collection, posted
from xinglin.service.lifecycle.collection.fhir.facts import ORGANISATION, PERFORMER, TELLING, facts_of
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource
from xinglin.service.lifecycle.collection.fhir.reader import read_bundle
from xinglin.service.lifecycle.collection.fhir.times import clinical_time, parse

UTC = datetime.UTC


def accepted(data: bytes) -> dict[str, CollectedResource]:
    reading = read_bundle(data, FhirkitValidator())
    assert reading.rejected == ()
    return {one.key: one for one in reading.accepted}


def test_an_episode() -> None:
    resources = accepted(collection(*EPISODE))
    told = {key: (one.subject, one.organisation, one.occasion, one.performer) for key, one in resources.items()}
    assert told == {
        "Organization/org": ("", "org", "", ""),
        "Practitioner/doc": ("", "org", "", "doc"),
        "Patient/pat": ("pat", "", "", ""),
        "Encounter/enc": ("pat", "org", "enc", "doc"),
        "Observation/obs": ("pat", "org", "enc", "doc"),
    }


def test_the_original_is_the_slice_of_the_file() -> None:
    data = collection(*EPISODE)
    resources = read_bundle(data, FhirkitValidator()).accepted
    starts = [data.index(one.original) for one in resources]
    assert starts == sorted(starts)
    for one in resources:
        assert one.original.startswith(b"{")
        assert one.original.endswith(b"}")
        assert data[data.index(one.original) - 1 :].startswith(b" {")


def test_the_address_gives_the_identifier_where_the_resource_has_none() -> None:
    nameless = but(OBSERVATION, id=None, encounter=None, performer=None, subject={"reference": "urn:uuid:p"})
    entries = [
        {"fullUrl": "urn:uuid:p", "resource": but(PATIENT, id=None)},
        {"fullUrl": "https://a.test/Observation/7", "resource": nameless},
        {"fullUrl": "https://a.test/seven", "resource": nameless},
        {"resource": but(nameless, status="amended")},
    ]
    resources = read_bundle(bundle(*entries), FhirkitValidator()).accepted
    assert [(one.logical_id, one.subject) for one in resources] == [("p", "p"), ("7", "p"), ("", "p"), ("", "p")]


ORGANISATIONS = {
    "claim": {
        "resourceType": "Claim", "status": "active", "type": {"text": "x"}, "use": "claim", "created": "2020-01-01",
        "patient": {"reference": "Patient/pat"}, "provider": {"reference": "Organization/org"},
        "priority": {"text": "x"}, "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "x"}}],
    },
    "report": {
        "resourceType": "DiagnosticReport", "status": "final", "code": {"text": "x"},
        "performer": [{"reference": "Practitioner/doc"}, {"reference": "Organization/org"}],
    },
    "immunisation": {
        "resourceType": "Immunization", "status": "completed", "vaccineCode": {"text": "x"},
        "patient": {"reference": "Patient/pat"}, "occurrenceDateTime": "2020-01-01",
        "performer": [{"actor": {"reference": "Organization/org"}}],
    },
    "procedure": {
        "resourceType": "Procedure", "status": "completed", "subject": {"reference": "Patient/pat"},
        "performer": [{"actor": {"reference": "Practitioner/doc"}, "onBehalfOf": {"reference": "Organization/org"}}],
    },
    "role": {
        "resourceType": "PractitionerRole", "practitioner": {"reference": "Practitioner/doc"},
        "organization": {"reference": "Organization/org"},
    },
}  # fmt: skip


@pytest.mark.parametrize("resource", ORGANISATIONS.values(), ids=ORGANISATIONS.keys())
def test_the_organisation_that_a_resource_states(resource: Resource) -> None:
    one = accepted(collection(*EPISODE[:3], but(resource, id="x")))[f"{resource['resourceType']}/x"]
    assert one.organisation == "org"


def test_an_organisation_outside_the_bundle_is_named_as_it_is() -> None:
    for address in ("Organization?identifier=urn:x|7", "https://a.test/fhir/Organization/7"):
        resource = but(ORGANISATIONS["role"], id="x", organization={"reference": address})
        assert accepted(collection(EPISODE[1], resource))["PractitionerRole/x"].organisation == address


def test_the_first_that_fits_is_taken() -> None:
    resource = but(OBSERVATION, performer=[{"reference": "Organization/org"}, {"reference": "Practitioner/doc"}])
    assert accepted(collection(*EPISODE[:4], resource))["Observation/obs"].performer == "doc"
    group = but(OBSERVATION, subject={"reference": "Group/g"}, focus=[{"reference": "Patient/pat"}])
    assert accepted(collection(*EPISODE[:4], group))["Observation/obs"].subject == ""


def test_what_tells_more_goes_first_wherever_it_stands() -> None:
    document = {
        "resourceType": "Composition", "id": "x", "status": "final", "type": {"text": "x"}, "title": "x",
        "date": "2020", "author": [{"reference": "Organization/author"}],
        "custodian": {"reference": "Organization/org"},
    }  # fmt: skip
    assert accepted(collection(*EPISODE[:1], document))["Composition/x"].organisation == "org"
    names = [name for name in TELLING[ORGANISATION] if name not in TELLING[PERFORMER]]
    for ordered in (names, names[::-1]):
        told = facts_of({name: {"reference": name} for name in ordered}).references
        assert [reference for fact, _, reference in told if fact == ORGANISATION] == names


def test_the_encounter_of_a_claim_is_in_its_items() -> None:
    claim = but(
        ORGANISATIONS["claim"],
        id="x",
        item=[{"sequence": 1, "productOrService": {"text": "x"}, "encounter": [{"reference": "Encounter/enc"}]}],
    )
    assert accepted(collection(*EPISODE, claim))["Claim/x"].occasion == "enc"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970", (0, "year")),
        ("1970-02", (2_678_400_000, "month")),
        ("1970-01-02", (86_400_000, "day")),
        ("1969-12-31", (-86_400_000, "day")),
        ("1970-01-01T00:00:00Z", (0, "second")),
        ("1970-01-01T08:00:00+08:00", (0, "second")),
        ("1969-12-31T23:59:59.5Z", (-500, "millisecond")),
        ("1970-01-01T00:00:00.0019999Z", (1, "millisecond")),
        ("2016-12-31T23:59:60Z", (1_483_228_799_000, "second")),
        ("", None),
        ("today", None),
        ("1970-13", None),
        ("1970-02-30", None),
        ("1970-1-1", None),
        ("19700101", None),
        ("1970-W01-1", None),
        ("1970-01-01T00:00:00", None),
        ("1970-01-01T00:00Z", None),
        ("1970-01-01T25:00:00Z", None),
        ("1970-01-01T00:00:00+99:00", None),
        ("0000-01-01", None),
        ("１９７０-01-01", None),
    ],
)
def test_times(text: str, expected: tuple[int, str] | None) -> None:
    assert parse(text) == expected


@given(
    st.datetimes(min_value=datetime.datetime(1, 1, 2), max_value=datetime.datetime(9999, 12, 30)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_a_time_is_the_same_instant_whatever_its_zone(moment: datetime.datetime, minutes: int) -> None:
    zone = datetime.timezone(datetime.timedelta(minutes=minutes))
    aware = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    local = aware.astimezone(zone)
    text = local.isoformat(timespec="milliseconds")
    assert parse(text) == (
        (aware - datetime.datetime(1970, 1, 1, tzinfo=UTC)) // datetime.timedelta(milliseconds=1),
        "millisecond",
    )


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        ({"effectiveDateTime": "2020", "issued": "2021-01-01T00:00:00Z"}, "2020"),
        ({"recordedDate": "2021", "onsetDateTime": "2019"}, "2019"),
        ({"recordedDate": "2021", "onsetString": "as a child"}, "2021"),
        ({"created": "2021", "billablePeriod": {"start": "2018", "end": "2019"}}, "2018"),
        ({"period": {"end": "2019"}}, "2019"),
        ({"collection": {"collectedPeriod": {"start": "2017"}}}, "2017"),
        ({"collection": {"method": {}}, "receivedTime": "2016"}, "2016"),
        ({"birthDate": "1970-01-01", "meta": {"lastUpdated": "2020-01-01T00:00:00Z"}}, ""),
    ],
)
def test_when_it_happened_goes_before_when_it_was_written(resource: Resource, text: str) -> None:
    assert clinical_time(resource) == parse(text)


def test_the_time_of_a_resource_is_kept_with_its_precision() -> None:
    one = accepted(bundle(posted(PATIENT), posted(but(OBSERVATION, encounter=None, performer=None)), kind="batch"))
    told = one["Observation/obs"]
    assert (told.occurred_at_ms, told.occurred_precision) == (1_588_298_700_250, "millisecond")
    assert (one["Patient/pat"].occurred_at_ms, one["Patient/pat"].occurred_precision) == (None, "")

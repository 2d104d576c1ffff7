"""De-identified copies: what goes, what stays, what moves, and that no input brings through what it should not."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xinglin.carrier.crypto.suite import suite
from xinglin.service.lifecycle.collection.fhir.elements import definitions
from xinglin.service.lifecycle.processing.deidentification.model import Copy, Pseudonyms, Shift, person_key
from xinglin.service.lifecycle.processing.deidentification.rules import Deidentifier, deidentify
from xinglin.service.lifecycle.processing.deidentification.tables import own_rules, types, with_institution

HASH = suite("gm").hash
AS_OF = datetime.date(2026, 11, 1)
SHIFT = Shift(-10, AS_OF)
PERSON = Pseudonyms(HASH, b"a person's key..", b"the home's key..")
UCUM, LOINC = "http://unitsofmeasure.org", "http://loinc.org"


def copied(resource: dict[str, Any]) -> Copy:
    return deidentify(resource, SHIFT, PERSON)


def kept(kind: str, **elements: Any) -> dict[str, Any]:
    """Return what stands in the copy besides type and label."""
    content = copied({"resourceType": kind, **elements}).content
    return {name: value for name, value in content.items() if name not in ("resourceType", "meta")}


def of(unit: str) -> dict[str, str]:
    """Return a unit as it stands in a copy."""
    return {"unit": unit, "system": UCUM, "code": unit}


def test_a_patient() -> None:
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "meta": {"versionId": "3", "lastUpdated": "2020-01-11T08:00:00+08:00", "profile": ["http://x"]},
        "text": {"status": "generated", "div": "<div>王小明</div>"},
        "identifier": [{"system": "urn:oid:2.16.156.10011.1.3", "value": "110101199003074610"}],
        "name": [{"text": "王小明"}],
        "telecom": [{"system": "phone", "value": "13912345678"}],
        "gender": "male",
        "birthDate": "1990-03-17",
        "address": [{"text": "北京市海淀区中关村大街1号", "city": "海淀区", "postalCode": "100080", "use": "home"}],
        "maritalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "M"}]
        },
        "photo": [{"data": "AAAA"}],
        "contact": [{"name": {"text": "王大明"}, "gender": "male"}],
        "managingOrganization": {"reference": "Organization/o1", "display": "第一医院"},
    }
    copy = copied(patient)
    assert copy.content == {
        "resourceType": "Patient",
        "id": PERSON.of("p1"),
        "meta": {
            "lastUpdated": "2020-01-01T08:00:00+08:00",
            "security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "PSEUDED"}],
        },
        "gender": "male",
        "birthDate": "1990-03-07",
        "address": [{"use": "home", "state": "北京市", "country": "CN", "postalCode": "10"}],
        "maritalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "M"}]
        },
        "managingOrganization": {"reference": f"Organization/{PERSON.of('o1', shared=True)}"},
    }
    assert copy.dropped == {
        "type.id": 1,
        "type.web": 1,
        "type.narrative": 1,
        "type.identifier": 1,
        "type.name": 1,
        "type.telecom": 1,
        "address.finer": 1,
        "person.photo": 1,
        "person.contact": 1,
        "text.display": 1,
    }


@pytest.mark.parametrize(
    ("stated", "moved"),
    [
        ("2020-01-05", "2019-12-26"),
        ("2020-03-05", "2020-02-24"),
        ("2020-01-05T23:59:60.123456789+13:45", "2019-12-26T23:59:60.123456789+13:45"),
        ("2020-01-05T00:00:00Z", "2019-12-26T00:00:00Z"),
        ("2020-01", "2020-01"),
        ("2020", "2020"),
        ("2020-02-30", None),
        ("2020-13", None),
        ("0001-01-01", None),
        ("2020-01-05T10:00", None),
        ("yesterday", None),
        ("２０２０-01-05", None),
        (20200105, None),
    ],
)
def test_a_date_moves_in_its_precision(stated: Any, moved: str | None) -> None:
    assert kept("Observation", effectiveDateTime=stated).get("effectiveDateTime") == moved


def test_partial_dates_move_as_often_as_they_should() -> None:
    months = [
        deidentify({"resourceType": "Patient", "birthDate": "2020-01"}, Shift(-days, AS_OF), PERSON)
        for days in range(1, 366)
    ]
    moved = [one.content["birthDate"] for one in months]
    assert (moved[0], moved[13], moved[14], moved[364]) == ("2020-01", "2020-01", "2019-12", "2019-01")


@given(
    st.dates(datetime.date(1940, 1, 1), datetime.date(2026, 10, 1)),
    st.dates(datetime.date(1940, 1, 1), datetime.date(2026, 10, 1)),
    st.integers(-365, -1),
)
def test_intervals_are_kept(start: datetime.date, end: datetime.date, days: int) -> None:
    period = {"start": start.isoformat(), "end": f"{end}T10:00:00+08:00"}
    copy = deidentify({"resourceType": "Encounter", "period": period}, Shift(days, AS_OF), PERSON).content["period"]
    moved = datetime.date.fromisoformat(copy["start"]), datetime.date.fromisoformat(copy["end"][:10])
    assert moved[1] - moved[0] == end - start
    assert moved[0] - start == datetime.timedelta(days)


@pytest.mark.parametrize(
    ("born", "shown"),
    [
        ("1936-11-02", "1936-10-23"),
        ("1936-11-01", None),
        ("1936-11", None),
        ("1936", None),
        ("1900-01-01", None),
        ("1937", "1937"),
    ],
)
def test_ages_above_89_are_one_group(born: str, shown: str | None) -> None:
    patient = kept("Patient", birthDate=born)
    assert patient.get("birthDate") == shown
    masked = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]
    }
    assert patient.get("_birthDate") == (None if shown else masked)


@pytest.mark.parametrize(
    ("quantity", "shown"),
    [
        ({"value": 89, "unit": "years", "system": UCUM, "code": "a"}, {"value": 89, **of("a")}),
        ({"value": 93, "unit": "岁"}, {"value": 90, "comparator": ">=", **of("a")}),
        ({"value": 1100, "system": UCUM, "code": "mo"}, {"value": 90, "comparator": ">=", **of("a")}),
        ({"value": "7.10", "unit": "mmol/L"}, {"value": Decimal("7.10"), **of("mmol/L")}),
        ({"value": 1.5, "comparator": "<", "unit": "张医生"}, None),
        ({"value": 3, "comparator": ["<"], "code": "mg"}, None),
        ({"value": 3}, {"value": 3}),
        ({"value": 13912345678, "unit": "mg"}, None),
        ({"value": "13912345678", "unit": "mg"}, None),
        ({"value": "110101199003074610"}, None),
        ({"value": True}, None),
        ({"value": float("nan")}, None),
        ({"value": "1e99"}, None),
        ("12 mg", None),
    ],
)  # fmt: skip
def test_a_quantity_has_a_known_unit_or_goes(quantity: Any, shown: Any) -> None:
    assert kept("Observation", valueQuantity=quantity).get("valueQuantity") == shown


@pytest.mark.parametrize(
    ("stated", "region"),
    [
        (
            {"state": "MA", "country": "US", "postalCode": "02138-1234"},
            {"state": "MA", "country": "US", "postalCode": "021"},
        ),
        ({"state": "Massachusetts", "postalCode": "03601"}, {"state": "MA", "country": "US", "postalCode": "000"}),
        ({"state": "广东", "country": "China", "city": "深圳"}, {"state": "广东省", "country": "CN"}),
        ({"city": "臺北市", "postalCode": "103"}, {"state": "臺北市", "country": "TW", "postalCode": "1"}),
        ({"text": "330 臺灣桃園市中正路1號"}, {"state": "桃園市", "country": "TW"}),
        ({"text": "中国上海市浦东新区", "country": "中国"}, {"state": "上海市", "country": "CN"}),
        ({"text": "上海市", "country": "US"}, {"country": "US"}),
        ({"state": "王小明", "country": "王小明", "postalCode": "王小明"}, None),
        ({"state": "GA", "postalCode": "300"}, None),
        ({"state": ["MA"], "country": {}, "use": ["home"], "text": 7}, None),
        ("Main Street 1", None),
    ],
)
def test_an_address_becomes_a_region(stated: Any, region: Any) -> None:
    assert kept("Patient", address=[stated]).get("address") == (None if region is None else [region])


def test_references_lead_to_copies_whatever_their_form() -> None:
    pseudonyms = Pseudonyms(HASH, b"p" * 16, b"h" * 16, own_bases=("https://fhir.hospital.example/r4/",))

    def led(reference: str, element: str = "subject") -> Any:
        copy = deidentify({"resourceType": "Encounter", element: {"reference": reference}}, SHIFT, pseudonyms).content
        return copy.get(element, {}).get("reference")

    patient, organisation = pseudonyms.of("p1"), pseudonyms.of("o1", shared=True)
    assert led("Patient/p1") == led("Patient/p1/_history/2") == f"Patient/{patient}"
    assert led("https://fhir.hospital.example/r4/Patient/p1") == f"Patient/{patient}"
    assert led("https://elsewhere.example/Patient/p1") not in (None, f"Patient/{patient}")
    assert led("urn:uuid:p1") == f"urn:uuid:{patient}"
    assert led("Organization/o1", "serviceProvider") == f"Organization/{organisation}"
    assert led("urn:uuid:o1", "serviceProvider") == f"urn:uuid:{organisation}"
    assert led("#p1") == f"#{patient}"
    assert led("#") == "#"
    assert led("Patient?identifier=110101199003074610").startswith("Patient/")
    assert led("王小明") is led("mailto:wang@example.org") is led("Shoe/1") is None
    whole = deidentify({"resourceType": "Organization", "id": "o1"}, SHIFT, pseudonyms).content
    assert whole["id"] == organisation
    told = deidentify({"resourceType": "Patient"}, SHIFT, pseudonyms, logical_id="p1").content
    assert told["id"] == patient


def test_pseudonyms_hang_on_their_keys() -> None:
    other = Pseudonyms(HASH, b"b person's key..", b"the home's key..")
    assert PERSON.of("p1") != other.of("p1")
    assert PERSON.of("o1", shared=True) == other.of("o1", shared=True) != PERSON.of("o1")
    assert PERSON.shift(AS_OF) == Pseudonyms(HASH, b"a person's key..", b"x" * 16).shift(AS_OF)
    keys = [person_key(HASH, b"k" * 16, bytes([number]) * 16) for number in range(64)]
    shifts = [Pseudonyms(HASH, key, b"x" * 16).shift(AS_OF).days for key in keys]
    assert len(set(keys)) == 64
    assert len(set(shifts)) > 48
    assert all(-365 <= days <= -1 for days in shifts)


@pytest.mark.parametrize("days", [-366, 0, 1])
def test_a_shift_that_is_none_or_too_long_is_refused(days: int) -> None:
    with pytest.raises(ValueError, match="365"):
        Shift(days, AS_OF)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Pseudonyms(HASH, b"short", b"x" * 16)


@pytest.mark.parametrize(
    ("coding", "stays"),
    [
        ({"system": LOINC, "code": "4548-4", "display": "王小明"}, {"system": LOINC, "code": "4548-4"}),
        ({"system": LOINC, "code": "王小明"}, None),
        ({"system": LOINC, "code": "4548-4 王"}, None),
        ({"system": "http://snomed.info/sct", "code": "110101199003074610"}, None),
        ({"system": "http://terminology.hl7.org/CodeSystem/x", "code": "13912345678"}, None),
        ({"system": "http://terminology.hl7.org/CodeSystem/a name", "code": "x"}, None),
        ({"system": "http://terminology.hl7.org/110101199003074610", "code": "x"}, None),
        ({"system": "http://hospital.example/wards", "code": "W3"}, None),
        ({"code": "AMB"}, None),
        ({"system": ["x"], "code": {}}, None),
        ("AMB", None),
    ],
)
def test_a_coding_stays_by_its_system_and_form(coding: Any, stays: Any) -> None:
    assert kept("Encounter", **{"class": coding}).get("class") == stays


def test_an_institution_may_list_its_own_code_systems_and_have_more_removed() -> None:
    text = (
        "own.wards\tsystem\thttp://hospital.example/*\tkeep\ttoken\tboard\n"
        "own.gender\telement\tPatient.gender\tremove\t-\tboard\n"
    )
    maker = Deidentifier(with_institution(text))
    visit = {"resourceType": "Encounter", "class": {"system": "http://hospital.example/wards", "code": "W3"}}
    assert maker.copy(visit, SHIFT, PERSON).content["class"] == visit["class"]
    patient = maker.copy({"resourceType": "Patient", "gender": "male"}, SHIFT, PERSON)
    assert "gender" not in patient.content
    assert patient.dropped == {"own.gender": 1}


def test_extensions_stay_by_their_address_and_parts() -> None:
    us = "http://hl7.org/fhir/us/core/StructureDefinition/"
    race = {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3"}
    extensions = [
        {
            "url": f"{us}us-core-race",
            "extension": [
                {"url": "ombCategory", "valueCoding": race},
                {"url": "detailed", "valueCoding": {**race, "code": "1006-6"}},
                {"url": "text", "valueString": "White"},
            ],
        },
        {"url": f"{us}us-core-birthsex", "valueCode": "M"},
        {"url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName", "valueString": "Li"},
        {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": {"city": "Boston"}},
        {"url": "http://hospital.example/nickname", "valueCode": "x"},
        {"valueCode": "x"},
        {"url": ["x"]},
        "x",
    ]
    copy = copied({"resourceType": "Patient", "extension": extensions})
    assert copy.content["extension"] == [
        {"url": f"{us}us-core-race", "extension": [{"url": "ombCategory", "valueCoding": race}]},
        {"url": f"{us}us-core-birthsex", "valueCode": "M"},
    ]
    assert (copy.dropped["extension.name"], copy.dropped["extension.origin"]) == (1, 1)


def test_extensions_of_primitive_values_stay_by_their_address() -> None:
    absent = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    born = {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": "2020-01-01T00:00:00Z"}
    assert kept("Patient", _birthDate={"extension": [absent, born], "id": "x"}) == {
        "_birthDate": {"extension": [absent]}
    }
    assert kept("Patient", _name={"extension": [absent]}, _shoe={"extension": [absent]})["_name"] == {
        "extension": [absent]
    }
    assert "_shoe" not in kept("Patient", _shoe={"extension": [absent]})


@pytest.mark.parametrize("modifier", [{"modifierExtension": [{"url": "x"}]}, {"implicitRules": "http://x"}])
def test_what_might_mean_something_else_goes_as_a_whole(modifier: dict[str, Any]) -> None:
    copy = copied({"resourceType": "Observation", "id": "o", "status": "final", **modifier})
    assert copy.content.keys() == {"resourceType", "id", "meta"}
    assert copy.dropped == {"resource.modifier": 1}


def test_contained_resources_are_copied_by_the_same_rules() -> None:
    inside = {"resourceType": "Practitioner", "id": "doc", "name": [{"family": "Li"}], "active": True}
    copy = copied(
        {
            "resourceType": "Procedure",
            "contained": [inside, "x", {"resourceType": "Shoe"}],
            "asserter": {"reference": "#doc"},
        }
    )
    assert copy.content["contained"] == [{"resourceType": "Practitioner", "id": PERSON.of("doc"), "active": True}]
    assert copy.content["asserter"] == {"reference": f"#{PERSON.of('doc')}"}


@pytest.mark.parametrize(
    "resource", [{}, {"resourceType": "Shoe"}, {"resourceType": 7}, {"resourceType": "Questionnaire"}]
)
def test_what_is_no_clinical_resource_gives_an_empty_copy(resource: dict[str, Any]) -> None:
    assert copied({**resource, "name": "Wang"}) == Copy({}, {"unknown.resource": 1})


@pytest.mark.parametrize(
    "meta", [None, "x", [{"tag": []}], [{"security": [{}]}], {"security": {"code": "R"}}, {"security": ["x"]}]
)
def test_the_label_of_a_copy_stands_whatever_stood_there(meta: Any) -> None:
    labels = copied({"resourceType": "Basic", "meta": meta}).content["meta"]["security"]
    assert [one["code"] for one in labels] == ["PSEUDED"]


def test_nesting_is_bounded() -> None:
    item: dict[str, Any] = {"linkId": "1"}
    for _ in range(5000):
        item = {"linkId": "1", "item": [item]}
    copy = copied({"resourceType": "QuestionnaireResponse", "item": [item]})
    assert copy.dropped == {"depth": 1}
    assert copy.encode().count(b"linkId") == 63


def test_bytes_are_canonical_and_numbers_stay_as_written() -> None:
    resource = {"value": "7.10", "system": UCUM, "code": "mmol/L"}
    one = copied({"resourceType": "Observation", "status": "final", "valueQuantity": resource}).encode()
    two = copied(
        {"valueQuantity": dict(reversed(resource.items())), "status": "final", "resourceType": "Observation"}
    ).encode()
    assert one == two
    assert b'"value":7.10' in one
    assert json.loads(one)["resourceType"] == "Observation"


SECRETS = (
    "王小明",
    "张三丰之妻",
    "Zebulon Quackenbush",
    "110101199003074610",
    "13912345678",
    "zeb@quack.example",
    "MRN-0012345678",
    "京A·12345",
)
WHOLE = "|".join(SECRETS)
NAMES = sorted(
    {name for elements in types().values() for name in elements}
    | {"extension", "contained", "id", "shoe", "_birthDate"}
)
KINDS = sorted(name for name in types() if name in definitions().resources)
SECRET = st.sampled_from(SECRETS)
SYSTEMS = st.sampled_from(
    [subject.rstrip("*") + ("x" if subject.endswith("*") else "") for rule in own_rules() if rule.kind == "system"
     and rule.id != "system.ndc" for subject in rule.subjects]  # an 11-digit NDC is a telephone number to the eye
)  # fmt: skip
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | SECRET


@st.composite
def values_of(draw: st.DrawFn, kind: str, left: int) -> Any:
    """Draw a value for a type of the table: of the right shape, with secrets in every place for text."""
    if kind == "boolean":
        return draw(st.booleans() | SECRET)
    if kind in ("decimal", "integer", "positiveInt", "unsignedInt"):
        return draw(st.integers(0, 999) | SECRET)
    if kind in ("date", "dateTime", "instant"):
        return draw(st.dates(datetime.date(1950, 1, 1)).map(str) | SECRET)
    if kind in ("Resource", "DomainResource"):
        return draw(resources(left - 1)) if left else {}
    if kind not in types() or not left:
        return draw(SECRET)
    if kind == "Coding":
        return {"system": draw(SYSTEMS), "code": draw(SECRET), "display": draw(SECRET), "version": draw(SECRET)}
    names = draw(st.lists(st.sampled_from(sorted(types()[kind])), max_size=4, unique=True)) if types()[kind] else []
    found = {name: draw(values_of(types()[kind][name], left - 1)) for name in names}
    found |= {draw(st.sampled_from(["shoe", "id", "_code", "display"])): draw(SECRET)}
    return [found] if draw(st.booleans()) else found


@st.composite
def resources(draw: st.DrawFn, left: int = 4) -> dict[str, Any]:
    """Draw a resource of R4 in which whatever is text is a secret."""
    kind = draw(st.sampled_from(KINDS))
    found = draw(values_of(kind, left))
    url = draw(
        st.sampled_from([subject for rule in own_rules() if rule.kind == "extension" for subject in rule.subjects])
    )
    extension = {
        "url": url,
        "valueString": draw(SECRET),
        "valueCode": draw(SECRET),
        "extension": [{"url": "text", "valueString": draw(SECRET)}],
    }
    return {
        **(found[0] if isinstance(found, list) else found),
        "resourceType": kind,
        "id": draw(SECRET),
        "extension": [extension],
    }


@pytest.mark.requirement("H8")
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])  # whole resources are drawn
@given(resources())
def test_no_secret_comes_through_wherever_it_stands(resource: dict[str, Any]) -> None:
    copy = copied(resource)
    written = copy.encode().decode()
    assert [secret for secret in SECRETS if secret in written] == []
    assert copied(resource) == copy


@given(
    st.recursive(
        LEAF,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
        max_leaves=25,
    ),
    st.sampled_from(KINDS),
)
def test_no_input_raises(found: Any, kind: str) -> None:
    resource = {**(found if isinstance(found, dict) else {"extension": found}), "resourceType": kind}
    copy = copied(resource)
    assert copy.content["resourceType"] == kind
    assert copied(json.loads(copy.encode())).content.keys() <= copy.content.keys()

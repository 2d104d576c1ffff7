"""What is wrong with one entry goes to quarantine with its reasons, and stops nothing else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.support.fhir_bundles import (
    ENCOUNTER,
    OBSERVATION,
    ORGANISATION,
    PATIENT,
    Resource,
    bundle,
    but,
    collection,
    entry,
    posted,
    text,
)
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.findings import FINDINGS
from xinglin.service.lifecycle.collection.fhir.model import BundleReading, Limits
from xinglin.service.lifecycle.collection.fhir.reader import read_bundle

SECRET = "Wu Lien-teh"
XHTML = '<div xmlns="http://www.w3.org/1999/xhtml">'


def read(data: bytes, **limits: int) -> BundleReading:
    return read_bundle(data, FhirkitValidator(), Limits(**limits))


def found(reading: BundleReading) -> list[tuple[str, str]]:
    return [(issue.rule, issue.expression) for one in reading.rejected for issue in one.issues]


def nested(levels: int) -> Resource:
    """Return a patient of that many levels of objects and arrays, the patient itself counted."""
    inner: dict[str, Any] = {"url": "urn:x", "valueString": "x"}
    for _ in range((levels - 3) // 2):
        inner = {"url": "urn:x", "extension": [inner]}
    return but(PATIENT, extension=[inner])


def narrative(inside: str) -> Resource:
    return but(PATIENT, text={"status": "generated", "div": f"{XHTML}{inside}</div>"})


FAULTS: dict[str, tuple[Resource, str, str]] = {
    "type that R4 lacks": (but(PATIENT, resourceType="Patients"), "resource.type", "Resource"),
    "type of a later version": (but(PATIENT, resourceType="ActorDefinition"), "resource.type", "Resource"),
    "no type": (but(PATIENT, resourceType=None), "resource.type", "Resource"),
    "data type as resource": ({"resourceType": "HumanName", "text": SECRET}, "resource.type", "Resource"),
    "id with other characters": (but(PATIENT, id="a_b"), "resource.id", "Patient.id"),
    "id too long": (but(PATIENT, id="a" * 65), "resource.id", "Patient.id"),
    "id of something contained": (
        but(PATIENT, contained=[{"resourceType": "Organization", "id": "a b"}]),
        "resource.id", "Patient.contained[0].id"
    ),
    "unknown element": (but(PATIENT, **{SECRET: 1}), "element.unknown", "Patient"),
    "unknown element below": (but(PATIENT, name=[{SECRET: 1}]), "element.unknown", "Patient.name[0]"),
    "empty object under an unknown key": (but(PATIENT, **{SECRET: {}}), "element.empty", "Patient.?"),
    "required element": (but(OBSERVATION, status=None), "element.required", "Observation.status"),
    "two types of a choice": (but(OBSERVATION, valueString=SECRET), "element.choice", "Observation.value[x]"),
    "empty object": (but(PATIENT, name=[{}]), "element.empty", "Patient.name[0]"),
    "empty array": (but(PATIENT, name=[]), "element.empty", "Patient.name"),
    "empty text": (but(PATIENT, name=[{"family": ""}]), "element.empty", "Patient.name[0].family"),
    "number for a text": (but(PATIENT, name=[{"family": 7}]), "element.form", "Patient.name[0].family"),
    "object for an array": (but(PATIENT, name={"family": SECRET}), "element.form", "Patient.name"),
    "null": (but(PATIENT, name=[None]), "element.form", "Patient.name[0]"),
    "date of another form": (but(PATIENT, birthDate=SECRET), "value.form", "Patient.birthDate"),
    "day that is not": (but(PATIENT, birthDate="1971-02-29"), "value.date", "Patient.birthDate"),
    "time on a day that is not": (
        but(OBSERVATION, effectiveDateTime="2020-04-31T00:00:00Z"), "value.date", "Observation.effectiveDateTime"
    ),
    "day in an extension": (
        but(PATIENT, extension=[{"url": "urn:x", "valueDate": "2021-02-30"}]),
        "value.date", "Patient.extension[0].valueDate"
    ),
    "NUL by escape": (but(PATIENT, name=[{"given": ["a\x00b"]}]), "value.characters", "Patient.name[0].given[0]"),
    "form feed by escape": (but(PATIENT, name=[{"family": "a\fb"}]), "value.characters", "Patient.name[0].family"),
    "code outside the required set": (but(PATIENT, gender="f"), "value.code", "Patient.gender"),
    "code below": (but(PATIENT, name=[{"use": SECRET[:2]}]), "value.code", "Patient.name[0].use"),
    "concept outside the required set": (
        {
            "resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/pat"},
            "clinicalStatus": {"coding": [{"system": "urn:x", "code": "active"}]},
        },
        "value.code", "Condition.clinicalStatus",
    ),
    "narrative with an entity": (narrative("&nbsp;"), "narrative.form", "Patient.text.div"),
    "narrative not closed": (narrative("<p>"), "narrative.form", "Patient.text.div"),
    "narrative that declares entities": (
        but(PATIENT, text={"status": "generated", "div": f'<!DOCTYPE d [<!ENTITY a "a">]>{XHTML}&a;</div>'}),
        "narrative.form", "Patient.text.div",
    ),
    "narrative with a script": (narrative("<script>x()</script>"), "narrative.active", "Patient.text.div"),
    "narrative with an event": (narrative('<p onclick="x()">a</p>'), "narrative.active", "Patient.text.div"),
    "narrative with a running link": (
        narrative('<a href=" JavaScript:x()">a</a>'),
        "narrative.active", "Patient.text.div",
    ),
    "narrative inside": (
        {
            "resourceType": "List", "id": "l", "status": "current", "mode": "working",
            "contained": [narrative("<iframe/>") | {"id": "p"}],
        },
        "narrative.active", "List.contained[0].text.div",
    ),
    "65 levels": (nested(65), "json.nesting", "Patient"),
    "resource inside Parameters": (
        {"resourceType": "Parameters",
         "parameter": [{"name": "a", "part": [{"name": "b", "resource": but(PATIENT, x=1)}]}]},
        "element.unknown", "Parameters.parameter[0].part[0].resource",
    ),
    "resource inside a bundle": (
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": but(OBSERVATION, status=None)}]},
        "element.required", "Bundle.entry[0].resource.status",
    ),
    "code inside a bundle": (
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": but(PATIENT, gender="f")}]},
        "value.code", "Bundle.entry[0].resource.gender",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("resource", "rule", "expression"), FAULTS.values(), ids=FAULTS.keys())
def test_each_fault_is_found_where_it_is(resource: Resource, rule: str, expression: str) -> None:
    data = collection(ORGANISATION, resource, ENCOUNTER)
    reading = read(data)
    assert (rule, expression) in found(reading)
    assert [one.key for one in reading.accepted] == ["Organization/org", "Encounter/enc"], "nothing else is stopped"
    only = reading.rejected[0]
    assert only.position == 1
    assert only.original in data
    assert json.loads(only.original) == resource
    assert SECRET not in repr(only.issues)


def test_64_levels_pass() -> None:
    assert len(read(collection(nested(63))).accepted) == 1
    assert len(read(collection(nested(63)), max_nesting=62).rejected) == 1


def test_what_is_nested_too_deep_is_looked_at_no_further() -> None:
    assert found(read(collection(but(nested(65), gender=7, x=1)))) == [("json.nesting", "Patient")]


def test_what_looks_like_a_fault_and_is_none() -> None:
    harmless = but(
        PATIENT,
        name=[{"text": "\\u0000 {} [] 1971-02-29 \b".replace("\b", "\t"), "_use": {"id": "1"}, "use": "usual"}],
        birthDate="1972-02-29",
        text={"status": "generated", "div": f"{XHTML}&lt;script&gt; &#169; <a href='https://x.test'>on</a></div>"},
        extension=[{"url": "urn:x", "valueString": "2021-02-30"}],
        contained=[{"resourceType": "Organization", "id": "o", "name": "急诊科 🏥"}],
        managingOrganization={"reference": "#o"},
    )
    absent = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    unknown = {
        "resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/pat"},
        "clinicalStatus": {"extension": [absent]},
    }  # fmt: skip
    precise = but(OBSERVATION, valueQuantity=None, note=[{"text": "1.50"}])
    data = collection(harmless, unknown, precise).replace(b'"1.50"', b'"1.50"', 1)
    assert found(read(data)) == []


def test_numbers_keep_every_digit_and_no_size_is_too_large() -> None:
    data = collection(OBSERVATION)
    for number in (b"1.500000000000000000000000000001", b"1e400", b"-0.00", b"9" * 400, b"1E+999999999"):
        reading = read(data.replace(b"72.5", number))
        assert reading.rejected == ()
        assert number in reading.accepted[0].original


def test_the_same_key_twice() -> None:
    data = collection(PATIENT, OBSERVATION).replace(b'"gender"', b'"gender":"male",\n"gender"')
    reading = read(data)
    assert ("element.repeated", "Patient.gender") in found(reading)
    assert [one.key for one in reading.accepted] == ["Observation/obs"]


def test_a_resource_that_is_too_large_goes_alone() -> None:
    large = but(PATIENT, name=[{"text": "x" * 2000}])
    reading = read(collection(large, OBSERVATION), max_resource_bytes=2000)
    assert found(reading) == [("json.size", "Resource")]
    assert [one.key for one in reading.accepted] == ["Observation/obs"]


ENTRIES: dict[str, tuple[bytes, str, str]] = {
    "no resource": (b'{"fullUrl":"urn:uuid:1"}', "entry.resource", "Bundle.entry[1].resource"),
    "nothing": (b"{}", "entry.resource", "Bundle.entry[1].resource"),
    "no object": (b"[1]", "element.form", "Bundle.entry[1]"),
    "null": (b"null", "element.form", "Bundle.entry[1]"),
    "a resource that is null": (b'{"resource":null}', "resource.type", "Resource"),
    "a resource that is a text": (b'{"resource":"Patient"}', "resource.type", "Resource"),
    "a relative address": (text(entry(PATIENT, fullUrl="Patient/pat")), "entry.full_url", "Bundle.entry[1].fullUrl"),
    "an address with version": (
        text(entry(PATIENT, fullUrl="https://a.test/Patient/pat/_history/2")),
        "entry.full_url", "Bundle.entry[1].fullUrl"
    ),
    "an address that is a number": (text(entry(PATIENT, fullUrl=7)), "element.form", "Bundle.entry[1].fullUrl"),
    "an address with a control character": (
        text(entry(PATIENT, fullUrl="urn:uuid:1\x01")), "value.characters", "Bundle.entry[1].fullUrl"
    ),
    "an unknown element": (text(entry(PATIENT, resources=[])), "element.unknown", "Bundle.entry[1]"),
    "a deletion": (
        text({"request": {"method": "DELETE", "url": "Patient/pat"}}), "entry.method", "Bundle.entry[1].request.method"
    ),
    "a change": (
        text(entry(PATIENT, request={"method": "PATCH", "url": "Patient/pat"})),
        "entry.method", "Bundle.entry[1].request.method",
    ),
    "a method that FHIR lacks": (
        text(entry(PATIENT, request={"method": "STORE", "url": "Patient"})),
        "value.code", "Bundle.entry[1].request.method"
    ),
    "a request without address": (
        text(entry(PATIENT, request={"method": "PUT"})), "element.required", "Bundle.entry[1].request.url"
    ),
    "a request to an address with a space": (
        text(entry(PATIENT, fullUrl="urn:uuid:1", request={"method": "PUT", "url": "Patient/p at"})),
        "value.form", "Bundle.entry[1].request.url",
    ),
    "two resources": (
        b'{"resource":' + text(OBSERVATION) + b',"resource":' + text(PATIENT) + b"}",
        "element.repeated", "Bundle.entry[1].resource",
    ),
    "the same resource twice": (
        b'{"resource":' + text(PATIENT) + b',"resource":' + text(PATIENT) + b"}",
        "element.repeated", "Bundle.entry[1].resource",
    ),
    "two addresses": (
        b'{"fullUrl":"urn:uuid:1","fullUrl":"urn:uuid:2","resource":' + text(PATIENT) + b"}",
        "element.repeated", "Bundle.entry[1].fullUrl",
    ),
    "an address with an escaped key": (
        b'{"fullUrl":"urn:uuid:1","full\\u0055rl":"urn:uuid:2","resource":' + text(PATIENT) + b"}",
        "element.repeated", "Bundle.entry[1].fullUrl",
    ),
    "two methods": (
        b'{"fullUrl":"urn:uuid:1","resource":' + text(PATIENT)
        + b',"request":{"method":"PUT","method":"POST","url":"a"}}',
        "element.repeated", "Bundle.entry[1].request.method",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "rule", "expression"), ENTRIES.values(), ids=ENTRIES.keys())
def test_each_fault_of_an_entry_is_found(raw: bytes, rule: str, expression: str) -> None:
    data = b'{"resourceType":"Bundle","type":"collection","entry":[%s,%s,%s]}'
    data = data % (text(entry(ORGANISATION)), raw, text(entry(ENCOUNTER)))
    reading = read(data)
    assert (rule, expression) in found(reading)
    assert [one.key for one in reading.accepted] == ["Organization/org", "Encounter/enc"]
    assert reading.rejected[0].original in raw
    if rule != "resource.type":
        assert reading.rejected[0].original == raw, "a fault of the entry keeps the whole entry"


def test_a_resource_is_found_behind_another_that_begins_alike() -> None:
    outcome = {"resourceType": "OperationOutcome", "id": "the-same-id-for-both", "issue": []}
    first, second = (
        but(outcome, issue=[{"severity": "information", "code": "informational", "diagnostics": word}])
        for word in ("a", "longer")
    )
    raw = json.dumps({"response": {"status": "200", "outcome": first}, "resource": second}).encode()
    reading = read(b'{"resourceType":"Bundle","type":"searchset","entry":[%s]}' % raw)
    assert [json.loads(one.original) for one in reading.accepted] == [second]


def test_entries_of_a_transaction_need_a_request() -> None:
    assert read(bundle(posted(PATIENT), kind="transaction")).rejected == ()
    for kind in ("transaction", "batch"):
        reading = read(bundle(posted(PATIENT), entry(ENCOUNTER), kind=kind))
        assert found(reading) == [("entry.request", "Bundle.entry[1].request")]
        assert [one.key for one in reading.accepted] == ["Patient/pat"]


def test_of_two_resources_with_one_identifier_the_later_goes_to_quarantine() -> None:
    other = but(PATIENT, gender="male")
    reading = read(collection(PATIENT, other, OBSERVATION))
    assert [(one.position, one.issues[0].rule) for one in reading.rejected] == [(1, "entry.duplicate")]
    assert [one.key for one in reading.accepted] == ["Patient/pat", "Observation/obs"]


def test_the_same_resource_byte_for_byte_is_counted_and_taken_once() -> None:
    reading = read(collection(PATIENT, OBSERVATION, PATIENT, PATIENT))
    assert [one.key for one in reading.accepted] == ["Patient/pat", "Observation/obs"]
    assert (reading.repeated, reading.rejected, reading.entries) == ((2, 3), (), 4)


def test_an_invalid_resource_does_not_stand_in_the_way_of_a_valid_one() -> None:
    reading = read(collection(but(PATIENT, gender="f"), PATIENT, OBSERVATION))
    assert [one.key for one in reading.accepted] == ["Patient/pat", "Observation/obs"]


def test_two_versions_of_one_resource_are_no_duplicates() -> None:
    versions = [but(OBSERVATION, meta={"versionId": number}, status=status) for number, status in
                (("1", "preliminary"), ("2", "final"))]  # fmt: skip
    assert len(read(collection(*versions)).accepted) == 2
    assert found(read(collection(*versions, but(versions[1], status="amended")))) == [
        ("entry.duplicate", "Observation.id")
    ]


def test_one_address_for_two_resources() -> None:
    first, second = (entry(one, fullUrl="urn:uuid:1") for one in (PATIENT, OBSERVATION))
    reading = read(bundle(first, second))
    assert found(reading) == [("entry.duplicate", "Observation.id")]


def test_all_that_is_wrong_with_a_resource_is_said() -> None:
    broken = but(PATIENT, gender="f", birthDate="1971-02-29", x=1, name=[{"family": ""}])
    rules = {rule for rule, _ in found(read(collection(broken)))}
    assert rules == {"value.code", "value.date", "element.unknown", "element.empty"}


def test_findings_use_the_codes_of_fhir() -> None:
    issue_types = {
        "invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired",
        "forbidden",
        "suppressed", "processing", "not-supported", "duplicate", "multiple-matches", "not-found", "deleted",
        "too-long",
        "code-invalid", "extension", "too-costly", "business-rule", "conflict", "transient", "lock-error", "no-store",
        "exception", "timeout", "incomplete", "throttled", "informational",
    }  # fmt: skip
    assert {code for _, code, _ in FINDINGS.values()} <= issue_types
    assert {severity for severity, _, _ in FINDINGS.values()} == {"error", "warning"}


def test_the_specification_lists_every_rule_as_it_is() -> None:
    page = (REPOSITORY / "docs" / "spec" / "intake.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_.]+)` \| (\w+) \| ([a-z-]+) \| (.+) \|$", page, re.MULTILINE)
    assert {rule: tuple(rest) for rule, *rest in rows} == FINDINGS

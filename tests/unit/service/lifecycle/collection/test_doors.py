"""What the door takes: types by name, clinical records whole, of people what the purpose needs; the rest is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import REPOSITORY
from xinglin.kernel.errors import PlatformError
from xinglin.service.lifecycle.collection.doors import ALWAYS, HOME_FILE, PEOPLE, own_door, with_institution, without
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.findings import is_refused
from xinglin.service.lifecycle.collection.fhir.model import BundleReading, Processed
from xinglin.service.lifecycle.collection.fhir.reader import read_bundle
from xinglin.service.lifecycle.processing.errors import RuleMalformed
from xinglin.service.lifecycle.processing.homes import door_of

SECRET = "aSecretPortrait0"
PATIENT = (
    '{"resourceType":"Patient" , "id":"p1",\n "photo":[{"contentType":"image/png","data":"' + SECRET + '"}],'
    ' "birthDate":"1950-01-02", "extension":[{"url":"urn:x","valueDecimal":1.50}] }'
)
STAFF = (
    '{"photo":[{"title":"x"}],"resourceType":"Practitioner","id":"d1","birthDate":"1970-03-04",'
    '"_birthDate":{"id":"a"},"name":[{"family":"Li"}],"address":[{"city":"Wuhan"}]}'
)
OBSERVATION = (
    '{"resourceType":"Observation","id":"o1","contained":[' + STAFF + '],"status":"final","code":{"text":"x"},'
    '"subject":{"reference":"Patient/p1"},"valueQuantity":{"value":1.500}}'
)
LOG = (
    '{"resourceType":"AuditEvent","id":"l1","type":{"code":"rest"},"recorded":"2020-01-01T00:00:00Z",'
    '"agent":[{"requestor":true}],"source":{"observer":{"display":"x"}}}'
)


def collection(*resources: str) -> bytes:
    """Return a bundle with resources as they are written."""
    entries = ",".join(
        f'{{"fullUrl":"urn:uuid:{n:08d}-0000-4000-8000-0","resource":{r}}}' for n, r in enumerate(resources)
    )
    return f'{{"resourceType":"Bundle","type":"collection","entry":[{entries}]}}'.encode()


def taken(*resources: str, door: Any = None) -> BundleReading:
    """Read a bundle at the door."""
    return read_bundle(collection(*resources), FhirkitValidator(), door=door or own_door())


@pytest.mark.requirement("S8.3b", part="the door for FHIR bundles; forms come with the portal")
def test_what_the_purpose_does_not_need_is_not_collected_and_is_told() -> None:
    reading = taken(PATIENT, STAFF, OBSERVATION, LOG, STAFF.replace("d1", "d2"))
    kept = [one.original.decode() for one in reading.accepted]
    assert kept == [
        '{"resourceType":"Patient" , "id":"p1",'
        ' "birthDate":"1950-01-02", "extension":[{"url":"urn:x","valueDecimal":1.50}] }',
        '{"resourceType":"Practitioner","id":"d1","name":[{"family":"Li"}]}',
        OBSERVATION,
        '{"resourceType":"Practitioner","id":"d2","name":[{"family":"Li"}]}',
    ]
    assert dict(reading.dropped) == {
        "AuditEvent": 1,
        "Patient.photo": 1,
        "Practitioner.address": 2,
        "Practitioner.birthDate": 2,
        "Practitioner.photo": 2,
    }
    assert reading.left_out == (3,)
    assert reading.entries == len(reading.accepted) + len(reading.left_out)
    assert SECRET not in repr([(one.original, one.processed) for one in reading.accepted])
    assert [bool(one.whole) for one in reading.accepted] == [True, True, False, True]


def test_labels_and_copies_are_made_of_what_was_taken() -> None:
    seen: list[Any] = []

    def process(resource: Any, *_: str) -> Processed:
        seen.append(resource)
        return Processed()

    read_bundle(collection(PATIENT, LOG), FhirkitValidator(), process=process, door=own_door())
    assert [sorted(one) for one in seen] == [["birthDate", "extension", "id", "resourceType"]]


def test_what_is_invalid_goes_to_quarantine_though_its_type_is_not_taken() -> None:
    reading = taken(LOG.replace("recorded", "recoded"), PATIENT.replace("image/png", "\\u0001"))
    assert (len(reading.rejected), reading.accepted, reading.dropped) == (2, (), ())


def test_without_a_door_everything_is_taken() -> None:
    reading = read_bundle(collection(PATIENT, LOG), FhirkitValidator())
    assert [one.original.decode() for one in reading.accepted] == [PATIENT, LOG]
    assert reading.dropped == ()


_SPACES = st.text(" \t\r\n", max_size=2)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["a", "_a", "b", "_b", 'c"\\', "d", "中"]), _VALUES, min_size=1),
    st.frozensets(st.sampled_from(["a", "b", 'c"\\', "d", "中"])),
    st.lists(_SPACES, min_size=6, max_size=6),
    st.booleans(),
)
def test_cutting_leaves_a_valid_object_with_the_other_members_as_they_were(
    members: dict[str, Any], kept: frozenset[str], space: list[str], ascii_only: bool
) -> None:
    before = {"resourceType": "X", **members}
    written = [
        (name, f"{json.dumps(name, ensure_ascii=ascii_only)}{space[0]}:{space[1]}{json.dumps(value)}")
        for name, value in before.items()
    ]
    text = f"{space[2]}{{{space[3]}" + f"{space[4]},{space[5]}".join(one for _, one in written) + f"{space[3]}}}"
    done = without(text.encode(), kept | {"resourceType"})
    stay = {name: value for name, value in before.items() if name.removeprefix("_") in {*kept, "resourceType"}}
    assert json.loads(done.original) == stay
    assert list(json.loads(done.original)) == list(stay)
    assert set(done.left_out) == {name.removeprefix("_") for name in before} - kept - {"resourceType"}
    assert all(one in done.original.decode() for name, one in written if name in stay)
    assert done.left_out or done.original == text.encode()


def test_numbers_that_python_would_not_read_stay() -> None:
    text = '{"id":"x","n":' + "9" * 5_000 + ',"photo":[],"m":1e999}'
    assert without(text.encode(), frozenset(("id", "n", "m"))).original.decode() == text.replace('"photo":[],', "")


def test_people_of_the_standards_examples_stay_valid(shared_data: Path) -> None:
    validator, door = FhirkitValidator(), own_door()
    cut = 0
    for path in sorted((shared_data / "fhir" / "hl7_r4_examples").glob("*.json")):
        data = path.read_bytes()
        kind = json.loads(data).get("resourceType")
        if kind in PEOPLE and not is_refused(validator.validate([data])[0]):
            kept = door.take(kind, data)
            assert kept is not None
            assert not is_refused(validator.validate([kept.original])[0]), path.name
            cut += bool(kept.left_out)
    assert cut > 1


def test_every_type_stands_in_one_row_with_a_purpose() -> None:
    types = [name for row in own_door().rows for name in row.types]
    assert len(types) == len(set(types))
    assert all(row.purpose for row in own_door().rows)
    assert {name for row in own_door().rows if row.elements for name in row.types} == PEOPLE


def test_the_page_has_the_table() -> None:
    page = (REPOSITORY / "docs" / "spec" / "intake.md").read_text(encoding="utf-8")
    for row in own_door().rows:
        types, elements = (" ".join(f"`{one}`" for one in names) for names in (row.types, row.elements))
        assert f"| `{row.id}` | {types} | {elements or 'whole'} | {row.purpose} |" in page
    assert " ".join(f"`{one}`" for one in sorted(ALWAYS)) in page
    assert ", ".join(f"`{one}`" for one in sorted(PEOPLE)) in page


def test_an_institution_says_what_its_own_purpose_needs() -> None:
    door = with_institution(
        "# ours\n"
        "fhir.patient\tPatient\tbirthDate|photo\tidentity, by photograph\n"
        "fhir.payment\t-\t*\tnot ours\n"
        "ours.log\tAuditEvent\t*\tsupervision\n"
    )
    claim = '{"resourceType":"PaymentNotice"}'
    assert door.take("PaymentNotice", claim.encode()) is None
    reading = taken(PATIENT, LOG, door=door)
    assert [one.original.decode() for one in reading.accepted] == [PATIENT, LOG]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x\tPatient\t*\tp", "Patient stands in another row too"),
        ("x\tNothing\t*\tp", "R4 has no resource type 'Nothing'"),
        ("fhir.patient\tPatient\tphotograph\tp", "R4 has no element 'photograph'"),
        ("fhir.place\tOrganization\tname\tp", "Organization is taken whole or not at all"),
        ("x\tPatient\t*", "3 columns, not 4"),
    ],
)
def test_a_line_that_is_no_row(line: str, reason: str) -> None:
    with pytest.raises(RuleMalformed) as refused:
        with_institution(f"\n{line}\n")
    assert refused.value.facts == {"file": HOME_FILE, "line": 2, "reason": reason}


def test_the_file_of_a_home(tmp_path: Path) -> None:
    assert door_of(tmp_path).rows == own_door().rows
    (tmp_path / "rules").mkdir()
    (tmp_path / HOME_FILE).write_text("ours.log\tAuditEvent\t*\tsupervision\n")
    assert door_of(tmp_path).take("AuditEvent", LOG.encode()) is not None
    (tmp_path / HOME_FILE).write_bytes(b"\xff")
    with pytest.raises(PlatformError):
        door_of(tmp_path)

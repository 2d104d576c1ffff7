"""Traits from FHIR Patients: the real examples, Chinese systems, malformed input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.persons import CARD
from xinglin.service.basic.patient_index.errors import NotAPatient
from xinglin.service.basic.patient_index.features import features
from xinglin.service.basic.patient_index.fhir import traits_of_patient
from xinglin.service.basic.patient_index.model import Address, Identifier, IdentifierKind, Mother, Name, Sex, Traits
from xinglin.service.basic.patient_index.taking import check

KINDS = IdentifierKind


def patient(**elements: Any) -> Traits:
    """Return the traits of a Patient with these elements."""
    return traits_of_patient({"resourceType": "Patient", **elements}, "his")


def coded(code: str, system: str = "http://terminology.hl7.org/CodeSystem/v2-0203") -> dict[str, Any]:
    """Return an Identifier of a type."""
    return {"type": {"coding": [{"system": system, "code": code}]}, "system": "urn:x", "value": "v"}


def test_taiwans_example_is_read_whole(shared_data: Path) -> None:
    resource = json.loads((shared_data / "fhir/twcore_zh/Patient-pat-example.json").read_text(encoding="utf-8"))
    assert traits_of_patient(resource, "tw") == Traits(
        identifiers=(
            Identifier(KINDS.TAIWAN_ID, "A123456789"),
            Identifier(KINDS.RECORD_NUMBER, "8862168", "https://www.tph.mohw.gov.tw"),
        ),
        names=(Name("Chen", "Chia Lin", "陳加玲", "official"),),
        birth=1990_01_01,
        sex=Sex.FEMALE,
        phones=("0911327999",),
        addresses=(Address("承德路", "臺北市", "大同區", "", "103", "TW"),),
    )


def test_every_real_patient_has_name_birth_and_identifiers(shared_data: Path) -> None:
    found = 0
    for path in sorted((shared_data / "fhir/synthea_smart2019").glob("*.json"))[:10]:
        for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]:
            if entry["resource"]["resourceType"] == "Patient":
                traits = traits_of_patient(entry["resource"], "synthea")
                check(traits)
                found += 1
                assert traits.names
                assert traits.birth > 1900_00_00
                assert {KINDS.RECORD_NUMBER, KINDS.NATIONAL} <= {one.kind for one in traits.identifiers}
                assert traits.mother.names
    assert found == 10


@pytest.mark.parametrize(
    ("identifier", "kind", "scope"),
    [
        ({"system": "urn:oid:2.16.156.10011.1.3", "value": "v"}, KINDS.ID_CARD, ""),
        (coded("NNCHN"), KINDS.ID_CARD, ""),
        (coded("01", "urn:oid:CV02.01.101"), KINDS.ID_CARD, ""),
        (coded("06", "urn:oid:CV02.01.101"), KINDS.HONG_KONG_MACAO_PERMIT, ""),
        (coded("PPN"), KINDS.PASSPORT, ""),
        (coded("NNSGP"), KINDS.NATIONAL, "urn:x"),
        (coded("MR"), KINDS.RECORD_NUMBER, "urn:x"),
        (coded("DL"), KINDS.OTHER, "urn:x"),
        ({"type": {"text": "居民身份证"}, "value": "v"}, KINDS.ID_CARD, ""),
        ({"type": {"text": "外国人永久居留身份证"}, "value": "v"}, KINDS.PERMANENT_RESIDENCE, ""),
        ({"type": {"text": "港澳台居民居住证"}, "value": "v"}, KINDS.RESIDENCE_PERMIT, ""),
        ({"type": {"text": "医保卡号"}, "value": "v"}, KINDS.INSURANCE, ""),
        ({"type": {"text": "住院号"}, "value": "v"}, KINDS.RECORD_NUMBER, "source:his"),
        ({"value": "v"}, KINDS.OTHER, "source:his"),
    ],
)
def test_identifiers_are_told_by_system_code_and_words(
    identifier: dict[str, Any], kind: IdentifierKind, scope: str
) -> None:
    assert patient(identifier=[identifier]).identifiers == (Identifier(kind, "v", scope),)


def test_an_id_card_is_known_by_its_form_under_any_system() -> None:
    found = features(patient(identifier=[{"system": "urn:hospital:patient", "value": CARD}]))
    assert found.identifiers[0].kind == KINDS.ID_CARD


def test_partial_dates_births_deaths_and_mothers_are_read() -> None:
    mother = {"relationship": [{"coding": [{"code": "MTH"}]}], "name": {"text": "王芳"}}
    traits = patient(
        birthDate="1990-03", deceasedDateTime="2026-02-03T04:05:06Z", multipleBirthInteger=2, contact=[mother]
    )
    assert (traits.birth, traits.deceased, traits.birth_order) == (1990_03_00, 2026_02_03, 2)
    assert traits.mother == Mother((Name(text="王芳"),))
    assert patient(deceasedBoolean=True).deceased == 1
    assert patient(multipleBirthInteger=0, multipleBirthBoolean=True).birth_order == 0
    assert patient(birthDate="31.12.1990").birth == 0


@pytest.mark.parametrize("resource", [None, [], "Patient", {}, {"resourceType": "Person"}])
def test_what_is_no_patient_is_refused(resource: object) -> None:
    with pytest.raises(NotAPatient):
        traits_of_patient(resource, "his")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["value", "system", "type", "coding", "code", "text", "family", "given", "line", "extension"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
ELEMENTS = (
    "identifier",
    "name",
    "birthDate",
    "gender",
    "telecom",
    "address",
    "contact",
    "deceasedDateTime",
    "extension",
)


@given(st.dictionaries(st.sampled_from((*ELEMENTS, "multipleBirthInteger", "deceasedBoolean")), ANYTHING, max_size=8))
def test_whatever_a_patient_holds_its_traits_can_be_kept_and_compared(elements: dict[str, Any]) -> None:
    try:
        traits = patient(**elements)
    except UnicodeEncodeError:
        return
    check(traits)
    features(traits)


def test_what_is_far_too_much_is_cut() -> None:
    traits = patient(
        identifier=[{"value": "9" * 100_000}] * 10_000,
        name=[{"text": "王" * 100_000, "given": ["x" * 1000] * 1000}] * 10_000,
        address=[{"line": ["y" * 10_000] * 100}] * 1000,
    )
    check(traits)
    assert len(traits.names) <= 32

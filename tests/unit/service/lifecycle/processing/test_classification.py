"""Category, level and special labels: by type, by code, by word, by the source's own label; and how they are served."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.service.lifecycle.collection.fhir.elements import definitions
from xinglin.service.lifecycle.processing.classification.rules import Classifier, classify
from xinglin.service.lifecycle.processing.classification.security import (
    CATEGORY_SYSTEM,
    CONFIDENTIALITY_SYSTEM,
    LEVEL_SYSTEM,
    SENSITIVITY_SYSTEM,
    security_labels,
    with_labels,
)
from xinglin.service.lifecycle.processing.classification.tables import with_institution
from xinglin.stakeholders.labels import (
    CATEGORY_ZH,
    CONFIDENTIALITY,
    LEVEL_ZH,
    SENSITIVITY,
    SPECIAL_ZH,
    Category,
    Level,
    Special,
    confidentiality,
)

ICD10, SNOMED, LOINC = "http://hl7.org/fhir/sid/icd-10", "http://snomed.info/sct", "http://loinc.org"
ATC, ACT = "http://www.whocc.no/atc", "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CM, TW = "http://hl7.org/fhir/sid/icd-10-cm", "https://twcore.mohw.gov.tw/ig/twcore/CodeSystem/icd-10-cm-2023-tw"


def coded(system: str, code: str, kind: str = "Condition", **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "code": {"coding": [{"system": system, "code": code}]}, **more}


def test_the_tables_of_labels_are_whole() -> None:
    assert list(Category) == list(CATEGORY_ZH) == [1, 2, 3, 4, 5, 6]
    assert list(Level) == list(LEVEL_ZH) == list(CONFIDENTIALITY) == [1, 2, 3, 4, 5]
    assert set(SPECIAL_ZH) == set(Special)
    assert set(SENSITIVITY) == set(Special) - {Special.BY_SOURCE}
    assert [LEVEL_ZH[one] for one in Level] == ["第一级", "第二级", "第三级", "第四级", "第五级"]


@pytest.mark.parametrize(
    ("level", "special", "code"),
    [
        (1, 0, "U"),
        (2, 0, "L"),
        (3, 0, "M"),
        (4, 0, "N"),
        (5, 0, "R"),
        (5, 8, "R"),
        (5, 1, "V"),
        (5, 2, "V"),
        (5, 4, "V"),
    ],
)
def test_confidentiality(level: int, special: int, code: str) -> None:
    assert confidentiality(Level(level), Special(special)) == code


@pytest.mark.requirement("S7.1c")
def test_every_type_of_r4_has_a_rule_of_its_own() -> None:
    for name in definitions().resources:
        assert classify({"resourceType": name}).decided.startswith("type.")


@pytest.mark.requirement("S7.1c")
@pytest.mark.parametrize(
    ("kind", "category", "level"),
    [
        ("Patient", Category.PERSONAL_ATTRIBUTES, 4),
        ("Observation", Category.HEALTH_STATUS, 4),
        ("Encounter", Category.MEDICAL_APPLICATION, 4),
        ("Claim", Category.MEDICAL_PAYMENT, 4),
        ("Organization", Category.HEALTH_RESOURCES, 1),
        ("Practitioner", Category.HEALTH_RESOURCES, 3),
        ("Immunization", Category.PUBLIC_HEALTH, 4),
    ],
)
def test_category_and_level_of_a_type(kind: str, category: Category, level: int) -> None:
    labels = classify({"resourceType": kind})
    assert (labels.category, labels.level, labels.special) == (category, level, Special.NONE)


@pytest.mark.parametrize(
    "resource", [{}, {"resourceType": "Nothing"}, {"resourceType": 7}, {"resourceType": ["Patient"]}]
)
def test_what_r4_does_not_have_is_labelled_by_the_default_and_says_so(resource: dict[str, Any]) -> None:
    assert classify(resource).decided == "default"
    assert classify(resource).level == Level.NARROW


@pytest.mark.requirement("S7.1c")
@pytest.mark.parametrize(
    ("system", "code", "special"),
    [
        (ICD10, "B20", Special.HIV),
        (ICD10, "B24.x01", Special.HIV),
        (ICD10, "b22", Special.HIV),
        (ICD10, "Z21", Special.HIV),
        (CM, "B20", Special.HIV),
        (TW, "B20", Special.HIV),
        (SNOMED, "86406008", Special.HIV),
        (LOINC, "7918-6", Special.HIV),
        (ATC, "J05AR10", Special.HIV),
        (ICD10, "F00", Special.PSYCHIATRY),
        (ICD10, "F32.1", Special.PSYCHIATRY),
        (ICD10, "F99", Special.PSYCHIATRY),
        (SNOMED, "58214004", Special.PSYCHIATRY),
        (ATC, "N05AH03", Special.PSYCHIATRY),
        (ATC, "N06AB04", Special.PSYCHIATRY),
        (LOINC, "44249-1", Special.PSYCHIATRY),
        (ICD10, "F10.2", Special.PSYCHIATRY | Special.SUBSTANCE_USE),
        (ICD10, "Q90.0", Special.GENETICS),
        (LOINC, "51969-4", Special.GENETICS),
        (ICD10, "A53.9", Special.SEXUALLY_TRANSMITTED),
        (ICD10, "O04.9", Special.REPRODUCTION),
        (ICD10, "T74.1", Special.VIOLENCE),
        (ACT, "HIV", Special.HIV),
    ],
)
def test_special_codes_make_level_5(system: str, code: str, special: Special) -> None:
    labels = classify(coded(system, code))
    assert (labels.level, labels.special) == (Level.STRICT, special)
    assert labels.decided != "type.status"


@pytest.mark.parametrize(
    ("system", "code"),
    [(ICD10, "B19"), (ICD10, "B25"), (ICD10, "F17.2"), (ICD10, "I10"), ("http://example.org", "B20"), (LOINC, "8302-2"),
     (ATC, "N02BE01"), (SNOMED, "8640600"), (SNOMED, "864060080")],
)  # fmt: skip
def test_ordinary_codes_do_not(system: str, code: str) -> None:
    assert classify(coded(system, code)).level == Level.NARROW


@pytest.mark.parametrize(
    "where",
    [
        {"valueCodeableConcept": {"coding": [{"system": SNOMED, "code": "86406008"}]}},
        {"component": [{"code": {"coding": [{"system": "x"}, {"system": LOINC, "code": "7917-8"}]}}]},
        {"contained": [coded(ICD10, "B20")]},
        {"extension": [{"url": "x", "valueCoding": {"system": ICD10, "code": "B20"}}]},
        {"code": {"text": "HIV-1 抗体"}},
        {"code": {"text": "HIV1 RNA"}},
        {"note": [{"text": "确诊艾滋病三年"}]},
        {"valueString": "AIDS (acquired immunodeficiency syndrome)"},
    ],
)
def test_a_hint_counts_wherever_it_stands(where: dict[str, Any]) -> None:
    labels = classify({"resourceType": "Observation", **where})
    assert (labels.level, labels.special, labels.confidentiality) == (Level.STRICT, Special.HIV, "V")


@pytest.mark.parametrize(
    "text", ["ST depression", "hearing aids", "archive", "hives", "hives xHIV", "genetic", "家庭病床", ""]
)
def test_words_inside_other_words_do_not_count(text: str) -> None:
    assert classify({"resourceType": "Observation", "code": {"text": text}}).level == Level.NARROW


def test_what_identifies_nobody_keeps_its_level_but_for_what_it_holds() -> None:
    medication = coded(ATC, "N05AN01", "Medication")
    assert classify(medication).level == Level.PUBLIC
    assert classify({**medication, "contained": [{"resourceType": "Patient"}]}).level == Level.STRICT
    assert classify({"resourceType": "MedicationRequest", "contained": [medication]}).special == Special.PSYCHIATRY
    assert classify({"resourceType": "MeasureReport", "type": "summary"}).level == Level.WIDE
    assert classify({"resourceType": "MeasureReport", "type": "individual"}).level == Level.NARROW


@pytest.mark.parametrize(
    ("resource", "confidential"),
    [
        ({"resourceType": "Basic", "meta": {"security": [{"system": CONFIDENTIALITY_SYSTEM, "code": "R"}]}}, "R"),
        ({"resourceType": "Basic", "meta": {"security": [{"system": CONFIDENTIALITY_SYSTEM, "code": "V"}]}}, "V"),
        ({"resourceType": "Basic", "meta": {"security": [{"system": CONFIDENTIALITY_SYSTEM, "code": "U"}]}}, "N"),
        ({"resourceType": "Composition", "confidentiality": "V"}, "V"),
        ({"resourceType": "Composition", "confidentiality": "N"}, "N"),
        (
            {
                "resourceType": "DocumentReference",
                "securityLabel": [{"coding": [{"system": CONFIDENTIALITY_SYSTEM, "code": "R"}]}],
            },
            "R",
        ),
    ],
)
def test_the_label_of_the_source_is_never_taken_lower(resource: dict[str, Any], confidential: str) -> None:
    assert classify(resource).confidentiality == confidential


def test_the_deciding_rule_is_said() -> None:
    labels = classify(coded(ICD10, "B20", note=[{"text": "艾滋病"}]))
    assert labels.rules == ("type.status", "hiv.icd10", "hiv.text")
    assert labels.decided == "hiv.icd10"


def test_an_element_may_know_the_category_better() -> None:
    assert classify(coded(LOINC, "69453-9", "Observation")).category == Category.PUBLIC_HEALTH
    assert classify(coded(LOINC, "21112-8", "Observation")).category == Category.PERSONAL_ATTRIBUTES


@pytest.mark.requirement("S7.1c")
def test_labels_are_served_beside_those_of_the_source_and_the_original_stays() -> None:
    own = {"system": CONFIDENTIALITY_SYSTEM, "code": "U"}
    other = {"system": "http://example.org/labels", "code": "x"}
    resource = coded(ICD10, "F20", meta={"security": [own, other], "versionId": "1"})
    labels = classify(resource)
    served = with_labels(resource, labels)
    assert served["meta"] == {"security": [*security_labels(labels), other], "versionId": "1"}
    assert resource["meta"] == {"security": [own, other], "versionId": "1"}
    assert {one["system"]: one["code"] for one in security_labels(labels)} == {
        CONFIDENTIALITY_SYSTEM: "V",
        SENSITIVITY_SYSTEM: "PSY",
        CATEGORY_SYSTEM: "health-status",
        LEVEL_SYSTEM: "5",
    }
    assert with_labels(served, classify(served)) == served


@pytest.mark.parametrize("meta", [None, [], {"security": None}, {"security": [7, "x", None]}])
def test_labels_are_served_whatever_stands_there(meta: Any) -> None:
    resource = {"resourceType": "Basic", "meta": meta}
    assert with_labels(resource, classify(resource))["meta"]["security"][0]["code"] == "N"


def test_rules_of_an_institution_count() -> None:
    text = "own.vip\tEncounter\ttype\ticd-10\tZ99*\t6\t5\tviolence\tboard decision 3\n"
    classifier = Classifier(with_institution(text))
    visit = {"resourceType": "Encounter", "type": [{"coding": [{"system": ICD10, "code": "Z99.1"}]}]}
    labels = classifier.classify(visit)
    assert (labels.category, labels.level, labels.special, labels.decided) == (6, 5, Special.VIOLENCE, "own.vip")
    assert classifier.classify({**visit, "resourceType": "Procedure"}).level == Level.NARROW


NAMES = st.sampled_from(
    ["code", "coding", "confidentiality", "contained", "display", "entry", "meta", "parameter", "resource",
     "resourceType", "security", "securityLabel", "system", "text", "type"]
)  # fmt: skip
PLAIN = st.sampled_from(["HIV", ICD10, "B20"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=30,
)


@given(st.dictionaries(NAMES, JSON, max_size=8), st.sampled_from(sorted(definitions().resources)))
def test_anything_gets_labels_and_more_never_lowers_them(found: dict[str, Any], kind: str) -> None:
    resource = {**found, "resourceType": kind}
    labels = classify(resource)
    alone = classify({"resourceType": kind})
    assert labels.level >= alone.level
    assert labels == classify(resource)
    assert (labels.special == Special.NONE) or labels.level == Level.STRICT

"""What validation finds on labelled files; the figures of docs/guide/what-validation-finds.md must not get worse."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench.fhir_validation import Judged, main, measure, rules_broken
from tests.conftest import REPOSITORY
from tests.support.fhir_bundles import OBSERVATION, PATIENT, Resource, but, collection
from xinglin.service.lifecycle.collection.fhir.elements import definitions
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.reader import read_bundle

PAGE = REPOSITORY / "docs" / "guide" / "what-validation-finds.md"


@pytest.fixture(scope="module")
def judged(shared_data: Path) -> list[Judged]:
    return measure(shared_data / "fhir")


def count(judged: list[Judged], *, valid: bool, needs_more: bool) -> tuple[int, int]:
    """Return how many files there are of a kind and how many of them are refused."""
    ours = [one for one in judged if (one.valid, one.needs_more) == (valid, needs_more)]
    return len(ours), sum(bool(one.rules) for one in ours)


def test_no_valid_file_is_refused(judged: list[Judged]) -> None:
    assert [one.name for one in judged if one.valid and one.rules] == []
    assert count(judged, valid=True, needs_more=False) == (49, 0)
    assert count(judged, valid=True, needs_more=True) == (36, 0)


def test_no_fewer_invalid_files_are_found_than_the_page_says(judged: list[Judged]) -> None:
    files, found = count(judged, valid=False, needs_more=False)
    assert (files, found >= 22) == (51, True)
    files, found = count(judged, valid=False, needs_more=True)
    assert (files, found >= 1) == (35, True)


def test_the_page_has_these_figures(judged: list[Judged]) -> None:
    rows = re.findall(
        r"^\| (valid|invalid) \| (yes|no) \| (\d+) \| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(rows) == 4
    for verdict, needs_more, files, refused in rows:
        expected = count(judged, valid=verdict == "valid", needs_more=needs_more == "yes")
        assert (int(files), int(refused)) == expected


def test_the_program_prints_every_file(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(shared_data / "fhir")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "valid | no | 49 | 0"
    assert sum(line.startswith(("found: ", "missed: ")) for line in lines) == 86


@pytest.mark.parametrize("folder", ["hl7_r4_examples", "twcore_zh"])
def test_published_examples_pass(shared_data: Path, folder: str) -> None:
    validator = FhirkitValidator()
    files = sorted((shared_data / "fhir" / folder).rglob("*.json"))
    assert len(files) > 30
    assert {path.name: rules for path in files if (rules := rules_broken(path.read_bytes(), validator))} == {}


PRIMITIVES = {
    "base64_binary": "valueBase64Binary",
    "boolean": "valueBoolean",
    "date_time": "valueDateTime",
    "instant": "valueInstant",
    "markdown": "valueMarkdown",
    "positive_int": "valuePositiveInt",
    "reference": "valueReference",
    "string": "valueString",
    "time": "valueTime",
    "unsigned_int": "valueUnsignedInt",
    "uri": "valueUri",
}
ABSENT = {"", "null"}  # in these lists: no value at all


@pytest.mark.parametrize(("name", "element"), PRIMITIVES.items())
def test_values_of_each_type(shared_data: Path, name: str, element: str) -> None:
    """Values that another implementation lists as valid and invalid, each put into an extension."""
    validator = FhirkitValidator()

    def refused(line: str) -> bool:
        inner = [{"resourceType": "Organization", "id": "p1"}]
        marked = but(PATIENT, contained=inner, extension=[{"url": "urn:x", element: "@"}])
        return bool(rules_broken(collection(marked).replace(b'"@"', line.encode()), validator))

    folder = shared_data / "fhir" / "primitives"
    for verdict in ("valid", "invalid"):
        lines = (folder / f"{name}.{verdict}.ndjson").read_text(encoding="utf-8").split("\n")
        wrong = [one for one in lines if one not in ABSENT and refused(one) is (verdict == "valid")]
        assert wrong == []


def test_the_table_of_elements_says_what_the_standard_says() -> None:
    """Spot checks against the pages of FHIR R4; the table is made from the same standard's definition files."""
    types = definitions().types
    assert types["Observation"]["subject"].targets == {"Patient", "Group", "Device", "Location"}
    assert types["Observation"]["focus"].targets == frozenset()
    assert types["Patient"]["gender"].codes == {"male", "female", "other", "unknown"}
    assert types["Patient"]["birthDate"].is_date
    assert types["Encounter"]["participant"].children["individual"].targets == {
        "Practitioner", "PractitionerRole", "RelatedPerson",
    }  # fmt: skip
    assert types["Questionnaire"]["item"].children["item"].children is types["Questionnaire"]["item"].children
    assert types["Patient"]["name"].children["use"].codes is not None
    assert "http://terminology.hl7.org/CodeSystem/condition-clinical active" in (
        types["Condition"]["clinicalStatus"].codes or ()
    )
    assert types["Extension"]["valueReference"].targets == frozenset()
    assert types["Patient"]["extension"].children["extension"].children is types["Extension"]
    assert len(definitions().resources) == 148


UNKNOWN_TO_IT: dict[str, Resource] = {
    "profile": but(PATIENT, meta={"profile": ["https://a.test/StructureDefinition/needs-a-name"]}),
    "unknown LOINC code": but(OBSERVATION, code={"coding": [{"system": "http://loinc.org", "code": "0-0"}]}),
    "wrong display": but(
        OBSERVATION, code={"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Weight"}]}
    ),
    "unit": but(OBSERVATION, valueQuantity={"value": 1, "system": "http://unitsofmeasure.org", "code": "nonsense"}),
    "invariant": but(OBSERVATION, dataAbsentReason={"text": "x"}),
    "implausible": but(PATIENT, birthDate="2999-01-01"),
}


@pytest.mark.parametrize("resource", UNKNOWN_TO_IT.values(), ids=UNKNOWN_TO_IT.keys())
def test_what_the_page_says_is_not_found_is_not_found(resource: Resource) -> None:
    alone = {name: value for name, value in resource.items() if name not in ("subject", "encounter", "performer")}
    assert read_bundle(collection(alone), FhirkitValidator()).rejected == ()
    assert json.loads(read_bundle(collection(alone), FhirkitValidator()).accepted[0].original) == alone

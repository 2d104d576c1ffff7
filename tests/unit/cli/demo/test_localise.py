"""Chinese patients in foreign bundles: valid, the same each time, clinically unchanged, known or not at hospital B."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from stdnum.cn import ric

from tests.support.persons import new_index
from tests.support.product import child, run_child
from xinglin.cli.demo.cohort import write_cohort
from xinglin.cli.demo.localise import SECOND, localise
from xinglin.cli.demo.patients_zh import COMPLETE, HABITS, patient
from xinglin.cli.demo.persons_zh import Draw
from xinglin.cli.demo.records import HOSPITALS
from xinglin.service.basic.patient_index.fhir import traits_of_patient
from xinglin.service.basic.patient_index.model import Grade
from xinglin.service.lifecycle.collection.fhir.cutting import cut_bundle, cut_entry
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.model import BundleReading, Limits
from xinglin.service.lifecycle.collection.fhir.providers import split
from xinglin.service.lifecycle.collection.fhir.reader import read_bundle

FIRST = HOSPITALS[0]
DEMOGRAPHIC = ("Patient", "Practitioner", "Organization")
Resource = dict[str, Any]


class World(NamedTuple):
    """The bundles of one source as they are, and as each hospital takes them in."""

    files: list[bytes]
    readings: dict[str, list[BundleReading]]

    def resources(self, hospital: str, *kinds: str) -> Iterator[Resource]:
        """Yield what a hospital's variant of the bundles has of some types."""
        for reading in self.readings[hospital]:
            yield from (json.loads(one.original) for one in reading.accepted if one.resource_type in kinds)

    def shares(self, hospital: str) -> dict[str, Resource]:
        """Return the patients that a hospital takes in, by logical id."""
        share = split([reading.accepted for reading in self.readings[hospital]], HOSPITALS).shares[hospital]
        kept = (one for bundle in share for one in bundle if one.resource_type == "Patient")
        return {one.logical_id: json.loads(one.original) for one in kept}


@pytest.fixture(scope="module", params=["synthea_smart2019", "invented"])
def world(request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return the real bundles, then the invented ones."""
    if request.param == "invented":
        files = write_cohort(tmp_path_factory.mktemp("invented"))
    else:
        files = sorted((shared_data / "fhir" / request.param).glob("*.json"))
    data = [path.read_bytes() for path in files]
    validator = FhirkitValidator()
    readings = {name: [read_bundle(localise(one, name), validator) for one in data] for name in HOSPITALS}
    assert data == [path.read_bytes() for path in files]
    return World(data, readings)


def test_the_variants_are_valid_and_lead_from_resource_to_resource_as_before(world: World) -> None:
    validator = FhirkitValidator()
    for number, data in enumerate(world.files):
        before = read_bundle(data, validator)
        for name in HOSPITALS:
            after = world.readings[name][number]
            assert (after.rejected, after.repeated) == ((), before.repeated)
            assert [one.issues for one in after.accepted] == [one.issues for one in before.accepted]
            told = [(one.key, one.full_url, one.subject, one.organisation, one.links) for one in before.accepted]
            assert [(x.key, x.full_url, x.subject, x.organisation, x.links) for x in after.accepted] == told


def old_names(resources: Iterator[Resource]) -> set[str]:
    """Return the words of the names that people had before."""
    words: set[str] = set()
    for resource in resources:
        for one in resource.get("name", ()):
            words.update(re.findall(r"[^\W\d_]+", " ".join([one.get("family", ""), *one.get("given", ())])))
    return words


def displays(node: Any) -> Iterator[str]:
    """Yield what is shown beside references to people, the narratives and all texts of demographic resources."""
    if isinstance(node, list):
        for one in node:
            yield from displays(one)
    elif isinstance(node, dict):
        if "reference" in node or node.keys() == {"display"}:
            yield str(node.get("display", ""))
        for name, value in node.items():
            yield from displays(value) if name != "div" else [str(value)]


def test_no_name_of_before_is_left_with_people_and_clinical_bytes_stay(world: World) -> None:
    kept = changed = 0
    for number, data in enumerate(world.files):
        originals = [cut_entry(raw).resource for raw in cut_bundle(data, Limits()).entries]
        decoded = [json.loads(one) for one in originals]
        words = old_names(one for one in decoded if one["resourceType"] in ("Patient", "Practitioner"))
        assert words
        for name in HOSPITALS:
            for new in world.readings[name][number].accepted:
                after = json.loads(new.original)
                shown = json.dumps(after, ensure_ascii=False) if new.resource_type in DEMOGRAPHIC else ""
                said = set(re.findall(r"[^\W\d_]+", " ".join([shown, *displays(after)])))
                assert not said & words, (new.key, said & words)
                if new.resource_type not in DEMOGRAPHIC:
                    same = new.original == originals[new.position]
                    kept, changed = kept + same, changed + (not same)
                    assert same or without_displays(after) == without_displays(decoded[new.position])
    assert kept > 1_000
    assert changed < kept / 100


def without_displays(node: Any) -> Any:
    """Return a resource without the texts that may show a person's name."""
    if isinstance(node, list):
        return [without_displays(one) for one in node]
    if isinstance(node, dict):
        return {name: without_displays(value) for name, value in node.items() if name not in ("display", "div")}
    return node


def test_every_patient_has_a_sound_card_that_says_the_birth_and_sex_stated(world: World) -> None:
    cards = set()
    patients = list(world.resources(FIRST, "Patient"))
    for one in patients:
        numbers = {x["type"]["text"]: x["value"] for x in one["identifier"]}
        card = numbers["居民身份证"]
        assert ric.is_valid(card)
        assert (card[6:14], int(card[16]) % 2) == (one["birthDate"].replace("-", ""), one["gender"] == "male")
        assert re.fullmatch(r"154[0-9]{8}", one["telecom"][0]["value"])
        assert {*numbers} == {"居民身份证", "医保个人编号", "病案号"}
        assert re.fullmatch(r"[\u4e00-\u9fff]{2,4}", one["name"][0]["text"])
        assert one["name"][0]["text"] == one["name"][0]["family"] + one["name"][0]["given"][0]
        for said in (*numbers.values(), one["name"][0]["text"], one["address"][0]["text"], one["telecom"][0]["value"]):
            assert said in one["text"]["div"]
        cards.add(card)
    assert len(cards) == len(patients)


@pytest.mark.requirement("H1")
def test_at_hospital_b_known_people_match_possibly_match_and_do_not(world: World, tmp_path: Path) -> None:
    at_a, at_b = world.shares(FIRST), world.shares(SECOND)
    index = new_index(tmp_path)
    for name, one in at_a.items():
        index.find_or_create(b"a", name.encode(), traits_of_patient(one, "a"))
    grades: Counter[Grade] = Counter()
    for name, one in at_b.items():
        found = index.match(traits_of_patient(one, "b"), 1)
        if name in at_a:
            grades[found[0].grade if found else Grade.NONE] += 1
            assert not found or index.subjects_of(found[0].person) == [(b"a", name.encode())]
        else:
            assert not found or found[0].grade is Grade.NONE, "a stranger is known"
    assert all(grades[grade] for grade in Grade), grades
    index.close()


def test_the_second_hospital_has_numbers_of_its_own_and_the_same_person(world: World) -> None:
    at_a, at_b = world.shares(FIRST), world.shares(SECOND)
    both = at_a.keys() & at_b.keys()
    assert len(both) >= 6
    for name in both:
        ids = [{(x["system"], x["value"]) for x in one[name]["identifier"]} for one in (at_a, at_b)]
        systems = [{system for system, _ in one} for one in ids]
        assert len(ids[0]) == 3
        assert not {one for one in ids[0] & ids[1] if "record-number" in one[0]}
        assert f"urn:xinglin:demo:{SECOND}:record-number" in systems[1]
        assert at_a[name]["gender"] == at_b[name]["gender"]
    assert min(len(at_b[name]["identifier"]) for name in both) == 1
    assert max(len(at_b[name]["identifier"]) for name in both) > 1


def test_the_same_bytes_come_out_each_time(world: World) -> None:
    assert localise(world.files[0], FIRST) == localise(world.files[0], FIRST) != localise(world.files[0], SECOND)


def bundle_of(*resources: Resource) -> bytes:
    """Return a collection of resources."""
    entries = [{"fullUrl": f"urn:uuid:{n:032x}", "resource": one} for n, one in enumerate(resources)]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


PERSON: Resource = {
    "resourceType": "Patient",
    "name": [{"family": "Parkinson", "given": ["Ann"]}],
    "gender": "female",
    "birthDate": "1960-02",
    "photo": [{"contentType": "image/png"}],
    "contact": [{"name": {"family": "Parkinson", "given": ["Joe"]}, "telecom": [{"value": "1"}]}],
}


def test_a_disease_keeps_its_name_and_a_person_shown_gets_the_new_one() -> None:
    condition = {
        "resourceType": "Condition",
        "code": {"text": "Parkinson disease"},
        "note": [{"text": "Ms. Ann Parkinson (Parkinson, Ann) and Ann Parkinsonian"}],
    }
    patient, told = (entry["resource"] for entry in json.loads(localise(bundle_of(PERSON, condition), FIRST))["entry"])
    new = patient["name"][0]["text"]
    assert told["code"]["text"] == "Parkinson disease"
    assert told["note"][0]["text"] == f"{new} ({new}) and Ann Parkinsonian"
    assert "photo" not in patient
    assert re.fullmatch(r"[\u4e00-\u9fff]{2,4}", patient["contact"][0]["name"]["text"])
    assert next(x["value"] for x in patient["identifier"] if x["type"]["text"] == "居民身份证")[6:12] == "196002"


def test_numbers_keep_their_digits_where_a_person_is_contained() -> None:
    data = bundle_of({"resourceType": "Observation", "contained": [PERSON], "valueQuantity": {"value": 0}})
    new = localise(data.replace(b'"value": 0}', b'"value": 1.50}'), FIRST)
    assert b'"value":1.50}' in new
    assert b"Parkinson" not in new


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"entry":3}', b'{"entry":[{"resource":5}]}', b"[" * 100_000])
def test_what_is_no_bundle_is_left_to_the_intake(data: bytes) -> None:
    assert localise(data, FIRST) == data


@pytest.mark.parametrize("odd", [5, "x", None, [], {}, [5], [{}], ["x"], [[]], {"x": 5}])
@pytest.mark.parametrize("name", ["name", "birthDate", "gender", "contact", "extension", "telecom", "address", "text"])
def test_odd_elements_end_no_demonstration(name: str, odd: Any) -> None:
    for hospital in HOSPITALS:
        for kind in ("Patient", "Practitioner", "Organization"):
            json.loads(localise(bundle_of({**PERSON, "resourceType": kind, name: odd}, PERSON), hospital))


@pytest.mark.parametrize("habit", [COMPLETE, *HABITS])
@pytest.mark.parametrize("birth", ["1960-03-04", "1960-03-24", "1960-03", "1960", "1700-01-01", "1960-02-30", "", None])
def test_every_habit_leaves_a_date_and_a_name(habit: Any, birth: str | None) -> None:
    for seed in range(20):
        one = patient({**PERSON, "birthDate": birth}, Draw(str(seed)), SECOND, habit)
        assert not birth or re.fullmatch(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?", one["birthDate"])
        assert one["name"][0]["family"]


def test_another_country_is_refused_with_a_sentence(tmp_path: Path) -> None:
    refused = run_child(child("demo", "--home", tmp_path / "homes", "--localise", "fr"), tmp_path)
    assert (refused.code, refused.status) == ("demo.locale_unknown", 3)
    assert not (tmp_path / "homes").exists()

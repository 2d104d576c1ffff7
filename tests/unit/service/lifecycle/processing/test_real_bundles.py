"""Real bundles, some made Chinese: nobody is told from the copies, intervals and codes stay, all have a label."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.identifying import needles, survivors
from xinglin.carrier.crypto.suite import suite
from xinglin.cli.demo.cohort import write_cohort
from xinglin.cli.demo.localise import localise
from xinglin.cli.demo.records import HOSPITALS
from xinglin.service.lifecycle.collection.fhir.entries import decode
from xinglin.service.lifecycle.processing.classification.rules import classify
from xinglin.service.lifecycle.processing.deidentification.model import Copy, Pseudonyms, Shift
from xinglin.service.lifecycle.processing.deidentification.rules import deidentify
from xinglin.service.lifecycle.processing.deidentification.tables import own_rules, regions, types
from xinglin.service.lifecycle.processing.deidentification.values import Systems
from xinglin.stakeholders.labels import Level

AS_OF = datetime.date(2026, 11, 1)
SOURCES = ("synthea_smart2019", "twcore_zh", "hl7_r4_examples", "msft_samples")
IN_CHINESE = {
    f"{source} at {name}": (source, name) for source in ("synthea_smart2019", "invented") for name in HOSPITALS
}
"""Sources as ``xinglin demo --localise zh`` gives them to each hospital."""
DATES = frozenset({"date", "dateTime", "instant"})
Resource = dict[str, Any]


class Pair(NamedTuple):
    """An original, its copy, and the shift of its file's person."""

    original: Resource
    copy: Copy
    shift: Shift
    person: int


def resources_of(data: bytes) -> list[Resource]:
    """Return the resources of one file, of a Bundle's each by itself."""
    whole: Resource = decode(data.removeprefix(b"\xef\xbb\xbf"))
    if whole.get("resourceType") != "Bundle":
        return [whole]
    return [entry["resource"] for entry in whole["entry"] if "resource" in entry]


@pytest.fixture(scope="module", params=(*SOURCES, *IN_CHINESE))
def pairs(request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    """Return every resource of a source about which a copy says something, each patient's under keys of their own."""
    source, hospital = IN_CHINESE.get(request.param, (request.param, ""))
    if source == "invented":
        files = write_cohort(tmp_path_factory.mktemp("invented"))
    else:
        files = sorted((shared_data / "fhir" / source).glob("*.json"))
    made: list[Pair] = []
    for number, path in enumerate(files):
        person = 0 if request.param == "twcore_zh" else number  # whose files are about one patient
        pseudonyms = Pseudonyms(suite("gm").hash, b"person%010d" % person, b"shared" + bytes(10))
        shift = pseudonyms.shift(AS_OF)
        # Resources that define something are about nobody, and get no copy.
        data = localise(path.read_bytes(), hospital) if hospital else path.read_bytes()
        found = [one for one in resources_of(data) if one.get("resourceType") in types()]
        made.extend(Pair(one, deidentify(one, shift, pseudonyms), shift, person) for one in found)
    return made


def is_region(text: str) -> bool:
    """Return whether a text is the name of a first-level region, which copies are meant to keep."""
    return bool(regions().region(text, "")[1])


@pytest.mark.requirement("H8")
def test_nothing_that_identifies_anybody_survives(pairs: list[Pair]) -> None:
    looked_for = {text for text in needles(pair.original for pair in pairs) if not is_region(text)}
    assert len(looked_for) > 10
    assert survivors((pair.copy.content for pair in pairs), looked_for) == set()


def test_the_scanner_finds_what_is_planted(pairs: list[Pair]) -> None:
    looked_for = sorted(needles(pair.original for pair in pairs))[:: max(1, len(pairs) // 8)]
    for text in looked_for:
        planted = {**pairs[0].copy.content, "status": f"a {text}, b"}
        assert survivors([planted], [text]) == {text}


def dates_of(node: Any, path: str, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each date with where it stands, by the table of types; lists count as one place."""
    for name, value in node.items():
        kind = types().get(path, {}).get(name, "")
        for one in value if isinstance(value, list) else (value,):
            if kind in DATES and isinstance(one, str):
                yield (*at, name), one
            elif isinstance(one, dict) and kind in types():
                yield from dates_of(one, kind, (*at, name))


def day(text: str) -> datetime.date:
    """Return a date's day, the middle of its month or year where it has none."""
    return datetime.date.fromisoformat(text[:10] + {4: "-07-01", 7: "-15", 10: ""}[len(text[:10])])


@pytest.mark.requirement("H8")
def test_all_dates_of_a_person_move_by_the_same_days(pairs: list[Pair]) -> None:
    moved = 0
    for original, copy, shift, _ in pairs:
        before = Counter(
            (at, (day(text) + datetime.timedelta(shift.days)).isoformat()[: len(text[:10])] + text[10:])
            for at, text in dates_of(original, original["resourceType"])
        )
        after = Counter(dates_of(copy.content, original["resourceType"]))
        assert after <= before  # those with others around them that went, or older than 90 years, are not there
        moved += after.total()
        assert before.total() - after.total() <= sum(copy.dropped.values())
    assert moved > 0


def codes_of(node: Any) -> Iterator[tuple[str, str]]:
    """Yield the codings below a node; those of identifiers, extensions and contacts aside, which go as a whole."""
    if isinstance(node, list):
        for one in node:
            yield from codes_of(one)
    elif isinstance(node, dict):
        if isinstance(node.get("system"), str) and isinstance(node.get("code"), str):
            yield node["system"], node["code"]
        for name, value in node.items():
            if name not in ("identifier", "extension", "contact", "contained", "tag"):
                yield from codes_of(value)


@pytest.mark.requirement("H8")
def test_codes_of_listed_systems_are_kept(pairs: list[Pair]) -> None:
    systems = Systems(rule for rule in own_rules() if rule.kind == "system")
    kept = 0
    for original, copy, _, _ in pairs:
        if "modifierExtension" in original:
            continue
        before = Counter(one for one in codes_of(original) if not systems.broken(*one))
        after = Counter(codes_of(copy.content))
        assert before - after == Counter()
        kept += before.total()
    assert kept > 0


def test_links_between_copies_lead_to_copies(pairs: list[Pair]) -> None:
    by_person: dict[int, list[Pair]] = {}
    for pair in pairs:
        by_person.setdefault(pair.person, []).append(pair)
    for group in by_person.values():
        ids = {one.original["id"]: one.copy.content["id"] for one in group if "id" in one.original}
        for original, copy, _, _ in group:
            subject = original.get("subject", original.get("patient", {}))
            target = subject.get("reference", "") if isinstance(subject, dict) else ""
            name = target.rpartition("/")[2].removeprefix("urn:uuid:")
            if name in ids:
                led = copy.content["subject" if "subject" in original else "patient"]["reference"]
                assert led.rpartition("/")[2].removeprefix("urn:uuid:") == ids[name]


@pytest.mark.requirement("S7.1c")
def test_every_real_resource_has_a_label_by_a_rule_of_its_type(pairs: list[Pair]) -> None:
    for original, _, _, _ in pairs:
        labels = classify(original)
        assert labels.rules[0].startswith("type.")
        if "subject" in original or original["resourceType"] == "Patient":
            assert labels.level >= Level.NARROW

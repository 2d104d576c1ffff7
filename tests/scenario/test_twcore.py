"""TW Core's examples, in Chinese with Taiwan's identifiers, at two hospitals, from intake to tracing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SHARED
from tests.support.agreements import agree
from tests.support.hospitals import make_hospitals
from tests.support.neighbours import A, B, neighbours, staff
from tests.support.product import findings, write_passphrase, xinglin
from xinglin.carrier.consensus.errors import GroupRequired
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock
from xinglin.node.office import linking, patients
from xinglin.node.office.consents import acknowledge, give_by_own_key
from xinglin.node.office.corrections import correct_by_account
from xinglin.node.records.access import open_trace
from xinglin.node.records.serving import Serving
from xinglin.node.site import Site
from xinglin.service.basic.correction.model import Reason
from xinglin.service.basic.patient_index.stated import stated_traits
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.basic.protection.permit_errors import NoConsent
from xinglin.service.basic.reading.reader import ReaderAccount
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose

FOLDER = SHARED / "data" / "fhir" / "twcore_zh"
FILES = sorted(FOLDER.glob("*.json"))
TREAT = Purpose.TREAT
DAY_MS = 86_400_000
pytestmark = [pytest.mark.skipif(not FILES, reason="no shared data: TW Core's examples are not there")]


def resource(name: str) -> Any:
    """Return an example as parsed from its file."""
    return json.loads((FOLDER / name).read_bytes())


def told() -> dict[tuple[str, str], list[Any]]:
    """Return every resource that the files hold, by type and id: those in bundles and those by themselves."""
    found: dict[tuple[str, str], list[Any]] = {}
    for path in FILES:
        whole = json.loads(path.read_bytes())
        several = [one["resource"] for one in whole["entry"]] if whole["resourceType"] == "Bundle" else [whole]
        for one in several:
            found.setdefault((one["resourceType"], one["id"]), []).append(one)
    return found


@dataclass
class Scene:
    """Both hospitals, a physician at each, and the patient as each knows her."""

    site: Site
    a: Serving
    b: Serving
    physician_a: str
    reader: ReaderAccount
    at_a: bytes
    at_b: bytes

    def commitment(self, kind: str, logical_id: str) -> bytes:
        """Return the commitment of A's record of an example, its first version."""
        (row,) = self.a.archive.vault.index.by_resource([(b"his", kind.encode(), logical_id.encode(), 0)])
        assert row is not None
        return row.details.commitment


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return two hospitals' homes that took the files in by the command."""
    folder = tmp_path_factory.mktemp("taiwan")
    make_hospitals(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XINGLIN_PASSPHRASE_FILE", str(write_passphrase(folder)))
        alone = xinglin("record", "intake", "--home", folder / A, FOLDER)
        assert alone.code == GroupRequired.code
        for home, other in ((A, B), (B, A)):
            options = ("--home", folder / home, "--with", folder / other, "--source", "his", "--json")
            taken = xinglin("record", "intake", *options, FOLDER)
            assert taken.status == 0, taken.err
            assert (taken.json["accepted"], taken.json["quarantined"]) == (len(told()), 0)
    return folder


@pytest.fixture(scope="module")
def scene(homes: Path) -> Iterator[Scene]:
    """Open both homes; B is linked with A's patient, who has consented at A to B's reading."""
    with neighbours(homes, acting=B) as site:
        a, b = site.serving_of(site.nodes[1]), site.serving
        physician_a, physician_b = staff(site.nodes[1]), staff(site.nodes[0])
        agree(site.nodes[1], site.nodes[0], TREAT)
        (at_a,), (at_b,) = (list(one.archive.persons.persons()) for one in (a, b))
        linking.match_person(b, a, physician_b, TREAT, at_b)
        yield Scene(site, a, b, physician_a, patients.acting(b, physician_b), at_a, at_b)
    assert [findings(homes / name) for name in (A, B)] == [[], []], "both homes hold in the end"


@pytest.mark.requirement("S7.1a", part="general data; devices, oracles, material and contracts not yet")
def test_every_example_is_taken_in_with_its_bytes_and_its_patient(scene: Scene) -> None:
    vault = scene.a.archive.vault
    for (kind, logical_id), several in told().items():
        (row,) = vault.index.by_resource([(b"his", kind.encode(), logical_id.encode(), 0)])
        assert row is not None, (kind, logical_id)
        kept = json.loads(vault.read(identifier(row.record)))
        stated = [one for one in several if kept.items() <= one.items()]
        assert stated, (kind, logical_id)
        patient = (several[0].get("subject") or several[0].get("patient") or {}).get("reference", "")
        if patient.startswith("Patient/"):
            assert row.details.subject.decode() == patient.removeprefix("Patient/")
    example = FOLDER / "Condition-con-example.json"
    (row,) = vault.index.by_resource([(b"his", b"Condition", b"con-example", 0)])
    assert row is not None
    assert vault.read(identifier(row.record)) == example.read_bytes().strip()


@pytest.mark.requirement("H1")
@pytest.mark.parametrize(
    "stated",
    [
        "身分證: A123456789",
        "identifier: A123456789",
        "姓名: 陳加玲\n出生日期: 1990-01-01",
        "name: Chen Chia Lin\nbirth: 1990",
    ],
)
def test_the_patient_is_found_by_taiwan_id_and_by_name_in_both_scripts(scene: Scene, stated: str) -> None:
    account = scene.reader.account
    found = patients.find_persons(scene.b, account, TREAT, stated_traits(stated.encode()))
    assert [one["person"] for one in found] == [identifier(scene.at_b)]
    shown = patients.show_person(scene.b, account, TREAT, scene.at_b)
    example = resource("Patient-pat-example.json")
    assert shown["name"] == example["name"][0]["text"]
    assert {one["value"] for one in shown["registrations"][0]["identifiers"]} == {
        one["value"] for one in example["identifier"]
    }


@pytest.mark.requirement("H7")
@pytest.mark.requirement("H12")
@pytest.mark.requirement("H14")
def test_consent_read_correction_and_trace(scene: Scene) -> None:
    a, b, now = scene.a, scene.b, SystemClock().now_ms()
    condition, laboratory = (
        scene.commitment("Condition", "con-example"),
        scene.commitment("Observation", "obs-lab-example"),
    )
    with pytest.raises(PlatformError) as refused:
        b.reader.read(a, scene.reader, condition, TREAT)
    assert refused.value.code == "permit.no_consent"
    wanted = WantedConsent(
        purposes=[TREAT],
        categories=[Category.HEALTH_STATUS, Category.MEDICAL_APPLICATION],
        level=Level.NARROW,
        given_ms=now - 2_000,
        from_ms=now - 1_000,
        until_ms=now + DAY_MS,
        members=[b.member],
    )
    acknowledge(a, give_by_own_key(a.archive.node, wanted, [(a.node, scene.at_a)]).consent)
    here, there = linking.locate_person(scene.site, scene.reader.account, TREAT, scene.at_b)
    assert here["node"] == b.node
    assert {one["type"] for one in there["records"]} >= {"Condition", "Encounter", "Observation", "Procedure"}
    for commitment, name in ((condition, "Condition-con-example"), (laboratory, "Observation-obs-lab-example")):
        content = b.reader.read(a, scene.reader, commitment, TREAT).content
        assert content == (FOLDER / f"{name}.json").read_bytes().strip()

    corrected = resource("Observation-obs-lab-example.json")
    corrected["valueQuantity"]["value"] = 6.6
    record = a.archive.vault.find_commitment(laboratory)
    assert record is not None
    corrections = scene.site.corrections_of(a.archive.node)
    data = json.dumps(corrected, ensure_ascii=False).encode()
    new = correct_by_account(a, corrections, identifier(record.record), data, Reason.WRONG_VALUE, scene.physician_a)
    with pytest.raises(PlatformError) as refused:
        b.reader.read(a, scene.reader, laboratory, TREAT)
    assert refused.value.code == "permit.superseded"
    content = b.reader.read(a, scene.reader, bytes.fromhex(new["commitment"]), TREAT).content
    assert json.loads(content)["valueQuantity"]["value"] == 6.6
    (holder,) = corrections.looking.blast_radius(identifier(record.record)).holders
    assert (holder.account, holder.notice != "") == (scene.reader.account, True)
    with open_trace(a.archive.node) as trace:
        assert trace.completeness(condition).complete
        assert [row.entry.outcome for row in trace.entries_of([condition])] == [NoConsent.number, 0]
        assert [one.account for one in trace.recipients(condition)] == [scene.reader.account]

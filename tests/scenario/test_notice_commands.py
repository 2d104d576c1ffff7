"""The commands of corrections and notices between homes, as people type them; B's home is closed in the beginning."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.product import xinglin
from tests.support.town import homes, open_town
from xinglin.kernel.identifiers import identifier


@dataclass(frozen=True)
class Case:
    """The folder of the homes; a record of A that B's physician has read; the accounts; a corrected resource."""

    folder: Path
    record: str
    commitment: str
    physician: str
    own: str
    patient: str
    file: Path

    def run(self, home: str, *arguments: str | Path, without: str = "") -> Any:
        """Run a command at a home with the others, but for one; return what it printed, as JSON."""
        given: list[str | Path] = ["--home", self.folder / home]
        if without is not None:
            others = [one for one in homes(self.folder, home)[1:] if one.name != without]
            given += [part for one in others for part in ("--with", one)]
        said = xinglin(*arguments, *given, "--json")
        assert said.status == 0, said.out
        return said.json

    def look(self, home: str, *arguments: str | Path) -> Any:
        """Run a command that needs one home alone."""
        said = xinglin(*arguments, "--home", self.folder / home, "--json")
        assert said.status == 0, said.out
        return said.json


@pytest.fixture(scope="module")
def case(homes_of_town: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("commands") / "homes"
    shutil.copytree(homes_of_town, folder)
    with open_town(folder) as town:
        wrong = town.rows(b"Observation")[0]
        content = json.loads(town.read(wrong.details.commitment).content)
        file = folder / "corrected.json"
        content = {name: value for name, value in content.items() if not name.startswith("value")}
        file.write_text(json.dumps({**content, "valueQuantity": {"value": 41.25, "unit": "kg"}}))
        return Case(
            folder,
            identifier(wrong.record),
            wrong.details.commitment.hex(),
            town.physician.account,
            town.own.account,
            identifier(town.at_a),
            file,
        )


@pytest.fixture(autouse=True)
def passphrase(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(case.folder / "passphrase"))


@pytest.mark.requirement("H12", "H10", command="xinglin record correct; xinglin notice deliver")
def test_a_correction_goes_from_home_to_home(case: Case) -> None:
    correct = ("record", "correct", case.record, case.file, "--reason", "wrong_value", "--account", case.own)
    made = case.run("hospital-a", *correct, without="hospital-b")
    assert (made["number"], made["current"], made["told"]) == (1, True, 1)
    (sent,) = [one for one in case.look("hospital-a", "notice", "list")["notices"] if one["kind"] == "correction"]
    assert (sent["step"], sent["attempts"], sent["recipient"]["account"]) == ("logged", 1, case.physician)
    waiting = case.run("hospital-a", "notice", "deliver", without="hospital-b")["waiting"]
    assert [(one["notice"], one["reason"]) for one in waiting] == [(sent["notice"], "notice.post")]
    assert case.run("hospital-a", "notice", "deliver") == {"moved": 1, "waiting": []}

    (come,) = case.look("hospital-b", "notice", "list", "--account", case.physician)["notices"]
    assert (come["notice"], come["about"], come["step"]) == (sent["notice"], case.commitment, "delivered")
    shown = case.look("hospital-b", "notice", "show", sent["notice"])
    assert shown["en"] == sent["en"]
    assert case.look("hospital-b", "notice", "overdue")["notices"] == []
    # A's home is closed: the acknowledgement waits at B.
    acknowledge = ("notice", "acknowledge", sent["notice"], "--account", case.physician)
    done = case.run("hospital-b", *acknowledge, without="hospital-a")
    assert (done["step"], done["acknowledged_by"]) == ("closed", case.physician)
    assert case.run("hospital-b", "notice", "deliver") == {"moved": 1, "waiting": []}

    first, second = case.look("hospital-a", "record", "holders", case.record)["versions"]
    (holder,) = first["holders"]
    assert (holder["account"], holder["delivered"], holder["acknowledged"]) == (
        case.physician,
        True,
        done["acknowledged"],
    )
    assert (first["complete"], second["holders"]) == (True, [])
    listed = case.look("hospital-a", "record", "versions", made["record"])["versions"]
    assert [(one["number"], one["current"], one["reason"]) for one in listed] == [
        (0, False, "wrong_value"),
        (1, True, ""),
    ]
    told = case.look("hospital-a", "notice", "list", "--person", case.patient)["notices"]
    assert [one["kind"] for one in told] == ["valuable_change"]
    assert case.run("hospital-a", "record", "resume") == {"finished": 0}


REFUSALS = [
    (("record", "correct", "{record}", "{file}", "--reason", "because", "--account", "{own}"), "correction.reason", 3),
    (("record", "correct", "{record}", "{file}0", "--reason", "other", "--account", "{own}"), "file.unusable", 3),
    (("record", "correct", "x", "{file}", "--reason", "other", "--account", "{own}"), "identifier.invalid", 3),
    (("record", "versions", "{own}"), "vault.not_found", 5),
    (("notice", "show", "{own}"), "notice.unknown", 5),
    (("notice", "deliver"), "chain.group_required", 6),
]


@pytest.mark.parametrize(("arguments", "code", "status"), REFUSALS)
def test_bad_input_is_a_refusal_with_a_code(case: Case, arguments: tuple[str, ...], code: str, status: int) -> None:
    given = [one.format(record=case.record, file=case.file, own=case.own) for one in arguments]
    said = xinglin(*given, "--home", case.folder / "hospital-a", "--json")
    assert (said.json["error"]["code"], said.status) == (code, status)


def test_people_read_sentences(case: Case) -> None:
    said = xinglin("record", "holders", case.record, "--home", case.folder / "hospital-a")
    assert said.status == 0
    assert b"list complete" in said.out
    listed = xinglin("notice", "list", "--home", case.folder / "hospital-a").out
    assert b"to a patient: delivered, to be acknowledged until" in listed

"""A wrong record that another hospital has read: corrected, everyone told, the old version never current again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.town import Town, open_town
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.office.accounts import AccountKeyMissing, add_account
from xinglin.node.office.corrections import correct_by_account
from xinglin.node.office.notices import acknowledge_notice
from xinglin.service.basic.correction.errors import NotCurrent
from xinglin.service.basic.correction.model import Reason
from xinglin.service.basic.notices.model import NoticeKind
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.purposes import Action, Copy


@pytest.fixture(scope="module")
def town(homes_of_town: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("correcting") / "homes"
    shutil.copytree(homes_of_town, folder)
    with open_town(folder) as opened:
        yield opened


def changed(town: Town, row: StoredRecord, **changes: Any) -> bytes:
    """Return a record's original with other values."""
    before = json.loads(town.a.archive.vault.read(identifier(row.record)))
    kept = {name: value for name, value in before.items() if not name.startswith(("value", "dataAbsentReason"))}
    return json.dumps({**kept, **changes}).encode()


def correct(town: Town, row: StoredRecord, data: bytes, account: str = "") -> dict[str, Any]:
    node = town.site.nodes[0]
    return correct_by_account(
        town.a,
        town.site.corrections_of(node),
        identifier(row.record),
        data,
        Reason.WRONG_VALUE,
        account or town.own.account,
    )


@pytest.mark.requirement("H12", "S8.6b", "H4")
def test_a_record_that_b_has_read_is_corrected_and_b_is_told_and_acknowledges(town: Town) -> None:
    a, b = town.site.nodes[:2]
    wrong = town.rows(b"Observation")[0]
    old = wrong.details.commitment
    assert town.read(old).content == town.a.archive.vault.read(identifier(wrong.record))
    made = correct(town, wrong, changed(town, wrong, valueQuantity={"value": 41.25, "unit": "kg"}))
    new = bytes.fromhex(made["commitment"])

    with pytest.raises(PlatformError) as refusal:
        town.read(old)
    assert refusal.value.code == "permit.superseded"
    assert refusal.value.facts["reference"] == new
    current = town.read(new)
    assert json.loads(current.content)["valueQuantity"]["value"] == 41.25
    assert (current.current, current.version) == (1, 1)
    before = town.read(old, Action.HISTORY)
    assert (before.current, before.version) == (0, 0)
    found = town.found()
    assert found[new] == 1
    assert old not in found

    radius = town.site.corrections_of(a).looking.blast_radius(identifier(wrong.record))
    (holder,) = radius.holders
    assert (holder.account, holder.delivered, holder.acknowledged, holder.knew) == (
        town.physician.account,
        True,
        0,
        False,
    )
    inbox = town.site.notices_of(b)
    (notice,) = inbox.inbox(town.physician.account)
    assert (notice.notice, notice.kind, notice.about) == (holder.notice, NoticeKind.CORRECTION, old)
    assert "Hospital A" in notice.en
    done = acknowledge_notice(b, inbox, notice.sender, notice.notice, town.physician.account)
    assert done["step"] == "done"
    (holder,) = town.site.corrections_of(a).looking.blast_radius(identifier(wrong.record)).holders
    assert holder.acknowledged > 0

    entries = town.site.trace_of(a).entries_of([old])
    (act,) = [row.entry for row in entries if row.entry.action == "correct"]
    assert (act.account, act.outcome, act.basis, act.copy) == (town.own.account, 0, "legal_duty", 0)
    assert town.site.trace_of(a).completeness(old).complete


@pytest.mark.requirement("S7.1c", "H3", "H5")
def test_the_new_version_has_labels_and_a_copy_of_its_own_and_the_patient_is_told(town: Town) -> None:
    wrong = town.rows(b"Observation")[1]
    made = correct(town, wrong, changed(town, wrong, valueString="as dictated"))
    row = town.a.archive.vault.find(made["record"])
    before = wrong.details
    assert (row.details.category, row.details.level) == (before.category, before.level)
    assert row.details.subject == before.subject
    parts = town.a.archive.vault.open_record(made["record"]).parts
    copy = json.loads(parts.copy[1])
    assert copy["resourceType"] == "Observation"
    assert "valueString" not in copy or copy["valueString"] != "as dictated"
    old_copy = json.loads(town.a.archive.vault.open_record(identifier(wrong.record)).parts.copy[1])
    assert copy["subject"] == old_copy["subject"]
    assert copy.get("id") == old_copy.get("id")
    told = town.site.notices_of(town.site.nodes[0]).for_person(town.at_a)
    assert NoticeKind.VALUABLE_CHANGE in {one.kind for one in told}
    assert town.read(row.details.commitment).copy is Copy.ORIGINAL


@pytest.mark.requirement("H1", "H12")
def test_a_corrected_patient_is_what_the_index_says(town: Town) -> None:
    (row, *_) = town.rows(b"Patient")
    correct(town, row, changed(town, row, birthDate="1951-02-03"))
    persons = town.a.archive.persons
    assert persons.person_of(row.details.source, row.details.subject) == town.at_a
    assert 1951_02_03 in {traits.birth for traits in persons.traits_of(town.at_a)}


def test_refusals_of_a_correction_explain_themselves(town: Town) -> None:
    wrong, other = town.rows(b"Observation")[2:4]
    data = changed(town, wrong, valueString="right")
    clerk = add_account(town.site.nodes[0], (Role.AUDITOR,), "Auditor at A")
    with pytest.raises(PlatformError) as refusal:
        correct(town, wrong, data, clerk.account)
    assert refusal.value.code == "permit.action"
    with pytest.raises(AccountKeyMissing):
        correct(town, wrong, data, town.physician.account)
    with pytest.raises(PlatformError) as another:
        correct(town, other, changed(town, wrong, id="another"))
    assert another.value.code == "correction.other_resource"
    made = correct(town, wrong, data)
    with pytest.raises(NotCurrent) as superseded:
        correct(town, wrong, data)
    assert superseded.value.facts == {"record": identifier(wrong.record), "current": made["record"]}
    acts = [
        (row.entry.account, row.entry.outcome == 0)
        for row in town.site.trace_of(town.site.nodes[0]).entries_of([wrong.details.commitment])
        if row.entry.action == "correct"
    ]
    assert acts == [(clerk.account, False), (town.own.account, True), (town.own.account, False)]

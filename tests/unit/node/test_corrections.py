"""A hospital's home corrects a record, tells who read it, and verifies; what was altered is found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.correction_home import Given, MemoryPersons, MemoryReaders
from tests.support.product import findings, make_hospital, opened, record_ids
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.accounts import AccountKeyMissing, add_account
from xinglin.node.archive import Archive, open_archive
from xinglin.node.corrections import correct_record, open_corrections, radius_values, resume_corrections, version_values
from xinglin.node.node import Node
from xinglin.node.notices import NO_POST, acknowledge_notice, list_notices, overdue_notices, resume_notices
from xinglin.service.basic.correction.errors import CorrectionUnfit, VersionsDiffer
from xinglin.service.basic.correction.model import Reason
from xinglin.service.basic.intake.model import Incoming
from xinglin.service.basic.notices.errors import NoticeDiffers
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource
from xinglin.service.lifecycle.storage.errors import SealedRowDamaged
from xinglin.stakeholders.kinds import Role


def observation(value: int) -> bytes:
    """Return a laboratory value of one patient."""
    return json.dumps(
        {
            "resourceType": "Observation",
            "id": "sodium",
            "status": "final",
            "code": {"text": "Sodium"},
            "subject": {"reference": "Patient/p1"},
            "effectiveDateTime": "2020-03-04T05:06:07Z",
            "valueQuantity": {"value": value, "unit": "mmol/L"},
        }
    ).encode()


@pytest.fixture
def hospital(tmp_path: Path) -> Path:
    """Return a hospital's home with one laboratory value that is wrong."""
    path = make_hospital(tmp_path / "home")
    one = CollectedResource(
        position=0, resource_type="Observation", logical_id="sodium", original=observation(14), subject="p1"
    )
    with opened(path, running=True) as node, open_archive(node) as archive:
        archive.take_in("his", [Incoming([one])])
    return path


@pytest.fixture
def archive(hospital: Path) -> Iterator[Archive]:
    """Return the open archive of that home; its chains run."""
    with opened(hospital, running=True) as node, open_archive(node) as whole:
        yield whole


def reader_of(archive: Archive, record: str, account: str) -> MemoryReaders:
    readers = MemoryReaders()
    commitment = archive.vault.find(record).details.commitment
    readers.given[commitment] = [Given(archive.node.member, account)]
    return readers


def correct(archive: Archive, node: Node) -> tuple[str, str, str]:
    """Correct the value that an account of the hospital has read; return old and new record and the account."""
    account = add_account(node, [Role.PRACTITIONER], "Dr. Li").account
    old = identifier(archive.vault.index.by_number(1).record)  # type: ignore[union-attr]
    with open_corrections(archive, NO_POST, reader_of(archive, old, account), MemoryPersons()) as corrections:
        made = correct_record(archive, corrections, old, observation(140), Reason.TRANSCRIPTION, account)
        assert [version_values(one)["current"] for one in corrections.versions(old)] == [False, True]
        (holder,) = radius_values(corrections.blast_radius(old))["holders"]
        assert (holder["account"], holder["delivered"], holder["acknowledged"]) == (account, True, 0)
    return old, made["record"], account


@pytest.mark.requirement("H12", "S8.6b")
def test_a_hospital_corrects_a_record_and_its_home_verifies(hospital: Path, archive: Archive) -> None:
    old, new, account = correct(archive, archive.node)
    assert json.loads(archive.vault.read(new))["valueQuantity"]["value"] == 140
    assert json.loads(archive.vault.read(old))["valueQuantity"]["value"] == 14
    (notice,) = list_notices(archive, account=account)
    assert notice["kind"] == "correction"
    assert notice == list_notices(archive, only_open=True)[0]
    assert overdue_notices(archive) == []
    done = acknowledge_notice(archive, NO_POST, notice["sender"], notice["notice"], account)
    assert (done["step"], done["acknowledged_by"]) == ("done", account)
    assert resume_notices(archive, NO_POST) == {"moved": 0, "waiting": []}
    with open_corrections(archive) as corrections:
        assert resume_corrections(archive, corrections) == 0


def test_the_home_verifies_after_it(hospital: Path) -> None:
    with opened(hospital, running=True) as node, open_archive(node) as whole:
        correct(whole, node)
    assert findings(hospital) == []
    assert len(record_ids(hospital)) == 2


def test_what_is_no_resource_corrects_nothing(archive: Archive) -> None:
    old = identifier(archive.vault.index.by_number(1).record)  # type: ignore[union-attr]
    with open_corrections(archive) as corrections, pytest.raises(CorrectionUnfit):
        correct_record(archive, corrections, old, b"{}", Reason.OTHER, archive.node.settings.node)
    assert archive.vault.index.last_number() == 1


def test_an_account_whose_key_is_elsewhere_can_not_acknowledge_here(archive: Archive) -> None:
    with pytest.raises(AccountKeyMissing):
        acknowledge_notice(archive, NO_POST, archive.node.member, archive.node.settings.node, archive.node.member)


ALTERED: list[tuple[str, str, type[PlatformError]]] = [
    ("notices/inbox.sqlite", "UPDATE notices SET step = 5", SealedRowDamaged),
    ("notices/inbox.sqlite", "DELETE FROM notices", NoticeDiffers),
    ("vault/index.sqlite", "UPDATE corrections SET step = 1", SealedRowDamaged),
    ("vault/index.sqlite", "DELETE FROM corrections", VersionsDiffer),
]


@pytest.mark.requirement("S6.2d")
@pytest.mark.parametrize(("name", "statement", "finding"), ALTERED)
def test_what_was_altered_is_found(hospital: Path, name: str, statement: str, finding: type[PlatformError]) -> None:
    with opened(hospital, running=True) as node, open_archive(node) as whole:
        correct(whole, node)
    with sqlite3.connect(hospital / name) as connection:
        connection.execute(statement)
    connection.close()
    assert [one.code for one in findings(hospital)] == [finding.code]


def test_an_inbox_that_is_gone_is_found(hospital: Path) -> None:
    with opened(hospital, running=True) as node, open_archive(node) as whole:
        correct(whole, node)
    (hospital / "notices" / "inbox.sqlite").unlink()
    assert [one.code for one in findings(hospital)] == [NoticeDiffers.code]

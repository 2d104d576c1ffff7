"""A hospital's home corrects a record, tells who read it, and verifies; what was altered is found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.correction_home import Given, MemoryReaders
from tests.support.product import findings, make_hospital, opened, record_ids
from xinglin.kernel.errors import PlatformError, Unavailable
from xinglin.kernel.identifiers import identifier
from xinglin.node.node import Node
from xinglin.node.office.accounts import AccountKeyMissing, add_account
from xinglin.node.office.corrections import (
    IndexedPersons,
    correct_record,
    make_corrections,
    radius_values,
    resume_corrections,
    version_values,
)
from xinglin.node.office.notices import acknowledge_notice, named_notice, notice_values, open_notices, resumed_values
from xinglin.node.private import PrivateCalls
from xinglin.node.records.archive import Archive, open_archive
from xinglin.node.records.read_ports import VaultRecords
from xinglin.service.basic.correction.errors import CorrectionUnfit, VersionsDiffer
from xinglin.service.basic.correction.model import Reason
from xinglin.service.basic.correction.service import Corrections, Parties
from xinglin.service.basic.intake.model import Incoming
from xinglin.service.basic.notices.errors import NoticeDiffers, NoticeUnknown
from xinglin.service.basic.notices.service import Notices
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource
from xinglin.service.lifecycle.storage.errors import SealedRowDamaged
from xinglin.service.lifecycle.storage.keyring import RecordSecrets
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.remembered import Versions
from xinglin.service.lifecycle.storage.vault import Vault
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


@contextmanager
def corrections_of(archive: Archive, readers: MemoryReaders) -> Iterator[tuple[Corrections, Notices]]:
    """Give the corrections of a home alone, and its inbox."""
    with open_notices(archive) as notices:
        yield make_corrections(archive, Parties(readers, IndexedPersons(archive.persons), notices)), notices


def correct(archive: Archive, node: Node) -> tuple[str, str, str]:
    """Correct the value that an account of the hospital has read; return old and new record and the account."""
    account = add_account(node, [Role.PRACTITIONER], "Dr. Li").account
    old = identifier(archive.vault.index.by_number(1).record)  # type: ignore[union-attr]
    with corrections_of(archive, reader_of(archive, old, account)) as (corrections, _):
        made = correct_record(archive, corrections, old, observation(140), Reason.TRANSCRIPTION, account)
        assert [version_values(one)["current"] for one in corrections.looking.versions(old)] == [False, True]
        (holder,) = radius_values(corrections.looking.blast_radius(old))["holders"]
        assert (holder["account"], holder["delivered"], holder["acknowledged"]) == (account, True, 0)
    return old, made["record"], account


@pytest.mark.requirement("H12", "S8.6b")
def test_a_hospital_corrects_a_record_and_its_home_verifies(hospital: Path, archive: Archive) -> None:
    old, new, account = correct(archive, archive.node)
    assert json.loads(archive.vault.read(new))["valueQuantity"]["value"] == 140
    assert json.loads(archive.vault.read(old))["valueQuantity"]["value"] == 14
    with corrections_of(archive, MemoryReaders()) as (corrections, notices):
        (notice,) = notices.inbox(account)
        assert notice_values(notice)["kind"] == "correction"
        assert notices.overdue() == []
        done = acknowledge_notice(archive.node, notices, notice.sender, notice.notice, account)
        assert (done["step"], done["acknowledged_by"]) == ("done", account)
        assert resumed_values(notices.resume()) == {"moved": 0, "waiting": []}
        assert named_notice(notices, notice.notice, notice.sender).acknowledged
        with pytest.raises(NoticeUnknown):
            named_notice(notices, notice.notice, new)
        assert resume_corrections(archive, corrections) == 0


def test_the_home_verifies_after_it(hospital: Path) -> None:
    with opened(hospital, running=True) as node, open_archive(node) as whole:
        correct(whole, node)
    assert findings(hospital) == []
    assert len(record_ids(hospital)) == 2


def test_what_is_no_resource_corrects_nothing(archive: Archive) -> None:
    old = identifier(archive.vault.index.by_number(1).record)  # type: ignore[union-attr]
    with corrections_of(archive, MemoryReaders()) as (corrections, _), pytest.raises(CorrectionUnfit):
        correct_record(archive, corrections, old, b"{}", Reason.OTHER, archive.node.settings.node)
    assert archive.vault.index.last_number() == 1


@pytest.mark.requirement("H12")
def test_a_correction_that_is_not_linked_yet_is_no_record_to_readers(archive: Archive) -> None:
    old = identifier(archive.vault.index.by_number(1).record)  # type: ignore[union-attr]
    with corrections_of(archive, MemoryReaders()) as (corrections, _):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(PrivateCalls, "call", refuse)
            with pytest.raises(Unavailable):
                correct_record(archive, corrections, old, observation(140), Reason.OTHER, archive.node.settings.node)
        first, second = (archive.vault.index.by_number(number) for number in (1, 2))
        assert first is not None
        assert second is not None
        vault = archive.vault
        readers = VaultRecords(archive, Versions(vault=vault.database.version, index=archive.persons.version))
        handle = secret_handle(vault, second)
        assert readers.find([second.details.commitment, first.details.commitment]) == [None, first]
        assert readers.by_handle(handle) is None
        assert (readers.stands(second), readers.stands(first)) == (False, True)
        pending = identifier(second.record)
        for record in (old, pending):
            assert [one.record for one in corrections.looking.versions(record)] == [old]
        assert resume_corrections(archive, corrections) == 1
        assert readers.find([second.details.commitment]) == [second]
        assert readers.by_handle(handle) == second
        assert (readers.stands(second), readers.stands(first)) == (True, False)
        assert [one.record for one in corrections.looking.versions(pending)] == [old, pending]


def secret_handle(vault: Vault, row: StoredRecord) -> bytes:
    """Return the handle by which locators name a record."""
    (secrets,) = vault.keyring.secrets_of([(row.number, row.record)])
    assert isinstance(secrets, RecordSecrets)
    return secrets.handle


def refuse(*_: object) -> None:
    raise Unavailable


def test_an_account_whose_key_is_elsewhere_can_not_acknowledge_here(archive: Archive) -> None:
    member, other = archive.node.member, archive.node.settings.node
    with open_notices(archive) as notices, pytest.raises(AccountKeyMissing):
        acknowledge_notice(archive.node, notices, member, other, member)


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

"""A hospital with old stays: two invented patients, one of whose inpatient stays ended in 1983, one's in 2017.

Who destroys are its administrator and a compliance officer; records are named by the logical ids of their resources.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.access import entry
from tests.support.fhir_bundles import Resource, collection
from tests.support.product import make_hospital, opened, stored_records
from xinglin.carrier.access.registry.model import KeyState
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.identifiers import identifier
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.node import Node
from xinglin.node.office.accounts import add_account
from xinglin.node.office.corrections import IndexedPersons, correct_record, make_corrections
from xinglin.node.office.destruction import RecordsOffice, records_office
from xinglin.node.office.notices import open_notices
from xinglin.node.records.access import access_log, open_trace
from xinglin.node.records.archive import Archive, open_archive
from xinglin.node.records.reading import reading
from xinglin.service.basic.audit.model import Proven
from xinglin.service.basic.correction.model import Reason
from xinglin.service.basic.correction.service import Parties
from xinglin.service.basic.destruction.ports import Recipients
from xinglin.stakeholders.kinds import Role

OLD, RECENT = "rudy", "abdul"
"""Patients: the old one's inpatient stay ended on 28 October 1983, the recent one's on 30 March 2017."""
SECRET = "Unmistakable finding of the left elbow"


def patient(name: str, stays: Sequence[tuple[str, str, str]], notes: int = 3) -> bytes:
    """Return a bundle of a patient.

    Args:
        name: logical id of the patient and beginning of all other ids.
        stays: (id, class, last day) of each encounter.
        notes: observations of each encounter, ``NAME-STAY-0`` and on; the text of each is ``SECRET`` with its id.
    """
    subject = {"reference": f"Patient/{name}"}
    resources: list[Resource] = [
        {"resourceType": "Patient", "id": name, "gender": "male", "birthDate": "1950-02-03"},
    ]
    for stay, class_, end in stays:
        resources.append(
            {
                "resourceType": "Encounter",
                "id": f"{name}-{stay}",
                "status": "finished",
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class_},
                "subject": subject,
                "period": {"start": f"{end}T08:00:00+08:00", "end": f"{end}T17:00:00+08:00"},
            }
        )
        resources += [
            {
                "resourceType": "Observation",
                "id": f"{name}-{stay}-{number}",
                "status": "final",
                "code": {"text": "finding"},
                "subject": subject,
                "encounter": {"reference": f"Encounter/{name}-{stay}"},
                "effectiveDateTime": f"{end}T09:00:00+08:00",
                "valueString": f"{SECRET} {name}-{stay}-{number}",
            }
            for number in range(notes)
        ]
    return collection(*resources)


def take_in(home: Path, bundles: Sequence[bytes], source: str = "file") -> None:
    """Take bundles of a source system into a home."""
    files = []
    for number, data in enumerate(bundles):
        files.append(home.parent / f"stays-{number}.json")
        files[-1].write_bytes(data)
    with opened(home, running=True) as node, open_archive(node) as archive, reading(files, 1 << 27, []) as incoming:
        report = archive.take_in(source, incoming)
    assert report.quarantined == 0
    for path in files:
        path.unlink()


def make_old_hospital(path: Path, notes: int = 3) -> Path:
    """Make a hospital with both patients and a compliance officer, whose key's name lies beside it in ``officer``."""
    home = make_hospital(path)
    inpatient = [("1983", "IMP", "1983-10-28"), ("2020", "AMB", "2020-11-02")]
    take_in(home, [patient(OLD, inpatient, notes), patient(RECENT, [("2017", "IMP", "2017-03-30")], notes)])
    with opened(home, running=True) as node:
        added = add_account(node, [Role.COMPLIANCE_OFFICER], "officer of records")
    officer_file(home).write_text(json.dumps({"key": added.key_name, "account": added.account}))
    return home


def officer_file(home: Path) -> Path:
    """Return where the name of the compliance officer's key is written."""
    return home.parent / "officer"


def officer(home: Path) -> str:
    """Return the account of the compliance officer."""
    return str(json.loads(officer_file(home).read_text())["account"])


def administrator(node: Node) -> str:
    """Return the account of the administrator."""
    key = node.consortium.value(state_key("registry", "key", node.keys.public(ADMINISTRATOR)))
    return decode(KeyState, key or b"").account


@dataclass(frozen=True)
class Office:
    """An open home, its archive and its records office; ``one`` and ``two`` are two accounts."""

    archive: Archive
    office: RecordsOffice
    ids: dict[str, str]
    one: str
    two: str

    def destroy(self, *names: str) -> None:
        """Order, confirm and carry out the destruction of records."""
        records = [self.ids[name] for name in names]
        self.office.order(records, "retention_ended", self.one)
        self.office.confirm(records, self.two)
        assert len(self.office.carry_out()["certificates"]) == len(names)


def correct(archive: Archive, record: str, account: str, **changes: object) -> str:
    """Correct some elements of a record and return the id of its new version."""
    resource = json.loads(archive.vault.read(record)) | changes
    with open_notices(archive) as notices, open_trace(archive.node) as trace:
        corrections = make_corrections(archive, Parties(trace, IndexedPersons(archive.persons), notices))
        data = json.dumps(resource).encode()
        return str(correct_record(archive, corrections, record, data, Reason.TRANSCRIPTION, account)["record"])


def log_read(archive: Archive, record: str, member: str) -> None:
    """Log that an account of a member was given a record."""
    node, number = archive.node, os.urandom(16)
    own = member == node.member
    with access_log(node) as log:
        log.log(
            entry(
                commitment=archive.vault.find(record).details.commitment,
                member=member,
                account=identifier(number),
                request=number * 2,
                proven=Proven.SESSION if own else Proven.SIGNATURE,
                proof=() if own else entry().proof,
                seen_time=node.consortium.tip.time,
                time=node.private_ledger().tip.time,
            )
        )


@contextmanager
def at_the_office(home: Path, recipients: Recipients | None = None) -> Iterator[Office]:
    """Open a hospital for its records office."""
    with (
        opened(home, running=True) as node,
        open_archive(node) as archive,
        records_office(archive, recipients=recipients) as office,
    ):
        rows = stored_records(archive)
        ids = {one.details.logical_id.decode(): identifier(one.record) for one in rows if one.details.logical_id}
        yield Office(archive, office, ids, administrator(node), officer(home))

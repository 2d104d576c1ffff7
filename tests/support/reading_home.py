"""A hospital that serves readers, with two invented patients and a practitioner of its own who reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.support.old_stays import OLD, RECENT, patient
from tests.support.product import make_hospital, opened
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import SystemClock
from xinglin.node.office.accounts import AddedAccount, add_account
from xinglin.node.office.consents import GivenConsent, acknowledge, give_by_own_key
from xinglin.node.records.archive import Archive, open_archive
from xinglin.node.records.read_ports import ReadQuota
from xinglin.node.records.reading import reading
from xinglin.node.records.serving import Serving, open_serving
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.basic.reading.model import Disclosure
from xinglin.service.basic.reading.ports import CustodianNode
from xinglin.service.basic.reading.reader import ReaderAccount
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose

YEAR_MS = 366 * 86_400_000
NOTES = 4
QUOTA = 600


@dataclass
class ReadingHome:
    """An open hospital; ``person`` is the patient whose records are read, ``other`` another one."""

    serving: Serving
    reader: ReaderAccount
    account: AddedAccount
    person: bytes
    other: bytes

    @property
    def archive(self) -> Archive:
        return self.serving.archive

    def rows(self, kind: bytes = b"Observation") -> list[StoredRecord]:
        """Return the rows of the patient's records of a type."""
        rows = self.archive.vault.records_of(self.archive.persons.subjects_of(self.person))
        return [row for row in rows if row.details.type == kind]

    def note(self, number: int) -> bytes:
        """Return the commitment of one of the patient's observations."""
        return self.rows()[number].details.commitment

    def wanted(self) -> WantedConsent:
        """Return what a patient wants: this hospital may read everything clinical for treatment, for a year."""
        now = SystemClock().now_ms()
        return WantedConsent(
            purposes=[Purpose.TREAT],
            categories=[Category.HEALTH_STATUS, Category.MEDICAL_APPLICATION],
            level=Level.STRICT,
            given_ms=now - 2_000,
            from_ms=now - 1_000,
            until_ms=now + YEAR_MS,
            members=[self.serving.member],
        )

    def consent(self, wanted: WantedConsent | None = None, person: bytes | None = None) -> GivenConsent:
        """Have a patient consent, or forbid, in force here."""
        custodians = [(self.serving.node, person or self.person)]
        given = give_by_own_key(self.archive.node, wanted or self.wanted(), custodians)
        acknowledge(self.serving, given.consent)
        return given

    def forbid(self, person: bytes) -> GivenConsent:
        """Have a patient forbid everything, in force here."""
        what = replace(self.wanted(), purposes=[], categories=[], level=Level.PUBLIC, members=[], prohibits=True)
        return self.consent(what, person)

    def read(self, commitment: bytes, node: CustodianNode | None = None) -> Disclosure:
        """Read a record as the practitioner; raises the refusal."""
        return self.serving.reader.read(node or self.serving, self.reader, commitment, Purpose.TREAT)

    def told(self, commitment: bytes) -> str:
        """Return the code of the refusal of a read, ``served`` when it is permitted."""
        try:
            self.read(commitment)
        except PlatformError as refusal:
            return refusal.code
        return "served"


def make_reading_hospital(path: Path) -> Path:
    """Make a hospital with both patients, whose records are labelled and have copies."""
    make_hospital(path)
    stays = [(OLD, [("1983", "IMP", "1983-10-28")]), (RECENT, [("2017", "IMP", "2017-03-30")])]
    take_in(path, [patient(name, stay, NOTES) for name, stay in stays])
    return path


def take_in(path: Path, bundles: Sequence[bytes]) -> None:
    """Take bundles into a hospital."""
    with opened(path, running=True) as node, open_archive(node) as archive:
        take_into(archive, bundles)


def take_into(archive: Archive, bundles: Sequence[bytes]) -> None:
    """Take bundles into an open hospital."""
    files = []
    for number, data in enumerate(bundles):
        files.append(archive.node.home.path.parent / f"bundle-{number}.json")
        files[-1].write_bytes(data)
    with reading(files, 1 << 27, [], archive.orders("his")) as incoming:
        assert archive.take_in("his", incoming).quarantined == 0
    for path in files:
        path.unlink()


@contextmanager
def reading_home(path: Path, quota: int = QUOTA) -> Iterator[ReadingHome]:
    """Open a hospital that was made by ``make_reading_hospital`` and let it serve readers."""
    with opened(path, running=True) as node, open_archive(node) as archive:
        account = add_account(node, (Role.PRACTITIONER,), "Physician")
        with open_serving(archive, ReadQuota(per_minute=quota)) as serving:
            yield reading_in(serving, account)


def reading_in(serving: Serving, account: AddedAccount) -> ReadingHome:
    """Return a hospital that serves already, with an account of it that reads."""
    persons = [serving.archive.persons.person_of(b"his", name.encode()) for name in (OLD, RECENT)]
    assert persons[0] is not None
    assert persons[1] is not None
    reader = serving.account(account.account, account.key_name)
    return ReadingHome(serving, reader, account, persons[0], persons[1])

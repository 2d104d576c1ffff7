"""Two hospitals of a consortium of four, on one site: B's physician may read a patient's records at A.

The homes are those of the demonstration, taken in from a few bundles; agreement, consent and match are done.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tests.support.agreements import agree
from tests.support.product import SYNTHEA, some_bundles
from xinglin.cli.demo.cohort import PATIENTS
from xinglin.cli.demo.founding import found
from xinglin.cli.demo.records import take_in
from xinglin.cli.demo.stage import HOMES, PASSPHRASE, Stage
from xinglin.cli.passphrase import read_passphrase
from xinglin.node.chains import SystemClock
from xinglin.node.office.accounts import AddedAccount, add_account
from xinglin.node.office.consents import acknowledge, give_by_own_key
from xinglin.node.records.archive import Archive
from xinglin.node.records.read_ports import decides_alone
from xinglin.node.records.serving import Serving, described
from xinglin.node.site import Site, open_site
from xinglin.service.basic.patient_index.model import Grade
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.basic.reading.model import Disclosure
from xinglin.service.basic.reading.reader import ReaderAccount
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Action, Purpose

YEAR_MS = 366 * 86_400_000
SOURCE = b"demo"


@dataclass
class Town:
    """The open site, B's physician as a reader, a practitioner of A, and the patient at both."""

    site: Site
    reader: ReaderAccount
    physician: AddedAccount
    own: AddedAccount
    at_a: bytes
    at_b: bytes
    link: bytes = b""

    @property
    def a(self) -> Serving:
        return self.site.serving_of(self.site.nodes[0])

    @property
    def b(self) -> Serving:
        return self.site.serving_of(self.site.nodes[1])

    def rows(self, kind: bytes) -> list[StoredRecord]:
        """Return the patient's records of a type at A, in order."""
        rows = self.a.archive.vault.records_of(self.a.archive.persons.subjects_of(self.at_a))
        return [row for row in rows if row.details.type == kind]

    def read(self, commitment: bytes, action: Action = Action.READ) -> Disclosure:
        """Read a record of A as B's physician."""
        return self.b.reader.read(self.a, self.reader, commitment, Purpose.TREAT, action=action)

    def found(self) -> dict[bytes, int]:
        """Return what a search tells B of: version by commitment."""
        return {
            one.commitment: one.version for one in self.b.reader.search(self.a, self.reader, self.link, Purpose.TREAT)
        }


def make_town(folder: Path) -> Stage:
    """Make the four homes with patients, of whom some have been at both hospitals and some are children."""
    made = Stage(folder, Console(file=io.StringIO()))
    found(made)
    take_in(made, sorted(SYNTHEA.glob("*.json")) or some_bundles(folder / "bundles", PATIENTS))
    return made


def homes(folder: Path, first: str = "hospital-a") -> list[Path]:
    """Return the homes, the one that acts first."""
    names = sorted((name for name, _, _ in HOMES), key=lambda name: name != first)
    return [folder / name for name in names]


@contextmanager
def open_town(folder: Path) -> Iterator[Town]:
    """Open all homes in a folder; let B's physician read for treatment what the patient has at A."""
    with open_site(homes(folder), read_passphrase(folder / PASSPHRASE)) as site:
        a, b = site.nodes[:2]
        physician = add_account(b, (Role.PRACTITIONER,), "Physician at B")
        own = add_account(a, (Role.PRACTITIONER,), "Physician at A")
        reader = site.serving_of(b).account(physician.account, physician.key_name)
        at_a, at_b = both(site.archive_of(a), site.archive_of(b))
        town = Town(site, reader, physician, own, at_a, at_b)
        _permit(town)
        yield town


def _permit(town: Town) -> None:
    """Sign the agreement, match the patient, have the patient consent."""
    a, b, now = town.a, town.b, SystemClock().now_ms()
    agree(a.archive.node, b.archive.node, Purpose.TREAT)
    wanted = WantedConsent(
        purposes=[Purpose.TREAT],
        categories=[Category.PERSONAL_ATTRIBUTES, Category.HEALTH_STATUS, Category.MEDICAL_APPLICATION],
        level=Level.NARROW,
        given_ms=now - 2_000,
        from_ms=now - 1_000,
        until_ms=now + YEAR_MS,
        members=[b.member],
    )
    given = give_by_own_key(a.archive.node, wanted, [(a.node, town.at_a)])
    acknowledge(a, given.consent)
    town.link = b.reader.match(a, town.reader, described(b.archive.persons, town.at_b), Purpose.TREAT)


def both(a: Archive, b: Archive) -> tuple[bytes, bytes]:
    """Return a living adult at A with observations there, and the same at B."""
    for at_b in b.persons.persons():
        if not decides_alone(b.persons, at_b, a.orders("demo").as_of):
            continue
        match = a.persons.match(b.persons.traits_of(at_b)[0], 1)
        if match and match[0].grade is Grade.MATCH:
            rows = a.vault.records_of(a.persons.subjects_of(match[0].person))
            if sum(row.details.type == b"Observation" for row in rows) > 4:
                return match[0].person, at_b
    raise LookupError("nobody has been at both hospitals")

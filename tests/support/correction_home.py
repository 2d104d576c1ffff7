"""An institution that corrects records, with another one that has read them: real files, chains in memory."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from tests.support.fake_chain import FakeChain
from tests.support.intake_home import IntakeHome
from tests.support.notice_homes import NoticeHomes
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.correction.service import Corrections, Institution, Parties
from xinglin.service.lifecycle.storage.model import StoredRecord


@dataclass(frozen=True, slots=True)
class Given:
    """Someone who was given a record, as an access trace tells it."""

    member: str
    account: str
    copy: int = 1
    times: int = 1
    first: int = 5
    last: int = 9


class MemoryReaders:
    """The port ``Readers``: who was given which record, entered by the test."""

    def __init__(self) -> None:
        self.given: dict[bytes, list[Given]] = {}

    def recipients(self, commitment: bytes) -> list[Given]:
        return self.given.get(commitment, [])


class MemoryPersons:
    """The port ``Persons``: everybody is known, by a person id made of the subject; ``taken`` is what was corrected."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, bytes, bytes]] = []

    def person_of(self, source: bytes, subject: bytes) -> bytes | None:
        return (source + subject).ljust(16, b".")[:16]

    def corrected(self, source: bytes, subject: bytes, original: bytes) -> None:
        self.taken.append((source, subject, original))


class CorrectionHome:
    """See the module; chains, keys and readers outlive ``close`` and ``open``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.homes = NoticeHomes(folder / "inboxes")
        self.readers = MemoryReaders()
        self.persons = MemoryPersons()
        self.intake = self._intake().create()
        self._join()

    def open(self) -> None:
        """Open the homes again."""
        self.homes.open()
        self.intake = self._intake(self.intake.chain).open()
        self._join()

    def close(self) -> None:
        """Close the homes."""
        self.intake.close()
        self.homes.close()

    def row(self, version: int = 0, number: int = 0) -> StoredRecord:
        """Return the row of a version of an Observation."""
        (found,) = self.intake.storage.vault.index.by_resource([(b"his", b"Observation", b"o%d" % number, version)])
        assert found is not None
        return found

    def record(self, version: int = 0, number: int = 0) -> str:
        """Return the record id of a version of an Observation."""
        return identifier(self.row(version, number).record)

    def read_by_the_other(self, version: int = 0) -> Given:
        """Enter that an account of the other institution was given a version."""
        there = self.homes.there
        given = Given(there.member, next(iter(there.party.accounts.values()))[0])
        self.readers.given.setdefault(self.row(version).details.commitment, []).append(given)
        return given

    def _intake(self, chain: FakeChain | None = None) -> IntakeHome:
        home = IntakeHome(self.folder / "home", chain)
        home.registrar = replace(home.registrar, institution=self.homes.here.member)
        return home

    def _join(self) -> None:
        here, intake = self.homes.here, self.intake
        self.corrections = Corrections(
            Institution(here.member, ("Riverside Hospital", "河畔医院"), self.homes.suite),
            intake.storage.vault,
            intake.outbox,
            lambda _: intake.preparation,
            here.chain,
            Parties(self.readers, self.persons, here.notices),
            self.homes.clock,
            os.urandom,
        )

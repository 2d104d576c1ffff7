"""What reading needs from outside: records of the vault, agreements, links between persons, the other node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.audit.log import Logged
from xinglin.service.basic.audit.messages import SignedGrant
from xinglin.service.basic.audit.model import AccessEntry
from xinglin.service.basic.protection.model import RecordState
from xinglin.service.basic.protection.service import Asked
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import OpenedRecord
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose


class Records(Protocol):
    """The records of this node. MUST be usable from several threads."""

    def find(self, commitments: Sequence[bytes]) -> Sequence[StoredRecord | PlatformError | None]:
        """Return for each record its row, None when it is not here, Integrity when it was altered."""
        ...

    def audited(self, stored: Sequence[StoredRecord]) -> Sequence[OpenedRecord | PlatformError]:
        """Return each record after the audit of its integrity: row, keys, bytes, commitment, registration (H6).

        Where something is not what was committed, the finding is returned and nothing of the record.
        """
        ...

    def by_handle(self, handle: bytes) -> StoredRecord | None:
        """Return the record that locators name by a handle, None when there is none (any more); raises as above."""
        ...

    def of_person(self, person: bytes) -> Sequence[StoredRecord]:
        """Return all records of a person, in order of storing."""
        ...

    def person_of(self, stored: StoredRecord) -> bytes:
        """Return whose a record is, 16 zero bytes for what is about no person.

        That is the person to whom its registration was first assigned, whoever it was merged into since.
        """
        ...

    def state(self, commitment: bytes) -> tuple[RecordState, bytes]:
        """Return the state of a record and, where it is superseded, its current version's commitment."""
        ...


class Agreements(Protocol):
    """The agreements of this node's member on the consortium chain."""

    def uncovered(
        self, reader: str, purpose: Purpose, time_ms: int, category: Category | None, level: Level | None
    ) -> str:
        """Return why no agreement lets a member ask for this, empty when one does (docs/spec/agreement.md AG6)."""
        ...


class Links(Protocol):
    """Persons as other members name them: links of 16 random bytes, each given to one member."""

    def person(self, link: bytes, member: str) -> bytes | None:
        """Return whom a link names, None unless this node gave it to that member."""
        ...

    def match(self, traits: bytes, member: str) -> bytes:
        """Return the link of the person who surely is the one described, b"" when nobody is or several are.

        Args:
            traits: what is known of the person, in the form of docs/spec/patient-index.md.
            member: whom the link is for.
        """
        ...

    def of(self, person: bytes, member: str) -> bytes:
        """Return the link by which a member names a person, given now if it has none; this node's own uses its id."""
        ...

    def give_up(self, link: bytes, member: str, account: str) -> bool:
        """Undo the link that was given to a member, on the word of one of its accounts; False when there is none."""
        ...


class Emergencies(Protocol):
    """Emergency grants of other institutions."""

    def admit(self, signed: SignedGrant, asked: Asked, person: bytes, now_ms: int) -> object:
        """Let in a grant that came with a request for a patient, and tell the patient.

        Raises:
            PlatformError: it does not hold here, or this institution's rules are against it.
        """
        ...


class EntryLog(Protocol):
    """Where access entries go."""

    def log(self, entry: AccessEntry) -> Logged:
        """Log an entry and return when it is durable."""
        ...

    def log_many(self, entries: Sequence[AccessEntry]) -> Sequence[Logged | Exception]:
        """Log entries and return when they are durable: where each is, or why it is nowhere."""
        ...


class CustodianNode(Protocol):
    """Another node, as a reader's node asks it."""

    @property
    def node(self) -> str:
        """The node's id."""
        ...

    @property
    def member(self) -> str:
        """Whose node it is."""
        ...

    def answer(self, request: bytes, payload: bytes = b"") -> bytes:
        """Return the answer to a signed request.

        Raises:
            PlatformError: it refused to look at the request, or can't be reached.
        """
        ...

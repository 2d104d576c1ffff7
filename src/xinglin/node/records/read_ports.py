"""A node's records, persons, episodes, agreements and quotas, as the ports that reading and protection ask for.

Each looks things up in the home's stores and chains; none decides.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import Invalid, PlatformError
from xinglin.node.chains import random_bytes
from xinglin.node.node import Node
from xinglin.node.records.archive import Archive
from xinglin.node.records.replaying import look_up, standing_of
from xinglin.service.basic.audit.log import AccessLog, Logged
from xinglin.service.basic.audit.model import AccessEntry
from xinglin.service.basic.coordination.model import RecordItem
from xinglin.service.basic.coordination.outbox.store import Delivery, OutboxStore
from xinglin.service.basic.correction.rules import current_of, predecessor_of
from xinglin.service.basic.destruction.model import Standing as RecordStanding
from xinglin.service.basic.patient_index.errors import PersonNotFound
from xinglin.service.basic.patient_index.identity.model import Reason
from xinglin.service.basic.patient_index.identity.rules import stated
from xinglin.service.basic.patient_index.model import Grade, Traits
from xinglin.service.basic.patient_index.service import PatientIndex
from xinglin.service.basic.protection.model import Episode, RecordState
from xinglin.service.basic.reading.deciding import NOBODY
from xinglin.service.basic.reading.errors import PersonLost, RecordUnregistered
from xinglin.service.basic.sharing.agreements.model import AgreementOfPair, AgreementState
from xinglin.service.basic.sharing.agreements.rules import uncovered
from xinglin.service.lifecycle.collection.fhir.times import parse
from xinglin.service.lifecycle.storage.model import RecordDetails, StoredRecord
from xinglin.service.lifecycle.storage.remembered import Remembered, Versions
from xinglin.service.lifecycle.storage.vault import OpenedRecord
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose

_BATCHES, _PERSONS, _SUBJECTS = 2_048, 512, 8_192
_COMMITMENT_BYTES = 32
READS_PER_MINUTE = 600
"""Requests of one account in a minute, before it is over its quota."""


class VaultRecords:
    """Implements the port ``Records`` of reading on a home's vault, index and chains.

    Args:
        archive: the home's records, opened.
        versions: of the stores ``vault`` and ``index``.
    """

    def __init__(self, archive: Archive, versions: Versions) -> None:
        self._archive = archive
        self._vault = archive.vault
        self._outbox = OutboxStore(archive.vault.database, archive.vault.keyring.keys)
        self._batches: OrderedDict[str, bytes] = OrderedDict()
        self._persons: Remembered[tuple[bytes, bytes], bytes | None] = Remembered(versions.of("index"), _SUBJECTS)
        self._lock = threading.Lock()

    def find(self, commitments: Sequence[bytes]) -> list[StoredRecord | PlatformError | None]:
        """See ``Records.find``; a correction that is not linked yet is no record."""
        found = self._vault.find_commitments(commitments)
        look_up(self._archive.node, [one.details.commitment for one in found if isinstance(one, StoredRecord)])
        return [self._whole(one) if isinstance(one, StoredRecord) else one for one in found]

    def audited(self, stored: Sequence[StoredRecord]) -> list[OpenedRecord | PlatformError]:
        """See ``Records.audited``."""
        return [
            (self._unregistered(one.stored.details) or one) if isinstance(one, OpenedRecord) else one
            for one in self._vault.open_many(stored)
        ]

    def by_handle(self, handle: bytes) -> StoredRecord | None:
        """See ``Records.by_handle``; as ``find``."""
        found = self._vault.find_handle(handle)
        return found if found is None or self._linked(found) else None

    def of_person(self, person: bytes) -> Sequence[StoredRecord]:
        """See ``Records.of_person``."""
        try:
            rows = self._vault.records_of(self._archive.persons.subjects_of(person))
        except PersonNotFound:
            return []
        return [row for row in rows if self._linked(row)]

    def person_of(self, stored: StoredRecord) -> bytes:
        """See ``Records.person_of``."""
        details = stored.details
        if not details.subject:
            return NOBODY
        subject = details.source, details.subject
        person = self._persons.get(subject, lambda: self._archive.persons.assigned(*subject))
        if person is None:
            raise PersonLost
        return person

    def state(self, commitment: bytes) -> tuple[RecordState, bytes]:
        """See ``Records.state``; from a confirmed order on a record is gone to every reader."""
        standing = standing_of(self._archive.node, commitment).standing
        if standing in (RecordStanding.ORDERED, RecordStanding.DESTROYED):
            return RecordState.DESTROYED, b""
        current = current_of(self._archive.node.private_ledger().value, commitment)
        after = current if current != commitment else b""
        if standing is RecordStanding.RESTRICTED:
            return RecordState.RESTRICTED, after
        return (RecordState.SUPERSEDED, after) if after else (RecordState.STANDING, b"")

    def stands(self, stored: StoredRecord) -> bool:
        """Tell whether a record is the current version and nothing is to keep it from being looked at."""
        return self._linked(stored) and self.state(stored.details.commitment)[0] is RecordState.STANDING

    def _whole(self, stored: StoredRecord) -> StoredRecord | PlatformError | None:
        """Return a record that is none of a correction left half done, or what is damaged under it alone."""
        try:
            return stored if self._linked(stored) else None
        except PlatformError as damage:
            return damage

    def _linked(self, stored: StoredRecord) -> bool:
        """Tell whether a record is none that corrects another and that a crash has left before it was linked."""
        value = self._archive.node.private_ledger().value
        return not stored.details.version or predecessor_of(value, stored.details.commitment) is not None

    def _unregistered(self, details: RecordDetails) -> PlatformError | None:
        """Return why a record is not the one that the consortium chain registered, None when it is."""
        try:
            registered = self._registered(details.batch)
        except PlatformError as damage:
            return damage
        there = registered[details.item * _COMMITMENT_BYTES :][:_COMMITMENT_BYTES]
        return None if there == details.commitment else RecordUnregistered()

    def _registered(self, batch: str) -> bytes:
        """Return the commitments of a registered batch, end to end, as the log of the consortium chain has them."""
        with self._lock:
            if batch in self._batches:
                self._batches.move_to_end(batch)
                return self._batches[batch]
        row = self._outbox.by_batch(batch)
        if row is None or row.state is Delivery.STORED:
            raise RecordUnregistered
        entry = self._archive.node.consortium.entry(row.index)
        commitments = b"".join(decode(RecordItem, item).commitment for item in entry.transaction.operations[0].items)
        with self._lock:
            self._batches[batch] = commitments
            if len(self._batches) > _BATCHES:
                self._batches.popitem(last=False)
        return commitments


class IndexPersons:
    """Implements the port ``Persons`` of protection on the patient index.

    Args:
        index: of the home, opened.
    """

    def __init__(self, index: PatientIndex) -> None:
        self._index = index

    def knows(self, person: bytes) -> bool:
        """See ``Persons.knows``."""
        return bool(self._traits(person))

    def linked(self, member: str, handle: bytes) -> bytes | None:
        """See ``Persons.linked``."""
        return self._index.person_by_handle(member, handle)

    def joined(self, person: bytes) -> Sequence[bytes]:
        """See ``Persons.joined``."""
        return self._index.joined(person)

    def followed(self, person: bytes) -> Sequence[tuple[bytes, int]]:
        """See ``Persons.followed``."""
        return self._index.followed(person)

    def parted(self, person: bytes) -> Sequence[tuple[bytes, int, int]]:
        """See ``Persons.parted``."""
        return self._index.parted(person)

    def born(self, person: bytes) -> date | None:
        """See ``Persons.born``."""
        return next((day for one in self._traits(person) if (day := _day(one.birth)) is not None), None)

    def died_ms(self, person: bytes) -> int | None:
        """See ``Persons.died_ms``."""
        stated = [one.deceased for one in self._traits(person) if one.deceased]
        days = [day for one in stated if (day := _day(one)) is not None]
        if not days:
            return 0 if stated else None
        first = min(days)
        return max(int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() * 1000), 0)

    def _traits(self, person: bytes) -> list[Traits]:
        try:
            return self._index.traits_of(person)
        except PersonNotFound:
            return []


def decides_alone(index: PatientIndex, person: bytes, today: date) -> bool:
    """Tell whether a person is known to be of age and not known to have died: may consent without a guardian."""
    persons = IndexPersons(index)
    born = persons.born(person)
    return born is not None and (today - born).days > 18 * 366 and persons.died_ms(person) is None


class IndexLinks:
    """Implements the port ``Links`` of reading: other members know persons by random handles, one for each member.

    Args:
        index: of the home, opened.
        own: the home's member, whose accounts name persons by their ids.
    """

    def __init__(self, index: PatientIndex, own: str) -> None:
        self._index = index
        self._own = own
        self._lock = threading.Lock()

    def person(self, link: bytes, member: str) -> bytes | None:
        """See ``Links.person``."""
        return self._index.person_by_handle(member, link)

    def match(self, traits: bytes, member: str) -> bytes:
        """See ``Links.match``."""
        try:
            found = self._index.match(decode(Traits, traits), 2)
        except Invalid:
            return b""
        sure = [one for one in found if one.grade is Grade.MATCH]
        if len(sure) != 1:
            return b""
        return self._given(sure[0].person, member)

    def of(self, person: bytes, member: str) -> bytes:
        """See ``Links.of``."""
        found = self._index.found_as(person)
        return found if member == self._own else self._given(found, member)

    def give_up(self, link: bytes, member: str, account: str) -> bool:
        """See ``Links.give_up``."""
        person = self._index.person_by_handle(member, link)
        if person is None:
            return False
        for one in self._index.links(person):
            if (one.node, one.handle) == (member, link):
                self._index.unlink(one.link, stated(Reason.OTHER, "given back by the other node"), account)
        return True

    def _given(self, person: bytes, member: str) -> bytes:
        with self._lock:  # two at once must not get two links
            for link in self._index.links(person):
                if link.node == member:
                    return link.handle
            return self._index.link(person, member, random_bytes(16), "match").handle


class VaultEpisodes:
    """Implements the port ``Episodes`` of protection on the Encounter resources of the vault.

    Args:
        archive: the home's records, opened.
        stands: of a record; an Encounter that was corrected or destroyed is no episode, nor one that corrects another
            and is not linked yet.
        versions: of the stores ``vault`` and ``index``.
    """

    def __init__(self, archive: Archive, stands: Callable[[StoredRecord], bool], versions: Versions) -> None:
        self._archive = archive
        self._stands = stands
        self._known: Remembered[bytes, list[tuple[StoredRecord, Episode]]] = Remembered(
            versions.of("vault", "index"), _PERSONS
        )

    def of(self, person: bytes, at_ms: int) -> Episode | None:
        """See ``Episodes.of``."""
        for row, one in self._known.get(person, lambda: self._encounters(person)):
            open_then = one.from_ms <= at_ms and (one.until_ms is None or at_ms < one.until_ms)
            if open_then and self._stands(row):
                return one
        return None

    def _encounters(self, person: bytes) -> list[tuple[StoredRecord, Episode]]:
        """Return Encounters and episodes of a person, the latest first."""
        vault = self._archive.vault
        try:
            subjects = self._archive.persons.subjects_of(person)
        except PersonNotFound:
            return []
        rows = [row for row in vault.records_of(subjects) if row.details.type == b"Encounter"]
        opened = zip(rows, vault.open_many(rows), strict=True)
        read = [(row, _episode(row, one.parts.original[1])) for row, one in opened if isinstance(one, OpenedRecord)]
        episodes = [(row, episode) for row, episode in read if episode is not None]
        return sorted(episodes, key=lambda one: one[1].from_ms, reverse=True)


class ChainAgreements:
    """Implements the port ``Agreements`` of reading on the consortium chain.

    Args:
        node: the open home.
    """

    def __init__(self, node: Node) -> None:
        self._node = node

    def uncovered(
        self, reader: str, purpose: Purpose, time_ms: int, category: Category | None, level: Level | None
    ) -> str:
        """See ``Agreements.uncovered``."""
        value = self._node.consortium.value
        pair = value(state_key("agreement", "pair", self._node.member, reader))
        state = None
        if pair is not None:
            stored = value(state_key("agreement", "agreement", decode(AgreementOfPair, pair).agreement))
            state = decode(AgreementState, stored) if stored is not None else None
        return uncovered(state, purpose, time_ms, category, level)


@dataclass(slots=True)
class ReadQuota:
    """Implements the port ``Quotas``: at most so many requests of an account in a minute, since this process began."""

    per_minute: int = READS_PER_MINUTE
    _times: dict[str, deque[int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def over(self, account: str, at_ms: int) -> bool:
        """See ``Quotas.over``."""
        with self._lock:
            return len(self._of_last_minute(account, at_ms)) >= self.per_minute

    def take(self, account: str, at_ms: int) -> bool:
        """See ``Quotas.take``; what finds none left takes nothing."""
        with self._lock:
            times = self._of_last_minute(account, at_ms)
            left = len(times) < self.per_minute
            if left:
                times.append(at_ms)
            return left

    def _of_last_minute(self, account: str, at_ms: int) -> deque[int]:
        times = self._times.setdefault(account, deque())
        while times and times[0] <= at_ms - 60_000:
            times.popleft()
        return times


class OpenLog:
    """An access log that takes entries only while the private chain is open.

    Args:
        log: where entries go.
        require_open: refuses when the chain is closed.
    """

    def __init__(self, log: AccessLog, require_open: Callable[[], None]) -> None:
        self._log = log
        self._require_open = require_open

    def log(self, entry: AccessEntry) -> Logged:
        """Log an entry; see ``AccessLog.log``."""
        self._require_open()
        return self._log.log(entry)

    def log_many(self, entries: Sequence[AccessEntry]) -> Sequence[Logged | Exception]:
        """Log entries together; see ``AccessLog.log_many``."""
        try:
            self._require_open()
        except PlatformError as closed:
            return [closed for _ in entries]
        return self._log.log_many(entries)


def _day(partial: int) -> date | None:
    try:
        return date(partial // 1_00_00, partial // 1_00 % 1_00, partial % 1_00)
    except ValueError:
        return None


def _episode(row: StoredRecord, original: bytes) -> Episode | None:
    """Return what an Encounter says of an episode; None for one that has no beginning, or did not take place."""
    try:
        resource: dict[str, Any] = json.loads(original)
        period = resource.get("period", {})
        begun, ended = parse(str(period.get("start"))), parse(str(period.get("end")))
    except (ValueError, AttributeError):
        return None
    status = resource.get("status")
    if begun is None or status in ("cancelled", "entered-in-error", "planned") or (status == "finished" and not ended):
        return None
    return Episode(row.record, max(begun[0], 0), None if ended is None else max(ended[0], 0))

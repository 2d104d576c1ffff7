"""What a node reads by: its records, persons, episodes, agreements and quotas as ports of the read (H4 to H7, S7.2a).

``open_custodian`` joins them: what answers the requests of readers at this node, local ones and those of other nodes.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from xinglin.kernel.encoding import decode, pack, state_key
from xinglin.kernel.errors import Integrity, Invalid
from xinglin.kernel.identifiers import identifier
from xinglin.node.access import access_log
from xinglin.node.archive import Archive
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import SEALING, SERVICE
from xinglin.node.node import Node
from xinglin.node.replaying import standing_of
from xinglin.service.basic.audit.log import AccessLog, Logged
from xinglin.service.basic.audit.model import AccessEntry
from xinglin.service.basic.coordination.model import RecordItem
from xinglin.service.basic.coordination.outbox.store import Delivery, OutboxStore
from xinglin.service.basic.correction.rules import current_of
from xinglin.service.basic.destruction.model import Standing as RecordStanding
from xinglin.service.basic.patient_index.errors import PersonNotFound
from xinglin.service.basic.patient_index.model import Grade, Traits
from xinglin.service.basic.patient_index.service import PatientIndex
from xinglin.service.basic.protection.break_glass import BreakGlass, PatientNotice
from xinglin.service.basic.protection.chain import LedgerFacts
from xinglin.service.basic.protection.consents.service import Consents
from xinglin.service.basic.protection.guardians import Guardians
from xinglin.service.basic.protection.mandates import Mandates
from xinglin.service.basic.protection.model import Episode, RecordState
from xinglin.service.basic.protection.service import Situations, Sources
from xinglin.service.basic.protection.store import ProtectionStore
from xinglin.service.basic.reading.custodian import ConsortiumHead, Custodian, Parts
from xinglin.service.basic.reading.errors import RecordUnregistered
from xinglin.service.basic.reading.model import Custody
from xinglin.service.basic.reading.reader import Reader, ReaderAccount
from xinglin.service.basic.sharing.agreements.model import AgreementOfPair, AgreementState
from xinglin.service.basic.sharing.agreements.rules import uncovered
from xinglin.service.lifecycle.collection.fhir.times import when
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import OpenedRecord
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose

NOBODY = bytes(16)
"""Stands for the person of a record that is about none."""
_BATCHES, _EPISODES = 64, 512
READS_PER_MINUTE = 600
"""Requests of one account in a minute, before it is over its quota."""


class VaultRecords:
    """Implements the port ``Records`` of reading on a home's vault, index and chains.

    Args:
        archive: the home's records, opened.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._vault = archive.vault
        self._outbox = OutboxStore(archive.vault.database, archive.vault.keyring.keys)
        self._batches: OrderedDict[str, tuple[bytes, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, commitment: bytes) -> StoredRecord | None:
        """See ``Records.find``."""
        return self._vault.find_commitment(commitment)

    def audited(self, stored: StoredRecord) -> OpenedRecord:
        """See ``Records.audited``."""
        opened = self._vault.open_many([stored])[0]
        if isinstance(opened, Integrity):
            raise opened
        registered = self._registered(stored.details.batch)
        item = stored.details.item
        if item >= len(registered) or registered[item] != stored.details.commitment:
            raise RecordUnregistered
        return opened

    def of_person(self, person: bytes) -> Sequence[StoredRecord]:
        """See ``Records.of_person``."""
        try:
            return self._vault.records_of(self._archive.persons.subjects_of(person))
        except PersonNotFound:
            return []

    def person_of(self, stored: StoredRecord) -> bytes:
        """See ``Records.person_of``."""
        details = stored.details
        if not details.subject:
            return NOBODY
        return self._archive.persons.person_of(details.source, details.subject) or NOBODY

    def state(self, commitment: bytes) -> tuple[RecordState, bytes]:
        """See ``Records.state``; from a confirmed order on a record is gone to every reader."""
        standing = standing_of(self._archive.node, commitment).standing
        if standing in (RecordStanding.ORDERED, RecordStanding.DESTROYED):
            return RecordState.DESTROYED, b""
        if standing is RecordStanding.RESTRICTED:
            return RecordState.RESTRICTED, b""
        current = current_of(self._archive.node.private_ledger().value, commitment)
        return (RecordState.STANDING, b"") if current == commitment else (RecordState.SUPERSEDED, current)

    def _registered(self, batch: str) -> tuple[bytes, ...]:
        """Return the commitments of a registered batch, as the log of the consortium chain has them."""
        with self._lock:
            if batch in self._batches:
                self._batches.move_to_end(batch)
                return self._batches[batch]
        row = self._outbox.by_batch(batch)
        if row is None or row.state is Delivery.STORED:
            raise RecordUnregistered
        entry = self._archive.node.consortium.entry(row.index)
        commitments = tuple(decode(RecordItem, item).commitment for item in entry.transaction.operations[0].items)
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


class IndexLinks:
    """Implements the port ``Links`` of reading: other members know persons by random handles, one for each member.

    Args:
        index: of the home, opened.
    """

    def __init__(self, index: PatientIndex) -> None:
        self._index = index

    def person(self, link: bytes, member: str) -> bytes | None:
        """See ``Links.person``."""
        return self._index.person_by_handle(member, link)

    def match(self, traits: bytes, member: str) -> tuple[bytes, str]:
        """See ``Links.match``; two sure matches are none."""
        try:
            found = self._index.match(decode(Traits, traits), 2)
        except Invalid:
            return b"", "the description is not in form"
        sure = [one for one in found if one.grade is Grade.MATCH]
        if len(sure) != 1:
            return b"", (found[0].grade.name.lower() if found and not sure else "several" if sure else "none")
        person = sure[0].person
        for link in self._index.links(person):
            if link.node == member:
                return link.handle, "match"
        return self._index.link(person, member, random_bytes(16), "match").handle, "match"


class VaultEpisodes:
    """Implements the port ``Episodes`` of protection on the Encounter resources of the vault.

    Args:
        archive: the home's records, opened.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._known: OrderedDict[int, Episode | None] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, person: bytes, at_ms: int) -> Episode | None:
        """See ``Episodes.of``."""
        try:
            subjects = self._archive.persons.subjects_of(person)
        except PersonNotFound:
            return None
        rows = [row for row in self._archive.vault.records_of(subjects) if row.details.type == b"Encounter"]
        episodes = [one for row in rows if (one := self._episode(row)) is not None]
        there = [
            one for one in episodes if one.from_ms <= at_ms and (one.until_ms is None or at_ms < one.until_ms)
        ]
        return max(there, key=lambda one: one.from_ms, default=None)

    def _episode(self, row: StoredRecord) -> Episode | None:
        with self._lock:
            if row.number in self._known:
                return self._known[row.number]
        opened = self._archive.vault.open_many([row])[0]
        found = None if isinstance(opened, Integrity) else _episode(row, opened.parts.original[1])
        with self._lock:
            self._known[row.number] = found
            if len(self._known) > _EPISODES:
                self._known.popitem(last=False)
        return found


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
    """Implements the port ``Quotas``: at most so many entries of an account in a minute, since this process began."""

    per_minute: int = READS_PER_MINUTE
    _times: dict[str, deque[int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def over(self, account: str, at_ms: int) -> bool:
        """See ``Quotas.over``."""
        with self._lock:
            times = self._times.get(account, deque())
            while times and times[0] <= at_ms - 60_000:
                times.popleft()
            return len(times) >= self.per_minute

    def note(self, account: str, at_ms: int) -> None:
        """Count one entry of an account."""
        with self._lock:
            self._times.setdefault(account, deque()).append(at_ms)


class CountedLog:
    """An access log that counts entries against the quota.

    Args:
        log: where entries go.
        quota: what they count against.
    """

    def __init__(self, log: AccessLog, quota: ReadQuota) -> None:
        self._log = log
        self._quota = quota

    def log(self, entry: AccessEntry) -> Logged:
        """Log an entry; see ``AccessLog.log``."""
        self._quota.note(entry.account, entry.time)
        return self._log.log(entry)


@dataclass(frozen=True, slots=True)
class Protection:
    """What a node decides by: its store, and the services on it."""

    store: ProtectionStore
    consents: Consents
    break_glass: BreakGlass
    guardians: Guardians
    mandates: Mandates
    quota: ReadQuota
    situations: Situations


@dataclass(frozen=True, slots=True)
class Serving:
    """A node that answers readers: as custodian and, for its own accounts, as reader; ``node`` port of other readers."""

    archive: Archive
    protection: Protection
    custodian: Custodian
    reader: Reader

    @property
    def node(self) -> str:
        """This node's id."""
        return self.archive.node.settings.node

    @property
    def member(self) -> str:
        """This node's member."""
        return self.archive.node.member

    def answer(self, request: bytes, payload: bytes = b"") -> bytes:
        """Answer a signed request; see ``CustodianNode.answer``."""
        return self.custodian.answer(request, payload)

    def account(self, account: str, key_name: str) -> ReaderAccount:
        """Return an account of this home that reads, by the name of its key."""
        return ReaderAccount(account, self.archive.node.signer(key_name))


def open_protection(archive: Archive, quota: ReadQuota | None = None) -> Protection:
    """Return what a node decides by. Close its store."""
    node = archive.node
    store = ProtectionStore(node.home.protection, archive.vault.keyring.keys)
    store.check()
    facts, persons = LedgerFacts(node.consortium), IndexPersons(archive.persons)
    suite, counted = node.consortium.rules.suite, quota or ReadQuota()
    consents = Consents(
        suite, node.settings.node, facts, store, persons, lambda sealed: node.keys.decrypt(SEALING, sealed)
    )
    break_glass = BreakGlass(node.member, facts, store, random_bytes)
    guardians = Guardians(store, persons, random_bytes)
    mandates = Mandates(store, random_bytes)
    sources = Sources(facts, consents, break_glass, guardians, mandates, VaultEpisodes(archive), counted)
    situations = Situations(node.member, sources)
    return Protection(store, consents, break_glass, guardians, mandates, counted, situations)


@contextmanager
def open_serving(
    archive: Archive, tell: Callable[[PatientNotice], None] = lambda _: None, quota: ReadQuota | None = None
) -> Iterator[Serving]:
    """Let a node answer readers, until the block ends.

    Args:
        archive: the home's records, opened; both its chains run.
        tell: told of each break-glass grant of another institution that is let in.
        quota: of accounts.
    """
    node, clock = archive.node, SystemClock()
    private, consortium = node.private_ledger(), node.consortium
    protection = open_protection(archive, quota)
    custody = Custody(consortium.rules.chain, node.member, node.settings.node)
    try:
        with access_log(node) as log:
            parts = Parts(
                custody=custody,
                suite=consortium.rules.suite,
                values=consortium.value,
                records=VaultRecords(archive),
                situations=protection.situations,
                agreements=ChainAgreements(node),
                links=IndexLinks(archive.persons),
                break_glass=protection.break_glass,
                tell=tell,
                log=CountedLog(log, protection.quota),
                private_chain=private.rules.chain,
                signer=node.signer(SERVICE),
                clock=clock,
            )
            reader = Reader(
                custody,
                consortium.rules.suite,
                consortium.value,
                lambda: consortium.tip.time,
                lambda call: node.client(private).call([call], [node.signer(SERVICE)]),
                clock,
                random_bytes,
            )
            custodian = Custodian(parts, lambda: ConsortiumHead(consortium.tip.height, consortium.tip.time))
            yield Serving(archive, protection, custodian, reader)
    finally:
        protection.store.close()


def described(index: PatientIndex, person: bytes) -> bytes:
    """Return what this node knows of a person, to be matched by another; the newest registration with most traits."""
    return pack(max(index.traits_of(person), key=lambda one: len(pack(one))))


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
        begun, ended = when(period.get("start")), when(period.get("end"))
    except (ValueError, AttributeError):
        return None
    if begun is None or resource.get("status") in ("cancelled", "entered-in-error", "planned"):
        return None
    return Episode(identifier(row.record).encode(), max(begun, 0), None if ended is None else max(ended, 0))

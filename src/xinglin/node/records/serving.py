"""What a node reads by: its records, persons, episodes, agreements and quotas as ports of the read (H4 to H7, S7.2a).

``open_custodian`` joins them: what answers the requests of readers at this node, local ones and those of other nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from xinglin.carrier.ledger.errors import LogEntryNotFound
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Operation
from xinglin.kernel.clock import Clock
from xinglin.kernel.encoding import decode, pack
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import SEALING, SERVICE
from xinglin.node.membership.joining import names_private_chain
from xinglin.node.node import Node
from xinglin.node.office.emergency import HomeEmergencies
from xinglin.node.opening import anchoring
from xinglin.node.records.access import access_log, open_trace
from xinglin.node.records.archive import Archive
from xinglin.node.records.read_ports import (
    ChainAgreements,
    IndexLinks,
    IndexPersons,
    OpenLog,
    ReadQuota,
    VaultEpisodes,
    VaultRecords,
)
from xinglin.node.rounds import Rounds
from xinglin.service.basic.audit.errors import (
    RequestElsewhere,
    RequestExpired,
    RequestMalformed,
    RequestSignatureInvalid,
)
from xinglin.service.basic.audit.model import AccessEntry
from xinglin.service.basic.audit.projection import AccessProjection
from xinglin.service.basic.audit.receipts import MAX_AHEAD_MS, MAX_REQUEST_MS, read_request
from xinglin.service.basic.audit.strangers import Strangers
from xinglin.service.basic.coordination.anchor_keeper import AnchorKeeper
from xinglin.service.basic.patient_index.service import PatientIndex
from xinglin.service.basic.protection.break_glass import BreakGlass
from xinglin.service.basic.protection.chain import LedgerFacts
from xinglin.service.basic.protection.consents.counter import Counter
from xinglin.service.basic.protection.consents.service import Consents
from xinglin.service.basic.protection.foreign_grants import ForeignGrants
from xinglin.service.basic.protection.guardians import Guardians
from xinglin.service.basic.protection.mandates import Mandates
from xinglin.service.basic.protection.service import Situations, Sources
from xinglin.service.basic.protection.store import ProtectionStore
from xinglin.service.basic.reading.acts import Acts
from xinglin.service.basic.reading.custodian import Custodian, Parts, SeenRequests
from xinglin.service.basic.reading.deciding import Decider
from xinglin.service.basic.reading.desk import Desk
from xinglin.service.basic.reading.entries import ConsortiumHead
from xinglin.service.basic.reading.errors import RequestsTooMany
from xinglin.service.basic.reading.looks import Looks
from xinglin.service.basic.reading.model import Custody
from xinglin.service.basic.reading.reader import Reader, ReaderAccount
from xinglin.service.basic.tracing.model import TRACE
from xinglin.service.basic.tracing.seeing import Lookups, Seeing
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys
from xinglin.service.lifecycle.storage.remembered import Versions

REFUSALS_PER_MINUTE = 600
"""So many answers beyond its quota a key has in a minute: refusals leave entries too, and may not fill the chain."""
_UNANSWERED = (RequestMalformed, RequestElsewhere, RequestExpired, RequestSignatureInvalid, RequestsTooMany)
"""What leaves no entry of its own, and is counted."""
HERE = b"here"
"""The source of requests that come from this machine, through no transport."""


@dataclass(frozen=True, slots=True)
class Protection:
    """What a node decides by: its store, and the services on it."""

    store: ProtectionStore
    consents: Consents
    counter: Counter
    break_glass: BreakGlass
    guardians: Guardians
    mandates: Mandates
    quota: ReadQuota
    situations: Situations
    records: VaultRecords
    versions: Versions


@dataclass(frozen=True, slots=True)
class Deciding:
    """A node's records with what it decides by; its chains need not run."""

    archive: Archive
    protection: Protection

    @property
    def node(self) -> str:
        """This node's id."""
        return self.archive.node.settings.node

    @property
    def member(self) -> str:
        """This node's member."""
        return self.archive.node.member


@dataclass(frozen=True, slots=True)
class Serving(Deciding):
    """A node that answers readers, and reads for its own accounts; to other nodes it is a ``CustodianNode``."""

    custodian: Custodian
    desk: Desk
    acts: Acts
    reader: Reader
    anchors: AnchorKeeper
    looks: Looks
    trace: AccessProjection
    seeing: Seeing
    strangers: Strangers

    def answer(self, request: bytes, payload: bytes = b"", source: bytes = HERE) -> bytes:
        """Answer a signed request; see ``CustodianNode.answer``.

        Args:
            request: its bytes.
            payload: what comes with it.
            source: whence it came, such as a network address; whoever can't show who it is is counted by it.
        """
        try:
            signed = read_request(request)
            if (signed.request.action, signed.request.asked.what) == (TRACE, "person"):
                return self.seeing.answer(request)
            return self.desk.answer(signed, payload)
        except _UNANSWERED:
            self.strangers.note(source, SystemClock().now_ms())
            raise

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
    break_glass = BreakGlass(node.member, facts, store, random_bytes, found_as=archive.persons.found_as)
    guardians = Guardians(store, persons, random_bytes)
    mandates = Mandates(store, random_bytes)
    versions = Versions(
        vault=archive.vault.database.version,
        index=archive.persons.version,
        protection=store.database.version,
    )
    stores = versions.of("protection", "index")
    records = VaultRecords(archive, versions)
    sources = Sources(
        chain=facts,
        consents=consents,
        break_glass=break_glass,
        guardians=guardians,
        mandates=mandates,
        episodes=VaultEpisodes(archive, records.stands, versions),
        quotas=counted,
        followed=persons.followed,
        version=stores,
        # The height as it is, also within a piece of work: whoever is asked for later in a batch is refused by a
        # revocation that got its receipt earlier in it.
        chain_version=lambda: (stores(), node.consortium.tip.height),
    )
    situations = Situations(node.member, sources, stale_after_ms=int(node.settings.freshness.stale_seconds * 1000))
    return Protection(
        store=store,
        consents=consents,
        counter=Counter(suite, facts, store),
        break_glass=break_glass,
        guardians=guardians,
        mandates=mandates,
        quota=counted,
        situations=situations,
        records=records,
        versions=versions,
    )


@contextmanager
def open_deciding(archive: Archive) -> Iterator[Deciding]:
    """Give what a node decides by, to look at it or enter something, until the block ends."""
    protection = open_protection(archive)
    try:
        yield Deciding(archive, protection)
    finally:
        protection.store.close()


@contextmanager
def open_serving(archive: Archive, quota: ReadQuota | None = None) -> Iterator[Serving]:
    """Let a node answer readers, and anchor its private chain, until the block ends.

    Args:
        archive: the home's records, opened; both its chains run.
        quota: of accounts.

    Raises:
        IdentityBehind, IdentityDiffers: the patient index was set back; who is whom can't be told.
    """
    node, clock = archive.node, SystemClock()
    strangers = strangers_of(archive)
    protection = open_protection(archive, quota)
    try:
        # Anchored first: a private chain that was set back says nothing of the index.
        with anchored(node, strangers) as anchors, access_log(node) as log, open_trace(node) as trace:
            archive.persons.settle()
            parts = _parts(archive, protection, OpenLog(log, anchors.require_open), clock)
            head = partial(_head_of, node.consortium)
            acts, custodian = Acts(parts, head), Custodian(parts, head)
            yield Serving(
                archive=archive,
                protection=protection,
                custodian=custodian,
                desk=Desk(custodian),
                acts=acts,
                reader=_reader(node, anchors, clock),
                anchors=anchors,
                looks=Looks(parts, head, parts.mark, random_bytes),
                trace=trace,
                seeing=Seeing(parts, acts, head, Lookups(trace, archive.persons.joined)),
                strangers=strangers,
            )
    finally:
        protection.store.close()


def _parts(archive: Archive, protection: Protection, log: OpenLog, clock: Clock) -> Parts:
    """Return what requests are answered with; patients are told of emergencies that a crash left untold."""
    node, private, consortium = archive.node, archive.node.private_ledger(), archive.node.consortium
    custody = Custody(consortium.rules.chain, node.member, node.settings.node)
    links = IndexLinks(archive.persons, node.member)
    emergencies = HomeEmergencies(archive, _foreign_grants(node, protection, links))
    emergencies.tell_all(protection.break_glass.tasks())
    return Parts(
        custody=custody,
        suite=consortium.rules.suite,
        values=consortium.value,
        deciding=Decider(
            custody=custody,
            suite=consortium.rules.suite,
            records=protection.records,
            unchanging=protection.versions.held,
            situations=protection.situations,
            quotas=protection.quota,
            agreements=ChainAgreements(node),
            links=links,
            emergencies=emergencies,
        ),
        seen=SeenRequests(recent_requests(private, clock.now_ms()), clock.now_ms()),
        most=ReadQuota(protection.quota.per_minute + REFUSALS_PER_MINUTE),
        log=log,
        private_chain=private.rules.chain,
        signer=node.signer(SERVICE),
        clock=clock,
        mark=look_mark(archive.vault.keyring.keys),
    )


def _reader(node: Node, anchors: AnchorKeeper, clock: Clock) -> Reader:
    """Return what asks other nodes; each request is on the private chain before it leaves."""
    consortium = node.consortium

    def note(call: Operation) -> None:
        anchors.require_open()
        node.client(node.private_ledger()).call([call], [node.signer(SERVICE)])

    return Reader(
        Custody(consortium.rules.chain, node.member, node.settings.node),
        consortium.rules.suite,
        consortium.value,
        lambda: consortium.tip.time,
        note,
        clock,
        random_bytes,
    )


def _head_of(consortium: Ledger) -> ConsortiumHead:
    return ConsortiumHead(consortium.tip.height, consortium.tip.time)


def _foreign_grants(node: Node, protection: Protection, links: IndexLinks) -> ForeignGrants:
    suite, facts = node.consortium.rules.suite, LedgerFacts(node.consortium)
    return ForeignGrants(suite, node.settings.node, facts, protection.break_glass, links.person)


def strangers_of(archive: Archive) -> Strangers:
    """Return the counts of those who could not show who they are; sources are told apart by a key of this home."""
    node = archive.node
    salt = archive.vault.keyring.keys.derive("strangers")
    return Strangers(node.client(node.private_ledger()), node.signer(SERVICE), salt)


@contextmanager
def anchored(node: Node, strangers: Strangers) -> Iterator[AnchorKeeper]:
    """Keep a home's private chain anchored until the block ends; what is left is anchored then."""
    keeper = AnchorKeeper(
        lambda: Rounds(anchoring(node), strangers, SystemClock(), lambda: names_private_chain(node)),
        node.settings.anchoring.interval_seconds,
    )
    keeper.start()
    try:
        yield keeper
    finally:
        keeper.close()


def look_mark(keys: InstitutionKeys) -> Callable[[bytes, bytes], bytes]:
    """Return what marks an entry about a look at a person, 16 bytes of (person, request hash) by this node's keys."""
    return lambda person, request: keys.lookups([(b"look", person, request)])[0]


def described(index: PatientIndex, person: bytes) -> bytes:
    """Return what this node knows of a person, to be matched by another; the newest registration with most traits."""
    return pack(max(index.traits_of(person), key=lambda one: len(pack(one))))


def recent_requests(private: Ledger, now_ms: int) -> Iterator[bytes]:
    """Yield the hashes of requests whose entries are so recent that they could be answered again."""
    oldest = now_ms - MAX_REQUEST_MS - 2 * MAX_AHEAD_MS
    for index in reversed(range(private.tip.log_size)):
        try:
            entry = private.entry(index)
        except LogEntryNotFound:
            return
        if entry.leaf.time < oldest:
            return
        for one in entry.transaction.operations:
            if (one.head.contract, one.head.method) == ("access", "log") and entry.receipt.number == 0:
                yield from (decode(AccessEntry, item).request for item in one.items)

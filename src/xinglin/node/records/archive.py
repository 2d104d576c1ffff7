"""A hospital's records: vault, keyring, outbox and quarantine of a home, joined with its chains (H3, S6.2d).

``Archive`` takes bundles in and gives records back. What it reads is checked against the commitment on the way;
whether somebody may read is decided elsewhere.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from xinglin.carrier.access.registry.model import KeyState
from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.errors import LogEntryNotFound
from xinglin.carrier.ledger.model import Transaction
from xinglin.kernel.encoding import decode, pack, state_key
from xinglin.kernel.errors import Integrity, Invalid, NotFound, PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import INSTITUTION, SERVICE
from xinglin.node.home import Home
from xinglin.node.node import Node
from xinglin.node.opening import transmission_key
from xinglin.node.private import PrivateCalls
from xinglin.node.records.elsewhere import HomeElsewhere
from xinglin.node.records.replaying import replay_orders
from xinglin.service.basic.coordination.ledger_client import LedgerClient
from xinglin.service.basic.coordination.locators import open_locator
from xinglin.service.basic.coordination.model import NoteIntake, RecordItem, RegisterBatch
from xinglin.service.basic.coordination.outbox.delivery import Outbox, outbox_findings
from xinglin.service.basic.coordination.outbox.errors import BatchMissing
from xinglin.service.basic.coordination.outbox.store import Delivery, OutboxStore
from xinglin.service.basic.intake.model import Incoming, IntakeLimits, IntakeReport, Registrar
from xinglin.service.basic.intake.persons import PersonsOfSource
from xinglin.service.basic.intake.preparation import Preparation, commitment_rule
from xinglin.service.basic.intake.processing import ProcessingOrders
from xinglin.service.basic.intake.service import Intake
from xinglin.service.basic.patient_index.service import PatientIndex
from xinglin.service.lifecycle.collection.quarantine import Quarantine
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys
from xinglin.service.lifecycle.storage.keyring import Keyring
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import Vault


class NotRegistered(Integrity):
    """A record or batch of the vault is not in the log entry that its row names."""

    code, number, clause = "record.not_registered", 6050, "S6.2d"
    en = "Record or batch {record} is not in log entry {entry}, which should register it."
    zh = "记录或批次 {record} 不在应登记它的日志条目 {entry} 中。"
    hint_en = "The index was altered; restore the vault from a backup."
    hint_zh = "索引被改动；请从备份恢复数据仓。"


_NOTED_AT_ONCE = 1_000
"""Batches in one note on the private chain, which has to fit into a transaction."""


@dataclass(slots=True)
class Archive:
    """The records of one open home."""

    node: Node
    vault: Vault
    quarantine: Quarantine
    writing: bool = True
    _persons: PatientIndex | None = None

    @property
    def persons(self) -> PatientIndex:
        """The patient index, read into memory when it is first asked for."""
        if self._persons is None:
            self._persons = patient_index(self.node.home, self.vault.keyring.keys)
            self._persons.open()
            if self.writing and self.node.private is not None:
                self._persons.keep_record(PrivateCalls(self.node), self.service_account())
        return self._persons

    def service_account(self) -> str:
        """Return the id of the node's service account."""
        stored = self.node.consortium.value(state_key("registry", "key", self.node.keys.public(SERVICE)))
        return decode(KeyState, stored or b"").account

    def close(self) -> None:
        """Close what was opened on demand."""
        if self._persons is not None:
            self._persons.close()

    def elsewhere(self) -> HomeElsewhere:
        """Return what the home keeps of records outside vault and keyring, for their destruction."""
        return HomeElsewhere(self.vault, self.quarantine, lambda: self.persons)

    def outbox(self) -> Outbox:
        """Return what brings batches onto the consortium chain, whose engine runs."""
        ledger = self.node.consortium
        client = LedgerClient(ledger, self.node.client().engine, self.node.member)
        return Outbox(self.vault, client, ledger.rules.suite, self.node.signer(SERVICE), random_bytes, SystemClock())

    def take_in(
        self, source: str, incoming: Iterable[Incoming], progress: Callable[[IntakeReport], None] = lambda _: None
    ) -> IntakeReport:
        """Take in bundles; what is registered already is not taken again, so a run may be repeated.

        Args:
            source: name of the source system.
            incoming: read and validated bundles.
            progress: told after each chunk.

        Raises:
            BatchMissing: vault and keyring are older than the chain; taking in would register records twice.
            PlatformError: the chain or the disk takes no more now; what was stored is registered by the next run.
        """
        for missing in missing_batches(self):
            raise missing
        outbox = self.outbox()
        limits = IntakeLimits(batch_records=self.node.settings.intake.batch_items)
        intake = Intake(
            self.vault,
            outbox,
            self.quarantine,
            self.preparation(source),
            PersonsOfSource(self.persons, source),
            SystemClock(),
            limits,
        )
        report = intake.run(incoming, progress)
        self.note(outbox, report.quarantined)
        return report

    def orders(self, source: str) -> ProcessingOrders:
        """Return what whoever reads the bundles of a source system needs to label and copy them for this home."""
        keys = self.vault.keyring.keys
        today = datetime.datetime.fromtimestamp(SystemClock().now_ms() / 1000, datetime.UTC).date()
        return ProcessingOrders(self.node.home.path, keys.suite.name, source, today, keys.derive("deidentification"))

    def preparation(self, source: str) -> Preparation:
        """Return what makes records of a source system's resources."""
        suite, batch_records = self.node.consortium.rules.suite, self.node.settings.intake.batch_items
        return Preparation(suite, self._registrar(source), random_bytes, batch_records)

    def _registrar(self, source: str) -> Registrar:
        node = self.node
        key = transmission_key(node, node.settings.intake.audience)
        return Registrar(
            source=source,
            institution=node.member,
            recorder=self.service_account(),
            node=node.settings.node,
            audience=key.audience,
            epoch=key.number,
            epoch_key=key.key,
        )

    def note(self, outbox: Outbox, quarantined: int = 0) -> None:
        """Log on the private chain every batch that is registered and not noted yet, an earlier run's too.

        Args:
            outbox: of this archive.
            quarantined: how many resources this run refused.
        """
        private, refused = self.node.private_ledger(), quarantined
        rows = outbox.unnoted()
        for start in range(0, max(len(rows), 1), _NOTED_AT_ONCE):
            part = rows[start : start + _NOTED_AT_ONCE]
            # Noted and not marked: a crash came between.
            left = [row for row in part if private.value(state_key("journal", "batch", row.batch)) is None]
            if left or refused:
                batches = tuple(row.batch for row in left)
                call = NoteIntake(identifier(random_bytes(16)), sum(row.count for row in left), refused, batches)
                named = operation(private.rules.suite, "journal", "intake", call)
                self.node.client(private).call([named], [self.node.signer(SERVICE)])
                refused = 0
            outbox.mark_noted(part)


@contextmanager
def open_archive(node: Node, *, writing: bool = True) -> Iterator[Archive]:
    """Open a home's vault and keyring; for writing, what the chains say is destroyed is destroyed first.

    Args:
        node: the open home, a medical institution's.
        writing: False takes no lock and changes nothing.

    Raises:
        StorageMissing: this home keeps no records.
    """
    suite = node.consortium.rules.suite
    keyring = Keyring.open(
        node.home.keyring, suite, lambda wrapped: node.keys.decrypt(INSTITUTION, wrapped), random_bytes
    )
    vault = Vault(node.home.vault, keyring, commitment_rule(suite))
    try:
        vault.open() if writing else vault.open_for_reading()
        try:
            archive = Archive(node, vault, _quarantine(node, keyring), writing)
            try:
                if writing:
                    replay_orders(node, vault, archive.elsewhere())
                yield archive
            finally:
                archive.close()
        finally:
            vault.close()
    finally:
        keyring.close()


def patient_index(home: Home, keys: InstitutionKeys) -> PatientIndex:
    """Return a home's patient index, not opened."""
    return PatientIndex(home.patient_index, keys, random_bytes, SystemClock())


def identity_findings(archive: Archive) -> Iterator[PlatformError]:
    """Yield what is wrong with the patient index, and the decisions in it that the private chain contradicts."""
    index = patient_index(archive.node.home, archive.vault.keyring.keys)
    damaged = list(index.damage())
    yield from damaged or index.differences(PrivateCalls(archive.node))


def _quarantine(node: Node, keyring: Keyring) -> Quarantine:
    def fingerprint(data: bytes) -> bytes:
        return keyring.keys.lookups([(b"quarantine", data)])[0]

    return Quarantine(node.home.quarantine, keyring.keys.sealer("quarantine"), fingerprint)


def registration_findings(archive: Archive) -> Iterator[PlatformError]:
    """Yield what of the outbox and the index contradicts the consortium chain: batches and the items in them."""
    ledger, vault = archive.node.consortium, archive.vault
    yield from outbox_findings(vault, ledger.rules.suite, vault.index.last_number())
    yield from missing_batches(archive)
    rows = OutboxStore(vault.database, vault.keyring.keys).rows()
    for row in rows:
        if isinstance(row, PlatformError) or row.state is Delivery.STORED:
            continue
        try:
            operation_ = ledger.entry(row.index).transaction.operations[0]
            commitments = [decode(RecordItem, item).commitment for item in operation_.items]
            for stored in vault.index.slices(row.first, row.first + row.count - 1):
                yield from (
                    NotRegistered(record=identifier(one.record), entry=row.index)
                    for one in stored
                    if isinstance(one, StoredRecord) and commitments[one.details.item] != one.details.commitment
                )
        except (PlatformError, IndexError) as fault:
            yield fault if isinstance(fault, PlatformError) else NotRegistered(record=row.batch, entry=row.index)


def missing_batches(archive: Archive) -> Iterator[BatchMissing]:
    """Yield the batches that the chain has from this node and the home has no row of.

    Vault, keyring and the vault's own head lie in one home and can be set back together; the chain can't.
    """
    node = archive.node
    known = OutboxStore(archive.vault.database, archive.vault.keyring.keys).batches()
    prefix = b"\x94" + b"".join(map(pack, ("records", "batch", node.member)))
    with node.consortium.state() as state:
        logged = [decode(tuple[str, str, str, str], key)[3] for key, _ in state.scan(prefix)]
    strangers = set(logged) - known
    if strangers:
        yield from (BatchMissing(batch=batch) for batch in sorted(_of_node(node, strangers)))


def _of_node(node: Node, batches: set[str]) -> set[str]:
    """Return those of the member's batches whose locators name this node: the member may have others. One look."""
    ledger, found, left = node.consortium, set[str](), set(batches)
    keys: dict[tuple[str, int], bytes] = {}
    for index in range(ledger.tip.log_size):
        if not left:
            break
        with suppress(LogEntryNotFound):  # what came before the snapshot that this home began from
            entry = ledger.entry(index)
            stored = ledger.value(state_key("registry", "key", entry.transaction.header.signers[0]))
            own = stored is not None and decode(KeyState, stored).member == node.member
            if entry.receipt.number == 0 and own:
                for call, items in _registered(entry.transaction):
                    if call.batch in left:
                        left.discard(call.batch)
                        found |= {call.batch} if _names(node, call, items, keys) else set()
    return found


def _registered(transaction: Transaction) -> Iterator[tuple[RegisterBatch, Sequence[bytes]]]:
    for one in transaction.operations:
        if (one.head.contract, one.head.method) == ("records", "register"):
            yield decode(RegisterBatch, one.head.arguments), one.items


def _names(node: Node, call: RegisterBatch, items: Sequence[bytes], keys: dict[tuple[str, int], bytes]) -> bool:
    """Tell whether the first locator of a batch that opens (dummies don't) names this node."""
    suite, epoch = node.consortium.rules.suite, (call.audience, call.audience_epoch)
    try:
        key = keys.get(epoch) or keys.setdefault(epoch, transmission_key(node, *epoch).key)
    except (Integrity, NotFound):
        return False
    for place, item in enumerate(items):
        with suppress(Invalid, Integrity):
            return open_locator(suite, key, call, place, decode(RecordItem, item)).node == node.settings.node
    return False

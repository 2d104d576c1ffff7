"""Destroys records: order and confirm by two accounts, shred, certify (S7.1f; docs/spec/destruction.md DE8 to DE15).

The consortium chain has one order and one certificate for each record, released in shuffled order (design D5.10). All
may be repeated after a crash: what the chain has is not asked again, what the home began it carries to its end.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from xinglin.carrier.ledger.build import Signer, operation
from xinglin.carrier.ledger.model import Operation
from xinglin.kernel.clock import Clock
from xinglin.kernel.encoding import ChainObject, decode, encode
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.hashing import Tag, tagged
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.model import (
    CertifyDestruction,
    ConfirmDestruction,
    OrderDestruction,
    OrderState,
    RecordItem,
    RecordReference,
)
from xinglin.service.basic.coordination.outbox.store import Delivery, OutboxStore
from xinglin.service.basic.destruction.checks import Checks
from xinglin.service.basic.destruction.contract import NAMESPACE
from xinglin.service.basic.destruction.errors import (
    EncounterNeeded,
    HoldForbids,
    HoldOpeningMissing,
    NotRegisteredYet,
    PartlyDone,
    PatientNeeded,
    PatientUnknown,
    RecordHeld,
    RecordSealed,
    RetentionRuns,
)
from xinglin.service.basic.destruction.execution import Execution
from xinglin.service.basic.destruction.facts import ENCOUNTER, PATIENT
from xinglin.service.basic.destruction.holds import Holds
from xinglin.service.basic.destruction.model import (
    METHODS,
    BeginShredding,
    Certificate,
    LiftRestriction,
    Order,
    RestrictRecord,
    ShredPlan,
    Term,
)
from xinglin.service.basic.destruction.orders import certified, find_orders, orders_of
from xinglin.service.basic.destruction.ports import Actor, Chain, Patients, Recipients, Sealed, Versions
from xinglin.service.basic.destruction.rules import first_free_ms
from xinglin.service.basic.episodes.errors import EpisodeDiffers
from xinglin.service.basic.patient_index.identity.errors import IdentityBehind, IdentityDiffers
from xinglin.service.lifecycle.storage.hierarchy import Randomness
from xinglin.service.lifecycle.storage.model import StoredRecord

STOPS = (
    RecordHeld,
    RecordSealed,
    HoldForbids,
    HoldOpeningMissing,
    EncounterNeeded,
    PatientNeeded,
    PatientUnknown,
    EpisodeDiffers,
    IdentityBehind,
    IdentityDiffers,
)
"""What keeps a confirmed order waiting: it is carried out once that is over."""
_LAST = {ENCOUNTER: 1, PATIENT: 2}
T = TypeVar("T")
_DAY_MS = 86_400_000
_AT_ONCE = 64
"""Operations in one transaction of the private chain."""


@dataclass(frozen=True, slots=True)
class Institution:
    """Who destroys: the member, the node whose home it is, and what signs for the node itself."""

    member: str
    node: str
    service: Signer


@dataclass(frozen=True, slots=True)
class Waiting:
    """A confirmed order that can't be carried out now, and why."""

    record: str
    reason: PlatformError


@dataclass(frozen=True, slots=True)
class Done:
    """What carrying out orders came to: certificates of records destroyed now, and what waits."""

    certificates: list[Certificate]
    waiting: list[Waiting]


class Destruction:
    """Destroys records of one home; both chains' engines run. One thread at a time.

    Args:
        institution: whose records.
        execution: of orders in the home, whose vault is open for writing.
        consortium: the chain of orders and certificates.
        private: the chain of holds and restrictions.
        patients: whose records are.
        table: how long records are kept.
        clock: the present time.
        randomness: shuffles.
        recipients: who was given a record.
        sealed: which sealed episodes keep a record.
        versions: of a record.
        backup_days: for how many days a backup is kept.
    """

    def __init__(
        self,
        institution: Institution,
        execution: Execution,
        consortium: Chain,
        private: Chain,
        patients: Patients,
        table: Sequence[Term],
        clock: Clock,
        randomness: Randomness,
        recipients: Recipients,
        backup_days: int,
        sealed: Sealed,
        versions: Versions,
    ) -> None:
        self._institution = institution
        self._execution = execution
        self._consortium = consortium
        self._private = private
        self._patients = patients
        self._table = table
        self._clock = clock
        self._randomness = randomness
        self._recipients = recipients
        self._backup_days = backup_days
        self.holds = Holds(private.ledger, execution.store, patients, sealed, versions)
        self._vault = execution.vault
        self._suite = consortium.ledger.rules.suite

    def checks(self) -> Checks:
        """Return the checks of a record, as of now."""
        return Checks(self._vault, self.holds, self._patients, self._table)

    def order(self, records: Sequence[str], ground: str, by: Actor) -> list[str]:
        """Order the destruction of records; from each receipt on the record is not read any more.

        If one of them is refused by what the node looks at first, none is ordered. Then each is ordered by itself.

        Args:
            records: their ids; those that are ordered already are left out.
            ground: a code, as ``retention_ended``.
            by: the first of two accounts.

        Returns: the ids of the records ordered now.

        Raises:
            RecordHeld: a hold keeps one of them.
            RetentionRuns: one must be kept longer; all those are restricted from now on.
            RetentionUnknown, EncounterNeeded, NotRegisteredYet: see where they are defined.
            PartlyDone: the chain refused one when others were ordered, which stand; to order all again goes on.
        """
        known = orders_of(self._consortium.ledger, self._institution.member)
        stored = [one for one in map(self._vault.find, dict.fromkeys(records)) if one.details.commitment not in known]
        self._check(stored, set(known), by)
        named = [(one, OrderDestruction(self._reference(one), ground)) for one in stored]
        return self._each("order", named, by)

    def confirm(self, records: Sequence[str], by: Actor) -> list[str]:
        """Confirm orders, by another account than ordered; holds and retention are looked at again.

        Returns: the ids of the records whose orders are confirmed now; those confirmed before are left out.

        Raises:
            RecordHeld, RetentionRuns, RetentionUnknown: as ``order``; nothing is confirmed then.
            OrderUnknown, SameAccount: the contract's refusals.
            PartlyDone: as ``order``.
        """
        known = self._execution.confirmed()
        stored = [one for one in map(self._vault.find, dict.fromkeys(records)) if one.details.commitment not in known]
        checks, now = self.checks(), self._clock.now_ms()
        for one in stored:
            checks.held(one)
            checks.ended(one, now)
        return self._each("confirm", [(one, ConfirmDestruction(one.details.commitment)) for one in stored], by)

    def _each(self, method: str, named: Sequence[tuple[StoredRecord, ChainObject]], by: Actor) -> list[str]:
        """Order or confirm records by a transaction each, for one of all would tell that they belong together."""
        done: list[str] = []
        for one, call in self._shuffled(named):
            try:
                if method == "order":
                    self._execution.remember(one)
                self._call(method, call, by.signer)
            except PlatformError as refusal:
                if not done:
                    raise
                raise PartlyDone(count=len(named), done=", ".join(done), refused=refusal.code) from refusal
            done.append(identifier(one.record))
        return [identifier(one.record) for one, _ in named]

    def lift(self, record: str, by: Actor) -> None:
        """End the restriction of a record, by another account than asked for it; raises the contract's refusals."""
        call = LiftRestriction(self._vault.find(record).details.commitment)
        self._private.call([self._on_private("lift", call)], [by.signer])

    def carry_out(self, *, begun: bool = False) -> Done:
        """Shred the records of all confirmed orders that nothing stops, and certify what is destroyed.

        Args:
            begun: only of those whose shredding has begun.

        Raises:
            StorageUnwritable: the disk refuses; run again.
            PlatformError: a chain takes nothing now; what is shredded is certified by the next run.
        """
        open_orders = {
            one: order for one, order in self._open_orders().items() if not begun or self._execution.begun(one)
        }
        located = self._execution.locate(open_orders)
        # Encounters late: the retention of a patient's other records is counted from them. Whose they are goes last.
        rows = sorted(self._shuffled(list(located.values())), key=lambda one: _LAST.get(one.details.type, 0))
        ready, waiting = self._ready(rows)
        together = {one.details.commitment for one in ready}
        shredded = []
        for one in ready:
            try:
                self._begin(one, together)
            except STOPS as reason:
                waiting.append(Waiting(identifier(one.record), reason))
                together.discard(one.details.commitment)
                continue
            shredded.append(one)
        if shredded:
            self._execution.shred(shredded)
        return Done(self._certify(shredded, open_orders), waiting)

    def _check(self, stored: Sequence[StoredRecord], ordered: set[bytes], by: Actor) -> None:
        checks, now = self.checks(), self._clock.now_ms()
        # A hold first: who wants to get rid of what is in dispute may not even have its use restricted.
        for one in stored:
            checks.held(one)
        running = []
        for one in stored:
            try:
                checks.ended(one, now)
            except RetentionRuns as refusal:
                running.append((one, refusal))
        if running:
            self._restrict([one for one, _ in running], checks, by)
            raise running[0][1]
        besides = ordered | {one.details.commitment for one in stored}
        for one in stored:
            checks.counted_from(one, besides)

    def _restrict(self, stored: Sequence[StoredRecord], checks: Checks, by: Actor) -> None:
        calls = [RestrictRecord(one.details.commitment, first_free_ms(checks.until(one))) for one in stored]
        named = [self._on_private("restrict", call) for call in calls]
        for start in range(0, len(named), _AT_ONCE):
            self._private.call(named[start : start + _AT_ONCE], [by.signer])

    def _ready(self, rows: Sequence[StoredRecord]) -> tuple[list[StoredRecord], list[Waiting]]:
        """Return what nothing stops, in order, and what waits: a record may wait for another that does."""
        checks, ready = self.checks(), list(rows)
        waiting: list[Waiting] = []
        while True:
            together, stopped = {one.details.commitment for one in ready}, set[int]()
            for one in ready:
                try:
                    if not self._execution.begun(one.details.commitment):
                        checks.held(one)
                        checks.counted_from(one, together)
                except STOPS as reason:
                    waiting.append(Waiting(identifier(one.record), reason))
                    stopped.add(one.number)
            if not stopped:
                return ready, waiting
            ready = [one for one in ready if one.number not in stopped]

    def _begin(self, stored: StoredRecord, together: Collection[bytes]) -> None:
        """Note that a record is being shredded, unless that is noted; from then on nothing stops it."""
        commitment = stored.details.commitment
        if not self._execution.begun(commitment):
            checks = self.checks()
            checks.held(stored)
            checks.counted_from(stored, together)
            named = self._on_private("begin", BeginShredding(commitment))
            self._private.call([named], [self._institution.service])
        self._execution.plan(stored)

    def _certify(self, shredded: Sequence[StoredRecord], orders: dict[bytes, OrderState]) -> list[Certificate]:
        wanted = {one.details.commitment: orders[one.details.commitment] for one in shredded}
        found = find_orders(self._consortium.ledger, self._institution.member, wanted) if wanted else {}
        made = []
        for one in shredded:
            row = self._execution.plan(one)
            plan = row.planned()
            if plan is not None and not row.certificate:
                certificate = self._certificate(one, plan, found[one.details.commitment])
                row = replace(row, certificate=encode(certificate))
                self._execution.store.put(row)
            made.append(row)
        for row in self._shuffled(made):
            digest = tagged(self._suite.hash, Tag.CERTIFICATE, row.certificate)
            self._call("certify", CertifyDestruction(row.commitment, digest), self._institution.service)
        return [decode(Certificate, row.certificate) for row in made]

    def _certificate(self, stored: StoredRecord, plan: ShredPlan, order: Order) -> Certificate:
        now, member = self._clock.now_ms(), self._institution.member
        given = {one for one in self._recipients(stored.details.commitment) if one != member}
        return Certificate(
            chain=self._consortium.ledger.rules.chain,
            member=member,
            node=self._institution.node,
            commitment=stored.details.commitment,
            record=identifier(stored.record),
            ground=order.ground,
            ordered_by=order.ordered_by,
            ordered=order.ordered,
            confirmed_by=order.confirmed_by,
            confirmed=order.confirmed,
            destroyed=now,
            methods=METHODS,
            before=plan.before,
            after=self._execution.shredder.measure(stored),
            recipients=tuple(sorted(given)),
            backup_days=self._backup_days,
            backups_until=now + self._backup_days * _DAY_MS,
        )

    def _open_orders(self) -> dict[bytes, OrderState]:
        orders = self._execution.confirmed()
        done = certified(self._consortium.ledger, self._institution.member, orders)
        return {one: order for one, order in orders.items() if one not in done}

    def _reference(self, stored: StoredRecord) -> RecordReference:
        details = stored.details
        row = OutboxStore(self._vault.database, self._vault.keyring.keys).by_batch(details.batch)
        if row is None or row.state is Delivery.STORED:
            raise NotRegisteredYet(record=identifier(stored.record))
        items = self._consortium.ledger.entry(row.index).transaction.operations[0].items
        return RecordReference(
            batch=details.batch,
            index=details.item,
            commitment=details.commitment,
            locator=decode(RecordItem, items[details.item]).locator,
            path=tuple(self._suite.merkle_path(self._suite.leaf_hashes(items), details.item)),
        )

    def _call(self, method: str, arguments: ChainObject, signer: Signer) -> None:
        self._consortium.call([operation(self._suite, "records", method, arguments)], [signer])

    def _on_private(self, method: str, arguments: ChainObject) -> Operation:
        return operation(self._private.ledger.rules.suite, NAMESPACE, method, arguments)

    def _shuffled(self, values: Sequence[T]) -> list[T]:
        """Return values in an order that tells nothing."""
        return [
            value for _, value in sorted(((self._randomness(16), value) for value in values), key=lambda one: one[0])
        ]

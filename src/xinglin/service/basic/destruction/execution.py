"""Carries confirmed orders out in a home, and again after a restore (S7.1f; docs/spec/destruction.md DE9 to DE15).

Which record an order names is kept in the home and, where that is lost, told from the log. Once an order's shredding
has begun, by plan, private chain or certificate, it is carried to its end whenever the vault is opened for writing:
before anything is served. Signs and submits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from xinglin.carrier.ledger.reading import LedgerReading
from xinglin.kernel.encoding import encode, state_key
from xinglin.kernel.errors import Integrity, PlatformError
from xinglin.kernel.hashing import Tag, tagged
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.model import OrderState
from xinglin.service.basic.coordination.outbox.store import OutboxStore
from xinglin.service.basic.destruction.contract import NAMESPACE
from xinglin.service.basic.destruction.errors import CertificateWrong, DestructionRowDamaged, HoldOpeningMissing
from xinglin.service.basic.destruction.holds import all_holds, person_held
from xinglin.service.basic.destruction.model import ShredPlan
from xinglin.service.basic.destruction.orders import certified, find_orders, orders_of
from xinglin.service.basic.destruction.ports import Elsewhere
from xinglin.service.basic.destruction.store import DestructionStore, OrderRow
from xinglin.service.lifecycle.erasure.shredding import Shredder
from xinglin.service.lifecycle.erasure.verification import OrderedDestruction
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import Vault


class Execution:
    """The orders of one member, as its home carries them out.

    Args:
        vault: the home's, open.
        store: the home's destruction database.
        consortium: the chain of orders and certificates.
        private: the chain of holds.
        member: whose home it is.
        elsewhere: what the home keeps of records outside its vault.
    """

    def __init__(
        self,
        vault: Vault,
        store: DestructionStore,
        consortium: LedgerReading,
        private: LedgerReading,
        member: str,
        elsewhere: Elsewhere,
    ) -> None:
        self.vault = vault
        self.store = store
        self.shredder = Shredder(vault)
        self._consortium = consortium
        self._private = private
        self._member = member
        self._elsewhere = elsewhere

    def confirmed(self) -> dict[bytes, OrderState]:
        """Return the confirmed orders by record commitment, certified ones among them."""
        orders = orders_of(self._consortium, self._member)
        return {one: order for one, order in orders.items() if order.confirmed_by}

    def locate(self, orders: Mapping[bytes, OrderState]) -> dict[bytes, StoredRecord]:
        """Return the vault's rows of the records that orders name; those of other nodes are left out."""
        known = {one: stored for one in orders if (stored := self._known(one)) is not None}
        lost = {one: order for one, order in orders.items() if one not in known}
        outbox = OutboxStore(self.vault.database, self.vault.keyring.keys)
        for one, order in find_orders(self._consortium, self._member, lost).items() if lost else ():
            row = outbox.by_batch(order.batch)
            if row is None:
                continue
            for part in self.vault.index.slices(row.first, row.first + row.count - 1):
                for found in part:
                    if isinstance(found, StoredRecord) and found.details.commitment == one:
                        known[one] = found
        return known

    def remember(self, stored: StoredRecord) -> OrderRow:
        """Keep which record a commitment is of, and return the row."""
        row = self._row(stored.details.commitment)
        if row is None or row.record != stored.record:
            row = OrderRow(stored.details.commitment, stored.record)
            self.store.put(row)
        return row

    def begun(self, commitment: bytes) -> bool:
        """Tell whether a record's shredding has begun, so that nothing stops it any more."""
        row = self._row(commitment)
        if row is not None and row.plan:
            return True
        return self._private.value(state_key(NAMESPACE, "begun", commitment)) is not None

    def plan(self, stored: StoredRecord) -> OrderRow:
        """Keep the plan of a record's shredding, unless there is one, and return the row."""
        row = self.remember(stored)
        if not row.plan:
            made = ShredPlan(record=identifier(stored.record), before=self.shredder.measure(stored))
            row = replace(row, plan=encode(made))
            self.store.put(row)
        return row

    def shred(self, records: Sequence[StoredRecord]) -> None:
        """Destroy records whose plans are kept, everywhere in the home; may be repeated.

        Raises:
            PlatformError: something can't be removed now; call again with the same records.
        """
        # First what is found by what the records say: afterwards nothing says it any more.
        self._elsewhere.forget(records)
        self.shredder.shred(records)
        self.shredder.scrub()

    def replay(self) -> list[str]:
        """Shred again what the chains say is destroyed or begun and of which something is here; return record ids.

        Raises:
            StorageUnwritable: the disk refuses; nothing may be served then.
        """
        orders = self.confirmed()
        done = certified(self._consortium, self._member, orders)
        due = {one: order for one, order in orders.items() if one in done or self.begun(one)}
        rows = list(self.locate(due).values())
        for row in rows:
            self.remember(row)
        again = [row for row, left in zip(rows, self.shredder.left(rows), strict=True) if left]
        if again:
            for row in again:
                self.plan(row)
            self.shred(again)
        return [identifier(row.record) for row in again]

    def judged(self) -> OrderedDestruction:
        """Return what judges the vault's destroyed records by the chain, for verifying it."""
        orders = self.confirmed()
        return OrderedDestruction(self.vault, set(orders), set(certified(self._consortium, self._member, orders)))

    def findings(self) -> Iterator[PlatformError]:
        """Yield altered rows, certificates that are not the chain's, holds of which nobody can tell whose they are."""
        rows: dict[bytes, OrderRow] = {}
        for row in self.store.rows():
            if isinstance(row, OrderRow):
                rows[row.commitment] = row
            else:
                yield row
        hash_ = self._consortium.rules.suite.hash
        orders = self.confirmed()
        done = certified(self._consortium, self._member, orders)
        here = self.locate({one: orders[one] for one in done})
        for commitment in here:
            kept = rows.get(commitment)
            if kept is None or tagged(hash_, Tag.CERTIFICATE, kept.certificate) != done[commitment]:
                yield CertificateWrong(commitment=commitment)
        for hold, state in all_holds(self._private):
            if state.subject and not state.confirmed_by:
                try:
                    person_held(self._private, self.store, hold, state)
                except HoldOpeningMissing as fault:
                    yield fault

    def _known(self, commitment: bytes) -> StoredRecord | None:
        row = self._row(commitment)
        try:
            stored = self.vault.index.by_record(row.record) if row is not None else None
        except Integrity:
            return None  # what can't be read isn't served; verifying tells it
        return stored if stored is not None and stored.details.commitment == commitment else None

    def _row(self, commitment: bytes) -> OrderRow | None:
        """Return the home's row of an order; one that was altered is made again from the log."""
        try:
            return self.store.order(commitment)
        except DestructionRowDamaged:
            return None

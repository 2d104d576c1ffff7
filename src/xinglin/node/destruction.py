"""Destruction and holds of a home, for commands: who acts is named by a key, what comes back are plain values (S7.1f).

Both chains of the home run and its archive is open for writing. Nothing here decides; ``service/basic/destruction``
does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from msgspec.structs import asdict

from xinglin.kernel.clock import Clock
from xinglin.kernel.identifiers import identifier
from xinglin.node.accounts import enrol
from xinglin.node.archive import Archive
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import SERVICE
from xinglin.node.replaying import orders_in
from xinglin.service.basic.destruction.execution import Execution
from xinglin.service.basic.destruction.holds import HoldKeeping, Holds, all_holds
from xinglin.service.basic.destruction.model import Certificate, Stay, Term
from xinglin.service.basic.destruction.orders import certified, orders_of
from xinglin.service.basic.destruction.ports import Actor, Patients, Recipients
from xinglin.service.basic.destruction.rules import may_be_destroyed, table_with
from xinglin.service.basic.destruction.service import Destruction, Institution
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import Vault
from xinglin.settings import RetentionSettings

_OWN = "setting of the institution"


def retention_table(settings: RetentionSettings) -> tuple[Term, ...]:
    """Return the retention table with the terms of a home's settings.

    Raises:
        TermShorter: a term for a type is shorter than the law's.
    """
    own = [
        Term(Stay.INPATIENT, "", settings.inpatient_years, _OWN),
        Term(Stay.OUTPATIENT, "", settings.outpatient_years, _OWN),
    ]
    own += [Term(stay, type_, years, _OWN) for type_, years in settings.types.items() for stay in Stay]
    return table_with(own)


@dataclass(frozen=True, slots=True)
class VaultPatients:
    """Whose records are, by (source system, logical id) alone: for a home whose patients no index joins."""

    vault: Vault

    def person_of(self, stored: StoredRecord) -> bytes:
        """See ``Patients.person_of``."""
        patient = (b"person", stored.details.source, stored.details.subject)
        return self.vault.keyring.keys.lookups([patient])[0]

    def is_of(self, stored: StoredRecord, person: bytes) -> bool:
        """See ``Patients.is_of``."""
        return self.person_of(stored) == person

    def records_of(self, stored: StoredRecord) -> Sequence[StoredRecord]:
        """See ``Patients.records_of``."""
        return self.vault.records_of([(stored.details.source, stored.details.subject)])


def nobody(_: bytes) -> Sequence[str]:
    """Return no recipients: for a home that gives nothing to others."""
    return ()


@contextmanager
def records_office(
    archive: Archive,
    patients: Patients | None = None,
    recipients: Recipients = nobody,
    clock: Clock | None = None,
) -> Iterator[RecordsOffice]:
    """Give what a records office does in a home.

    Args:
        archive: open for writing; both chains of its node run.
        patients: whose records are; by default as ``VaultPatients``.
        recipients: who was given a record, from the audit's projection.
        clock: the present time; the system's by default.

    Raises:
        TermShorter: the settings shorten a retention term.
    """
    node, vault = archive.node, archive.vault
    whose = patients or VaultPatients(vault)
    consortium, private = node.client(), node.client(node.private_ledger())
    with orders_in(node, vault) as execution:
        destruction = Destruction(
            institution=Institution(node.member, node.settings.node, node.signer(SERVICE)),
            execution=execution,
            consortium=consortium,
            private=private,
            patients=whose,
            table=retention_table(node.settings.retention),
            clock=clock or SystemClock(),
            randomness=random_bytes,
            recipients=recipients,
            backup_days=node.settings.storage.backup_days,
        )
        holds = HoldKeeping(private, Holds(private.ledger, execution.store, whose), random_bytes)
        yield RecordsOffice(archive, execution, destruction, holds, clock or SystemClock())


@dataclass(frozen=True, slots=True)
class RecordsOffice:
    """What a records office does; ``key`` names the acting account's key in the home's key store.

    Refusals are those of ``Destruction`` and ``HoldKeeping``; MayNotAct where the account has ended.
    """

    archive: Archive
    execution: Execution
    destruction: Destruction
    holds: HoldKeeping
    clock: Clock

    def check(self, record: str) -> dict[str, Any]:
        """Return until when a record must be kept, whether that is over, and what holds it; changes nothing."""
        stored = self.archive.vault.find(record)
        until = self.destruction.checks().until(stored)
        over = may_be_destroyed(until, self.clock.now_ms())
        return {"record": record, "kept_until": until.isoformat(), "over": over, "holds": self.holds.holds.on(stored)}

    def order(self, records: Sequence[str], ground: str, key: str) -> list[str]:
        """Order the destruction of records; return the ids of those ordered now."""
        return self.destruction.order(records, ground, self._actor(key))

    def confirm(self, records: Sequence[str], key: str) -> list[str]:
        """Confirm orders by another account; return the ids of those confirmed now."""
        return self.destruction.confirm(records, self._actor(key))

    def carry_out(self) -> dict[str, Any]:
        """Shred and certify what is confirmed; return certificates, and what waits for which reason."""
        done = self.destruction.carry_out()
        return {
            "certificates": [certificate_values(one) for one in done.certificates],
            "waiting": [{"record": one.record, "code": one.reason.code} for one in done.waiting],
        }

    def lift(self, record: str, key: str) -> None:
        """End the restriction of a record by another account than asked for it."""
        self.destruction.lift(record, self._actor(key))

    def listed(self) -> list[dict[str, Any]]:
        """Return every order of the institution: record id (empty if it is not here), accounts, state, certificate."""
        node = self.archive.node
        orders = orders_of(node.consortium, node.member)
        done = certified(node.consortium, node.member, orders)
        here = self.execution.locate(orders)
        return [
            {
                "record": identifier(here[one].record) if one in here else "",
                "commitment": one.hex(),
                "ground": order.ground,
                "ordered_by": order.ordered_by,
                "confirmed_by": "".join(order.confirmed_by),
                "state": "destroyed" if one in done else "confirmed" if order.confirmed_by else "ordered",
                "certificate": done[one].hex() if one in done else "",
            }
            for one, order in orders.items()
        ]

    def certificate(self, record: str) -> dict[str, Any] | None:
        """Return the certificate of a destroyed record, None while there is none."""
        stored = self.archive.vault.find(record)
        row = self.execution.store.order(stored.details.commitment)
        made = row.certified() if row is not None else None
        return certificate_values(made) if made is not None else None

    def hold_records(self, records: Sequence[str], ground: str, document: bytes, key: str) -> list[str]:
        """Hold records; return the ids of the holds."""
        commitments = [self.archive.vault.find(one).details.commitment for one in records]
        return self.holds.place_on_records(commitments, ground, document, self._actor(key))

    def hold_patient(self, record: str, ground: str, document: bytes, key: str) -> str:
        """Hold all records of a record's patient, later ones too; return the hold's id."""
        return self.holds.place_on_patient(self.archive.vault.find(record), ground, document, self._actor(key))

    def release_hold(self, hold: str, document: bytes, key: str) -> None:
        """Begin to release a hold."""
        self.holds.release(hold, document, self._actor(key))

    def confirm_release(self, hold: str, key: str) -> None:
        """Confirm the release of a hold by another account."""
        self.holds.confirm_release(hold, self._actor(key))

    def held(self) -> list[dict[str, Any]]:
        """Return every hold of the institution, released ones too."""
        return [
            {
                "hold": hold,
                "ground": state.ground,
                "document": state.document.hex(),
                "scope": "patient" if state.subject else "records",
                "records": [one.hex() for one in state.records],
                "placed_by": state.placed_by,
                "placed": state.placed,
                "state": "released" if state.confirmed_by else "releasing" if state.released_by else "stands",
            }
            for hold, state in all_holds(self.holds.holds.ledger)
        ]

    def _actor(self, key: str) -> Actor:
        return Actor(enrol(self.archive.node, key), self.archive.node.signer(key))


def certificate_values(certificate: Certificate) -> dict[str, Any]:
    """Return a certificate as plain values, bytes in hexadecimal."""
    values = asdict(certificate)
    for name in ("before", "after"):
        measured = values[name]
        values[name] = {**asdict(measured.place), "digest": measured.digest.hex()}
    return {**values, "commitment": certificate.commitment.hex(), "methods": list(certificate.methods)}

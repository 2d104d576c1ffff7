"""Destruction and holds of a home, for commands: who acts is named by a key, what comes back are plain values (S7.1f).

Both chains of the home run and its archive is open for writing. Nothing here decides; ``service/basic/destruction``
does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from msgspec.structs import asdict

from xinglin.carrier.ledger.build import Signer
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Operation
from xinglin.kernel.clock import Clock
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import Conflict, Integrity, PlatformError
from xinglin.kernel.hashing import Tag, tagged
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import SERVICE
from xinglin.node.node import Node
from xinglin.node.office.accounts import account_key, enrol, require_two_persons
from xinglin.node.office.episodes import sealing_in
from xinglin.node.opening import anchoring
from xinglin.node.records.access import open_trace
from xinglin.node.records.archive import Archive
from xinglin.node.records.office_ports import IndexedPatients, given_by, versions_in
from xinglin.node.records.replaying import orders_in, standing_of
from xinglin.service.basic.coordination.anchoring import require_continuing
from xinglin.service.basic.destruction.contract import NAMESPACE
from xinglin.service.basic.destruction.errors import CertificateWrong, NoCertificate, RetentionRuns
from xinglin.service.basic.destruction.execution import Execution
from xinglin.service.basic.destruction.holds import HoldKeeping, all_holds
from xinglin.service.basic.destruction.model import Certificate, HoldState, Restriction, Standing, Stay, Term
from xinglin.service.basic.destruction.orders import certified, orders_of
from xinglin.service.basic.destruction.ports import Actor, Recipients, Versions
from xinglin.service.basic.destruction.rules import may_be_destroyed, table_with
from xinglin.service.basic.destruction.service import Destruction, Institution
from xinglin.service.lifecycle.storage.errors import RecordShredded
from xinglin.settings import RetentionSettings

T = TypeVar("T")
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
class _Chain:
    """A chain of a home; calling needs its engine, reading doesn't."""

    node: Node
    ledger: Ledger

    def call(self, operations: Sequence[Operation], signers: Sequence[Signer]) -> object:
        return self.node.client(self.ledger).call(operations, signers)


@contextmanager
def records_office(
    archive: Archive, recipients: Recipients | None = None, clock: Clock | None = None
) -> Iterator[RecordsOffice]:
    """Give what a records office does in a home, with all that the home keeps of patients, reads, episodes, versions.

    Args:
        archive: open for writing, and both chains of its node run, for whatever changes something; else nothing of it.
        recipients: which members were given a record; by default those of the home's access entries.
        clock: the present time; the system's by default.

    Raises:
        TermShorter: the settings shorten a retention term.
    """
    node, vault = archive.node, archive.vault
    consortium, private = _Chain(node, node.consortium), _Chain(node, node.private_ledger())
    versions = versions_in(archive)
    with orders_in(node, vault, archive.elsewhere()) as execution, open_trace(node) as trace:
        given = recipients or given_by(trace)
        destruction = Destruction(
            institution=Institution(node.member, node.settings.node, node.signer(SERVICE)),
            execution=execution,
            consortium=consortium,
            private=private,
            patients=IndexedPatients(archive),
            table=retention_table(node.settings.retention),
            clock=clock or SystemClock(),
            randomness=random_bytes,
            recipients=given,
            backup_days=node.settings.storage.backup_days,
            sealed=sealing_in(archive),
            versions=versions,
        )
        holds = HoldKeeping(private, destruction.holds, random_bytes)
        yield RecordsOffice(archive, execution, destruction, holds, given, versions, clock or SystemClock())


@dataclass(frozen=True, slots=True)
class RecordsOffice:
    """What a records office does; ``account`` is the id of who acts, whose key is in the home's key store.

    Refusals are those of ``Destruction`` and ``HoldKeeping``; AccountKeyMissing where the key is not here, MayNotAct
    where the account has ended, ChainBehindAnchor or ChainRewritten where the private chain is not what was anchored.
    """

    archive: Archive
    execution: Execution
    destruction: Destruction
    holds: HoldKeeping
    recipients: Recipients
    versions: Versions
    clock: Clock

    def check(self, record: str) -> dict[str, Any]:
        """Return what an order of a record would meet with; changes nothing.

        Returns: ``kept_until`` is the last day of retention, empty where it can't be told; ``refusals`` are those that
        an order would get, as errors; ``given_to`` are members who have copies, which are theirs.

        Raises:
            RecordNotFound: it is not here.
            RecordShredded: it is destroyed.
        """
        stored, checks = self.archive.vault.find(record), self.destruction.checks()
        standing = standing_of(self.archive.node, stored.details.commitment)
        if stored.details.destroyed or standing.standing is Standing.DESTROYED:
            raise RecordShredded(record=record)
        refusals: list[PlatformError] = []
        until, now = _caught(lambda: checks.until(stored), refusals), self.clock.now_ms()
        if until is not None:
            _caught(lambda: checks.ended(stored, now), refusals)
        _caught(lambda: checks.counted_from(stored, ()), refusals)
        _caught(lambda: checks.held(stored), refusals)
        return {
            "record": record,
            "state": standing.standing.name.lower(),
            "kept_until": until.isoformat() if until is not None else "",
            "over": until is not None and may_be_destroyed(until, now),
            "holds": _caught(lambda: self.holds.holds.on(stored), []) or [],
            "episodes": _caught(lambda: list(self.holds.holds.sealed(stored)), []) or [],
            "versions_left": self.versions_left(record),
            "given_to": self.given_to(record),
            "refusals": refusals,
        }

    def given_to(self, record: str) -> list[str]:
        """Return the other members that were given a record: their copies are theirs and not destroyed by this."""
        given = self.recipients(self.archive.vault.find(record).details.commitment)
        return sorted(set(given) - {self.archive.node.member})

    def versions_left(self, record: str) -> list[str]:
        """Return the other versions of a record that are here, the oldest first; each needs an order of its own."""
        vault, own = self.archive.vault, self.archive.vault.find(record)
        others = [vault.find_commitment(one) for one in self.versions(own.details.commitment)]
        return [
            identifier(one.record)
            for one in others
            if one is not None and one.record != own.record and not one.details.destroyed
        ]

    def order(self, records: Sequence[str], ground: str, account: str) -> list[str]:
        """Order the destruction of records; return the ids of those ordered now."""
        try:
            return self.destruction.order(records, ground, self._actor(account))
        except RetentionRuns:
            self._anchor()  # the records are restricted from now on
            raise

    def confirm(self, records: Sequence[str], account: str) -> list[str]:
        """Confirm orders by another account, of another person; return the ids of those confirmed now.

        Raises:
            SamePerson: the person behind the account ordered one of them.
        """
        orders = orders_of(self.archive.node.consortium, self.archive.node.member)
        for record in records:
            order = orders.get(self.archive.vault.find(record).details.commitment)
            if order is not None and not order.confirmed_by:
                require_two_persons(self.archive.node, order.ordered_by, account)
        return self.destruction.confirm(records, self._actor(account))

    def carry_out(self, *, begun: bool = False) -> dict[str, Any]:
        """Shred and certify what is confirmed; return certificates, other versions left, what waits for which reason.

        Args:
            begun: only what was begun before and stopped, by a crash or an outage.
        """
        self._require_continuing()
        done = self.destruction.carry_out(begun=begun)
        return {
            "certificates": [certificate_values(one) for one in done.certificates],
            "versions_left": {one.record: self.versions_left(one.record) for one in done.certificates},
            "waiting": [{"record": one.record, "code": one.reason.code, "reason": one.reason} for one in done.waiting],
        }

    def lift(self, record: str, account: str) -> None:
        """End the restriction of a record by another account than asked for it, of another person.

        Raises:
            SamePerson: the person behind the account asked for it.
        """
        stored = self.archive.vault.find(record)
        known = self.holds.holds.ledger.value(state_key(NAMESPACE, "restricted", stored.details.commitment))
        if known is not None:
            require_two_persons(self.archive.node, decode(Restriction, known).by, account)
        self.destruction.lift(record, self._actor(account))

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

    def certificate(self, record: str) -> Certificate:
        """Return the certificate of a destroyed record.

        Raises:
            NoCertificate: there is none.
            CertificateWrong: it is not the one whose hash is on the consortium chain.
        """
        commitment = self.archive.vault.find(record).details.commitment
        standing = standing_of(self.archive.node, commitment)
        if standing.standing is not Standing.DESTROYED:
            raise NoCertificate(record=record, state=standing.standing.name.lower())
        row, hash_ = self.execution.store.order(commitment), self.archive.node.consortium.rules.suite.hash
        made = row.certified() if row is not None else None
        if row is None or made is None or tagged(hash_, Tag.CERTIFICATE, row.certificate) != standing.certificate:
            raise CertificateWrong(commitment=commitment)
        return made

    def document_hash(self, data: bytes) -> bytes:
        """Return the hash by which the private chain knows a paper."""
        return self.archive.node.private_ledger().rules.suite.hash(data)

    def hold_records(self, records: Sequence[str], ground: str, document: bytes, account: str) -> list[str]:
        """Hold records; return the ids of the holds."""
        commitments = [self.archive.vault.find(one).details.commitment for one in records]
        held = self.holds.place_on_records(commitments, ground, document, self._actor(account))
        self._anchor()
        return held

    def hold_patient(self, record: str, ground: str, document: bytes, account: str) -> str:
        """Hold all records of a record's patient, later ones too; return the hold's id."""
        held = self.holds.place_on_patient(self.archive.vault.find(record), ground, document, self._actor(account))
        self._anchor()
        return held

    def release_hold(self, hold: str, document: bytes, account: str) -> None:
        """Begin to release a hold."""
        self.holds.release(hold, document, self._actor(account))

    def confirm_release(self, hold: str, account: str) -> None:
        """Confirm the release of a hold by another account, of another person.

        Raises:
            SamePerson: the person behind the account began it.
        """
        known = self.holds.holds.ledger.value(state_key(NAMESPACE, "hold", hold))
        if known is not None and (first := decode(HoldState, known).released_by):
            require_two_persons(self.archive.node, first[0], account)
        self.holds.confirm_release(hold, self._actor(account))

    def held(self) -> list[dict[str, Any]]:
        """Return every hold of the institution, released ones too."""
        return [
            {
                "hold": hold,
                "ground": state.ground,
                "document": state.document.hex(),
                "scope": "patient" if state.subject else "records",
                "records": [self._id(one) for one in state.records],
                "commitments": [one.hex() for one in state.records],
                "placed_by": state.placed_by,
                "placed": state.placed,
                "released_by": "".join(state.released_by),
                "confirmed_by": "".join(state.confirmed_by),
                "release_document": b"".join(state.release_document).hex(),
                "state": "released" if state.confirmed_by else "releasing" if state.released_by else "stands",
            }
            for hold, state in all_holds(self.holds.holds.ledger)
        ]

    def _id(self, commitment: bytes) -> str:
        stored = self.archive.vault.find_commitment(commitment)
        return identifier(stored.record) if stored is not None else ""

    def _require_continuing(self) -> None:
        """Refuse to go on with a private chain that was set back: a hold may be missing from it."""
        require_continuing(self.archive.node.private_ledger(), self.archive.node.consortium)

    def _anchor(self) -> None:
        """Anchor what was done on the private chain, so that it can't be set back behind it unseen."""
        # It stands on the private chain already: where it can't be anchored now, the node anchors it when it serves.
        with suppress(PlatformError):
            anchoring(self.archive.node).step()

    def _actor(self, account: str) -> Actor:
        self._require_continuing()
        key = account_key(self.archive.node, account)
        return Actor(enrol(self.archive.node, key), self.archive.node.signer(key))


def _caught(look: Callable[[], T], refusals: list[PlatformError]) -> T | None:
    try:
        return look()
    except (Conflict, Integrity) as refusal:
        refusals.append(refusal)
        return None


def certificate_values(certificate: Certificate) -> dict[str, Any]:
    """Return a certificate as plain values, bytes in hexadecimal."""
    values = asdict(certificate)
    for name in ("before", "after"):
        measured = values[name]
        values[name] = {**asdict(measured.place), "digest": measured.digest.hex()}
    return {**values, "commitment": certificate.commitment.hex(), "methods": list(certificate.methods)}

"""Correcting a record: a linked version by its producer, and everyone who has the wrong one told (H12, H10, S8.6b).

In this order, each step durable before the next: the new version is stored and a row says that it corrects; its batch
is registered on the consortium chain; the two commitments are linked on the private chain, from when on the old one is
not current; the patient index takes up what a corrected Patient says; everyone who was given an earlier version is sent
a notice. ``resume`` takes up what a crash left. Whether an account may correct is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xinglin.carrier.crypto.suite import Suite
from xinglin.kernel.clock import Clock
from xinglin.kernel.encoding import decode
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.model import Behaviour
from xinglin.service.basic.coordination.outbox.delivery import Outbox
from xinglin.service.basic.coordination.outbox.store import BatchRow
from xinglin.service.basic.coordination.ports import PrivateChain, Readers
from xinglin.service.basic.correction.errors import (
    CorrectionUnfit,
    NotCurrent,
    NothingCorrected,
    NotProducer,
    OtherResource,
    VersionsDiffer,
)
from xinglin.service.basic.correction.looking import Looking, Version, correction_notice_id
from xinglin.service.basic.correction.model import NAMESPACE, REASONS, VALUABLE, LinkCorrection, Reason
from xinglin.service.basic.correction.ports import Persons
from xinglin.service.basic.correction.rules import successor_of, versions_of
from xinglin.service.basic.correction.store import Correction, CorrectionStore, Step
from xinglin.service.basic.intake.preparation import Fresh, Preparation
from xinglin.service.basic.notices.model import NoticeKind, Recipient
from xinglin.service.basic.notices.rules import notice_id
from xinglin.service.basic.notices.service import NewNotice, Notices
from xinglin.service.basic.notices.store import Opening
from xinglin.service.basic.protection.consents.rules import subject_commitment
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource
from xinglin.service.lifecycle.storage.hierarchy import Randomness
from xinglin.service.lifecycle.storage.model import NewRecord, StoredRecord
from xinglin.service.lifecycle.storage.vault import Vault

DUE_MS = 7 * 24 * 3_600_000
"""How long whoever is told has to acknowledge: a week."""


@dataclass(frozen=True, slots=True)
class Institution:
    """Whose records are corrected: member id, name in English and Chinese, suite of its private chain."""

    member: str
    name: tuple[str, str]
    suite: Suite


@dataclass(frozen=True, slots=True)
class NewCorrection:
    """A correction: the record's id, the corrected resource, why, on whose account.

    ``resource.subject`` and ``resource.occasion`` are those that its source system's other resources have.
    """

    record: str
    resource: CollectedResource
    reason: Reason
    account: str


@dataclass(frozen=True, slots=True)
class Parties:
    """Whom a correction concerns: who was given records, whose they are, and what tells them."""

    readers: Readers
    persons: Persons
    notices: Notices


class Corrections:
    """The corrections of one home. One thread at a time.

    Args:
        institution: whose records they are.
        vault: the home's vault, opened for writing.
        outbox: its outbox.
        preparation: gives what makes records of a source system's resources.
        chain: the private chain.
        parties: who is told.
        clock: the present time.
        randomness: where salts come from.
    """

    def __init__(
        self,
        institution: Institution,
        vault: Vault,
        outbox: Outbox,
        preparation: Callable[[bytes], Preparation],
        chain: PrivateChain,
        parties: Parties,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._institution = institution
        self._vault = vault
        self._outbox = outbox
        self._preparation = preparation
        self._chain = chain
        self._parties = parties
        self._clock = clock
        self._randomness = randomness
        self.store = CorrectionStore(vault)
        self.store.prepare()
        self.looking = Looking(vault, chain, parties.readers, parties.notices, institution.suite.hash)

    def correct(self, new: NewCorrection) -> Version:
        """Correct a record; first finish what an earlier call left.

        Returns: the new version, current and told.

        Raises:
            RecordNotFound: there is no such record.
            NotProducer: another institution produced it.
            NotCurrent: it was corrected before.
            OtherResource, NothingCorrected, CorrectionUnfit: it is no correction of this record; nothing was stored.
            PlatformError: a chain or the disk takes nothing now; what is stored is finished by ``resume``.
        """
        self.resume()
        old = self._vault.find(new.record)
        self._check(old, new)
        record, rows = self._store(old, new)
        self._outbox.submit(rows)
        self._outbox.collect()
        found = self.store.of(record.record)
        if found is None:
            raise VersionsDiffer(record=new.record)
        self._finish(*found)
        return self.looking.versions(new.record)[-1]

    def resume(self) -> int:
        """Finish corrections that a crash or an outage left: register, link, tell; return how many.

        Raises: as ``correct``.
        """
        self._outbox.resume()
        pending = self.store.at_step(Step.STORED, Step.LINKED)
        for step, correction in pending:
            self._finish(step, correction)
        return len(pending)

    # --- correcting ---

    def _check(self, old: StoredRecord, new: NewCorrection) -> None:
        details, resource = old.details, new.resource
        if decode(Behaviour, details.behaviour).institution != self._institution.member:
            raise NotProducer(commitment=details.commitment, member=self._institution.member)
        current = self.looking.current(new.record)
        if current != new.record:
            raise NotCurrent(record=new.record, current=current)
        told = resource.logical_id.encode() or details.logical_id
        differing = {
            "type": resource.resource_type.encode() != details.type,
            "id": told != details.logical_id,
            "subject": resource.subject.encode() != details.subject,
        }
        for what, differs in differing.items():
            if differs:
                raise OtherResource(record=new.record, what=what)
        if self._vault.same([old], [resource.original])[0]:
            raise NothingCorrected(record=new.record)

    def _store(self, old: StoredRecord, new: NewCorrection) -> tuple[NewRecord, list[BatchRow]]:
        """Store the new version, its batch and the correction in one commit; return record and batch."""
        now, details = self._clock.now_ms(), old.details
        fresh = Fresh(new.resource, details.logical_id, details.version + 1)
        prepared = self._preparation(details.source).prepare([fresh], now)
        if prepared.refused:
            reason = prepared.refused[0].issues[0].rule
            raise CorrectionUnfit(record=new.record, reason=reason)
        record, batch = prepared.records[0], prepared.batches[0]
        correction = Correction(
            old=old.record,
            new=record.record,
            old_commitment=details.commitment,
            new_commitment=record.commitment,
            batch=batch.batch,
            reason=new.reason,
            account=new.account,
            due=now + DUE_MS,
            salt=self._randomness(16),
        )
        signed = [self._outbox.sign(batch.batch, batch.count, batch.call)]
        rows: list[BatchRow] = []
        self._vault.put(
            [record],
            [
                lambda connection, first: rows.extend(self._outbox.add(connection, first, signed)),
                lambda connection, _: self.store.add(connection, correction),
            ],
        )
        return record, rows

    def _finish(self, step: Step, correction: Correction) -> None:
        """Link, let the patient index know, tell; the batch is registered."""
        if step is Step.STORED:
            if successor_of(self._chain.value, correction.old_commitment) is None:
                call = LinkCorrection(
                    correction.old_commitment, correction.new_commitment, correction.reason, correction.account
                )
                self._chain.call(NAMESPACE, "link", call)
            self._refresh(correction)
            self.store.put(Step.LINKED, correction)
        self._tell(correction)
        self.store.put(Step.TOLD, correction)

    def _refresh(self, correction: Correction) -> None:
        """Let the patient index know what a corrected Patient resource says now."""
        record = identifier(correction.new)
        details = self._vault.find(record).details
        if details.type == b"Patient" and not details.destroyed:
            self._parties.persons.corrected(details.source, details.subject, self._vault.read(record))

    # --- telling ---

    def _tell(self, correction: Correction) -> None:
        """Send a notice to everyone who was given an earlier version; once each, however often it is called.

        Asked after the link: whoever was given the old version until then has an entry in the trace.
        """
        versions = versions_of(self._chain.value, correction.new_commitment)
        given: dict[tuple[str, str], bytes] = {}
        for commitment in versions[: versions.index(correction.new_commitment)]:
            for holder in self._parties.readers.recipients(commitment):
                given[holder.member, holder.account] = commitment
        for (member, account), commitment in given.items():
            hash_ = self._institution.suite.hash
            notice = correction_notice_id(hash_, correction.new_commitment, member, account)
            recipient = Recipient(member, account=(account,))
            self._parties.notices.send(self._notice(correction, notice, recipient, commitment))
        if correction.reason in VALUABLE:
            self._tell_patient(correction)

    def _tell_patient(self, correction: Correction) -> None:
        details = self._vault.find(identifier(correction.new)).details
        person = self._parties.persons.person_of(details.source, details.subject) if details.subject else None
        if person is None:
            return
        opening = Opening(correction.salt, person)
        subject = subject_commitment(self._institution.suite.hash, opening.salt, opening.person)
        recipient = Recipient(self._institution.member, subject=(subject,))
        kind = NoticeKind.VALUABLE_CHANGE
        notice = notice_id(self._institution.suite.hash, kind, correction.new_commitment)
        facts = {"institution": self._institution.name, "reason": REASONS[correction.reason]}
        self._parties.notices.send(
            NewNotice(notice, kind, recipient, correction.old_commitment, facts, correction.due, opening)
        )

    def _notice(self, correction: Correction, notice: str, recipient: Recipient, about: bytes) -> NewNotice:
        record = identifier(correction.old)
        facts = {
            "institution": self._institution.name,
            "record": (record, record),
            "reason": REASONS[correction.reason],
        }
        return NewNotice(notice, NoticeKind.CORRECTION, recipient, about, facts, correction.due)

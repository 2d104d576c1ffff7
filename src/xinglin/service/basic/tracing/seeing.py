"""Answers "who has seen my data" at one node: every entry about a person's records, as a signed answer (H14, H4).

Asked for like a read, by an account that answers the patient, here or at an institution that the patient has been to
as well; answered with the entries themselves, which their readers have signed, and their places on the chain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xinglin.kernel.encoding import encode
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.audit.messages import SignedRequest
from xinglin.service.basic.audit.model import NO_RECORD
from xinglin.service.basic.audit.projection import AccessProjection, AccessRow
from xinglin.service.basic.audit.receipts import (
    receipt_of,
    request_hash,
    sign_receipt,
)
from xinglin.service.basic.protection.coverage import binds
from xinglin.service.basic.protection.model import Decision, Rule
from xinglin.service.basic.protection.rules import decide
from xinglin.service.basic.protection.service import Asked
from xinglin.service.basic.reading.acts import Acts, purpose_of
from xinglin.service.basic.reading.custodian import Parts
from xinglin.service.basic.reading.deciding import MAX_FOUND
from xinglin.service.basic.reading.entries import Came, ConsortiumHead
from xinglin.service.basic.reading.errors import ActionUnknown, PersonNotHere
from xinglin.service.basic.reading.model import Answer, Seen, SeenEntry, SeenRecord
from xinglin.service.basic.reading.outcome import told_facts
from xinglin.service.basic.sharing.agreements.errors import AgreementMissing
from xinglin.service.basic.tracing.errors import PersonNotShown
from xinglin.service.basic.tracing.model import TRACE
from xinglin.service.basic.tracing.rules import OVERSEERS, REQUESTS
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.purposes import Action, Basis, Purpose

UNTYPED = "Resource"


@dataclass(frozen=True, slots=True)
class Lookups:
    """Where entries about persons are found; ``ids`` returns all ids that a person was kept under."""

    trace: AccessProjection
    ids: Callable[[bytes], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class _Ruling:
    """What a question comes to: whom it is about, the records that are told of, how many are not, the decision."""

    person: bytes
    rows: Sequence[StoredRecord]
    withheld: int
    decision: Decision


class Seeing:
    """Answers who has seen a person's data at one node.

    Args:
        parts: what the node's custodian is made of; requests are answered once by both together.
        acts: builds situations.
        head: returns the consortium head as of now.
        lookups: where entries are found.
    """

    def __init__(self, parts: Parts, acts: Acts, head: Callable[[], ConsortiumHead], lookups: Lookups) -> None:
        self._parts = parts
        self._acts = acts
        self._head = head
        self._lookups = lookups

    def answer(self, data: bytes) -> bytes:
        """Return the signed answer to a request with the action ``trace`` of a person; its entry is durable by then.

        Raises:
            RequestMalformed, RequestElsewhere, RequestExpired, RequestSignatureInvalid, RequestReplayed: it is not
                known who asks, or it was answered; there is no entry.
            PlatformError: the private chain takes no entry now; nothing is told then.
        """
        parts, now = self._parts, self._parts.clock.now_ms()
        admitted = parts.admitted(data, now)
        ruling, refusal = self._ruled(admitted[0], now)
        decision = ruling.decision if ruling is not None else None
        entry, logged = parts.entered(admitted, Came(NO_RECORD, decision, refusal), self._head(), now)
        receipt = receipt_of(parts.private_chain, entry, logged.entry, logged.index, logged.item)
        answer = Answer(
            receipt=sign_receipt(parts.suite.hash, receipt, parts.signer),
            facts=told_facts(refusal),
            seen=() if ruling is None or refusal is not None else (self._seen(ruling),),
        )
        return encode(answer)

    # --- may it be told ---

    def _ruled(self, signed: SignedRequest, now: int) -> tuple[_Ruling | None, PlatformError | None]:
        try:
            ruling = self._looked_at(signed, now)
        except PlatformError as refusal:
            return None, refusal
        decision = ruling.decision
        return ruling, None if decision.refusal is None else decision.refusal(rule=int(decision.rule))

    def _looked_at(self, signed: SignedRequest, now: int) -> _Ruling:
        request, parts = signed.request, self._parts
        if request.action != TRACE or request.asked.what != "person":
            raise ActionUnknown(what=f"{request.action} of a {request.asked.what}")
        purpose, own = purpose_of(request), request.member == parts.custody.member
        asked = Asked(Action.HISTORY, purpose, request.member, request.account, signed.key)
        asking, refused = parts.deciding.asking(asked, now)
        if refused is not None:
            return _Ruling(b"", (), 0, refused)
        if not own and purpose in REQUESTS:
            missing = parts.deciding.agreements.uncovered(request.member, purpose, now, None, None)
            if missing:
                raise AgreementMissing(reason=missing)
        overseer = own and bool(asking.reader.roles & OVERSEERS) and purpose not in REQUESTS
        if not overseer and purpose not in REQUESTS:
            raise PersonNotShown(reason=f"not for the purpose {purpose.value} of an account of these roles")
        person = request.asked.name if own else parts.deciding.links.person(request.asked.name, request.member)
        rows = parts.deciding.records.of_person(person)[:MAX_FOUND] if person is not None else []
        if person is None or not rows:
            raise PersonNotHere
        mark = self._parts.mark(self._lookups.ids(person)[0], request_hash(parts.suite.hash, request))
        if overseer:
            return _Ruling(person, rows, 0, Decision(Rule.INSTITUTION_DEFAULT, None, Basis.LEGAL_DUTY, mark))
        return self._requested(signed, purpose, now, person, rows, mark)

    def _requested(
        self,
        signed: SignedRequest,
        purpose: Purpose,
        now: int,
        person: bytes,
        rows: Sequence[StoredRecord],
        mark: bytes,
    ) -> _Ruling:
        """Tell, on a patient's request, of the records that a mandate here, or the agreement, reaches."""
        own = signed.request.member == self._parts.custody.member
        told: list[StoredRecord] = []
        last: Decision | None = None
        for row in rows:
            if own:
                last = decide(self._acts.situation(signed, purpose, Action.HISTORY, row))
                may = last.permit
            else:
                may = self._reached(signed, purpose, now, row)
            if may:
                told.append(row)
        if not told and last is not None:
            return _Ruling(person, (), len(rows), last)
        basis = Decision(Rule.LEGAL_DUTY, None, Basis.LEGAL_DUTY, mark)
        return _Ruling(person, told, len(rows) - len(told), basis)

    def _reached(self, signed: SignedRequest, purpose: Purpose, now: int, row: StoredRecord) -> bool:
        """Tell whether the agreement reaches a record, and the patient has not forbidden it to whoever asks.

        That the patient asks there is the other institution's word; a prohibition is the patient's own.
        """
        situation = self._acts.situation(signed, purpose, Action.HISTORY, row)
        target, agreements = situation.target, self._parts.deciding.agreements
        missing = agreements.uncovered(signed.request.member, purpose, now, target.category, target.level)
        return not missing and not any(binds(situation, one) for one in situation.held)

    # --- what is told ---

    def _seen(self, ruling: _Ruling) -> Seen:
        trace = self._lookups.trace
        by_record: dict[bytes, list[AccessRow]] = defaultdict(list)
        for row in trace.entries_of([one.details.commitment for one in ruling.rows]):
            by_record[row.entry.commitment].append(row)
        seen = []
        for record in ruling.rows:
            details = record.details
            entries = by_record[details.commitment]
            complete = trace.completeness(details.commitment).complete
            if entries or not complete:
                kind = details.type.decode() or UNTYPED
                shown = tuple(map(_entry, entries))
                seen.append(SeenRecord(details.commitment, kind, details.version, int(complete), shown))
        return Seen(len(ruling.rows), ruling.withheld, tuple(seen), tuple(map(_entry, self._looks(ruling.person))))

    def _looks(self, person: bytes) -> list[AccessRow]:
        """Return the entries that this node has marked as about a person: who looked it up, and who asked this."""
        ids, mark = self._lookups.ids(person), self._parts.mark
        rows = self._lookups.trace.entries_of([NO_RECORD])
        marked = [row for row in rows if row.entry.reference]
        return [row for row in marked if any(mark(one, row.entry.request) == row.entry.reference for one in ids)]


def _entry(row: AccessRow) -> SeenEntry:
    return SeenEntry(row.index, row.item, row.entry)

"""The custodian's side of a read: permit, audit, entry, content, in this order (docs/spec/reading.md RD1 to RD12).

Whoever can't show who it is gets nothing and is counted. Everybody else gets an answer with a receipt: the access entry
is durable on the private chain before the first byte is handed back, for refusals too (H4, H6; invariant 5).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import Signer
from xinglin.carrier.ledger.model import ReceiptFact
from xinglin.kernel.clock import Clock
from xinglin.kernel.encoding import decode, encode
from xinglin.kernel.errors import Fact, PlatformError
from xinglin.kernel.hashing import Tag, tagged
from xinglin.service.basic.audit.log import Logged
from xinglin.service.basic.audit.messages import AccessReceipt, AccessRequest, SignedRequest
from xinglin.service.basic.audit.model import NO_RECORD, AccessEntry
from xinglin.service.basic.audit.receipts import (
    MAX_AHEAD_MS,
    MAX_REQUEST_MS,
    Here,
    Values,
    authenticate,
    read_request,
    request_hash,
    sign_receipt,
)
from xinglin.service.basic.coordination.model import Behaviour
from xinglin.service.basic.protection.model import Decision, Target
from xinglin.service.basic.protection.rules import decide, gate
from xinglin.service.basic.protection.service import Asked, Situations
from xinglin.service.basic.reading.entries import Came, ConsortiumHead, entry_of
from xinglin.service.basic.reading.errors import (
    ActionUnknown,
    CopyMissing,
    NoMatch,
    PersonNotHere,
    RecordNotHere,
    RequestReplayed,
)
from xinglin.service.basic.reading.model import Answer, Custody, Disclosure, Found
from xinglin.service.basic.reading.ports import Agreements, Emergencies, EntryLog, Links, Records
from xinglin.service.basic.sharing.agreements.errors import AgreementMissing
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import OpenedRecord
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Action, Copy, Purpose

MATCH = "match"
"""The action of asking who a person is at this node; it opens nothing and needs an agreement."""
NOBODY = bytes(16)
"""Stands for the person of a record that is about none."""
_MANY = 100_000
MAX_FOUND = 10_000
"""Records that one search tells of, at most."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a custodian is made of."""

    custody: Custody
    suite: Suite
    values: Values
    records: Records
    situations: Situations
    agreements: Agreements
    links: Links
    emergencies: Emergencies
    seen: SeenRequests
    log: EntryLog
    private_chain: str
    signer: Signer
    clock: Clock


@dataclass(slots=True)
class _Outcome:
    """What a request comes to: the record it is about, the decision, the refusal, what is handed back."""

    commitment: bytes = NO_RECORD
    decision: Decision | None = None
    refusal: PlatformError | None = None
    disclosed: tuple[Disclosure, ...] = ()
    found: tuple[Found, ...] = ()
    link: tuple[bytes, ...] = ()
    facts: dict[str, Fact] = field(default_factory=dict)

    @property
    def served(self) -> bool:
        """Whether something is handed back that a permit stands behind."""
        return self.refusal is None and bool(self.disclosed or self.found)


class SeenRequests:
    """The requests that were answered, until they could not be answered any more anyway: each is answered once.

    Args:
        before: hashes of those that were answered before this process began.
        now: when it began (ms).
    """

    def __init__(self, before: Iterable[bytes] = (), now: int = 0) -> None:
        until = now + MAX_REQUEST_MS + MAX_AHEAD_MS
        self._until = dict.fromkeys(before, until)
        self._lock = threading.Lock()

    def once(self, request: bytes, now: int) -> None:
        """Note a request; raises RequestReplayed for one that was noted."""
        with self._lock:
            if request in self._until:
                raise RequestReplayed
            if len(self._until) > _MANY:
                self._until = {one: until for one, until in self._until.items() if until >= now}
            self._until[request] = now + MAX_REQUEST_MS + MAX_AHEAD_MS


class Custodian:
    """Answers the requests that come to one node.

    Args:
        parts: what it is made of.
        head: returns the consortium head as of now.
    """

    def __init__(self, parts: Parts, head: Callable[[], ConsortiumHead]) -> None:
        self._parts = parts
        self._head = head
        self._here = parts.custody

    def answer(self, data: bytes, payload: bytes = b"") -> bytes:
        """Return the answer to a signed request, whose access entry is durable by then.

        Args:
            data: the canonical bytes of a ``SignedRequest``.
            payload: for a match, what is known of the person, whose hash the request names.

        Raises:
            RequestMalformed, RequestElsewhere, RequestExpired, RequestSignatureInvalid: it is not known who asks, or
                it is not for this node; no entry is made (the caller counts it).
            RequestReplayed: these very bytes were answered before.
            PlatformError: the private chain takes no entry now; nothing is served then.
        """
        parts, now = self._parts, self._parts.clock.now_ms()
        signed = read_request(data)
        authenticate(parts.suite, signed, Here(self._here.chain, self._here.node, now), parts.values)
        parts.seen.once(request_hash(parts.suite.hash, signed.request), now)
        outcome = self._outcome(signed, payload, now)
        head, logged = self._log(signed, outcome, now)
        if outcome.served:
            # What took away the permit while the entry was on its way (a revocation, an order, a correction) counts.
            again = self._outcome(signed, payload, parts.clock.now_ms())
            if again.refusal is not None:
                outcome, now = again, parts.clock.now_ms()
                head, logged = self._log(signed, outcome, now)
        return encode(self._answer(signed, outcome, logged, head, now))

    def _log(self, signed: SignedRequest, outcome: _Outcome, now: int) -> tuple[ConsortiumHead, Logged]:
        """Make the entry durable; return it with the consortium head that it names."""
        head = self._head()
        return head, self._parts.log.log(self._entry(signed, outcome, head, now))

    # --- what it comes to ---

    def _outcome(self, signed: SignedRequest, payload: bytes, now: int) -> _Outcome:
        """Return what a request comes to; damage of anything that it rests on is a refusal on record like others."""
        try:
            return self._looked_at(signed, payload, now)
        except PlatformError as damage:
            return _Outcome(refusal=damage)

    def _looked_at(self, signed: SignedRequest, payload: bytes, now: int) -> _Outcome:
        request = signed.request
        try:
            purpose = Purpose(request.purpose)
            action = Action.SEARCH if request.action == MATCH else Action(request.action)
        except ValueError:
            return _Outcome(refusal=ActionUnknown(what=f"{request.action} {request.purpose}"))
        asked = Asked(action, purpose, request.member, request.account, signed.key, request.grants)
        if request.asked.what == "record" and action in (Action.READ, Action.HISTORY):
            return self._read(asked, request.asked.name, now)
        if request.asked.what != "person" or action is not Action.SEARCH:
            return _Outcome(refusal=ActionUnknown(what=f"{request.action} of a {request.asked.what}"))
        refused = self._refused(asked, now)
        if refused is not None:
            return refused
        if request.action == MATCH:
            return self._match(request, payload)
        return self._search(asked, request.asked.name, now)

    def _refused(self, asked: Asked, now: int) -> _Outcome | None:
        """Refuse who may ask nothing at all, and a member without an agreement, before anything is looked up."""
        nobody = Target(Category.PERSONAL_ATTRIBUTES, Level.PUBLIC)
        decision = gate(self._parts.situations.of(asked, NOBODY, nobody, now))
        if decision is not None and decision.refusal is not None:
            return _Outcome(decision=decision, refusal=decision.refusal(**_said(decision)))
        missing = self._uncovered(asked, None, now)
        return None if missing is None else _Outcome(refusal=missing)

    def _read(self, asked: Asked, commitment: bytes, now: int) -> _Outcome:
        records = self._parts.records
        row = records.find(commitment)
        refused = self._refused(asked, now)
        if refused is not None or row is None:
            outcome = refused or _Outcome(refusal=RecordNotHere())
            outcome.commitment = NO_RECORD if row is None else commitment
            return outcome
        outcome = _Outcome(commitment)
        try:
            self._admit(asked, records.person_of(row) if asked.grants else NOBODY, now)
            outcome.decision, outcome.refusal = self._decided(asked, row, now)
            if outcome.refusal is None and outcome.decision is not None:
                outcome.disclosed = (self._disclosure(records.audited(row), outcome.decision.copy),)
            else:
                outcome.facts = _said(outcome.decision)
        except PlatformError as damage:
            outcome.refusal = damage
        return outcome

    def _search(self, asked: Asked, link: bytes, now: int) -> _Outcome:
        """Tell of the records of a person that a read would be permitted; each is decided as a read (permit.md)."""
        own = asked.member == self._here.member
        person = link if own else self._parts.links.person(link, asked.member)
        rows = self._parts.records.of_person(person)[:MAX_FOUND] if person is not None else []
        if not rows:
            return _Outcome(refusal=PersonNotHere())
        self._admit(asked, person or NOBODY, now)
        found = tuple(self._findings(asked, rows, now))
        if found:
            return _Outcome(found=found)
        decision, refusal = self._decided(asked, rows[-1], now)  # why nothing is told: what the newest says
        return _Outcome(decision=decision, refusal=refusal, facts=_said(decision))

    def _admit(self, asked: Asked, person: bytes, now: int) -> None:
        """Let in the emergency grant that came with the request (RD5); raises its refusal."""
        for grant in asked.grants:
            self._parts.emergencies.admit(grant, asked, person, now)

    def _findings(self, asked: Asked, rows: Sequence[StoredRecord], now: int) -> Iterator[Found]:
        reading = Asked(Action.READ, asked.purpose, asked.member, asked.account, asked.key)
        for row in rows:
            decision, refusal = self._decided(reading, row, now)
            if refusal is None and decision is not None:
                d = row.details
                time = decode(Behaviour, d.behaviour).time
                yield Found(
                    d.commitment, d.type.decode(), d.category, d.level, d.special, d.version, time, decision.copy
                )

    def _match(self, request: AccessRequest, payload: bytes) -> _Outcome:
        if match_name(self._parts.suite, payload) != request.asked.name:
            return _Outcome(refusal=ActionUnknown(what="match of other traits than were signed"))
        link = self._parts.links.match(payload, request.member)
        return _Outcome(link=(link,)) if link else _Outcome(refusal=NoMatch())

    def _decided(self, asked: Asked, row: StoredRecord, now: int) -> tuple[Decision | None, PlatformError | None]:
        """Return the policy's decision on one record, and the refusal; an agreement is looked at before."""
        target = self._target(row)
        missing = self._uncovered(asked, target, now)
        if missing is not None:
            return None, missing
        person = self._parts.records.person_of(row)
        decision = decide(self._parts.situations.of(asked, person, target, now))
        return decision, None if decision.refusal is None else decision.refusal(**_said(decision))

    def _uncovered(self, asked: Asked, target: Target | None, now: int) -> PlatformError | None:
        if asked.member == self._here.member:
            return None
        labels = (None, None) if target is None else (target.category, target.level)
        reason = self._parts.agreements.uncovered(asked.member, asked.purpose, now, *labels)
        return AgreementMissing(reason=reason) if reason else None

    def _target(self, row: StoredRecord) -> Target:
        state, current = self._parts.records.state(row.details.commitment)
        category, level = labels_of(row)
        return Target(category, level, Special(row.details.special), state, current)

    def _disclosure(self, opened: OpenedRecord, copy: Copy) -> Disclosure:
        row, parts = opened.stored.details, opened.parts
        (salt, content), other = (parts.original, row.copy) if copy is Copy.ORIGINAL else (parts.copy, row.original)
        if copy is Copy.DEIDENTIFIED and not content:
            raise CopyMissing
        _, after = self._parts.records.state(row.commitment)
        return Disclosure(
            commitment=row.commitment,
            copy=copy,
            content=content,
            salt=salt,
            behaviour=tagged(self._parts.suite.hash, Tag.BEHAVIOUR, *parts.behaviour),
            other=other,
            type=row.type.decode(),
            category=row.category,
            level=row.level,
            special=row.special,
            version=row.version,
            current=int(not after),
        )

    # --- entry, receipt, answer ---

    def _entry(self, signed: SignedRequest, outcome: _Outcome, head: ConsortiumHead, now: int) -> AccessEntry:
        copy = outcome.disclosed[0].copy if outcome.disclosed else Copy.NONE
        came = Came(outcome.commitment, outcome.decision, outcome.refusal, copy)
        return entry_of(self._parts.suite.hash, signed, came, head, now)

    def _answer(
        self, signed: SignedRequest, outcome: _Outcome, logged: Logged, head: ConsortiumHead, now: int
    ) -> Answer:
        hash_, refusal = self._parts.suite.hash, outcome.refusal
        receipt = AccessReceipt(
            chain=self._parts.private_chain,
            entry=logged.entry,
            request=request_hash(hash_, signed.request),
            outcome=0 if refusal is None else refusal.number,
            index=logged.index,
            item=logged.item,
            seen_height=head.height,
            seen_time=head.time,
            time=now,
        )
        facts = {} if refusal is None else {**refusal.facts, **outcome.facts}
        return Answer(
            receipt=sign_receipt(hash_, receipt, self._parts.signer),
            facts=tuple(ReceiptFact(name, value) for name, value in sorted(facts.items())),
            disclosed=outcome.disclosed if refusal is None else (),
            found=outcome.found if refusal is None else (),
            link=outcome.link if refusal is None else (),
        )


def labels_of(row: StoredRecord) -> tuple[Category, Level]:
    """Return a record's labels; what was never labelled counts as the strictest."""
    if not row.details.category:
        return Category.MEDICAL_APPLICATION, Level.STRICT
    return Category(row.details.category), Level(row.details.level)


def match_name(suite: Suite, traits: bytes) -> bytes:
    """Return the 16 bytes by which a request for a match names what is known of the person: H("match", traits)."""
    return tagged(suite.hash, Tag.MATCH, traits)[:16]


def _said(decision: Decision | None) -> dict[str, Fact]:
    """Return what a refusal tells of the rule that decided, and of the nearest consent."""
    if decision is None:
        return {}
    facts: dict[str, Fact] = {"rule": int(decision.rule)}
    if decision.nearest is not None:
        facts |= {"nearest": decision.nearest.consent, "why": decision.nearest.refusal.code}
    if decision.reference:
        facts["reference"] = decision.reference
    return facts

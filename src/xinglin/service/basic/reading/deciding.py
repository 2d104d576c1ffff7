"""Decides what requests come to: who asks, what is asked for, the policy, the audit (docs/spec/reading.md RD2 to RD8).

A batch is decided request by request; only looking up and opening is done for all of them at once. ``again`` decides
once more, with what was opened already, and looks at everything anew that can have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from xinglin.carrier.crypto.suite import Suite
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.hashing import Tag, tagged
from xinglin.service.basic.audit.messages import AccessRequest
from xinglin.service.basic.audit.model import NO_RECORD
from xinglin.service.basic.coordination.model import Behaviour
from xinglin.service.basic.protection.model import Asking, Decision, Rule, Target
from xinglin.service.basic.protection.ports import Quotas
from xinglin.service.basic.protection.rules import decide, gate
from xinglin.service.basic.protection.service import Asked, Situations
from xinglin.service.basic.reading.errors import ActionUnknown, CopyMissing, NoMatch, PersonNotHere, RecordNotHere
from xinglin.service.basic.reading.model import Custody, Disclosure, Found
from xinglin.service.basic.reading.outcome import Known, Outcome, said
from xinglin.service.basic.reading.ports import Agreements, Emergencies, Links, Records
from xinglin.service.basic.sharing.agreements.errors import AgreementMissing
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import OpenedRecord
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Action, Copy, Purpose

MATCH = "match"
"""The action of asking who a person is at this node; it opens nothing and needs an agreement."""
RESOLVE = "resolve"
"""The action of asking what the handle of a locator leads to: the record and whose it is, where a read is permitted."""
UNLINK = "unlink"
"""The action of giving back the link that this node gave the asking member for a person."""
NOBODY = bytes(16)
"""Stands for the person of a record that is about none."""
MAX_TRAITS_BYTES = 65_536
"""What is known of a person that comes with a match, at most."""
MAX_FOUND = 10_000
"""Records that one search tells of, at most."""

_ASKED_FOR = {
    MATCH: "person",
    UNLINK: "person",
    RESOLVE: "handle",
    Action.SEARCH.value: "person",
    Action.READ.value: "record",
    Action.HISTORY.value: "record",
}
"""What each action is asked of."""
_Row = StoredRecord | PlatformError | None


@dataclass(frozen=True, slots=True)
class Decider:
    """What decisions are made with.

    Args:
        custody: whose node this is.
        suite: of the consortium chain.
        records: of the vault.
        situations: what decisions rest on.
        quotas: how much accounts may read.
        agreements: with other members.
        links: persons as other members name them.
        emergencies: what other institutions grant in an emergency.
        unchanging: begins a piece of work that asks once at most whether what is remembered still holds.
    """

    custody: Custody
    suite: Suite
    records: Records
    situations: Situations
    quotas: Quotas
    agreements: Agreements
    links: Links
    emergencies: Emergencies
    unchanging: Callable[[], AbstractContextManager[None]] = nullcontext

    def first(self, requests: Sequence[Known], now: int) -> list[Outcome]:
        """Return what each request comes to; damage of anything that it rests on is a refusal on record like others."""
        rows = self._rows(requests)
        with self.unchanging():
            outcomes = [self._outcome(one, row, now, first=True) for one, row in zip(requests, rows, strict=True)]
        permitted = [(one, one.row) for one in outcomes if one.refusal is None and one.row is not None]
        for (outcome, _), opened in zip(permitted, self._audited([row for _, row in permitted]), strict=True):
            self._disclose(outcome, opened)
        return outcomes

    def again(self, decided: Sequence[tuple[Known, Outcome]], now: int) -> list[Outcome]:
        """Return what each request comes to now, of whose record all but the state stays as it was."""
        with self.unchanging():
            return [self._again(request, before, now) for request, before in decided]

    def _again(self, request: Known, before: Outcome, now: int) -> Outcome:
        outcome = self._outcome(request, before.row, now, first=False)
        if outcome.refusal is None and before.opened is not None:
            if (outcome.decision, outcome.target) == (before.decision, before.target):
                outcome.opened, outcome.disclosed = before.opened, before.disclosed
            else:
                self._disclose(outcome, before.opened)
        return outcome

    def asking(self, asked: Asked, now: int, *, first: bool = True) -> tuple[Asking, Decision | None]:
        """Return what is to be known of who asks, and the refusal of who may ask nothing (PM1 to PM6).

        A request takes from the quota when it is ``first`` decided, and only once it is known to be of one who may ask
        at all (PM1 to PM4): an ended or stolen key uses up nothing of the account's.
        """
        asking = self.situations.asking(asked, now, over_quota=False)
        decision = gate(asking)
        if first and (decision is None or decision.rule > Rule.QUOTA) and not self.quotas.take(asked.account, now):
            asking = replace(asking, reader=replace(asking.reader, over_quota=True))
            decision = gate(asking)
        return asking, decision

    def target(self, row: StoredRecord) -> Target:
        """Return what the policy looks at of a record."""
        state, current = self.records.state(row.details.commitment)
        category, level = labels_of(row)
        return Target(category, level, Special(row.details.special), state, current)

    def _rows(self, requests: Sequence[Known]) -> list[_Row]:
        """Return the rows of the records that requests name, None where they name none or it is not here."""
        names = [one.signed.request.asked.name for one in requests if one.of_record]
        try:
            found = iter(self.records.find(names) if names else ())
        except PlatformError as damage:
            found = iter([damage] * len(names))
        return [next(found) if one.of_record else None for one in requests]

    def _audited(self, rows: Sequence[StoredRecord]) -> Sequence[OpenedRecord | PlatformError]:
        try:
            return self.records.audited(rows) if rows else ()
        except PlatformError as damage:
            return [damage] * len(rows)

    def _outcome(self, known: Known, row: _Row, now: int, *, first: bool) -> Outcome:
        try:
            return self._looked_at(known, row, now, first=first)
        except PlatformError as damage:
            return Outcome(_named(row), refusal=damage)
        except Exception as fault:  # noqa: BLE001  (whatever it is, it takes nobody else's answer with it)
            return Outcome(fault=fault)

    def _looked_at(self, known: Known, row: _Row, now: int, *, first: bool) -> Outcome:
        request = known.signed.request
        if _ASKED_FOR.get(request.action) != request.asked.what:
            return Outcome(refusal=ActionUnknown(what=f"{request.action} of a {request.asked.what}"))
        try:
            purpose = Purpose(request.purpose)
        except ValueError:
            return Outcome(refusal=ActionUnknown(what=f"{request.action} {request.purpose}"))
        action = Action(request.action) if known.of_record else Action.SEARCH
        asked = Asked(action, purpose, request.member, request.account, known.signed.key, request.grants)
        if isinstance(row, PlatformError):
            raise row
        asking, refused = self._gate(asked, now, first=first)
        if refused is not None:
            refused.commitment = _named(row)
            return refused
        if known.of_record:
            return self._read(asked, asking, row)
        return self._about(known, asked, asking)

    def _about(self, known: Known, asked: Asked, asking: Asking) -> Outcome:
        """Return what a request about a person, or about what a handle leads to, comes to."""
        request = known.signed.request
        if request.action == MATCH:
            return self._match(request, known.payload)
        if request.action == RESOLVE:
            return self._resolve(asked, asking, request.asked.name)
        if request.action == UNLINK:
            person = self.links.person(request.asked.name, request.member)
            if person is None or not self.links.give_up(request.asked.name, request.member, request.account):
                return Outcome(refusal=PersonNotHere())
            return Outcome(link=(request.asked.name,), person=person)
        return self._search(asked, asking, request.asked.name)

    def _gate(self, asked: Asked, now: int, *, first: bool) -> tuple[Asking, Outcome | None]:
        """Refuse who may ask nothing at all, and a member without an agreement, before anything is looked up."""
        asking, decision = self.asking(asked, now, first=first)
        if decision is not None and decision.refusal is not None:
            return asking, Outcome(decision=decision, refusal=decision.refusal(**said(decision)))
        missing = self._uncovered(asked, None, now)
        return asking, None if missing is None else Outcome(refusal=missing)

    def _read(self, asked: Asked, asking: Asking, row: StoredRecord | None) -> Outcome:
        if row is None:
            return Outcome(refusal=RecordNotHere())
        outcome = Outcome(row.details.commitment, row=row)
        if asked.grants:
            self._admit(asked, self.records.person_of(row), asking.now_ms)
        outcome.target = self.target(row)
        outcome.decision, outcome.refusal = self._decided(asked, asking, row, outcome.target)
        return outcome

    def _disclose(self, outcome: Outcome, opened: OpenedRecord | PlatformError) -> None:
        """Put what the decision opens of an audited record into an outcome, or why it can't be."""
        try:
            if isinstance(opened, PlatformError):
                raise opened
            if outcome.decision is None or outcome.target is None:
                raise AssertionError("what is not decided is not opened")
            outcome.opened = opened
            outcome.disclosed = (self._disclosure(opened, outcome.decision.copy, outcome.target),)
        except PlatformError as damage:
            outcome.refusal = damage

    def _search(self, asked: Asked, asking: Asking, link: bytes) -> Outcome:
        """Tell of the records of a person that a read would be permitted; each is decided as a read (permit.md)."""
        own = asked.member == self.custody.member
        person = link if own else self.links.person(link, asked.member)
        rows = self.records.of_person(person)[:MAX_FOUND] if person is not None else []
        if person is None or not rows:
            return Outcome(refusal=PersonNotHere())
        self._admit(asked, person, asking.now_ms)
        found = tuple(self._findings(asked, asking, rows))
        if found:
            return Outcome(found=found, person=person)
        decision, refusal = self._decided(asked, asking, rows[-1], self.target(rows[-1]))  # what the newest says
        return Outcome(decision=decision, refusal=refusal, person=person)

    def _admit(self, asked: Asked, person: bytes, now: int) -> None:
        """Let in the emergency grant that came with the request (RD5); raises its refusal."""
        for grant in asked.grants if asked.purpose is Purpose.ETREAT else ():
            self.emergencies.admit(grant, asked, person, now)

    def _findings(self, asked: Asked, asking: Asking, rows: Sequence[StoredRecord]) -> Iterator[Found]:
        asking = replace(asking, action=Action.READ)
        for row in rows:
            decision, refusal = self._decided(asked, asking, row, self.target(row))
            if refusal is None and decision is not None:
                yield _told(row, decision)

    def _resolve(self, asked: Asked, asking: Asking, handle: bytes) -> Outcome:
        """Tell what a handle leads to, decided as a read of it; a dummy's, a destroyed record's leads nowhere."""
        row = self.records.by_handle(handle)
        if row is None:
            return Outcome(refusal=RecordNotHere())
        outcome = Outcome(row.details.commitment)
        reading = replace(asking, action=Action.READ)
        outcome.decision, outcome.refusal = self._decided(asked, reading, row, self.target(row))
        if outcome.refusal is None and outcome.decision is not None:
            outcome.found = (_told(row, outcome.decision),)
            person = self.records.person_of(row)
            outcome.link = (self.links.of(person, asked.member),) if person != NOBODY else ()
        return outcome

    def _match(self, request: AccessRequest, payload: bytes) -> Outcome:
        if len(payload) > MAX_TRAITS_BYTES:
            return Outcome(refusal=ActionUnknown(what=f"match of {len(payload)} bytes"))
        if match_name(self.suite, payload) != request.asked.name:
            return Outcome(refusal=ActionUnknown(what="match of other traits than were signed"))
        link = self.links.match(payload, request.member)
        if not link:
            return Outcome(refusal=NoMatch())
        return Outcome(link=(link,), person=self.links.person(link, request.member) or b"")

    def _decided(
        self, asked: Asked, asking: Asking, row: StoredRecord, target: Target
    ) -> tuple[Decision | None, PlatformError | None]:
        """Return the policy's decision on one record, and the refusal; an agreement is looked at before."""
        missing = self._uncovered(asked, target, asking.now_ms)
        if missing is not None:
            return None, missing
        person = self.records.person_of(row)
        decision = decide(self.situations.about(asked, asking, person, target))
        return decision, None if decision.refusal is None else decision.refusal(**said(decision))

    def _uncovered(self, asked: Asked, target: Target | None, now: int) -> PlatformError | None:
        if asked.member == self.custody.member:
            return None
        labels = (None, None) if target is None else (target.category, target.level)
        reason = self.agreements.uncovered(asked.member, asked.purpose, now, *labels)
        return AgreementMissing(reason=reason) if reason else None

    def _disclosure(self, opened: OpenedRecord, copy: Copy, target: Target) -> Disclosure:
        row, parts = opened.stored.details, opened.parts
        (salt, content), other = (parts.original, row.copy) if copy is Copy.ORIGINAL else (parts.copy, row.original)
        if copy is Copy.DEIDENTIFIED and not content:
            raise CopyMissing
        return Disclosure(
            commitment=row.commitment,
            copy=copy,
            content=content,
            salt=salt,
            behaviour=tagged(self.suite.hash, Tag.BEHAVIOUR, *parts.behaviour),
            other=other,
            type=row.type.decode(),
            category=row.category,
            level=row.level,
            special=row.special,
            version=row.version,
            current=int(not target.current),
        )


def labels_of(row: StoredRecord) -> tuple[Category, Level]:
    """Return a record's labels; what was never labelled counts as the strictest."""
    if not row.details.category:
        return Category.MEDICAL_APPLICATION, Level.STRICT
    return Category(row.details.category), Level(row.details.level)


def match_name(suite: Suite, traits: bytes) -> bytes:
    """Return the 16 bytes by which a request for a match names what is known of the person: H("match", traits)."""
    return tagged(suite.hash, Tag.MATCH, traits)[:16]


def _told(row: StoredRecord, decision: Decision) -> Found:
    """Return what is told of a record that a read would be permitted of."""
    d = row.details
    time = decode(Behaviour, d.behaviour).time
    return Found(d.commitment, d.type.decode(), d.category, d.level, d.special, d.version, time, decision.copy)


def _named(row: _Row) -> bytes:
    """Return what an entry names of the record that was found."""
    return row.details.commitment if isinstance(row, StoredRecord) else NO_RECORD

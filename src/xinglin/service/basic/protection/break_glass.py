"""Break-glass: one practitioner, one patient, some hours, a reason, a review (docs/spec/consent.md BG1 to BG6).

A grant is durable before it is given, together with its review task. Blocked while a review is overdue, counted by
account and day, never bulk. Telling the patient is the caller's: the notice is in what is returned. Whether a grant
opens a record, the policy decides.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from xinglin.kernel.identifiers import identifier, identifier_bytes
from xinglin.service.basic.audit.messages import EmergencyGrant
from xinglin.service.basic.protection.break_glass_errors import (
    BreakGlassDenied,
    BreakGlassHours,
    BreakGlassQuota,
    BreakGlassReason,
    GrantRefused,
    GrantRunning,
    GrantsOfMember,
    ReviewDenied,
    ReviewDone,
    ReviewUnknown,
)
from xinglin.service.basic.protection.consents.drafts import Randomness
from xinglin.service.basic.protection.model import BreakGlassGrant
from xinglin.service.basic.protection.permit_errors import ReviewOverdue
from xinglin.service.basic.protection.ports import ConsortiumFacts
from xinglin.service.basic.protection.store import ProtectionStore, Row
from xinglin.service.basic.protection.store_model import KeptGrant, Review, Verdict
from xinglin.service.basic.protection.tables import DAY_MS, HOUR_MS
from xinglin.stakeholders.kinds import MemberKind, Role, Status
from xinglin.stakeholders.labels import Level, Special

REVIEWERS = frozenset({Role.AUDITOR, Role.COMPLIANCE_OFFICER})


@dataclass(frozen=True, slots=True)
class BreakGlassLimits:
    """What an institution allows.

    ``max_hours``: of a grant, never more than 24; ``grants_per_day``: of an account in 24 hours;
    ``review_hours``: from a grant until its review is overdue; ``member_grants_per_day``: of another institution as a
    whole in 24 hours, so that many accounts don't make a bulk of it.
    """

    max_hours: int = 24
    grants_per_day: int = 3
    review_hours: int = 72
    member_grants_per_day: int = 20


@dataclass(frozen=True, slots=True)
class Emergency:
    """What the practitioner states; ``level`` 5 and special flags have to be asked for by name."""

    hours: int
    reason: str
    level: Level = Level.NARROW
    special: Special = Special.NONE


@dataclass(frozen=True, slots=True)
class PatientNotice:
    """What the patient is told: who broke the glass, under which grant, from when until when (ms), and why."""

    person: bytes
    grant: str
    member: str
    account: str
    from_ms: int
    until_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class OpenedGlass:
    """A grant as given, now or before; ``notice`` is the caller's to send, once."""

    grant: KeptGrant
    notice: PatientNotice


class BreakGlass:
    """The break-glass grants of one node.

    Args:
        member: the member that owns the node.
        chain: the consortium chain as this node has it.
        store: the node's store of protection.
        randomness: where ids come from.
        limits: what the institution allows.
        found_as: returns whom a person is found as now.
    """

    def __init__(
        self,
        member: str,
        chain: ConsortiumFacts,
        store: ProtectionStore,
        randomness: Randomness,
        limits: BreakGlassLimits | None = None,
        found_as: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self._member = member
        self._chain = chain
        self._store = store
        self._randomness = randomness
        self._limits = limits or BreakGlassLimits()
        self._found_as = found_as
        self._opening = threading.RLock()

    def open(self, account: str, person: bytes, emergency: Emergency, now_ms: int) -> OpenedGlass:
        """Give a grant to an account of this institution.

        Args:
            account: a practitioner's account of the member that owns this node.
            person: the patient, 16 bytes of the node's index.
            emergency: what the practitioner states.
            now_ms: the node's clock.

        Raises:
            BreakGlassDenied: not an active practitioner of this institution.
            BreakGlassReason, BreakGlassHours: no reason, or not 1 hour to the longest.
            ReviewOverdue: a review of an earlier grant of the account is overdue.
            BreakGlassQuota: the account has used up its grants of 24 hours.
        """
        if self._practice(account) != self._member:
            raise BreakGlassDenied(account=account)
        grant = self._made(self._randomness(16), self._member, account, emergency, now_ms, admitted=0)
        return self._keep(grant, person, now_ms)

    def admit(self, grant: EmergencyGrant, person: bytes, now_ms: int) -> OpenedGlass:
        """Let in a grant of another institution for its own practitioner, with a review of this node's own.

        Args:
            grant: as presented with the reader's signed request; its signature has been checked.
            person: whom it concerns, as found now in this node's index.
            now_ms: the node's clock.

        Raises:
            BreakGlassDenied: not an active practitioner of that institution, or the grant is this institution's own.
            GrantRefused: another grant was let in under this id: for another account, patient, time or reason.
            GrantRunning: another one of the account for this patient runs.
            GrantsOfMember: the institution has presented too many today.
            BreakGlassReason, BreakGlassHours, ReviewOverdue, BreakGlassQuota: as ``open``.
        """
        if grant.member == self._member or self._practice(grant.account) != grant.member:
            raise BreakGlassDenied(account=grant.account)
        hours = -(-(grant.until_ms - grant.from_ms) // HOUR_MS)
        stated = Emergency(hours, grant.reason.decode("utf-8", "replace"), Level(grant.level))
        made = self._made(grant.id, grant.member, grant.account, stated, now_ms, admitted=1)
        made = replace(made, from_ms=grant.from_ms, until_ms=grant.until_ms)
        with self._opening:
            known = self._store.by_id(KeptGrant, grant.id)
            if known is None:
                self._check_alone(made, person, now_ms)
                return self._keep(made, person, now_ms)
        before = replace(known.value, review_by_ms=made.review_by_ms, review=())
        if (before, self._found_as(known.person)) != (made, person):
            raise GrantRefused(reason="another one was let in under its id")
        return OpenedGlass(known.value, _notice(known.value, person))

    def review(self, grant: str, account: str, verdict: Verdict, now_ms: int) -> KeptGrant:
        """Close the review of a grant.

        Raises:
            ReviewUnknown: there is no such grant here.
            ReviewDone: it was reviewed.
            ReviewDenied: not an active auditor or compliance officer of this institution, or the account itself.
        """
        row = self._store.by_id(KeptGrant, identifier_bytes(grant))
        if row is None:
            raise ReviewUnknown(grant=grant)
        if row.value.review:
            raise ReviewDone(grant=grant)
        reviewer = self._chain.account(account)
        if (
            reviewer is None
            or reviewer.member != self._member
            or reviewer.status is not Status.ACTIVE
            or REVIEWERS.isdisjoint(reviewer.roles)
            or account == row.value.account
        ):
            raise ReviewDenied(account=account)
        done = replace(row.value, review=(Review(account, now_ms, verdict),))
        self._store.replace(row, done)
        return done

    def tasks(self) -> list[Row[KeptGrant]]:
        """Return the grants that wait for their review, the most urgent first."""
        waiting = [row for row in self._store.of_kind(KeptGrant) if not row.value.review]
        return sorted(waiting, key=lambda row: row.value.review_by_ms)

    def blocked(self, account: str, now_ms: int) -> bool:
        """Tell whether a review of an earlier grant of an account is overdue."""
        rows = self._store.of_account(KeptGrant, identifier_bytes(account))
        return any(_overdue(row.value, now_ms) for row in rows)

    def grant_for(self, person: bytes, account: str, now_ms: int) -> BreakGlassGrant | None:
        """Return the newest grant of an account for a person, as the policy looks at it; None when there is none."""
        rows = [
            row.value for row in self._store.of_account(KeptGrant, identifier_bytes(account)) if row.person == person
        ]
        if not rows:
            return None
        newest = max(rows, key=lambda one: (one.from_ms, one.until_ms))
        return BreakGlassGrant(
            id=newest.id,
            member=identifier_bytes(newest.member),
            account=identifier_bytes(newest.account),
            level=newest.level,
            special=Special(newest.special),
            from_ms=newest.from_ms,
            until_ms=newest.until_ms,
            blocked=self.blocked(account, now_ms),
        )

    def _practice(self, account: str) -> str:
        """Return the medical institution whose active practitioner an account is, empty when it is none."""
        state = self._chain.account(account)
        member = None if state is None else self._chain.member(state.member)
        if state is None or member is None:
            return ""
        active = state.status is Status.ACTIVE and member.status is Status.ACTIVE
        treats = Role.PRACTITIONER in state.roles and member.member_kind is MemberKind.MEDICAL_INSTITUTION
        return state.member if active and treats else ""

    def _made(
        self, id_: bytes, member: str, account: str, emergency: Emergency, now_ms: int, *, admitted: int
    ) -> KeptGrant:
        reason = emergency.reason.strip().encode()
        if not 0 < len(reason) <= 1024:
            raise BreakGlassReason
        longest = min(self._limits.max_hours, 24)
        if not 1 <= emergency.hours <= longest:
            raise BreakGlassHours(hours=emergency.hours, longest=longest)
        until_ms = now_ms + emergency.hours * HOUR_MS
        return KeptGrant(
            id=id_,
            member=member,
            account=account,
            level=emergency.level,
            special=int(emergency.special),
            # It runs at once, also where the chain's clock is behind, and for all its hours.
            from_ms=max(min(now_ms, self._chain.time_ms()), until_ms - DAY_MS),
            until_ms=until_ms,
            reason=reason,
            admitted=admitted,
            review_by_ms=now_ms + self._limits.review_hours * HOUR_MS,
            review=(),
        )

    def _check_alone(self, grant: KeptGrant, person: bytes, now_ms: int) -> None:
        """Refuse a second grant beside one that runs, and an institution's grants in bulk."""
        for row in self._store.of_account(KeptGrant, identifier_bytes(grant.account)):
            if row.person == person and row.value.admitted and now_ms < row.value.until_ms:
                raise GrantRunning(account=grant.account)
        since = now_ms - DAY_MS + self._limits.review_hours * HOUR_MS
        theirs = [row.value for row in self._store.of_kind(KeptGrant) if row.value.member == grant.member]
        lately = sum(one.review_by_ms > since for one in theirs)
        if lately >= self._limits.member_grants_per_day:
            raise GrantsOfMember(member=grant.member, grants=lately)

    def _keep(self, grant: KeptGrant, person: bytes, now_ms: int) -> OpenedGlass:
        with self._opening:  # two at once must not both be the last that the quota allows
            rows = [row.value for row in self._store.of_account(KeptGrant, identifier_bytes(grant.account))]
            if any(_overdue(one, now_ms) for one in rows):
                raise ReviewOverdue
            since = now_ms - DAY_MS + self._limits.review_hours * HOUR_MS
            lately = sum(one.review_by_ms > since for one in rows)  # counted from when they were kept
            if lately >= self._limits.grants_per_day:
                raise BreakGlassQuota(account=grant.account, grants=lately)
            self._store.add(grant, grant.id, person, identifier_bytes(grant.account))
        return OpenedGlass(grant, _notice(grant, person))


def _overdue(grant: KeptGrant, now_ms: int) -> bool:
    return not grant.review and now_ms >= grant.review_by_ms


def _notice(grant: KeptGrant, person: bytes) -> PatientNotice:
    return PatientNotice(
        person=person,
        grant=identifier(grant.id),
        member=grant.member,
        account=grant.account,
        from_ms=grant.from_ms,
        until_ms=grant.until_ms,
        reason=grant.reason.decode(),
    )

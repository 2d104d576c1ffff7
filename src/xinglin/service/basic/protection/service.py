"""Puts together what a decision rests on: the node's stores, the consortium chain, index and episodes (permit.md S1).

``Situations.of`` is the one place where a ``Situation`` is built; the policy then decides without looking anything up.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

from xinglin.carrier.access.registry.model import AccountState, KeyState, MemberState
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.service.basic.audit.messages import SignedGrant
from xinglin.service.basic.protection.break_glass import BreakGlass
from xinglin.service.basic.protection.consents.service import Consents, KeptTerms
from xinglin.service.basic.protection.guardians import Guardians, default_at
from xinglin.service.basic.protection.mandates import Mandates
from xinglin.service.basic.protection.model import (
    Asking,
    BreakGlassGrant,
    Episode,
    Held,
    InstitutionDefault,
    Mandate,
    Patient,
    Reader,
    Situation,
    Standing,
    Target,
)
from xinglin.service.basic.protection.ports import ConsortiumFacts, Episodes, Quotas
from xinglin.service.basic.protection.store_model import KeptDefault
from xinglin.service.lifecycle.storage.remembered import Remembered
from xinglin.stakeholders.kinds import MemberKind, Status
from xinglin.stakeholders.purposes import Action, Purpose

STALE_AFTER_MS = 10_000
"""How old the newest block may be before no permit rests on a consent (design D7)."""
_PERSONS = 1_024
_MEMBER = {Status.ACTIVE: Standing.IN_FORCE, Status.SUSPENDED: Standing.SUSPENDED, Status.ENDED: Standing.ENDED}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader asks: which account of which member, by which key, to do what for which purpose.

    ``grants``: the emergency grant of the reader's institution that came with the request, where one did.
    """

    action: Action
    purpose: Purpose
    member: str
    account: str
    key: bytes
    grants: tuple[SignedGrant, ...] = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a situation comes from."""

    chain: ConsortiumFacts
    consents: Consents
    break_glass: BreakGlass
    guardians: Guardians
    mandates: Mandates
    episodes: Episodes
    quotas: Quotas
    followed: Callable[[bytes], Sequence[tuple[bytes, int]]] = lambda person: ((person, 0),)
    """Whom a person was merged into, and since when; see ``Persons.followed``."""
    version: Callable[[], Hashable] = object
    """Returns what changes with every change of the stores and the index; the default remembers nothing."""
    chain_version: Callable[[], Hashable] = object
    """The same of the stores, the index and the consortium chain."""


@dataclass(frozen=True, slots=True)
class _OnRecord:
    """What the stores and the index have of one person; nothing of the chain, nothing that depends on the time."""

    patient: Patient
    terms: tuple[KeptTerms, ...]
    mandates: tuple[Mandate, ...]
    defaults: tuple[KeptDefault, ...]


class Situations:
    """Builds situations at one node.

    Args:
        member: the member that owns the node, the custodian.
        sources: the node's stores and the chain.
        institution_default: what the institution decided (table I).
        stale_after_ms: how old the newest block may be.
    """

    def __init__(
        self,
        member: str,
        sources: Sources,
        institution_default: InstitutionDefault = InstitutionDefault.OVERSIGHT,
        stale_after_ms: int = STALE_AFTER_MS,
    ) -> None:
        self._member = member
        self._sources = sources
        self._institution_default = institution_default
        self._stale_after_ms = stale_after_ms
        self._of_persons: Remembered[bytes, _OnRecord] = Remembered(sources.version, _PERSONS)
        self._held: Remembered[bytes, tuple[Held, ...]] = Remembered(sources.chain_version, _PERSONS)

    def of(self, asked: Asked, person: bytes, target: Target, now_ms: int, at_ms: int | None = None) -> Situation:
        """Return the situation of one request.

        Args:
            asked: by whom, for what; the signature of the request has been checked.
            person: whose the record is, in the node's index.
            target: the record's labels and state.
            now_ms: the node's clock.
            at_ms: another moment to look at (``access explain --at``): both clocks are then there. Members and accounts
                are as known now; keys, consents, guardianships, grants and defaults have their times.
        """
        now = now_ms if at_ms is None else at_ms
        over = self._sources.quotas.over(asked.account, now)
        return self.about(asked, self.asking(asked, now_ms, at_ms, over_quota=over), person, target)

    def asking(self, asked: Asked, now_ms: int, at_ms: int | None = None, *, over_quota: bool) -> Asking:
        """Return what is to be known of who asks, before anything is looked up of what is asked for.

        Args:
            asked: as for ``of``.
            now_ms: as for ``of``.
            at_ms: as for ``of``.
            over_quota: whether the account has used up what it may read.
        """
        now, chain = (now_ms, self._sources.chain.time_ms()) if at_ms is None else (at_ms, at_ms)
        return Asking(
            action=asked.action,
            purpose=asked.purpose,
            now_ms=now,
            chain_ms=chain,
            reader=self._reader(asked, max(now, chain), over_quota=over_quota),
            stale_after_ms=self._stale_after_ms,
        )

    def about(self, asked: Asked, asking: Asking, person: bytes, target: Target) -> Situation:
        """Return the situation of one who asks, about one record of a person; see ``of``."""
        s, now, chain = self._sources, asking.now_ms, asking.chain_ms
        late = max(now, chain)
        known = self._known(person)
        default, guardian = default_at(known.defaults, late)
        emergency = asked.purpose is Purpose.ETREAT
        return Situation(
            action=asking.action,
            purpose=asking.purpose,
            now_ms=now,
            chain_ms=chain,
            reader=asking.reader,
            stale_after_ms=asking.stale_after_ms,
            target=target,
            patient=known.patient,
            # The terms are asked for once more: those above may be of a version before.
            held=self._held.get(person, lambda: s.consents.now(self._known(person).terms)),
            grant=self._grant(person, asked.account, now) if emergency else None,
            mandates=known.mandates,
            episode=_begun(s.episodes.of(person, late), min(now, chain)) if asked.member == self._member else None,
            patient_default=default,
            default_guardian=guardian,
            institution_default=self._institution_default,
        )

    def _known(self, person: bytes) -> _OnRecord:
        return self._of_persons.get(person, lambda: self._on_record(person))

    def _on_record(self, person: bytes) -> _OnRecord:
        """Return what is on record of a person, and of whom it was merged into, from then on.

        Guardianships open nothing by themselves, so all of them are looked at.
        """
        s, followed = self._sources, self._sources.followed(person)
        guardianships = (one for other, _ in followed for one in s.guardians.patient(other).guardianships)
        return _OnRecord(
            replace(s.guardians.patient(person), guardianships=tuple(guardianships)),
            s.consents.terms(person),
            tuple(one for other, since in followed for one in s.mandates.of(other) if one.from_ms >= since),
            tuple(one for other, since in followed for one in s.guardians.defaults(other) if one.since_ms >= since),
        )

    def _grant(self, person: bytes, account: str, now: int) -> BreakGlassGrant | None:
        """Return the newest grant of an account for a person or whom it was merged into: an emergency does not wait."""
        found = (self._sources.break_glass.grant_for(one, account, now) for one, _ in self._sources.followed(person))
        return max((one for one in found if one is not None), key=lambda one: one.from_ms, default=None)

    def _reader(self, asked: Asked, at_ms: int, *, over_quota: bool) -> Reader:
        chain = self._sources.chain
        member, account = chain.member(asked.member), chain.account(asked.account)
        return Reader(
            account=identifier_bytes(asked.account),
            member=identifier_bytes(asked.member),
            kind=MemberKind.DATA_USER if member is None else member.member_kind,
            roles=frozenset() if account is None else frozenset(account.roles),
            own=asked.member == self._member,
            member_standing=_member_standing(member),
            account_standing=_account_standing(account, asked.member),
            key_standing=_key_standing(chain.key(asked.key), asked.account, at_ms),
            over_quota=over_quota,
        )


def _begun(episode: Episode | None, low_ms: int) -> Episode | None:
    """Return an open episode as begun by both clocks: the chain's may be behind, and care does not wait for it."""
    return None if episode is None else replace(episode, from_ms=min(episode.from_ms, low_ms))


def _member_standing(member: MemberState | None) -> Standing:
    return Standing.UNKNOWN if member is None else _MEMBER[member.status]


def _account_standing(account: AccountState | None, member: str) -> Standing:
    if account is None or account.member != member:
        return Standing.UNKNOWN
    return Standing.IN_FORCE if account.status is Status.ACTIVE else Standing.ENDED


def _key_standing(key: KeyState | None, account: str, at_ms: int) -> Standing:
    """Return how the chain knows a key at a time: another account's, or one that begins later, is unknown."""
    if key is None or key.account != account or at_ms < key.from_ms:
        return Standing.UNKNOWN
    if key.compromised and at_ms >= key.compromised[0]:
        return Standing.COMPROMISED
    return Standing.ENDED if key.until and at_ms >= key.until[0] else Standing.IN_FORCE

"""The consents of one node: takes in what is addressed to it, acknowledges, lists (docs/spec/consent.md CN20 to CN25).

A node decides on what it holds: an opening is kept durably before the node acknowledges, and whether a consent stands
is read from the chain whenever it is asked. What is addressed to others stays closed. Submits nothing: returns calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from xinglin.carrier.crypto.errors import OpenFailed
from xinglin.carrier.crypto.suite import Suite
from xinglin.kernel.errors import PlatformError, Unavailable
from xinglin.kernel.identifiers import identifier, identifier_bytes
from xinglin.service.basic.protection.consents.model import (
    AcknowledgeConsent,
    ConsentOpening,
    ConsentState,
    ConsentStatus,
    ConsentTerms,
)
from xinglin.service.basic.protection.consents.rules import terms_fault, try_unpadded
from xinglin.service.basic.protection.errors import (
    ConsentNotGranted,
    ConsentNotHeld,
    ConsentRefused,
    ConsentUnknown,
    ConsentWithdrawn,
)
from xinglin.service.basic.protection.model import Grantees, Held
from xinglin.service.basic.protection.ports import ConsortiumFacts, Persons
from xinglin.service.basic.protection.store import ProtectionStore
from xinglin.service.basic.protection.store_model import KeptConsent, KeptLook, KeptPaper
from xinglin.stakeholders.labels import Special

MOST_WAITING = 5_000
"""So many consents wait for patients who are not known here; an older one is seen by looking at all of the chain."""
_UNKNOWN_HERE = "the person is not known here"
_LOOK = b"look for consent"
"""Id of the one row that says how far this node has looked."""
Decrypt = Callable[[bytes], bytes]
"""Decrypts with the node's sealing key; raises OpenFailed for what is not for it."""


@dataclass(frozen=True, slots=True)
class ConsentView:
    """A consent as shown to its patient: the terms, where it stands, since when each node that it binds follows it."""

    terms: ConsentTerms
    state: ConsentState | None
    nodes: dict[str, int | None]


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What came of looking at consents.

    ``calls`` are to be made; ``refused`` is what was addressed to this node and is not taken in, by its id; ``waiting``
    are those of it that may be taken in once their patient is known, or linked.
    """

    calls: list[AcknowledgeConsent]
    refused: dict[str, PlatformError]
    waiting: list[str]


@dataclass(frozen=True, slots=True)
class KeptTerms:
    """A consent or prohibition as this node keeps it: whose it is here, and by what name the opening means whom."""

    held: Held
    person: bytes
    named: bytes


class Consents:
    """The consents that one node holds.

    Args:
        suite: the consortium chain's suite.
        node: this node's id.
        chain: the consortium chain as this node has it.
        store: the node's store of protection.
        persons: the node's patient index.
        decrypt: decrypts with the node's sealing key.
    """

    def __init__(
        self,
        suite: Suite,
        node: str,
        chain: ConsortiumFacts,
        store: ProtectionStore,
        persons: Persons,
        decrypt: Decrypt,
    ) -> None:
        self._suite = suite
        self._node = node
        self._chain = chain
        self._store = store
        self._persons = persons
        self._decrypt = decrypt

    def take_in(self, consent: str) -> AcknowledgeConsent | None:
        """Open a granted consent, keep it durably, and return the acknowledgement to call; None when there is none.

        Returns None for a consent that is addressed to others, and for one that this node has acknowledged.

        Raises:
            ConsentUnknown, ConsentNotGranted, ConsentWithdrawn: the chain has none that stands.
            ConsentRefused: it is addressed to this node, but is not what was committed, or not of a patient of it.
        """
        state = self._standing(consent)
        if self._chain.acknowledged_by(consent, self._node) is not None:
            return None
        if self._store.by_id(KeptConsent, identifier_bytes(consent)) is None:
            opening = self._opening(consent)
            if opening is None:
                return None
            person = self._person(state, opening)
            self._check(consent, state, opening, person)
            kept = KeptConsent(opening=opening)
            self._store.add(kept, identifier_bytes(consent), person)
        return AcknowledgeConsent(consent, self._node)

    def new(self) -> list[str]:
        """Return the ids of what stands and was granted since ``looked`` was called, and of what waits since then."""
        kept = self._store.by_id(KeptLook, _LOOK)
        if kept is None:
            return list(self._chain.granted_since(0))
        waiting = map(identifier, kept.value.waiting)
        return list(dict.fromkeys((*self._chain.granted_since(kept.value.before_ms), *waiting)))

    def looked(self, before_ms: int, waiting: Sequence[str]) -> None:
        """Keep durably that everything granted before a block time was taken in, but for what waits; see ``new``."""
        look = KeptLook(before_ms=before_ms, waiting=tuple(map(identifier_bytes, waiting[-MOST_WAITING:])))
        kept = self._store.by_id(KeptLook, _LOOK)
        if kept is None:
            self._store.add(look, _LOOK, bytes(16))
        elif kept.value != look:
            self._store.replace(kept, look)

    def take_in_all(self, consents: Iterable[str]) -> TakenIn:
        """Take in those of several consents that are for this node; what is not right with one holds up no other.

        Raises:
            Unavailable: they can't be looked at now.
        """
        taken = TakenIn([], {}, [])
        for consent in consents:
            try:
                call = self.take_in(consent)
            except (ConsentNotGranted, ConsentUnknown, ConsentWithdrawn):
                continue
            except Unavailable:
                raise
            except PlatformError as refusal:
                taken.refused[consent] = refusal
                if refusal.facts.get("reason") == _UNKNOWN_HERE:
                    taken.waiting.append(consent)
                continue
            if call is not None:
                taken.calls.append(call)
        return taken

    def held(self, person: bytes) -> tuple[Held, ...]:
        """Return the consents and prohibitions of a person with what the chain says of each now."""
        return self.now(self.terms(person))

    def now(self, terms: Iterable[KeptTerms]) -> tuple[Held, ...]:
        """Return what counts of the consents and prohibitions of a person, with what the chain says of each now."""
        return tuple(held for one in terms if (held := self.with_chain(one)) is not None)

    def terms(self, person: bytes) -> tuple[KeptTerms, ...]:
        """Return the consents and prohibitions of a person as this node keeps them; only the chain has what follows."""
        followed = dict(self._persons.followed(person))
        # Consents never follow a merge unconfirmed: one counts for whoever was the person when it was given.
        # Prohibitions always do (in doubt for the patient), and where a merge is undone, those that were given under it
        # bind for both: who of the two forbade it can't be told.
        rows = [
            row
            for one in dict.fromkeys((*followed, *self._persons.joined(person)))
            for row in self._store.of_person(KeptConsent, one)
            if row.value.opening.terms.prohibits
            or (one in followed and row.value.opening.terms.given_ms >= followed[one])
        ]
        rows += [
            row
            for other, since, until in self._persons.parted(person)
            for row in self._store.of_person(KeptConsent, other)
            if row.value.opening.terms.prohibits and since <= row.value.opening.terms.given_ms <= until
        ]
        return tuple(KeptTerms(_held(row.value.opening.terms), row.person, row.value.opening.person) for row in rows)

    def with_chain(self, kept: KeptTerms) -> Held | None:
        """Return a consent or prohibition with its acknowledgement by this node and its revocation, as of now.

        None where it counts no more: a consent that came by a link that was undone. A prohibition always counts.
        """
        held, consent = kept.held, identifier(kept.held.id)
        state = self._chain.consent(consent)
        if kept.named != kept.person and not held.prohibits:
            linked = None if state is None else self._persons.linked(state.member, kept.named)
            if linked is None or kept.person not in self._persons.joined(linked):
                return None
        return replace(
            held,
            acknowledged_ms=self._chain.acknowledged_by(consent, self._node),
            revoked_ms=state.revoked_ms[0] if state is not None and state.revoked_ms else None,
        )

    def views(self, person: bytes) -> Iterator[ConsentView]:
        """Yield a person's consents that this node holds, for the person to see."""
        for row in self._store.of_person(KeptConsent, person):
            yield self.view_of(row.value.opening.terms)

    def view(self, consent: str) -> ConsentView:
        """Return a consent that this node holds, for its patient to see; raises ConsentNotHeld."""
        row = self._store.by_id(KeptConsent, identifier_bytes(consent))
        if row is None:
            raise ConsentNotHeld(consent=consent)
        return self.view_of(row.value.opening.terms)

    def state(self, consent: str) -> ConsentState | None:
        """Return where a consent stands on the chain, None when there is none of that id."""
        return self._chain.consent(consent)

    def view_of(self, terms: ConsentTerms) -> ConsentView:
        """Return what the chain says of a consent whose terms are known, from a wallet for example."""
        times = self._chain.acknowledged(terms.consent)
        nodes = {one.node: times.get(one.node) for one in terms.custodians}
        return ConsentView(terms, self._chain.consent(terms.consent), nodes)

    def keep_paper(self, scan: bytes, person: bytes, account: str, now_ms: int) -> bytes:
        """Keep the hash of a scanned paper and return it for the terms; the same scan again is no error."""
        paper = self._suite.hash(scan)
        if self._store.by_id(KeptPaper, paper) is None:
            self._store.add(KeptPaper(paper=paper, account=account, time=now_ms), paper, person)
        return paper

    def _standing(self, consent: str) -> ConsentState:
        state = self._chain.consent(consent)
        if state is None:
            raise ConsentUnknown(consent=consent)
        if state.status is ConsentStatus.REVOKED:
            raise ConsentWithdrawn(consent=consent)
        if state.status is not ConsentStatus.GRANTED:
            raise ConsentNotGranted(consent=consent)
        return state

    def _opening(self, consent: str) -> ConsentOpening | None:
        for sealed in self._chain.openings(consent):
            try:
                plaintext = self._decrypt(sealed)
            except OpenFailed:
                continue
            opening = try_unpadded(plaintext)
            if opening is None:
                raise ConsentRefused(consent=consent, reason="the opening is not in form")
            return opening
        return None

    def _person(self, state: ConsentState, opening: ConsentOpening) -> bytes:
        """Return whom an opening means here (CN20): another member names a patient by the link that both know."""
        here = self._chain.node(self._node)
        if here is not None and here.member == state.member:
            return opening.person
        return self._persons.linked(state.member, opening.person) or bytes(16)  # nobody

    def _check(self, consent: str, state: ConsentState, opening: ConsentOpening, person: bytes) -> None:
        fault = terms_fault(self._suite.hash, opening, consent, state.terms, self._node)
        died, given = self._persons.died_ms(person), opening.terms.given_ms
        if not fault and not self._persons.knows(person):
            fault = _UNKNOWN_HERE
        if not fault and given > min(state.granted_ms):
            fault = "it was given later than granted"
        if not fault and died is not None and given >= died:
            fault = "the patient had died"
        if fault:
            raise ConsentRefused(consent=consent, reason=fault)


def _held(terms: ConsentTerms) -> Held:
    return Held(
        id=identifier_bytes(terms.consent),
        prohibits=terms.prohibits == 1,
        grantees=Grantees(
            frozenset(map(identifier_bytes, terms.members)),
            frozenset(terms.roles),
            frozenset(map(identifier_bytes, terms.accounts)),
        ),
        purposes=frozenset(terms.purposes),
        categories=frozenset(terms.categories),
        level=terms.level,
        special=Special(terms.special),
        copy=terms.copy,
        given_ms=terms.given_ms,
        from_ms=terms.from_ms,
        until_ms=terms.until_ms,
        guardian=identifier_bytes(terms.guardian[0]) if terms.guardian else b"",
    )

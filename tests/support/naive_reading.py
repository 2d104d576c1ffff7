"""What may be served in a town, by bookkeeping of what was done there: the naive twin of two nodes' reading.

It knows only what the test did: which consents were given, taken in, revoked, and so on. From that it puts together the
situation of a request and asks the oracle that was written from docs/spec/permit.md alone; agreements, states of
records and searches are decided here by the words of reading.md and agreement.md. It shares no lookup with the product.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from tests.support.permit_oracle import decide
from tests.support.permit_page import Answer
from tests.support.reading_town import Account, Known
from tests.support.town_people import Patient, born_ms
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.service.basic.protection import model as page
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.stakeholders.kinds import MemberKind
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Action, Purpose

LONG_AGO = 0
NOT_HERE = bytes(31) + b"\x01"
_GATE = 6
"""Rules up to this one ask who reads, before anything is looked up (RD3)."""
_OPEN_SINCE = 1_767_312_000_000
"""When the stay of the patient who lies at A began: 2026-01-02 08:00 in China."""


@dataclass
class Consent:
    """A consent or prohibition: what was wanted, whose, which nodes it binds and has reached, whether it stands."""

    id: str
    wanted: WantedConsent
    patient: Patient
    custodians: tuple[str, ...]
    acknowledged: set[str] = field(default_factory=set)
    revoked: bool = False


@dataclass(frozen=True)
class Clocks:
    """Between which times a decision was taken: the node's clock and block time, before and after, ms."""

    now: tuple[int, int]
    chain: tuple[int, int]

    def corners(self) -> Iterator[tuple[int, int]]:
        """Yield the extremes as (now, chain)."""
        yield from ((now, chain) for now in self.now for chain in self.chain)


@dataclass(frozen=True)
class Terms:
    """An agreement in force: purposes, categories, highest level."""

    purposes: frozenset[Purpose]
    categories: frozenset[Category]
    level: Level


Pair = tuple[str, str]
Person = tuple[str, str]
"""A hospital, and a patient's name."""


@dataclass
class NaiveTown:
    """See the module."""

    members: dict[str, str]
    consents: list[Consent] = field(default_factory=list)
    guardianships: dict[Person, list[page.Guardianship]] = field(default_factory=dict)
    defaults: dict[Person, tuple[page.PatientDefault, bytes]] = field(default_factory=dict)
    grants: dict[tuple[str, str, str], page.BreakGlassGrant] = field(default_factory=dict)
    agreements: dict[Pair, Terms] = field(default_factory=dict)
    states: dict[bytes, tuple[page.RecordState, bytes]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)

    def read(
        self, who: Account, record: Known, action: Action, purpose: Purpose, clocks: Clocks
    ) -> set[tuple[str, int]]:
        """Return what a request may come to: (code of the refusal, copy); one, unless a time ran out meanwhile."""
        return {
            self._read(self._situation(who, record, action, purpose, *times), who, record) for times in clocks.corners()
        }

    def stranger(self, who: Account, custodian: str, purpose: Purpose, clocks: Clocks) -> set[str]:
        """Return why somebody is refused who asks for a record that is not there."""
        return {self._gate(who, custodian, purpose, times) or "reading.not_here" for times in clocks.corners()}

    def search(
        self, who: Account, records: list[Known], purpose: Purpose, clocks: Clocks
    ) -> tuple[set[str], dict[bytes, int], dict[bytes, int]]:
        """Return what a search may come to: codes of refusals, records that must and that may be told, with copies."""
        custodian, told = records[-1].hospital, []
        gate = {self._gate(who, custodian, purpose, times) for times in clocks.corners()}
        for times in clocks.corners():
            found = {}
            for one in records:
                code, copy = self._read(self._situation(who, one, Action.READ, purpose, *times), who, one)
                if not code:
                    found[one.commitment] = copy
            told.append(found)
        must = {one: copy for one, copy in told[0].items() if all(each.get(one) == copy for each in told)}
        may = {one: copy for each in told for one, copy in each.items()}
        newest = self.read(who, records[-1], Action.SEARCH, purpose, clocks)
        codes = {code for code in gate if code} or {code for code, _ in newest if code and not must}
        return codes, must, may

    def match(self, who: Account, custodian: str, purpose: Purpose, clocks: Clocks) -> set[str]:
        """Return why somebody is refused who asks for a match, an empty string where nothing stands against it."""
        return {self._gate(who, custodian, purpose, times) for times in clocks.corners()}

    def _gate(self, who: Account, custodian: str, purpose: Purpose, times: tuple[int, int]) -> str:
        anything = Known(custodian, NOT_HERE, "", "", "", None, 1, 1, 0, has_copy=False, original=b"")
        answer = decide(self._situation(who, anything, Action.SEARCH, purpose, *times))
        if not answer.permit and answer.rule <= _GATE:
            return answer.code
        terms = self.agreements.get((custodian, who.hospital))
        lacking = who.hospital != custodian and (terms is None or purpose not in terms.purposes)
        return "agreement.missing" if lacking else ""

    def _read(self, situation: page.Situation, who: Account, record: Known) -> tuple[str, int]:
        answer = decide(situation)
        if not answer.permit and answer.rule <= _GATE:
            return answer.code, 0
        if who.hospital != record.hospital:
            terms = self.agreements.get((record.hospital, who.hospital))
            if (
                terms is None
                or situation.purpose not in terms.purposes
                or situation.target.category not in terms.categories
                or situation.target.level > terms.level
            ):
                return "agreement.missing", 0
        return self._served(answer, record)

    def _served(self, answer: Answer, record: Known) -> tuple[str, int]:
        if not answer.permit:
            return answer.code, 0
        if answer.copy == 2 and not record.has_copy:
            return "reading.copy_missing", 0
        return "", answer.copy

    def _situation(
        self, who: Account, record: Known, action: Action, purpose: Purpose, now: int, chain: int
    ) -> page.Situation:
        own, custodian, patient = who.hospital == record.hospital, record.hospital, record.patient
        person = (custodian, patient.name if patient else "")
        state, current = self.states.get(record.commitment, (page.RecordState.STANDING, b""))
        default, under = self.defaults.get(person, (page.PatientDefault.UNSET, b""))
        reader = page.Reader(
            account=identifier_bytes(who.account),
            member=identifier_bytes(self.members[who.hospital]),
            kind=MemberKind.MEDICAL_INSTITUTION,
            roles=frozenset({who.role}),
            own=own,
            key_standing=page.Standing.ENDED if who.account in self.ended else page.Standing.IN_FORCE,
        )
        grant = self.grants.get((*person, who.account)) if purpose is Purpose.ETREAT else None
        return page.Situation(
            action=Action.READ if action is Action.SEARCH else action,
            purpose=purpose,
            now_ms=now,
            chain_ms=chain,
            reader=reader,
            target=page.Target(Category(record.category), Level(record.level), Special(record.special), state, current),
            patient=self._patient(person, patient),
            held=tuple(self._held(custodian, patient)),
            grant=grant,
            mandates=(),
            episode=self._episode(record) if own else None,
            patient_default=default,
            default_guardian=under,
            institution_default=page.InstitutionDefault.OVERSIGHT,
            stale_after_ms=10_000,
        )

    def _patient(self, person: Person, patient: Patient | None) -> page.Patient:
        if patient is None:
            return page.Patient(None, None, None)
        relations = tuple(self.guardianships.get(person, ()))
        return page.Patient(born_ms(patient, 14), born_ms(patient, 18), patient.died_ms, relations)

    def _held(self, custodian: str, patient: Patient | None) -> Iterator[page.Held]:
        for one in self.consents:
            wanted = one.wanted
            if one.patient != patient or custodian not in one.acknowledged:
                continue
            yield page.Held(
                id=identifier_bytes(one.id),
                prohibits=wanted.prohibits,
                grantees=page.Grantees(
                    frozenset(map(identifier_bytes, wanted.members)),
                    frozenset(wanted.roles),
                    frozenset(map(identifier_bytes, wanted.accounts)),
                ),
                purposes=frozenset(wanted.purposes),
                categories=frozenset(wanted.categories),
                level=wanted.level,
                special=wanted.special,
                copy=wanted.copy,
                given_ms=wanted.given_ms,
                from_ms=wanted.from_ms,
                until_ms=wanted.until_ms,
                guardian=identifier_bytes(wanted.guardian) if wanted.guardian else b"",
                acknowledged_ms=LONG_AGO,
                revoked_ms=LONG_AGO if one.revoked else None,
            )

    def _episode(self, record: Known) -> page.Episode | None:
        here = record.patient is not None and record.patient.here_now and record.hospital == "a"
        return page.Episode(bytes(16), _OPEN_SINCE) if here else None

    def correct(self, old: Known, new: bytes) -> None:
        """Note that a record was corrected."""
        self.states = {
            one: (state, new if current == old.commitment else current) for one, (state, current) in self.states.items()
        }
        self.states[old.commitment] = (page.RecordState.SUPERSEDED, new)

    def order(self, record: Known, state: page.RecordState) -> None:
        """Note that a record was restricted or ordered away; the versions before it are restricted with it (DE18)."""
        old, restricted = page.RecordState.SUPERSEDED, page.RecordState.RESTRICTED
        before = {one for one, said in self.states.items() if said == (old, record.commitment)}
        self.states |= dict.fromkeys(before, (restricted, record.commitment))
        self.states[record.commitment] = (state, b"")

    def end_guardianship(self, person: Person, relation: bytes, until_ms: int) -> None:
        """Note that a guardianship ends."""
        self.guardianships[person] = [
            replace(one, until_ms=until_ms) if one.id == relation else one for one in self.guardianships[person]
        ]


def standing(records: Iterable[Known], naive: NaiveTown) -> list[Known]:
    """Return the records that were neither corrected nor ordered away."""
    return [one for one in records if one.commitment not in naive.states]

"""Nothing on the consortium chain tells which records or consents are of one patient, with or without the key (inv. 7).

The test plays the observer (``tests/support/observer.py``) over a session of two hospitals in which several patients
have records registered, consent, revoke, and have old records destroyed, all in random order. Planted leaks are found.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.observer import CHANCE, RUNS, Score, Unit, consents_on, orders_on, records_on, scores
from tests.support.old_stays import administrator
from tests.support.product import stored_records
from tests.support.reading_town import Town, make_town, town_in
from tests.support.town_people import HOSPITALS, Patient, bundle_of
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.office import consents as node_consents
from xinglin.node.office.consents import GivenConsent, acknowledge, call, give_at_counter, give_by_own_key, revoke
from xinglin.node.opening import transmission_key
from xinglin.service.basic.destruction.service import Destruction
from xinglin.service.basic.intake.preparation import Preparation
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.basic.protection.consents.model import ApproveRevocation, ProposeRevocation
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose

STAYS = (("IMP", "1983-10-28"), ("AMB", "2020-11-02"))
PEOPLE = tuple(
    Patient(name, f"110101195{number}0{number + 1}1500{number}", stays=STAYS)
    for number, name in enumerate(("王一", "王二", "王三", "王四", "王五", "王六"))
)
NOTES = (b"Observation", b"Condition")
EACH = 6
"""Consents of each patient."""
PLANTED = 8.0
"""What a planted leak scores at least."""
pytestmark = pytest.mark.requirement("S6.2d", "S8.2d")


def intakes() -> list[dict[str, list[bytes]]]:
    """Return two intakes of both hospitals, each with one stay of everybody."""
    return [
        {name: [bundle_of(name, one, at, stay) for at, one in enumerate(PEOPLE)] for name in HOSPITALS}
        for stay in range(len(STAYS))
    ]


@dataclass
class Session:
    """What happened: the truth behind the chain."""

    town: Town
    source: random.Random
    consents: dict[str, str] = field(default_factory=dict)
    records: dict[bytes, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take note of whose the records are."""
        for name in HOSPITALS:
            for row in stored_records(self.town.archive(name)):
                if row.details.subject:
                    self.records[row.details.commitment] = _whose(row)

    @property
    def ledger(self) -> Ledger:
        return self.town.archive("a").node.consortium

    def decide(self) -> None:
        """Let all patients consent, nodes acknowledge and patients revoke, in random order."""
        wanted = [one for one in PEOPLE for _ in range(EACH)]
        self.source.shuffle(wanted)
        waiting: list[tuple[str, str]] = []
        standing: list[tuple[GivenConsent, str]] = []
        for patient in wanted:
            given, at = self._give(patient)
            self.consents[given.consent] = patient.name
            standing.append((given, at))
            waiting += [(given.consent, name) for name in HOSPITALS]
            while waiting and self.source.random() < 0.7:
                consent, name = waiting.pop(self.source.randrange(len(waiting)))
                acknowledge(self.town.servings[name], consent)
            if self.source.random() < 0.4:
                self._revoke(*standing.pop(self.source.randrange(len(standing))), waiting)

    def _give(self, patient: Patient) -> tuple[GivenConsent, str]:
        now, at = SystemClock().now_ms(), self.source.choice(HOSPITALS)
        wish = WantedConsent(
            purposes=[Purpose.TREAT],
            categories=[Category.HEALTH_STATUS],
            level=Level.NARROW,
            given_ms=now - 2_000,
            from_ms=now - 2_000,
            until_ms=now + 86_400_000,
            prohibits=self.source.random() < 0.2,
        )
        number = PEOPLE.index(patient)
        bound = [self.town.address(name, self._person(name, number), at) for name in HOSPITALS]
        node = self.town.archive(at).node
        if self.source.random() < 0.3:
            staff = (self.town.staff[f"{at}-clerk"].key_name, self.town.staff[f"{at}-clerk2"].key_name)
            return give_at_counter(node, wish, bound, staff), at
        return give_by_own_key(node, wish, bound), at

    def _person(self, name: str, number: int) -> bytes:
        found = self.town.archive(name).persons.person_of(b"his", f"{name}-{number}".encode())
        assert found is not None
        return found

    def _revoke(self, given: GivenConsent, at: str, waiting: list[tuple[str, str]]) -> None:
        waiting[:] = [one for one in waiting if one[0] != given.consent]
        if given.key:
            revoke(self.town.archive(self.source.choice(HOSPITALS)).node, given)
            return
        node, staff = self.town.archive(at).node, self.town.staff
        call(node, "consent", "propose_revocation", ProposeRevocation(given.consent), staff[f"{at}-clerk"].key_name)
        call(node, "consent", "approve_revocation", ApproveRevocation(given.consent), staff[f"{at}-clerk2"].key_name)

    def destroy(self) -> None:
        """Have the old stay's notes of all patients destroyed at once, named patient by patient."""
        rows = [row for row in stored_records(self.town.archive("a")) if row.details.type in NOTES]
        old = sorted((row for row in rows if row.details.logical_id.split(b"-")[2] == b"0"), key=_whose)
        office, ids = self.town.site.records_office, [identifier(row.record) for row in old]
        office.order(ids, "retention_ended", administrator(self.town.archive("a").node))
        office.confirm(ids, self.town.staff["a-officer"].account)
        assert len(office.carry_out()["certificates"]) == len(ids)

    def units(self, kind: str) -> list[Unit]:
        """Return what an observer sees: of consents, orders, records, or of records with the transmission key."""
        if kind == "consents":
            return consents_on(self.ledger, self.consents)
        if kind == "orders":
            return orders_on(self.ledger, self.records)
        key = transmission_key(self.town.archive("b").node, "treatment").key if kind == "locators" else None
        return records_on(self.ledger, self.records, key)

    def found(self, kind: str) -> list[Score]:
        """Return what the observer finds, the most telling first."""
        return scores(self.units(kind), self.source)


def _whose(row: StoredRecord) -> str:
    return PEOPLE[int(row.details.subject.rsplit(b"-", 1)[1])].name


@contextmanager
def session(folder: Path, source: random.Random) -> Iterator[Session]:
    """Give a new town with everybody's records."""
    with town_in(make_town(folder, intakes())) as town:
        yield Session(town, source)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with session(tmp_path_factory.mktemp("world") / "town", random.Random(7)) as whole:
        whole.decide()
        whole.destroy()
        yield whole


@pytest.mark.parametrize(("kind", "least"), [("consents", 36), ("orders", 18), ("records", 150), ("locators", 150)])
def test_an_observer_tells_no_better_than_chance_what_is_of_one_patient(
    world: Session, kind: str, least: int, tmp_path: Path
) -> None:
    units = world.units(kind)
    assert len(units) >= least
    assert len({unit.patient for unit in units}) == len(PEOPLE)
    found = world.found(kind)
    assert len(found) > 10
    if beyond(found):  # chance goes so far once in a thousand runs: what tells anything does in another session too
        with session(tmp_path / "town", random.Random(12)) as again:
            again.decide()
            again.destroy()
            assert beyond(found) & beyond(again.found(kind)) == set()


def beyond(found: Sequence[Score]) -> set[str]:
    """Return the ways that tell more than chance, without the ids of nodes, which are others in each session."""
    return {re.sub(r"[a-z2-7]{26}", "NODE", score.way) for score in found if score.worst > CHANCE}


def test_a_consent_is_not_linked_with_records_or_orders(world: Session) -> None:
    """Bytes that a consent and a record of one patient have in common, and others don't: there are none."""
    units = [*world.units("consents"), *world.units("locators")]
    [score] = scores(units, world.source, only=[RUNS])
    assert score.worst <= CHANCE


def worst(whole: Session, kind: str) -> Score:
    """Return the most telling score."""
    return whole.found(kind)[0]


def handle_of_person(honest: Callable[..., Any]) -> Callable[..., Any]:
    """Return a preparation whose handles begin with what the hospital calls the patient."""

    def prepare(self: Preparation, resources: Sequence[Any], *rest: Any) -> Any:
        return [leaking(draft) for draft in honest(self, resources, *rest)]

    def leaking(draft: Any) -> Any:
        said = hashlib.sha256(draft.fresh.resource.subject.encode()).digest()[:8]
        return replace(draft, secrets=replace(draft.secrets, handle=said + random_bytes(8)))

    return prepare


def test_handles_made_of_persons_are_found_by_who_has_the_key_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Preparation, "_drafts", handle_of_person(Preparation._drafts))
    with session(tmp_path / "town", random.Random(8)) as whole:
        leak = worst(whole, "locators")
        assert leak.worst > PLANTED
        assert "handle" in leak.way or leak.way == RUNS
        assert worst(whole, "records").worst < PLANTED


def test_ids_of_consents_that_begin_alike_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whose: list[bytes] = [b""]
    honest = Session._give

    def give(self: Session, patient: Patient) -> tuple[GivenConsent, str]:
        whose[0] = patient.name.encode()[:6]
        return honest(self, patient)

    def leaky(count: int) -> bytes:
        return (whose[0] + random_bytes(count))[:count] if count == 16 else random_bytes(count)

    monkeypatch.setattr(Session, "_give", give)
    monkeypatch.setattr(node_consents, "random_bytes", leaky)
    with session(tmp_path / "town", random.Random(9)) as whole:
        whole.decide()
        assert worst(whole, "consents").worst > PLANTED


def test_orders_in_the_order_of_patients_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Destruction, "_shuffled", lambda _, rows: list(rows))
    with session(tmp_path / "town", random.Random(10)) as whole:
        whole.destroy()
        score = worst(whole, "orders")
        assert score.worst > CHANCE
        assert score.way.startswith("near in ")

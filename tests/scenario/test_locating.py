"""From a commitment on the chain to node, recorder, record and person: by key, under agreement and permit (H5; D10)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.agreements import agree
from tests.support.neighbours import DAY_MS, A, B, neighbours, staff
from tests.support.product import findings, xinglin
from tests.support.refusals import refused
from xinglin.kernel.encoding import decode
from xinglin.kernel.identifiers import identifier, identifier_bytes
from xinglin.node.chains import SystemClock
from xinglin.node.office import locating, patients
from xinglin.node.office.consents import acknowledge, give_by_own_key
from xinglin.node.office.locating import find_registered, locate_record, locator_of
from xinglin.node.records.access import open_trace
from xinglin.node.site import Site
from xinglin.service.basic.audit.messages import Asked
from xinglin.service.basic.coordination.model import RecordItem
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.basic.reading.deciding import RESOLVE
from xinglin.service.basic.reading.reader import Reader, Received
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose

TREAT = Purpose.TREAT


@pytest.fixture
def folder(homes_of_neighbours: Path, tmp_path: Path) -> Path:
    """Return a copy of both homes that a test may change."""
    shutil.copytree(homes_of_neighbours, tmp_path / "homes")
    return tmp_path / "homes"


@pytest.fixture
def site(folder: Path) -> Iterator[Site]:
    """Return both homes, open; B acts."""
    with neighbours(folder, acting=B) as opened:
        yield opened


def observation(site: Site) -> tuple[bytes, bytes]:
    """Return the commitment of A's first observation, and whose it is there."""
    archive = site.archive_of(site.nodes[1])
    person = next(iter(archive.persons.persons()))
    rows = archive.vault.records_of(archive.persons.subjects_of(person))
    return next(row.details.commitment for row in rows if row.details.type == b"Observation"), person


def consent(site: Site, person: bytes) -> None:
    """Have A's patient consent to B's reading of observations."""
    a, now = site.serving_of(site.nodes[1]), SystemClock().now_ms()
    wanted = WantedConsent(
        purposes=[TREAT],
        categories=[Category.HEALTH_STATUS],
        level=Level.NARROW,
        given_ms=now,
        from_ms=now - 1_000,
        until_ms=now + DAY_MS,
        members=[site.node.member],
    )
    acknowledge(a, give_by_own_key(a.archive.node, wanted, [(a.node, person)]).consent)


@pytest.mark.requirement("H5")
def test_a_node_with_the_key_is_led_to_record_and_person(site: Site) -> None:
    commitment, person = observation(site)
    keeper, account = site.nodes[1], staff(site.node)
    located = locate_record(site, commitment)
    assert (located["node"], located["keeper"]) == (keeper.settings.node, keeper.member)
    assert located["recorder"] == site.archive_of(keeper).service_account()
    assert "record" not in located
    assert locate_record(site, commitment, account)["refused"] == "agreement.missing"
    agree(keeper, site.node, TREAT)
    assert locate_record(site, commitment, account)["refused"] == "permit.no_consent"
    consent(site, person)
    told = locate_record(site, commitment, account)
    assert told["record"]["commitment"] == commitment.hex()
    link = identifier_bytes(told["person"])
    assert link != person, "ids of A mean nothing elsewhere"
    assert site.archive_of(keeper).persons.person_by_handle(site.node.member, link) == person
    assert locate_record(site, commitment, account)["person"] == told["person"]
    with open_trace(keeper) as trace:
        rows = trace.entries_of([commitment])
        assert [(row.entry.action, row.entry.account, row.entry.outcome > 0) for row in rows] == [
            ("resolve", account, True),
            ("resolve", account, False),
            ("resolve", account, False),
        ]
        assert trace.completeness(commitment).complete
        assert trace.recipients(commitment) == [], "nothing of it was opened"


@pytest.mark.requirement("H5")
@pytest.mark.parametrize("told", [0, 2])
def test_a_node_that_tells_of_another_record_is_not_believed(
    site: Site, monkeypatch: pytest.MonkeyPatch, told: int
) -> None:
    commitment, person = observation(site)
    agree(site.nodes[1], site.node, TREAT)
    consent(site, person)
    asks = Reader.ask

    def ask(*arguments: Any, **more: Any) -> Received:
        received = asks(*arguments, **more)
        found = [msgspec.structs.replace(one, commitment=bytes(32)) for one in received.answer.found] * told
        return Received(msgspec.structs.replace(received.answer, found=tuple(found[:1])), received.request)

    monkeypatch.setattr(Reader, "ask", ask)
    with refused("reading.answer"):
        locate_record(site, commitment, staff(site.node))


@pytest.mark.requirement("H5")
def test_a_dummy_s_handle_leads_nowhere_and_looks_like_any_other(folder: Path) -> None:
    with neighbours(folder, acting=A) as site:  # of B's five records, which stand in a batch of eight
        keeper, account = site.nodes[1], staff(site.node)
        agree(keeper, site.node, TREAT)
        commitment, _ = observation(site)
        found = find_registered(site.node.consortium, commitment)
        everything = [decode(RecordItem, raw).commitment for raw in found.entry.transaction.operations[0].items]
        vault = site.archive_of(keeper).vault
        dummies = [one for one in everything if vault.find_commitment(one) is None]
        assert len(dummies) == 3
        places = [locator_of(site.node, find_registered(site.node.consortium, one)) for one in everything]
        assert {one.node for one in places} == {keeper.settings.node}
        assert len({one.handle for one in places}) == 8
        assert locate_record(site, dummies[0], account)["refused"] == "reading.not_here"


def test_one_s_own_record_leads_to_one_s_own_person(folder: Path) -> None:
    with neighbours(folder, acting=A) as site:
        account = staff(site.node)
        person = next(iter(site.archive.persons.persons()))
        rows = site.archive.vault.records_of(site.archive.persons.subjects_of(person))
        told = locate_record(site, rows[-1].details.commitment, account)
        assert told["person"] == identifier(person)


def test_what_is_not_on_the_chain_is_not_found(site: Site) -> None:
    with refused("record.not_on_chain"):
        locate_record(site, bytes(32))


def test_a_handle_is_asked_for_by_its_own_action_alone(site: Site) -> None:
    who, a = patients.acting(site.serving, staff(site.node)), site.serving_of(site.nodes[1])
    agree(site.nodes[1], site.node, TREAT)
    for what, action in (("handle", "search"), ("handle", "match"), ("person", RESOLVE)):
        received = site.serving.reader.ask(a, who, Asked(what, bytes(16)), action, TREAT)
        refusal = received.refusal()
        assert refusal is not None
        assert refusal.code == "reading.action"


@pytest.mark.requirement("H5", command="xinglin record locate")
def test_the_command_tells_where_a_record_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(folder / "passphrase"))
    with neighbours(folder, acting=B) as site:
        commitment, _ = observation(site)
        account, keeper = staff(site.node), site.nodes[1].settings.node
    homes = ("--home", folder / B, "--with", folder / A)
    told = xinglin("record", "locate", commitment.hex(), *homes, "--json").json
    assert told["node"] == keeper
    said = xinglin("record", "locate", commitment.hex(), *homes, "--account", account)
    assert said.status == 0
    assert b"agreement.missing" in said.out
    assert xinglin("record", "locate", "00" * 32, *homes).code == locating.CommitmentNotRegistered.code
    assert findings(folder / A) == []

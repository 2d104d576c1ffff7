"""A node takes in by itself what patients permit and forbid, and what it could not take in once it can (CN25)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.support.product import PASSPHRASE, write_passphrase, xinglin
from tests.support.reading_home import ReadingHome, make_reading_hospital, reading_home, reading_in
from tests.support.served import serving
from tests.support.waiting import until
from xinglin.carrier.ledger.errors import SignerEnded
from xinglin.kernel.errors import PlatformError
from xinglin.node.node import Node
from xinglin.node.office import following
from xinglin.node.office.accounts import add_account
from xinglin.node.office.consents import give_by_own_key, revoke
from xinglin.node.office.following import (
    LONGEST_REST_SECONDS,
    ConsentKeeper,
    Followed,
    FollowingStatus,
    follow,
    follow_all,
)
from xinglin.node.running import open_running
from xinglin.node.site import open_site
from xinglin.service.basic.patient_index.service import PatientIndex
from xinglin.service.basic.protection.chain import LedgerFacts
from xinglin.service.basic.protection.consents.service import Consents
from xinglin.service.basic.protection.errors import ConsentAcknowledged, ConsentWithdrawn
from xinglin.service.basic.protection.permit_errors import ChainStale
from xinglin.service.lifecycle.storage.errors import StorageUnwritable
from xinglin.stakeholders.kinds import Role


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a hospital that is copied for each test."""
    return make_reading_hospital(tmp_path_factory.mktemp("following") / "home")


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """Return a hospital of its own."""
    return Path(shutil.copytree(made, tmp_path / "home"))


@pytest.fixture
def ward(home: Path) -> Iterator[ReadingHome]:
    """Return the hospital, open and serving."""
    with reading_home(home) as one:
        yield one


def given(ward: ReadingHome, person: bytes) -> str:
    """Bring a patient's consent onto the chain and do nothing else; return its id."""
    return give_by_own_key(ward.archive.node, ward.wanted(), [(ward.serving.node, person)]).consent


def acknowledged(ward: ReadingHome) -> int:
    """Return how many acknowledgements are on the chain."""
    facts = LedgerFacts(ward.archive.node.consortium)
    return sum(len(facts.acknowledged(consent)) for consent in facts.consents())


def refusing(ward: ReadingHome, monkeypatch: pytest.MonkeyPatch, *outcomes: PlatformError) -> None:
    """Have the chain give these outcomes to acknowledgements, and take nothing."""

    def submit_many(transactions: Sequence[bytes]) -> Future[list[PlatformError]]:
        answer: Future[list[PlatformError]] = Future()
        answer.set_result([one for _, one in zip(transactions, outcomes, strict=True)])
        return answer

    client = ward.archive.node.client()
    monkeypatch.setattr(client, "submit_many", submit_many)
    monkeypatch.setattr(Node, "client", lambda *_: client)


@pytest.mark.requirement("S6.3c")
def test_what_was_there_and_what_comes_is_followed(ward: ReadingHome) -> None:
    given(ward, ward.person)
    keeper = ConsentKeeper(ward.serving)
    assert ward.told(ward.note(0)) == "permit.no_consent"
    keeper.look()
    assert ward.told(ward.note(0)) == "served"
    given(ward, ward.other)
    keeper.look()
    keeper.look()
    assert (keeper.status, acknowledged(ward)) == (FollowingStatus(acknowledged=2), 2)
    again = ConsentKeeper(ward.serving)
    again.look()
    assert (again.status, acknowledged(ward)) == (FollowingStatus(), 2)
    assert follow_all(ward.serving) == Followed([], {}, [])
    assert acknowledged(ward) == 2, "nothing is acknowledged twice"


def test_more_than_go_into_one_block_are_followed(ward: ReadingHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_TOGETHER", 2)
    consents = {given(ward, ward.person) for _ in range(5)}
    assert set(follow(ward.serving).acknowledged) == consents
    facts = LedgerFacts(ward.archive.node.consortium)
    times = [facts.acknowledged_by(consent, ward.serving.node) for consent in consents]
    assert sorted(map(times.count, set(times))) == [1, 2, 2]


def test_a_keeper_that_is_closed_leaves_the_rest_for_the_next(
    ward: ReadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_TOGETHER", 1)
    for _ in range(3):
        given(ward, ward.person)
    asked: list[int] = []
    done = follow(ward.serving, None, lambda: bool(asked) or asked.append(1) is not None)
    assert (len(done.acknowledged), done.whole) == (1, False)
    assert len(follow(ward.serving).acknowledged) == 2


def test_what_is_revoked_before_it_was_seen_is_not_followed(ward: ReadingHome) -> None:
    keeper = ConsentKeeper(ward.serving)
    keeper.look()
    draft = give_by_own_key(ward.archive.node, ward.wanted(), [(ward.serving.node, ward.person)])
    revoke(ward.archive.node, draft)
    keeper.look()
    assert keeper.status == FollowingStatus()


def test_what_waits_for_its_patient_is_tried_again_when_persons_were_added(
    ward: ReadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(following, "follow", lambda *args: asked.append(args[1]) or follow(*args))
    keeper = ConsentKeeper(ward.serving)
    consent = given(ward, os.urandom(16))
    keeper.look()
    status = keeper.status
    assert (status.refused, status.waiting, list(status.why)) == (1, 1, [consent])
    assert "not known here" in status.why[consent]
    for _ in range(3):
        keeper.look()
    assert asked == [None]
    known = given(ward, ward.person)
    keeper.look()
    assert asked[1:] == [{known}]
    assert (keeper.status.acknowledged, keeper.status.waiting) == (1, 1)
    monkeypatch.setattr(ward.serving.protection.consents, "_persons", Everybody(ward.serving.protection.consents))
    version = ward.archive.persons.version()
    monkeypatch.setattr(PatientIndex, "version", lambda _: (*version, 1))
    keeper.look()
    assert keeper.status == FollowingStatus(acknowledged=2)


def test_what_waits_is_known_to_the_next_keeper(ward: ReadingHome) -> None:
    consent = given(ward, os.urandom(16))
    ConsentKeeper(ward.serving).look()
    next_ = ConsentKeeper(ward.serving)
    next_.look()
    assert list(next_.status.why) == [consent]


class Everybody:
    """An index that has come to know everybody."""

    def __init__(self, consents: Consents) -> None:
        self._real = consents._persons

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def knows(self, person: bytes) -> bool:
        return True

    def died_ms(self, person: bytes) -> None:
        return None


@pytest.mark.parametrize("fault", [SignerEnded(reason="its member is suspended"), ChainStale()])
def test_a_chain_that_takes_nothing_is_asked_after_longer_rests_and_loses_no_consent(
    ward: ReadingHome, monkeypatch: pytest.MonkeyPatch, fault: PlatformError
) -> None:
    now = [1_000.0]
    monkeypatch.setattr(following, "monotonic", lambda: now[0])
    keeper = ConsentKeeper(ward.serving)
    keeper.look()
    consent = given(ward, ward.person)
    asked = []
    with monkeypatch.context() as patch:
        refusing(ward, patch, fault)
        patch.setattr(following, "follow", lambda *args: asked.append(now[0]) or follow(*args))
        for second in range(200):
            now[0] = 1_000.0 + second
            keeper.look()
        assert keeper.status == FollowingStatus(fault=fault.code)
    assert [round(one - 1_000) for one in asked] == [0, 4, 12, 28, 60, 124]
    keeper.look()
    assert keeper.status == FollowingStatus(fault=fault.code), "it rests"
    now[0] += LONGEST_REST_SECONDS
    keeper.look()
    assert keeper.status == FollowingStatus(acknowledged=1)
    assert ward.told(ward.note(0)) == "served"
    assert LedgerFacts(ward.archive.node.consortium).acknowledged(consent)


def test_a_store_that_cannot_be_written_ends_no_command(ward: ReadingHome, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StorageUnwritable(file="protection.sqlite", what="no room")

    consent = given(ward, ward.person)
    with monkeypatch.context() as patch:
        patch.setattr(ward.serving.protection.consents, "looked", full)
        done = follow(ward.serving)
    assert (done.acknowledged, getattr(done.fault, "code", "")) == ([consent], StorageUnwritable.code)


def test_what_is_refused_of_one_consent_holds_up_no_other(ward: ReadingHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Revoked meanwhile is nothing to do; acknowledged by an earlier try whose outcome was unknown is done."""
    consents = sorted((given(ward, ward.person), given(ward, ward.other)))
    with monkeypatch.context() as patch:
        refusing(ward, patch, ConsentWithdrawn(consent=consents[0]), ConsentAcknowledged(node="", consent=consents[1]))
        done = follow(ward.serving, consents)
    assert done == Followed([consents[1]], {}, [])


def test_a_site_follows_as_it_opens_a_service_and_serves_where_it_cannot(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading_home(home) as ward:
        consent = given(ward, ward.person)
        with monkeypatch.context() as patch:
            refusing(ward, patch, ChainStale())
            assert follow(ward.serving).fault
    with monkeypatch.context() as patch, open_site([home], PASSPHRASE) as site:
        patch.setattr(following, "_acknowledge", lambda *_: ChainStale())
        assert site.serving
        assert site.followed[site.node.member].acknowledged == []
    with open_site([home], PASSPHRASE) as site:
        assert site.serving
        assert site.followed[site.node.member].acknowledged == [consent]


def test_the_command_shows_what_was_refused_whether_the_node_serves_or_not(home: Path) -> None:
    write_passphrase(home.parent)
    with (home / "config.toml").open("a") as config:
        config.write('\n[listener]\nlisten = "127.0.0.1:0"\nmetrics = "127.0.0.1:0"\n')
    with reading_home(home) as ward:
        consent, stranger = given(ward, ward.person), given(ward, os.urandom(16))
    command = ("consent", "acknowledge", "--home", home, "--passphrase-file", home.parent / "passphrase", "--json")
    done = xinglin(*command)
    assert done.json["acknowledged"] == [consent]
    [refused] = done.json["refused"]
    assert (refused["consent"], "not known here" in refused["reason"]) == (stranger, True)
    with serving(home):
        until(lambda: xinglin(*command).json == {"acknowledged": [], "refused": [refused]})


def test_a_running_node_follows(home: Path) -> None:
    with open_running(home, PASSPHRASE) as running:
        assert running.serving is not None
        ward = reading_in(running.serving, add_account(running.node, (Role.PRACTITIONER,), "Physician"))
        given(ward, ward.person)
        until(lambda: running.status()["keepers"]["consents"]["acknowledged"] == 1)
        assert len(running.serving.protection.consents.held(ward.person)) == 1

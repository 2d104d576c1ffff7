"""A node takes in by itself what patients permit and forbid, and what it could not take in once it can (CN25)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.product import PASSPHRASE
from tests.support.reading_home import ReadingHome, make_reading_hospital, reading_home
from tests.support.waiting import until
from xinglin.node import following
from xinglin.node.following import ConsentKeeper, FollowingStatus
from xinglin.node.office import desk
from xinglin.node.office.consents import give_by_own_key, revoke
from xinglin.node.running import open_running
from xinglin.node.site import open_site
from xinglin.service.basic.protection.consents.model import AcknowledgeConsent
from xinglin.service.basic.protection.errors import ConsentWithdrawn
from xinglin.service.basic.protection.permit_errors import ChainStale


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


@pytest.mark.requirement("S6.3c", part="a node follows what binds it by itself")
def test_what_was_there_and_what_comes_is_followed(ward: ReadingHome) -> None:
    given(ward, ward.person)
    keeper = ConsentKeeper(ward.serving)
    assert ward.told(ward.note(0)) == "permit.no_consent"
    keeper.look()
    assert ward.told(ward.note(0)) == "served"
    size = ward.archive.node.consortium.tip.log_size
    keeper.look()
    assert ward.archive.node.consortium.tip.log_size == size, "nothing is acknowledged twice"
    given(ward, ward.other)
    keeper.look()
    assert keeper.status == FollowingStatus(acknowledged=2)


def test_what_is_revoked_before_it_was_seen_is_not_followed(ward: ReadingHome) -> None:
    keeper = ConsentKeeper(ward.serving)
    keeper.look()
    draft = give_by_own_key(ward.archive.node, ward.wanted(), [(ward.serving.node, ward.person)])
    revoke(ward.archive.node, draft)
    keeper.look()
    assert keeper.status == FollowingStatus()


def test_what_was_refused_is_tried_again_and_not_at_each_look(
    ward: ReadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    real = desk.take_in_new
    monkeypatch.setattr(following, "take_in_new", lambda *args: asked.append(args[1]) or real(*args))
    keeper = ConsentKeeper(ward.serving)
    consent = given(ward, os.urandom(16))
    keeper.look()
    keeper.look()  # the first that looks again
    assert keeper.status == FollowingStatus(refused=(consent,))
    for _ in range(3):
        keeper.look()
    assert asked == [None, {consent}]
    known = given(ward, ward.person)
    keeper.look()
    assert asked[2:] == [{known}]
    assert keeper.status == FollowingStatus(acknowledged=1, refused=(consent,))
    monkeypatch.setattr(ward.serving.protection.consents, "_persons", Everybody(ward.serving.protection.consents))
    monkeypatch.setattr(following.time, "monotonic", lambda: keeper._again)
    keeper.look()
    assert keeper.status == FollowingStatus(acknowledged=2)


class Everybody:
    """An index that has come to know everybody."""

    def __init__(self, consents: object) -> None:
        self._real = consents._persons  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def knows(self, person: bytes) -> bool:
        return True

    def died_ms(self, person: bytes) -> None:
        return None


def test_what_failed_is_looked_at_the_next_time(ward: ReadingHome, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = ConsentKeeper(ward.serving)
    keeper.look()
    given(ward, ward.person)

    def stale(*_: object) -> None:
        raise ChainStale

    with monkeypatch.context() as patch:
        patch.setattr(desk, "call", stale)
        with pytest.raises(ChainStale):
            keeper.look()
        assert keeper.status == FollowingStatus(fault=ChainStale.code)
    keeper.look()
    assert keeper.status == FollowingStatus(acknowledged=1)


def test_one_that_the_chain_refuses_holds_up_no_other(ward: ReadingHome, monkeypatch: pytest.MonkeyPatch) -> None:
    consents = {given(ward, ward.person), given(ward, ward.other)}
    real, first = desk.call, min(consents)

    def refusing(node: object, contract: str, method: str, arguments: AcknowledgeConsent) -> None:
        if arguments.consent == first:
            raise ConsentWithdrawn(consent=first)
        real(node, contract, method, arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(desk, "call", refusing)
    done = desk.take_in_new(ward.serving)
    assert done["acknowledged"] == [max(consents)]
    assert [one["consent"] for one in done["refused"]] == [first]


def test_a_site_follows_as_it_opens_a_service_and_serves_where_it_cannot(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading_home(home) as ward:
        consent = given(ward, ward.person)

    def stale(*_: object) -> None:
        raise ChainStale

    with monkeypatch.context() as patch, open_site([home], PASSPHRASE) as site:
        patch.setattr(desk, "call", stale)
        assert site.serving
        assert site.followed == {}
    with open_site([home], PASSPHRASE) as site:
        assert site.serving
        assert site.followed == {site.node.member: {"acknowledged": [consent], "refused": []}}


def test_a_running_node_follows(home: Path) -> None:
    with open_running(home, PASSPHRASE) as running:
        assert running.serving is not None
        archive = running.serving.archive
        person = next(iter(archive.persons.persons()))
        ward = ReadingHome(running.serving, None, None, person, person)  # type: ignore[arg-type]
        given(ward, person)
        until(lambda: running.status()["keepers"]["consents"]["acknowledged"] == 1)
        assert len(running.serving.protection.consents.held(person)) == 1

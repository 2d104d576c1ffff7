"""Sealing an encounter's records: all of them, unchanged since, late ones apart, opened by both sides."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.contract_parties import Key, new_id
from tests.support.episode_home import EpisodeHome, MemoryHolds
from tests.support.intake_home import resource
from xinglin.carrier.access.registry.model import EndKey
from xinglin.carrier.ledger.merkle import verify_inclusion
from xinglin.kernel.errors import PlatformError, Unavailable
from xinglin.service.basic.correction.model import Reason
from xinglin.service.basic.correction.service import NewCorrection
from xinglin.service.basic.episodes.errors import (
    EpisodeChanged,
    EpisodeDiffers,
    EpisodeEmpty,
    EpisodeNotRegistered,
    EpisodeOpened,
    EpisodeUnknown,
    NotOfAccount,
    SameSide,
    SideSignatureInvalid,
)
from xinglin.service.basic.episodes.model import Side
from xinglin.service.basic.episodes.service import Episodes
from xinglin.service.basic.episodes.store import EpisodeStore, LateRecord, Step
from xinglin.service.basic.intake.model import Incoming
from xinglin.service.lifecycle.storage.errors import SealedRowDamaged
from xinglin.stakeholders.kinds import Role


@pytest.fixture
def home(tmp_path: Path) -> Iterator[EpisodeHome]:
    """Return a home with five records of encounter e1, among others of e2 and of none."""
    made = EpisodeHome(tmp_path)
    take(made, *(resource(n, occasion="e1" if n % 2 == 0 else "e2") for n in range(10)), resource(10, occasion=""))
    yield made
    made.close()


def take(home: EpisodeHome, *resources: Any) -> None:
    home.intake.intake.run([Incoming(resources)])


def expected(home: EpisodeHome, encounter: int = 0) -> list[bytes]:
    return [home.row(0, number).details.commitment for number in range(encounter, 10, 2)]


# --- sealing ---


@pytest.mark.requirement("S1.1")
def test_the_set_is_every_record_of_the_encounter_in_order(home: EpisodeHome) -> None:
    draft = home.episodes.draft(home.new())
    assert draft.commitments == expected(home)
    assert draft.records == [home.record(0, number) for number in range(0, 10, 2)]
    assert home.homes.here.chain.calls == []
    status = home.episodes.seal(draft.episode, *home.signatures(draft))
    assert (status.step, status.complete, status.unchanged) == (Step.SEALED, True, True)
    assert status.state is not None
    assert (status.state.count, status.late, status.unmarked) == (5, [], [])
    suite = home.homes.suite
    leaves = [suite.leaf_hash(one) for one in draft.commitments]
    for index, leaf in enumerate(leaves):
        path = suite.merkle_path(leaves, index)
        assert verify_inclusion(suite, leaf, index, 5, path, status.state.root)
    assert home.holds.held == {draft.episode: set(expected(home))}


def test_records_without_a_patient_or_of_another_belong_to_their_encounter(home: EpisodeHome) -> None:
    """A newborn's record in the mother's encounter, and one that names nobody: no index by patient would find them."""
    take(home, resource(20, subject="newborn", occasion="e1"), resource(21, subject="", occasion="e1"))
    assert len(home.episodes.draft(home.new()).records) == 7


def test_other_source_systems_have_other_encounters(home: EpisodeHome) -> None:
    with pytest.raises(EpisodeEmpty):
        home.episodes.draft(home.new(source="lis"))
    with pytest.raises(EpisodeEmpty):
        home.episodes.draft(home.new("e3"))
    assert home.episodes.looking.every() == []


def test_what_is_not_registered_is_not_sealed(home: EpisodeHome) -> None:
    home.intake.chain.break_off(9)
    with suppress(Unavailable):
        take(home, resource(30, occasion="e1"))
    with pytest.raises(EpisodeNotRegistered) as caught:
        home.episodes.draft(home.new())
    assert caught.value.facts == {"record": home.record(0, 30)}
    home.intake.chain.break_off(0)
    home.intake.outbox.resume()
    assert len(home.episodes.draft(home.new()).records) == 6


@pytest.mark.requirement("S1.1")
def test_both_sides_have_to_sign_what_is_sealed(home: EpisodeHome) -> None:
    draft = home.episodes.draft(home.new())
    staff, relative = home.signatures(draft)
    for pair, side in (
        ((staff, staff), 2),
        ((relative, relative), 1),
        ((staff, bytes(64)), 2),
        ((bytes(64), staff), 1),
    ):
        with pytest.raises(SideSignatureInvalid) as caught:
            home.episodes.seal(draft.episode, *pair)
        assert caught.value.facts["side"] == side
    assert home.homes.here.chain.calls == []
    assert home.holds.held == {}
    assert home.episodes.looking.status(draft.episode).step is Step.DRAFT
    home.episodes.seal(draft.episode, staff, relative)


def test_what_came_after_the_drawing_up_has_to_be_signed_too(home: EpisodeHome) -> None:
    draft = home.episodes.draft(home.new())
    take(home, resource(40, occasion="e1"))
    with pytest.raises(EpisodeChanged):
        home.episodes.seal(draft.episode, *home.signatures(draft))
    assert home.homes.here.chain.calls == []
    other = home.episodes.draft(home.new("e2"))
    take(home, resource(41, occasion="e1"))
    home.episodes.seal(other.episode, *home.signatures(other))


def test_only_an_account_of_the_institution_seals(home: EpisodeHome) -> None:
    there = home.homes.there.party.accounts[Role.SERVICE]
    stranger = Key(home.homes.suite)
    for account, key in ((there[0], there[1]), (home.account, stranger), (new_id(), home.staff)):
        with pytest.raises(NotOfAccount):
            home.episodes.draft(home.new(account=account, account_key=key.public))
    registry = home.homes.consortium
    administrator = registry.hospital.caller(Role.SUPER_ADMINISTRATOR)
    registry.ledger.call(administrator, "registry.end_key", EndKey(home.staff.public, ()))
    with pytest.raises(NotOfAccount):
        home.episodes.draft(home.new())


def test_an_episode_that_is_not_there_is_told(home: EpisodeHome) -> None:
    missing = new_id()
    for call in (
        lambda: home.episodes.seal(missing, bytes(64), bytes(64)),
        lambda: home.episodes.looking.status(missing),
        lambda: home.open_by(missing, Side.PATIENT),
    ):
        with pytest.raises(EpisodeUnknown):
            call()
    draft = home.episodes.draft(home.new())
    with pytest.raises(EpisodeUnknown):  # drawn up is not sealed
        home.open_by(draft.episode, Side.PATIENT)


# --- late additions ---


@pytest.mark.requirement("S1.1")
def test_what_comes_later_is_marked_and_moves_nothing_of_the_set(home: EpisodeHome) -> None:
    episode = home.sealed()
    before = home.episodes.looking.status(episode)
    take(home, resource(50, occasion="e1"), resource(51, occasion="e2"))
    assert home.episodes.looking.status(episode).unmarked == [home.record(0, 50)]
    assert home.episodes.add_late() == 1
    assert home.episodes.add_late() == 0
    take(home, resource(52, occasion="e1"))
    assert home.episodes.add_late() == 1
    status = home.episodes.looking.status(episode)
    assert [one[0] for one in status.late] == [home.record(0, 50), home.record(0, 52)]
    assert status.late[0][2] < status.late[1][2]
    assert status.records == before.records
    assert (status.unmarked, status.complete, status.unchanged) == ([], True, True)
    assert status.state is not None
    assert before.state is not None
    assert (status.state.root, status.state.late) == (before.state.root, 2)
    assert len(home.holds.held[episode]) == 7


@pytest.mark.requirement("S1.1", "H12")
def test_a_correction_after_the_sealing_is_a_late_addition(home: EpisodeHome) -> None:
    episode = home.sealed()
    new = NewCorrection(home.record(), resource(0, "right", occasion="e1"), Reason.WRONG_VALUE, home.account)
    corrected = home.corrections.correct(new).record
    home.episodes.add_late()
    status = home.episodes.looking.status(episode)
    assert [one[0] for one in status.late] == [corrected]
    assert home.record(0) in status.records
    assert status.unchanged


def test_both_versions_of_what_was_corrected_before_are_in_the_set(home: EpisodeHome) -> None:
    new = NewCorrection(home.record(), resource(0, "right", occasion="e1"), Reason.WRONG_VALUE, home.account)
    home.corrections.correct(new)
    draft = home.episodes.draft(home.new())
    assert {home.record(0), home.record(1)} <= set(draft.records)


# --- opening ---


@pytest.mark.requirement("S1.1")
@pytest.mark.parametrize("order", [(Side.INSTITUTION, Side.PATIENT), (Side.PATIENT, Side.INSTITUTION)])
def test_both_sides_open_it_and_the_hold_ends(home: EpisodeHome, order: tuple[Side, Side]) -> None:
    episode = home.sealed()
    commitment = expected(home)[0]
    assert home.episodes.looking.sealed_with(commitment) == [episode]
    home.open_by(episode, order[0])
    assert home.episodes.looking.status(episode).step is Step.SEALED
    with pytest.raises(SameSide):
        home.open_by(episode, order[0])
    assert home.holds.held[episode] == set(expected(home))
    home.open_by(episode, order[1])
    status = home.episodes.looking.status(episode)
    assert status.step is Step.RELEASED
    assert home.holds.held[episode] == set()
    assert home.episodes.looking.sealed_with(commitment) == []
    with pytest.raises(EpisodeOpened):
        home.open_by(episode, order[0])
    take(home, resource(60, occasion="e1"))
    assert home.episodes.add_late() == 0


def test_what_came_before_the_opening_is_marked_with_it(home: EpisodeHome) -> None:
    episode = home.sealed()
    take(home, resource(61, occasion="e1"))
    home.open_by(episode, Side.PATIENT)
    take(home, resource(62, occasion="e1"))
    home.open_by(episode, Side.INSTITUTION)
    late = [one[0] for one in home.episodes.looking.status(episode).late]
    assert late == [home.record(0, 61), home.record(0, 62)]
    assert home.holds.held[episode] == set()


def test_only_an_account_of_the_institution_opens(home: EpisodeHome) -> None:
    episode = home.sealed()
    stranger = Key(home.homes.suite)
    signature = stranger.sign(home.episodes.open_message(episode))
    with pytest.raises(NotOfAccount):
        home.episodes.open_by(episode, Side.INSTITUTION, stranger.public, signature, home.account)
    with pytest.raises(SideSignatureInvalid):
        home.episodes.open_by(episode, Side.PATIENT, stranger.public, signature)


def test_an_encounter_can_be_sealed_again(home: EpisodeHome) -> None:
    first = home.sealed()
    second = home.sealed()
    states = [home.episodes.looking.status(one).state for one in (first, second)]
    assert states[0] is not None
    assert states[1] is not None
    assert states[0].subject != states[1].subject  # salted: nobody tells that it is the same encounter
    assert states[0].root == states[1].root
    for side in Side:
        home.open_by(first, side)
    assert home.episodes.looking.sealed_with(expected(home)[0]) == [second]


# --- what is found ---


@pytest.mark.requirement("S1.1")
def test_a_set_that_was_altered_is_found(home: EpisodeHome) -> None:
    episode = home.sealed()
    step, kept = home.episodes.looking.found(episode)
    for changed in (
        replace(kept, commitments=kept.commitments[:-1]),
        replace(kept, commitments=(bytes(32), *kept.commitments[1:])),
        replace(kept, commitments=tuple(reversed(kept.commitments))),
    ):
        home.episodes.store.put(step, changed)
        status = home.episodes.looking.status(episode)
        assert not status.unchanged
        assert status.complete == (set(changed.commitments) == set(kept.commitments))
    home.episodes.store.put(step, replace(kept, late=(LateRecord(bytes(16), bytes(32)),)))
    with pytest.raises(EpisodeDiffers):
        home.episodes.looking.status(episode)


def test_the_chain_tells_no_patient_and_no_encounter(home: EpisodeHome) -> None:
    take(home, resource(90, subject="patient-of-the-stay", occasion="stay-of-1983"))
    home.sealed("stay-of-1983")
    state = b"".join(home.homes.here.chain.ledger.state.values())
    content = b"".join(path.read_bytes() for path in home.episodes.store.database.path.parent.iterdir())
    for told in (b"stay-of-1983", b"patient-of-the-stay", "张三".encode()):
        assert told not in state
        assert told not in content


def test_an_altered_row_is_found(home: EpisodeHome) -> None:
    episode = home.sealed()
    with sqlite3.connect(home.episodes.store.database.path) as connection:
        connection.execute("UPDATE episodes SET step = 4")
    connection.close()
    with pytest.raises(SealedRowDamaged):
        home.episodes.looking.status(episode)
    assert [one.code for one in home.episodes.store.damage()] == [SealedRowDamaged.code]


# --- crashes ---


class Stopped(BaseException):
    """The process ends here."""


POINTS: dict[str, tuple[type, str]] = {
    "row": (EpisodeStore, "put"),
    "hold": (MemoryHolds, "place"),
    "lift": (MemoryHolds, "lift"),
    "advance": (Episodes, "_advance"),
}


@pytest.mark.requirement("S1.1", "S9.1")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("point", POINTS)
def test_stopping_at_any_point_loses_and_doubles_nothing(
    home: EpisodeHome, monkeypatch: pytest.MonkeyPatch, point: str, call: int, when: str
) -> None:
    """Sealed, added to, opened by both: stopped at one call and gone on with, it ends the same."""
    draft = home.episodes.draft(home.new())
    signatures = home.signatures(draft)
    owner, name = POINTS[point]
    done: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def stopping(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and when == "before":
            raise Stopped
        result = done(*arguments)
        if calls == call:
            raise Stopped
        return result

    def run() -> None:
        """Do what is left to be done; what was done is told by a refusal."""
        home.episodes.resume()
        if home.episodes.looking.found(draft.episode)[0] is Step.DRAFT:
            home.episodes.seal(draft.episode, *signatures)
        if home.intake.storage.vault.index.last_number() == 11:
            take(home, resource(70, occasion="e1"))
        home.episodes.add_late()
        for side in Side:
            state = home.episodes.looking.state(draft.episode)
            if state is not None and side not in [one.side for one in state.opening]:
                home.open_by(draft.episode, side)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, stopping)
        with suppress(Stopped):
            run()
    home.close()
    home.open()
    run()
    status = home.episodes.looking.status(draft.episode)
    assert (status.step, status.complete, status.unchanged) == (Step.RELEASED, True, True)
    assert len(status.late) == 1
    assert home.holds.held[draft.episode] == set()
    chain = [one for one in home.homes.here.chain.calls if one.startswith("episode.")]
    assert chain == ["episode.seal", "episode.late", "episode.propose_open", "episode.approve_open"]


@pytest.mark.requirement("S1.1")
@pytest.mark.parametrize("fault", ["break_off", "answer_late"])
def test_a_fault_of_the_chain_is_made_good(home: EpisodeHome, fault: str) -> None:
    draft = home.episodes.draft(home.new())
    getattr(home.homes.here.chain, fault)()
    with pytest.raises(Unavailable):
        home.episodes.seal(draft.episode, *home.signatures(draft))
    assert home.holds.held[draft.episode]  # held before it is sealed
    home.close()
    home.open()
    assert home.episodes.resume() == 1
    take(home, resource(80, occasion="e1"))
    getattr(home.homes.here.chain, fault)()
    with pytest.raises(PlatformError):
        home.episodes.add_late()
    home.close()
    home.open()
    home.episodes.resume()
    status = home.episodes.looking.status(draft.episode)
    assert (len(status.late), status.unmarked) == (1, [])
    assert home.homes.here.chain.calls == ["episode.seal", "episode.late"]

"""The records office sees what the rest of the home knows: persons, episodes, versions, who was given a record."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.old_stays import (
    OLD,
    RECENT,
    SECRET,
    Office,
    at_the_office,
    correct,
    log_read,
    make_old_hospital,
    patient,
    take_in,
)
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.office.accounts import account_signer
from xinglin.node.office.destruction import records_office
from xinglin.node.office.episodes import (
    PersonKey,
    draft_episode,
    new_person_key,
    open_episode,
    open_episodes,
    seal_episode,
)
from xinglin.node.records.replaying import standing_of
from xinglin.service.basic.episodes.model import SealReason
from xinglin.service.basic.episodes.service import NewEpisode
from xinglin.service.lifecycle.collection.fhir.findings import Issue

NOTE, OTHER, STAY = f"{OLD}-1983-0", f"{OLD}-1983-1", f"{OLD}-1983"
PAPER = b"\x07" * 32
LATER = "late"
"""A third patient, of another source system, whose inpatient stay ended in 2001."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("office")
    home = make_old_hospital(folder / "home")
    take_in(home, [patient(LATER, [("2001", "IMP", "2001-05-06")])], source="laboratory")
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "home"


def code_of(at: Office, *names: str) -> str:
    """Return the code by which an order is refused."""
    with pytest.raises(PlatformError) as caught:
        at.office.order([at.ids[name] for name in names], "retention_ended", at.one)
    return caught.value.code


def person(at: Office, source: str, name: str) -> bytes:
    found = at.archive.persons.person_of(source.encode(), name.encode())
    assert found is not None
    return found


def merge(at: Office) -> bytes:
    """Say that OLD and LATER are one person; return the decision."""
    old, later = person(at, "file", OLD), person(at, "laboratory", LATER)
    return at.archive.persons.merge(old, later, "both are Rudy", "office").merge


@pytest.mark.requirement("S7.1f", "H1")
class TestPersons:
    def test_retention_counts_the_stays_of_all_registrations(self, home: Path) -> None:
        with at_the_office(home) as at:
            assert at.office.check(at.ids[NOTE])["kept_until"] == "2013-10-28"
            merged = merge(at)
            assert at.office.check(at.ids[NOTE])["kept_until"] == "2031-05-06"
            assert code_of(at, NOTE) == "destruction.retention"
            at.archive.persons.unmerge(merged, "they are two", "office")
            assert at.office.check(at.ids[NOTE])["kept_until"] == "2013-10-28"

    def test_two_sources_may_give_one_id_to_two_stays(self, home: Path) -> None:
        earlier = patient("before", [("1983", "IMP", "1950-01-02")], 0).replace(b"before-1983", STAY.encode())
        take_in(home, [earlier], source="archive")
        with at_the_office(home) as at:
            at.archive.persons.merge(person(at, "file", OLD), person(at, "archive", "before"), "one", "office")
            assert at.office.check(at.ids[NOTE])["kept_until"] == "2013-10-28"

    def test_a_merge_between_order_and_confirmation_counts(self, home: Path) -> None:
        with at_the_office(home) as at:
            at.office.order([at.ids[NOTE]], "retention_ended", at.one)
            merge(at)
            with pytest.raises(PlatformError, match=r"destruction\.retention"):
                at.office.confirm([at.ids[NOTE]], at.two)

    def test_a_hold_follows_the_person_through_merges_and_out_of_them(self, home: Path) -> None:
        with at_the_office(home) as at:
            later = next(one for one in at.ids if one.startswith(LATER))
            hold = at.office.hold_patient(at.ids[later], "court", PAPER, at.one)
            assert at.office.check(at.ids[NOTE])["holds"] == []
            merged = merge(at)
            assert at.office.check(at.ids[NOTE])["holds"] == [hold]
            assert code_of(at, NOTE) == "destruction.hold"
            at.archive.persons.unmerge(merged, "they are two", "office")
            assert at.office.check(at.ids[NOTE])["holds"] == [hold], "who undoes a merge frees nothing"
            assert at.office.check(at.ids[f"{RECENT}-2017-0"])["holds"] == []

    def test_a_hold_covers_a_registration_that_comes_later(self, home: Path) -> None:
        with at_the_office(home) as at:
            hold = at.office.hold_patient(at.ids[NOTE], "court", PAPER, at.one)
        take_in(home, [patient("again", [("x", "AMB", "1990-01-02")])], source="pharmacy")
        with at_the_office(home) as at:
            assert at.office.check(at.ids["again-x-0"])["holds"] == []
            at.archive.persons.merge(person(at, "file", OLD), person(at, "pharmacy", "again"), "one", "office")
            assert at.office.check(at.ids["again-x-0"])["holds"] == [hold]

    def test_an_index_that_was_set_back_destroys_nothing(self, home: Path) -> None:
        shutil.copytree(home / "patient_index", home.parent / "before")
        with at_the_office(home) as at:
            merge(at)
        shutil.rmtree(home / "patient_index")
        (home.parent / "before").rename(home / "patient_index")
        with at_the_office(home) as at:
            assert code_of(at, NOTE) == "identity.behind"

    def test_where_the_index_has_nobody_nothing_is_destroyed(self, home: Path) -> None:
        with at_the_office(home) as at:
            at.office.order([at.ids[NOTE]], "retention_ended", at.one)
            at.office.confirm([at.ids[NOTE]], at.two)
            at.archive.persons.forget(b"file", OLD.encode())
            assert code_of(at, OTHER) == "destruction.patient_unknown"
            at.office.hold_patient(at.ids[f"{RECENT}-2017-0"], "court", PAPER, at.one)
            done = at.office.carry_out()
            assert [one["code"] for one in done["waiting"]] == ["destruction.patient_unknown"]
            assert at.archive.vault.read(at.ids[NOTE])


def seal(at: Office, encounter: str, relative: PersonKey) -> str:
    """Seal an encounter by the administrator and a relative."""
    new = NewEpisode(
        source="file",
        encounter=encounter,
        reason=SealReason.DISPUTE,
        account=at.one,
        account_key=account_signer(at.archive.node, at.one).key,
        statement="his son",
        person_key=relative.signer.key,
    )
    with open_episodes(at.archive) as episodes:
        draft = draft_episode(at.archive, episodes, new)
        seal_episode(at.archive, episodes, draft, at.one, relative.signer.sign(draft.message))
    return draft.episode


@pytest.mark.requirement("S1.1", "S7.1f")
class TestSealed:
    def test_what_is_sealed_is_not_destroyed_until_both_sides_have_opened_it(self, home: Path) -> None:
        with at_the_office(home) as at:
            relative = new_person_key(at.archive)
            episode = seal(at, STAY, relative)
            assert at.office.check(at.ids[NOTE])["episodes"] == [episode]
            assert at.office.check(at.ids[f"{OLD}-2020-0"])["episodes"] == []
            assert code_of(at, NOTE) == "destruction.sealed"
            assert at.office.listed() == []
            with open_episodes(at.archive) as episodes:
                open_episode(at.archive, episodes, episode, at.one)
                assert code_of(at, NOTE) == "destruction.sealed", "one side opens nothing"
                open_episode(at.archive, episodes, episode, relative.signer)
            at.destroy(NOTE)

    def test_a_sealing_between_confirmation_and_shredding_stops_it(self, home: Path) -> None:
        with at_the_office(home) as at:
            at.office.order([at.ids[NOTE]], "retention_ended", at.one)
            at.office.confirm([at.ids[NOTE]], at.two)
            seal(at, STAY, new_person_key(at.archive))
            done = at.office.carry_out()
            assert [(one["record"], one["code"]) for one in done["waiting"]] == [(at.ids[NOTE], "destruction.sealed")]
        with at_the_office(home) as at:  # nor does a restart destroy it
            assert at.archive.vault.read(at.ids[NOTE])
            assert at.office.carry_out()["certificates"] == []

    def test_a_late_record_is_kept_before_anybody_marked_it(self, home: Path) -> None:
        with at_the_office(home) as at:
            episode = seal(at, STAY, new_person_key(at.archive))
        take_in(home, [late_note()])
        with at_the_office(home) as at:
            assert at.office.check(at.ids["late-note"])["episodes"] == [episode]
            assert code_of(at, "late-note") == "destruction.sealed"

    def test_a_home_that_lost_what_it_sealed_destroys_nothing(self, home: Path) -> None:
        with at_the_office(home) as at:
            seal(at, STAY, new_person_key(at.archive))
        shutil.rmtree(home / "episodes")
        with at_the_office(home) as at:
            assert code_of(at, NOTE) == "episode.differs"
            assert code_of(at, f"{OLD}-2020-0") in ("episode.differs", "destruction.retention")
            assert [one.code for one in at.office.check(at.ids[NOTE])["refusals"]] == ["episode.differs"]


def late_note() -> bytes:
    """Return a bundle with one more note of OLD's stay of 1983."""
    stays = [("1983", "IMP", "1983-10-28")]
    return patient(OLD, stays, 1).replace(f'"id": "{NOTE}"'.encode(), b'"id": "late-note"')


def corrected(at: Office, name: str, **changes: object) -> str:
    """Correct a record and return the id of its new version."""
    return correct(at.archive, at.ids[name], at.one, **changes)


@pytest.mark.requirement("H12", "S7.1f")
class TestVersions:
    def test_a_hold_on_one_version_keeps_all(self, home: Path) -> None:
        with at_the_office(home) as at:
            [hold] = at.office.hold_records([at.ids[NOTE]], "court", PAPER, at.one)
            new = corrected(at, NOTE, valueString=f"{SECRET}, and it was the right one")
            assert at.office.check(new)["holds"] == [hold]
            with pytest.raises(PlatformError, match=r"destruction\.hold"):
                at.office.order([new], "retention_ended", at.one)

    def test_destroying_one_says_which_are_left(self, home: Path) -> None:
        with at_the_office(home) as at:
            old = at.ids[NOTE]
            new = corrected(at, NOTE, valueString=f"{SECRET}, and it was the right one")
            assert at.office.versions_left(old) == [new]
            at.office.order([new], "retention_ended", at.one)
            at.office.confirm([new], at.two)
            assert at.office.carry_out()["versions_left"] == {new: [old]}
            at.destroy(NOTE)
            assert at.office.versions_left(new) == []

    def test_of_an_encounter_the_newest_version_counts_and_goes_last(self, home: Path) -> None:
        with at_the_office(home) as at:
            period = {"start": "1983-10-20T08:00:00+08:00", "end": "1984-01-15T10:00:00+08:00"}
            new = corrected(at, STAY, period=period)
            assert at.office.check(at.ids[NOTE])["kept_until"] == "2014-01-15"
            assert [one.code for one in at.office.check(new)["refusals"]] == ["destruction.encounter"]
            assert at.office.check(at.ids[STAY])["refusals"] == [], "nothing is counted from a superseded version"
            at.destroy(STAY)
            assert at.office.check(at.ids[NOTE])["kept_until"] == "2014-01-15"


@pytest.mark.requirement("S7.1f", "H4")
def test_who_was_given_the_record_is_listed_and_not_claimed_gone(home: Path) -> None:
    stranger = identifier(b"m" * 16)
    with at_the_office(home) as at:
        record = at.ids[NOTE]
        for member in (stranger, at.archive.node.member):
            log_read(at.archive, record, member)
        assert at.office.check(record)["given_to"] == [stranger]
        at.destroy(NOTE)
        assert at.office.certificate(record).recipients == (stranger,), "its copies are its own"
        assert at.office.given_to(record) == [stranger]


@pytest.mark.requirement("S7.1f", "H12")
class TestRestrictedVersions:
    """What a superseded version tells, a later one tells too."""

    def test_a_restricted_version_restricts_those_before_it_and_none_after(self, home: Path) -> None:
        name = f"{RECENT}-2017-0"
        with at_the_office(home) as at:
            first = at.ids[name]
            second = corrected(at, name, valueString="once more")
            at.ids[name] = second
            third = corrected(at, name, valueString="and once more")
            with pytest.raises(PlatformError, match=r"destruction\.retention"):
                at.office.order([second], "retention_ended", at.one)
            assert [state(at, one) for one in (first, second, third)] == ["restricted", "restricted", "standing"]
            with pytest.raises(PlatformError, match=r"hold\.not_restricted"):
                at.office.lift(first, at.two)
            at.office.lift(second, at.two)
            assert [state(at, one) for one in (first, second, third)] == ["standing"] * 3

    def test_so_does_one_that_is_ordered_or_destroyed(self, home: Path) -> None:
        with at_the_office(home) as at:
            first = at.ids[NOTE]
            second = corrected(at, NOTE, valueString="once more")
            at.office.order([second], "retention_ended", at.one)
            assert [state(at, one) for one in (first, second)] == ["restricted", "ordered"]
            at.office.confirm([second], at.two)
            at.office.carry_out()
            assert [state(at, one) for one in (first, second)] == ["restricted", "destroyed"]
            at.destroy(NOTE)
            assert state(at, first) == "destroyed"

    def test_a_superseded_version_is_destroyed_alone(self, home: Path) -> None:
        with at_the_office(home) as at:
            second = corrected(at, NOTE, valueString="once more")
            at.destroy(NOTE)
            assert [state(at, one) for one in (at.ids[NOTE], second)] == ["destroyed", "standing"]
            assert at.archive.vault.read(second)


def state(at: Office, record: str) -> str:
    commitment = at.archive.vault.find(record).details.commitment
    return standing_of(at.archive.node, commitment).standing.name.lower()


@pytest.mark.requirement("S7.1f", "H1")
class TestPersonsGone:
    """What the patient index and the quarantine have of a record that is destroyed."""

    def test_the_patients_own_record_goes_last_and_the_registration_with_it(self, home: Path) -> None:
        with at_the_office(home) as at:
            index, stays = at.archive.persons, (STAY, f"{OLD}-2020")
            notes = [f"{stay}-{number}" for stay in stays for number in range(3)]
            assert "destruction.patient" in [one.code for one in at.office.check(at.ids[OLD])["refusals"]]
            freely(at, [OLD, *stays, *notes])
            assert index.person_of(b"file", OLD.encode()) is None
            assert index.person_of(b"file", RECENT.encode()) is not None

    def test_a_patient_that_stays_says_what_is_known(self, home: Path) -> None:
        with at_the_office(home) as at:
            index, old = at.archive.persons, person(at, "file", OLD)
            assert [one.birth for one in index.traits_of(old)] == [1950_02_03]
            new = corrected(at, OLD, birthDate="1951-07-08")
            freely(at, [OLD])
            assert [one.birth for one in index.traits_of(old)] == [1951_07_08], "the wrong day of birth is gone"
            at.ids[OLD] = new
            refusals = [one.code for one in at.office.check(new)["refusals"]]
            assert "destruction.patient" in refusals

    def test_the_same_bytes_leave_the_quarantine_and_others_stay(self, home: Path) -> None:
        with at_the_office(home) as at:
            same = at.archive.vault.read(at.ids[NOTE])
            issue = Issue("a-rule-of-before", "error", "invalid", "Observation", "refused by it")
            kept, gone = (at.archive.quarantine.put(data, [issue]) for data in (same + b" ", same))
            assert {kept, gone} <= set(at.archive.quarantine.names())
            at.destroy(NOTE)
            assert gone not in at.archive.quarantine.names()
            assert at.archive.quarantine.original(kept) == same + b" "


def freely(at: Office, names: list[str]) -> None:
    """Destroy records as if all retention were over."""
    later = int(datetime(2090, 1, 1, tzinfo=UTC).timestamp() * 1000)

    class Later:
        def now_ms(self) -> int:
            return later

    with records_office(at.archive, clock=Later()) as office:
        records = [at.ids[name] for name in names]
        office.order(records, "retention_ended", at.one)
        office.confirm(records, at.two)
        assert len(office.carry_out()["certificates"]) == len(names)

"""The records office sees what the rest of the home knows: persons, episodes, versions, who was given a record."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.access import entry
from tests.support.old_stays import OLD, RECENT, SECRET, Office, at_the_office, make_old_hospital, patient, take_in
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.access import access_log
from xinglin.node.accounts import account_signer
from xinglin.node.corrections import correct_record, open_corrections
from xinglin.node.episodes import PersonKey, draft_episode, new_person_key, open_episode, open_episodes, seal_episode
from xinglin.service.basic.audit.model import Proven
from xinglin.service.basic.correction.model import Reason
from xinglin.service.basic.episodes.model import SealReason
from xinglin.service.basic.episodes.service import NewEpisode

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
    resource = json.loads(at.archive.vault.read(at.ids[name])) | changes
    with open_corrections(at.archive) as corrections:
        data = json.dumps(resource).encode()
        made = correct_record(at.archive, corrections, at.ids[name], data, Reason.TRANSCRIPTION, at.one)
    return str(made["record"])


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
    stranger, account = identifier(b"m" * 16), identifier(b"a" * 16)
    with at_the_office(home) as at:
        node, record = at.archive.node, at.ids[NOTE]
        now = node.private_ledger().tip.time
        with access_log(node) as log:
            for number, member in enumerate((stranger, node.member)):
                log.log(
                    entry(
                        commitment=at.archive.vault.find(record).details.commitment,
                        member=member,
                        account=account,
                        request=bytes([number]) * 32,
                        proven=Proven.SIGNATURE if member == stranger else Proven.SESSION,
                        proof=entry().proof if member == stranger else (),
                        seen_time=node.consortium.tip.time,
                        time=now,
                    )
                )
        assert at.office.check(record)["given_to"] == [stranger]
        at.destroy(NOTE)
        assert at.office.certificate(record).recipients == (stranger,), "its copies are its own"
        assert at.office.given_to(record) == [stranger]

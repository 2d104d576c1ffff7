"""Destruction: refused while a record must be kept or is held, then gone from every file, and gone after a restore."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.old_stays import OLD, RECENT, at_the_office, make_old_hospital
from tests.support.product import (
    Said,
    an_auditor,
    findings,
    opened,
    opened_archive,
    read_copy,
    write_passphrase,
    xinglin,
)
from tests.support.remains import Needles, needles_of, trial_of
from xinglin.carrier.consensus.errors import QueueFull
from xinglin.carrier.ledger.build import Signer
from xinglin.kernel.encoding import ChainObject, decode, encode
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.hashing import Tag, tagged
from xinglin.kernel.identifiers import identifier
from xinglin.node.office.accounts import SamePerson, add_account, end_account
from xinglin.node.opening import anchoring
from xinglin.node.records.archive import open_archive
from xinglin.node.records.replaying import require_readable, standing_of
from xinglin.node.records.serving import open_deciding
from xinglin.service.basic.coordination.anchoring import ChainBehindAnchor
from xinglin.service.basic.coordination.errors import SameAccount
from xinglin.service.basic.destruction.errors import (
    EncounterNeeded,
    HoldOpeningMissing,
    PartlyDone,
    RecordHeld,
    RecordOrdered,
    RetentionRuns,
)
from xinglin.service.basic.destruction.model import Certificate, Standing
from xinglin.service.basic.destruction.service import Destruction
from xinglin.service.basic.protection.mandates import StatedMandate
from xinglin.service.basic.protection.model import Article
from xinglin.service.lifecycle.erasure.shredding import Shredder
from xinglin.service.lifecycle.storage.errors import RecordShredded
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose

NOTE, OTHER, STAY = f"{OLD}-1983-0", f"{OLD}-1983-1", f"{OLD}-1983"
FLIPS = int(os.environ.get("XINGLIN_FLIPS", "12"))
PAPER = b"\x07" * 32


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a hospital with old stays; tests work on copies."""
    folder = tmp_path_factory.mktemp("old")
    make_old_hospital(folder / "home")
    write_passphrase(folder)
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """Return a copy of the hospital's home, with what lies beside it."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "home"


def needles(home: Path, name: str = NOTE) -> Needles:
    """Return the needles of a record."""
    record = number_of(home, name)
    with opened_archive(home) as archive:
        return needles_of(archive, archive.vault.find(record))


def number_of(home: Path, name: str) -> str:
    """Return the id of a record."""
    with opened_archive(home) as archive:
        for part in archive.vault.index.slices(1, archive.vault.index.last_number()):
            for row in part:
                if row.details.logical_id == name.encode():  # type: ignore[union-attr]
                    return identifier(row.record)  # type: ignore[union-attr]
    raise AssertionError(name)


def codes(home: Path) -> set[str]:
    """Return the codes of what verifying finds."""
    return {finding.code for finding in findings(home)}


@pytest.mark.requirement(
    "S7.1f", part="the node's own copies, with certificate; client and mobile copies are listed, not destroyed"
)
class TestDestroyed:
    def test_nothing_of_the_record_is_in_any_file(self, home: Path, tmp_path: Path) -> None:
        record, wanted = number_of(home, NOTE), needles(home)
        sealed = {"sealed original", "sealed secrets", "sealed row"}
        with at_the_office(home) as at:
            stored = at.archive.vault.find(record)
            trial = trial_of(at.archive, stored)
            folders = [at.archive.node.home.vault, at.archive.node.home.keyring]
            before = wanted.found_in(home)
            assert {what for what, _ in before} == sealed, "the search finds what is there to find, and no plaintext"
            assert trial.opens_in(at.archive, folders) == ["keyring.sqlite"]
            at.destroy(NOTE)
            shutil.copytree(home, tmp_path / "live")  # with what a killed process would leave: write-ahead logs
            folders.append(at.archive.node.home.destruction)
            assert trial.opens_in(at.archive, folders) == []
            with pytest.raises(RecordShredded):
                at.archive.vault.read(record)
            assert at.archive.vault.read(at.ids[OTHER])
        assert wanted.found_in(tmp_path / "live") == []
        assert wanted.found_in(home) == []
        assert findings(home) == []
        assert findings(tmp_path / "live") == []

    def test_the_certificate_says_who_when_what_how_and_its_hash_is_on_the_chain(self, home: Path) -> None:
        other = identifier(b"b" * 16)
        with at_the_office(home, recipients=lambda _: [other]) as at:
            at.destroy(NOTE)
            node = at.archive.node
            stored = at.archive.vault.find(at.ids[NOTE])
            row = at.office.execution.store.order(stored.details.commitment)
            assert row is not None
            certificate = decode(Certificate, row.certificate)
            standing = standing_of(node, stored.details.commitment)
            assert standing.standing is Standing.DESTROYED
            assert standing.certificate == tagged(node.consortium.rules.suite.hash, Tag.CERTIFICATE, row.certificate)
            assert encode(certificate) == row.certificate
            assert (certificate.ordered_by, certificate.confirmed_by) == (standing.ordered_by, standing.confirmed_by)
            assert certificate.ordered < certificate.confirmed < certificate.destroyed
            assert certificate.record == at.ids[NOTE]
            assert certificate.recipients == (other,), "who was given the record is listed, not claimed gone"
            assert certificate.backups_until - certificate.destroyed == 35 * 86_400_000
            assert certificate.before.place == certificate.after.place
            assert certificate.before.digest != certificate.after.digest
            assert certificate.after == Shredder(at.archive.vault).measure(stored)

    def test_what_is_left_is_commitment_and_behaviour_data(self, home: Path) -> None:
        with at_the_office(home) as at:
            before = at.archive.vault.find(at.ids[NOTE]).details
            at.destroy(NOTE)
            after = at.archive.vault.find(at.ids[NOTE]).details
            patient = [identifier(one.record) for one in at.archive.vault.records_of([(b"file", OLD.encode())])]
        assert (after.source, after.subject, after.logical_id, after.level, after.category) == (b"", b"", b"", 0, 0)
        assert (after.commitment, after.behaviour, after.salt_behaviour) == (
            before.commitment,
            before.behaviour,
            before.salt_behaviour,
        )
        assert at.ids[NOTE] not in patient
        assert at.ids[OTHER] in patient

    def test_the_last_record_of_a_patient_takes_the_patients_key_along(self, home: Path) -> None:
        with sqlite3.connect(home / "keyring/keyring.sqlite") as keyring:
            before = keyring.execute("SELECT count(*) FROM patients").fetchone()[0]
        with at_the_office(home) as at:
            Shredder(at.archive.vault).shred(at.archive.vault.records_of([(b"file", RECENT.encode())]))
        with sqlite3.connect(home / "keyring/keyring.sqlite") as keyring:
            assert keyring.execute("SELECT count(*) FROM patients").fetchone()[0] == before - 1

    def test_an_encounter_goes_last(self, home: Path) -> None:
        notes = [f"{STAY}-{number}" for number in range(3)]
        with at_the_office(home) as at:
            with pytest.raises(EncounterNeeded) as caught:
                at.office.order([at.ids[STAY], at.ids[NOTE]], "retention_ended", at.one)
            assert caught.value.facts["count"] == 2
            at.office.order([at.ids[STAY], *(at.ids[one] for one in notes)], "retention_ended", at.one)
            at.office.confirm([at.ids[STAY], at.ids[NOTE]], at.two)
            done = at.office.carry_out()
            assert [(one["record"], one["code"]) for one in done["waiting"]] == [
                (at.ids[STAY], "destruction.encounter")
            ]
            at.office.confirm([at.ids[one] for one in notes], at.two)
            assert len(at.office.carry_out()["certificates"]) == 3
            assert at.office.carry_out() == {"certificates": [], "versions_left": {}, "waiting": []}

    def test_taken_in_again_it_is_known_and_not_stored(self, home: Path) -> None:
        with at_the_office(home) as at:
            at.destroy(NOTE)
            stored = at.archive.vault.find(at.ids[NOTE])
            name = (b"file", b"Observation", NOTE.encode(), 0)
            assert [one and one.record for one in at.archive.vault.index.by_resource([name])] == [stored.record]
            assert at.archive.vault.same([stored], [b"anything"]) == [True]


def plant_raw(home: Path, needle: bytes) -> Path:
    path = home / "accounts" / "note"
    path.write_bytes(b"x" * 1000 + needle)
    return path


def plant_in_a_page(home: Path, needle: bytes) -> Path:
    path = home / "vault" / "index.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE planted (one BLOB)")
        database.execute("INSERT INTO planted VALUES (?)", (needle,))
    database.close()
    return path


def plant_in_a_log(home: Path, needle: bytes) -> Path:
    source = home.parent / "elsewhere"
    source.mkdir()
    shutil.copy(home / "keyring" / "keyring.sqlite", source)
    database = sqlite3.connect(source / "keyring.sqlite")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE planted (one BLOB)")
    database.execute("INSERT INTO planted VALUES (?)", (needle,))
    database.commit()
    path = home / "keyring" / "keyring.sqlite-wal"
    shutil.copy(source / "keyring.sqlite-wal", path)
    database.close()
    return path


def plant_in_a_segment(home: Path, needle: bytes) -> Path:
    path = home / "vault" / "segments" / "00000001.seg"
    path.write_bytes(path.read_bytes() + needle)
    return path


def plant_in_the_chain(home: Path, needle: bytes) -> Path:
    path = next((home / "chain").rglob("data.mdb"))
    with path.open("r+b") as file:
        file.seek(0, 2)
        file.write(needle)
    return path


@pytest.mark.parametrize("plant", [plant_raw, plant_in_a_page, plant_in_a_log, plant_in_a_segment, plant_in_the_chain])
def test_the_search_finds_what_is_planted(home: Path, plant: Callable[[Path, bytes], Path]) -> None:
    """Every needle, in the last of its forms: base64, or the last piece of what is sealed."""
    wanted = needles(home)
    with at_the_office(home) as at:
        at.destroy(NOTE)
    assert wanted.found_in(home) == []
    path = plant(home, b"...".join(forms[-1] for forms in wanted.forms.values()))
    assert {(what, str(path.relative_to(home))) for what in wanted.forms} <= set(wanted.found_in(home))
    assert {"key", "salt_r", "salt_d", "handle", "plaintext", "sealed secrets", "sealed row"} <= set(wanted.forms)


class TestRefused:
    def test_retention_runs_and_the_record_is_restricted(self, home: Path) -> None:
        with at_the_office(home) as at:
            record = at.ids[f"{RECENT}-2017-0"]
            commitment = at.archive.vault.find(record).details.commitment
            with pytest.raises(RetentionRuns) as caught:
                at.office.order([at.ids[NOTE], record], "retention_ended", at.one)
            assert caught.value.facts == {"record": record, "until": "2047-03-30"}
            assert not anchoring(at.archive.node).step(), "it is anchored already"
            restricted = standing_of(at.archive.node, commitment)
            assert restricted.standing is Standing.RESTRICTED
            assert restricted.until == 2_437_603_200_000  # 2047-03-31T00:00:00Z
            assert at.office.listed() == [], "all of them or none"
            with pytest.raises(PlatformError, match=r"hold\.same_account"):
                at.office.lift(record, at.one)
            at.office.lift(record, at.two)
            assert standing_of(at.archive.node, commitment).standing is Standing.STANDING

    def test_a_hold_forbids_and_does_not_restrict(self, home: Path) -> None:
        with at_the_office(home) as at:
            record = at.ids[NOTE]
            [hold] = at.office.hold_records([record], "court", PAPER, at.one)
            with pytest.raises(RecordHeld) as caught:
                at.office.order([record], "retention_ended", at.one)
            assert caught.value.facts == {"record": record, "hold": hold}
            commitment = at.archive.vault.find(record).details.commitment
            standing = standing_of(at.archive.node, commitment)
            assert (standing.standing, standing.holds) == (Standing.STANDING, (hold,))
            at.office.release_hold(hold, PAPER, at.one)
            with pytest.raises(RecordHeld):
                at.office.order([record], "retention_ended", at.one)
            with pytest.raises(PlatformError, match=r"hold\.same_account"):
                at.office.confirm_release(hold, at.one)
            at.office.confirm_release(hold, at.two)
            at.destroy(NOTE)
            assert [one["state"] for one in at.office.held()] == ["released"]

    def test_a_hold_on_a_patient_covers_all_records_and_survives_a_restart(self, home: Path) -> None:
        with at_the_office(home) as at:
            hold = at.office.hold_patient(at.ids[STAY], "dispute", PAPER, at.one)
        with at_the_office(home) as at:
            for name in (NOTE, STAY, OLD):
                assert at.office.check(at.ids[name])["holds"] == [hold]
            assert at.office.check(at.ids[RECENT])["holds"] == []
        shutil.rmtree(home / "destruction")
        assert codes(home) == {"hold.opening"}
        with at_the_office(home) as at, pytest.raises(HoldOpeningMissing):
            at.office.order([at.ids[f"{OLD}-2020-0"]], "retention_ended", at.one)

    @pytest.mark.parametrize("whole", [False, True])
    def test_a_hold_between_confirmation_and_shredding_stops_it(self, home: Path, whole: bool) -> None:
        with at_the_office(home) as at:
            record = at.ids[NOTE]
            at.office.order([record], "retention_ended", at.one)
            at.office.confirm([record], at.two)
            if whole:
                hold = at.office.hold_patient(record, "court", PAPER, at.one)
            else:
                [hold] = at.office.hold_records([record], "court", PAPER, at.one)
            done = at.office.carry_out()
            assert done["certificates"] == []
            assert [(one["record"], one["code"]) for one in done["waiting"]] == [(record, "destruction.hold")]
            assert at.archive.vault.read(record), "it is kept, though it is not served"
        with at_the_office(home) as at:  # nor does a restart destroy it
            assert at.archive.vault.read(record)
            at.office.release_hold(hold, PAPER, at.two)
            at.office.confirm_release(hold, at.one)
            assert len(at.office.carry_out()["certificates"]) == 1

    @pytest.mark.requirement("H11", "S7.1f")
    def test_a_private_chain_that_was_set_back_behind_a_hold_destroys_nothing(self, home: Path) -> None:
        with at_the_office(home) as at:
            record, chain = at.ids[NOTE], at.archive.node.private_ledger().rules.chain
            at.office.order([record], "retention_ended", at.one)
            at.office.confirm([record], at.two)
        stolen = home.parent / "older"
        shutil.copytree(home / "chain" / chain, stolen)
        with at_the_office(home) as at:
            at.office.hold_records([record], "court", PAPER, at.one)
        shutil.rmtree(home / "chain" / chain)
        shutil.copytree(stolen, home / "chain" / chain)
        with at_the_office(home) as at:
            for tried in (
                at.office.carry_out,
                lambda: at.office.order([at.ids[OTHER]], "retention_ended", at.one),
                lambda: at.office.hold_records([record], "court", PAPER, at.one),
            ):
                with pytest.raises(ChainBehindAnchor):
                    tried()
            assert at.archive.vault.read(record)

    def test_one_account_is_not_two(self, home: Path) -> None:
        with at_the_office(home) as at:
            at.office.order([at.ids[NOTE]], "retention_ended", at.one)
            with pytest.raises(SameAccount):
                at.office.confirm([at.ids[NOTE]], at.one)
            assert at.office.carry_out()["certificates"] == []

    def test_what_a_chain_refuses_in_the_middle_is_named_and_done_by_the_next_command(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(self: Destruction, method: str, call: ChainObject, signer: Signer) -> None:
            if method in begun:
                raise QueueFull
            begun.append(method)
            whole(self, method, call, signer)

        begun: list[str] = []
        whole = Destruction._call
        with at_the_office(home) as at:
            both = [at.ids[NOTE], at.ids[OTHER]]
            for act in (
                lambda: at.office.order(both, "retention_ended", at.one),
                lambda: at.office.confirm(both, at.two),
            ):
                with monkeypatch.context() as patched:
                    patched.setattr(Destruction, "_call", full)
                    with pytest.raises(PartlyDone) as caught:
                        act()
                assert (caught.value.facts["count"], caught.value.facts["refused"]) == (2, QueueFull.code)
                left = set(both) - {str(caught.value.facts["done"])}
                assert set(act()) == left
                assert len(left) == 1
            assert len(at.office.carry_out()["certificates"]) == 2

    @pytest.mark.requirement("S3.5")
    def test_two_accounts_of_one_person_are_not_two_people(self, home: Path) -> None:
        with at_the_office(home) as at:
            also = add_account(at.archive.node, (Role.COMPLIANCE_OFFICER,), " Officer  of RECORDS").account
            recent = at.ids[f"{RECENT}-2017-0"]
            with pytest.raises(RetentionRuns):
                at.office.order([recent], "retention_ended", at.two)
            at.office.order([at.ids[NOTE]], "retention_ended", at.two)
            [hold] = at.office.hold_records([recent], "court", PAPER, at.two)
            at.office.release_hold(hold, PAPER, also)
            for tried in (
                lambda: at.office.lift(recent, also),
                lambda: at.office.confirm([at.ids[NOTE]], also),
                lambda: at.office.confirm_release(hold, at.two),
            ):
                with pytest.raises(SamePerson):
                    tried()
            [held] = at.office.held()
            assert (held["state"], held["released_by"], held["confirmed_by"]) == ("releasing", also, "")
            at.office.lift(recent, at.one)
            at.office.confirm([at.ids[NOTE]], at.one)
            at.office.confirm_release(hold, at.one)
            assert [one["confirmed_by"] for one in at.office.held()] == [at.one]

    def test_reads_are_refused_from_the_orders_receipt_on(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(home.parent / "passphrase"))
        record, officer = number_of(home, NOTE), asked_by_the_patient(home)
        assert read_original(home, record, officer).status == 0
        with at_the_office(home) as at:
            at.office.order([record], "retention_ended", at.one)
            with pytest.raises(RecordOrdered):
                require_readable(at.archive.node, at.archive.vault.find(record))
        assert read_original(home, record, officer).code == "permit.destroyed"
        assert read_original(home, number_of(home, OTHER), officer).status == 0
        with at_the_office(home) as at:
            at.office.confirm([record], at.two)
            at.office.carry_out()
        assert read_original(home, record, officer).code == "permit.destroyed"

    def test_an_account_that_has_ended_does_nothing(self, home: Path) -> None:
        with at_the_office(home) as at:
            at.office._actor(at.two)  # it may act on the private chain from now on
            end_account(at.archive.node, at.two)
            with pytest.raises(PlatformError, match=r"account\.may_not_act"):
                at.office.hold_records([at.ids[NOTE]], "court", PAPER, at.two)


def asked_by_the_patient(home: Path) -> str:
    """Have the patients ask for their records at the counter; return the officer's account that hands them out."""
    with opened(home, running=True) as node, open_archive(node) as archive, open_deciding(archive) as deciding:
        account = add_account(node, (Role.COMPLIANCE_OFFICER,), "Records office").account
        now, day = node.consortium.tip.time, 86_400_000
        asked = StatedMandate(
            Article.PATIENT_REQUEST, bytes(32), [Purpose.PATRQT], list(Category), Level.STRICT, now, now + 9 * day
        )
        for person in archive.persons.persons():
            deciding.protection.mandates.enter(person, asked, account)
    return account


def read_original(home: Path, record: str, account: str) -> Said:
    """Read a record for its patient, by the command."""
    return xinglin("record", "read", "--home", home, record, "--account", account, "--purpose", "patrqt")


def put_back(home: Path, *names: str) -> None:
    """Put a part of the home back as it was before."""
    for name in names:
        kept, path = home.parent / "kept" / name, home / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        shutil.copytree(kept, path) if kept.is_dir() else shutil.copy(kept, path)


PARTS = [
    ("vault", "keyring"), ("keyring",), ("vault",), ("vault/segments",), ("vault/index.sqlite",),
    ("vault", "keyring", "destruction"), ("keyring", "destruction"),
]  # fmt: skip


@pytest.mark.parametrize("parts", PARTS, ids="+".join)
@pytest.mark.parametrize("certified", [True, False])
def test_what_a_restore_brings_back_is_destroyed_again_before_anything_is_served(
    home: Path, parts: tuple[str, ...], certified: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(home.parent / "passphrase"))
    wanted, record, auditor = needles(home), number_of(home, NOTE), an_auditor(home)
    with at_the_office(home) as at:
        at.office.hold_patient(at.ids[RECENT], "court", PAPER, at.one)  # so that there is a folder to put back
    shutil.copytree(home, home.parent / "kept")
    with at_the_office(home) as at:
        at.office.order([record], "retention_ended", at.one)
        at.office.confirm([record], at.two)
        if not certified:
            monkeypatch.setattr(at.office.destruction, "_certify", lambda *_: [])
        at.office.carry_out()
    put_back(home, *parts)
    found = wanted.found_in(home)
    assert found
    lost = {"destruction.certificate"} if certified and "destruction" in parts else set()
    assert codes(home) == ({"erasure.still_here"} | lost if certified else set())
    assert read_copy(home, record, auditor).code == "permit.destroyed"
    with opened(home) as node, open_archive(node) as archive:
        assert wanted.found_in(home) == []
        with pytest.raises(RecordShredded):
            archive.vault.read(record)
    assert codes(home) == lost


def test_a_record_that_is_shredded_without_an_order_is_found(home: Path) -> None:
    with at_the_office(home) as at:
        at.office.order([at.ids[OTHER]], "retention_ended", at.one)  # ordered, and confirmed by nobody
        shredder = Shredder(at.archive.vault)
        shredder.shred([at.archive.vault.find(at.ids[NOTE]), at.archive.vault.find(at.ids[OTHER])])
    assert [finding.code for finding in findings(home)] == ["erasure.unordered"] * 2


@pytest.mark.requirement("S6.2d")
def test_a_flipped_byte_of_what_the_home_keeps_of_destructions_is_found_or_changes_nothing(
    home: Path, seeded: random.Random
) -> None:
    with at_the_office(home) as at:
        at.destroy(NOTE)
        at.office.hold_patient(at.ids[RECENT], "court", PAPER, at.one)
    path = home / "destruction" / "destruction.sqlite"
    whole = path.read_bytes()
    told = 0
    for _ in range(FLIPS):
        data = bytearray(whole)
        data[seeded.choice([at for at, byte in enumerate(whole) if byte])] ^= 1 << seeded.randrange(8)
        for left in path.parent.iterdir():
            left.unlink()
        path.write_bytes(data)
        if codes(home):
            told += 1
            continue
        with at_the_office(home) as at:
            certificate = at.office.certificate(number := at.office.listed()[0]["record"])
            assert certificate.record == number
            assert at.office.check(at.ids[RECENT])["holds"]
    assert told


def test_a_certificate_that_was_changed_or_lost_is_found(home: Path) -> None:
    record = number_of(home, NOTE)
    with at_the_office(home) as at:
        at.destroy(NOTE)
    assert findings(home) == []
    path = home / "destruction" / "destruction.sqlite"
    with sqlite3.connect(path) as database:
        [(kept,)] = database.execute("SELECT certificate FROM orders").fetchall()
        database.execute("UPDATE orders SET certificate = ?", (kept.replace(b"retention_ended", b"retention_endex"),))
    database.close()
    assert codes(home) == {"destruction.row_damaged", "destruction.certificate"}
    shutil.rmtree(home / "destruction")
    assert codes(home) == {"destruction.certificate"}
    with at_the_office(home) as at:
        assert [one["record"] for one in at.office.listed()] == [record], "which record it was is told by the log"

"""``xinglin destruction`` and ``xinglin hold``: from check to certificate, and what each refusal says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.old_stays import OLD, RECENT, administrator, make_old_hospital, officer
from tests.support.product import Said, an_auditor, opened, opened_archive, stored_records, write_passphrase, xinglin
from xinglin.kernel.encoding import decode
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.destruction.model import Certificate

NOTE = f"{OLD}-1983-0"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("office")
    make_old_hospital(folder / "home")
    write_passphrase(folder)
    (folder / "paper").write_text("an order of the court")
    return folder


class Desk:
    """A desk of the records office: commands on a home, two accounts, records by the ids of their resources."""

    def __init__(self, folder: Path) -> None:
        self.home, self.paper = folder / "home", folder / "paper"
        with opened(self.home) as node:
            self.one, self.two = administrator(node), officer(self.home)
        with opened_archive(self.home) as archive:
            rows = stored_records(archive)
        self.ids = {row.details.logical_id.decode(): identifier(row.record) for row in rows}

    def __call__(self, noun: str, verb: str, *arguments: str | Path) -> Said:
        return xinglin(noun, verb, "--home", self.home, *arguments)

    def order(self, *names: str) -> Said:
        return self("destruction", "order", *(self.ids[name] for name in names), "--account", self.one)

    def destroy(self, name: str) -> None:
        assert self.order(name).status == 0
        assert self("destruction", "confirm", self.ids[name], "--account", self.two).status == 0
        assert self("destruction", "carry-out").status == 0


@pytest.fixture
def desk(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    return Desk(tmp_path)


@pytest.mark.requirement("S7.1f")
class TestDestroying:
    def test_check_says_until_when_and_why_not(self, desk: Desk) -> None:
        free = desk("destruction", "check", desk.ids[NOTE], "--json").json
        assert (free["state"], free["kept_until"], free["over"], free["refusals"]) == (
            "standing", "2013-10-28", True, [],
        )  # fmt: skip
        kept = desk("destruction", "check", desk.ids[f"{RECENT}-2017-0"], "--json").json
        assert (kept["kept_until"], kept["over"]) == ("2047-03-30", False)
        assert [one["code"] for one in kept["refusals"]] == ["destruction.retention"]
        stay = desk("destruction", "check", desk.ids[f"{OLD}-1983"])
        assert stay.status == 0
        assert stay.code == "destruction.encounter"

    def test_from_order_to_certificate(self, desk: Desk, tmp_path: Path) -> None:
        record = desk.ids[NOTE]
        ordered = desk("destruction", "order", record, "--account", desk.one, "--json").json
        assert ordered == {"ordered": [record], "versions_left": {record: []}}
        assert desk("record", "show", record, "--json").json["state"] == "ordered"
        assert desk("destruction", "certificate", record).code == "destruction.no_certificate"
        same = desk("destruction", "confirm", record, "--account", desk.one)
        assert same.code == "records.same_account"
        assert desk("destruction", "confirm", record, "--account", desk.two).status == 0
        assert desk("destruction", "resume", "--json").json["certificates"] == [], "it was not begun"
        done = desk("destruction", "carry-out", "--json").json
        assert [one["record"] for one in done["certificates"]] == [record]
        assert done["waiting"] == []
        [row] = desk("destruction", "list", "--json").json["orders"]
        assert (row["record"], row["state"], row["ordered_by"], row["confirmed_by"]) == (
            record, "destroyed", desk.one, desk.two,
        )  # fmt: skip
        said = desk("destruction", "certificate", record, "--out", tmp_path / "certificate", "--json").json
        written = decode(Certificate, (tmp_path / "certificate").read_bytes())
        assert (said["record"], written.record, written.ground) == (record, record, "retention_ended")
        reads = ("--account", an_auditor(desk.home), "--purpose", "hqualimp")
        assert desk("record", "read", record, *reads).code == "permit.destroyed"
        assert desk("destruction", "check", record).code == "vault.destroyed"
        states = {one["record"]: one["state"] for one in desk("record", "list", "--json").json["records"]}
        assert states[record] == "destroyed"
        assert set(states.values()) == {"destroyed", "standing"}

    def test_what_must_be_kept_is_restricted_and_another_account_lifts_it(self, desk: Desk) -> None:
        record = desk.ids[f"{RECENT}-2017-0"]
        refused = desk.order(f"{RECENT}-2017-0")
        assert (refused.status, refused.code) == (6, "destruction.retention")
        assert "2047-03-30" in refused.err
        assert f"xinglin destruction lift {record}" in refused.err
        assert desk("record", "show", record, "--json").json["state"] == "restricted"
        assert desk("destruction", "lift", record, "--account", desk.one).code == "hold.same_account"
        assert desk("destruction", "lift", record, "--account", desk.two).status == 0
        assert desk("record", "show", record, "--json").json["state"] == "standing"

    def test_an_account_whose_key_is_not_here_does_nothing(self, desk: Desk) -> None:
        stranger = identifier(b"s" * 16)
        said = desk("destruction", "order", desk.ids[NOTE], "--account", stranger)
        assert said.code == "account.no_key"

    def test_a_ground_is_a_code(self, desk: Desk) -> None:
        recent = desk.ids[f"{RECENT}-2017-0"]
        for ground in ("Because I want", "", "x" * 65, "\udcff"):
            said = desk("destruction", "order", recent, "--account", desk.one, "--ground", ground)
            assert (said.status, said.code) == (3, "option.ground")
            held = desk("hold", "place", recent, "--account", desk.one, "--document", desk.paper, "--ground", ground)
            assert (held.status, held.code) == (3, "option.ground")
        assert desk("destruction", "list", "--json").json["orders"] == []
        assert desk("record", "show", recent, "--json").json["state"] == "standing", (
            "refused before anything is restricted"
        )


@pytest.mark.requirement("S8.1")
class TestHolding:
    def test_the_list_says_who_placed_and_released_a_hold_and_by_which_papers(self, desk: Desk, tmp_path: Path) -> None:
        (tmp_path / "lift").write_text("the court lifts its order")
        placed = ("--account", desk.one, "--document", desk.paper, "--json")
        [hold] = desk("hold", "place", desk.ids[NOTE], *placed).json["holds"]
        released = desk("hold", "release", hold, "--account", desk.one, "--document", tmp_path / "lift", "--json").json
        assert desk("hold", "confirm", hold, "--account", desk.two).status == 0
        [row] = desk("hold", "list", "--json").json["holds"]
        assert (row["released_by"], row["confirmed_by"]) == (desk.one, desk.two)
        assert row["release_document"] == released["document"] != row["document"]
        listed = desk("hold", "list").out.decode()
        for told in (row["document"], row["release_document"], f"release by {desk.one}, confirmed by {desk.two}"):
            assert told in listed

    def test_a_hold_on_records_forbids_until_two_released_it(self, desk: Desk) -> None:
        record, with_paper = desk.ids[NOTE], ("--document", desk.paper, "--account")
        [hold] = desk("hold", "place", record, *with_paper, desk.one, "--json").json["holds"]
        refused = desk.order(NOTE)
        assert refused.code == "destruction.hold"
        assert f"xinglin hold release {hold}" in refused.err, "it says what could be done"
        assert desk("hold", "confirm", hold, "--account", desk.two).code == "hold.not_proposed"
        assert desk("hold", "release", hold, *with_paper, desk.one).status == 0
        assert desk("hold", "confirm", hold, "--account", desk.one).code == "hold.same_account"
        assert desk("hold", "confirm", hold, "--account", desk.two).status == 0
        [row] = desk("hold", "list", "--json").json["holds"]
        assert (row["hold"], row["state"], row["records"], row["scope"]) == (hold, "released", [record], "records")
        desk.destroy(NOTE)

    def test_a_hold_on_a_patient_covers_what_the_patient_has(self, desk: Desk) -> None:
        said = desk("hold", "place", "--patient-of", desk.ids[OLD], "--document", desk.paper, "--account", desk.one)
        assert said.status == 0
        assert desk.order(NOTE).code == "destruction.hold"
        assert desk("hold", "list", "--json").json["holds"][0]["scope"] == "patient"

    def test_a_hold_names_records_or_a_patient(self, desk: Desk) -> None:
        rest = ("--document", desk.paper, "--account", desk.one)
        assert desk("hold", "place", *rest).code == "hold.names"
        assert desk("hold", "place", desk.ids[NOTE], "--patient-of", desk.ids[OLD], *rest).code == "hold.names"

    def test_a_paper_that_is_empty_is_none(self, desk: Desk, tmp_path: Path) -> None:
        (tmp_path / "empty").write_bytes(b"")
        for name, code in (("empty", "hold.document"), ("missing", "file.unusable")):
            rest = ("--document", tmp_path / name, "--account", desk.one)
            assert desk("hold", "place", desk.ids[NOTE], *rest).code == code
        assert desk("hold", "list", "--json").json["holds"] == []

"""``xinglin episode``: sealed by two sides, proven, opened by two sides; meanwhile nothing of it is destroyed."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest

from tests.support.old_stays import OLD, administrator, make_old_hospital, officer
from tests.support.product import Said, opened, opened_archive, stored_records, write_passphrase, xinglin
from xinglin.cli.episode import PersonKeyUnfit
from xinglin.kernel.encoding import state_key
from xinglin.kernel.identifiers import identifier
from xinglin.node.office.accounts import add_account
from xinglin.node.office.destruction import records_office
from xinglin.node.office.sealing import NotBegun
from xinglin.node.records.archive import open_archive
from xinglin.service.basic.destruction.errors import HoldTooLate
from xinglin.service.basic.episodes.service import Episodes
from xinglin.stakeholders.kinds import Role

NOTE, STAY = f"{OLD}-1983-0", f"{OLD}-1983"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sealing")
    make_old_hospital(folder / "home")
    write_passphrase(folder)
    (folder / "statement").write_text("儿子 张三，已核验身份证\n", encoding="utf-8")
    return folder


class Counter:
    """A counter where episodes are sealed: commands on a home."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        with opened(self.home) as node:
            self.one, self.two = administrator(node), officer(self.home)
        with opened_archive(self.home) as archive:
            self.ids = {one.details.logical_id.decode(): identifier(one.record) for one in stored_records(archive)}

    def __call__(self, noun: str, verb: str, *arguments: str | Path) -> Said:
        return xinglin(noun, verb, "--home", self.home, *arguments)

    def seal(self, *more: str, account: str = "", encounter: str = STAY, key: str = "key") -> Said:
        sides = ("--account", account or self.two, "--person-key", self.folder / key)
        return self("episode", "seal", encounter, "--statement", self.folder / "statement", *sides, *more)


@pytest.fixture
def counter(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    return Counter(tmp_path)


@pytest.mark.requirement("S1.1")
def test_sealed_proven_opened_and_then_destroyed(counter: Counter) -> None:
    row = counter.seal("--json").json
    episode, folder = row["episode"], counter.folder
    assert (row["step"], row["records"], row["statement"]) == ("sealed", 4, "儿子 张三，已核验身份证")
    assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600
    order = ("destruction", "order", counter.ids[NOTE], "--account", counter.one)
    refused = counter(*order)
    assert refused.code == "destruction.sealed"
    assert f"xinglin episode open {episode}" in refused.err
    [listed] = counter("episode", "list", "--json").json["episodes"]
    assert listed["episode"] == episode
    assert "张三" not in json.dumps(listed, ensure_ascii=False), "who the other side is stands in the episode alone"
    files = ("--html", folder / "report.html", "--pdf", folder / "report.pdf")
    assert counter("episode", "export", episode, "--out", folder / "episode.proof", *files).status == 0
    assert counter("proof", "trust", "--out", folder / "trust.json").status == 0
    checked = xinglin("proof", "verify", folder / "episode.proof", "--trust", folder / "trust.json", "--json")
    assert checked.json["verdict"] == "holds"
    assert episode in (folder / "report.html").read_text("utf-8")
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    opening = ("episode", "open", episode)
    assert counter(*opening, "--account", counter.one).status == 0
    assert counter(*opening, "--account", counter.two).code == "episode.same_side", "two accounts are one side"
    assert counter(*order).code == "destruction.sealed"
    done = counter(*opening, "--person-key", folder / "key", "--json").json
    assert done["step"] == "released"
    assert counter(*order).status == 0


class TestRefused:
    def test_who_has_no_role_for_it(self, counter: Counter) -> None:
        with opened(counter.home, running=True) as node:
            doctor = add_account(node, [Role.PRACTITIONER], "Dr. Li").account
        assert counter.seal(account=doctor).code == "episode.role"
        assert not (counter.folder / "key").exists()
        episode = counter.seal("--json").json["episode"]
        assert counter("episode", "open", episode, "--account", doctor).code == "episode.role"

    def test_a_key_is_never_written_over(self, counter: Counter) -> None:
        (counter.folder / "key").write_text("somebody's")
        assert counter.seal().code == "episode.file"
        said = PersonKeyUnfit(**counter.seal("--json").json["error"]["facts"]).sentence("zh")
        assert said.endswith("：文件已存在。")
        assert (counter.folder / "key").read_text() == "somebody's"
        assert counter("episode", "list", "--json").json["episodes"] == []

    def test_an_encounter_without_records_leaves_no_key(self, counter: Counter) -> None:
        assert counter.seal(encounter="unknown").code == "episode.empty"
        assert not (counter.folder / "key").exists()

    def test_a_sealing_that_is_refused_leaves_no_key(self, counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Episodes, "_since", lambda self, kept: iter([self._vault.find(counter.ids[NOTE])]))
        assert counter.seal().code == "episode.changed"
        assert not (counter.folder / "key").exists()

    def test_the_key_of_what_is_sealed_later_stays(self, counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
        def too_late(self: NotBegun, episode: str, commitments: list[bytes]) -> None:
            raise HoldTooLate(commitment=commitments[0])

        with monkeypatch.context() as patched:
            patched.setattr(NotBegun, "place", too_late)
            assert counter.seal().code == "hold.too_late"
        assert counter("episode", "resume").status == 0
        [row] = counter("episode", "list", "--json").json["episodes"]
        assert row["step"] == "sealed"
        opening = ("episode", "open", row["episode"])
        assert counter(*opening, "--person-key", counter.folder / "key").status == 0

    @pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"x" * 5000])
    def test_a_statement_is_a_short_text(self, counter: Counter, content: bytes) -> None:
        (counter.folder / "statement").write_bytes(content)
        assert counter.seal().code == "episode.file"

    def test_a_reason_that_there_is_not(self, counter: Counter) -> None:
        assert counter.seal("--reason", "because").code == "episode.reason"

    def test_one_side_at_a_time_and_by_its_own_key(self, counter: Counter) -> None:
        episode, key = counter.seal("--json").json["episode"], counter.folder / "key"
        opening = ("episode", "open", episode)
        assert counter(*opening).code == "episode.side"
        assert counter(*opening, "--account", counter.one, "--person-key", key).code == "episode.side"
        for content, code in (("no key", "episode.file"), ("11" * 32, "episode.signature")):
            key.write_text(content)
            assert counter(*opening, "--person-key", key).code == code

    def test_what_is_being_shredded_is_not_sealed(self, counter: Counter) -> None:
        with (
            opened(counter.home, running=True) as node,
            open_archive(node) as archive,
            records_office(archive) as office,
        ):
            record = counter.ids[NOTE]
            commitment = archive.vault.find(record).details.commitment
            holds = NotBegun(archive)
            holds.place("", [commitment])
            office.order([record], "retention_ended", counter.one)
            office.confirm([record], counter.two)
            office.destruction._begin(archive.vault.find(record), [])
            assert node.private_ledger().value(state_key("hold", "begun", commitment)) is not None
            with pytest.raises(HoldTooLate):
                holds.place("", [commitment])
            office.carry_out(begun=True)
            holds.place("", [commitment])

"""The file of members: what it may say, and that whatever is wrong is refused with the place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xinglin.node.network_tool.errors import MembersInvalid, NetworkBusy, NetworkLeft, NetworkNotFound, NodeUnknown
from xinglin.node.network_tool.folder import NetworkNode, open_folder, write_description
from xinglin.node.network_tool.plan import MAX_MEMBERS, default_plan, read_plan
from xinglin.node.network_tool.reading_toml import MAX_BYTES
from xinglin.stakeholders.kinds import MemberKind

ONE = '[[members]]\nfolder = "clinic"\nname = "Clinic"\nkind = "medical_institution"\n'
TWO = ONE + ONE.replace("clinic", "board").replace("Clinic", "Board")


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "members.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_what_is_not_said_follows_from_the_base_port(tmp_path: Path) -> None:
    more = 'votes = false\nlisten = "192.0.2.7:7700"\n'
    first, second = read_plan(written(tmp_path, "base_port = 30000\n" + TWO + more))
    assert (first.folder, first.name, first.kind) == ("clinic", "Clinic", MemberKind.MEDICAL_INSTITUTION)
    assert (first.votes, first.cosigns, second.votes) == (True, True, False)
    place = first.place
    ports = [f"127.0.0.1:{port}" for port in range(30000, 30004)]
    assert [place.p2p, place.rpc, place.listen, place.metrics] == ports
    assert (second.place.p2p, second.place.listen) == ("127.0.0.1:30004", "192.0.2.7:7700")


def test_four_institutions_vote_and_a_regulator_looks_on() -> None:
    plan = default_plan(30000)
    assert [(one.kind is MemberKind.REGULATOR, one.votes) for one in plan] == [(False, True)] * 4 + [(True, False)]
    assert len({place for one in plan for place in (one.place.p2p, one.place.rpc, one.place.listen)}) == 15


BAD = {
    "no TOML": ("members = [", "-"),
    "not UTF-8": (b"\xff\xfe", "-"),
    "too long": ("#" * (MAX_BYTES + 1), "-"),
    "deep": ("a = " + "[" * 30_000, "-"),
    "empty": ("", "members"),
    "nobody": ("members = []", "members"),
    "no table": ("members = 3", "members"),
    "too many": (
        "".join(ONE.replace("clinic", f"c{n}").replace("Clinic", f"C{n}") for n in range(MAX_MEMBERS + 1)),
        "members",
    ),
    "an unknown key": (ONE + "vote = true\n", "members.0.vote"),
    "an unknown key above": ("port = 1\n" + ONE, "port"),
    "no name": ('[[members]]\nfolder = "a"\nkind = "regulator"\n', "members.0.name"),
    "a name of two lines": (ONE.replace('"Clinic"', r'"a\nb"'), "members.0.name"),
    "a long name": (ONE.replace("Clinic", "名" * 67), "members.0.name"),
    "an unknown kind": (ONE.replace("medical_institution", "bank"), "members.0.kind"),
    "a vote that is text": (ONE + 'votes = "yes"\n', "members.0.votes"),
    "a way out": (ONE.replace('"clinic"', '"../clinic"'), "members.0.folder"),
    "an absolute folder": (ONE.replace('"clinic"', '"/clinic"'), "members.0.folder"),
    "the passphrase's name": (ONE.replace('"clinic"', '"passphrase"'), "members.0.folder"),
    "a folder twice": (ONE + ONE.replace("Clinic", "Other"), "members.1.folder"),
    "a name twice": (ONE + ONE.replace('"clinic"', '"other"'), "members.1.name"),
    "a low port": ("base_port = 80\n" + ONE, "base_port"),
    "a port as text": ('base_port = "30000"\n' + ONE, "base_port"),
    "a last port too high": ("base_port = 65530\n" + TWO, "base_port"),
    "no host": ('host = "a b"\n' + ONE, "host"),
    "no place": (ONE + 'p2p = "host"\n', "members.0.p2p"),
    "an RPC for all": (ONE + 'rpc = "0.0.0.0:26657"\n', "members.0.rpc"),
    "one place for two": (TWO + 'p2p = "127.0.0.1:26650"\n', "members.1"),
    "nobody votes": (ONE + "votes = false\n", "members.votes"),
    "nobody cosigns": (ONE + "cosigns = false\n", "members.cosigns"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_refused_with_its_place(case: str, tmp_path: Path) -> None:
    text, where = BAD[case]
    with pytest.raises(MembersInvalid) as refused:
        read_plan(written(tmp_path, text))
    assert refused.value.facts["where"] == where
    assert "\n" not in refused.value.sentence()
    assert len(refused.value.sentence()) < 600


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MembersInvalid, match="No such file"):
        read_plan(tmp_path / "members.toml")


@pytest.fixture
def described(tmp_path: Path) -> Path:
    """Return a folder with the description of two nodes."""
    places = [member.place for member in default_plan(30000)]
    nodes = [
        NetworkNode(name, tmp_path / name, letter * 26, letter * 26, True, one.p2p, one.rpc, one.listen, one.metrics)
        for name, letter, one in zip(("first", "second"), "ab", places, strict=False)
    ]
    write_description(tmp_path, "c" + "a" * 26, nodes)
    return tmp_path


class TestFolder:
    """The folder of a network."""

    def test_it_is_read_as_it_was_written(self, described: Path) -> None:
        network = open_folder(described)
        assert [node.name for node in network.nodes] == ["first", "second"]
        assert network.nodes[1].home == described.resolve() / "second"
        assert [node.name for node in network.some(["second"])] == ["second"]
        assert len(network.some([])) == 2

    def test_a_node_that_it_does_not_have_is_refused(self, described: Path) -> None:
        with pytest.raises(NodeUnknown):
            open_folder(described).some(["first", "third"])

    def test_another_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(NetworkNotFound):
            open_folder(tmp_path / "nothing")

    @pytest.mark.parametrize("bad", ['folder = "../first"', 'folder = "a/b"', "folder = 1", "fold = 1"])
    def test_a_description_that_was_changed_is_refused(self, bad: str, described: Path) -> None:
        path = described / "network.toml"
        path.write_text(path.read_text().replace('folder = "first"', bad))
        with pytest.raises(MembersInvalid):
            open_folder(described)

    def test_one_command_at_a_time(self, described: Path) -> None:
        with open_folder(described).alone(), pytest.raises(NetworkBusy), open_folder(described).alone():
            pass
        with open_folder(described).alone():
            pass

    def test_what_was_exported_does_not_start(self, described: Path) -> None:
        open_folder(described).require_here()
        (described / "exported").write_text("/elsewhere\n")
        with pytest.raises(NetworkLeft) as refused:
            open_folder(described).require_here()
        assert json.loads(json.dumps(refused.value.facts))["to"] == "/elsewhere"

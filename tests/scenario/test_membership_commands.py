"""``xinglin member`` through running nodes: a fifth institution joins a consortium of processes by commands alone."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.scenario.test_guides import GUIDES, fenced
from tests.support.engines import needs_engine
from tests.support.ports import free_ports
from tests.support.product import CHEAP, FRESH, PASSPHRASE, write_passphrase, xinglin
from tests.support.served import home_to_serve, serving, start_together
from tests.support.waiting import until
from xinglin.node.chains import random_bytes, rules_of
from xinglin.node.consortium.network_setup import found_network, local_places
from xinglin.node.remote.served import ServedHome
from xinglin.node.setup import make_home
from xinglin.stakeholders.kinds import MemberKind

NAMES = ("hospital", "platform", "insurer", "regulator")


def done(*arguments: str | Path) -> Any:
    """Run a command of the noun; it is not refused; return what it says."""
    said = xinglin("member", *arguments, "--json")
    assert said.status == 0, said.out
    return said.json


def refused(*arguments: str | Path) -> str:
    """Run a command of the noun; return the code of its refusal."""
    said = xinglin("member", *arguments, "--json")
    assert said.status != 0
    return str(said.json["error"]["code"])


def test_a_member_governs_through_its_running_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, _ = home_to_serve(tmp_path, source_requests=1_000.0)
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    paper = tmp_path / "minutes.txt"
    paper.write_text("The board wants a new cosigning key.")
    with serving(home):
        proposal = done("propose", "--home", home, "--rotate-key", "--evidence", paper, "--ahead", "50")["proposal"]
        (row,) = done("proposals", "--home", home)["proposals"]
        assert len(row["reviews"]) == 1
        assert done("vote", "--home", home, proposal)["passed"] is True
        assert done("proposals", "--home", home)["proposals"] == []
        assert [one["number"] for one in done("epochs", "--home", home)["epochs"]] == [0, 1]
        assert done("prove-key", "--home", home, "--out", tmp_path / "key")["file"]
        assert refused("vote", "--home", home, proposal) == "member.no_proposal"
        assert refused("contributions", "--home", home) == "member.no_contribution"


@dataclass
class Network:
    """A folder with the homes of a consortium, each served, and what the words of the guide stand for."""

    folder: Path
    words: dict[str, str]

    def follow(self, line: str) -> Any:
        """Run a line of the guide and return what it says."""
        parts = shlex.split(re.sub(r"(?<![\w$-])[A-Z]{3,}(?![\w=-])", lambda word: self.words[word[0]], line))
        assert parts[:2] == ["xinglin", "member"]
        said = done(*parts[2:])
        if parts[2] == "propose":
            self.words["PROPOSAL"] = said["proposal"]
        return said


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    homes = [make_home(tmp_path / n, n, MemberKind.DATA_USER, PASSPHRASE, random_bytes, CHEAP) for n in NAMES]
    base = free_ports(15)
    genesis = found_network(homes, local_places(4, base), random_bytes)
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(write_passphrase(tmp_path)))
    monkeypatch.chdir(tmp_path)
    for name in ("licence.pdf", "minutes.pdf"):
        (tmp_path / name).write_bytes(name.encode())
    for name in NAMES:
        with (tmp_path / name / "config.toml").open("a") as config:
            config.write(FRESH)
    with ExitStack() as stack:
        served = start_together(*(tmp_path / name for name in NAMES))
        for one in served:
            stack.callback(one.stop)
        words = {
            "CHAIN": rules_of(genesis).chain,
            "MEMBER": homes[NAMES.index("insurer")].organisation.member,
            "NODE": served[0].members,
            "ADDRESS": f"127.0.0.1:{base + 12}",
            "RPC": f"127.0.0.1:{base + 13}",
            "LISTEN": f"127.0.0.1:{base + 14}",
        }
        yield Network(tmp_path, words)


@needs_engine
@pytest.mark.requirement("S8.2c", "S6.1c", command="xinglin member join")
def test_the_guide_leads_from_applying_to_removal(network: Network) -> None:
    """Its commands run as they stand there, in order, the clinic's node being served once it has joined."""
    lines = [line for block in fenced("sh", GUIDES / "members.md") for line in block.strip().split("\n")]
    assert lines == [
        re.sub("湖畔诊所", "Lakeside Clinic", line)
        for block in fenced("sh", GUIDES / "zh" / "members.md")
        for line in block.strip().split("\n")
    ]
    joins = next(number for number, line in enumerate(lines) if " join " in line)
    kit = next(line for line in lines if " invite " in line)
    for line in lines[: joins + 1]:
        said = network.follow(line)
    assert refused("join", "--home", "clinic", kit.split()[-1], "--node", network.words["NODE"]) == "member.joined"
    with serving(network.folder / "clinic") as clinic:
        until(lambda: _validates(network.folder / "clinic", said["member"]))
        assert clinic.client().head().height > said["height"]
        status = ServedHome(network.folder / "clinic").status()
        # Its epoch is not in force yet: it says so, and goes on.
        assert status["keepers"]["anchors"]["fault"] == "anchor.not_opened"
        for line in lines[joins + 1 :]:
            said = network.follow(line)
            if " contributions " in line:
                assert len(said["members"]) == 5
                assert sum(row["proposed"] for row in said["members"]) == said["last"] - said["first"] + 1
        statuses = {one["member"]: one["status"] for one in done("list", "--home", "hospital")["members"]}
        assert statuses[network.words["MEMBER"]] == "ended"
        assert list(statuses.values()).count("active") == 4
        # Its engine may be starting again just now, since a member was removed: then it is some blocks behind.
        until(lambda: len(done("proposals", "--home", "clinic")["proposals"]) == 2)


def _validates(home: Path, member: str) -> bool:
    """Tell whether a member's signatures are in the newest commits, as its own node sees it."""
    said = xinglin("member", "contributions", "--home", home, "--blocks", "3", "--json").json
    rows = [row for row in said.get("members", ()) if row["member"] == member]
    return bool(rows) and rows[0]["signed"] > 0

"""``xinglin member`` through running nodes: a fifth institution joins a consortium of processes by commands alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.engines import free_ports, needs_engine
from tests.support.product import CHEAP, PASSPHRASE, write_passphrase, xinglin
from tests.support.served import home_to_serve, serving
from xinglin.node.chains import random_bytes, rules_of
from xinglin.node.network_setup import found_network, local_places
from xinglin.node.setup import make_home
from xinglin.stakeholders.kinds import MemberKind

NAMES = ("one", "two", "three", "four")


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


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str, list[str], int]]:
    """Four homes, each served by a process of its own, and a chain that they keep; their nodes, a free port."""
    homes = [make_home(tmp_path / n, n, MemberKind.DATA_USER, PASSPHRASE, random_bytes, CHEAP) for n in NAMES]
    base = free_ports(15)
    genesis = found_network(homes, local_places(4, base), random_bytes)
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(write_passphrase(tmp_path)))
    with ExitStack() as stack:
        nodes = [stack.enter_context(serving(tmp_path / name)).members for name in NAMES]
        yield tmp_path, rules_of(genesis).chain, nodes, base + 12


@needs_engine
@pytest.mark.requirement("S8.2c", command="xinglin member join")
def test_a_fifth_joins_by_commands_alone(running: tuple[Path, str, list[str], int]) -> None:
    folder, chain, nodes, port = running
    home, request, kit = folder / "fifth", folder / "fifth.request", folder / "kit"
    who = ("--name", "Fifth", "--kind", "data_user", "--contact", "desk@fifth.example")
    address = ("--address", f"127.0.0.1:{port}")
    done("apply", "--home", home, *who, *address, "--chain", chain, "--out", request)
    done("invite", "--home", folder / "one", "--out", kit)
    where = ("--rpc-listen", f"127.0.0.1:{port + 1}", "--listen", f"127.0.0.1:{port + 2}")
    to = [part for node in nodes for part in ("--node", node)]
    assert refused("join", "--home", home, kit, *to, *where) == "signer.unknown"
    proposal = done("propose", "--home", folder / "one", request)["proposal"]
    for name in NAMES[:3]:
        said = done("vote", "--home", folder / name, proposal, "--evidence", request)
    assert said["passed"] is True
    joined = done("join", "--home", home, kit, *to, *where)
    assert refused("join", "--home", home, kit, *to, *where) == "member.joined"
    with serving(home) as fifth:
        deadline = time.monotonic() + 40
        while not _validates(home, joined["member"]):
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert fifth.client().head().height > joined["height"]
        # What it knows of the others is what they know of it.
        rows = done("contributions", "--home", folder / "two", "--blocks", "10")["members"]
        assert len(rows) == 5
        assert sum(row["proposed"] for row in rows) == 10
    assert done("stop-validating", "--home", folder / "one")["validates"] is False


def _validates(home: Path, member: str) -> bool:
    """Tell whether a member's signatures are in the newest commits, as its own node sees it."""
    said = xinglin("member", "contributions", "--home", home, "--blocks", "3", "--json").json
    rows = [row for row in said.get("members", ()) if row["member"] == member]
    return bool(rows) and rows[0]["signed"] > 0

"""``xinglin engine``: which binary is used, and refusals that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.double_votes import Signing, block_with
from tests.support.product import opened, xinglin
from tests.unit.cli.conftest import Place
from xinglin.carrier.access.governance.validators import KnownValidator
from xinglin.carrier.consensus.comet.binary import VERSION
from xinglin.carrier.consensus.comet.handler import Misbehaviour
from xinglin.node.consortium.misbehaviour import VotesKeeper, keep_misbehaviour
from xinglin.node.home import Home


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name a program in XINGLIN_ENGINE that says the right version."""
    path = tmp_path / "engine"
    path.write_text(f"#!/bin/sh\necho {VERSION}\n")
    path.chmod(0o755)
    monkeypatch.setenv("XINGLIN_ENGINE", str(path))
    return path


def test_status_tells_path_and_version(named: Path) -> None:
    said = xinglin("engine", "status", "--json")
    assert said.json == {"path": str(named), "version": VERSION, "named": True}
    assert str(named).encode() in xinglin("engine", "status").out


def test_status_of_none_is_a_refusal_that_names_the_command(named: Path) -> None:
    named.unlink()
    said = xinglin("engine", "status")
    assert said.code == "engine.missing"
    assert said.status == 5
    assert "xinglin engine install" in said.err


def test_an_installation_that_can_not_go_on_is_a_refusal(
    named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = tmp_path / "go"
    go.write_text('#!/bin/sh\n[ "$1" = env ] && echo go1.26.8 && exit 0\necho no proxy >&2; exit 1\n')
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    told = xinglin("engine", "install")
    assert told.code == "engine.build"
    assert "no proxy" in told.err
    assert "Go 1.26.8" in told.err
    said = xinglin("engine", "install", "--json")
    assert said.err == ""
    assert said.json["error"]["code"] == "engine.build"


@pytest.mark.requirement("S6.2b", part="whoever has the file checks by itself that a validator signed twice")
def test_evidence_is_shown_and_its_votes_verify_by_the_file_alone(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert xinglin("engine", "evidence", "--home", place.home, "--json").json == {"evidence": []}
    with opened(place.home) as node:
        signing = Signing(node.consortium.rules.chain)
        known = KnownValidator(signing.key, node.member)
        monkeypatch.setattr("xinglin.node.consortium.misbehaviour.known_validator", lambda *_: known)
        keep_misbehaviour(node, Misbehaviour("duplicate_vote", signing.address, 7, 1_000, 10, 40, 9))
    assert "not kept" in str(xinglin("engine", "evidence", "--home", place.home).out)
    VotesKeeper(Home(place.home), lambda _: block_with(signing.twice())).look()
    (row,) = xinglin("engine", "evidence", "--home", place.home, "--json").json["evidence"]
    assert (row["votes"]["key"], row["votes"]["height"], row["votes"]["kind"]) == (signing.key.hex(), 7, "precommit")
    assert row["registered_to"] == ""  # nobody has registered it: evidence says a member, the registry does not
    assert "NOT registered" in str(xinglin("engine", "evidence", "--home", place.home).out)
    (path,) = (place.home / "evidence").glob("*.votes")
    alone = xinglin("engine", "votes", path, "--json")
    assert alone.json["key"] == signing.key.hex()
    spoilt = tmp_path / "spoilt"
    spoilt.write_bytes(path.read_bytes()[:-1] + b"\0")
    said = xinglin("engine", "votes", spoilt)
    assert (said.code, said.status) == ("evidence.votes", 3)

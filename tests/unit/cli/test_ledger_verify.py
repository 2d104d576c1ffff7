"""``xinglin ledger verify``: what is damage, and what is only not there yet."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

from tests.support.product import opened, xinglin
from tests.unit.cli.conftest import Place
from xinglin.carrier.ledger.anew import begin_anew
from xinglin.carrier.ledger.errors import ChainBegunLate, StoreDamaged
from xinglin.carrier.ledger.recheck import Finding
from xinglin.kernel.errors import PlatformError
from xinglin.node.home import Home
from xinglin.node.verify import ChainVerdict, verify_home
from xinglin.settings import load_settings


@pytest.mark.requirement("S6.2c2", part="a home whose older log is still fetched is not called damaged")
def test_a_log_that_is_not_whole_yet_is_no_damage(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    late, damaged = ChainBegunLate(chain="c", height=9), StoreDamaged(chain="c", what="a tile")
    refusals: list[PlatformError] = [late]

    def found(_: Home, chain: str) -> ChainVerdict:
        return ChainVerdict(chain, 0, 0, "", [Finding(one.code, "store", one.sentence()) for one in refusals])

    monkeypatch.setattr("xinglin.cli.ledger.verify_home", partial(verify_home, check_chain=found))
    said = xinglin("ledger", "verify", "--home", place.home, "--json")
    assert (said.json["code"], said.json["holds"]) == ("home.not_whole", False)
    assert said.json["findings"][0]["code"] == "recheck.begun_late"
    told = xinglin("ledger", "verify", "--home", place.home)
    assert told.status == said.status != 0
    assert "home.not_whole" in told.err
    refusals.append(damaged)
    assert xinglin("ledger", "verify", "--home", place.home, "--json").json["code"] == "home.damaged"


def begin_again(home: Path) -> int:
    """Begin the home's consortium chain anew at height 0, as a rebuild does; return the height that it had."""
    with opened(home) as node:
        rules, height = node.consortium.rules, node.consortium.tip.height
    begin_anew(home, rules, home / "evidence" / f"rebuild-{rules.chain}-1" / "chain", 1 << 30)
    return height


@pytest.mark.requirement("S6.2c2", part="a home that is still catching up says so, and what holds so far")
def test_a_home_that_is_behind_is_not_called_damaged(copy: Path) -> None:
    assert xinglin("proof", "checkpoint", "--home", copy).status == 0
    assert xinglin("ledger", "verify", "--home", copy, "--json").json["behind"] is None
    with opened(copy) as node:
        kept = node.notes.heights()
    height = begin_again(copy)
    said = xinglin("ledger", "verify", "--home", copy, "--json")
    late = said.json["behind"]
    assert (said.status, said.json["code"], said.json["holds"], said.json["findings"]) == (8, "home.behind", False, [])
    assert (late["height"], late["known"], late["checkpoints"]) == (0, height, len(kept))
    assert late["by"] == ("checkpoint" if kept[-1] == height else "set_aside")
    told = xinglin("ledger", "verify", "--home", copy)
    assert told.status == 8
    out = told.out.decode()
    assert f"behind, at height 0 of {height}" in out
    assert "holds so far, up to height 0" in out
    assert "FOUND" not in out
    assert "home.behind" in told.err


@pytest.mark.parametrize("by", ["set_aside", "registration"])
def test_by_what_a_home_without_checkpoints_knows(copy: Path, by: str) -> None:
    for notes in copy.glob("chain/*/notes"):
        shutil.rmtree(notes)
    height = begin_again(copy)
    if by == "registration":
        shutil.rmtree(copy / "evidence")
        (copy / "registered").write_text("7")
        height = 7
    late = xinglin("ledger", "verify", "--home", copy, "--json").json["behind"]
    assert (late["by"], late["known"], late["checkpoints"]) == (by, height, 0)


def test_damage_is_not_hidden_by_being_behind(copy: Path) -> None:
    begin_again(copy)
    name = next(copy.glob("keys/*.key"))
    name.write_bytes(name.read_bytes()[:-1] + b"\x00")
    said = xinglin("ledger", "verify", "--home", copy, "--json")
    assert said.json["code"] == "home.damaged"


def test_what_a_home_knows_of_heights_is_read_with_care(copy: Path) -> None:
    (copy / "registered").write_text("9" * 60)
    head = copy / "evidence" / f"rebuild-{load_settings(copy).consortium.id}-1" / "chain" / "head"
    head.parent.mkdir(parents=True)
    head.write_bytes(b"\xff" * 700)
    assert xinglin("ledger", "verify", "--home", copy, "--json").json["holds"]

"""``xinglin proof checkpoint``: alone, cosigned by the homes of a group, and where one of them can't sign."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.hospitals import make_hospitals
from tests.support.neighbours import A, B
from tests.support.product import CHEAP, PASSPHRASE, Said, opened, write_passphrase, xinglin
from xinglin.carrier.ledger.checkpoint import SignedNote, parse_note
from xinglin.node.chains import random_bytes
from xinglin.node.setup import GROUP, adopt, consortium_genesis, make_home
from xinglin.stakeholders.kinds import MemberKind

REGULATOR = MemberKind.REGULATOR


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    make_hospitals(folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def checkpoint(folder: Path, *more: str | Path) -> Said:
    return xinglin("proof", "checkpoint", "--home", folder / A, *more)


def kept(folder: Path, home: str, height: int) -> tuple[str, SignedNote | None]:
    """Return a home's member, and what it keeps of a height."""
    with opened(folder / home) as node:
        return node.member, node.cosigner().notes.load(height)


@pytest.mark.requirement("S9.2", command="xinglin proof checkpoint")
def test_the_homes_of_a_group_cosign_and_all_keep_it(folder: Path) -> None:
    alone = checkpoint(folder, "--json").json
    assert (alone["signatures"], alone["absent"]) == (1, [])
    said = checkpoint(folder, "--with", folder / B, "--json").json
    note = parse_note(said["note"].encode())
    assert (said["signatures"], said["absent"], said["height"] > alone["height"]) == (2, [], True)
    (a, of_a), (b, of_b) = kept(folder, A, said["height"]), kept(folder, B, said["height"])
    assert of_a == of_b == note
    assert {line.member for line in note.signatures} == {a, b}


def test_a_member_that_does_not_cosign_signs_nothing_and_keeps_what_the_others_signed(tmp_path: Path) -> None:
    """Its line would be by a key that no epoch names, and no bundle with it would hold (P6)."""
    homes = [make_home(tmp_path / name, name, REGULATOR, PASSPHRASE, random_bytes, CHEAP) for name in (A, B)]
    homes[0] = replace(homes[0], organisation=replace(homes[0].organisation, cosigns=False))
    genesis = consortium_genesis(homes, random_bytes)
    for new in homes:
        adopt(new, genesis, GROUP, random_bytes)
    write_passphrase(tmp_path)
    said = checkpoint(tmp_path, "--with", tmp_path / B, "--json").json
    (a, of_a), (b, of_b) = kept(tmp_path, A, said["height"]), kept(tmp_path, B, said["height"])
    assert of_a == of_b == parse_note(said["note"].encode())
    assert {line.member for line in of_a.signatures} == {b} != {a}
    assert said["absent"] == []
    assert checkpoint(tmp_path).code == "checkpoint.unavailable"
    assert kept(tmp_path, A, said["height"])[1] == of_a


def test_one_that_has_stopped_cosigning_is_named_and_signs_nothing(folder: Path) -> None:
    with opened(folder / B) as node:
        chain = node.consortium.rules.chain
    evidence = folder / B / "chain" / chain / "evidence"
    evidence.mkdir(mode=0o700)
    (evidence / "fork-1-theirs.note").write_text("what contradicts it")
    said = checkpoint(folder, "--with", folder / B, "--json").json
    b, of_b = kept(folder, B, said["height"])
    assert (said["signatures"], said["absent"]) == (1, [{"member": b, "reason": "checkpoint.unavailable"}])
    assert of_b is None
    assert f"member {b} did not sign: " in checkpoint(folder, "--with", folder / B).out.decode()


def test_a_home_that_is_not_there_is_refused(folder: Path) -> None:
    assert checkpoint(folder, "--with", folder / "absent").code == "home.not_found"

"""Evidence against validators is kept once each, is counted, and can't fill the disk."""

from __future__ import annotations

import errno
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.double_votes import BLOCK, Signing, attack_with, block_with
from tests.support.product import make_hospital, opened
from xinglin.carrier.access.governance.validators import KnownValidator
from xinglin.carrier.consensus.comet.errors import EngineRefused, EngineUnreachable
from xinglin.carrier.consensus.comet.handler import Misbehaviour
from xinglin.carrier.consensus.errors import EngineFailed
from xinglin.kernel.encoding import encode
from xinglin.kernel.errors import Unavailable
from xinglin.node.consortium.misbehaviour import (
    MAX_KEPT,
    EvidenceNotKept,
    VotesKeeper,
    deeds,
    keep_misbehaviour,
    misbehaviour_kept,
)
from xinglin.node.home import Home
from xinglin.node.node import Node

ADDRESS = bytes(range(20))


def deed(height: int, validator: bytes = ADDRESS) -> Misbehaviour:
    return Misbehaviour("duplicate_vote", validator, height, 1_000 + height, 10, 40, height + 2)


@pytest.mark.requirement("S6.2c1", part="evidence of a validator that signs twice is kept")
def test_each_deed_is_kept_once_and_counted(tmp_path: Path) -> None:
    home = make_hospital(tmp_path / "home")
    with opened(home) as node:
        for height in (5, 5, 6):
            keep_misbehaviour(node, deed(height))
        keep_misbehaviour(node, deed(5, bytes(20)))
        assert misbehaviour_kept(node.home) == Counter({ADDRESS.hex(): 2, bytes(20).hex(): 1})
        (path,) = node.home.evidence.glob(f"*-{ADDRESS.hex()}-6-*")
        said = json.loads(path.read_bytes())
        assert (said["what"], said["chain"], said["member"]) == ("duplicate_vote", node.consortium.rules.chain, "")
        assert (said["height"], said["time"], said["block"], said["power"]) == (6, 1_006, 8, 10)


def test_one_validator_can_not_fill_the_disk(tmp_path: Path) -> None:
    with opened(make_hospital(tmp_path / "home")) as node:
        for height in range(MAX_KEPT + 5):
            keep_misbehaviour(node, deed(height))
        keep_misbehaviour(node, deed(1, bytes(20)))
        assert misbehaviour_kept(node.home) == Counter({ADDRESS.hex(): MAX_KEPT, bytes(20).hex(): 1})


def test_without_room_the_node_may_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is of this machine and passes: called a fault of the program, it would end the node for good."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with opened(make_hospital(tmp_path / "home")) as node:
        monkeypatch.setattr(Home, "keep_evidence", full)
        with pytest.raises(EvidenceNotKept) as refusal:
            keep_misbehaviour(node, deed(5))
        assert isinstance(refusal.value, Unavailable)
        assert not isinstance(refusal.value, EngineFailed)


def accused(node: Node, monkeypatch: pytest.MonkeyPatch, what: str = "duplicate_vote", height: int = 7) -> Signing:
    """Keep evidence against a validator that the registry knows, and return what signs as it."""
    signing = Signing(node.consortium.rules.chain)
    known = KnownValidator(signing.key, node.member)
    monkeypatch.setattr("xinglin.node.consortium.misbehaviour.known_validator", lambda *_: known)
    keep_misbehaviour(node, Misbehaviour(what, signing.address, height, 1_000, 10, 40, BLOCK))
    return signing


@pytest.mark.requirement("S6.2c1", part="both votes of a validator that signs twice are kept and prove themselves")
def test_both_votes_are_fetched_kept_and_checked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(make_hospital(tmp_path / "home")) as node:
        signing = accused(node, monkeypatch)
        found, asked = signing.twice(), list[int]()

        def blocks(height: int) -> dict[str, Any]:
            asked.append(height)
            return block_with(found)

        assert [one.votes for one in deeds(node.home)] == [None]
        keeper = VotesKeeper(node.home, blocks)
        keeper.look()
        keeper.look()
        assert asked == [BLOCK]
        assert [(one.votes, one.fault) for one in deeds(node.home)] == [(found, "")]
        assert misbehaviour_kept(node.home) == Counter({signing.address.hex(): 1})
        (path,) = node.home.evidence.glob("*.votes")
        raw = path.read_bytes()
        path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
        assert [(one.votes, one.fault) for one in deeds(node.home)] == [(None, "a signature does not verify")]


@pytest.mark.requirement("S6.2c1", part="both votes of a validator that signs twice are kept and prove themselves")
def test_both_votes_of_an_attack_on_light_clients_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(make_hospital(tmp_path / "home")) as node:
        signing = accused(node, monkeypatch, "light_client_attack", 4)
        found = signing.twice()
        VotesKeeper(node.home, attack_with(found, common=4).__getitem__).look()
        (kept,) = deeds(node.home)
        assert (kept.votes, kept.fault, kept.said["height"]) == (found, "", 4)
        said = kept.path
        said.write_bytes(said.read_bytes().replace(b'"height": 4', b'"height": 8'))
        assert [one.fault for one in deeds(node.home)] == ["they are another validator's, or of another height"]


def test_an_attack_whose_votes_prove_nothing_is_on_record_and_not_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(make_hospital(tmp_path / "home")) as node:
        signing, asked = accused(node, monkeypatch, "light_client_attack", 7), list[int]()
        blocks = attack_with(signing.twice(), rounds=(1, 2))

        def counted(height: int) -> dict[str, Any]:
            asked.append(height)
            return blocks[height]

        keeper = VotesKeeper(node.home, counted)
        keeper.look()
        keeper.look()
        assert asked == [BLOCK, 8]
        (kept,) = deeds(node.home)
        assert (kept.votes, kept.fault, kept.said["what"]) == (None, "", "light_client_attack")


def test_votes_of_another_are_not_taken_for_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(make_hospital(tmp_path / "home")) as node:
        signing = accused(node, monkeypatch)
        keeper = VotesKeeper(node.home, lambda _: block_with(signing.twice()))
        keeper.look()
        (path,) = node.home.evidence.glob("*.votes")
        path.write_bytes(encode(Signing(node.consortium.rules.chain).twice()))
        assert [one.votes for one in deeds(node.home)] == [None]
        path.with_suffix(".json").write_bytes(b"{}")
        assert [one.fault for one in deeds(node.home)] == ["it is not in form"]


def test_an_engine_that_is_away_is_asked_again_and_one_without_the_block_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(make_hospital(tmp_path / "home")) as node:
        signing = accused(node, monkeypatch)
        answers: list[Any] = [
            EngineUnreachable(address="127.0.0.1:1", method="block", reason="refused"),
            EngineRefused(method="block", reason="height is not available"),
            block_with(signing.twice()),
        ]

        def blocks(_: int) -> dict[str, Any]:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return dict(answer)

        keeper = VotesKeeper(node.home, blocks)
        with pytest.raises(EngineUnreachable):
            keeper.look()
        keeper.look()
        keeper.look()
        assert len(answers) == 1
        assert [one.votes for one in deeds(node.home)] == [None]
        VotesKeeper(node.home, blocks).look()
        assert all(one.votes is not None for one in deeds(node.home))

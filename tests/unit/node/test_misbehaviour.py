"""Evidence against validators is kept once each, is counted, and can't fill the disk."""

from __future__ import annotations

import errno
import json
from collections import Counter
from pathlib import Path

import pytest

from tests.support.product import make_hospital, opened
from xinglin.carrier.consensus.comet.handler import Misbehaviour
from xinglin.carrier.consensus.errors import EngineFailed
from xinglin.kernel.errors import Unavailable
from xinglin.node.home import Home
from xinglin.node.misbehaviour import MAX_KEPT, EvidenceNotKept, keep_misbehaviour, misbehaviour_kept

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

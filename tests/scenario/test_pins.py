"""What a home has signed or anchored it can prove long after, and after it was closed (design D6; S9.2)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.product import findings, make_hospital, opened, record_ids
from xinglin.carrier.consensus.errors import EngineClosed
from xinglin.carrier.ledger import reading, recheck
from xinglin.carrier.ledger.build import Signer
from xinglin.carrier.ledger.errors import CheckpointUnavailable
from xinglin.carrier.ledger.model import Operation
from xinglin.carrier.ledger.proof import prove_states
from xinglin.node.home import Home
from xinglin.node.node import Node
from xinglin.node.office.proofs import prove_anchor, prove_record, trust_of
from xinglin.node.opening import anchoring
from xinglin.node.records.archive import open_archive
from xinglin.node.verify import verify_notes
from xinglin.service.basic.coordination.bundles.check import check_bundle

KEPT = 4

pytestmark = pytest.mark.requirement("S9.2")


@pytest.fixture(autouse=True)
def few_heights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep no more than a few heights that are not pinned."""
    for module in (reading, recheck):
        monkeypatch.setattr(module, "KEPT_UNDO_HEIGHTS", KEPT)


@pytest.fixture
def home(hospital: Path, tmp_path: Path) -> Path:
    """Return a copy of the hospital's home."""
    shutil.copytree(hospital, tmp_path / "home")
    return tmp_path / "home"


def go_on(node: Node) -> None:
    """Bring both chains on by more blocks than are kept, each of which changes the state."""
    anchors = anchoring(node)
    for _ in range(4 * KEPT):
        anchors.note_consortium_head()
        assert anchors.step()


def verdict(node: Node, bundle: bytes) -> str:
    """Return what a check of a bundle says under the pinned trust."""
    return check_bundle(bundle, trust_of(node.consortium)).verdict.name


def test_a_record_is_proven_under_an_old_checkpoint_by_a_home_that_was_opened_again(home: Path) -> None:
    record = record_ids(home)[0]
    for _ in range(2):
        with opened(home, running=True) as node, open_archive(node) as archive:
            [height] = node.notes.heights()
            go_on(node)
            assert node.consortium.tip.height > height + 2 * KEPT
            assert not node.consortium.can_prove(height - 1)
            assert verdict(node, prove_record(archive, record)) == "HOLDS"
    with opened(home) as node, open_archive(node, writing=False) as archive:
        assert verdict(node, prove_record(archive, record)) == "HOLDS"
        assert verdict(node, prove_anchor(node, node.private_ledger().rules.chain)) == "HOLDS"
    assert findings(home) == []


def test_a_checkpoint_that_can_no_longer_be_proven_is_found(home: Path) -> None:
    with opened(home, running=True) as node:
        [height] = node.notes.heights()
        node.consortium.pin("checkpoints", [])
        go_on(node)
        found = [(one.code, one.where) for one in verify_notes(Home(home), node.consortium)]
    assert found == [("checkpoint.unavailable", f"checkpoint {height}")]


def test_the_last_anchored_height_is_proven_and_no_earlier_one(home: Path) -> None:
    with opened(home, running=True) as node:
        first = anchored(node)
        grow(node)
        assert node.private_ledger().can_prove(first)
        anchoring(node).step()
        grow(node)
        assert anchored(node) > first
        assert not node.private_ledger().can_prove(first)
    with opened(home, running=True) as node:
        grow(node)
        prove_states(node.private_ledger(), anchored(node), [b"any key"])
        with pytest.raises(CheckpointUnavailable):
            prove_states(node.private_ledger(), first, [b"any key"])


class Slow:
    """A consortium chain that lets the private chain go on before it answers, or refuses (port ``Chain``)."""

    def __init__(self, node: Node, *, refuses: bool = False) -> None:
        self.node, self.refuses, self.ledger = node, refuses, node.consortium

    def call(self, operations: Sequence[Operation], signers: Sequence[Signer]) -> object:
        grow(self.node)
        if self.refuses:
            raise EngineClosed(chain=self.ledger.rules.chain)
        return self.node.client().call(operations, signers)


def test_an_anchored_height_is_kept_until_the_next_one_is_anchored(home: Path) -> None:
    with opened(home, running=True) as node:
        before = anchored(node)
        grow(node)
        with pytest.raises(EngineClosed):
            replace(anchoring(node), consortium=Slow(node, refuses=True)).step()
        assert node.private_ledger().can_prove(before)


def test_the_first_height_is_kept_while_it_waits_to_be_anchored(tmp_path: Path) -> None:
    with opened(make_hospital(tmp_path / "new"), running=True) as node:
        anchoring(node).note_consortium_head()
        assert replace(anchoring(node), consortium=Slow(node)).step()
        assert anchored(node) < node.private_ledger().tip.height - 2 * KEPT
        assert node.private_ledger().can_prove(anchored(node))


def anchored(node: Node) -> int:
    """Return the last anchored height of the private chain."""
    state = anchoring(node).state()
    assert state is not None
    return state.head.height


def grow(node: Node) -> None:
    """Bring the private chain on by more blocks than are kept."""
    for _ in range(3 * KEPT):
        anchoring(node).note_consortium_head()

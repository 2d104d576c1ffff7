"""Invariant 1: whatever blocks come, two nodes, a model and another process agree.

Two homes get the same random blocks, good and bad transactions of several signers. One goes straight on; the other
looks ahead, drops candidates, is closed and opened, begins again from a snapshot. A model of dictionaries says what
each transaction must do.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.support import children
from tests.support.chain import MAP_BYTES, found_chain, outcomes
from tests.support.counters import Count
from tests.support.naive_chain import NAMES, PARAMETERS, SUPER, NaiveChain, Plan, blocks
from tests.support.snapshots import take_snapshot
from tests.support.twin_tree import twin_root
from xinglin.carrier.ledger.errors import CheckpointUnavailable
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.recheck import recheck
from xinglin.carrier.ledger.snapshot import restore_snapshot
from xinglin.kernel.encoding import encode, pack, state_key

KEYS = [state_key("counter", name) for name in NAMES]


class TwoNodes(RuleBasedStateMachine):
    """Two homes of one chain and the model of it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="two-nodes-")
        self.home, self.other_home = Path(self.folder.name) / "one", Path(self.folder.name) / "other0"

    @initialize()
    def found(self) -> None:
        self.chain = found_chain(parties=3, **PARAMETERS)
        self.naive = NaiveChain(self.chain)
        self.one, self.other = self.chain.create(self.home), self.chain.create(self.other_home)
        self.proofs = [self.one.prove_state(0, KEYS)]
        self.restored_at = 0

    @rule(block=blocks, detour=st.sampled_from(["none", "look ahead", "discard", "empty first"]))
    def block(self, block: tuple[int, list[Plan]], detour: str) -> None:
        self.commit(block, detour)

    def commit(self, block: tuple[int, list[Plan]], detour: str) -> None:
        time, raws, expected = self.naive.block(*block)
        height = self.one.tip.height + 1
        candidate = self.one.execute(height, time, raws)
        if detour == "look ahead":
            self.other.look_ahead(raws[::-1])
        elif detour == "discard":
            self.other.discard(self.other.execute(height, time + 1, raws[1:]))
        elif detour == "empty first":
            empty = self.other.execute(height, time, [])
        again = self.other.execute(height, time, raws)
        for ledger, executed in ((self.one, candidate), (self.other, again)):
            assert outcomes(executed.results) == expected
            ledger.commit(executed)
        if detour == "empty first":
            self.other.discard(empty)
        assert [result.receipt for result in candidate.results] == [result.receipt for result in again.results]
        assert self.one.tip == self.other.tip
        self.proofs.append(self.one.prove_state(height, KEYS))

    @rule(several=st.lists(blocks, min_size=2, max_size=4))
    def blocks(self, several: list[tuple[int, list[Plan]]]) -> None:
        for block in several:
            self.commit(block, "none")

    @rule()
    def the_third_founder_leaves(self) -> None:
        calls = [(0, ("propose",)), (0, ("vote", 0)), (1, ("vote", 1))]
        for caller, call in calls:
            self.commit((1500, [Plan([call], [(caller, SUPER)], 3000)]), "none")

    @rule()
    def reopen(self) -> None:
        self.other.close()
        self.other = self.chain.open(self.other_home)
        assert self.other.tip == self.one.tip

    @rule()
    def begin_again_from_a_snapshot(self) -> None:
        folder = Path(self.folder.name) / "snapshot"
        manifest = take_snapshot(self.one, folder)
        chunks = [(folder / str(number)).read_bytes() for number in range(manifest.chunks)]
        self.other.close()
        height = self.one.tip.height
        self.other_home = self.other_home.with_name(f"other{height}-{len(list(self.home.parent.iterdir()))}")
        restore_snapshot(self.other_home, self.chain.rules, self.one.head_at(height), pack(manifest), chunks, MAP_BYTES)
        self.other = self.chain.open(self.other_home)
        self.restored_at = height
        assert self.other.tip == self.one.tip

    @rule(data=st.data())
    def prove_an_earlier_height(self, data: st.DataObject) -> None:
        height = data.draw(st.integers(0, self.one.tip.height))
        assert self.one.prove_state(height, KEYS) == self.proofs[height]
        if height >= self.restored_at:
            assert self.other.prove_state(height, KEYS) == self.proofs[height]
        else:
            with pytest.raises(CheckpointUnavailable):
                self.other.prove_state(height, KEYS)

    @rule()
    def compare_with_the_model(self) -> None:
        for ledger in (self.one, self.other):
            for name, key in zip(NAMES, KEYS, strict=True):
                held = self.naive.held.counters.get(name)
                assert ledger.value(key) == (None if held is None else encode(Count(held)))
            assert ledger.tip.log_size == len(self.naive.log)
            assert ledger._versions._tree.stats().versions == 1
        first = self.restored_size()
        for index in range(first, len(self.naive.log)):
            assert pack(self.one.entry(index).transaction) == self.naive.log[index]
            assert self.one.entry(index) == self.other.entry(index)
        leaves = [self.chain.suite.leaf_hash(pack(self.one.entry(index).leaf)) for index in range(len(self.naive.log))]
        assert self.one.tip.log_root == self.chain.suite.merkle_root(leaves)

    def restored_size(self) -> int:
        return self.one.head_at(self.restored_at).size

    def teardown(self) -> None:
        if hasattr(self, "one"):
            self.compare_with_the_model()
            with self.one.store.snapshot() as view:
                state = dict(view.items("state"))
            hash_ = self.chain.suite.hash
            entries = {hash_(key): hash_(value) for key, value in state.items()}
            assert twin_root(hash_, entries) == self.one.tip.state_root
            tip = self.one.tip
            self.one.close()
            self.other.close()
            with tempfile.TemporaryDirectory() as scratch:
                found = recheck(self.home, self.chain.rules, Path(scratch))
            assert (found.findings, found.app_hash, found.height) == ([], tip.app_hash, tip.height)
        self.folder.cleanup()


TestTwoNodes = pytest.mark.requirement("S9.2")(TwoNodes.TestCase)
TestTwoNodes.settings = settings(max_examples=12, stateful_step_count=20)


@pytest.mark.requirement("S9.2")
@settings(max_examples=2)
@given(st.lists(blocks, min_size=8, max_size=12))
def test_another_process_gives_the_same_whatever_its_hash_seed(planned: list[tuple[int, list[Plan]]]) -> None:
    chain = found_chain(parties=3, **PARAMETERS)
    naive = NaiveChain(chain)
    made = [naive.block(*block) for block in planned]
    with tempfile.TemporaryDirectory() as folder:
        ledger: Ledger = chain.create(Path(folder) / "home")
        told = []
        for time, raws, expected in made:
            candidate = ledger.execute(ledger.tip.height + 1, time, raws)
            assert outcomes(candidate.results) == expected
            ledger.commit(candidate)
            told.append(children.summary(candidate))
        ledger.close()
        given_blocks = children.blocks_bytes(chain.genesis, [(time, raws) for time, raws, _ in made])
        for seed in ("0", "1"):
            status, lines = children.run("replay", Path(folder) / seed, given=given_blocks, hash_seed=seed)
            assert (status, lines) == (0, told)

"""One chain of one home: candidates, commits, reading, proofs at a height, and what is damaged is never served."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from tests.support.chain import BLOCK_MS, Chain, body_of, commit, dump, execute, found_chain, outcomes, unmoved
from tests.support.counters import Count
from tests.support.damage import alter, data_file, flip, flipped
from xinglin.carrier.ledger import reading
from xinglin.carrier.ledger.errors import (
    BlockInvalid,
    ChainNotFound,
    CheckpointUnavailable,
    LogEntryNotFound,
    StoreBehindHead,
    StoreDamaged,
    StoreFull,
    StoreLocked,
    ValueDamaged,
)
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.reading import stored_genesis
from xinglin.carrier.ledger.records import BlockRecord, EntryRecord, read_leaf
from xinglin.carrier.ledger.state.proof import verify_state_proof
from xinglin.carrier.ledger.store import Store, Write, body_key, number_key, tile_key
from xinglin.kernel.encoding import decode, encode, pack, state_key

A, B = state_key("counter", "a"), state_key("counter", "b")


def proven(chain: Chain, ledger: Ledger, height: int, *keys: bytes) -> list[bytes | None]:
    """Return the values of keys as of a height, their proofs checked under that height's state root."""
    root = ledger.head_at(height).state_root
    shown = ledger.prove_state(height, keys)
    assert all(
        verify_state_proof(chain.suite.hash, root, key, value, proof)
        for key, (value, proof) in zip(keys, shown, strict=True)
    )
    return [value for value, _ in shown]


class TestOpening:
    """A store is opened only as it was committed."""

    def test_a_chain_goes_on_where_it_was(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        commit(ledger, *[chain.sign() for _ in range(3)])
        commit(ledger, chain.sign(chain.remove("a")))
        tip, tables = ledger.tip, dump(ledger)
        ledger.close()
        again = chain.open(home)
        assert (again.tip, dump(again)) == (tip, tables)
        assert outcomes(commit(again, chain.sign())) == [0]
        again.close()

    def test_height_0_is_the_founders(self, chain: Chain, ledger: Ledger) -> None:
        founding = dict(chain.rules.executor.founding(chain.rules.chain, chain.genesis))
        assert dict(dump(ledger)["state"]) == founding
        assert (ledger.tip.log_size, ledger.tip.log_root) == (0, chain.suite.hash(b""))
        assert ledger.tip.time == chain.start

    def test_what_is_there_is_not_made_again(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        with pytest.raises(StoreLocked):
            chain.create(home)
        ledger.close()
        with pytest.raises(StoreDamaged):
            chain.create(home)
        chain.open(home).close()

    def test_one_at_a_time(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        with pytest.raises(StoreLocked):
            chain.open(home)
        with pytest.raises(StoreLocked):
            stored_genesis(home, chain.rules.chain)
        ledger.close()
        assert stored_genesis(home, chain.rules.chain) == chain.genesis

    def test_no_chain_is_opened_where_none_is(self, chain: Chain, home: Path) -> None:
        for open_it in (lambda: chain.open(home), lambda: stored_genesis(home, chain.rules.chain)):
            with pytest.raises(ChainNotFound):
                open_it()
        assert list(home.iterdir()) == []

    def test_a_refused_creation_leaves_nothing_open(self, chain: Chain, home: Path) -> None:
        (home / "chain" / chain.rules.chain).mkdir(parents=True)
        (home / "chain" / chain.rules.chain / "head").mkdir()
        with pytest.raises(IsADirectoryError):
            chain.create(home)
        (home / "chain" / chain.rules.chain / "head").rmdir()
        with pytest.raises(StoreDamaged):
            chain.create(home)
        chain.open(home).close()

    @pytest.mark.requirement("S9.1")
    def test_a_store_that_was_set_back_is_refused(
        self, chain: Chain, ledger: Ledger, home: Path, tmp_path: Path
    ) -> None:
        commit(ledger, chain.sign())
        ledger.close()
        shutil.copytree(home / "chain", tmp_path / "earlier")
        again = chain.open(home)
        commit(again, chain.sign())
        again.close()
        folder = home / "chain" / chain.rules.chain
        shutil.rmtree(folder / "data")
        shutil.copytree(tmp_path / "earlier" / chain.rules.chain / "data", folder / "data")
        with pytest.raises(StoreBehindHead):
            chain.open(home)

    def test_another_commit_at_the_same_height_is_refused(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        commit(ledger, chain.sign())
        ledger.close()
        store = Store(home / "chain" / chain.rules.chain, chain.rules.chain, 64 << 20)
        with store._env.begin(write=True) as txn:
            txn.put(number_key(0), number_key(0), db=store._tables["undo"])
        store.close()
        with pytest.raises(StoreDamaged):
            chain.open(home)

    def test_a_head_file_that_is_gone_is_refused(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        commit(ledger, chain.sign())
        ledger.close()
        (home / "chain" / chain.rules.chain / "head").unlink()
        with pytest.raises(StoreDamaged):
            chain.open(home)

    def test_a_head_file_behind_the_store_is_no_fault(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        commit(ledger, chain.sign())
        head = home / "chain" / chain.rules.chain / "head"
        earlier = head.read_bytes()
        commit(ledger, chain.sign())
        ledger.close()
        head.write_bytes(earlier)
        again = chain.open(home)
        assert again.tip.height == 2
        again.close()

    def test_an_altered_state_value_is_refused(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        commit(ledger, chain.sign(chain.add("a", 200)))
        ledger.close()
        assert alter(data_file(home, chain.rules.chain), encode(Count(200)), encode(Count(201)))
        with pytest.raises(StoreDamaged):
            chain.open(home)

    def test_an_altered_tile_is_refused(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        commit(ledger, chain.sign())
        tile = ledger.store.get("tile", tile_key(0, 0))
        ledger.close()
        assert tile is not None
        assert alter(data_file(home, chain.rules.chain), tile, flipped(tile))
        with pytest.raises(StoreDamaged):
            chain.open(home)

    def test_an_altered_time_of_the_last_block_is_refused(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        commit(ledger)
        stored = ledger.store.get("block", number_key(1))
        ledger.close()
        assert stored is not None
        record = decode(BlockRecord, stored)
        later = pack(BlockRecord(record.time + 1, *[getattr(record, name) for name in record.__struct_fields__[1:]]))
        assert alter(data_file(home, chain.rules.chain), stored, later)
        with pytest.raises(StoreDamaged):
            chain.open(home)

    def test_the_genesis_of_another_chain_is_refused(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        other = found_chain()
        ledger.close()
        shutil.move(home / "chain" / chain.rules.chain, home / "chain" / other.rules.chain)
        with pytest.raises(StoreDamaged):
            other.open(home)


class TestCandidates:
    """Executed blocks that may or may not be committed."""

    def test_a_discarded_candidate_leaves_no_trace(self, chain: Chain, ledger: Ledger) -> None:
        raw = chain.sign()
        with unmoved(ledger):
            ledger.discard(execute(ledger, raw))
        assert outcomes(commit(ledger, raw)) == [0]

    def test_who_watches_a_prefix_is_given_what_blocks_changed(self, chain: Chain, ledger: Ledger) -> None:
        watch, other = ledger.watch(A), ledger.watch(b"\xff")
        ledger.discard(execute(ledger, chain.sign()))
        assert watch.take() == set(), "only what was committed counts"
        commit(ledger, chain.sign(), chain.sign(chain.add("b")))
        assert (watch.take(), other.take()) == ({A}, set())
        assert watch.take() == set()
        commit(ledger, chain.sign(chain.remove("a")))
        assert watch.take() == {A}

    def test_of_several_candidates_one_is_committed(self, chain: Chain, ledger: Ledger) -> None:
        # An empty block changes nothing in the tree: it must not take the tip's version with it.
        empty, first, second = (
            execute(ledger),
            execute(ledger, chain.sign()),
            execute(ledger, chain.sign(chain.add("b"))),
        )
        ledger.commit(second)
        ledger.discard(empty)
        ledger.discard(first)
        assert ledger.value(B) == encode(Count(1))
        assert ledger.value(A) is None
        commit(ledger)
        assert outcomes(commit(ledger, chain.sign())) == [0]
        assert ledger._versions._tree.stats().versions == 1

    def test_a_stale_candidate_is_not_committed(self, chain: Chain, ledger: Ledger) -> None:
        stale = execute(ledger, chain.sign())
        commit(ledger, chain.sign(chain.add("b")))
        with unmoved(ledger), pytest.raises(BlockInvalid):
            ledger.commit(stale)
        assert ledger._versions._tree.stats().versions == 1

    def test_the_same_block_gives_the_same_candidate(self, chain: Chain, ledger: Ledger) -> None:
        raws = [chain.sign(), chain.sign(chain.add("b", 2000))]
        one, other = execute(ledger, *raws), execute(ledger, *raws)
        assert (one.tip, one.outcome.changes, one.tiles) == (other.tip, other.outcome.changes, other.tiles)
        assert [result.receipt for result in one.results] == [result.receipt for result in other.results]
        ledger.discard(one)
        ledger.discard(other)

    def test_a_full_store_takes_nothing_and_goes_on_reading(self, home: Path) -> None:
        chain = found_chain()
        ledger = chain.create(home, map_bytes=400 << 10)
        full = None
        for number in range(1000):
            raws = [chain.sign(chain.batch(bytes([number % 256]) * 1000)) for _ in range(4)]
            try:
                commit(ledger, *raws)
            except StoreFull as refusal:
                full = refusal
                break
        assert full is not None
        assert ledger.tip.height == number > 3
        with pytest.raises(StoreFull):
            ledger.check_room()
        with unmoved(ledger), pytest.raises(StoreFull):
            commit(ledger, *raws)
        assert ledger.entry(ledger.tip.log_size - 1).receipt.number == 0
        assert proven(chain, ledger, ledger.tip.height - 1, A) == [None]
        assert ledger._versions._tree.stats().versions == 1
        ledger.close()
        larger = chain.open(home)
        assert outcomes(commit(larger, *raws)) == [0] * 4
        larger.check_room()
        larger.close()

    def test_a_head_file_that_cannot_be_written_stops_a_block_that_stands(self, chain: Chain, ledger: Ledger) -> None:
        raw = chain.sign()
        ledger._head_file.close()
        with pytest.raises(StoreDamaged):
            commit(ledger, raw)
        assert ledger.tip.height == 1
        assert ledger.store.get("block", number_key(1)) is not None


class TestReading:
    """What is read is what was committed, or refused."""

    def test_entries(self, chain: Chain, ledger: Ledger) -> None:
        raws = [chain.sign(chain.batch(b"x", b"y")), chain.sign(chain.add("a", 2000)), chain.sign(chain.add())]
        commit(ledger, *raws)
        for index, raw in enumerate(raws):
            entry = ledger.entry(index)
            assert pack(entry.transaction) == raw
            assert ledger.find(entry.leaf.valid_until, body_of(chain.rules, raw)) == index
        for missing in (3, 1 << 40):
            with pytest.raises(LogEntryNotFound):
                ledger.entry(missing)
        assert ledger.find(entry.leaf.valid_until, bytes(32)) is None
        assert ledger.find(entry.leaf.valid_until + 1, entry.leaf.body) is None

    def test_leaves_alone(self, chain: Chain, ledger: Ledger) -> None:
        """They are read without their transactions, which may be large."""
        commit(ledger, chain.sign(), chain.sign(chain.batch(*[bytes([one]) * 1000 for one in range(64)])))
        for in_place in (False, True):
            with ledger.store.snapshot(in_place=in_place) as view:
                for index in (0, 1):
                    assert read_leaf(view, chain.rules.chain, index) == pack(ledger.entry(index).leaf)
                with pytest.raises(StoreDamaged):
                    read_leaf(view, chain.rules.chain, 2)
        whole = ledger.store.get("entry", number_key(0))
        assert whole is not None
        for other in (b"", whole[:2], whole[:40], b"\x92" + whole[1:], b"\x93\xc5" + whole[2:]):
            ledger.store.commit(Write({"entry": [(number_key(0), other)]}, {}, {}))
            with ledger.store.snapshot(in_place=True) as view, pytest.raises(StoreDamaged):
                read_leaf(view, chain.rules.chain, 0)

    def test_blocks(self, chain: Chain, ledger: Ledger) -> None:
        raws = [[], [chain.sign()], [chain.sign(), chain.sign()], []]
        for block in raws:
            commit(ledger, *block)
        expected = [(number + 1, chain.start + (number + 1) * BLOCK_MS, block) for number, block in enumerate(raws)]
        assert list(ledger.blocks()) == expected
        assert list(ledger.blocks(3)) == expected[2:]
        assert list(ledger.blocks(5)) == []

    @pytest.mark.requirement("S9.1")
    @pytest.mark.parametrize("part", ["header", "signature", "operation", "item", "receipt", "leaf"])
    def test_an_altered_entry_is_not_served(self, chain: Chain, ledger: Ledger, home: Path, part: str) -> None:
        raw = chain.sign(chain.batch(b"an item of the batch"))
        commit(ledger, raw)
        entry = ledger.entry(0)
        old = {
            "header": entry.transaction.header.nonce,
            "signature": entry.transaction.signatures[0],
            "operation": b"\xa5batch",
            "item": b"an item of the batch",
            "receipt": pack(entry.receipt),
            "leaf": entry.leaf.receipt,
        }[part]
        assert alter(data_file(home, chain.rules.chain), old, flipped(old))
        with pytest.raises(StoreDamaged):
            ledger.entry(0)

    def test_an_altered_value_is_not_served_nor_built_on(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        commit(ledger, chain.sign(chain.add("a", 200)), chain.sign(chain.add("b", 1)))
        height = ledger.tip.height
        assert alter(data_file(home, chain.rules.chain), encode(Count(200)), encode(Count(201)))
        with pytest.raises(ValueDamaged):
            ledger.value(A)
        with pytest.raises(ValueDamaged):
            ledger.prove_state(height, [B, A])
        for raw in (
            chain.sign(chain.add("a")),
            chain.sign(chain.remove("a")),
            chain.sign(chain.reach("read", "counter")),
        ):
            with unmoved(ledger), pytest.raises(ValueDamaged):
                execute(ledger, chain.sign(), raw)
        assert outcomes(commit(ledger, chain.sign(chain.add("b")))) == [0]
        assert ledger.value(B) == encode(Count(2))

    def test_the_committed_state_is_read_compared(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        state, prefix = reading.CommittedState(ledger), state_key("counter", "")[:-1]
        assert (state.get(A), list(state.scan(prefix))) == (None, [])
        commit(ledger, chain.sign(chain.add("b", 1)), chain.sign(chain.add("a", 200)))
        assert (state.get(A), state.get(B)) == (encode(Count(200)), encode(Count(1)))
        assert list(state.scan(prefix)) == [(A, encode(Count(200))), (B, encode(Count(1)))]
        commit(ledger, chain.sign(chain.add("b", 1)))
        assert alter(data_file(home, chain.rules.chain), encode(Count(2)), encode(Count(3)))
        for read in (lambda: state.get(B), lambda: list(state.scan(prefix))):
            with pytest.raises(ValueDamaged):
                read()

    def test_an_altered_value_that_a_scan_met_is_not_built_on(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        commit(ledger, chain.sign(chain.reach("write", "spy")))
        commit(ledger, chain.sign(chain.reach("scan", "spy")))
        row = state_key("spy", "a") + encode(Count(7))
        assert alter(data_file(home, chain.rules.chain), row, row[:-1] + b"\x08")
        with unmoved(ledger), pytest.raises(ValueDamaged):
            execute(ledger, chain.sign(chain.reach("scan", "spy")))

    def test_an_altered_key_of_a_signer_is_not_built_on(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        key = state_key("registry", "key", chain.key().public)
        value = ledger.value(key)
        assert value is not None
        assert alter(data_file(home, chain.rules.chain), value, flipped(value))
        with unmoved(ledger), pytest.raises(ValueDamaged):
            execute(ledger, chain.sign())

    @pytest.mark.requirement("S9.1")
    def test_an_altered_index_of_body_ids_lets_nothing_be_replayed(
        self, chain: Chain, ledger: Ledger, home: Path
    ) -> None:
        raws = [chain.sign(), chain.sign()]
        commit(ledger, *raws)
        leaves = [ledger.entry(index).leaf for index in (0, 1)]
        row = body_key(leaves[0].valid_until, leaves[0].body) + number_key(0)
        path = data_file(home, chain.rules.chain)
        other = row[:-1] + b"\x01"
        assert alter(path, row, other)
        with pytest.raises(StoreDamaged):
            ledger.find(leaves[0].valid_until, leaves[0].body)
        assert ledger.find(leaves[1].valid_until, leaves[1].body) == 1
        ledger.close()
        for damaged in (other, row[:12] + bytes([row[12] ^ 1]) + row[13:], row[:-8] + b"\xff" * 8):
            alter(path, other, damaged)
            other = damaged
            with pytest.raises(StoreDamaged):
                chain.open(home)
        alter(path, other, row)
        again = chain.open(home)
        assert outcomes(commit(again, *raws)) == ["transaction.replayed"] * 2
        again.close()

    def test_an_altered_block_record_is_not_served(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        commit(ledger)
        stored = ledger.store.get("block", number_key(1))
        commit(ledger, chain.sign())
        assert stored is not None
        for offset in range(3, len(stored), 7):
            altered = bytearray(stored)
            altered[offset] ^= 1
            assert alter(data_file(home, chain.rules.chain), stored, bytes(altered))
            for read in (lambda: ledger.head_at(1), lambda: ledger.prove_state(1, [A]), lambda: list(ledger.blocks())):
                with pytest.raises(StoreDamaged):
                    read()
            alter(data_file(home, chain.rules.chain), bytes(altered), stored)
        assert ledger.head_at(1).height == 1

    def test_an_entry_that_does_not_decode_stops_whoever_reads_blocks(
        self, chain: Chain, ledger: Ledger, home: Path
    ) -> None:
        commit(ledger, chain.sign())
        stored = ledger.store.get("entry", number_key(0))
        assert stored is not None
        assert decode(EntryRecord, stored)
        assert alter(data_file(home, chain.rules.chain), stored, b"\xc1" + stored[1:])
        with pytest.raises(StoreDamaged):
            list(ledger.blocks())


class TestHistory:
    """Proofs at a height."""

    @pytest.mark.requirement("S9.2")
    def test_every_kept_height_is_proven_as_it_was(self, chain: Chain, ledger: Ledger) -> None:
        expected: list[tuple[bytes | None, bytes | None]] = [(None, None)]
        proofs = [ledger.prove_state(0, [A, B])]
        for block in ([chain.add("a")], [], [chain.add("b", 5)], [chain.remove("a")], [chain.add("a", 2)], []):
            commit(ledger, *[chain.sign(call) for call in block])
            expected.append((ledger.value(A), ledger.value(B)))
            proofs.append(ledger.prove_state(ledger.tip.height, [A, B]))
        for height, values in enumerate(expected):
            assert tuple(proven(chain, ledger, height, A, B)) == values
            assert ledger.prove_state(height, [A, B]) == proofs[height]
        assert len({ledger.head_at(height).state_root for height in range(7)}) == 5
        assert ledger._versions._tree.stats().versions == 1

    def test_heights_that_are_not_there(self, ledger: Ledger) -> None:
        commit(ledger)
        for height in (2, 100):
            for ask in (ledger.head_at, lambda at: ledger.prove_state(at, [A])):
                with pytest.raises(CheckpointUnavailable):
                    ask(height)
            assert not ledger.can_prove(height)
        assert ledger.pin("checkpoints", [0, 1, 2, 100]) == {0, 1}

    def test_old_heights_go_and_pinned_ones_stay(
        self, chain: Chain, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "KEPT_UNDO_HEIGHTS", 4)
        for number in range(3):
            commit(ledger, chain.sign(chain.add("a", 10**number)))
        assert ledger.pin("checkpoints", [2]) == {2}
        assert ledger.pin("anchor", [3]) == {3}
        for number in range(12):
            commit(ledger, *[chain.sign() for _ in range(number % 2)])
        tip = ledger.tip.height
        assert proven(chain, ledger, 2, A) == [encode(Count(11))]
        for height in range(2, tip + 1):
            proven(chain, ledger, height, A, B)
        with pytest.raises(CheckpointUnavailable):
            ledger.prove_state(1, [A])
        assert not ledger.can_prove(1)
        ledger.pin("checkpoints", [])
        for _ in range(4):
            commit(ledger)
        with pytest.raises(CheckpointUnavailable):
            ledger.prove_state(2, [A])
        assert proven(chain, ledger, 3, A) == [encode(Count(111))]
        assert ledger.pin("anchor", [2, tip]) == {tip}
        for _ in range(4):
            commit(ledger)
        for height in range(ledger.tip.height - 4, ledger.tip.height + 1):
            proven(chain, ledger, height, A)
        rows = [int.from_bytes(key, "big") for key, _ in dump(ledger)["undo"]]
        assert all(height > ledger.tip.height - 4 for height in rows)
        assert ledger._versions._tree.stats().versions == 1

    def test_a_height_up_to_which_nothing_has_changed_since_needs_no_keeping(
        self, chain: Chain, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "KEPT_UNDO_HEIGHTS", 4)
        commit(ledger, chain.sign())
        for _ in range(12):
            commit(ledger)
        assert proven(chain, ledger, 1, A) == [encode(Count(1))]
        assert not ledger.can_prove(0)
        commit(ledger, chain.sign())
        assert proven(chain, ledger, 1, A) == [encode(Count(1))]
        for _ in range(4):
            commit(ledger)
        assert not ledger.can_prove(1)

    def test_pins_are_named_again_after_opening_and_before_the_next_block(
        self, chain: Chain, ledger: Ledger, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "KEPT_UNDO_HEIGHTS", 4)
        commit(ledger, chain.sign())
        ledger.pin("checkpoints", [1])
        for _ in range(20):
            commit(ledger, chain.sign())
        ledger.close()
        again = chain.open(home)
        assert again.pin("checkpoints", [0, 1]) == {1}
        commit(again, chain.sign())
        assert proven(chain, again, 1, A, B) == [encode(Count(1)), None]
        again.close()
        third = chain.open(home)
        commit(third, chain.sign())
        assert third.pin("checkpoints", [1]) == frozenset(), "the block came first"
        third.close()

    def test_a_few_versions_of_pinned_heights_are_held(self, chain: Chain, ledger: Ledger) -> None:
        for number in range(10):
            commit(ledger, chain.sign(chain.add("a", 10 + number)))
        ledger.pin("checkpoints", range(8))
        ledger.pin("anchor", [7, 8])
        assert ledger._versions._tree.stats().versions == 1, "none is made before it is asked for"
        shown = {height: ledger.prove_state(height, [A, B]) for height in range(10)}
        assert ledger._versions._tree.stats().versions == 1 + 4
        assert set(ledger._held) == {5, 6, 7, 8}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ledger._versions, "change", None)
            assert ledger.prove_state(5, [A, B]) == shown[5], "from the version that is held"
        commit(ledger, chain.sign(chain.remove("a")))
        assert {height: ledger.prove_state(height, [A, B]) for height in range(10)} == shown
        ledger.pin("checkpoints", [2])
        assert ledger._versions._tree.stats().versions == 1 + 2
        ledger.pin("anchor", [])
        ledger.pin("checkpoints", [])
        assert ledger._versions._tree.stats().versions == 1

    def test_a_height_that_is_pinned_while_a_block_is_committed_keeps_all_it_needs(
        self, chain: Chain, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "KEPT_UNDO_HEIGHTS", 4)
        for _ in range(8):
            commit(ledger, chain.sign())
        last = ledger.tip.height - 4

        class Gate:
            """A lock before which, once, another thread is let through."""

            def __init__(self) -> None:
                self.lock, self.waiting = threading.Lock(), True

            def __enter__(self) -> None:
                if self.waiting:
                    self.waiting = False
                    pinning = threading.Thread(target=ledger.pin, args=("checkpoints", [last]))
                    pinning.start()
                    pinning.join()
                self.lock.acquire()

            def __exit__(self, *_: object) -> None:
                self.lock.release()

        candidate = execute(ledger, chain.sign())
        monkeypatch.setattr(ledger, "_swap", Gate())
        ledger.commit(candidate)
        assert ledger.can_prove(last)
        assert proven(chain, ledger, last, A) == [encode(Count(last))]

    def test_a_height_is_proven_after_opening_again(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        for _ in range(3):
            commit(ledger, chain.sign())
        proof = ledger.prove_state(1, [A])
        ledger.close()
        again = chain.open(home)
        assert again.prove_state(1, [A]) == proof
        again.close()

    def test_an_altered_undo_record_is_not_built_on(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        commit(ledger, chain.sign(chain.add("a", 200)))
        commit(ledger, chain.sign(chain.remove("a")))
        assert alter(data_file(home, chain.rules.chain), encode(Count(200)), encode(Count(201)))
        with pytest.raises(StoreDamaged):
            ledger.prove_state(1, [B])
        assert proven(chain, ledger, 2, A) == [None]

    def test_readers_see_whole_blocks_while_others_are_committed(self, chain: Chain, ledger: Ledger) -> None:
        key = state_key("ledger", "quota", "member", chain.parties[0].member)
        commit(ledger, chain.sign())
        failures: list[BaseException] = []
        stop = threading.Event()

        def read(name: str) -> None:
            try:
                while not stop.is_set():
                    assert ledger.value(A) is not None
                    assert ledger.value(key) is not None
                    height = ledger.tip.height
                    proven(chain, ledger, height, A, B, key)
                    proven(chain, ledger, max(height - 3, 1), A)
                    ledger.pin(name, [height])
                    ledger.entry(ledger.tip.log_size - 1)
                    proven(chain, ledger, height, A)
                    ledger.pin(name, [])
            except BaseException as failure:  # noqa: BLE001  (told by the test's own thread)
                failures.append(failure)

        readers = [threading.Thread(target=read, args=(name,)) for name in "abc"]
        for reader in readers:
            reader.start()
        for _ in range(200):
            commit(ledger, chain.sign(), time=ledger.tip.time + 1)
        stop.set()
        for reader in readers:
            reader.join()
        assert failures == []
        assert ledger.value(A) == encode(Count(201))


def test_one_flipped_bit_of_a_meta_page_is_no_way_back(chain: Chain, ledger: Ledger, home: Path) -> None:
    commit(ledger, chain.sign())
    commit(ledger, chain.sign())
    ledger.close()
    path = data_file(home, chain.rules.chain)
    data = path.read_bytes()
    txn_ids = {page: int.from_bytes(data[page * 4096 + 144 : page * 4096 + 152], "little") for page in (0, 1)}
    assert abs(txn_ids[0] - txn_ids[1]) == 1
    newest = max(txn_ids, key=lambda page: txn_ids[page])
    for bit in range(3):  # makes the newest look older than the one before, or newer than it is
        flip(path, newest * 4096 + 144, bit)
        with pytest.raises((StoreBehindHead, StoreDamaged)):
            chain.open(home)
        flip(path, newest * 4096 + 144, bit)
    chain.open(home).close()

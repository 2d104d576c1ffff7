"""Snapshots: what is restored is the same chain and goes on identically; what does not prove itself is refused."""

from __future__ import annotations

import os
import random
import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from tests.support.chain import MAP_BYTES, Chain, body_of, commit, dump, found_chain, outcomes
from tests.support.damage import alter, data_file
from tests.support.snapshots import take_snapshot
from xinglin.carrier.ledger import snapshot as snapshot_module
from xinglin.carrier.ledger import window
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import (
    ChainBegunLate,
    ChainNotFound,
    CheckpointUnavailable,
    LogEntryNotFound,
    SnapshotInvalid,
    StoreDamaged,
    StoreLocked,
)
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.merkle import verify_inclusion
from xinglin.carrier.ledger.model import Leaf
from xinglin.carrier.ledger.recheck import recheck
from xinglin.carrier.ledger.snapshot import LEAVES_IN_CHUNK, Manifest, StateChunk, restore_snapshot
from xinglin.carrier.ledger.store import lock_folder
from xinglin.kernel.encoding import MAX_INTEGER, decode, pack
from xinglin.kernel.errors import PlatformError

VALID_MS = 8_000


@pytest.fixture
def chain() -> Chain:
    """Return a chain whose replay window is 8 blocks."""
    return found_chain(max_valid_ms=VALID_MS)


@pytest.fixture
def ledger(chain: Chain, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """Give a ledger of 30 blocks and 100 log entries, whose snapshots have several chunks of state and of leaves."""
    monkeypatch.setattr(snapshot_module, "_KEYS_IN_CHUNK", 8)
    monkeypatch.setattr(snapshot_module, "LEAVES_IN_CHUNK", 8)
    opened = chain.create(home)
    for number in range(30):
        commit(opened, *[sign(chain, opened, f"c{number}-{one % 3}") for one in range(number % 8)])
    yield opened
    opened.close()


def sign(chain: Chain, ledger: Ledger, name: str, ahead: int = VALID_MS) -> bytes:
    """Return a transaction for the next block."""
    return chain.sign(chain.add(name), valid_until=ledger.tip.time + ahead)


def taken(ledger: Ledger, folder: Path) -> tuple[Head, bytes, list[bytes]]:
    """Return the head, the manifest and the chunks of a snapshot of the tip."""
    manifest = take_snapshot(ledger, folder)
    chunks = [(folder / str(number)).read_bytes() for number in range(manifest.chunks)]
    return ledger.head_at(ledger.tip.height), (folder / "manifest").read_bytes(), chunks


@pytest.fixture
def restored(chain: Chain, ledger: Ledger, tmp_path: Path) -> Iterator[Ledger]:
    """Give the ledger's chain as a home has it that began from a snapshot of it."""
    restore_snapshot(tmp_path / "other", chain.rules, *taken(ledger, tmp_path / "snapshot"), MAP_BYTES)
    opened = chain.open(tmp_path / "other")
    yield opened
    opened.close()


def leaves_of(manifest: Manifest, chunks: list[bytes]) -> list[Leaf]:
    """Return the leaves of a snapshot."""
    raws = [raw for chunk in chunks[1 << manifest.bits :] for raw in decode(tuple[bytes, ...], chunk)]
    return [decode(Leaf, raw) for raw in raws]


@pytest.mark.requirement("S9.1")
def test_what_is_restored_goes_on_identically(chain: Chain, ledger: Ledger, tmp_path: Path) -> None:
    live = sign(chain, ledger, "live")
    commit(ledger, live)
    last = [sign(chain, ledger, "at-the-edge"), sign(chain, ledger, "short", ahead=5)]
    commit(ledger, *last)
    head, manifest, chunks = taken(ledger, tmp_path / "snapshot")
    assert len(chunks) > 4
    restore_snapshot(tmp_path / "other", chain.rules, head, manifest, chunks, MAP_BYTES)
    other = chain.open(tmp_path / "other")
    assert other.tip == ledger.tip
    with other.whole_state(other.tip.height) as mine, ledger.whole_state(ledger.tip.height) as theirs:
        assert mine.subtree(bytes(32), 0) == theirs.subtree(bytes(32), 0)
    assert dump(other)["state"] == dump(ledger)["state"]
    for number in range(11):
        raws = [sign(chain, ledger, f"n{number}"), live, *last, sign(chain, ledger, f"c{number}-0")]
        both = [commit(one, *raws) for one in (ledger, other)]
        assert outcomes(both[0]) == outcomes(both[1])
        assert outcomes(both[0])[1:4] != [0, 0, 0]
        assert other.tip == ledger.tip
    old = head.size
    assert other.entry(old) == ledger.entry(old)
    for index in (old, other.tip.log_size - 1):
        path = other.tiles().inclusion(index, other.tip.log_size)
        leaf = chain.suite.leaf_hash(pack(other.entry(index).leaf))
        assert verify_inclusion(chain.suite, leaf, index, other.tip.log_size, path, other.tip.log_root)
    other.close()
    chain.open(tmp_path / "other").close()


def test_what_a_snapshot_lacks_is_not_there(restored: Ledger) -> None:
    for index in (0, restored.tip.log_size - 1):
        with pytest.raises(LogEntryNotFound):
            restored.entry(index)
    for height in (0, 29):
        with pytest.raises(CheckpointUnavailable):
            restored.head_at(height)
        with pytest.raises(CheckpointUnavailable):
            restored.prove_state(height, [b"x"])
    with pytest.raises(StoreDamaged):
        list(restored.blocks())


def test_a_snapshot_of_height_0_and_of_a_young_chain(home: Path, tmp_path: Path) -> None:
    chain = found_chain(max_valid_ms=VALID_MS)
    ledger = chain.create(home)
    for number in range(3):
        restored = tmp_path / f"other{number}"
        restore_snapshot(restored, chain.rules, *taken(ledger, tmp_path / "snapshot"), MAP_BYTES)
        other = chain.open(restored)
        raw = sign(chain, ledger, "a")
        assert commit(other, raw) == commit(ledger, raw)
        assert other.tip == ledger.tip
        other.close()
    ledger.close()


class TestWindow:
    """The replay window of a home that began from a snapshot."""

    def test_it_begins_with_the_last_leaf_that_cannot_be_replayed(self, ledger: Ledger, tmp_path: Path) -> None:
        _, raw, chunks = taken(ledger, tmp_path / "snapshot")
        manifest = decode(Manifest, raw)
        leaves = leaves_of(manifest, chunks)
        assert [leaf.index for leaf in leaves] == list(range(manifest.window_start, manifest.log_size))
        assert leaves[0].time <= manifest.time - VALID_MS < leaves[1].time
        assert leaves[0].index > 50

    def test_a_home_in_it_gives_the_same_snapshot(self, ledger: Ledger, restored: Ledger, tmp_path: Path) -> None:
        """Its leaves are in the store, although their entries are not."""
        assert taken(restored, tmp_path / "again") == taken(ledger, tmp_path / "snapshot")

    @pytest.mark.parametrize("busy", [0, 1])
    def test_snapshots_of_it_restore_homes_at_every_height(
        self, chain: Chain, ledger: Ledger, restored: Ledger, tmp_path: Path, busy: int
    ) -> None:
        """While the window passes its beginning, also when nothing more is logged."""
        for number in range(2 * VALID_MS // 1000):
            last = [sign(chain, ledger, f"n{number}-{one}") for one in range(busy * (number % 3))]
            replayed = [pack(ledger.entry(index).transaction) for index in range(60, ledger.tip.log_size)]
            results = [outcomes(commit(one, *last, *replayed)) for one in (ledger, restored)]
            assert results[0] == results[1] == [0] * len(last) + results[0][len(last) :]
            assert 0 not in results[1][len(last) :]
            further = tmp_path / f"further{number}"
            restore_snapshot(further, chain.rules, *taken(restored, tmp_path / "again"), MAP_BYTES)
            third = chain.open(further)
            assert third.tip == ledger.tip
            third.close()
        manifest = take_snapshot(restored, tmp_path / "again")
        assert manifest == take_snapshot(ledger, tmp_path / "snapshot")
        assert len(dump(restored)["leaf"]) == 1, "the window has passed the others"
        restored.close()
        chain.open(tmp_path / "other").close()

    def test_the_leaves_go_a_few_with_each_block_and_never_too_many(
        self, chain: Chain, restored: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(window, "_STALE_A_BLOCK", 5)
        counts = [len(dump(restored)["leaf"])]
        while counts[-1] > 1:
            commit(restored)
            counts.append(len(dump(restored)["leaf"]))
            restored.close()
            restored = chain.open(tmp_path / "other")
            first, _ = dump(restored)["leaf"][0]
            assert int.from_bytes(first, "big") <= take_snapshot(restored, tmp_path / "again").window_start
            assert len(counts) < 40
        assert max(one - other for one, other in pairwise(counts)) == 5
        restored.close()

    @pytest.mark.requirement("S9.1")
    @pytest.mark.parametrize("table", ["body", "leaf", "tile"])
    def test_one_flipped_bit_of_it_is_refused_at_opening(
        self, chain: Chain, restored: Ledger, tmp_path: Path, table: str, seeded: random.Random
    ) -> None:
        rows = dump(restored)[table]
        assert len(rows) > {"body": 20, "leaf": 20, "tile": 0}[table]
        restored.close()
        path = data_file(tmp_path / "other", chain.rules.chain)
        for key, value in rows:
            row = key + value if table != "tile" else value  # large values lie apart from their keys
            for at in (seeded.randrange(8), len(row) - 1 - seeded.randrange(len(value))):
                damaged = row[:at] + bytes([row[at] ^ 1 << seeded.randrange(8)]) + row[at + 1 :]
                assert alter(path, row, damaged)
                with pytest.raises(StoreDamaged):
                    chain.open(tmp_path / "other")
                alter(path, damaged, row)
        chain.open(tmp_path / "other").close()

    def test_a_lost_row_lets_nothing_take_effect_twice(self, chain: Chain, ledger: Ledger, tmp_path: Path) -> None:
        """A home whose index has lost a row that a replay would need is not opened."""
        live = sign(chain, ledger, "live")
        commit(ledger, live)
        restore_snapshot(tmp_path / "other", chain.rules, *taken(ledger, tmp_path / "snapshot"), MAP_BYTES)
        key = next(key for key, _ in dump(ledger)["body"] if key.endswith(body_of(chain.rules, live)))
        assert alter(data_file(tmp_path / "other", chain.rules.chain), key, key[:-1] + bytes([key[-1] ^ 1]))
        with pytest.raises(StoreDamaged):
            chain.open(tmp_path / "other")

    def test_a_leaf_that_is_not_the_one_of_the_index_is_found(
        self, chain: Chain, restored: Ledger, tmp_path: Path
    ) -> None:
        [key, raw] = dump(restored)["leaf"][3]
        leaf = decode(Leaf, raw)
        assert restored.find(leaf.valid_until, leaf.body) == leaf.index
        other = pack(msgspec.structs.replace(leaf, body=bytes(32)))
        assert alter(data_file(tmp_path / "other", chain.rules.chain), key + raw, key + other)
        with pytest.raises(StoreDamaged):
            restored.find(leaf.valid_until, leaf.body)

    def test_a_damaged_window_gives_no_snapshot(self, chain: Chain, ledger: Ledger, home: Path, tmp_path: Path) -> None:
        raw = pack(ledger.entry(ledger.tip.log_size - 1).leaf)
        assert alter(data_file(home, chain.rules.chain), raw, raw[:-1] + bytes([raw[-1] ^ 1]))
        with pytest.raises(StoreDamaged):
            take_snapshot(ledger, tmp_path / "snapshot")


def test_a_chunk_of_leaves_stays_below_what_an_engine_takes() -> None:
    most = Leaf(
        height=MAX_INTEGER,
        time=MAX_INTEGER,
        index=MAX_INTEGER,
        body=bytes(32),
        valid_until=MAX_INTEGER,
        transaction=bytes(32),
        receipt=bytes(32),
    )
    assert len(pack([pack(most)] * LEAVES_IN_CHUNK)) < 5 << 20


def test_the_transactions_of_the_window_are_never_all_in_memory(home: Path, tmp_path: Path) -> None:
    chain = found_chain()
    ledger = chain.create(home, map_bytes=256 << 20)
    for number in range(40):
        commit(ledger, chain.sign(chain.batch(*[bytes([number]) * 1000] * 256)), time=ledger.tip.time + 1)
    tracemalloc.start()
    try:
        take_snapshot(ledger, tmp_path / "snapshot")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    ledger.close()
    assert peak < 4 << 20, "of transactions of 10 MB"


def test_state_is_cut_by_its_size_too(chain: Chain, ledger: Ledger, tmp_path: Path) -> None:
    assert take_snapshot(ledger, tmp_path / "snapshot").bits < 8
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot_module, "_STATE_BYTES_IN_CHUNK", 64)
        assert take_snapshot(ledger, tmp_path / "snapshot").bits >= 8
        restore_snapshot(tmp_path / "other", chain.rules, *taken(ledger, tmp_path / "snapshot"), MAP_BYTES)
    chain.open(tmp_path / "other").close()


def test_chunks_are_taken_one_at_a_time(chain: Chain, ledger: Ledger, tmp_path: Path) -> None:
    head, manifest, chunks = taken(ledger, tmp_path / "snapshot")
    given: list[int] = []

    def one_by_one(wrong: int) -> Iterator[bytes]:
        for number, chunk in enumerate(chunks):
            given.append(number)
            yield chunk if number != wrong else changed(chunk, len(chunk) - 1)

    with pytest.raises(SnapshotInvalid):
        restore_snapshot(tmp_path / "other", chain.rules, head, manifest, one_by_one(2), MAP_BYTES)
    assert given == [0, 1, 2]
    restore_snapshot(tmp_path / "other", chain.rules, head, manifest, one_by_one(-1), MAP_BYTES)
    chain.open(tmp_path / "other").close()


def test_a_log_of_several_levels(home: Path, tmp_path: Path) -> None:
    """A tile of the frontier that no leaf of the window changes comes with the snapshot too."""
    chain = found_chain(max_valid_ms=VALID_MS)
    ledger = chain.create(home)
    commit(ledger, *[sign(chain, ledger, f"c{number % 9}") for number in range(300)])
    commit(ledger, sign(chain, ledger, "a"), time=ledger.tip.time + 2 * VALID_MS)
    restore_snapshot(tmp_path / "other", chain.rules, *taken(ledger, tmp_path / "snapshot"), MAP_BYTES)
    other = chain.open(tmp_path / "other")
    raw = sign(chain, ledger, "b")
    assert commit(other, raw) == commit(ledger, raw)
    assert other.tip == ledger.tip
    other.close()
    ledger.close()


class TestRefusals:
    """One thing is changed; the snapshot is refused, and no store is left."""

    @pytest.fixture
    def good(self, ledger: Ledger, tmp_path: Path) -> tuple[Head, bytes, list[bytes]]:
        return taken(ledger, tmp_path / "snapshot")

    def refused(
        self,
        chain: Chain,
        tmp_path: Path,
        head: Head,
        manifest: bytes,
        chunks: Iterable[bytes],
        error: type[PlatformError],
    ) -> None:
        with pytest.raises(error):
            restore_snapshot(tmp_path / "other", chain.rules, head, manifest, chunks, MAP_BYTES)
        assert {path.name for path in (tmp_path / "other").rglob("*") if path.is_file()} <= {"lock"}

    def test_changed_bytes(self, chain: Chain, tmp_path: Path, good: tuple[Head, bytes, list[bytes]]) -> None:
        head, manifest, chunks = good
        for offset in range(0, len(manifest), 7):
            self.refused(chain, tmp_path, head, changed(manifest, offset), chunks, SnapshotInvalid)
        for number, chunk in enumerate(chunks):
            for offset in (0, (3 + 97 * number) % len(chunk), len(chunk) - 1):
                other = [*chunks[:number], changed(chunk, offset), *chunks[number + 1 :]]
                self.refused(chain, tmp_path, head, manifest, other, SnapshotInvalid)

    def test_chunks_left_out_added_or_exchanged(
        self, chain: Chain, tmp_path: Path, good: tuple[Head, bytes, list[bytes]]
    ) -> None:
        head, manifest, chunks = good
        for other in (
            chunks[:-1],
            [*chunks, chunks[-1]],
            [chunks[1], chunks[0], *chunks[2:]],
            [chunks[0]] * len(chunks),
            [*chunks[:-2], chunks[-1], chunks[-2]],
            [*chunks[:-2], chunks[-1]],
            [],
        ):
            self.refused(chain, tmp_path, head, manifest, other, SnapshotInvalid)

    def test_a_key_left_out(self, chain: Chain, tmp_path: Path, good: tuple[Head, bytes, list[bytes]]) -> None:
        head, manifest, chunks = good
        number = next(number for number, chunk in enumerate(chunks) if len(decode(StateChunk, chunk).entries) > 1)
        chunk = decode(StateChunk, chunks[number])
        chunks[number] = pack(StateChunk(chunk.subtree, chunk.entries[1:]))
        self.refused(chain, tmp_path, head, manifest, chunks, SnapshotInvalid)

    @pytest.mark.parametrize("field", ["chain", "size", "log_root", "state_root", "height", "time"])
    def test_another_head_than_the_trusted_one(
        self, chain: Chain, tmp_path: Path, good: tuple[Head, bytes, list[bytes]], field: str
    ) -> None:
        head, manifest, chunks = good
        value = getattr(head, field)
        other = {int: lambda: value + 1, bytes: lambda: bytes(32), str: lambda: "c" + "a" * 26}[type(value)]()
        fields = {name: getattr(head, name) for name in ("chain", "size", "log_root", "state_root", "height", "time")}
        self.refused(chain, tmp_path, Head(**(fields | {field: other})), manifest, chunks, SnapshotInvalid)

    @pytest.mark.parametrize("kept", [0, 5])
    def test_a_window_that_hides_what_could_be_replayed(
        self, chain: Chain, ledger: Ledger, tmp_path: Path, good: tuple[Head, bytes, list[bytes]], kept: int
    ) -> None:
        head, manifest, chunks = good
        said = decode(Manifest, manifest)
        leaves = [pack(leaf) for leaf in leaves_of(said, chunks)]
        start = said.log_size - kept
        with ledger.store.snapshot() as view:
            edge = window.edge_before(view, start)
        lie = msgspec.structs.replace(said, window_start=start, edge=edge)
        shown = [pack(leaves[len(leaves) - kept :])] if kept else []
        assert lie.leaf_chunks == len(shown)
        self.refused(chain, tmp_path, head, pack(lie), [*chunks[: 1 << said.bits], *shown], SnapshotInvalid)

    def test_leaves_that_are_cut_in_another_way(
        self, chain: Chain, tmp_path: Path, good: tuple[Head, bytes, list[bytes]]
    ) -> None:
        head, manifest, chunks = good
        said = decode(Manifest, manifest)
        first = 1 << said.bits
        one, two = (decode(tuple[bytes, ...], chunk) for chunk in chunks[first : first + 2])
        other = [*chunks[:first], pack([*one, two[0]]), pack(two[1:]), *chunks[first + 2 :]]
        self.refused(chain, tmp_path, head, manifest, other, SnapshotInvalid)

    @pytest.mark.parametrize("change", ["bits", "window_start", "edge", "more edge", "no edge"])
    def test_a_manifest_that_is_cut_in_another_way(
        self, chain: Chain, tmp_path: Path, good: tuple[Head, bytes, list[bytes]], change: str
    ) -> None:
        head, manifest, chunks = good
        said = decode(Manifest, manifest)
        lie = {
            "bits": {"bits": MAX_INTEGER},
            "window_start": {"window_start": said.log_size + 1},
            "edge": {"edge": (said.edge[0] + bytes(32),)},
            "more edge": {"edge": (*said.edge, b"")},
            "no edge": {"edge": ()},
        }[change]
        self.refused(chain, tmp_path, head, pack(msgspec.structs.replace(said, **lie)), chunks, SnapshotInvalid)  # type: ignore[arg-type]

    def test_another_chain(self, tmp_path: Path, good: tuple[Head, bytes, list[bytes]]) -> None:
        self.refused(found_chain(max_valid_ms=VALID_MS), tmp_path, *good, SnapshotInvalid)

    def test_a_chain_that_is_there(
        self, chain: Chain, ledger: Ledger, home: Path, tmp_path: Path, good: tuple[Head, bytes, list[bytes]]
    ) -> None:
        restore_snapshot(tmp_path / "other", chain.rules, *good, MAP_BYTES)
        before = (tmp_path / "other" / "chain" / chain.rules.chain / "head").read_bytes()
        commit(ledger, sign(chain, ledger, "a"))
        with pytest.raises(StoreDamaged):
            restore_snapshot(tmp_path / "other", chain.rules, *taken(ledger, tmp_path / "snapshot"), MAP_BYTES)
        assert (tmp_path / "other" / "chain" / chain.rules.chain / "head").read_bytes() == before
        chain.open(tmp_path / "other").close()

    def test_a_restore_that_was_cut_short_is_taken_up_again(
        self, chain: Chain, tmp_path: Path, good: tuple[Head, bytes, list[bytes]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Cut(Exception):
            pass

        def cut(*_: object) -> int:
            raise Cut

        with monkeypatch.context() as patch:
            patch.setattr(snapshot_module.Store, "commit", cut)
            with pytest.raises(Cut):
                restore_snapshot(tmp_path / "other", chain.rules, *good, MAP_BYTES)
        with pytest.raises(ChainNotFound):
            chain.open(tmp_path / "other")
        left = tmp_path / "other" / "chain" / chain.rules.chain / "restoring" / "data"
        left.mkdir(parents=True)
        (left / "data.mdb").write_bytes(b"what a killed process left")
        restore_snapshot(tmp_path / "other", chain.rules, *good, MAP_BYTES)
        chain.open(tmp_path / "other").close()
        assert not left.parent.exists()

    def test_a_restore_that_another_is_at(
        self, chain: Chain, tmp_path: Path, good: tuple[Head, bytes, list[bytes]]
    ) -> None:
        lock = lock_folder(tmp_path / "other" / "chain" / chain.rules.chain, chain.rules.chain)
        self.refused(chain, tmp_path, *good, StoreLocked)
        os.close(lock)
        restore_snapshot(tmp_path / "other", chain.rules, *good, MAP_BYTES)
        chain.open(tmp_path / "other").close()


def changed(data: bytes, offset: int) -> bytes:
    """Return bytes of which one is changed."""
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]


def test_a_chain_that_began_from_a_snapshot_is_not_called_damaged(ledger: Ledger, chain: Chain, tmp_path: Path) -> None:
    restore_snapshot(tmp_path / "other", chain.rules, *taken(ledger, tmp_path / "snapshot"), MAP_BYTES)
    with pytest.raises(ChainBegunLate) as refused:
        recheck(tmp_path / "other", chain.rules, tmp_path / "scratch")
    assert refused.value.facts["height"] == ledger.tip.height


def test_a_snapshot_of_an_earlier_height_is_what_was_then(
    ledger: Ledger, chain: Chain, home: Path, tmp_path: Path
) -> None:
    """Blocks that came after change, add and remove keys; none of that is in it."""
    then = take_snapshot(ledger, tmp_path / "then")
    height = ledger.tip.height
    chunks = [(tmp_path / "then" / str(number)).read_bytes() for number in range(then.chunks)]
    for number in range(6):
        commit(ledger, sign(chain, ledger, f"later-{number}"), chain.sign(chain.remove(f"c{number}-0")))
    later = take_snapshot(ledger, tmp_path / "later")
    assert later != then
    assert take_snapshot(ledger, tmp_path / "again", height) == then
    assert [(tmp_path / "again" / str(number)).read_bytes() for number in range(then.chunks)] == chunks
    with pytest.raises(CheckpointUnavailable):
        take_snapshot(ledger, tmp_path / "none", ledger.tip.height + 1)

"""Snapshots: what is restored is the same chain and goes on identically; what does not prove itself is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support.chain import MAP_BYTES, Chain, commit, dump, found_chain, outcomes
from xinglin.carrier.ledger import snapshot as snapshot_module
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import (
    CheckpointUnavailable,
    LogEntryNotFound,
    SnapshotInvalid,
    StoreDamaged,
)
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.merkle import verify_inclusion
from xinglin.carrier.ledger.model import Leaf
from xinglin.carrier.ledger.snapshot import Manifest, StateChunk, restore_snapshot, take_snapshot
from xinglin.kernel.encoding import decode, pack
from xinglin.kernel.errors import PlatformError

VALID_MS = 8_000


@pytest.fixture
def chain() -> Chain:
    """Return a chain whose replay window is 8 blocks."""
    return found_chain(max_valid_ms=VALID_MS)


@pytest.fixture
def ledger(chain: Chain, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """Give a ledger of 30 blocks and 100 log entries, whose snapshots have several chunks."""
    monkeypatch.setattr(snapshot_module, "_KEYS_IN_CHUNK", 8)
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
    assert other.subtree(bytes(32), 0) == ledger.subtree(bytes(32), 0)
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


def test_what_a_snapshot_lacks_is_not_there(chain: Chain, ledger: Ledger, tmp_path: Path) -> None:
    restore_snapshot(tmp_path / "other", chain.rules, *taken(ledger, tmp_path / "snapshot"), MAP_BYTES)
    other = chain.open(tmp_path / "other")
    with pytest.raises(LogEntryNotFound):
        other.entry(0)
    for height in (0, 29):
        with pytest.raises(CheckpointUnavailable):
            other.head_at(height)
        with pytest.raises(CheckpointUnavailable):
            other.prove_state(height, [b"x"])
    with pytest.raises(StoreDamaged):
        take_snapshot(other, tmp_path / "again")
    with pytest.raises(StoreDamaged):
        list(other.blocks())
    for number in range(11):
        commit(other, sign(chain, other, f"n{number}"))
    assert take_snapshot(other, tmp_path / "again").window_start > ledger.tip.log_size
    other.close()


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


def test_the_window_begins_with_the_last_leaf_that_cannot_be_replayed(
    chain: Chain, ledger: Ledger, tmp_path: Path
) -> None:
    manifest = take_snapshot(ledger, tmp_path / "snapshot")
    leaves = [
        decode(Leaf, leaf)
        for leaf in decode(tuple[bytes, ...], (tmp_path / "snapshot" / str(manifest.chunks - 1)).read_bytes())
    ]
    dead = manifest.time - VALID_MS
    assert [leaf.index for leaf in leaves] == list(range(manifest.window_start, manifest.log_size))
    assert leaves[0].time <= dead < leaves[1].time
    assert leaves[0].index > 50


def test_a_new_snapshot_replaces_the_old_one(chain: Chain, ledger: Ledger, tmp_path: Path) -> None:
    first = take_snapshot(ledger, tmp_path / "snapshot")
    (tmp_path / "snapshot" / "other").write_bytes(b"")
    commit(ledger)
    second = take_snapshot(ledger, tmp_path / "snapshot")
    assert (second.height, second.state_root) == (first.height + 1, first.state_root)
    names = {path.name for path in (tmp_path / "snapshot").iterdir()}
    assert names == {"manifest", *map(str, range(second.chunks))}
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["home", "snapshot"]


class TestRefusals:
    """One thing is changed; the snapshot is refused, and no store is left."""

    @pytest.fixture
    def good(self, ledger: Ledger, tmp_path: Path) -> tuple[Head, bytes, list[bytes]]:
        return taken(ledger, tmp_path / "snapshot")

    def refused(
        self, chain: Chain, tmp_path: Path, head: Head, manifest: bytes, chunks: list[bytes], error: type[PlatformError]
    ) -> None:
        with pytest.raises(error):
            restore_snapshot(tmp_path / "other", chain.rules, head, manifest, chunks, MAP_BYTES)
        assert not (tmp_path / "other").exists()

    def test_changed_bytes(self, chain: Chain, tmp_path: Path, good: tuple[Head, bytes, list[bytes]]) -> None:
        head, manifest, chunks = good
        for offset in range(0, len(manifest), 7):
            self.refused(chain, tmp_path, head, changed(manifest, offset), chunks, SnapshotInvalid)
        for number, chunk in enumerate(chunks):
            for offset in (0, 3 + 97 * number % len(chunk), len(chunk) - 1):
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
        leaves = decode(tuple[bytes, ...], chunks[-1])
        start = said.log_size - kept
        with ledger.store.snapshot() as view:
            edge = snapshot_module._edge_before(view, start)
        lie = msgspec.structs.replace(said, window_start=start, edge=edge)
        chunks[-1] = pack(leaves[len(leaves) - kept :])
        self.refused(chain, tmp_path, head, pack(lie), chunks, SnapshotInvalid)

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
        with pytest.raises(StoreDamaged):
            chain.open(tmp_path / "other")
        restore_snapshot(tmp_path / "other", chain.rules, *good, MAP_BYTES)
        chain.open(tmp_path / "other").close()


def changed(data: bytes, offset: int) -> bytes:
    """Return bytes of which one is changed."""
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]

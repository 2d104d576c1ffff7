"""The log before a snapshot, fetched from others: nothing of it counts before all of it is proven (D5.6, D7)."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support import children
from tests.support.chain import commit, dump
from tests.support.damage import alter, data_file
from tests.support.late import VALID_MS, Grown, Pair, Peer, grow, late_pair, sign
from tests.support.snapshots import take_snapshot
from xinglin.carrier.ledger import backfill as backfill_module
from xinglin.carrier.ledger import past as past_module
from xinglin.carrier.ledger.backfill import Backfill
from xinglin.carrier.ledger.errors import (
    ChainBegunLate,
    CheckpointUnavailable,
    HistoryInvalid,
    LogBegunLate,
    LogEntryNotFound,
    StoreDamaged,
)
from xinglin.carrier.ledger.merkle import verify_inclusion
from xinglin.carrier.ledger.model import Leaf
from xinglin.carrier.ledger.past import LogPage, log_page, log_tile
from xinglin.carrier.ledger.recheck import recheck
from xinglin.kernel.encoding import decode, pack
from xinglin.kernel.errors import PlatformError, Unavailable


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    """Return a chain on the disk."""
    return grow(tmp_path_factory.mktemp("grown"))


@pytest.fixture
def pair(grown: Grown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """Give the two, the late one begun from the snapshot; slices have 100 entries, pages few."""
    monkeypatch.setattr(backfill_module, "SLICE_ENTRIES", 100)
    monkeypatch.setattr(past_module, "PAGE_BYTES", 10_000)
    with late_pair(grown, tmp_path) as found:
        yield found


KILLS = int(os.environ.get("XINGLIN_KILLS", "4"))


def findings(pair: Pair, scratch: Path) -> list[str]:
    """Return where a recheck of the late home finds something; it is closed meanwhile."""
    scratch.mkdir()
    pair.late.close()
    try:
        return [one.where for one in recheck(pair.home, pair.chain.rules, scratch).findings]
    finally:
        pair.late = pair.chain.open(pair.home)


@pytest.mark.requirement("S9.1", part="the log before a snapshot is fetched, checked and then served")
def test_afterwards_it_is_as_one_that_began_at_genesis(pair: Pair, tmp_path: Path) -> None:
    pair.block(sign(pair.chain, pair.late, "meanwhile"))
    with pytest.raises(ChainBegunLate):
        findings(pair, tmp_path / "early")
    pair.finish()
    late, peer = pair.late, pair.peer.ledger
    assert (late.log_start, late.log_missing) == (0, 0)
    size = late.tip.log_size
    assert [late.entry(index) for index in range(size)] == [peer.entry(index) for index in range(size)]
    for index in (0, 255, 256, size - 1):
        path = late.tiles().inclusion(index, size)
        leaf = pair.chain.suite.leaf_hash(pack(late.entry(index).leaf))
        assert verify_inclusion(pair.chain.suite, leaf, index, size, path, late.tip.log_root)
        assert late.find(late.entry(index).leaf.valid_until, late.entry(index).leaf.body) == index
    both = dump(late), dump(peer)
    for table in ("entry", "body", "tile", "state"):
        assert both[0][table] == both[1][table]
    assert both[0]["block"] == both[1]["block"][-len(both[0]["block"]) :]
    assert findings(pair, tmp_path / "scratch") == []
    pair.open_again()
    assert pair.late.log_start == 0
    pair.block(sign(pair.chain, pair.late, "after"))
    assert findings(pair, tmp_path / "again") == []
    with pytest.raises(CheckpointUnavailable):  # times and states of old blocks are in no leaf
        pair.late.head_at(3)


def test_it_then_gives_the_log_to_others(pair: Pair) -> None:
    with pytest.raises(LogBegunLate):
        log_page(pair.late, 0, 10)
    with pytest.raises(LogBegunLate):
        log_tile(pair.late, 0, 0)
    pair.finish()
    for first in (0, 3, 250, 256, pair.late.tip.log_size - 1):
        assert log_page(pair.late, first, 1 << 40) == log_page(pair.peer.ledger, first, 1 << 40)
    assert log_tile(pair.late, 0, 1) == log_tile(pair.peer.ledger, 0, 1)
    for ledger in (pair.late, pair.peer.ledger):
        for level, index in ((0, 2), (1, 0), (8, 0), (200, 1)):
            with pytest.raises(LogEntryNotFound):
                log_tile(ledger, level, index)
        with pytest.raises(LogEntryNotFound):
            log_page(ledger, ledger.tip.log_size, 1 << 40)
        with pytest.raises(LogEntryNotFound):
            log_page(ledger, 5, 5)


def test_nothing_of_it_counts_before_all_of_it_is_checked(pair: Pair) -> None:
    old = pair.peer.ledger.entry(3).leaf
    recent = pair.late.begun.time + 1  # type: ignore[union-attr]
    for step in range(3):
        if step:
            pair.slice()
        assert pair.late.log_start == pair.late.begun.size  # type: ignore[union-attr]
        with pytest.raises(LogEntryNotFound):
            pair.late.entry(3)
        with pytest.raises(LogBegunLate) as refused:  # it is not said not to be logged
            pair.late.find(old.valid_until, old.body)
        assert isinstance(refused.value, Unavailable)
        with pytest.raises(LogBegunLate):
            pair.late.find(pair.late.begun.time, bytes(32))  # type: ignore[union-attr]
        assert pair.late.find(recent, bytes(32)) is None
    last = pair.peer.ledger.entry(pair.late.log_start - 1).leaf
    assert pair.late.find(last.valid_until, last.body) == last.index


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def changed_page(change: Callable[[LogPage], LogPage]) -> Callable[[bytes], bytes]:
    return lambda page: pack(change(decode(LogPage, page)))


def part(name: str, at: int) -> Callable[[bytes], bytes]:
    """Return what flips a bit of one part of a page's second entry."""

    def change(page: LogPage) -> LogPage:
        one = page.entries[1]
        data = getattr(one, name)
        other = msgspec.structs.replace(one, **{name: flipped(data, at % len(data))})
        return msgspec.structs.replace(page, entries=(page.entries[0], other, *page.entries[2:]))

    return changed_page(change)


def swapped(page: LogPage) -> LogPage:
    one, two, *rest = page.entries
    return msgspec.structs.replace(page, entries=(two, one, *rest))


def mixed(page: LogPage) -> LogPage:
    """Give an entry another's transaction, which is logged as well."""
    one, two, *rest = page.entries
    return msgspec.structs.replace(
        page, entries=(msgspec.structs.replace(one, transaction=two.transaction), two, *rest)
    )


def at_another_time(page: LogPage) -> LogPage:
    """Say another time of an entry, in a leaf that names all the rest."""
    one, *rest = page.entries
    leaf = decode(Leaf, one.leaf)
    leaf = msgspec.structs.replace(leaf, time=leaf.time + 1)
    return msgspec.structs.replace(page, entries=(msgspec.structs.replace(one, leaf=pack(leaf)), *rest))


def later(page: LogPage) -> LogPage:
    return msgspec.structs.replace(page, first=page.first + 1)


def without(page: LogPage) -> LogPage:
    return msgspec.structs.replace(page, entries=page.entries[1:])


def empty(page: LogPage) -> LogPage:
    return msgspec.structs.replace(page, entries=())


def again(page: LogPage) -> LogPage:
    return msgspec.structs.replace(page, entries=page.entries * 300)


LIES = {
    **{f"{name} {at}": part(name, at) for name in ("leaf", "receipt", "transaction") for at in (0, 3, 20, 60, -1)},
    "order": changed_page(swapped),
    "another transaction": changed_page(mixed),
    "another time": changed_page(at_another_time),
    "another first": changed_page(later),
    "an entry left out": changed_page(without),
    "none": changed_page(empty),
    "too many": changed_page(again),
    "truncated": lambda page: page[:-1],
    "longer": lambda page: page + b"\x00",
    "nothing": lambda page: b"",
}


@pytest.mark.requirement("S9.1", part="a peer that lies about the old log costs time only")
def test_a_peer_that_lies_is_found_out_and_costs_time_alone(pair: Pair) -> None:
    before = dump(pair.late)
    for name, lie in LIES.items():
        with pytest.raises(HistoryInvalid) as refused:
            pair.backfill().fetch(Peer(pair.peer.ledger, page_as=lie))
        assert (name, refused.value.code) == (name, "backfill.invalid")
    for lie in (lambda tile: flipped(tile, 8191), lambda tile: tile[:-32], lambda tile: b"", lambda tile: tile * 2):
        with pytest.raises(HistoryInvalid):
            pair.backfill().fetch(Peer(pair.peer.ledger, tile_as=lie))
    assert dump(pair.late) == before
    pair.slice(Peer(pair.peer.ledger, page_as=lambda page: page))
    pair.finish()


def test_a_slice_that_a_bad_page_ended_is_asked_for_anew_whole(pair: Pair) -> None:
    """One backfill goes on after it: tiles of the lost slice are written with the next."""
    fill, count = pair.backfill(), 0

    def third(page: bytes) -> bytes:
        nonlocal count
        count += 1
        return page if count < 3 else flipped(page, 40)

    with pytest.raises(HistoryInvalid):
        fill.fetch(Peer(pair.peer.ledger, page_as=third))
    while fill.next < fill.size:
        pair.late.write_past(fill.fetch(pair.peer))
        pair.block()
    pair.late.write_past(fill.finish(), whole=True)
    pair.block()
    assert dump(pair.late)["tile"] == dump(pair.peer.ledger)["tile"]


def test_it_goes_on_where_it_was_stopped(pair: Pair) -> None:
    pair.slice()
    pair.slice()
    pair.late.write_past(pair.backfill().fetch(pair.peer))  # fetched, and no block has come with it
    pair.open_again()
    reached = pair.backfill().next
    assert 200 <= reached < pair.backfill().size
    pair.peer.asked.clear()
    pair.finish()
    assert min(first for kind, first in pair.peer.asked if kind == "page") == reached
    assert ("tile 0", 0) not in pair.peer.asked


def test_a_process_that_is_killed_while_it_fetches_goes_on(pair: Pair, tmp_path: Path, seeded: random.Random) -> None:
    """After each kill what is there is a whole number of slices, and the chain is whole."""
    pair.late.close()
    pair.peer.ledger.close()
    reached = [0]
    for _ in range(KILLS):
        with children.start("backfill", tmp_path, pair.chain.rules.chain) as child:
            assert child.stdout is not None
            told = reached[-1]
            for _ in range(seeded.randrange(1, 4)):
                told = int(child.stdout.readline() or told)
            for _ in range(seeded.randrange(20_000)):
                pass
            child.kill()
        pair.late = pair.chain.open(pair.home)
        reached.append(pair.backfill().next if pair.late.log_start else pair.backfill().size)
        assert reached[-1] >= told
        pair.late.close()
    pair.late, pair.peer.ledger = pair.chain.open(pair.home), pair.chain.open(tmp_path / "peer")
    while pair.peer.ledger.tip.height < pair.late.tip.height:
        commit(pair.peer.ledger, time=pair.peer.ledger.tip.time + 1)
    if pair.late.log_start:
        pair.finish()
    assert reached[-1] > reached[0]
    assert findings(pair, tmp_path / "scratch") == []


@pytest.mark.parametrize("index", [7, -20])
def test_what_the_disk_altered_is_fetched_again(pair: Pair, tmp_path: Path, index: int) -> None:
    """In a whole tile, and after the last whole one, where the log root alone tells."""
    while pair.backfill().next < pair.backfill().size:
        pair.slice()
    raw = pack(pair.peer.ledger.entry(index % pair.backfill().size).leaf)
    path = data_file(pair.home, pair.chain.rules.chain)
    assert alter(path, raw, flipped(raw, len(raw) - 1))
    pair.open_again()
    with pytest.raises(StoreDamaged):
        pair.backfill().finish()
    pair.late.write_past(Backfill.start_again())
    pair.block()
    assert pair.backfill().next == 0
    pair.finish()
    assert findings(pair, tmp_path / "scratch") == []


def test_a_block_that_is_not_written_keeps_the_slice(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    done = pair.late.write_past(pair.backfill().fetch(pair.peer))
    with monkeypatch.context() as patch:
        patch.setattr(pair.late.store, "commit", _full)
        with pytest.raises(PlatformError):
            commit(pair.late)
    assert not done.is_set()
    assert pair.backfill().next == 0
    pair.block()
    assert done.is_set()
    assert pair.backfill().next > 0


def _full(_: object) -> int:
    raise StoreDamaged(chain="c", what="a test")


def test_a_snapshot_of_a_home_whose_log_is_whole_is_the_same(pair: Pair, tmp_path: Path) -> None:
    pair.finish()
    for number in range(2 * VALID_MS // 1000):
        pair.block(*[sign(pair.chain, pair.late, f"n{number}")] * (number % 2))
        assert take_snapshot(pair.late, tmp_path / "own") == take_snapshot(pair.peer.ledger, tmp_path / "other")
        pair.open_again()

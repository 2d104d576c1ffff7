"""Snapshots: a node begins at a height from parts that are proven against a checkpoint (D6, D7; docs/spec/snapshot.md).

A chunk of state is the subtree under a hash prefix, with its siblings, and the keys and values in it: each proves
itself. Then come the leaves of the replay window, cut into chunks of bounded size, which after the log's frontier
before them lead to the log root. The window begins with a leaf that is too old to be replayed, so that none is left
out unnoticed. Who restores trusts one head (from a cosigned checkpoint) and nothing else. The log before the window
is not in a snapshot. One chunk is in memory at a time.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from xinglin.carrier.crypto.files import sync_folder, write_durably
from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import SnapshotInvalid, StoreDamaged
from xinglin.carrier.ledger.head import HeadFile, HeadSlot
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.log import edge_tiles
from xinglin.carrier.ledger.records import block_record
from xinglin.carrier.ledger.state.proof import verify_state_subtree
from xinglin.carrier.ledger.store import (
    DEFAULT_MAP_BYTES,
    GENESIS_NAME,
    Snapshot,
    Store,
    Write,
    body_key,
    lock_folder,
    number_key,
    tile_key,
)
from xinglin.carrier.ledger.transition import app_hash
from xinglin.carrier.ledger.whole_state import WholeState
from xinglin.carrier.ledger.window import LeafRun, dead_time, edge_before, read_leaves, stored_run, window_start
from xinglin.kernel.encoding import ChainId, ChainObject, Digest, Milliseconds, Natural, decode, pack
from xinglin.kernel.errors import Invalid

LEAVES_IN_CHUNK = 1 << 15
"""Of the format. A leaf has at most 150 bytes: under 5 MB a chunk; CometBFT takes 16."""
_KEYS_IN_CHUNK = 4096
_STATE_BYTES_IN_CHUNK = 4 << 20
_MAX_BITS = 16
_LEAF_BYTES = 160
_CHUNK_BYTES = 2_048
"""Of a chunk of state beside keys, values and their hashes: the siblings of 16 levels, and lengths."""


class Manifest(ChainObject, frozen=True, kw_only=True):
    """What a snapshot is of, and how it is cut: ``bits`` of prefix give 2**bits chunks of state, then come the leaves.

    ``edge``: the partial tiles of the log before the replay window, from level 0 up (empty where a level has none).
    """

    kind: Literal["snapshot"] = "snapshot"
    version: Literal[1] = 1
    chain: ChainId
    height: Natural
    time: Milliseconds
    state_root: Digest
    log_size: Natural
    log_root: Digest
    bits: Natural
    window_start: Natural
    edge: tuple[bytes, ...]

    @property
    def leaf_chunks(self) -> int:
        """Number of chunks of leaves, each full but the last."""
        return -(-(self.log_size - self.window_start) // LEAVES_IN_CHUNK)

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return (1 << self.bits) + self.leaf_chunks

    @property
    def head(self) -> Head:
        """The head that it claims to be of."""
        return Head(self.chain, self.log_size, self.log_root, self.state_root, self.height, self.time)


class StateChunk(ChainObject, frozen=True):
    """The keys under one prefix: the proven subtree, and (key, value) in the order of its leaves."""

    subtree: bytes
    entries: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class SnapshotParts:
    """A snapshot that is made as it is read; nothing of it is on the disk.

    ``bytes_at_most``: what manifest and chunks have together.
    """

    manifest: Manifest
    bytes_at_most: int
    _rules: ChainRules
    _state: WholeState

    def chunks(self) -> Iterator[bytes]:
        """Yield the chunks in their order, one at a time.

        Raises:
            StoreDamaged: the leaves of the replay window are not what was logged; what was yielded is of no use then.
        """
        yield from _state_chunks(self._rules, self._state, self.manifest.bits)
        yield from _leaf_chunks(self._rules, self._state.view, self.manifest)


@contextmanager
def snapshot_parts(ledger: Ledger, height: int | None = None) -> Iterator[SnapshotParts]:
    """Give the snapshot of a height until the block ends. Blocks go on meanwhile.

    For seconds: the store keeps what the view shows, and grows by what blocks replace meanwhile.

    Args:
        ledger: the chain.
        height: of the snapshot, one that can be proven; the tip's when none is named.

    Raises:
        CheckpointUnavailable: the height can't be proven.
    """
    rules = ledger.rules
    with ledger.whole_state(ledger.tip.height if height is None else height) as state:
        head, view = state.head, state.view
        start = window_start(rules, view, head)
        manifest = Manifest(
            chain=rules.chain,
            height=head.height,
            time=head.time,
            state_root=head.state_root,
            log_size=head.size,
            log_root=head.log_root,
            bits=_bits(view),
            window_start=start,
            edge=edge_before(view, start),
        )
        window = _LEAF_BYTES * (head.size - start)
        most = state.bytes_at_most + window + _CHUNK_BYTES * manifest.chunks + len(pack(manifest))
        yield SnapshotParts(manifest, most, rules, state)


def restore_snapshot(
    home: Path,
    rules: ChainRules,
    trusted: Head,
    manifest: bytes,
    chunks: Iterable[bytes],
    map_bytes: int = DEFAULT_MAP_BYTES,
) -> None:
    """Make the store of a chain from a snapshot; open it with ``Ledger.open``.

    It is made in a folder of its own and put in its place when all is checked: a crash leaves no store or a whole one.

    Args:
        home: the home; it has no store of this chain.
        rules: the chain's rules, from its genesis.
        trusted: the head of the snapshot's height, from a checkpoint that the operator trusts. App hashes alone would
            not do: they have no time, and a wrong one would hide what could be replayed.
        manifest: of the snapshot.
        chunks: all of them, in order; each is taken when it is needed.
        map_bytes: size of the sparse map.

    Raises:
        SnapshotInvalid: manifest or a chunk does not lead to the trusted head; there is no store as before.
        StoreDamaged: there is a store of this chain already.
        StoreLocked: it is being made by another.
    """
    try:
        said = _checked_manifest(rules, trusted, manifest)
    except Invalid as refusal:
        raise SnapshotInvalid(reason=refusal.code) from None
    folder = home / "chain" / rules.chain
    partial = folder / "restoring"
    lock = lock_folder(folder, rules.chain)
    try:
        if (folder / "data").exists():
            raise StoreDamaged(chain=rules.chain, what="it exists already")
        shutil.rmtree(partial, ignore_errors=True)
        _make_store(partial, rules, said, chunks, map_bytes)
        write_durably(folder / GENESIS_NAME, pack(rules.genesis))
        (partial / "head").rename(folder / "head")
        (partial / "data").rename(folder / "data")
        sync_folder(folder)
    except Invalid as refusal:
        raise SnapshotInvalid(reason=refusal.code) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(lock)


def _bits(view: Snapshot) -> int:
    """Return how many bits of prefix give chunks of state of a good size."""
    wanted = max(view.count("state") // _KEYS_IN_CHUNK, view.size("state") // _STATE_BYTES_IN_CHUNK)
    return min(wanted.bit_length(), _MAX_BITS)


def _state_chunks(rules: ChainRules, state: WholeState, bits: int) -> Iterator[bytes]:
    """Sort the keys by key hash into 2**bits chunks; values are read for one chunk at a time."""
    hash_many = rules.suite.hash_many
    keys: list[list[bytes]] = [[] for _ in range(1 << bits)]
    rest = state.keys()
    while batch := list(islice(rest, _KEYS_IN_CHUNK)):
        for key, kh in zip(batch, hash_many(batch), strict=True):
            keys[int.from_bytes(kh, "big") >> (256 - bits)].append(key)
    for number, chunk in enumerate(keys):
        ordered = sorted(zip(hash_many(chunk), chunk, strict=True))
        entries = tuple((key, state.value(key)) for _, key in ordered)
        yield pack(StateChunk(state.subtree(_prefix(number, bits), bits), entries))


def _leaf_chunks(rules: ChainRules, view: Snapshot, manifest: Manifest) -> Iterator[bytes]:
    """Yield the leaves of the window, checked like those of an opened store."""
    run = stored_run(rules, view, manifest.head, manifest.window_start)
    rest = read_leaves(rules, view, manifest.window_start, manifest.log_size)
    for _ in range(manifest.leaf_chunks):
        raws = list(islice(rest, LEAVES_IN_CHUNK))
        run.take(raws)
        yield pack(raws)
    run.finish(manifest.log_size, manifest.log_root)


def _checked_manifest(rules: ChainRules, trusted: Head, manifest: bytes) -> Manifest:
    """Return the manifest, held to SN1 to SN3."""
    said = decode(Manifest, manifest)
    _require(said.head == trusted and trusted.chain == rules.chain, "it is of another head than the trusted one")
    _require(said.bits <= _MAX_BITS, "it is cut into too many chunks")
    start, wanted = said.window_start, dict(edge_tiles(said.window_start))
    sizes = [32 * ((start >> (8 * level)) % 256) for level in range(max(wanted, default=-1) + 1)]
    _require([len(tile) for tile in said.edge] == sizes, "its frontier has another form")
    return said


def _make_store(folder: Path, rules: ChainRules, said: Manifest, chunks: Iterable[bytes], map_bytes: int) -> None:
    """Fill a store, one chunk a commit, and write the head file that goes with it."""
    store = Store(folder, rules.chain, map_bytes)
    try:
        for write in _checked_writes(rules, said, iter(chunks)):
            store.commit(write)
        record = block_record(rules.suite.hash, said.head, 0)
        whole = {"meta": [(b"genesis", pack(rules.genesis))], "block": [(number_key(said.height), pack(record))]}
        transaction = store.commit(_puts(whole))
    finally:
        store.close()
    sync_folder(folder / "data")
    hash_ = app_hash(rules, said.state_root, said.log_size, said.log_root)
    head_file = HeadFile(folder / "head", rules.suite.hash)
    try:
        head_file.write(HeadSlot(said.height, hash_, said.log_size, transaction))
        head_file.sync()
    finally:
        head_file.close()


def _checked_writes(rules: ChainRules, said: Manifest, chunks: Iterator[bytes]) -> Iterator[Write]:
    """Yield what each chunk brings, checked; what depends on all of them is checked at the end (SN4 to SN7)."""
    for number in range(1 << said.bits):
        yield _puts({"state": sorted(_checked_chunk(rules, said, number, _next(chunks)))})
    run = LeafRun(
        rules, said.window_start, said.edge, dead_time(rules, said.time), lambda reason: SnapshotInvalid(reason=reason)
    )
    yield _puts({"tile": [(tile_key(*tile), said.edge[tile[0]]) for tile in edge_tiles(said.window_start)]})
    for _ in range(said.leaf_chunks):
        yield _checked_leaves(said, run, _next(chunks))
    run.finish(said.log_size, said.log_root)
    _require(next(chunks, None) is None, "it has another number of chunks")


def _checked_chunk(rules: ChainRules, said: Manifest, number: int, chunk: bytes) -> tuple[tuple[bytes, bytes], ...]:
    shown = decode(StateChunk, chunk)
    hash_many = rules.suite.hash_many
    leaves = verify_state_subtree(
        rules.suite.hash, said.state_root, _prefix(number, said.bits), said.bits, shown.subtree
    )
    khs = hash_many([key for key, _ in shown.entries])
    vhs = hash_many([value for _, value in shown.entries])
    _require(leaves == list(zip(khs, vhs, strict=True)), f"chunk {number} does not lead to the state root")
    return shown.entries


def _checked_leaves(said: Manifest, run: LeafRun, chunk: bytes) -> Write:
    """Return a chunk of leaves with their rows in the index of body ids, and the tiles that they make."""
    raws = decode(tuple[bytes, ...], chunk)
    _require(len(raws) == min(LEAVES_IN_CHUNK, said.log_size - run.size), "its leaves are cut in another way")
    leaves, tiles = run.take(raws)
    return _puts(
        {
            "leaf": [(number_key(leaf.index), raw) for leaf, raw in zip(leaves, raws, strict=True)],
            "body": sorted((body_key(leaf.valid_until, leaf.body), number_key(leaf.index)) for leaf in leaves),
            "tile": sorted((tile_key(*tile), hashes) for tile, hashes in tiles.items()),
        }
    )


def _puts(tables: Mapping[str, Sequence[tuple[bytes, bytes]]]) -> Write:
    return Write(puts=tables, appends={}, deletes={})


def _next(chunks: Iterator[bytes]) -> bytes:
    chunk = next(chunks, None)
    if chunk is None:
        raise SnapshotInvalid(reason="it has another number of chunks")
    return chunk


def _prefix(number: int, bits: int) -> bytes:
    return (number << (256 - bits)).to_bytes(32, "big") if bits else bytes(32)


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise SnapshotInvalid(reason=reason)

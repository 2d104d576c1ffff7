"""Snapshots: a node begins at a height from parts that each prove themselves against a checkpoint (design D6, D7).

A chunk is the subtree of the state under a hash prefix, with its siblings, and the keys and values in it; the last
chunk holds the leaves of the replay window, which with the log's frontier before them lead to the log root. The
window begins with the last leaf that is too old to be replayed, so that none is left out unnoticed. Who restores
trusts one head (from a cosigned checkpoint) and nothing else. The log before the window is not in a snapshot.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import SnapshotInvalid, StoreDamaged
from xinglin.carrier.ledger.head import HeadFile, HeadSlot
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.log import TileLog, edge_tiles
from xinglin.carrier.ledger.model import Leaf
from xinglin.carrier.ledger.records import block_record, read_entry
from xinglin.carrier.ledger.state.proof import verify_state_subtree
from xinglin.carrier.ledger.store import DEFAULT_MAP_BYTES, Snapshot, Store, Write, body_key, number_key, tile_key
from xinglin.carrier.ledger.transition import app_hash
from xinglin.carrier.ledger.window import window_start
from xinglin.kernel.encoding import ChainId, ChainObject, Digest, Milliseconds, Natural, decode, pack
from xinglin.kernel.errors import Invalid

_KEYS_IN_CHUNK = 4096
_MAX_BITS = 16


class Manifest(ChainObject, frozen=True, kw_only=True):
    """What a snapshot is of, and how it is cut: ``bits`` of prefix give 2**bits chunks of state, then one of leaves.

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
    def chunks(self) -> int:
        """Number of chunks."""
        return (1 << self.bits) + 1

    @property
    def head(self) -> Head:
        """The head that it claims to be of."""
        return Head(self.chain, self.log_size, self.log_root, self.state_root, self.height, self.time)


class StateChunk(ChainObject, frozen=True):
    """The keys under one prefix: the proven subtree, and (key, value) in the order of its leaves."""

    subtree: bytes
    entries: tuple[tuple[bytes, bytes], ...]


def take_snapshot(ledger: Ledger, folder: Path) -> Manifest:
    """Write a snapshot of the tip into a new folder: ``manifest`` and one file a chunk.

    Call it on the thread that commits, so that the tip stays. What was there before is replaced when all is written.

    Raises:
        StoreDamaged: the leaves of the replay window are not here: this home was restored within it.
    """
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    tip, rules = ledger.tip, ledger.rules
    with ledger.store.snapshot() as view:
        bits = min((view.count("state") // _KEYS_IN_CHUNK).bit_length(), _MAX_BITS)
        start = window_start(rules, view, ledger.head_at(tip.height))
        records = [read_entry(view, rules.chain, index) for index in range(start, tip.log_size)]
        manifest = Manifest(
            chain=rules.chain,
            height=tip.height,
            time=tip.time,
            state_root=tip.state_root,
            log_size=tip.log_size,
            log_root=tip.log_root,
            bits=bits,
            window_start=start,
            edge=_edge_before(view, start),
        )
        _write_state_chunks(ledger, view, bits, partial)
    (partial / str(1 << bits)).write_bytes(pack([record.leaf for record in records]))
    (partial / "manifest").write_bytes(pack(manifest))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return manifest


def restore_snapshot(
    home: Path,
    rules: ChainRules,
    trusted: Head,
    manifest: bytes,
    chunks: Sequence[bytes],
    map_bytes: int = DEFAULT_MAP_BYTES,
) -> None:
    """Make the store of a chain from a snapshot; open it with ``Ledger.open``.

    Args:
        home: the home; it has no store of this chain.
        rules: the chain's rules, from its genesis.
        trusted: the head of the snapshot's height, from a checkpoint that the operator trusts. App hashes alone would
        not
            do: they have no time, and a wrong one would hide what could be replayed.
        manifest: of the snapshot.
        chunks: all of them, in order.
        map_bytes: size of the sparse map.

    Raises:
        SnapshotInvalid: manifest or a chunk does not lead to the trusted head; nothing was written.
        StoreDamaged: there is a store of this chain already.
    """
    try:
        said = decode(Manifest, manifest)
        _require(said.head == trusted and trusted.chain == rules.chain, "it is of another head than the trusted one")
        _require(said.bits <= _MAX_BITS and len(chunks) == said.chunks, "it has another number of chunks")
        numbered = enumerate(chunks[:-1])
        state = [entry for number, chunk in numbered for entry in _checked_chunk(rules, said, number, chunk)]
        leaves = [decode(Leaf, raw) for raw in decode(tuple[bytes, ...], chunks[-1])]
        tiles = _checked_leaves(rules, said, leaves)
    except Invalid as refusal:
        raise SnapshotInvalid(reason=refusal.code) from None
    _write_store(home, rules, trusted, sorted(state), leaves, tiles, map_bytes)


def _edge_before(view: Snapshot, size: int) -> tuple[bytes, ...]:
    """Return the partial tile of each level of the first ``size`` leaves, cut from the tiles of today."""
    edge: list[bytes] = []
    for level, index in edge_tiles(size):
        edge += [b""] * (level - len(edge))
        count = (size >> (8 * level)) % 256
        tile = view.get("tile", tile_key(level, index)) or b""
        edge.append(tile[: 32 * count])
    return tuple(edge)


def _write_state_chunks(ledger: Ledger, view: Snapshot, bits: int, folder: Path) -> None:
    """Sort keys and values by key hash into 2**bits files, one prefix at a time so that memory stays flat."""
    suite = ledger.rules.suite
    keys: list[list[tuple[bytes, bytes]]] = [[] for _ in range(1 << bits)]
    slice_: list[bytes] = []

    def place() -> None:
        for key, kh in zip(slice_, suite.hash_many(slice_), strict=True):
            keys[int.from_bytes(kh, "big") >> (256 - bits)].append((kh, key))
        slice_.clear()

    for key, _ in view.items("state"):
        slice_.append(key)
        if len(slice_) == _KEYS_IN_CHUNK:
            place()
    place()
    for number, chunk in enumerate(keys):
        entries = tuple((key, view.get("state", key) or b"") for _, key in sorted(chunk))
        subtree = ledger.subtree(_prefix(number, bits), bits)
        (folder / str(number)).write_bytes(pack(StateChunk(subtree, entries)))


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


def _checked_leaves(rules: ChainRules, said: Manifest, leaves: Sequence[Leaf]) -> dict[tuple[int, int], bytes]:
    """Check that the frontier and the leaves lead to the log root, and return the tiles at the edge."""
    start = said.log_size - len(leaves)
    _require(start == said.window_start, "its leaves are not those of the window")
    dead = said.time - rules.parameters.max_valid_ms
    _require(start == 0 or (bool(leaves) and leaves[0].time <= dead), "its window begins too late")
    wanted = edge_tiles(start)
    edge = {place: said.edge[place[0]] if place[0] < len(said.edge) else b"" for place in wanted}
    _require(len(said.edge) == (wanted[-1][0] + 1 if wanted else 0), "its frontier has another form")
    _require(
        all(len(tile) == 32 * ((start >> (8 * level)) % 256) for (level, _), tile in edge.items()),
        "its frontier has another form",
    )
    log = TileLog.load(rules.suite, start, edge.__getitem__)
    changed = log.append(rules.suite.leaf_hashes([pack(leaf) for leaf in leaves]))
    _require(log.root() == said.log_root, "its leaves do not lead to the log root")
    _require([leaf.index for leaf in leaves] == list(range(start, said.log_size)), "its leaves are out of order")
    return edge | changed


def _write_store(
    home: Path,
    rules: ChainRules,
    head: Head,
    state: Sequence[tuple[bytes, bytes]],
    leaves: Sequence[Leaf],
    tiles: dict[tuple[int, int], bytes],
    map_bytes: int,
) -> None:
    """Write the head file, then the store in one commit, so that a crash leaves no store or a whole one."""
    folder = home / "chain" / rules.chain
    store = Store(folder, rules.chain, map_bytes)
    head_file = HeadFile(folder / "head", rules.suite.hash)
    try:
        with store.snapshot() as view:
            if view.get("meta", b"genesis") is not None:
                raise StoreDamaged(chain=rules.chain, what="it exists already")
            next_transaction = view.transaction + 1
        hash_ = app_hash(rules, head.state_root, head.size, head.log_root)
        head_file.write(HeadSlot(head.height, hash_, head.size, next_transaction))
        head_file.sync()
        store.commit(
            Write(
                puts={
                    "meta": [(b"genesis", pack(rules.genesis))],
                    "state": state,
                    "block": [(number_key(head.height), pack(block_record(rules.suite.hash, head, 0)))],
                    "body": sorted((body_key(leaf.valid_until, leaf.body), number_key(leaf.index)) for leaf in leaves),
                    "tile": sorted((tile_key(*tile), hashes) for tile, hashes in tiles.items()),
                },
                appends={},
                deletes={},
            )
        )
    finally:
        head_file.close()
        store.close()


def _prefix(number: int, bits: int) -> bytes:
    return (number << (256 - bits)).to_bytes(32, "big") if bits else bytes(32)


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise SnapshotInvalid(reason=reason)

"""Vectors of the two trees: RFC 6962 paths and tiles (log-and-checkpoint.md), state proofs (state-tree.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from tools.vectors.form import Case, file
from tools.vectors.keys import fixed_bytes
from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.carrier.ledger.log import Tile, TileLog, TileReader
from xinglin.carrier.ledger.state.native_tree import NativeTree
from xinglin.carrier.ledger.state.proof import StateProof
from xinglin.kernel.encoding import decode, encode, pack, state_key

SUITES = ("gm", "intl")
SIZES = (1, 2, 3, 4, 5, 7, 8, 13, 300)
PAIRS = ((1, 1), (1, 2), (2, 3), (3, 7), (4, 7), (4, 8), (6, 8), (7, 13), (13, 300), (256, 300), (257, 300))


def log() -> str:
    """Return log.json."""
    cases: list[Case] = []
    for name in SUITES:
        chosen = suite(name)
        written = TileLog(chosen)
        tiles = written.append(chosen.leaf_hashes([_leaf(number) for number in range(SIZES[-1])]))
        cases += _log_cases(chosen, tiles)
    how = (
        "The leaf of index i is i as two bytes, big-endian. What is bad was changed in one place: hash, index or size."
        " Tiles are those of 300 leaves; of their hashes only the SM3 or SHA-256 hash is given."
    )
    return file(how, cases)


def _log_cases(chosen: Suite, tiles: Mapping[Tile, bytes]) -> Iterator[Case]:
    reader = TileReader(chosen, tiles.__getitem__, "vectors")
    name = {"suite": chosen.name}
    for size in (0, *SIZES):
        yield name | {"what": "root", "size": size, "root": reader.root(size).hex()}
    for (level, index), data in sorted(tiles.items()):
        count = len(data) // 32
        yield name | {"what": "tile", "level": level, "index": index, "count": count, "hash": chosen.hash(data).hex()}
    for size in SIZES:
        for index in sorted({0, size // 2, size - 1}):
            yield from _inclusion(name, reader, index, size)
    for old, new in PAIRS:
        yield from _consistency(name, reader, old, new)


def _inclusion(name: Case, reader: TileReader, index: int, size: int) -> Iterator[Case]:
    path = reader.inclusion(index, size)
    case = name | {"what": "inclusion", "leaf": _leaf(index).hex(), "index": index, "size": size}
    good = case | {"valid": True, "path": _hex(path), "root": reader.root(size).hex()}
    yield good
    if (index, size) in ((3, 7), (150, 300)):
        yield good | {"valid": False, "leaf": _leaf(index + 1).hex()}
        yield good | {"valid": False, "index": (index + 1) % size}
        yield good | {"valid": False, "size": 2 * size}
        yield good | {"valid": False, "index": size}
        yield good | {"valid": False, "path": _hex(path[:-1])}
        yield good | {"valid": False, "path": _hex([*path, bytes(32)])}
        yield good | {"valid": False, "path": _hex(path[::-1])}
        yield good | {"valid": False, "root": reader.root(size - 1).hex()}


def _consistency(name: Case, reader: TileReader, old: int, new: int) -> Iterator[Case]:
    proof = reader.consistency(old, new)
    roots = {"old_root": reader.root(old).hex(), "new_root": reader.root(new).hex()}
    good = name | {"what": "consistency", "valid": True, "old": old, "new": new, "proof": _hex(proof), **roots}
    yield good
    if (old, new) in ((3, 7), (4, 7), (257, 300)):
        yield good | {"valid": False, "old_root": roots["new_root"], "new_root": roots["old_root"]}
        yield good | {"valid": False, "old": old + 1}
        yield good | {"valid": False, "proof": _hex(proof[:-1])}
        yield good | {"valid": False, "proof": _hex([*proof, bytes(32)])}
        yield good | {"valid": False, "proof": _hex([bytes(32), *proof[1:]])}
        yield good | {"valid": False, "proof": []}


def _leaf(index: int) -> bytes:
    return index.to_bytes(2, "big")


def _hex(hashes: Sequence[bytes]) -> list[str]:
    return [one.hex() for one in hashes]


def states() -> str:
    """Return state-tree.json."""
    cases: list[Case] = []
    for name in SUITES:
        chosen = suite(name)
        for count in (0, 1, 3, 17):
            keys = [state_key("vectors", number) for number in range(count)]
            entries = {key: pack(["value", 1, number]) for number, key in enumerate(keys)}
            cases.append(_state(chosen, entries))
    how = "Roots of small states, with proofs: type 0 (there), 1 (absent, empty slot), 2 (absent, another leaf)."
    return file(how, cases)


def _state(chosen: Suite, entries: dict[bytes, bytes]) -> Case:
    tree, keys = NativeTree(chosen), sorted(entries)
    values = chosen.hash_many([entries[key] for key in keys])
    version = tree.update(tree.empty(), chosen.hash_many(keys), values)
    asked = [*keys[:3], *(state_key("vectors", number) for number in range(100, 112))]
    proofs = list(_proofs(tree, version, chosen, entries, asked))
    case = {
        "suite": chosen.name,
        "entries": [[key.hex(), entries[key].hex()] for key in keys],
        "root": tree.root(version).hex(),
        "proofs": proofs,
    }
    tree.close()
    return case


def _proofs(
    tree: NativeTree, version: int, chosen: Suite, entries: Mapping[bytes, bytes], asked: Sequence[bytes]
) -> Iterator[Case]:
    """Yield a proof of each type, and bad ones made of it."""
    seen: set[int] = set()
    for key, proof in zip(asked, tree.prove_many(version, chosen.hash_many(list(asked))), strict=True):
        shown = decode(StateProof, proof)
        if shown.type in seen:
            continue
        seen.add(shown.type)
        value = entries.get(key)
        yield _proof(key, value, shown, valid=True)
        yield _proof(key, b"\x00" if value is None else None, shown, valid=False)
        yield _proof(key + b"\x00", value, shown, valid=False) if value else _proof(b"", b"", shown, valid=False)
        for changed in _changed(shown):
            yield _proof(key, value, changed, valid=False)


def _changed(shown: StateProof) -> Iterator[StateProof]:
    """Yield proofs that differ from a good one in one part."""
    yield replace(shown, type=(shown.type + 1) % 3)
    yield replace(shown, depth=shown.depth + 1)
    yield replace(shown, bitmap=shown.bitmap + b"\x00")
    yield replace(shown, siblings=shown.siblings + fixed_bytes("sibling", 32))
    if shown.depth % 8:
        yield replace(shown, bitmap=shown.bitmap[:-1] + bytes([shown.bitmap[-1] | 1]))
    if shown.siblings:
        yield replace(shown, siblings=shown.siblings[:-1] + bytes([shown.siblings[-1] ^ 1]))
    wordy = _with_empty_sibling(shown)
    if wordy is not None:
        yield wordy
    for kh, vh in shown.other:
        yield replace(shown, other=((kh, bytes(32)),))
        yield replace(shown, other=((vh, kh),))


def _with_empty_sibling(shown: StateProof) -> StateProof | None:
    """Return the proof with an empty sibling written out as 32 zero bytes, None where it has none."""
    bits = [shown.bitmap[depth // 8] >> (7 - depth % 8) & 1 for depth in range(shown.depth)]
    if 0 not in bits:
        return None
    depth = bits.index(0)
    place, bitmap = 32 * sum(bits[:depth]), bytearray(shown.bitmap)
    bitmap[depth // 8] |= 0x80 >> depth % 8
    return replace(shown, bitmap=bytes(bitmap), siblings=shown.siblings[:place] + bytes(32) + shown.siblings[place:])


def _proof(key: bytes, value: bytes | None, shown: StateProof, *, valid: bool) -> Case:
    data = encode(shown) if valid else pack(shown)
    return {"valid": valid, "key": key.hex(), "value": None if value is None else value.hex(), "proof": data.hex()}

"""``python -m tests.scenario.flips PRISTINE SCRATCH``: flips bytes of a home's files and tells what came of each.

Reads one JSON object a line, ``{"file", "position", "mask"}``, and answers each with one: what ``verify_home`` found,
or else whether everything that the home holds is what it was. A process of its own, because a damaged LMDB store can
end the process that reads it; whoever starts this counts that, as the product does.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.support.product import findings, opened
from xinglin.carrier.ledger.cosign import NoteStore
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.node import Node
from xinglin.node.office.proofs import prove_anchor, prove_record, trust_of
from xinglin.node.opening import anchoring, transmission_key
from xinglin.node.records.archive import Archive, open_archive
from xinglin.service.basic.coordination.bundles.check import check_bundle
from xinglin.service.lifecycle.storage.model import StoredRecord

Dump = dict[str, str]
"""A digest of each thing that a home holds, by what it is; ``refused: CODE`` where the home does not give it.

What begins with ``file`` was read from the file, not given by the product.
"""


def main(pristine: Path, scratch: Path) -> None:
    """Answer until there is no more input."""
    _copy(pristine, scratch)
    whole = dump(scratch)
    print(json.dumps({"things": len(whole)}), flush=True)
    for line in sys.stdin:
        print(json.dumps(try_flip(pristine, scratch, whole, json.loads(line))), flush=True)


def try_flip(pristine: Path, scratch: Path, whole: Dump, flip: dict[str, Any]) -> dict[str, Any]:
    """Flip one byte in a copy, verify, and compare all content.

    Returns: ``found`` codes; ``wrong``: what is given with other content, or is not given although nothing was found.
    """
    _copy(pristine, scratch)
    path = scratch / flip["file"]
    data = bytearray(path.read_bytes())
    data[flip["position"]] ^= flip["mask"]
    path.write_bytes(data)
    try:
        found = [finding.code for finding in findings(scratch)]
    except PlatformError as refusal:
        found = [f"refused: {refusal.code}"]
    left = dump(scratch)
    given = {what: said for what, said in left.items() if not (found and _not_given(what, said))}
    wrong = [what for what, said in given.items() if whole.get(what) != said]
    if not found:
        wrong += [what for what in whole if what not in given]
    if not found and not wrong:
        wrong += written_on(scratch)
    return {**flip, "found": found, "wrong": wrong}


def _copy(pristine: Path, scratch: Path) -> None:
    """Copy the home: opening it, even to read, brings write-ahead logs in."""
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(pristine, scratch)


def _not_given(what: str, said: str) -> bool:
    return said.startswith("refused: ") or what.startswith("file ")


def written_on(home: Path) -> list[str]:
    """Let a home in which nothing was found write on; return what is found after."""
    with opened(home, running=True) as node:
        anchors = anchoring(node)
        anchors.note_consortium_head()
        anchors.step()
    return [f"after writing: {finding}" for finding in findings(home)]


def dump(home: Path) -> Dump:
    """Return everything that a home gives."""
    try:
        with opened(home) as node:
            things = dict(_of_node(node))
            with open_archive(node, writing=False) as archive:
                things |= dict(_of_archive(archive))
            return things
    except PlatformError as refusal:
        return {"opening": f"refused: {refusal.code}"}


def _of_node(node: Node) -> Iterator[tuple[str, str]]:
    yield "file config.toml", _digest(node.settings.model_dump_json().encode())
    for name in node.keys.names():
        yield f"key {name}", _said(node.keys.public, name)
    for path in sorted((node.home.path / "accounts").iterdir()):
        yield f"file {path.name}", _said(_opening, path)
    yield "transmission key", _said(lambda: transmission_key(node, "treatment").key)
    for ledger in (node.consortium, node.private_ledger()):
        yield from _of_ledger(ledger)
        notes = NoteStore(node.home.chain(ledger.rules.chain))
        for height in notes.heights():
            yield f"file checkpoint {height}", _said(notes.load, height)
    yield "proof of the anchor", _said(_proven, node, prove_anchor, node, node.private_ledger().rules.chain)


def _of_ledger(ledger: Ledger) -> Iterator[tuple[str, str]]:
    name = ledger.rules.genesis.profile.name
    yield f"{name} tip", _digest(repr(ledger.tip).encode())
    for height in range(ledger.tip.height + 1):
        yield f"{name} head {height}", _said(ledger.head_at, height)
    for index in range(ledger.tip.log_size):
        yield f"{name} entry {index}", _said(ledger.entry, index)
    with ledger.state() as state:
        keys = [key for key, _ in state.scan(b"")]
    for key in keys:
        yield f"{name} state {key.hex()}", _said(ledger.value, key)


def _of_archive(archive: Archive) -> Iterator[tuple[str, str]]:
    parts = archive.vault.index.slices(1, archive.vault.index.last_number())
    records = [identifier(row.record) for part in parts for row in part if isinstance(row, StoredRecord)]
    for record in records:
        yield f"record {record}", _said(archive.vault.read, record)
    for record in records[:2]:
        yield f"proof of {record}", _said(_proven, archive.node, prove_record, archive, record)
    for item in archive.quarantine.names():
        yield f"refused {item}", _said(archive.quarantine.original, item)
        yield f"reasons {item}", _said(archive.quarantine.outcome, item)


def _opening(path: Path) -> object:
    try:
        return sorted(json.loads(path.read_bytes()).items())
    except (ValueError, AttributeError):
        return None


def _proven(node: Node, prove: Callable[..., bytes], *arguments: object) -> str:
    return check_bundle(prove(*arguments), trust_of(node.consortium)).verdict.name


def _said(give: Callable[..., object], *arguments: object) -> str:
    try:
        return _digest(repr(give(*arguments)).encode())
    except PlatformError as refusal:
        return f"refused: {refusal.code}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""Part 5: bytes are changed behind the node's back, and a private chain is set back; all of it is found.

Every change is made on the closed home, shown to be found, and undone, so that the homes are left whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.store import Store, Write, number_key
from xinglin.cli.demo.stage import Stage
from xinglin.kernel.errors import Integrity, PlatformError
from xinglin.node.founding import COSIGNING, SERVICE
from xinglin.node.node import Node
from xinglin.node.opening import anchoring
from xinglin.node.records.archive import open_archive
from xinglin.node.verify import verify_home
from xinglin.service.basic.coordination.anchoring import ChainBehindAnchor, chain_head
from xinglin.service.basic.coordination.model import CommitAnchor


def tamper(stage: Stage) -> None:
    """Change a stored record, a chain store and a receipt, and set a private chain back."""
    stage.head("5. Tampering is found")
    _stored_record(stage)
    _chain_store(stage)
    _receipt(stage)
    _rewound_chain(stage)
    for name in stage.new:
        report = verify_home(stage.home(name), stage.passphrase)
        stage.require(not report.findings, f"the home {name} is whole again")
    stage.say("all homes as they were left: ledger verify finds nothing")


def _stored_record(stage: Stage) -> None:
    """Flip one byte of a record's sealed original."""
    home, record = stage.home("hospital-a"), stage.figures["record"]
    node = stage.open("hospital-a")
    with open_archive(node, writing=False) as archive:
        details = archive.vault.find(record).details
        segment = Path(archive.vault.segments.path(details.segment))
    node.close()
    with flipped(segment, details.offset + details.length // 2):
        node = stage.open("hospital-a")
        try:
            with open_archive(node, writing=False) as archive:
                archive.vault.read(record)
            refused = ""
        except Integrity as refusal:
            refused = refusal.code
        finally:
            node.close()
        stage.require(bool(refused), "the next read refuses the altered record")
        found = verify_home(home, stage.passphrase).findings
        stage.require(bool(found), "ledger verify finds the altered record")
        stage.say(f"one byte of a stored record: the next read refuses [{refused}], verify finds [{found[0].code}]")


def _chain_store(stage: Stage) -> None:
    """Flip one byte of a transaction in the chain's file."""
    node = stage.open("hospital-a")
    chain = node.consortium.rules.chain
    needle = node.consortium.entry(node.consortium.tip.log_size - 1).leaf.body
    node.close()
    path = stage.home("hospital-a") / "chain" / chain / "data" / "data.mdb"
    data = path.read_bytes()
    position = data.rindex(needle)
    with flipped(path, position):
        found = verify_home(stage.home("hospital-a"), stage.passphrase).findings
        stage.require(bool(found), "ledger verify finds the flipped byte of the chain's store")
        stage.say(f"one byte of a chain's store: verify finds [{found[0].code}] {found[0].where}")


def _receipt(stage: Stage) -> None:
    """Write another receipt into the store, as somebody with the file and the format could."""
    node = stage.open("hospital-b")
    chain = node.consortium.rules.chain
    node.close()
    folder = stage.home("hospital-b") / "chain" / chain
    data = folder / "data" / "data.mdb"
    whole = data.read_bytes()
    store = Store(folder, chain)
    key = number_key(0)
    entry = store.get("entry", key) or b""
    altered = entry.replace(b"\xa7receipt\x01\x00", b"\xa7receipt\x01\x07", 1)
    store.commit(Write({"entry": [(key, altered)]}, {}, {}))
    store.close()
    found = verify_home(stage.home("hospital-b"), stage.passphrase).findings
    data.write_bytes(whole)
    stage.require(altered != entry and bool(found), "ledger verify finds the altered receipt")
    stage.say(f"a receipt rewritten in the store: verify finds [{found[0].code}] {found[0].where}")


def _rewound_chain(stage: Stage) -> None:
    """Set hospital B's private chain back to before its last anchor, and try to go on from there."""
    with stage.group() as group:
        folder = group.nodes[1].home.chain(group.nodes[1].private_ledger().rules.chain)
    older, newer = stage.folder / "private-older", stage.folder / "private-newer"
    shutil.copytree(folder, older)
    with stage.group() as group:
        anchors = anchoring(group.nodes[1])
        anchors.note_consortium_head()
        anchors.step()
    shutil.move(folder, newer)
    shutil.move(older, folder)
    with stage.group() as group:
        hospital = group.nodes[1]
        stage.say("hospital B's private chain set back: " + _refused_to_anchor(stage, hospital))
        stage.say("written on and anchored with a forged proof: " + _forged_anchor(stage, hospital))
    shutil.rmtree(folder)
    shutil.move(newer, folder)


def _refused_to_anchor(stage: Stage, hospital: Node) -> str:
    try:
        anchoring(hospital).check()
    except ChainBehindAnchor as refusal:
        return f"[{refusal.code}] {refusal.sentence()}"
    stage.require(False, "a private chain behind its anchor is found")
    return ""


def _forged_anchor(stage: Stage, hospital: Node) -> str:
    """Let the chain grow past its anchor with other entries, and offer it to the anchor contract."""
    anchors = anchoring(hospital)
    anchored = anchors.state()
    if anchored is None:
        raise LookupError("hospital B has no anchor")
    while hospital.private_ledger().tip.log_size <= anchored.head.size:
        anchors.note_consortium_head()
    ledger = hospital.private_ledger()
    head = ledger.head_at(ledger.tip.height)
    call = CommitAnchor(
        chain=head.chain,
        previous_size=anchored.head.size,
        head=chain_head(head),
        proof=ledger.tiles().consistency(anchored.head.size, head.size),
        signature=hospital.keys.sign(COSIGNING, head.text),
    )
    offered = operation(hospital.consortium.rules.suite, "anchor", "commit", call)
    try:
        hospital.client().call([offered], [hospital.signer(SERVICE)])
    except PlatformError as refusal:
        return f"the contract refuses [{refusal.code}]"
    stage.require(False, "the anchor contract refuses a rewritten chain")
    return ""


@contextmanager
def flipped(path: Path, position: int) -> Iterator[None]:
    """Flip one bit of a file, and flip it back."""
    _flip(path, position)
    try:
        yield
    finally:
        _flip(path, position)


def _flip(path: Path, position: int) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1]))

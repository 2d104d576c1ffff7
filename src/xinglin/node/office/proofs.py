"""Proofs for people: from a record's id or an anchored chain to one file that a stranger can check (S9.2, W9)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from xinglin.carrier.access.governance.epochs import epoch_at, epochs_of
from xinglin.carrier.ledger.bundle_model import Opened, Opening, Part
from xinglin.carrier.ledger.checkpoint import NoteSignature, SignedNote, merge
from xinglin.carrier.ledger.errors import CheckpointUnavailable
from xinglin.carrier.ledger.genesis import genesis_hash
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.trust import Trust
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import NotFound, PlatformError
from xinglin.node.node import Node
from xinglin.node.records.access import open_trace
from xinglin.node.records.archive import Archive
from xinglin.node.records.replaying import require_readable
from xinglin.node.remote.forms import CheckpointSaid
from xinglin.service.basic.audit.bundles.make import AnchorProof, make_entry_bundle, make_list_bundle
from xinglin.service.basic.coordination.bundles.make import Place, make_anchor_bundle, make_record_bundle
from xinglin.service.basic.coordination.commitments import RecordParts, commit_many
from xinglin.service.basic.coordination.model import CommitAnchor
from xinglin.service.basic.coordination.outbox.store import OutboxStore
from xinglin.service.lifecycle.storage.vault import OpenedRecord


class NoCheckpoint(NotFound):
    """No checkpoint that is kept covers what is to be proven."""

    code, number, clause = "proof.no_checkpoint", 6040, "S9.2"
    en = "No cosigned checkpoint from height {height} on is kept."
    zh = "没有保存高度 {height} 及之后的联署检查点。"
    hint_en = "Make one with 'xinglin proof checkpoint', or wait until the other members have cosigned."
    hint_zh = "用 xinglin proof checkpoint 生成，或等待其他成员联署。"


class NoAnchor(NotFound):
    """The private chain was never anchored."""

    code, number, clause = "proof.no_anchor", 6041, "H11"
    en = "The chain {chain} has no anchor on the consortium chain."
    zh = "链 {chain} 在联盟链上没有锚定。"
    hint_en = "Anchors are made while a private chain is active."
    hint_zh = "私有链活动期间会生成锚定。"


class NoSuchEntry(NotFound):
    """The private chain has no access entry of that hash."""

    code, number, clause = "proof.no_entry", 6042, "H4"
    en = "This institution's chain has no access entry {entry}."
    zh = "本机构链上没有访问记录 {entry}。"
    hint_en = "'xinglin access record --json' shows the hash of each entry of a record."
    hint_zh = "xinglin access record --json 可显示记录的每条访问记录及其哈希。"


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint with the signatures of homes that are open together, and why others of them did not sign."""

    note: SignedNote
    absent: Collection[tuple[str, PlatformError]]


def collect_checkpoint(nodes: Sequence[Node]) -> SignedNote:
    """Have homes that are open together cosign the checkpoint of the newest height that all have; each keeps the note.

    Raises:
        CheckpointFork: one of them computed another head; its evidence is kept.
        CheckpointUnavailable: one of them can't sign or keep it.
    """
    # With an engine beside each, one may be a block ahead of the others for a moment.
    cosigned = cosign_together(nodes, min(node.consortium.tip.height for node in nodes))
    for _, refusal in cosigned.absent:
        raise refusal
    return cosigned.note


def cosign_together(nodes: Sequence[Node], height: int | None = None) -> Cosigned:
    """Have homes that are open together cosign a checkpoint, as far as they can; those keep the whole note.

    Every one signs only the head that its own execution gave. One that does not have the height, or has stopped
    cosigning, is left out; a member that does not cosign keeps the note.

    Args:
        nodes: of the members that cosign the height, the first makes the checkpoint.
        height: of the checkpoint, rounded down to the chain's interval; the first one's tip when not given.

    Raises:
        CheckpointUnavailable: that one can't make it.
        CheckpointFork: one of them computed another head; its evidence is kept.
    """
    height = nodes[0].consortium.tip.height if height is None else height
    height -= height % nodes[0].consortium.rules.parameters.checkpoint_interval
    first = next((node for node in nodes if node.cosigner().cosigns_at(height)), nodes[0])
    note = first.cosigner().checkpoint(height)
    members = {one.member for one in epoch_at(epochs_of(nodes[0].consortium.value), height).members if one.cosigns}
    absent: dict[str, PlatformError] = {}
    lines: list[NoteSignature] = []
    others = [node for node in nodes if node is not first]
    for node in others:
        if node.member in members:
            try:
                lines.append(node.cosigner().cosign(note))
            except CheckpointUnavailable as refusal:
                absent[node.member] = refusal
    whole = first.cosigner().notes.save(merge(note, lines))
    for node in others:
        if node.member not in absent:
            try:
                node.cosigner().notes.save(whole)
            except CheckpointUnavailable as refusal:
                absent[node.member] = refusal
    return Cosigned(whole, absent.items())


def keep_checkpoint(node: Node) -> None:
    """Have a home sign a checkpoint of the newest height that is cosigned and keep it, if its member cosigns.

    Raises:
        CheckpointUnavailable: it can't be kept or proven, or a fork stopped cosigning.
    """
    height, cosigner = node.consortium.tip.height, node.cosigner()
    height -= height % node.consortium.rules.parameters.checkpoint_interval
    if cosigner.cosigns_at(height):
        cosigner.checkpoint(height)


def newest_checkpoint(node: Node, from_height: int) -> SignedNote:
    """Return the newest kept checkpoint with a quorum, else the newest at all, from a height on.

    Raises:
        NoCheckpoint: none is kept.
    """
    cosigned = newest_quorum(node, from_height)
    if cosigned is not None:
        return cosigned
    notes = node.cosigner().notes
    for height in _passed(node):
        if height >= from_height and (note := notes.load(height)) is not None:
            return note
    raise NoCheckpoint(height=from_height)


def newest_quorum(node: Node, from_height: int) -> SignedNote | None:
    """Return the newest kept checkpoint, from a height on, with a quorum of its epoch's cosigners; None without one."""
    cosigner, epochs = node.cosigner(), epochs_of(node.consortium.value)
    for height in _passed(node):
        if height < from_height:
            return None
        note = cosigner.notes.load(height)
        if note is not None and len(cosigner.cosigners(note)) >= epoch_at(epochs, height).quorum:
            return note
    return None


def _passed(node: Node) -> Iterator[int]:
    """Return the heights of kept checkpoints, the newest first, that the chain has.

    Checkpoints outlive a rebuilding (RC8): while the chain catches up, it can prove nothing under the newer ones.
    """
    tip = node.consortium.tip.height
    return (height for height in reversed(node.cosigner().notes.heights()) if height <= tip)


def newest_covering(node: Node, size: int) -> tuple[SignedNote | None, bool]:
    """Return the newest kept checkpoint whose log has so many entries, and whether it has a quorum of its epoch.

    One with a quorum goes before newer ones; None where none that is kept covers so many.
    """
    cosigner, epochs = node.cosigner(), epochs_of(node.consortium.value)
    newest: SignedNote | None = None
    for height in _passed(node):
        note = cosigner.notes.load(height)
        if note is None:
            continue  # it has just made room
        if note.head.size < size:
            break
        if len(cosigner.cosigners(note)) >= epoch_at(epochs, height).quorum:
            return note, True
        newest = newest or note
    return newest, False


def checkpoint_said(node: Node, note: SignedNote) -> CheckpointSaid:
    """Return a checkpoint that a node keeps, for its own user."""
    quorum = epoch_at(epochs_of(node.consortium.value), note.head.height).quorum
    return CheckpointSaid(note.head.height, note.encode().decode(), len(node.cosigner().cosigners(note)), quorum)


def prove_record(archive: Archive, record: str, shown: frozenset[str] = frozenset({"behaviour"})) -> bytes:
    """Return the proof bundle of a record.

    Args:
        archive: the producer's.
        record: the record's id.
        shown: which parts to open: ``behaviour``, ``original``, ``copy``.

    Raises:
        RecordNotFound, NoCheckpoint, RecordOrdered, RecordShredded, and what reading the record raises when it was
            altered.
    """
    if shown - {"behaviour"}:
        require_readable(archive.node, archive.vault.find(record))
    opened = archive.vault.open_record(record)
    details = opened.stored.details
    row = OutboxStore(archive.vault.database, archive.vault.keyring.keys).by_batch(details.batch)
    if row is None or not row.height:
        raise NoCheckpoint(height=archive.node.consortium.tip.height + 1)
    note = newest_checkpoint(archive.node, row.height)
    opening = opening_of(archive, opened, shown) if shown else None
    place = Place(row.index, 0, details.item)
    return make_record_bundle(archive.node.consortium, note, place, details.commitment, opening)


def prove_anchor(node: Node, chain: str) -> bytes:
    """Return the proof bundle of the last anchor of a private chain that a kept checkpoint covers.

    Raises:
        NoAnchor, NoCheckpoint.
    """
    last = last_anchor(node, chain)
    return make_anchor_bundle(node.consortium, last.note, last.place, chain)


def prove_entry(node: Node, entry: bytes) -> bytes:
    """Return the proof bundle of an access entry of this home, given by its hash.

    Raises:
        NoSuchEntry: the private chain has no such entry.
        NoAnchor, NoCheckpoint, NotCovered: no anchor that a kept checkpoint covers reaches it yet.
    """
    private = node.private_ledger()
    with open_trace(node) as trace:
        row = trace.entry(entry)
    if row is None:
        raise NoSuchEntry(entry=entry)
    return make_entry_bundle(last_anchor(node, private.rules.chain), private, row)


def prove_reads(node: Node, commitment: bytes) -> bytes:
    """Return the proof bundle of all access entries of a record up to the last anchor.

    Raises:
        NoAnchor, NoCheckpoint: see ``prove_anchor``.
        CheckpointUnavailable: the anchored height can't be proven any more; anchor and cosign again.
    """
    private = node.private_ledger()
    with open_trace(node) as trace:
        rows = trace.entries_of([commitment])
    return make_list_bundle(last_anchor(node, private.rules.chain), private, commitment, rows)


def last_anchor(node: Node, chain: str) -> AnchorProof:
    """Return the last anchor of a chain that a kept checkpoint covers, and that checkpoint.

    Raises:
        NoAnchor, NoCheckpoint: there is none.
        LogBegunLate: there may be one in the part of the log that is not here yet.
    """
    note, ledger = newest_checkpoint(node, 0), node.consortium
    for index in reversed(range(note.head.size)):
        ledger.require_here(index)
        entry = ledger.entry(index)
        if entry.receipt.number:  # an anchor that was refused proves nothing
            continue
        for position, one in enumerate(entry.transaction.operations):
            called = (one.head.contract, one.head.method) == ("anchor", "commit")
            if called and decode(CommitAnchor, one.head.arguments).chain == chain:
                return AnchorProof(ledger, note, Place(index, position))
    raise NoAnchor(chain=chain)


def trust_of(ledger: Ledger) -> Trust:
    """Return the trust that an auditor pins: the chain and its genesis hash."""
    rules = ledger.rules
    return Trust(chain=rules.chain, genesis=genesis_hash(rules.suite.hash, rules.genesis))


def opening_of(archive: Archive, opened: OpenedRecord, shown: frozenset[str]) -> Opening:
    """Return what opens a record's commitment: every part by its digest, those that are shown with salt and bytes."""
    parts = opened.parts
    whole = RecordParts(*parts.behaviour, *parts.original, *parts.copy)
    digests = commit_many(archive.node.consortium.rules.suite.hash_many, [whole])[0]
    made = {
        name: Part(getattr(digests, name), (Opened(*getattr(parts, name)),) if name in shown else ())
        for name in ("behaviour", "original", "copy")
    }
    return Opening(**made)

"""Makes proof bundles: one file that proves a record or an anchor to a stranger (docs/spec/proof-bundle.md; S9.2, W9).

A bundle shows one operation, one item and the few state entries that the claim needs, and nothing else. Every bundle is
checked by the product's own steps before it is handed out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from xinglin.carrier.access.governance.epochs import epochs_of
from xinglin.carrier.access.registry.model import KeyState
from xinglin.carrier.ledger.bundle_model import Bundle, EpochStep, EpochVote, LogEntry, Opening
from xinglin.carrier.ledger.checkpoint import SignedNote
from xinglin.carrier.ledger.errors import CheckpointInvalid
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.proof import prove_operation, prove_states
from xinglin.kernel.encoding import decode, pack, state_key
from xinglin.kernel.errors import Conflict, NotFound
from xinglin.service.basic.coordination.bundles.check import check_bundle
from xinglin.service.basic.coordination.model import CommitAnchor, RecordItem

Claim = Literal["record", "anchor"]


class NotInEntry(NotFound):
    """A log entry does not say what a proof is asked for."""

    code, number, clause = "proof.not_in_entry", 5393, "S9.2"
    en = "Log entry {entry} of chain {chain} has no such {claim}."
    zh = "链 {chain} 的日志条目 {entry} 中没有该 {claim}。"
    hint_en = "Check the log index, the operation and the item."
    hint_zh = "请核对日志索引、操作与批次条目。"


class NotCovered(Conflict):
    """A checkpoint is older than what it shall prove."""

    code, number, clause = "proof.not_covered", 5394, "S9.2"
    en = "The checkpoint of height {height} does not cover log entry {entry}."
    zh = "高度 {height} 的检查点不包含日志条目 {entry}。"
    hint_en = "Take a checkpoint of a later height."
    hint_zh = "请使用更高高度的检查点。"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an operation stands: log index of its transaction, its position in it, and the item of its batch."""

    entry: int
    operation: int = 0
    item: int = 0


def make_record_bundle(
    ledger: Ledger, note: SignedNote, place: Place, commitment: bytes, opening: Opening | None = None
) -> bytes:
    """Return the bundle that proves a record: registered by whom, when, in which batch, destroyed or not.

    Args:
        ledger: the chain that the record is registered on.
        note: a checkpoint of it, cosigned.
        place: where the record's item is.
        commitment: the record commitment, 32 bytes.
        opening: what to show of the record's parts; None shows the commitment only.

    Raises:
        CheckpointInvalid: the note is not of what this chain was at its height.
        NotCovered, NotInEntry: the entry is later than the checkpoint, or does not register this commitment.
        CheckpointUnavailable: the height can't be proven any more.
        LogBegunLate: the entry is in the part of the log that is not here yet.
        LogEntryNotFound, StoreDamaged, ValueDamaged: the store does not hold it, or not whole.
        ProofInvalid: the bundle would not hold, such as with a cosignature or an opening that is wrong.
    """
    entry = _entry(ledger, note, place, "record", ("records", "register"), place.item)
    if decode(RecordItem, entry.item[0].item).commitment != commitment:
        raise NotInEntry(chain=ledger.rules.chain, entry=place.entry, claim="record")
    members = _members(ledger, entry)
    keys = [*_signer_keys(entry, members), state_key("record-status", members[0], commitment)]
    return _bundle(ledger, note, "record", commitment, entry, keys, opening)


def make_anchor_bundle(ledger: Ledger, note: SignedNote, place: Place, chain: str) -> bytes:
    """Return the bundle that proves that a head of a private chain was anchored.

    Args:
        ledger: the chain that the anchor is on.
        note: a checkpoint of it, cosigned.
        place: where the anchor is; it has no item.
        chain: the private chain.

    Raises: as ``make_record_bundle``.
    """
    entry = _entry(ledger, note, place, "anchor", ("anchor", "commit"), None)
    anchor = decode(CommitAnchor, entry.head.arguments)
    if anchor.chain != chain:
        raise NotInEntry(chain=ledger.rules.chain, entry=place.entry, claim="anchor")
    members = _members(ledger, entry)
    keys = [*_signer_keys(entry, members), state_key("anchor", "chain", chain)]
    return _bundle(ledger, note, "anchor", pack((chain, anchor.head.size)), entry, keys, None)


def _entry(
    ledger: Ledger, note: SignedNote, place: Place, claim: Claim, method: tuple[str, str], item: int | None
) -> LogEntry:
    """Return the operation with its paths, after looking whether it is one that the claim can be about."""
    chain, head = ledger.rules.chain, note.head
    if head != ledger.head_at(head.height):
        raise CheckpointInvalid(reason=f"it is not what chain {chain} was at its height")
    if place.entry >= head.size:
        raise NotCovered(height=head.height, entry=place.entry)
    ledger.require_here(place.entry)
    logged = ledger.entry(place.entry)
    operations = logged.transaction.operations[place.operation : place.operation + 1]
    shown = [(one.head.contract, one.head.method) for one in operations]
    items = [len(one.items) for one in operations]
    if logged.receipt.number or shown != [method] or (item is not None and not 0 <= item < items[0]):
        raise NotInEntry(chain=chain, entry=place.entry, claim=claim)
    return prove_operation(ledger, head.size, place.entry, place.operation, item)


def _members(ledger: Ledger, entry: LogEntry) -> list[str]:
    """Return the member of each signer; a key's member never changes."""
    keys = [ledger.value(state_key("registry", "key", key)) for key in entry.header.signers]
    return [decode(KeyState, key or b"").member for key in keys]


def _signer_keys(entry: LogEntry, members: Sequence[str]) -> Iterator[bytes]:
    """Yield the state keys that P12 and P13 look at."""
    for key, member in zip(entry.header.signers, members, strict=True):
        yield state_key("registry", "key", key)
        yield state_key("registry", "member", member)


def _bundle(
    ledger: Ledger,
    note: SignedNote,
    claim: Claim,
    subject: bytes,
    entry: LogEntry,
    keys: Sequence[bytes],
    opening: Opening | None,
) -> bytes:
    height = note.head.height
    bundle = Bundle(
        claim=claim,
        subject=subject,
        genesis=ledger.rules.genesis,
        epochs=tuple(_epochs(ledger, height)),
        checkpoint=note.encode(),
        entry=entry,
        states=prove_states(ledger, height, keys),
        opening=() if opening is None else (opening,),
    )
    data = pack(bundle)
    failed = check_bundle(data, None).failed
    if failed is not None and failed.refusal is not None:
        raise failed.refusal
    return data


def _epochs(ledger: Ledger, height: int) -> Iterator[EpochStep]:
    """Yield the epochs after 0 up to the one in force at a height, from the state of the contract ``governance``."""
    for state in epochs_of(ledger.value)[1:]:
        if state.epoch.from_height <= height:
            yield EpochStep(state.epoch, tuple(EpochVote(vote.member, vote.signature) for vote in state.votes))

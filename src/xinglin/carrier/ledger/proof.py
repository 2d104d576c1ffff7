"""Makes and checks what a proof bundle is made of: leaves, operations, items, states (docs/spec/proof-bundle.md).

The claim on top of them (P14 to P16) belongs to whoever owns the records and anchors. The checks here are the product's
own; ``xinglin-verify`` has others, written apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.bundle_model import ItemProof, LogEntry, StateEntry
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import ProofInvalid
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.merkle import verify_inclusion
from xinglin.carrier.ledger.model import Operation
from xinglin.carrier.ledger.state.proof import verify_state_proof
from xinglin.carrier.ledger.transition import leaf_names
from xinglin.kernel.encoding import pack
from xinglin.kernel.hashing import Tag, preimage, tagged


def prove_operation(ledger: Ledger, size: int, index: int, position: int, item: int | None = None) -> LogEntry:
    """Return one operation of a logged transaction with its paths up to the log root of a size.

    Args:
        ledger: the chain.
        size: log size of the checkpoint that the proof is for, above ``index``.
        index: log index of the transaction.
        position: which of its operations.
        item: which item of the operation's batch; None where it has none.

    Raises:
        LogEntryNotFound, StoreDamaged: the entry is not there, or not what was logged.
    """
    suite, entry = ledger.rules.suite, ledger.entry(index)
    operations = entry.transaction.operations
    heads = suite.hash_many([preimage(Tag.OPERATION, one.head) for one in operations])
    shown = operations[position]
    return LogEntry(
        header=entry.transaction.header,
        signatures=entry.transaction.signatures,
        head=shown.head,
        position=position,
        operations=len(operations),
        path=tuple(suite.merkle_path(suite.leaf_hashes(heads), position)),
        item=() if item is None else (_item_proof(suite, shown, item),),
        leaf=entry.leaf,
        receipt=entry.receipt,
        log_path=ledger.tiles().inclusion(index, size),
    )


def _item_proof(suite: Suite, operation: Operation, item: int) -> ItemProof:
    path = suite.merkle_path(suite.leaf_hashes(operation.items), item)
    return ItemProof(operation.items[item], item, tuple(path))


def prove_states(ledger: Ledger, height: int, keys: Sequence[bytes]) -> tuple[StateEntry, ...]:
    """Return the state entries of keys as of a height, ascending by key; raises as ``Ledger.prove_state``."""
    ordered = sorted(set(keys))
    proven = ledger.prove_state(height, ordered)
    return tuple(
        StateEntry(key, () if value is None else (value,), proof)
        for key, (value, proof) in zip(ordered, proven, strict=True)
    )


def check_log_entry(suite: Suite, entry: LogEntry, head: Head) -> None:
    """Take steps P7 to P10 for a log entry under a checkpoint's head.

    Raises:
        ProofInvalid: names the step that fails.
    """
    header, leaf = entry.header, entry.leaf
    _require(header.chain == head.chain, "P7", "the transaction is of another chain")
    _require(leaf_names(suite.hash, leaf, header, entry.signatures, entry.receipt), "P7", "the leaf names another one")
    _require(
        leaf.height <= head.height and leaf.time <= min(head.time, leaf.valid_until), "P7", "its height or time is not right"
    )
    leaf_hash = suite.leaf_hash(pack(leaf))
    _require(
        verify_inclusion(suite, leaf_hash, leaf.index, head.size, entry.log_path, head.log_root), "P7", "not in the log"
    )
    body = tagged(suite.hash, Tag.BODY, header)
    keys = header.signers
    _require(len(keys) == len(set(keys)) == len(entry.signatures) > 0, "P8", "signers and signatures don't match")
    _require(all(suite.verify_many(keys, [body] * len(keys), entry.signatures)), "P8", "a signature does not verify")
    operation = suite.leaf_hash(tagged(suite.hash, Tag.OPERATION, entry.head))
    found = verify_inclusion(suite, operation, entry.position, entry.operations, entry.path, header.operations_root)
    _require(found, "P9", "the operation is not in the transaction")
    _require(entry.receipt.number == 0, "P9", "the transaction was refused")
    _check_item(suite, entry)


def _check_item(suite: Suite, entry: LogEntry) -> None:
    _require(len(entry.item) == len(entry.head.batch), "P10", "item and batch don't match")
    for batch, one in zip(entry.head.batch, entry.item, strict=True):
        leaf = suite.leaf_hash(one.item)
        found = verify_inclusion(suite, leaf, one.index, batch.count, one.path, batch.root)
        _require(found, "P10", "the item is not in the batch")


def check_states(suite: Suite, states: Sequence[StateEntry], head: Head) -> dict[bytes, bytes | None]:
    """Take step P11 and return what the states say: key to value, None where the key is absent.

    Raises:
        ProofInvalid: a proof does not hold under the state root, or the keys don't ascend.
    """
    keys = [state.key for state in states]
    _require(keys == sorted(set(keys)), "P11", "the keys do not ascend")
    said: dict[bytes, bytes | None] = {}
    for state in states:
        value = state.value[0] if state.value else None
        holds = verify_state_proof(suite.hash, head.state_root, state.key, value, state.proof)
        _require(holds, "P11", "a state proof does not hold")
        said[state.key] = value
    return said


def _require(holds: bool, step: str, reason: str) -> None:
    if not holds:
        raise ProofInvalid(step=step, reason=reason)

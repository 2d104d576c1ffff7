"""Makes and checks what a proof bundle is made of: leaves, operations, items, states (docs/spec/proof-bundle.md).

The claim on top of them (P14 to P16) belongs to whoever owns the records and anchors. The checks here are the product's
own; ``xinglin-verify`` has others, written apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, get_args

import msgspec

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.bundle_model import ItemProof, LogEntry, StateEntry
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import ProofInvalid, ProofUnknown
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.merkle import verify_inclusion
from xinglin.carrier.ledger.model import Operation
from xinglin.carrier.ledger.state.proof import StateProof, verify_state_proof
from xinglin.carrier.ledger.transition import leaf_names
from xinglin.kernel.encoding import MAX_INTEGER, ChainObject, decode, pack
from xinglin.kernel.errors import EncodingInvalid, Invalid
from xinglin.kernel.hashing import Tag, preimage, tagged

T = TypeVar("T", bound=ChainObject)
MAX_VALUES, MAX_DEPTH = 1 << 20, 16
"""Limits of one encoding: how many values, arrays and their elements, and arrays within arrays."""


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


def check_leaf(suite: Suite, entry: LogEntry, head: Head, step: str = "P7") -> None:
    """Take step P7: the leaf is of this transaction and receipt, logged in time, and in the checkpoint's log.

    Args:
        suite: of the chain.
        entry: the operation shown.
        head: of the checkpoint, or the anchored one where another step asks the same of a private chain.
        step: which step asks.

    Raises:
        ProofInvalid: a rule of the step is broken; so it is for the steps below.
    """
    header, leaf = entry.header, entry.leaf
    require(step, header.chain == head.chain, "the transaction is of another chain")
    require(step, leaf_names(suite.hash, leaf, header, entry.signatures, entry.receipt), "the leaf names another one")
    require(step, leaf.time <= leaf.valid_until, "it was logged after it had expired")
    require(step, leaf.height <= head.height and leaf.time <= head.time, "the leaf is later than the checkpoint")
    leaf_hash = suite.leaf_hash(pack(leaf))
    found = verify_inclusion(suite, leaf_hash, leaf.index, head.size, entry.log_path, head.log_root)
    require(step, found, "the path does not lead to the log root")


def check_transaction_signatures(suite: Suite, entry: LogEntry, step: str = "P8") -> None:
    """Take step P8: there are signers, they are distinct, and each signed the body id."""
    keys, signatures = entry.header.signers, entry.signatures
    require(step, len(keys) == len(set(keys)) == len(signatures) > 0, "signers and signatures don't match")
    body = tagged(suite.hash, Tag.BODY, entry.header)
    require(step, all(suite.verify_many(keys, [body] * len(keys), signatures)), "a signature does not verify")


def check_operation(suite: Suite, entry: LogEntry, step: str = "P9") -> None:
    """Take step P9: the operation belongs to the transaction, and the transaction was done."""
    header, leaf = entry.header, suite.leaf_hash(tagged(suite.hash, Tag.OPERATION, entry.head))
    found = verify_inclusion(suite, leaf, entry.position, header.operation_count, entry.path, header.operations_root)
    require(step, found, "the operation is not in the transaction")
    require(step, entry.receipt.number == 0, "the transaction was refused")


def check_item(suite: Suite, entry: LogEntry, step: str = "P10") -> None:
    """Take step P10: an item is there exactly when the operation has a batch, and belongs to it."""
    require(step, len(entry.item) == len(entry.head.batch), "item and batch don't match")
    for batch, one in zip(entry.head.batch, entry.item, strict=True):
        found = verify_inclusion(suite, suite.leaf_hash(one.item), one.index, batch.count, one.path, batch.root)
        require(step, found, "the item is not in the batch")


def check_states(
    suite: Suite, states: Sequence[StateEntry], head: Head, step: str = "P11"
) -> dict[bytes, bytes | None]:
    """Take step P11 and return what the states say: key to value, None where the key is absent.

    Raises:
        ProofInvalid: a proof does not hold under the state root, or the keys don't ascend.
        ProofUnknown: a state proof is of a version that is not known here.
    """
    keys = [state.key for state in states]
    require(step, keys == sorted(set(keys)), "the keys do not ascend")
    said: dict[bytes, bytes | None] = {}
    for state in states:
        value = state.value[0] if state.value else None
        holds = verify_state_proof(suite.hash, head.state_root, state.key, value, state.proof)
        if not holds:
            refuse_unknown_version(StateProof, state.proof, step)
        require(step, holds, "a state proof does not hold")
        said[state.key] = value
    return said


def read(kind: type[T], data: bytes, step: str) -> T:
    """Return an object that a bundle holds as bytes.

    Raises:
        ProofInvalid: it is not canonical, or not of this form.
        ProofUnknown: it is of the right kind, in a version that is not known here.
    """
    try:
        return decode(kind, data)
    except Invalid as refusal:
        refuse_unknown_version(kind, data, step)
        raise ProofInvalid(step=step, reason=refusal.code) from None


def refuse_unknown_version(kind: type[ChainObject], data: bytes, step: str) -> None:
    """Raise ProofUnknown if bytes are an object of the right kind in a version that is not known here."""
    known = {field.name: get_args(field.type) for field in msgspec.structs.fields(kind)}
    try:
        value = untyped(data)
    except Invalid:
        return
    if "version" not in known or not isinstance(value, list) or len(value) < 2 or value[0] not in known["kind"]:
        return
    if isinstance(value[1], int) and value[1] not in known["version"]:
        raise ProofUnknown(step=step, what=value[0], found=value[1])


def untyped(data: bytes) -> Any:
    """Return the value that canonical bytes hold (E1 to E8), arrays as lists.

    Raises:
        EncodingInvalid, EncodingNotCanonical: they are not canonical, or hold over 2^20 values or arrays over 16 deep.
    """
    value: Any = decode(Any, data)
    level, depth, count = [value], 0, 0
    while level:
        depth, count = depth + 1, count + len(level)
        arrays = [one for one in level if isinstance(one, list)]
        if count > MAX_VALUES or (arrays and depth > MAX_DEPTH) or not all(map(_may_be, level)):
            raise EncodingInvalid(what="value", reason="it holds what no object holds, or too much")
        level = [element for array in arrays for element in array]
    return value


def _may_be(value: Any) -> bool:
    """Tell whether a value is of a kind that objects hold (E1 to E3)."""
    if isinstance(value, str):
        return value.isascii()
    return isinstance(value, bytes | list) or (type(value) is int and 0 <= value <= MAX_INTEGER)


def require(step: str, holds: bool, reason: str) -> None:
    """Raise ProofInvalid at a step unless ``holds``."""
    if not holds:
        raise ProofInvalid(step=step, reason=reason)

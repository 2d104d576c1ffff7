"""Stage (a) of the check: form, size, chain, roots and signatures of transactions, many at a time (D5.4).

Depends on the bytes and the genesis alone, so its answer can be remembered: ``SignatureCache`` keys it by transaction
hash, never by body id, because SM2 signatures are randomised. Stages (b) and (c) are in ``transition.py``. The hot path
of a node: everything that hashes or verifies is one native call for all transactions together.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.errors import (
    SignatureInvalid,
    TransactionMalformed,
    TransactionOtherChain,
    TransactionTooLarge,
)
from xinglin.carrier.ledger.model import Operation, Parameters, Transaction
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import Invalid
from xinglin.kernel.hashing import Tag, preimage


@dataclass(frozen=True, slots=True)
class Checked:
    """A transaction of valid form: its bytes, the object, its body id and its transaction hash."""

    raw: bytes
    transaction: Transaction
    body: bytes
    hash: bytes


class SignatureCache:
    """Remembers, by transaction hash, that signatures verified; the oldest entries make room for new ones."""

    def __init__(self, capacity: int = 20_000) -> None:
        self._capacity = capacity
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, transaction_hash: bytes) -> bool:
        return transaction_hash in self._known

    def add(self, transaction_hash: bytes) -> None:
        """Remember a transaction all of whose signatures verified."""
        self._known[transaction_hash] = None
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)


class LookAhead:
    """Holds transactions whose form and signatures were found good before their block was made, by their bytes.

    Stage (a) depends on bytes and genesis alone, so that what was found then is what the block would find.

    Args:
        max_bytes: of all transactions held; the oldest make room for new ones.
    """

    def __init__(self, max_bytes: int = 32 << 20) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._held: dict[bytes, Checked] = {}
        self._lock = threading.Lock()

    def hold(self, checked: Checked) -> None:
        """Hold a transaction that passed."""
        with self._lock:
            if checked.raw not in self._held:
                self._held[checked.raw] = checked
                self._bytes += len(checked.raw)
            while self._bytes > self._max_bytes:
                self._bytes -= len(self._held.pop(next(iter(self._held))).raw)

    def get(self, raw: bytes) -> Checked | None:
        """Return a transaction that is held, which stays held; None for one that is not."""
        return self._held.get(raw)

    def take(self, raw: bytes) -> Checked | None:
        """Return and let go of a transaction that is held, None for one that is not."""
        with self._lock:
            found = self._held.pop(raw, None)
            self._bytes -= 0 if found is None else len(raw)
        return found


def check_forms(rules: ChainRules, raws: Sequence[bytes]) -> list[Checked | Invalid]:
    """Check A1 to A4 of docs/spec/transaction.md for many transactions.

    Returns:
        For each, in order, the checked transaction or the refusal.
    """
    decoded = [_decode(rules, raw) for raw in raws]
    good = [(raw, found) for raw, found in zip(raws, decoded, strict=True) if isinstance(found, Transaction)]
    checked = iter(_check_roots(rules, good))
    return [next(checked) if isinstance(found, Transaction) else found for found in decoded]


def check_signatures(rules: ChainRules, cache: SignatureCache, checked: Sequence[Checked]) -> list[Invalid | None]:
    """Check A5 for many transactions in one native call; those whose hash is in the cache are not verified again."""
    fresh = [one for one in checked if one.hash not in cache]
    keys = [key for one in fresh for key in one.transaction.header.signers]
    messages = [one.body for one in fresh for _ in one.transaction.header.signers]
    signatures = [signature for one in fresh for signature in one.transaction.signatures]
    verdicts = iter(rules.suite.verify_many(keys, messages, signatures))
    refused: dict[int, Invalid] = {}
    for one in fresh:
        bad = [position for position in range(len(one.transaction.signatures)) if not next(verdicts)]
        if bad:
            refused[id(one)] = SignatureInvalid(position=bad[0])
        else:
            cache.add(one.hash)
    return [refused.get(id(one)) for one in checked]


def _decode(rules: ChainRules, raw: bytes) -> Transaction | Invalid:
    try:
        _limit("max_transaction_bytes", rules.parameters.max_transaction_bytes, len(raw))
        _limit("max_block_bytes", rules.parameters.max_block_bytes, len(raw))
        transaction = decode(Transaction, raw)
        _check_shape(rules, transaction)
    except Invalid as refusal:
        if refusal.code.startswith("encoding."):
            return TransactionMalformed(reason=refusal.sentence())
        return refusal
    return transaction


def _check_shape(rules: ChainRules, transaction: Transaction) -> None:
    """A2 and A3."""
    header, parameters = transaction.header, rules.parameters
    if header.chain != rules.chain:
        raise TransactionOtherChain(found=header.chain, chain=rules.chain)
    _limit("max_signers", parameters.max_signers, len(header.signers))
    _limit("max_operations", parameters.max_operations, len(transaction.operations))
    _require(len(header.signers) == len(transaction.signatures), "signers and signatures differ in number")
    _require(len(header.signers) >= 1, "there is no signer")
    _require(len(header.signers) == 1 or len(set(header.signers)) == len(header.signers), "a signer is there twice")
    _require(all(len(key) == rules.suite.public_key_size for key in header.signers), "a key has another length")
    counted = header.operation_count == len(transaction.operations)
    _require(counted, "the operations are not as many as the header says")
    for operation in transaction.operations:
        _check_operation(parameters, operation)


def _check_operation(parameters: Parameters, operation: Operation) -> None:
    _limit("max_argument_bytes", parameters.max_argument_bytes, len(operation.head.arguments))
    count = operation.head.batch[0].count if operation.head.batch else 0
    _require(len(operation.items) == count, "the items are not as many as the batch says")
    if count:
        _limit("max_items", parameters.max_items, count)
        sizes = [len(item) for item in operation.items]
        _limit("max_item_bytes", parameters.max_item_bytes, max(sizes))
        _require(min(sizes) > 0, "an item is empty")


def _check_roots(rules: ChainRules, good: Sequence[tuple[bytes, Transaction]]) -> list[Checked | Invalid]:
    """A4, and the two ids, for transactions of valid shape."""
    suite = rules.suite
    operations = [operation for _, transaction in good for operation in transaction.operations]
    batches = [operation for operation in operations if operation.head.batch]
    roots = suite.merkle_roots_of([list(operation.items) for operation in batches])
    wrong = {
        id(operation) for operation, root in zip(batches, roots, strict=True) if operation.head.batch[0].root != root
    }
    heads = iter(suite.hash_many([preimage(Tag.OPERATION, operation.head) for operation in operations]))
    operation_roots = suite.merkle_roots_of([[next(heads) for _ in tx.operations] for _, tx in good])
    bodies = suite.hash_many([preimage(Tag.BODY, tx.header) for _, tx in good])
    hashes = suite.hash_many([preimage(Tag.TRANSACTION, tx.header, tx.signatures) for _, tx in good])
    answers: list[Checked | Invalid] = []
    for (raw, tx), root, body, hash_ in zip(good, operation_roots, bodies, hashes, strict=True):
        if root != tx.header.operations_root:
            answers.append(TransactionMalformed(reason="the operations root is not that of the operations"))
        elif wrong and any(id(operation) in wrong for operation in tx.operations):
            answers.append(TransactionMalformed(reason="a batch's root is not that of its items"))
        else:
            answers.append(Checked(raw, tx, body, hash_))
    return answers


def _limit(limit: str, maximum: int, found: int) -> None:
    if found > maximum:
        raise TransactionTooLarge(limit=limit, maximum=maximum, found=found)


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise TransactionMalformed(reason=reason)

"""Builds transactions: operations in, signed bytes out (docs/spec/transaction.md).

Pure: the nonce and ``valid_until`` come in, signing is a callable, so that private keys stay where they are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.model import Batch, Header, Operation, OperationHead, Transaction
from xinglin.kernel.encoding import ChainObject, encode, pack
from xinglin.kernel.hashing import Tag, preimage, tagged


@dataclass(frozen=True, slots=True)
class Signer:
    """A public key and what signs messages with its private half; ``many`` signs several in one call, where it can."""

    key: bytes
    sign: Callable[[bytes], bytes]
    many: Callable[[Sequence[bytes]], Sequence[bytes]] | None = None

    def sign_all(self, messages: Sequence[bytes]) -> Sequence[bytes]:
        """Return the signature over each message."""
        return [self.sign(message) for message in messages] if self.many is None else self.many(messages)


@dataclass(frozen=True, slots=True)
class Built:
    """A signed transaction: its bytes, its body id and when it ends."""

    raw: bytes
    body: bytes
    valid_until: int


def operation(
    suite: Suite, contract: str, method: str, arguments: ChainObject, items: Sequence[bytes] = ()
) -> Operation:
    """Return a call of version 1 of a contract, with its batch of items where there are any."""
    batch = (Batch(len(items), suite.merkle_roots_of([list(items)])[0]),) if items else ()
    return Operation(OperationHead(contract, 1, method, encode(arguments), batch), tuple(items))


def operation_of(contract: str, method: str, arguments: bytes) -> Operation:
    """Return a call of version 1 of a contract with arguments that are encoded already, without a batch."""
    return Operation(OperationHead(contract, 1, method, arguments))


def build_transaction(
    suite: Suite, chain: str, nonce: bytes, valid_until: int, operations: Sequence[Operation], signers: Sequence[Signer]
) -> Built:
    """Return a transaction signed by every signer, in their order.

    Args:
        suite: the chain's suite.
        chain: the chain's id.
        nonce: 16 random bytes.
        valid_until: block time in ms up to which it may be logged.
        operations: at least one, in order.
        signers: at least one, distinct keys.
    """
    heads = suite.hash_many([preimage(Tag.OPERATION, one.head) for one in operations])
    header = Header(
        chain=chain,
        nonce=nonce,
        valid_until=valid_until,
        signers=tuple(signer.key for signer in signers),
        operation_count=len(operations),
        operations_root=suite.merkle_roots_of([heads])[0],
    )
    body = tagged(suite.hash, Tag.BODY, header)
    signatures = tuple(signer.sign(body) for signer in signers)
    return Built(pack(Transaction(header, signatures, tuple(operations))), body, valid_until)

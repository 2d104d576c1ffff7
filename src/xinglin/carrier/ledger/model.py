"""The objects of the ledger as they are hashed, signed and stored (design D5, docs/spec/transaction.md).

Published formats: a class here is never edited, a new version is a new class. Decides nothing; the rules that go
beyond form are in ``check.py``, ``transition.py`` and ``genesis.py``.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Any, Literal

import msgspec

from xinglin.kernel.encoding import (
    MAX_INTEGER,
    Bytes16,
    ChainId,
    ChainObject,
    Digest,
    Identifier,
    Milliseconds,
    Name,
    Natural,
    PublicKey,
    Signature,
    Text,
)
from xinglin.stakeholders.kinds import MemberKind, Role

Flag = Annotated[int, msgspec.Meta(ge=0, le=1)]
"""A truth value: 0 or 1."""
Count = Annotated[int, msgspec.Meta(ge=1, le=MAX_INTEGER)]
"""How many leaves the tree has whose root stands beside it: the root alone does not say."""
ZERO = bytes(32)
"""Thirty-two zero bytes: the hash of an empty subtree of the state, and what precedes epoch 0."""
MAX_FACT = 128
"""Characters or bytes of a fact of a receipt, at most."""


class SuiteNumber(IntEnum):
    """The algorithm suite that a genesis fixes for its chain."""

    GM = 1
    INTL = 2


class Profile(IntEnum):
    """What a chain is for; its id begins with the letter c, p or s."""

    CONSORTIUM = 1
    PRIVATE = 2
    SUPERVISION = 3


class Parameters(ChainObject, frozen=True):
    """Limits of a chain, fixed in its genesis; sizes in bytes, times in milliseconds of block time.

    ``max_valid_ms``: how far ahead ``valid_until`` may lie. ``account_quota`` and ``member_quota``: transactions in
    one ``quota_window_ms``. ``checkpoint_interval``: heights that are multiples of it get a checkpoint on request.
    """

    max_valid_ms: Natural = 600_000
    max_transaction_bytes: Natural = 1_048_576
    max_block_bytes: Natural = 16_777_216
    max_signers: Natural = 8
    max_operations: Natural = 64
    max_items: Natural = 256
    max_item_bytes: Natural = 1_024
    max_argument_bytes: Natural = 131_072
    quota_window_ms: Natural = 60_000
    account_quota: Natural = 1_200_000
    member_quota: Natural = 2_400_000
    checkpoint_interval: Natural = 1


class FoundingAccount(ChainObject, frozen=True):
    """An account that is there from height 0, with one key and the proof that its holder has it.

    ``person`` is the salted commitment to the responsible person; ``proof`` signs the key proof of the genesis.
    """

    account: Identifier
    roles: tuple[Role, ...]
    person: Digest
    key: PublicKey
    proof: Signature


class Founder(ChainObject, frozen=True):
    """A founding member, or one that applies to join: who it is, its cosigning key, its first accounts."""

    member: Identifier
    kind: MemberKind
    name: Text
    votes: Flag
    cosigns: Flag
    key: PublicKey
    proof: Signature
    accounts: tuple[FoundingAccount, ...]


class Genesis(ChainObject, frozen=True, kw_only=True):
    """The beginning of a chain; its hash is the chain's identity (docs/spec/genesis.md)."""

    kind: Literal["genesis"] = "genesis"
    version: Literal[1] = 1
    suite: SuiteNumber
    profile: Profile
    time: Milliseconds
    nonce: Bytes16
    parameters: Parameters
    threshold: Natural
    quorum: Natural
    founders: tuple[Founder, ...]


class EpochMember(ChainObject, frozen=True):
    """One member of an epoch: its cosigning key, and whether it votes and cosigns."""

    member: Identifier
    key: PublicKey
    votes: Flag
    cosigns: Flag


class Epoch(ChainObject, frozen=True, kw_only=True):
    """The members of a chain from a height on (design D9). A vote is a signature over H("epoch", epoch).

    ``threshold`` votes of this epoch pass the next one; ``quorum`` cosignatures of it make a checkpoint trusted.
    """

    kind: Literal["epoch"] = "epoch"
    version: Literal[1] = 1
    chain: ChainId
    number: Natural
    previous: Digest
    from_height: Natural
    threshold: Natural
    quorum: Natural
    members: tuple[EpochMember, ...]


class Header(ChainObject, frozen=True, kw_only=True):
    """What the signers of a transaction sign: the body id is H("body", header).

    ``operations_root`` is the RFC 6962 root over H("operation", head) of the ``operation_count`` operations.
    """

    kind: Literal["transaction"] = "transaction"
    version: Literal[1] = 1
    chain: ChainId
    nonce: Bytes16
    valid_until: Milliseconds
    signers: tuple[PublicKey, ...]
    operation_count: Count
    operations_root: Digest


class Batch(ChainObject, frozen=True):
    """Commits an operation to its items: their number and the RFC 6962 root over their bytes."""

    count: Count
    root: Digest


class OperationHead(ChainObject, frozen=True):
    """One contract call without its items. ``arguments`` is the canonical encoding of the method's own struct."""

    contract: Name
    version: Natural
    method: Name
    arguments: bytes
    batch: Annotated[tuple[Batch, ...], msgspec.Meta(max_length=1)] = ()


class Operation(ChainObject, frozen=True):
    """One contract call: its head and, for a batch, its items in order."""

    head: OperationHead
    items: tuple[bytes, ...] = ()


class Transaction(ChainObject, frozen=True):
    """One or more operations, atomic, signed by one or more keys in the order of ``header.signers``."""

    header: Header
    signatures: tuple[Signature, ...]
    operations: tuple[Operation, ...]


class ReceiptFact(ChainObject, frozen=True):
    """A fact of a receipt: a name and an integer, bytes or an ASCII string, of at most 128.

    ``value`` is an int, bytes or str: msgspec has no union of the last two, so the form is checked here.
    """

    name: Name
    value: Any

    def __post_init__(self) -> None:
        """Refuse a value that is none of the three, or out of its range, when it is made and when it is decoded."""
        if isinstance(self.value, str):
            holds = len(self.value) <= MAX_FACT and self.value.isascii() and self.value.isprintable()
        elif isinstance(self.value, bytes):
            holds = len(self.value) <= MAX_FACT
        else:
            holds = type(self.value) is int and 0 <= self.value <= MAX_INTEGER
        if not holds:
            raise ValueError("the value of a fact is not a natural number, bytes or an ASCII string of at most 128")


class Receipt(ChainObject, frozen=True, kw_only=True):
    """What a transaction did: number 0 is success, any other is the number of the refusal (docs/spec/errors.md)."""

    kind: Literal["receipt"] = "receipt"
    version: Literal[1] = 1
    number: Natural
    facts: tuple[ReceiptFact, ...]


class Leaf(ChainObject, frozen=True, kw_only=True):
    """One entry of the ledger log: which transaction, when, and what came of it."""

    kind: Literal["leaf"] = "leaf"
    version: Literal[1] = 1
    height: Natural
    time: Milliseconds
    index: Natural
    body: Digest
    valid_until: Milliseconds
    transaction: Digest
    receipt: Digest


class Block(ChainObject, frozen=True, kw_only=True):
    """An agreed sequence of transactions: height from 1, time in milliseconds, later than the block before."""

    kind: Literal["block"] = "block"
    version: Literal[1] = 1
    height: Natural
    time: Milliseconds
    transactions: tuple[bytes, ...]

"""The native runtime: runs one operation of a transaction against its overlay (design D8; S6.2a1).

Gives a contract its context and nothing else: its own namespaces to write, public namespaces to read, block time,
callers, metered hashing and verification. Refuses by errors of the family only; an operation's refusal undoes its whole
transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from xinglin.carrier.contracts.api import (
    ArgumentsInvalid,
    Caller,
    Contract,
    ContractUnknown,
    Method,
    Part,
)
from xinglin.carrier.contracts.errors import NamespaceForbidden, StateKeyTooLong
from xinglin.carrier.crypto.engine_keys import verify_engine_signature
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.merkle import verify_consistency, verify_inclusion
from xinglin.carrier.ledger.model import Genesis, Operation, ReceiptFact
from xinglin.carrier.ledger.ports import StateOverlay
from xinglin.carrier.ledger.store import MAX_KEY_BYTES
from xinglin.kernel.encoding import ChainObject, Name, decode, encode, pack, state_key
from xinglin.kernel.errors import EncodingInvalid, EncodingNotCanonical, Fact, Invalid, PlatformError

T = TypeVar("T", bound=ChainObject)
Founding = Callable[[str, Genesis], Mapping[bytes, bytes]]
"""Gives the founders' state of a chain."""


class NativeRuntime:
    """Implements the ledger's ``Executor`` for contracts written in Python.

    Args:
        chain: the chain's id.
        suite: the chain's suite.
        contracts: every contract of the chain; two can't share a name and version, nor a namespace.
        founding: gives the state of height 0.
    """

    def __init__(self, chain: str, suite: Suite, contracts: Sequence[Contract], founding: Founding) -> None:
        self._chain = chain
        self._suite = suite
        self._contracts = {(contract.name, contract.version): contract for contract in contracts}
        self._private = frozenset(n for c in contracts if c.private for n in c.namespaces)
        self._founding = founding
        owners = {namespace: c.name for c in contracts for namespace in c.namespaces} | {"ledger": ""}
        clash = [n for c in contracts for n in c.namespaces if owners[n] != c.name]
        clash += [n for c in contracts for n in c.also_writes if n == "ledger"]
        if len(self._contracts) != len(contracts) or clash:
            raise ValueError(f"contracts share a name or a namespace: {clash}")

    def founding(self, chain: str, genesis: Genesis) -> Mapping[bytes, bytes]:
        """Return the state of height 0."""
        return self._founding(chain, genesis)

    def execute(
        self, overlay: StateOverlay, height: int, time: int, callers: Sequence[Caller], operation: Operation
    ) -> list[ReceiptFact]:
        """Run one operation; see ``Executor.execute``."""
        head = operation.head
        contract = self._contracts.get((head.contract, head.version))
        method = contract.methods.get(head.method) if contract is not None else None
        if contract is None or method is None:
            raise ContractUnknown(contract=head.contract, version=head.version, method=head.method)
        arguments = self._arguments(contract, head.method, method, operation)
        root = head.batch[0].root if head.batch else None
        context = _Context(self._suite, self._chain, overlay, contract, self._private, height, time, callers, root)
        try:
            method.run(context, arguments, operation.items)
        except (EncodingInvalid, EncodingNotCanonical) as refusal:
            raise _arguments_invalid(contract, head.method, refusal.code) from None
        return context.facts

    @staticmethod
    def _arguments(contract: Contract, name: str, method: Method, operation: Operation) -> ChainObject:
        if method.batch != bool(operation.head.batch):
            raise _arguments_invalid(contract, name, "it takes a batch" if method.batch else "it takes no batch")
        try:
            return decode(method.arguments, operation.head.arguments)
        except Invalid as refusal:
            raise _arguments_invalid(contract, name, refusal.code) from None


class _Context:
    """What one operation sees; see ``api.Context``."""

    __slots__ = (
        "_contract",
        "_overlay",
        "_private",
        "_suite",
        "batch_root",
        "callers",
        "chain",
        "facts",
        "height",
        "time",
    )

    def __init__(
        self,
        suite: Suite,
        chain: str,
        overlay: StateOverlay,
        contract: Contract,
        private: frozenset[str],
        height: int,
        time: int,
        callers: Sequence[Caller],
        batch_root: bytes | None,
    ) -> None:
        self._suite, self.chain, self._overlay = suite, chain, overlay
        self._contract, self._private = contract, private
        self.height, self.time, self.callers, self.batch_root = height, time, callers, batch_root
        self.facts: list[ReceiptFact] = []

    @property
    def caller(self) -> Caller:
        return self.callers[0]

    def get(self, kind: type[T], *parts: Part, namespace: str = "") -> T | None:
        return self._decoded(kind, self._overlay.get(self._own(namespace, parts)))

    def put(self, value: ChainObject, *parts: Part, namespace: str = "") -> None:
        self._overlay.put(self._own(namespace, parts), encode(value))

    def delete(self, *parts: Part, namespace: str = "") -> None:
        self._overlay.delete(self._own(namespace, parts))

    def scan(self, kind: type[T], *prefix: Part, limit: int, namespace: str = "") -> Iterator[tuple[Part, T]]:
        # A key of the scan has one part more than the prefix: the array header counts it, the parts follow.
        whole = self._own(namespace, (*prefix, 0))[:-1]
        for count, (key, value) in enumerate(self._overlay.scan(whole)):
            if count == limit:
                return
            part: Part = decode(tuple[Any, ...], key)[-1]
            yield part, decode(kind, value)

    def read(self, kind: type[T], namespace: str, *parts: Part) -> T | None:
        if namespace in self._private and namespace not in self._contract.namespaces:
            raise NamespaceForbidden(contract=self._contract.name, namespace=namespace)
        return self._decoded(kind, self._overlay.get(_key(namespace, parts)))

    def emit(self, name: str, value: Fact) -> None:
        try:
            self.facts.append(ReceiptFact(_fact_name(name), value))
        except ValueError:
            raise EncodingInvalid(what="receiptfact", reason="no receipt can hold it") from None

    def require(self, holds: bool, refusal: PlatformError) -> None:
        if not holds:
            raise refusal

    def hash(self, data: bytes) -> bytes:
        return self._suite.hash(data)

    def verify_signature(self, key: bytes, message: bytes, signature: bytes) -> bool:
        return self._suite.verify(key, message, signature)

    def verify_engine_signature(self, key: bytes, message: bytes, signature: bytes) -> bool:
        return verify_engine_signature(key, message, signature)

    def verify_inclusion(self, leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
        return verify_inclusion(self._suite, self._suite.leaf_hash(leaf), index, size, path, root)

    def verify_consistency(
        self, old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
    ) -> bool:
        return verify_consistency(self._suite, old_size, new_size, proof, old_root, new_root)

    def _owned(self, namespace: str) -> str:
        own = self._contract.namespaces
        chosen = namespace or next(iter(own), "")
        if chosen not in own + self._contract.also_writes:
            raise NamespaceForbidden(contract=self._contract.name, namespace=namespace)
        return chosen

    def _own(self, namespace: str, parts: Sequence[Part]) -> bytes:
        return _key(self._owned(namespace), parts)

    @staticmethod
    def _decoded(kind: type[T], value: bytes | None) -> T | None:
        return decode(kind, value) if value is not None else None


def _arguments_invalid(contract: Contract, method: str, reason: str) -> ArgumentsInvalid:
    # A decoder's words may differ between versions, and receipts are hashed: the reason is a code, or words of our own.
    return ArgumentsInvalid(contract=contract.name, method=method, reason=reason)


@cache
def _fact_name(name: str) -> str:
    """Return a name that a receipt can hold; contracts have few, so each is checked once."""
    return decode(Name, pack(name))


def _key(namespace: str, parts: Sequence[Part]) -> bytes:
    key = state_key(namespace, *parts)
    if len(key) > MAX_KEY_BYTES:
        raise StateKeyTooLong(maximum=MAX_KEY_BYTES, found=len(key))
    return key

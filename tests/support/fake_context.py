"""A chain in memory on which contracts are called, and the context that it gives them; for tests of contracts.

``FakeLedger`` keeps the rules of the real runtime that a contract can notice: arguments go through their canonical
encoding, a refused call leaves no trace, only own namespaces are written, private ones of others are not read. It has
no blocks, no transactions and no signatures of theirs: callers are given, height and time are attributes. A breach of
the context's rules by a contract is an AssertionError, since it is a fault and no refusal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from xinglin.carrier.contracts.api import Caller, Contract, Part
from xinglin.carrier.crypto.engine_keys import verify_engine_signature
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.merkle import verify_consistency, verify_inclusion
from xinglin.kernel.encoding import ChainObject, decode, encode, state_key
from xinglin.kernel.errors import Fact, PlatformError

T = TypeVar("T", bound=ChainObject)


@dataclass
class FakeLedger:
    """State and contracts of one chain; ``call`` runs one operation on them."""

    suite: Suite
    chain: str
    contracts: Sequence[Contract]
    state: dict[bytes, bytes] = field(default_factory=dict)
    height: int = 1
    time: int = 1_700_000_000_000

    def call(
        self,
        caller: Caller | Sequence[Caller],
        method: str,
        arguments: ChainObject,
        items: Sequence[bytes] = (),
    ) -> dict[str, Fact]:
        """Run ``contract.method`` and return the facts of its receipt.

        Raises:
            PlatformError: the contract refused; the state is as before.
        """
        contract_name, _, method_name = method.partition(".")
        contract = next(c for c in self.contracts if c.name == contract_name)
        run = contract.methods[method_name]
        assert run.batch == bool(items)
        ctx = FakeContext(self, contract, [caller] if isinstance(caller, Caller) else list(caller), items)
        before = dict(self.state)
        try:
            run.run(ctx, decode(run.arguments, encode(arguments)), items)
        except PlatformError:
            self.state.clear()
            self.state.update(before)
            raise
        return ctx.facts

    def value(self, kind: type[T], *key: Part) -> T | None:
        """Return the value under a key (namespace first), None when absent."""
        found = self.state.get(state_key(str(key[0]), *key[1:]))
        return None if found is None else decode(kind, found)


class FakeContext:
    """The context of one call; see ``xinglin.carrier.contracts.api.Context``."""

    def __init__(
        self, ledger: FakeLedger, contract: Contract, callers: Sequence[Caller], items: Sequence[bytes]
    ) -> None:
        self.height, self.time, self.chain = ledger.height, ledger.time, ledger.chain
        self.callers = callers
        self.batch_root = ledger.suite.merkle_roots_of([items])[0] if items else None
        self.facts: dict[str, Fact] = {}
        self._ledger, self._contract = ledger, contract

    @property
    def caller(self) -> Caller:
        return self.callers[0]

    def get(self, kind: type[T], *parts: Part, namespace: str = "") -> T | None:
        found = self._state.get(self._own(namespace, parts))
        return None if found is None else decode(kind, found)

    def put(self, value: ChainObject, *parts: Part, namespace: str = "") -> None:
        self._state[self._own(namespace, parts)] = encode(value)

    def delete(self, *parts: Part, namespace: str = "") -> None:
        self._state.pop(self._own(namespace, parts), None)

    def scan(self, kind: type[T], *prefix: Part, limit: int, namespace: str = "") -> Iterator[tuple[Part, T]]:
        one_more = self._own(namespace, (*prefix, 0))[:-1]  # the key of a further part, less that part
        found = sorted(key for key in self._state if key.startswith(one_more))
        for key in found[:limit]:
            yield decode(Any, key)[-1], decode(kind, self._state[key])

    def read(self, kind: type[T], namespace: str, *parts: Part) -> T | None:
        owner = next((c for c in self._ledger.contracts if namespace in c.namespaces), self._contract)
        assert not owner.private or owner is self._contract, f"{namespace} is private"
        found = self._state.get(state_key(namespace, *parts))
        return None if found is None else decode(kind, found)

    def emit(self, name: str, value: Fact) -> None:
        self.facts[name] = value

    def require(self, holds: bool, refusal: PlatformError) -> None:
        if not holds:
            raise refusal

    def hash(self, data: bytes) -> bytes:
        return self._ledger.suite.hash(data)

    def verify_signature(self, key: bytes, message: bytes, signature: bytes) -> bool:
        return self._ledger.suite.verify(key, message, signature)

    def verify_engine_signature(self, key: bytes, message: bytes, signature: bytes) -> bool:
        return verify_engine_signature(key, message, signature)

    def verify_inclusion(self, leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
        suite = self._ledger.suite
        return verify_inclusion(suite, suite.leaf_hash(leaf), index, size, path, root)

    def verify_consistency(
        self, old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
    ) -> bool:
        return verify_consistency(self._ledger.suite, old_size, new_size, proof, old_root, new_root)

    @property
    def _state(self) -> dict[bytes, bytes]:
        return self._ledger.state

    def _own(self, namespace: str, parts: Sequence[Part]) -> bytes:
        chosen = namespace or self._contract.namespaces[0]
        own = self._contract.namespaces + self._contract.also_writes
        assert chosen in own, f"{chosen} is not of {self._contract.name}"
        return state_key(chosen, *parts)

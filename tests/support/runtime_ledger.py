"""The real runtime behind the face of ``FakeLedger``: the tests of contracts run on both, against drift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.support.fake_context import FakeLedger
from xinglin.carrier.contracts.api import Caller
from xinglin.carrier.contracts.runtime import NativeRuntime
from xinglin.carrier.ledger.model import Batch, Operation, OperationHead
from xinglin.carrier.ledger.overlay import Overlay
from xinglin.kernel.encoding import ChainObject, encode
from xinglin.kernel.errors import Fact


class RuntimeLedger(FakeLedger):
    """Runs calls by ``NativeRuntime`` on an overlay, which is kept when the call succeeds."""

    def call(
        self,
        caller: Caller | Sequence[Caller],
        method: str,
        arguments: ChainObject,
        items: Sequence[bytes] = (),
    ) -> dict[str, Fact]:
        contract, _, name = method.partition(".")
        runtime = NativeRuntime(self.chain, self.suite, self.contracts, lambda _, __: {})
        batch = (Batch(len(items), self.suite.merkle_roots_of([items])[0]),) if items else ()
        operation = Operation(OperationHead(contract, 1, name, encode(arguments), batch), tuple(items))
        overlay = Overlay(_Reader(self.state))
        callers = [caller] if isinstance(caller, Caller) else list(caller)
        facts = runtime.execute(overlay, self.height, self.time, callers, operation)
        for key, value in overlay.changes.items():
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        return {fact.name: fact.value for fact in facts}


class _Reader:
    """Reads a dictionary as a version of the state."""

    def __init__(self, state: dict[bytes, bytes]) -> None:
        self._state = state

    def get(self, key: bytes) -> bytes | None:
        return self._state.get(key)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted(item for item in self._state.items() if item[0].startswith(prefix)))

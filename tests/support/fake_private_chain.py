"""A private chain in memory for tests of what calls one: the port ``PrivateChain`` on contracts of ``fake_context``.

``break_off`` makes the next calls fail before they are run, ``answer_late`` after: as an engine that closes, and as a
process that ends before it hears.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from tests.support.contract_parties import Party
from tests.support.fake_context import FakeLedger
from xinglin.carrier.contracts.api import Contract
from xinglin.kernel.encoding import ChainObject
from xinglin.kernel.errors import Unavailable
from xinglin.stakeholders.kinds import Role

_count = itertools.count()


class FakePrivateChain:
    """See the module; ``calls`` are the methods called with success, in order."""

    def __init__(self, party: Party, contracts: Sequence[Contract]) -> None:
        self.chain = "p" + "abcdefghijklmnopqrstuvwxyz"[next(_count) % 26] + "a" * 25
        self.ledger = FakeLedger(party.suite, self.chain, contracts)
        self.calls: list[str] = []
        self._caller = party.caller(Role.SERVICE)
        self._broken = self._late = 0

    def break_off(self, count: int = 1) -> None:
        """Refuse the next calls without running them."""
        self._broken = count

    def answer_late(self, count: int = 1) -> None:
        """Run the next calls, but answer as if they had not been."""
        self._late = count

    def time_ms(self) -> int:
        return self.ledger.time

    def value(self, key: bytes) -> bytes | None:
        return self.ledger.state.get(key)

    def call(self, contract: str, method: str, arguments: ChainObject) -> None:
        if self._broken:
            self._broken -= 1
            raise Unavailable
        self.ledger.height += 1
        self.ledger.time += 10
        self.ledger.call(self._caller, f"{contract}.{method}", arguments)
        self.calls.append(f"{contract}.{method}")
        if self._late:
            self._late -= 1
            raise Unavailable

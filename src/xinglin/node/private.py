"""A home's private chain as its services call it: one operation at a time, signed by the service account (H2)."""

from __future__ import annotations

from collections.abc import Iterator

from xinglin.carrier.ledger.build import operation
from xinglin.kernel.encoding import ChainObject, pack
from xinglin.node.founding import SERVICE
from xinglin.node.node import Node
from xinglin.service.basic.coordination.anchoring import require_continuing


class PrivateCalls:
    """The port ``PrivateChain`` on a home's private chain; reading needs no engine, calling does.

    Args:
        node: the open home.

    Raises:
        NoPrivateChain: it has none.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._ledger = node.private_ledger()
        self.chain = self._ledger.rules.chain

    def time_ms(self) -> int:
        """See ``PrivateChain.time_ms``."""
        return self._ledger.tip.time

    def value(self, key: bytes) -> bytes | None:
        """See ``PrivateChain.value``."""
        return self._ledger.value(key)

    def call(self, contract: str, method: str, arguments: ChainObject) -> None:
        """See ``PrivateChain.call``.

        Raises:
            GroupRequired: the chain's engine does not run here.
            ChainBehindAnchor, ChainRewritten: the chain is not what was anchored; nothing is added to it.
        """
        require_continuing(self._ledger, self._node.consortium)
        named = operation(self._ledger.rules.suite, contract, method, arguments)
        self._node.client(self._ledger).call([named], [self._node.signer(SERVICE)])

    def keys(self, namespace: str, table: str, parts: int) -> Iterator[bytes]:
        """Yield the state keys (namespace, table, ...) of so many parts in all."""
        prefix = bytes([0x90 + parts]) + pack(namespace) + pack(table)
        with self._ledger.state() as state:
            found = [key for key, _ in state.scan(prefix)]
        yield from found

"""What the record of decisions needs from outside: the institution's private chain (H2)."""

from __future__ import annotations

from typing import Protocol

from xinglin.kernel.encoding import ChainObject


class PrivateChain(Protocol):
    """The institution's private chain. MUST be usable from several threads."""

    def value(self, key: bytes) -> bytes | None:
        """Return a value of the committed state by its key, compared with the tree."""
        ...

    def call(self, contract: str, method: str, arguments: ChainObject) -> None:
        """Call a contract and return when it is durable.

        Raises:
            PlatformError: the refusal, whether before a block or in the receipt.
        """
        ...

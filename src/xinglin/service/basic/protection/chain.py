"""The consortium chain of this home as protection sees it: registry and consents, read from its ledger.

Every value is compared with the state tree before it is used, by the ledger. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from xinglin.carrier.access.registry.model import NAMESPACE as REGISTRY
from xinglin.carrier.access.registry.model import AccountState, KeyState, MemberState, NodeState
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.encoding import ChainObject, decode, decode_often, pack, state_key
from xinglin.service.basic.protection.consents.model import (
    NAMESPACE,
    Acknowledgement,
    ConsentOpenings,
    ConsentProposal,
    ConsentState,
    ConsentStatus,
)

T = TypeVar("T", bound=ChainObject)


class LedgerFacts:
    """Implements the port ``ConsortiumFacts`` over one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.chain = ledger.rules.chain
        self._ledger = ledger

    def time_ms(self) -> int:
        """See ``ConsortiumFacts.time_ms``."""
        return self._ledger.tip.time

    def member(self, member: str) -> MemberState | None:
        """See ``ConsortiumFacts.member``."""
        return self._value(MemberState, REGISTRY, "member", member)

    def account(self, account: str) -> AccountState | None:
        """See ``ConsortiumFacts.account``."""
        return self._value(AccountState, REGISTRY, "account", account)

    def key(self, key: bytes) -> KeyState | None:
        """See ``ConsortiumFacts.key``."""
        return self._value(KeyState, REGISTRY, "key", key)

    def node(self, node: str) -> NodeState | None:
        """See ``ConsortiumFacts.node``."""
        return self._value(NodeState, REGISTRY, "node", node)

    def consents(self) -> Iterator[str]:
        """See ``ConsortiumFacts.consents``."""
        return iter(self._last_parts(_CONSENTS))

    def granted_since(self, time_ms: int) -> list[str]:
        """See ``ConsortiumFacts.granted_since``."""
        with self._ledger.state() as state:
            return [_last_part(key) for key, value in state.scan(_CONSENTS) if _granted_since(value, time_ms)]

    def changed_consents(self) -> Callable[[], frozenset[str]]:
        """Return what gives, each time it is called, the ids of consents that blocks changed meanwhile."""
        watch = self._ledger.watch(_CONSENTS)
        return lambda: frozenset(map(_last_part, watch.take()))

    def consent(self, consent: str) -> ConsentState | None:
        """See ``ConsortiumFacts.consent``."""
        return self._value(ConsentState, NAMESPACE, "consent", consent)

    def proposed_ms(self, consent: str) -> int | None:
        """See ``ConsortiumFacts.proposed_ms``."""
        found = self._value(ConsentProposal, NAMESPACE, "proposed", consent)
        return None if found is None else found.time

    def openings(self, consent: str) -> tuple[bytes, ...]:
        """See ``ConsortiumFacts.openings``."""
        found = self._value(ConsentOpenings, NAMESPACE, "openings", consent)
        return () if found is None else found.sealed

    def acknowledged(self, consent: str) -> Mapping[str, int]:
        """See ``ConsortiumFacts.acknowledged``."""
        nodes = self._last_parts(b"\x94" + pack(NAMESPACE) + pack("acknowledged") + pack(consent))
        times = {node: self.acknowledged_by(consent, node) for node in nodes}
        return {node: time for node, time in times.items() if time is not None}

    def acknowledged_by(self, consent: str, node: str) -> int | None:
        """See ``ConsortiumFacts.acknowledged_by``."""
        found = self._value(Acknowledgement, NAMESPACE, "acknowledged", consent, node)
        return None if found is None else found.time

    def _value(self, kind: type[T], namespace: str, *parts: str | bytes) -> T | None:
        stored = self._ledger.value(state_key(namespace, *parts))
        if stored is None or len(stored) > _KEPT_BYTES:
            return None if stored is None else decode(kind, stored)
        return decode_often(kind, stored)

    def _last_parts(self, prefix: bytes) -> list[str]:
        return [_last_part(key) for key in self._ledger.keys(prefix)]


_KEPT_BYTES = 1_024
"""Larger values, such as the openings of consents, are asked for once."""
_CONSENTS = b"\x93" + pack(NAMESPACE) + pack("consent")
"""Begins the keys of consents."""


def _last_part(key: bytes) -> str:
    return str(decode(tuple[Any, ...], key)[-1])


def _granted_since(stored: bytes, time_ms: int) -> bool:
    state = decode(ConsentState, stored)
    return state.status is ConsentStatus.GRANTED and max(state.granted_ms) >= time_ms

"""The signer directory over the registry's state: whose a key is at a time (docs/spec/transaction.md B3).

Implements the ledger's port ``SignerDirectory``. It answers from the given state and time alone and remembers
nothing.
"""

from __future__ import annotations

from typing import TypeVar

from xinglin.carrier.access.registry.model import NAMESPACE, AccountState, KeyState, MemberState
from xinglin.carrier.ledger.errors import SignerEnded, SignerUnknown
from xinglin.carrier.ledger.ports import StateReader
from xinglin.kernel.encoding import ChainObject, decode, state_key
from xinglin.stakeholders.caller import Caller
from xinglin.stakeholders.kinds import Status

T = TypeVar("T", bound=ChainObject)


class RegistryDirectory:
    """Resolves keys by the registry."""

    def resolve(self, state: StateReader, key: bytes, time: int) -> Caller:
        """Return who a key is at block time ``time`` (ms).

        Raises:
            SignerUnknown: the key is not registered.
            SignerEnded: key, account or member is not in force at that time; the fact ``reason`` says which.
        """
        entry = _read(state, KeyState, "key", key)
        if entry is None:
            raise SignerUnknown(key=key)
        _check_key(entry, time)
        account = _read(state, AccountState, "account", entry.account)
        if account is None or account.status is not Status.ACTIVE:
            raise SignerEnded(reason="the account has ended")
        member = _read(state, MemberState, "member", entry.member)
        if member is None or member.status is not Status.ACTIVE:
            raise SignerEnded(reason="the member is suspended or has ended")
        return Caller(key, entry.account, entry.member, member.member_kind, frozenset(account.roles))


def _check_key(entry: KeyState, time: int) -> None:
    if time < entry.from_ms:
        raise SignerEnded(reason="the key is not yet in force")
    if entry.until and time >= entry.until[0]:
        raise SignerEnded(reason="the key has ended")
    if entry.compromised and time >= entry.compromised[0]:
        raise SignerEnded(reason="the key is compromised")


def _read(state: StateReader, kind: type[T], *parts: str | bytes) -> T | None:
    value = state.get(state_key(NAMESPACE, *parts))
    return None if value is None else decode(kind, value)

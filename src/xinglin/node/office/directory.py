"""Looks into the registry of the consortium chain, for people: members, accounts, keys, epochs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from xinglin.carrier.access.governance.epochs import epoch_at, epochs_of
from xinglin.carrier.access.governance.model import EpochState
from xinglin.carrier.access.registry.model import NAMESPACE, AccountState, KeyState, MemberState, NodeState, PeerState
from xinglin.carrier.ledger.model import Epoch
from xinglin.kernel.encoding import ChainObject, decode, pack, state_key
from xinglin.kernel.errors import NotFound

T = TypeVar("T", bound=ChainObject)


class MemberNotFound(NotFound):
    """The chain has no such member."""

    code, number, clause = "member.not_found", 6030, "S5.2"
    en = "There is no member {member} on this chain."
    zh = "本链没有成员 {member}。"
    hint_en = "See 'xinglin member list'."
    hint_zh = "参见 xinglin member list。"


class AccountNotFound(NotFound):
    """The chain has no such account."""

    code, number, clause = "account.not_found", 6031, "S6.3a"
    en = "There is no account {account} on this chain."
    zh = "本链没有账户 {account}。"
    hint_en = "See 'xinglin account list'."
    hint_zh = "参见 xinglin account list。"


class Tip(Protocol):
    """The newest block; ``Tip`` of a ledger is one."""

    @property
    def height(self) -> int:
        """Its height."""
        ...


class RegistryValues(Protocol):
    """A chain's state as the directory reads it: an open ledger, or that of a running node."""

    @property
    def tip(self) -> Tip:
        """The newest block."""
        ...

    def value(self, key: bytes) -> bytes | None:
        """Return a value of the newest state, compared with the tree; None when it is absent."""
        ...

    def keys(self, prefix: bytes) -> list[bytes]:
        """Return the keys under a prefix, ascending."""
        ...


@dataclass(frozen=True, slots=True)
class Directory:
    """The registry of one chain as it is now; every value shown is compared with the state tree."""

    ledger: RegistryValues

    def members(self) -> Iterator[tuple[str, MemberState]]:
        """Yield (member id, state), by id."""
        return self._all(MemberState, "member")

    def accounts(self, member: str = "") -> Iterator[tuple[str, AccountState]]:
        """Yield (account id, state), by id, of one member or of all."""
        return ((name, state) for name, state in self._all(AccountState, "account") if member in ("", state.member))

    def nodes(self, member: str = "") -> Iterator[tuple[str, NodeState]]:
        """Yield (node id, state), by id, of one member or of all."""
        return ((name, state) for name, state in self._all(NodeState, "node") if member in ("", state.member))

    def peers(self) -> Iterator[tuple[bytes, PeerState]]:
        """Yield (peer id, state), by id, those that ended too."""
        return self._all(PeerState, "peer")

    def keys(self, account: str) -> Iterator[tuple[bytes, KeyState]]:
        """Yield (public key, state) of an account."""
        return ((key, state) for key, state in self._all(KeyState, "key") if state.account == account)

    def member(self, member: str) -> MemberState:
        """Return a member's state; raises MemberNotFound."""
        stored = self.ledger.value(state_key(NAMESPACE, "member", member))
        if stored is None:
            raise MemberNotFound(member=member)
        return decode(MemberState, stored)

    def account(self, account: str) -> AccountState:
        """Return an account's state; raises AccountNotFound."""
        stored = self.ledger.value(state_key(NAMESPACE, "account", account))
        if stored is None:
            raise AccountNotFound(account=account)
        return decode(AccountState, stored)

    def epochs(self) -> list[EpochState]:
        """Return every member epoch, from 0 up."""
        return epochs_of(self.ledger.value)

    def epoch(self) -> Epoch:
        """Return the epoch in force at the tip."""
        return epoch_at(self.epochs(), self.ledger.tip.height)

    def _all(self, kind: type[T], table: str) -> Iterator[tuple[Any, T]]:
        prefix = b"\x93" + pack(NAMESPACE) + pack(table)
        for key in self.ledger.keys(prefix):
            stored = self.ledger.value(key)
            if stored is not None:
                yield decode(tuple[Any, ...], key)[2], decode(kind, stored)

"""Whose engines make blocks and whose are let in: pure functions of a state (docs/spec/membership.md; D7, D9).

The engine's validators are those of the epoch that passed last, one for each member with a vote that registered one;
its peers are the nodes of all members of that epoch. Nothing is kept beside the state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from xinglin.carrier.access.governance.model import NAMESPACE, EpochState, LatestEpoch
from xinglin.carrier.access.registry.errors import LastValidator
from xinglin.carrier.access.registry.model import NAMESPACE as REGISTRY
from xinglin.carrier.access.registry.model import MemberState, NodeState, PeerState, ValidatorKey, ValidatorState
from xinglin.carrier.contracts.api import Context, Part
from xinglin.carrier.ledger.model import Epoch
from xinglin.carrier.ledger.ports import StateReader
from xinglin.kernel.encoding import ChainObject, decode, state_key
from xinglin.stakeholders.kinds import Status

T = TypeVar("T", bound=ChainObject)
POWER = 10
"""The voting power of every validator: one member, one vote in consensus too."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A node that other members' engines let in: its peer id, its member, and where it listens (host:port)."""

    peer: bytes
    node: str
    member: str
    address: str


class _Read(Protocol):
    """Reads a value of the state; ``Context.read`` is one."""

    def __call__(self, kind: type[T], namespace: str, *parts: Part) -> T | None: ...


def validators_of(state: StateReader) -> dict[bytes, int]:
    """Return the engine keys that validate under a state, with their power, ascending by key."""
    return _validators(_reading(state))


def peers_of(state: StateReader) -> dict[bytes, Peer]:
    """Return every peer that is let in under a state, ascending by peer id.

    For lists and settings: a row that the store has lost is not noticed. Whether one peer is let in is
    ``peer_admitted``'s to say.
    """
    prefix = state_key(REGISTRY, "peer", 0)[:-1]  # the keys have one part more: the array's header counts it
    peers = [decode(tuple[str, str, bytes], key)[2] for key, _ in state.scan(prefix)]
    read = _reading(state)
    found = ((peer, _admitted(read, peer)) for peer in peers)
    return {peer: Peer(peer, entry.node, entry.member, entry.address) for peer, entry in found if entry is not None}


def members_of(state: StateReader) -> tuple[str, ...]:
    """Return the members of the latest epoch, ascending, whatever their status; none before there is one."""
    epoch = _latest(_reading(state))
    return () if epoch is None else tuple(sorted(one.member for one in epoch.members))


def peer_admitted(state: StateReader, peer: bytes) -> bool:
    """Tell whether engines let a peer in: an active node of an active member of the latest epoch has this id."""
    return _admitted(_reading(state), peer) is not None


@dataclass(frozen=True, slots=True)
class KnownValidator:
    """An engine key that is or was registered, and whose; both are empty if the address is nobody's."""

    key: bytes = b""
    member: str = ""


def known_validator(state: StateReader, address: bytes) -> KnownValidator:
    """Return whose a validator is or was, by its address, the first 20 bytes of SHA-256 of its key.

    For people who look into what it did; nothing is decided on it.
    """
    prefix = state_key(REGISTRY, "validator-key", 0)[:-1]
    for key, value in state.scan(prefix):
        engine_key = decode(tuple[str, str, bytes], key)[2]
        if hashlib.sha256(engine_key).digest()[: len(address)] == address:
            return KnownValidator(engine_key, decode(ValidatorKey, value).member)
    return KnownValidator()


def engine_changed(changes: Iterable[bytes]) -> bool:
    """Tell whether a block that changed these keys may have changed validators or peers."""
    return any(key.startswith(_TOUCHING) for key in changes)


@contextmanager
def keeping_a_validator(ctx: Context) -> Iterator[None]:
    """Refuse what is done within if it takes away the last validator.

    Raises:
        LastValidator: there was a validator before and is none after.
    """
    had = _validators(ctx.read)
    yield
    ctx.require(not had or len(_validators(ctx.read)) > 0, LastValidator())


class EngineMembership:
    """What an application must know of members for its engine: implements ``contracts.ports.Membership``."""

    def validators(self, state: StateReader) -> Mapping[bytes, int]:
        """See ``validators_of``."""
        return validators_of(state)

    def admits(self, state: StateReader, peer: bytes) -> bool:
        """See ``peer_admitted``."""
        return peer_admitted(state, peer)

    def changed(self, changes: Iterable[bytes]) -> bool:
        """See ``engine_changed``."""
        return engine_changed(changes)


_TOUCHING = (
    state_key(NAMESPACE, "latest"),
    *(state_key(REGISTRY, part, 0)[:-1] for part in ("member", "node", "peer", "validator")),
)


def _validators(read: _Read) -> dict[bytes, int]:
    epoch = _latest(read)
    found = [_validator(read, entry.member) for entry in (epoch.members if epoch else ()) if entry.votes]
    return dict.fromkeys(sorted(key for key in found if key is not None), POWER)


def _validator(read: _Read, member: str) -> bytes | None:
    """Return the engine key of a member that is active on an active node."""
    validator = read(ValidatorState, REGISTRY, "validator", member)
    if validator is None or validator.status is not Status.ACTIVE:
        return None
    return validator.key if _active(read, member, validator.node) else None


def _admitted(read: _Read, peer: bytes) -> PeerState | None:
    entry = read(PeerState, REGISTRY, "peer", peer)
    epoch = _latest(read)
    if entry is None or entry.status is not Status.ACTIVE or epoch is None:
        return None
    belongs = any(known.member == entry.member for known in epoch.members)
    return entry if belongs and _active(read, entry.member, entry.node) else None


def _active(read: _Read, member: str, node: str) -> bool:
    who, where = read(MemberState, REGISTRY, "member", member), read(NodeState, REGISTRY, "node", node)
    return who is not None and where is not None and who.status is where.status is Status.ACTIVE


def _latest(read: _Read) -> Epoch | None:
    pointer = read(LatestEpoch, NAMESPACE, "latest")
    state = None if pointer is None else read(EpochState, NAMESPACE, "epoch", pointer.number)
    return None if state is None else state.epoch


def _reading(state: StateReader) -> _Read:
    def read(kind: type[T], namespace: str, *parts: Part) -> T | None:
        value = state.get(state_key(namespace, *parts))
        return None if value is None else decode(kind, value)

    return read

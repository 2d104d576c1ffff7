"""State values and arguments of the contract ``registry`` (docs/spec/contracts.md; S6.3a, S8.6a).

State keys: ("registry", "member", id), ("registry", "account", id), ("registry", "key", public key),
("registry", "node", id), ("registry", "super", member), ("registry", "reserved", account), ("registry", "peer", peer
id), ("registry", "node-peer", node), ("registry", "validator", member), ("registry", "validator-key", engine key).
Every key has three parts: ``directory.py`` rests on it. No person's name is on chain: ``person`` is a salted commitment
to whoever is responsible.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from xinglin.kernel.encoding import (
    ChainObject,
    Digest,
    Identifier,
    Milliseconds,
    Natural,
    PublicKey,
    Signature,
    Text,
)
from xinglin.stakeholders.kinds import MemberKind, Role, Status

NAMESPACE = "registry"
When = Annotated[tuple[Milliseconds, ...], msgspec.Meta(max_length=1)]
"""An optional time: empty, or one."""
PeerId = Annotated[bytes, msgspec.Meta(min_length=20, max_length=20)]
"""What the engine calls a node: the first 20 bytes of SHA-256 of the node's own Ed25519 key."""
EngineKey = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
"""A public key by which a validator signs in the engine: Ed25519, whatever the chain's suite."""
_PORT = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_HOST = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]"
Address = Annotated[str, msgspec.Meta(pattern=rf"\A({_HOST}):({_PORT})\Z")]
"""Where a node's engine listens: name, IPv4 or [IPv6], and port. It goes into others' settings: nothing else may."""
VALIDATOR = "validator"
"""Stands for the account in the proof of an engine key; no account can be called so."""


class MemberState(ChainObject, frozen=True, kw_only=True):
    """A member: its kind and name, its status, and the height from which it is a member."""

    kind: Literal["member"] = "member"
    version: Literal[1] = 1
    member_kind: MemberKind
    name: Text
    status: Status
    from_height: Natural


class AccountState(ChainObject, frozen=True, kw_only=True):
    """An account of a member; ``roles`` ascending and distinct."""

    kind: Literal["account"] = "account"
    version: Literal[1] = 1
    member: Identifier
    roles: tuple[Role, ...]
    person: Digest
    status: Status


class KeyState(ChainObject, frozen=True, kw_only=True):
    """Whose a signing key is, and when it was in force: from_ms <= t < until, and not compromised by then.

    ``until`` is the millisecond after the block that ended it: a block's transactions are judged on the state
    before it, so those of that very block were still signed in force.
    """

    kind: Literal["key"] = "key"
    version: Literal[1] = 1
    account: Identifier
    member: Identifier
    from_ms: Milliseconds
    until: When
    compromised: When


class NodeState(ChainObject, frozen=True, kw_only=True):
    """A node of a member and the key to which epoch keys are sealed for it."""

    kind: Literal["node"] = "node"
    version: Literal[1] = 1
    member: Identifier
    sealing_key: PublicKey
    status: Status


class PeerState(ChainObject, frozen=True, kw_only=True):
    """An engine's peer id: of which node and member it is, and where that node listens."""

    kind: Literal["peer"] = "peer"
    version: Literal[1] = 1
    node: Identifier
    member: Identifier
    address: Address
    status: Status


class NodePeer(ChainObject, frozen=True, kw_only=True):
    """The peer id that a node has now."""

    kind: Literal["node-peer"] = "node-peer"
    version: Literal[1] = 1
    peer: PeerId


class ValidatorState(ChainObject, frozen=True, kw_only=True):
    """The engine key by which a member validates, and on which of its nodes; a member has one at a time."""

    kind: Literal["validator"] = "validator"
    version: Literal[1] = 1
    node: Identifier
    key: EngineKey
    status: Status


class ValidatorKey(ChainObject, frozen=True, kw_only=True):
    """Whose an engine key is or was: it serves once."""

    kind: Literal["validator-key"] = "validator-key"
    version: Literal[1] = 1
    member: Identifier


class Reservation(ChainObject, frozen=True, kw_only=True):
    """An account id that a proposal names for an applicant: until that height it serves no other member."""

    kind: Literal["reservation"] = "reservation"
    version: Literal[1] = 1
    member: Identifier
    until_height: Natural


class SuperAdministrator(ChainObject, frozen=True):
    """An active super administrator and the number of its keys that have not ended."""

    account: Identifier
    keys: Natural


class SuperAdministrators(ChainObject, frozen=True, kw_only=True):
    """The super administrators of a member, by account id ascending: the last key can't be taken away."""

    kind: Literal["super-administrators"] = "super-administrators"
    version: Literal[1] = 1
    accounts: tuple[SuperAdministrator, ...]


class AddAccount(ChainObject, frozen=True):
    """registry.add_account: a new account of the caller's member with its first key and the proof of it."""

    account: Identifier
    roles: tuple[Role, ...]
    person: Digest
    key: PublicKey
    proof: Signature


class EndAccount(ChainObject, frozen=True):
    """registry.end_account: the account signs no more."""

    account: Identifier


class AddKey(ChainObject, frozen=True):
    """registry.add_key: one more key of an account of the caller's member, or of the caller itself."""

    account: Identifier
    key: PublicKey
    proof: Signature


class EndKey(ChainObject, frozen=True):
    """registry.end_key: the key ends with this block; ``compromised``: since when others may have had it."""

    key: PublicKey
    compromised: When


class AddNode(ChainObject, frozen=True):
    """registry.add_node: a node of the caller's member, and the key to which epoch keys are sealed for it."""

    node: Identifier
    sealing_key: PublicKey


class EndNode(ChainObject, frozen=True):
    """registry.end_node: the node gets no further epoch keys."""

    node: Identifier


class SetPeer(ChainObject, frozen=True):
    """registry.set_peer: the peer id of a node of the caller's member and where it listens, in place of the last."""

    node: Identifier
    peer: PeerId
    address: Address


class SetValidator(ChainObject, frozen=True):
    """registry.set_validator: the engine key by which the caller's member validates, in place of the last.

    ``proof``: by ``key``, over the proof of key with the account ``validator``.
    """

    node: Identifier
    key: EngineKey
    proof: Signature


class EndValidator(ChainObject, frozen=True):
    """registry.end_validator: the caller's member validates no more."""

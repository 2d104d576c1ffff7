"""The contract ``registry`` version 1: accounts, keys, nodes, engine keys (docs/spec/contracts.md RG1 to RG13; S6.3a).

Members come and go by ``governance``. Nothing is deleted, only ended, and a key once registered is never
registered again. Pure: state through the context alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from xinglin.carrier.access.governance.validators import keeping_a_validator
from xinglin.carrier.access.policy.rules import guarded
from xinglin.carrier.access.registry import entries
from xinglin.carrier.access.registry.errors import (
    AccountEnded,
    AccountUnknown,
    CompromiseTimeInvalid,
    KeyEnded,
    KeyUnknown,
    NodeEnded,
    NodeExists,
    NodeUnknown,
    PeerExists,
    RoleNotManaged,
    ValidatorKeyExists,
    ValidatorUnknown,
    ValidatorUnproven,
)
from xinglin.carrier.access.registry.model import (
    NAMESPACE,
    VALIDATOR,
    AccountState,
    AddAccount,
    AddKey,
    AddNode,
    EndAccount,
    EndKey,
    EndNode,
    EndValidator,
    KeyState,
    NodePeer,
    NodeState,
    PeerState,
    SetPeer,
    SetValidator,
    SuperAdministrators,
    ValidatorKey,
    ValidatorState,
)
from xinglin.carrier.access.registry.rules import grants, manages, with_key, without
from xinglin.carrier.contracts.api import Context, Contract, Method
from xinglin.carrier.ledger.genesis import key_proof_message
from xinglin.carrier.ledger.model import FoundingAccount
from xinglin.stakeholders.kinds import Role, Status

Items = Sequence[bytes]


def add_account(ctx: Context, call: AddAccount, _: Items) -> None:
    """Create an account of the caller's member, of roles that the caller manages."""
    ctx.require(grants(ctx.caller, call.roles), RoleNotManaged(account=call.account))
    account = FoundingAccount(call.account, call.roles, call.person, call.key, call.proof)
    entries.enter_account(ctx, ctx.caller.member, account)
    ctx.emit("account", call.account)


def end_account(ctx: Context, call: EndAccount, _: Items) -> None:
    """End an account; its keys stay as they are, and sign no more because the account has ended."""
    account = _active_account(ctx, call.account)
    ctx.put(replace(account, status=Status.ENDED), "account", call.account)
    if Role.SUPER_ADMINISTRATOR in account.roles:
        known = entries.super_administrators(ctx, account.member)
        _keep(ctx, account.member, SuperAdministrators(accounts=without(known.accounts, call.account)))
    ctx.emit("account", call.account)


def add_key(ctx: Context, call: AddKey, _: Items) -> None:
    """Register one more key of an account, in force from the next block on."""
    account = _active_account(ctx, call.account)
    entries.enter_key(ctx, call.account, account, call.key, call.proof)
    ctx.emit("account", call.account)


def end_key(ctx: Context, call: EndKey, _: Items) -> None:
    """End a key with this block, or say of an ended one that it was compromised earlier than known."""
    key = ctx.get(KeyState, "key", call.key)
    if key is None:
        raise KeyUnknown(key=call.key)
    account = _account(ctx, key.account)
    if call.compromised:
        # Only who manages the account says so: else a signer could disown what it signed.
        ctx.require(manages(ctx.caller, account), RoleNotManaged(account=key.account))
        since = call.compromised[0]
        ctx.require(since <= ctx.time, CompromiseTimeInvalid(compromised=since, time=ctx.time))
    compromised = tuple(sorted(key.compromised + call.compromised)[:1])
    ended = replace(key, until=key.until or (ctx.time + 1,), compromised=compromised)
    ctx.require(ended != key, KeyEnded(key=call.key))
    ctx.put(ended, "key", call.key)
    if not key.until and account.status is Status.ACTIVE and Role.SUPER_ADMINISTRATOR in account.roles:
        known = entries.super_administrators(ctx, key.member)
        _keep(ctx, key.member, SuperAdministrators(accounts=with_key(known.accounts, key.account, -1)))
    ctx.emit("account", key.account)


def add_node(ctx: Context, call: AddNode, _: Items) -> None:
    """Register a node of the caller's member."""
    ctx.require(ctx.get(NodeState, "node", call.node) is None, NodeExists(node=call.node))
    node = NodeState(member=ctx.caller.member, sealing_key=call.sealing_key, status=Status.ACTIVE)
    ctx.put(node, "node", call.node)
    ctx.emit("node", call.node)


def end_node(ctx: Context, call: EndNode, _: Items) -> None:
    """End a node of the caller's member, and with it what its engine was registered for."""
    node = _active_node(ctx, call.node)
    with keeping_a_validator(ctx):
        ctx.put(replace(node, status=Status.ENDED), "node", call.node)
    ctx.emit("node", call.node)


def set_peer(ctx: Context, call: SetPeer, _: Items) -> None:
    """Say by which peer id a node of the caller's member is known to the engines, and where it listens."""
    _active_node(ctx, call.node)
    known = ctx.get(PeerState, "peer", call.peer)
    free = known is None or (known.node == call.node and known.status is Status.ACTIVE)
    ctx.require(free, PeerExists(peer=call.peer))
    before = ctx.get(NodePeer, "node-peer", call.node)
    replaced = None if before is None else ctx.get(PeerState, "peer", before.peer)
    if before is not None and replaced is not None:
        ctx.put(replace(replaced, status=Status.ENDED), "peer", before.peer)
    peer = PeerState(node=call.node, member=ctx.caller.member, address=call.address, status=Status.ACTIVE)
    ctx.put(peer, "peer", call.peer)
    ctx.put(NodePeer(peer=call.peer), "node-peer", call.node)
    ctx.emit("peer", call.peer)


def set_validator(ctx: Context, call: SetValidator, _: Items) -> None:
    """Register the engine key by which the caller's member validates; the one before validates no more."""
    member = ctx.caller.member
    _active_node(ctx, call.node)
    ctx.require(ctx.get(ValidatorKey, "validator-key", call.key) is None, ValidatorKeyExists(key=call.key))
    message = key_proof_message(ctx.hash, ctx.chain, member, VALIDATOR, call.key)
    ctx.require(ctx.verify_engine_signature(call.key, message, call.proof), ValidatorUnproven(member=member))
    ctx.put(ValidatorKey(member=member), "validator-key", call.key)
    ctx.put(ValidatorState(node=call.node, key=call.key, status=Status.ACTIVE), "validator", member)
    ctx.emit("node", call.node)


def end_validator(ctx: Context, _: EndValidator, __: Items) -> None:
    """End the validator of the caller's member."""
    member = ctx.caller.member
    validator = ctx.get(ValidatorState, "validator", member)
    if validator is None or validator.status is Status.ENDED:
        raise ValidatorUnknown(member=member)
    with keeping_a_validator(ctx):
        ctx.put(replace(validator, status=Status.ENDED), "validator", member)
    ctx.emit("node", validator.node)


def _active_node(ctx: Context, name: str) -> NodeState:
    """Return a node of the caller's member that has not ended."""
    node = ctx.get(NodeState, "node", name)
    if node is None or node.member != ctx.caller.member:
        raise NodeUnknown(node=name)
    ctx.require(node.status is not Status.ENDED, NodeEnded(node=name))
    return node


def _account(ctx: Context, name: str) -> AccountState:
    """Return an account that the caller is or manages."""
    account = ctx.get(AccountState, "account", name)
    if account is None or account.member != ctx.caller.member:
        raise AccountUnknown(account=name)
    ctx.require(ctx.caller.account == name or manages(ctx.caller, account), RoleNotManaged(account=name))
    return account


def _active_account(ctx: Context, name: str) -> AccountState:
    account = _account(ctx, name)
    ctx.require(account.status is Status.ACTIVE, AccountEnded(account=name))
    return account


def _keep(ctx: Context, member: str, left: SuperAdministrators) -> None:
    entries.require_super_administrator(ctx, member, left)
    ctx.put(left, "super", member)


CONTRACT = Contract(
    name=NAMESPACE,
    version=1,
    methods=guarded(
        NAMESPACE,
        {
            "add_account": Method(AddAccount, add_account),
            "end_account": Method(EndAccount, end_account),
            "add_key": Method(AddKey, add_key),
            "end_key": Method(EndKey, end_key),
            "add_node": Method(AddNode, add_node),
            "end_node": Method(EndNode, end_node),
            "set_peer": Method(SetPeer, set_peer),
            "set_validator": Method(SetValidator, set_validator),
            "end_validator": Method(EndValidator, end_validator),
        },
    ),
    namespaces=(NAMESPACE,),
)

"""Writes members, accounts and keys into the registry: what ``registry`` and an accepted application share.

Each function checks what every way in must meet (ids and keys are new, keys are proven, roles are in form);
who may ask for it is checked by the caller. All write to the namespace ``registry``.
"""

from __future__ import annotations

from msgspec.structs import replace

from xinglin.carrier.access.registry.errors import (
    AccountExists,
    AccountReserved,
    KeyExists,
    KeyUnproven,
    RolesInvalid,
    SuperAdministratorNeeded,
)
from xinglin.carrier.access.registry.model import (
    NAMESPACE,
    AccountState,
    KeyState,
    MemberState,
    Reservation,
    SuperAdministrators,
)
from xinglin.carrier.access.registry.rules import manageable, roles_in_form, with_key
from xinglin.carrier.contracts.api import Context
from xinglin.carrier.ledger.genesis import key_proof_message
from xinglin.carrier.ledger.model import Founder, FoundingAccount
from xinglin.stakeholders.kinds import Role, Status


def check_account(ctx: Context, member: str, account: FoundingAccount) -> None:
    """Check that a member may get an account with its first key.

    Raises:
        RolesInvalid: roles are empty, not ascending or not distinct.
        AccountExists: the id is taken.
        AccountReserved: the id is that of another member's applicant.
        KeyExists, KeyUnproven: as ``check_key``.
    """
    ctx.require(roles_in_form(account.roles), RolesInvalid(account=account.account))
    taken = ctx.read(AccountState, NAMESPACE, "account", account.account)
    ctx.require(taken is None, AccountExists(account=account.account))
    held = ctx.read(Reservation, NAMESPACE, "reserved", account.account)
    free = held is None or held.member == member or ctx.height >= held.until_height
    ctx.require(free, AccountReserved(account=account.account))
    check_key(ctx, member, account.account, account.key, account.proof)


def check_key(ctx: Context, member: str, account: str, key: bytes, proof: bytes) -> None:
    """Check that a key may be registered for an account.

    Raises:
        KeyExists: the key is or was registered, for whomever.
        KeyUnproven: the proof of key does not verify.
    """
    ctx.require(ctx.read(KeyState, NAMESPACE, "key", key) is None, KeyExists(key=key))
    message = key_proof_message(ctx.hash, ctx.chain, member, account, key)
    ctx.require(ctx.verify_signature(key, message, proof), KeyUnproven(member=member, account=account))


def enter_member(ctx: Context, founder: Founder) -> None:
    """Register an accepted applicant with its accounts, active from this block on; raises as ``check_account``."""
    member = MemberState(member_kind=founder.kind, name=founder.name, status=Status.ACTIVE, from_height=ctx.height)
    ctx.put(member, "member", founder.member, namespace=NAMESPACE)
    for account in founder.accounts:
        enter_account(ctx, founder.member, account)


def reserve_account(ctx: Context, member: str, account: str, until_height: int) -> None:
    """Keep an id that a proposal has made public for the applicant whose account it will be."""
    held = ctx.read(Reservation, NAMESPACE, "reserved", account)
    if held is not None and held.member == member:
        until_height = max(until_height, held.until_height)
    ctx.put(Reservation(member=member, until_height=until_height), "reserved", account, namespace=NAMESPACE)


def enter_account(ctx: Context, member: str, account: FoundingAccount) -> None:
    """Register an account of a member with its first key; raises as ``check_account``."""
    check_account(ctx, member, account)
    state = AccountState(member=member, roles=account.roles, person=account.person, status=Status.ACTIVE)
    ctx.put(state, "account", account.account, namespace=NAMESPACE)
    _put_key(ctx, account.account, state, account.key)


def enter_key(ctx: Context, account: str, state: AccountState, key: bytes, proof: bytes) -> None:
    """Register one more key of an account, in force from this block's time on; raises as ``check_key``."""
    check_key(ctx, state.member, account, key, proof)
    _put_key(ctx, account, state, key)


def read_member(ctx: Context, member: str) -> MemberState | None:
    """Return a member of the chain, None when there is none of that id."""
    return ctx.read(MemberState, NAMESPACE, "member", member)


def set_status(ctx: Context, member: str, status: Status) -> None:
    """Suspend, end or restore a member of the chain."""
    state = read_member(ctx, member)
    if state is not None:
        ctx.put(replace(state, status=status), "member", member, namespace=NAMESPACE)


def super_administrators(ctx: Context, member: str) -> SuperAdministrators:
    """Return the active super administrators of a member, possibly none."""
    known = ctx.read(SuperAdministrators, NAMESPACE, "super", member)
    return known or SuperAdministrators(accounts=())


def require_super_administrator(ctx: Context, member: str, left: SuperAdministrators) -> None:
    """Refuse to leave a member without a super administrator that has a key.

    Raises:
        SuperAdministratorNeeded: there would be none.
    """
    ctx.require(manageable(left.accounts), SuperAdministratorNeeded(member=member))


def _put_key(ctx: Context, account: str, state: AccountState, key: bytes) -> None:
    entry = KeyState(account=account, member=state.member, from_ms=ctx.time, until=(), compromised=())
    ctx.put(entry, "key", key, namespace=NAMESPACE)
    if Role.SUPER_ADMINISTRATOR in state.roles:
        known = super_administrators(ctx, state.member)
        changed = SuperAdministrators(accounts=with_key(known.accounts, account, 1))
        ctx.put(changed, "super", state.member, namespace=NAMESPACE)

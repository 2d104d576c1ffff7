"""Pure rules of the registry: well-formed roles, who manages whom, super administrators left, keys in force."""

from __future__ import annotations

from collections.abc import Sequence

from xinglin.carrier.access.registry.model import AccountState, KeyState, SuperAdministrator
from xinglin.stakeholders.caller import Caller
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.rights import grantable


def roles_in_form(roles: Sequence[Role]) -> bool:
    """Tell whether roles are one or more, ascending and distinct."""
    return len(roles) > 0 and list(roles) == sorted(set(roles))


def grants(caller: Caller, roles: Sequence[Role]) -> bool:
    """Tell whether the caller may create and manage accounts that have all of ``roles``."""
    return grantable(caller.roles).issuperset(roles)


def manages(caller: Caller, account: AccountState) -> bool:
    """Tell whether the caller manages an account of its own member by its role."""
    return caller.member == account.member and grants(caller, account.roles)


def with_key(accounts: Sequence[SuperAdministrator], account: str, change: int) -> tuple[SuperAdministrator, ...]:
    """Return super administrators, by account id, with ``change`` more keys of one, who may be new."""
    keys = {entry.account: entry.keys for entry in accounts}
    keys[account] = keys.get(account, 0) + change
    return tuple(SuperAdministrator(name, keys[name]) for name in sorted(keys))


def without(accounts: Sequence[SuperAdministrator], account: str) -> tuple[SuperAdministrator, ...]:
    """Return super administrators without one of them."""
    return tuple(entry for entry in accounts if entry.account != account)


def manageable(accounts: Sequence[SuperAdministrator]) -> bool:
    """Tell whether at least one super administrator has a key that has not ended."""
    return any(entry.keys > 0 for entry in accounts)


def in_force(key: KeyState, time: int) -> bool:
    """Tell whether a key was in force at a time, ms (docs/spec/contracts.md RG3, RG6, RG7)."""
    ended = key.until and time >= key.until[0]
    compromised = key.compromised and time >= key.compromised[0]
    return key.from_ms <= time and not ended and not compromised

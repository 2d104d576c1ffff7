"""The contract registry: one valid call, one change, one refusal, nothing moved."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.support.contract_parties import Consortium, Key, Party, new_id
from xinglin.carrier.access.policy.errors import RoleDenied
from xinglin.carrier.access.registry.errors import (
    AccountEnded,
    AccountExists,
    AccountUnknown,
    CompromiseTimeInvalid,
    KeyEnded,
    KeyExists,
    KeyUnknown,
    KeyUnproven,
    NodeEnded,
    NodeExists,
    NodeUnknown,
    RoleNotManaged,
    RolesInvalid,
    SuperAdministratorNeeded,
)
from xinglin.carrier.access.registry.model import (
    AccountState,
    AddAccount,
    AddKey,
    AddNode,
    EndAccount,
    EndKey,
    EndNode,
    KeyState,
    NodeState,
)
from xinglin.carrier.contracts.api import Caller
from xinglin.kernel.encoding import ChainObject
from xinglin.kernel.errors import PlatformError
from xinglin.stakeholders.kinds import Role, Status

Call = tuple[Caller, str, ChainObject]


def account_call(c: Consortium, *roles: Role, by: Role = Role.SUPER_ADMINISTRATOR) -> tuple[Call, Key]:
    """Return a valid call that adds an account of the hospital, and the account's key."""
    key, account = Key(c.ledger.suite), new_id()
    proof = key.prove(c.ledger.chain, c.hospital.member, account)
    return (
        c.hospital.caller(by),
        "registry.add_account",
        AddAccount(account, roles, bytes(32), key.public, proof),
    ), key


def key_call(c: Consortium, party: Party, role: Role, by: Role) -> tuple[Call, Key]:
    """Return a valid call that adds a key to the account of ``role``."""
    key, account = Key(c.ledger.suite), party.accounts[role][0]
    proof = key.prove(c.ledger.chain, party.member, account)
    return (party.caller(by), "registry.add_key", AddKey(account, key.public, proof)), key


def refused(c: Consortium, call: Call, refusal: type[PlatformError]) -> PlatformError:
    """Call, expect a refusal and an unchanged state; return the refusal."""
    before = dict(c.ledger.state)
    with pytest.raises(refusal) as caught:
        c.ledger.call(*call)
    assert type(caught.value) is refusal
    assert c.ledger.state == before
    return caught.value


@pytest.mark.requirement("S6.3a")
@pytest.mark.parametrize(
    ("by", "role"),
    [(Role.SUPER_ADMINISTRATOR, Role.SUPER_ADMINISTRATOR), (Role.SUPER_ADMINISTRATOR, Role.ADMINISTRATOR)]
    + [(Role.ADMINISTRATOR, role) for role in list(Role)[2:]],
)
def test_an_administrator_adds_an_account(consortium: Consortium, by: Role, role: Role) -> None:
    call, key = account_call(consortium, role, by=by)
    account = call[2].account  # type: ignore[attr-defined]
    assert consortium.ledger.call(*call) == {"account": account}
    assert consortium.ledger.value(AccountState, "registry", "account", account) == AccountState(
        member=consortium.hospital.member, roles=(role,), person=bytes(32), status=Status.ACTIVE
    )
    entry = consortium.ledger.value(KeyState, "registry", "key", key.public)
    assert entry is not None
    assert (entry.account, entry.from_ms, entry.until) == (account, consortium.ledger.time, ())


@pytest.mark.requirement("S6.3a")
@pytest.mark.parametrize("role", [Role.SUPER_ADMINISTRATOR, Role.ADMINISTRATOR])
def test_an_administrator_adds_no_administrator(consortium: Consortium, role: Role) -> None:
    call, _ = account_call(consortium, role, by=Role.ADMINISTRATOR)
    refused(consortium, call, RoleNotManaged)


@pytest.mark.requirement("S6.2a1")
@pytest.mark.parametrize("role", list(Role)[2:])
def test_nobody_else_adds_accounts(consortium: Consortium, role: Role) -> None:
    call, _ = account_call(consortium, Role.PRACTITIONER, by=role)
    refused(consortium, call, RoleDenied)


Change = Callable[[Consortium, AddAccount], ChainObject]


def taken(c: Consortium, a: AddAccount) -> AddAccount:
    """Return the call with the id of an account that exists, proven for it."""
    account, key = c.hospital.accounts[Role.DEVICE][0], Key(c.ledger.suite)
    return replace(a, account=account, key=key.public, proof=key.prove(c.ledger.chain, c.hospital.member, account))


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda _, a: replace(a, roles=()), RolesInvalid),
        (lambda _, a: replace(a, roles=(Role.DEVICE, Role.DEVICE)), RolesInvalid),
        (lambda _, a: replace(a, roles=(Role.SERVICE, Role.DEVICE)), RolesInvalid),
        (taken, AccountExists),
        (lambda c, a: replace(a, key=c.other.accounts[Role.SUPER_ADMINISTRATOR][1].public), KeyExists),
        (lambda _, a: replace(a, proof=bytes(64)), KeyUnproven),
        (lambda _, a: replace(a, account=new_id()), KeyUnproven),
        (lambda _, a: replace(a, key=b"\x04" + bytes(64)), KeyUnproven),
        (lambda _, a: replace(a, key=bytes(32)), KeyUnproven),
    ],
)
def test_one_change_and_the_account_is_refused(
    consortium: Consortium, change: Change, refusal: type[PlatformError]
) -> None:
    (who, method, arguments), _ = account_call(consortium, Role.PRACTITIONER)
    assert isinstance(arguments, AddAccount)
    refused(consortium, (who, method, change(consortium, arguments)), refusal)


def test_a_proof_of_key_for_another_chain_or_member_is_refused(consortium: Consortium) -> None:
    (who, method, arguments), key = account_call(consortium, Role.PRACTITIONER)
    assert isinstance(arguments, AddAccount)
    for scope, member in (
        ("genesis", consortium.hospital.member),
        (consortium.ledger.chain, consortium.other.member),
    ):
        proof = key.prove(scope, member, arguments.account)
        refused(consortium, (who, method, replace(arguments, proof=proof)), KeyUnproven)


def test_an_account_ends_and_nothing_more_is_done_to_it(consortium: Consortium) -> None:
    account = consortium.hospital.accounts[Role.PRACTITIONER][0]
    manager = consortium.hospital.caller(Role.ADMINISTRATOR)
    consortium.ledger.call(manager, "registry.end_account", EndAccount(account))
    state = consortium.ledger.value(AccountState, "registry", "account", account)
    assert state is not None
    assert state.status is Status.ENDED
    refused(consortium, (manager, "registry.end_account", EndAccount(account)), AccountEnded)
    call, _ = key_call(consortium, consortium.hospital, Role.PRACTITIONER, Role.ADMINISTRATOR)
    refused(consortium, call, AccountEnded)


@pytest.mark.parametrize(
    ("whose", "by", "refusal"),
    [
        (Role.SUPER_ADMINISTRATOR, Role.ADMINISTRATOR, RoleNotManaged),
        (Role.DEVICE, Role.PRACTITIONER, RoleNotManaged),
    ],
)
def test_who_does_not_manage_an_account_does_not_touch_it(
    consortium: Consortium, whose: Role, by: Role, refusal: type[PlatformError]
) -> None:
    account, key = consortium.hospital.accounts[whose]
    who = consortium.hospital.caller(by)
    refused(consortium, (who, "registry.end_account", EndAccount(account)), refusal)
    refused(consortium, key_call(consortium, consortium.hospital, whose, by)[0], refusal)
    refused(consortium, (who, "registry.end_key", EndKey(key.public, ())), refusal)


def test_another_member_does_not_touch_an_account(consortium: Consortium) -> None:
    account, key = consortium.hospital.accounts[Role.DEVICE]
    who = consortium.other.caller(Role.SUPER_ADMINISTRATOR)
    refused(consortium, (who, "registry.end_account", EndAccount(account)), AccountUnknown)
    refused(consortium, (who, "registry.end_key", EndKey(key.public, ())), AccountUnknown)
    refused(consortium, (who, "registry.end_account", EndAccount(new_id())), AccountUnknown)


def test_an_account_keeps_its_own_keys(consortium: Consortium) -> None:
    call, key = key_call(consortium, consortium.hospital, Role.DEVICE, Role.DEVICE)
    consortium.ledger.call(*call)
    consortium.ledger.time += 5
    device = consortium.hospital.caller(Role.DEVICE)
    consortium.ledger.call(device, "registry.end_key", EndKey(device.key, ()))
    old = consortium.ledger.value(KeyState, "registry", "key", device.key)
    new = consortium.ledger.value(KeyState, "registry", "key", key.public)
    assert old is not None
    assert new is not None
    assert (old.until, old.compromised) == ((consortium.ledger.time + 1,), ())
    assert new.until == ()
    refused(consortium, call, KeyExists)
    refused(consortium, (device, "registry.end_key", EndKey(device.key, ())), KeyEnded)


def test_a_key_is_known_and_its_compromise_is_not_in_the_future(consortium: Consortium) -> None:
    who, time = consortium.hospital.caller(Role.ADMINISTRATOR), consortium.ledger.time
    key = consortium.hospital.accounts[Role.DEVICE][1].public
    refused(consortium, (who, "registry.end_key", EndKey(bytes(65), ())), KeyUnknown)
    error = refused(consortium, (who, "registry.end_key", EndKey(key, (time + 1,))), CompromiseTimeInvalid)
    assert error.facts == {"compromised": time + 1, "time": time}


def test_a_compromise_is_only_ever_found_to_be_earlier(consortium: Consortium) -> None:
    who, time = consortium.hospital.caller(Role.ADMINISTRATOR), consortium.ledger.time
    key = consortium.hospital.accounts[Role.DEVICE][1].public
    consortium.ledger.call(who, "registry.end_key", EndKey(key, (time - 10,)))
    refused(consortium, (who, "registry.end_key", EndKey(key, (time - 9,))), KeyEnded)
    consortium.ledger.time += 100
    consortium.ledger.call(who, "registry.end_key", EndKey(key, (time - 50,)))
    state = consortium.ledger.value(KeyState, "registry", "key", key)
    assert state is not None
    assert (state.until, state.compromised) == ((time + 1,), (time - 50,))


def test_a_signer_can_not_disown_its_past_signatures(consortium: Consortium) -> None:
    doctor = consortium.hospital.caller(Role.PRACTITIONER)
    call = (doctor, "registry.end_key", EndKey(doctor.key, (consortium.ledger.time - 1,)))
    refused(consortium, call, RoleNotManaged)


@pytest.mark.requirement("S6.3a")
def test_the_last_super_administrator_stays(consortium: Consortium) -> None:
    boss = consortium.hospital.caller(Role.SUPER_ADMINISTRATOR)
    error = refused(consortium, (boss, "registry.end_account", EndAccount(boss.account)), SuperAdministratorNeeded)
    assert error.facts == {"member": consortium.hospital.member}
    refused(consortium, (boss, "registry.end_key", EndKey(boss.key, ())), SuperAdministratorNeeded)
    call, _ = account_call(consortium, Role.SUPER_ADMINISTRATOR)
    consortium.ledger.call(*call)
    consortium.ledger.call(boss, "registry.end_account", EndAccount(boss.account))
    successor = replace_caller(boss, call)
    own_key = EndKey(successor.key, ())
    refused(consortium, (successor, "registry.end_key", own_key), SuperAdministratorNeeded)


def replace_caller(old: Caller, call: Call) -> Caller:
    """Return the caller that an added account is."""
    added = call[2]
    assert isinstance(added, AddAccount)
    return Caller(added.key, added.account, old.member, old.member_kind, frozenset(added.roles))


def test_a_super_administrator_changes_its_key(consortium: Consortium) -> None:
    boss = consortium.hospital.caller(Role.SUPER_ADMINISTRATOR)
    call, key = key_call(consortium, consortium.hospital, Role.SUPER_ADMINISTRATOR, Role.SUPER_ADMINISTRATOR)
    consortium.ledger.call(*call)
    consortium.ledger.call(boss, "registry.end_key", EndKey(boss.key, (consortium.ledger.time,)))
    refused(consortium, (boss, "registry.end_key", EndKey(key.public, ())), SuperAdministratorNeeded)


def test_a_node_comes_and_ends(consortium: Consortium) -> None:
    node, ledger = new_id(), consortium.ledger
    who = consortium.hospital.caller(Role.ADMINISTRATOR)
    sealing = ledger.suite.encryption_public_key(ledger.suite.generate_encryption_key())
    ledger.call(who, "registry.add_node", AddNode(node, sealing))
    assert ledger.value(NodeState, "registry", "node", node) == NodeState(
        member=consortium.hospital.member, sealing_key=sealing, status=Status.ACTIVE
    )
    other = consortium.other.caller(Role.SUPER_ADMINISTRATOR)
    refused(consortium, (other, "registry.add_node", AddNode(node, sealing)), NodeExists)
    refused(consortium, (other, "registry.end_node", EndNode(node)), NodeUnknown)
    refused(consortium, (who, "registry.end_node", EndNode(new_id())), NodeUnknown)
    ledger.call(who, "registry.end_node", EndNode(node))
    refused(consortium, (who, "registry.end_node", EndNode(node)), NodeEnded)
    refused(consortium, (who, "registry.add_node", AddNode(node, sealing)), NodeExists)

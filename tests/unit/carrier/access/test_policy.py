"""The policy: who may call what, and which rule decided."""

from __future__ import annotations

import pytest

from tests.support.fake_context import FakeContext, FakeLedger
from xinglin.carrier.access.governance.contract import CONTRACT as GOVERNANCE
from xinglin.carrier.access.policy.errors import KindDenied, RightUnlisted, RoleDenied
from xinglin.carrier.access.policy.rules import Decision, Rule, decide, guarded
from xinglin.carrier.access.registry.contract import CONTRACT as REGISTRY
from xinglin.carrier.access.registry.model import EndNode
from xinglin.carrier.contracts.api import Caller, Method
from xinglin.carrier.crypto.suite import suite
from xinglin.kernel.errors import PlatformError
from xinglin.stakeholders.kinds import MemberKind, Role
from xinglin.stakeholders.rights import RIGHTS, grantable


def caller(kind: MemberKind, *roles: Role) -> Caller:
    """Return a caller of that kind and those roles."""
    return Caller(b"k", "a" * 26, "b" * 26, kind, frozenset(roles))


@pytest.mark.requirement("S5.2", "S6.3a")
@pytest.mark.parametrize(
    ("who", "contract", "method", "expected"),
    [
        (caller(MemberKind.MEDICAL_INSTITUTION, Role.SERVICE), "records", "register", Rule.GRANTED),
        (caller(MemberKind.MEDICAL_INSTITUTION, Role.PRACTITIONER), "records", "register", Rule.GRANTED),
        (caller(MemberKind.MEDICAL_INSTITUTION, Role.ADMINISTRATOR), "records", "register", Rule.ROLE),
        (caller(MemberKind.SUPPLIER, Role.SERVICE), "records", "register", Rule.KIND),
        (caller(MemberKind.DATA_USER, Role.ADMINISTRATOR), "audience", "epoch", Rule.KIND),
        (caller(MemberKind.REGULATOR, Role.AUDITOR), "anchor", "acknowledge", Rule.GRANTED),
        (caller(MemberKind.MEDICAL_INSTITUTION, Role.AUDITOR), "anchor", "acknowledge", Rule.KIND),
        (caller(MemberKind.REGULATOR, Role.SUPER_ADMINISTRATOR), "registry", "drop", Rule.UNLISTED),
        (caller(MemberKind.REGULATOR), "registry", "end_key", Rule.ROLE),
    ],
)
def test_the_rule_that_decides_is_named(who: Caller, contract: str, method: str, expected: Rule) -> None:
    assert decide(who, contract, method) == Decision(expected is Rule.GRANTED, expected)


@pytest.mark.requirement("S5.2")
def test_each_kind_of_member_has_rights_of_its_own() -> None:
    granted = {
        kind: frozenset(name for name in RIGHTS if any(decide(caller(kind, role), *name).permit for role in Role))
        for kind in MemberKind
    }
    assert ("records", "register") in granted[MemberKind.MEDICAL_INSTITUTION]
    assert ("anchor", "acknowledge") in granted[MemberKind.REGULATOR]
    assert granted[MemberKind.DATA_USER] < granted[MemberKind.TECHNOLOGY_PROVIDER]


@pytest.mark.requirement("S6.3a")
def test_administrators_manage_all_roles_but_their_own() -> None:
    assert grantable(frozenset({Role.SUPER_ADMINISTRATOR})) == set(Role)
    assert set(Role) - grantable(frozenset({Role.ADMINISTRATOR})) == {
        Role.SUPER_ADMINISTRATOR,
        Role.ADMINISTRATOR,
    }
    assert grantable(frozenset(Role) - {Role.SUPER_ADMINISTRATOR, Role.ADMINISTRATOR}) == set()


@pytest.mark.requirement("S6.2a1")
@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        (caller(MemberKind.SUPPLIER, Role.ADMINISTRATOR), KindDenied),
        (caller(MemberKind.MEDICAL_INSTITUTION, Role.ADMINISTRATOR), RoleDenied),
    ],
)
def test_a_guarded_method_does_not_run_for_others(who: Caller, refusal: type[PlatformError]) -> None:
    ran: list[object] = []
    methods = guarded("records", {"register": Method(EndNode, lambda *call: ran.append(call))})
    context = FakeContext(FakeLedger(suite("gm"), "c" * 27, (REGISTRY,)), REGISTRY, [who], ())
    with pytest.raises(refusal) as refused:
        methods["register"].run(context, EndNode("a" * 26), ())
    assert refused.value.facts["method"] == "register"
    assert ran == []


def test_a_method_that_the_table_lacks_is_nobodys() -> None:
    methods = guarded("registry", {"drop": Method(EndNode, lambda *_: None)})
    who = caller(MemberKind.REGULATOR, *Role)
    context = FakeContext(FakeLedger(suite("gm"), "c" * 27, (REGISTRY,)), REGISTRY, [who], ())
    with pytest.raises(RightUnlisted):
        methods["drop"].run(context, EndNode("a" * 26), ())


@pytest.mark.parametrize("contract", [REGISTRY, GOVERNANCE], ids=lambda contract: contract.name)
def test_the_table_lists_the_methods_of_each_contract(contract: object) -> None:
    assert {method for name, method in RIGHTS if name == contract.name} == set(contract.methods)  # type: ignore[attr-defined]

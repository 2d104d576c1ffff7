"""Emergency grants of another institution: what is let in, and every way to turn one to something else."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest

from tests.support.contract_parties import Consortium, Key, new_id
from tests.support.protection_home import ProtectionHome
from xinglin.carrier.access.registry.model import AddAccount, EndAccount, EndKey, MemberState
from xinglin.carrier.ledger.build import Signer
from xinglin.kernel.encoding import encode, state_key
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.audit.messages import EmergencyGrant, SignedGrant
from xinglin.service.basic.protection.break_glass import BreakGlass, BreakGlassLimits, Emergency
from xinglin.service.basic.protection.break_glass_errors import (
    BreakGlassDenied,
    BreakGlassHours,
    BreakGlassQuota,
    BreakGlassReason,
    GrantNotTheirs,
    GrantRefused,
    GrantRunning,
    GrantsOfMember,
)
from xinglin.service.basic.protection.foreign_grants import ForeignGrants, grant_hash, issue
from xinglin.service.basic.protection.model import Rule, Target
from xinglin.service.basic.protection.permit_errors import BreakGlassEnded, ReviewOverdue
from xinglin.service.basic.protection.rules import decide
from xinglin.service.basic.protection.service import Asked
from xinglin.stakeholders.kinds import Role, Status
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Action, Purpose

HOUR = 3_600_000
FAINTED = Emergency(hours=4, reason="unconscious after a fall", level=Level.STRICT, special=Special.HIV)
TARGET = Target(Category.HEALTH_STATUS, Level.NARROW)


@dataclass
class Ward:
    """A practitioner of the hospital ``here``, and the custodian ``there`` with a patient whom both know by a link."""

    c: Consortium
    here: ProtectionHome
    there: ProtectionHome
    limits: BreakGlassLimits | None = None
    person: bytes = b""
    link: bytes = b""
    grants: ForeignGrants = field(init=False)

    def __post_init__(self) -> None:
        self.person, self.link = self.linked()
        there = self.there
        glass = BreakGlass(there.party.member, there.world, there.store, os.urandom, self.limits)

        def person_of(link: bytes, member: str) -> bytes | None:
            return there.persons.linked(member, link)

        self.grants = ForeignGrants(there.suite, there.node, there.world, glass, person_of)

    @property
    def now(self) -> int:
        return self.c.ledger.time

    def linked(self) -> tuple[bytes, bytes]:
        """Return a patient of the custodian and the link that the hospital has of the patient."""
        person, link = self.there.patient(), os.urandom(16)
        self.there.persons.links[self.c.hospital.member, link] = person
        return person, link

    def signer(self, role: Role = Role.SERVICE) -> Signer:
        key = self.c.hospital.accounts[role][1]
        return Signer(key.public, key.sign)

    def asked(self, account: str = "", purpose: Purpose = Purpose.ETREAT) -> Asked:
        caller = self.c.hospital.caller(Role.PRACTITIONER)
        return Asked(Action.READ, purpose, caller.member, account or caller.account, caller.key)

    def signed(self, link: bytes = b"", custodian: str = "") -> SignedGrant:
        """Break the glass at the hospital and issue the grant to the custodian's node."""
        practitioner = self.c.hospital.accounts[Role.PRACTITIONER][0]
        kept = self.here.break_glass.open(practitioner, self.here.patient(), FAINTED, self.now).grant
        node, named = custodian or self.there.node, link or self.link
        return issue(self.there.suite.hash, self.c.ledger.chain, kept, node, named, self.signer())

    def signed_once(self) -> SignedGrant:
        """Issue a grant that the hospital's own quota does not count."""
        self._once = getattr(self, "_once", None) or self.signed()
        return self._once

    def resigned(self, signed: SignedGrant, role: Role = Role.SERVICE, **changes: Any) -> SignedGrant:
        """Return a grant with something changed, signed anew by an account of the hospital."""
        grant: EmergencyGrant = msgspec.structs.replace(signed.grant, **changes)
        signer = self.signer(role)
        return SignedGrant(grant=grant, key=signer.key, signature=signer.sign(grant_hash(self.there.suite.hash, grant)))

    def admit(self, signed: SignedGrant, person: bytes = b"", account: str = "", after: int = 0) -> Any:
        opened = self.grants.admit(signed, self.asked(account), self.now + after)
        assert opened.notice.person == (person or self.person)
        return opened

    def code(self, target: Target = TARGET, person: bytes = b"") -> str:
        """Return how the custodian answers the practitioner; empty for a permit by the grant."""
        decision = decide(self.there.situations.of(self.asked(), person or self.person, target, self.now))
        assert not decision.permit or decision.rule is Rule.BREAK_GLASS
        return decision.code


@pytest.fixture
def ward(gm: Consortium, here: ProtectionHome, there: ProtectionHome) -> Ward:
    return Ward(gm, here, there)


@pytest.mark.requirement("S6.3c", "S8.3")
def test_a_grant_is_let_in_with_a_review_of_the_custodians_own(ward: Ward) -> None:
    assert ward.code() == "permit.no_consent"
    signed = ward.signed()
    opened = ward.admit(signed, after=5)
    assert (opened.grant.admitted, opened.grant.special, opened.notice.person) == (1, 0, ward.person)
    assert (opened.grant.until_ms, opened.notice.reason) == (signed.grant.until_ms, FAINTED.reason)
    assert ward.code() == ""
    assert ward.code(replace(TARGET, level=Level.STRICT)) == "permit.level"
    assert ward.code(replace(TARGET, special=Special.HIV)) == "permit.special"
    assert ward.code(person=ward.there.patient()) == "permit.no_consent"
    again = ward.admit(signed, after=6)
    assert again.grant == opened.grant
    assert len(ward.there.break_glass.tasks()) == 1
    ward.c.ledger.time = signed.grant.until_ms
    assert ward.code() == "permit.break_glass_ended"
    with pytest.raises(BreakGlassEnded):
        ward.admit(signed)


Change = Callable[[Ward, SignedGrant], SignedGrant]


def unsigned(**changes: Any) -> Change:
    """Return a change of a grant that nobody signs anew."""
    return lambda _, signed: msgspec.structs.replace(signed, grant=msgspec.structs.replace(signed.grant, **changes))


@pytest.mark.requirement("S6.3c")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (unsigned(until_ms=1_700_000_000_000 + 20 * HOUR), "signature"),
        (unsigned(reason=b"another"), "signature"),
        (unsigned(level=3), "signature"),
        (lambda w, s: msgspec.structs.replace(s, signature=bytes(64)), "signature"),
        (lambda w, s: msgspec.structs.replace(s, key=Key(w.there.suite).public), "service account"),
        (lambda w, s: w.resigned(s, Role.PRACTITIONER), "service account"),
        (lambda w, s: w.resigned(s, Role.SUPER_ADMINISTRATOR), "service account"),
        (lambda w, s: w.resigned(s, member=w.c.platform.member), "another account"),
        (lambda w, s: w.resigned(s, account=new_id()), "another account"),
        (lambda w, s: w.resigned(s, custodian=w.here.node), "another node"),
        (lambda w, s: w.resigned(s, chain="c" + "a" * 26), "another node"),
        (lambda w, s: w.resigned(s, link=os.urandom(16)), "another patient"),
        (lambda w, s: w.resigned(s, from_ms=s.grant.from_ms + HOUR), "not begun"),
        (lambda w, s: w.resigned(s, until_ms=s.grant.from_ms), "not begun"),
    ],
)
def test_a_grant_that_is_forged_or_for_something_else_is_refused(ward: Ward, change: Change, reason: str) -> None:
    changed = change(ward, ward.signed())
    with pytest.raises(GrantRefused, match=reason):
        ward.admit(changed)
    assert ward.code() == "permit.no_consent"
    assert ward.there.break_glass.tasks() == []


def test_another_institutions_service_account_signs_nothing_for_this_one(ward: Ward) -> None:
    signed, (_, key) = ward.signed(), ward.c.platform.accounts[Role.SERVICE]
    signature = key.sign(grant_hash(ward.there.suite.hash, signed.grant))
    with pytest.raises(GrantRefused, match="service account"):
        ward.admit(SignedGrant(grant=signed.grant, key=key.public, signature=signature))


def test_a_link_of_another_member_names_nobody(ward: Ward) -> None:
    foreign = os.urandom(16)
    ward.there.persons.links[ward.c.platform.member, foreign] = ward.person
    with pytest.raises(GrantRefused, match="another patient"):
        ward.admit(ward.signed(foreign))


def test_a_colleague_presents_no_grant_that_is_not_the_colleagues(ward: Ward) -> None:
    signed, key, colleague = ward.signed(), Key(ward.there.suite), new_id()
    proof = key.prove(ward.c.ledger.chain, ward.c.hospital.member, colleague)
    call = AddAccount(colleague, (Role.PRACTITIONER,), bytes(32), key.public, proof)
    ward.c.ledger.call(ward.c.hospital.caller(Role.SUPER_ADMINISTRATOR), "registry.add_account", call)
    with pytest.raises(GrantRefused, match="another account"):
        ward.admit(signed, account=colleague)


@pytest.mark.parametrize("changes", [{"until_ms": 2}, {"reason": b"longer"}, {"level": 1}, {"from_ms": -1}])
def test_a_grant_is_not_extended_under_its_id(ward: Ward, changes: dict[str, Any]) -> None:
    signed = ward.signed()
    ward.admit(signed)
    moved = {name: (getattr(signed.grant, name) + value * HOUR) for name, value in changes.items() if "_ms" in name}
    with pytest.raises(GrantRefused, match="under its id"):
        ward.admit(ward.resigned(signed, **(changes | moved)))
    person, link = ward.linked()
    with pytest.raises(GrantRefused, match="under its id"):
        ward.admit(ward.resigned(signed, link=link), person)
    (task,) = ward.there.break_glass.tasks()
    assert task.value.until_ms == signed.grant.until_ms


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [({"until_ms": 1_700_000_000_000 + 25 * HOUR}, BreakGlassHours), ({"reason": b" "}, BreakGlassReason)],
)
def test_the_custodians_own_limits_hold(ward: Ward, changes: dict[str, Any], refusal: type[PlatformError]) -> None:
    with pytest.raises(refusal):
        ward.admit(ward.resigned(ward.signed(), **changes))
    assert ward.there.break_glass.tasks() == []


@pytest.mark.requirement("S8.3")
def test_one_grant_of_an_account_for_a_patient_at_a_time(ward: Ward) -> None:
    first = ward.signed()
    ward.admit(first)
    second = ward.resigned(first, id=os.urandom(16), until_ms=first.grant.until_ms + HOUR)
    with pytest.raises(GrantRunning):
        ward.admit(second)
    ward.c.ledger.time = first.grant.until_ms
    ward.admit(second)
    assert ward.code() == ""


@pytest.mark.requirement("S8.3")
def test_it_is_never_bulk(ward: Ward) -> None:
    for _ in range(3):
        person, link = ward.linked()
        ward.admit(ward.resigned(ward.signed_once(), id=os.urandom(16), link=link), person)
    person, link = ward.linked()
    with pytest.raises(BreakGlassQuota):
        ward.admit(ward.resigned(ward.signed_once(), id=os.urandom(16), link=link), person)


@pytest.mark.requirement("S8.3")
def test_many_accounts_of_one_institution_make_no_bulk_either(
    gm: Consortium, here: ProtectionHome, there: ProtectionHome
) -> None:
    ward = Ward(gm, here, there, BreakGlassLimits(member_grants_per_day=2))
    boss, signed = gm.hospital.caller(Role.SUPER_ADMINISTRATOR), ward.signed()
    for number in range(3):
        key, colleague = Key(there.suite), new_id()
        proof = key.prove(gm.ledger.chain, gm.hospital.member, colleague)
        call = AddAccount(colleague, (Role.PRACTITIONER,), bytes(32), key.public, proof)
        gm.ledger.call(boss, "registry.add_account", call)
        person, link = ward.linked()
        own = ward.resigned(signed, id=os.urandom(16), account=colleague, link=link)
        if number < 2:
            ward.admit(own, person, colleague)
        else:
            with pytest.raises(GrantsOfMember):
                ward.admit(own, person, colleague)
    assert len(there.break_glass.tasks()) == 2


@pytest.mark.requirement("S6.3c")
def test_an_overdue_review_of_the_custodian_blocks_further_grants(ward: Ward) -> None:
    signed = ward.signed()
    ward.admit(signed)
    ward.c.ledger.time += 72 * HOUR
    person, link = ward.linked()
    later = ward.resigned(signed, id=os.urandom(16), link=link, from_ms=ward.now, until_ms=ward.now + HOUR)
    with pytest.raises(ReviewOverdue):
        ward.admit(later, person)


def test_a_member_that_is_suspended_presents_nothing(ward: Ward) -> None:
    signed, name = ward.signed(), ward.c.hospital.member
    state = ward.c.ledger.value(MemberState, "registry", "member", name)
    assert state is not None
    suspended = msgspec.structs.replace(state, status=Status.SUSPENDED)
    ward.c.ledger.state[state_key("registry", "member", name)] = encode(suspended)
    with pytest.raises(BreakGlassDenied):
        ward.admit(signed)


def test_an_account_or_key_that_has_ended_presents_nothing(ward: Ward) -> None:
    signed, boss = ward.signed(), ward.c.hospital.caller(Role.SUPER_ADMINISTRATOR)
    ward.admit(signed)
    ward.c.ledger.call(boss, "registry.end_account", EndAccount(ward.c.hospital.accounts[Role.PRACTITIONER][0]))
    with pytest.raises(BreakGlassDenied):
        ward.admit(signed)
    ward.c.ledger.call(boss, "registry.end_key", EndKey(ward.signer().key, ()))
    ward.c.ledger.time += 1
    with pytest.raises(GrantRefused, match="service account"):
        ward.admit(signed)


def test_what_was_let_in_is_not_issued_on(ward: Ward) -> None:
    kept = ward.admit(ward.signed()).grant
    with pytest.raises(GrantNotTheirs):
        issue(ward.there.suite.hash, ward.c.ledger.chain, kept, ward.here.node, ward.link, ward.signer())

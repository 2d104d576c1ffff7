"""The contract hold: holds, their release by two, restrictions, and which of a hold and a beginning comes first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.contract_parties import Consortium, found_consortium, new_id
from tests.support.fake_context import FakeLedger
from tests.support.runtime_ledger import RuntimeLedger
from xinglin.carrier.access.governance.contract import CONTRACT as GOVERNANCE
from xinglin.carrier.access.policy.errors import KindDenied, RoleDenied
from xinglin.carrier.access.registry.contract import CONTRACT as REGISTRY
from xinglin.carrier.contracts.api import Caller
from xinglin.carrier.crypto.suite import suite
from xinglin.kernel.encoding import ChainObject
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.destruction.contract import CONTRACT
from xinglin.service.basic.destruction.errors import (
    HoldExists,
    HoldForbids,
    HoldReleased,
    HoldSameAccount,
    HoldScopeInvalid,
    HoldTooLate,
    HoldUnknown,
    NotRestricted,
    ReleaseNotProposed,
)
from xinglin.service.basic.destruction.model import (
    BeginShredding,
    BegunShredding,
    ConfirmRelease,
    HeldRecord,
    HoldState,
    LiftRestriction,
    PlaceHold,
    ReleaseHold,
    Restriction,
    RestrictRecord,
)
from xinglin.stakeholders.kinds import Role

PAPER, A, B = b"p" * 32, b"a" * 32, b"b" * 32
OFFICER, ADMINISTRATOR = Role.COMPLIANCE_OFFICER, Role.ADMINISTRATOR


@pytest.fixture(params=[(FakeLedger, "intl"), (RuntimeLedger, "gm")], ids=["fake-intl", "runtime-gm"])
def chain(request: pytest.FixtureRequest) -> Consortium:
    """Return members and a chain with the contract; the hospital has an account of each role."""
    return found_consortium(suite(request.param[1]), request.param[0], (REGISTRY, GOVERNANCE, CONTRACT))


def call(chain: Consortium, role: Role, method: str, arguments: ChainObject) -> None:
    """Call as the hospital."""
    chain.ledger.call(chain.hospital.caller(role), f"hold.{method}", arguments)


def refused(chain: Consortium, role: Role, method: str, arguments: ChainObject, refusal: type[PlatformError]) -> None:
    """Call, expect a refusal and an unchanged state."""
    before = dict(chain.ledger.state)
    with pytest.raises(refusal):
        call(chain, role, method, arguments)
    assert chain.ledger.state == before


def placed(chain: Consortium, *records: bytes, subject: tuple[bytes, ...] = ()) -> str:
    """Place a hold and return its id."""
    hold = new_id()
    call(chain, OFFICER, "place", PlaceHold(hold, "court", PAPER, subject, records))
    return hold


def held(chain: Consortium, record: bytes) -> tuple[str, ...]:
    """Return the holds on a record."""
    found = chain.ledger.value(HeldRecord, "hold", "record", record)
    return () if found is None else found.holds


@pytest.mark.requirement("S8.1", part="retention, holds and who decides on them; other duties not yet")
def test_a_hold_stands_until_a_second_account_confirms_its_release(chain: Consortium) -> None:
    first, second = sorted([placed(chain, A, B), placed(chain, A)])
    assert held(chain, A) == (first, second)
    for hold in (first, second):
        refused(chain, ADMINISTRATOR, "confirm", ConfirmRelease(hold), ReleaseNotProposed)
        call(chain, OFFICER, "release", ReleaseHold(hold, PAPER))
        refused(chain, ADMINISTRATOR, "release", ReleaseHold(hold, PAPER), HoldReleased)
        refused(chain, OFFICER, "confirm", ConfirmRelease(hold), HoldSameAccount)
        assert hold in held(chain, A)
        refused(chain, Role.SERVICE, "begin", BeginShredding(A), HoldForbids)
        call(chain, ADMINISTRATOR, "confirm", ConfirmRelease(hold))
        refused(chain, ADMINISTRATOR, "confirm", ConfirmRelease(hold), HoldReleased)
        assert hold not in held(chain, A)
    assert held(chain, B) == ()
    state = chain.ledger.value(HoldState, "hold", "hold", first)
    assert state is not None
    assert state.released_by == (chain.hospital.accounts[OFFICER][0],)
    assert state.confirmed_by == (chain.hospital.accounts[ADMINISTRATOR][0],)
    call(chain, Role.SERVICE, "begin", BeginShredding(A))


def test_of_a_hold_and_a_beginning_the_first_wins(chain: Consortium) -> None:
    call(chain, Role.SERVICE, "begin", BeginShredding(A))
    began = chain.ledger.value(BegunShredding, "hold", "begun", A)
    refused(chain, OFFICER, "place", PlaceHold(new_id(), "court", PAPER, (), (A, B)), HoldTooLate)
    placed(chain, B)
    refused(chain, Role.SERVICE, "begin", BeginShredding(B), HoldForbids)
    chain.ledger.time += 1000
    call(chain, Role.SERVICE, "begin", BeginShredding(A))  # again, after a crash
    assert chain.ledger.value(BegunShredding, "hold", "begun", A) == began


def test_a_hold_names_one_scope(chain: Consortium) -> None:
    for subject, records in (((), ()), ((A,), (B,)), ((), (B, A)), ((), (A, A))):
        refused(chain, OFFICER, "place", PlaceHold(new_id(), "court", PAPER, subject, records), HoldScopeInvalid)
    hold = placed(chain, subject=(A,))
    assert held(chain, A) == (), "a subject's commitment is no record's"
    refused(chain, OFFICER, "place", PlaceHold(hold, "court", PAPER, (A,), ()), HoldExists)


def test_what_is_not_there_is_not_released_or_lifted(chain: Consortium) -> None:
    refused(chain, OFFICER, "release", ReleaseHold(new_id(), PAPER), HoldUnknown)
    refused(chain, OFFICER, "confirm", ConfirmRelease(new_id()), HoldUnknown)
    refused(chain, OFFICER, "lift", LiftRestriction(A), NotRestricted)


def test_a_restriction_is_lifted_by_another_account(chain: Consortium) -> None:
    call(chain, OFFICER, "restrict", RestrictRecord(A, 1))
    call(chain, OFFICER, "restrict", RestrictRecord(A, 2))
    assert chain.ledger.value(Restriction, "hold", "restricted", A) == Restriction(
        until=2, by=chain.hospital.accounts[OFFICER][0]
    )
    refused(chain, OFFICER, "lift", LiftRestriction(A), HoldSameAccount)
    call(chain, ADMINISTRATOR, "lift", LiftRestriction(A))
    refused(chain, OFFICER, "lift", LiftRestriction(A), NotRestricted)


CALLS: dict[str, tuple[ChainObject, set[Role]]] = {
    "place": (PlaceHold(new_id(), "court", PAPER, (), (A,)), {Role.SERVICE}),
    "release": (ReleaseHold(new_id(), PAPER), set()),
    "confirm": (ConfirmRelease(new_id()), set()),
    "restrict": (RestrictRecord(A, 1), set()),
    "lift": (LiftRestriction(A), set()),
    "begin": (BeginShredding(A), {Role.SERVICE}),
}
KEEPERS = {Role.SUPER_ADMINISTRATOR, Role.ADMINISTRATOR, Role.COMPLIANCE_OFFICER}


@pytest.mark.parametrize("method", CALLS)
def test_who_may(chain: Consortium, method: str) -> None:
    arguments, more = CALLS[method]
    allowed = more if method == "begin" else more | KEEPERS
    for role in set(Role) - allowed:
        refused(chain, role, method, arguments, RoleDenied)
    platform = chain.platform.caller(Role.SERVICE)
    with pytest.raises(KindDenied):
        chain.ledger.call(platform, f"hold.{method}", arguments)


@given(st.lists(st.tuples(st.sampled_from("prcb"), st.integers(0, 3), st.integers(0, 2)), max_size=25))
def test_no_order_of_acts_begins_what_is_held(acts: list[tuple[str, int, int]]) -> None:
    """Random places, releases, confirmations and beginnings against a plain model of them."""
    chain = found_consortium(suite("intl"), FakeLedger, (REGISTRY, GOVERNANCE, CONTRACT))
    people = [chain.hospital.caller(role) for role in (OFFICER, ADMINISTRATOR, Role.SUPER_ADMINISTRATOR)]
    holds: list[tuple[str, bytes, list[Caller]]] = []
    begun: set[bytes] = set()
    for act, number, person in acts:
        record, by = bytes([number]) * 32, people[person]
        try:
            if act == "p":
                hold = new_id()
                chain.ledger.call(by, "hold.place", PlaceHold(hold, "court", PAPER, (), (record,)))
                assert record not in begun
                holds.append((hold, record, []))
            elif act == "b":
                chain.ledger.call(chain.hospital.caller(Role.SERVICE), "hold.begin", BeginShredding(record))
                assert all(len(by_whom) == 2 for _, held_, by_whom in holds if held_ == record)
                begun.add(record)
            elif holds:
                hold, _, by_whom = holds[number % len(holds)]
                name, arguments = (
                    ("release", ReleaseHold(hold, PAPER)) if act == "r" else ("confirm", ConfirmRelease(hold))
                )
                chain.ledger.call(by, f"hold.{name}", arguments)
                assert (len(by_whom), by in by_whom) == (0 if act == "r" else 1, False)
                by_whom.append(by)
        except PlatformError:
            continue

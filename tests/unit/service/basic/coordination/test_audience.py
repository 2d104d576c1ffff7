"""The contract audience: epochs of transmission keys, each refusal."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.support.contract_parties import Consortium, Party, new_id
from xinglin.carrier.access.policy.errors import KindDenied
from xinglin.carrier.access.registry.model import AddNode, EndNode, MemberState
from xinglin.carrier.contracts.api import Caller
from xinglin.kernel.encoding import decode, encode, state_key
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.coordination.errors import (
    AudienceNodeUnknown,
    EpochNumberInvalid,
    KeysOutOfForm,
    NotSteward,
)
from xinglin.service.basic.coordination.model import (
    AudienceEpochState,
    AudienceState,
    IssueEpochKey,
    SealedKey,
)
from xinglin.stakeholders.kinds import MemberKind, Role, Status

METHOD = "audience.epoch"


@pytest.fixture
def nodes(consortium: Consortium, node: str) -> list[str]:
    """Return a node of each hospital, ascending."""
    name = new_id()
    boss = consortium.other.caller(Role.SUPER_ADMINISTRATOR)
    consortium.ledger.call(boss, "registry.add_node", AddNode(name, b"\x04" + bytes(64)))
    return sorted([node, name])


def issue(number: int, *nodes: str) -> IssueEpochKey:
    """Return the arguments of an epoch."""
    return IssueEpochKey("treatment", number, bytes(32), tuple(SealedKey(node, bytes(113)) for node in nodes))


def refused(c: Consortium, who: Caller, call: IssueEpochKey, refusal: type[PlatformError]) -> PlatformError:
    """Call, expect a refusal and an unchanged state; return the refusal."""
    before = dict(c.ledger.state)
    with pytest.raises(refusal) as caught:
        c.ledger.call(who, METHOD, call)
    assert c.ledger.state == before
    return caught.value


def set_status(c: Consortium, party: Party, status: Status) -> None:
    """Suspend or end a member, as a vote would."""
    key = state_key("registry", "member", party.member)
    c.ledger.state[key] = encode(replace(decode(MemberState, c.ledger.state[key]), status=status))


@pytest.mark.parametrize("role", [Role.SUPER_ADMINISTRATOR, Role.ADMINISTRATOR, Role.SERVICE])
def test_the_first_issuer_is_the_steward(consortium: Consortium, nodes: list[str], role: Role) -> None:
    c, who = consortium, consortium.hospital.caller(role)
    assert c.ledger.call(who, METHOD, issue(1, *nodes)) == {"audience": "treatment", "number": 1}
    assert c.ledger.value(AudienceState, "audience", "audience", "treatment") == AudienceState(
        steward=c.hospital.member, number=1
    )
    c.ledger.call(who, METHOD, issue(2, nodes[0]))
    first = c.ledger.value(AudienceEpochState, "audience", "epoch", "treatment", 1)
    second = c.ledger.value(AudienceEpochState, "audience", "epoch", "treatment", 2)
    assert first is not None
    assert second is not None
    assert ([key.node for key in first.keys], [key.node for key in second.keys]) == (nodes, nodes[:1])
    error = refused(c, c.other.caller(Role.SERVICE), issue(3, *nodes), NotSteward)
    assert error.facts == {"member": c.other.member, "audience": "treatment"}


Change = Callable[[Consortium, list[str]], IssueEpochKey]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda _, nodes: issue(0, *nodes), EpochNumberInvalid),
        (lambda _, nodes: issue(2, *nodes), EpochNumberInvalid),
        (lambda _, __: issue(1), KeysOutOfForm),
        (lambda _, nodes: issue(1, *nodes[::-1]), KeysOutOfForm),
        (lambda _, nodes: issue(1, nodes[0], nodes[0]), KeysOutOfForm),
        (lambda _, __: issue(1, new_id()), AudienceNodeUnknown),
    ],
)
def test_one_change_and_the_epoch_is_refused(
    consortium: Consortium, nodes: list[str], change: Change, refusal: type[PlatformError]
) -> None:
    who = consortium.platform.caller(Role.SERVICE)
    refused(consortium, who, change(consortium, nodes), refusal)
    consortium.ledger.call(who, METHOD, issue(1, *nodes))


def test_a_number_is_issued_once(consortium: Consortium, nodes: list[str]) -> None:
    who = consortium.platform.caller(Role.SERVICE)
    consortium.ledger.call(who, METHOD, issue(1, *nodes))
    error = refused(consortium, who, issue(1, *nodes), EpochNumberInvalid)
    assert error.facts["needed"] == 2


def test_who_left_gets_no_further_keys(consortium: Consortium, nodes: list[str], node: str) -> None:
    c, who = consortium, consortium.platform.caller(Role.SERVICE)
    for status in (Status.SUSPENDED, Status.ENDED):
        set_status(c, c.other, status)
        refused(c, who, issue(1, *nodes), AudienceNodeUnknown)
    set_status(c, c.other, Status.ACTIVE)
    c.ledger.call(c.hospital.caller(Role.ADMINISTRATOR), "registry.end_node", EndNode(node))
    assert refused(c, who, issue(1, *nodes), AudienceNodeUnknown).facts == {"node": node}
    c.ledger.call(who, METHOD, issue(1, *(other for other in nodes if other != node)))


def test_an_audience_outlives_its_steward(consortium: Consortium, nodes: list[str]) -> None:
    c, heir = consortium, consortium.hospital.caller(Role.SERVICE)
    c.ledger.call(c.platform.caller(Role.SERVICE), METHOD, issue(1, *nodes))
    refused(c, heir, issue(2, *nodes), NotSteward)
    set_status(c, c.platform, Status.ENDED)
    c.ledger.call(heir, METHOD, issue(2, *nodes))
    state = c.ledger.value(AudienceState, "audience", "audience", "treatment")
    assert state == AudienceState(steward=c.hospital.member, number=2)


def test_while_the_steward_is_suspended_who_has_the_key_issues_in_its_place(
    consortium: Consortium, nodes: list[str], node: str
) -> None:
    """Else the suspended steward alone could end that it has the newest key itself."""
    c, other = consortium, [one for one in nodes if one != node]
    steward, holder = c.hospital.caller(Role.SERVICE), c.other.caller(Role.SUPER_ADMINISTRATOR)
    c.ledger.call(steward, METHOD, issue(1, *nodes))
    refused(c, holder, issue(2, *nodes), NotSteward)
    set_status(c, c.hospital, Status.SUSPENDED)
    refused(c, c.platform.caller(Role.SERVICE), issue(2, *other), NotSteward)  # it never had a key of this audience
    refused(c, holder, issue(2, *nodes), AudienceNodeUnknown)  # nothing is for the suspended one
    c.ledger.call(holder, METHOD, issue(2, *other))
    stands = c.ledger.value(AudienceState, "audience", "audience", "treatment")
    assert stands == AudienceState(steward=c.hospital.member, number=2)
    set_status(c, c.hospital, Status.ACTIVE)
    refused(c, holder, issue(3, *nodes), NotSteward)
    c.ledger.call(steward, METHOD, issue(3, *nodes))


def test_who_was_left_out_of_the_newest_epoch_issues_nothing_in_the_steward_s_place(
    consortium: Consortium, nodes: list[str], node: str
) -> None:
    c, holder = consortium, consortium.other.caller(Role.SERVICE)
    c.ledger.call(c.hospital.caller(Role.SERVICE), METHOD, issue(1, *nodes))
    c.ledger.call(c.hospital.caller(Role.SERVICE), METHOD, issue(2, node))
    set_status(c, c.hospital, Status.SUSPENDED)
    refused(c, holder, issue(3, *(one for one in nodes if one != node)), NotSteward)


@pytest.mark.parametrize("kind", [MemberKind.DATA_USER, MemberKind.SUPPLIER])
def test_who_only_uses_records_issues_no_keys(consortium: Consortium, nodes: list[str], kind: MemberKind) -> None:
    who = Party(consortium.ledger.suite, kind).caller(Role.SUPER_ADMINISTRATOR)
    refused(consortium, who, issue(1, *nodes), KindDenied)

"""The contract correction: one line of versions, by the producer alone."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.contract_parties import Consortium, new_id
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.correction.errors import (
    AlreadyCorrected,
    AlreadyCorrection,
    CorrectionCycle,
    CorrectsItself,
    NotProducer,
)
from xinglin.service.basic.correction.model import LinkCorrection, Predecessor, Reason, Successor
from xinglin.service.basic.correction.rules import current_of, versions_of
from xinglin.stakeholders.kinds import Role

V0, V1, V2, OTHER = (bytes([n]) * 32 for n in range(4))
ACCOUNT = new_id()
FIRST = LinkCorrection(V0, V1, Reason.WRONG_VALUE, ACCOUNT)
SECOND = LinkCorrection(V1, V2, Reason.WRONG_UNIT, ACCOUNT)


def link(consortium: Consortium, *calls: LinkCorrection) -> None:
    for call in calls:
        consortium.ledger.call(consortium.hospital.caller(Role.SERVICE), "correction.link", call)


@pytest.mark.requirement("H12")
def test_a_correction_is_linked_both_ways(consortium: Consortium) -> None:
    service, ledger = consortium.hospital.caller(Role.SERVICE), consortium.ledger
    assert ledger.call(service, "correction.link", FIRST) == {"old": V0, "new": V1}
    who = {"member": service.member}
    assert ledger.value(Successor, "correction", "old", V0) == Successor(
        new=V1, reason=Reason.WRONG_VALUE, account=ACCOUNT, time=ledger.time, **who
    )
    assert ledger.value(Predecessor, "correction", "new", V1) == Predecessor(old=V0, **who)


@pytest.mark.requirement("H12")
def test_the_end_of_the_line_is_current(consortium: Consortium) -> None:
    value = consortium.ledger.state.get
    assert current_of(value, V0) == V0
    link(consortium, FIRST, SECOND)
    for version in (V0, V1, V2):
        assert versions_of(value, version) == [V0, V1, V2]
        assert current_of(value, version) == V2
    assert versions_of(value, OTHER) == [OTHER]


REFUSALS: list[tuple[dict[str, bytes], type[PlatformError]]] = [
    ({"old": V2, "new": V2}, CorrectsItself),
    ({"old": V0, "new": OTHER}, AlreadyCorrected),
    ({"old": V1, "new": OTHER}, AlreadyCorrected),
    ({"old": OTHER, "new": V1}, AlreadyCorrection),
    ({"old": V2, "new": V1}, AlreadyCorrection),
    ({"old": V2, "new": V0}, CorrectionCycle),
    ({"old": OTHER, "new": V0}, CorrectionCycle),
]


@pytest.mark.parametrize(("change", "refusal"), REFUSALS)
def test_one_change_and_the_correction_is_refused(
    consortium: Consortium, change: dict[str, bytes], refusal: type[PlatformError]
) -> None:
    link(consortium, FIRST, SECOND)
    before = dict(consortium.ledger.state)
    with pytest.raises(refusal) as caught:
        link(consortium, replace(LinkCorrection(V2, OTHER, Reason.OTHER, ACCOUNT), **change))
    assert type(caught.value) is refusal
    assert caught.value.facts["commitment"] in change.values()
    assert consortium.ledger.state == before


def test_a_correction_of_another_member_is_not_corrected(consortium: Consortium) -> None:
    link(consortium, FIRST)
    before = dict(consortium.ledger.state)
    with pytest.raises(NotProducer) as caught:
        consortium.ledger.call(consortium.other.caller(Role.SERVICE), "correction.link", SECOND)
    assert caught.value.facts == {"commitment": V1, "member": consortium.other.member}
    assert consortium.ledger.state == before
    link(consortium, SECOND)

"""The contract identity: each decision once, in order, with a reason that goes with it; undone once, never removed."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from tests.conftest import REPOSITORY
from tests.support.contract_parties import Consortium, found_consortium, new_id
from tests.support.fake_context import FakeLedger
from tests.support.runtime_ledger import RuntimeLedger
from xinglin.carrier.access.governance.contract import CONTRACT as GOVERNANCE
from xinglin.carrier.access.policy.errors import RoleDenied
from xinglin.carrier.access.registry.contract import CONTRACT as REGISTRY
from xinglin.carrier.crypto.suite import suite
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.patient_index.identity.contract import CONTRACT
from xinglin.service.basic.patient_index.identity.errors import (
    IdentityOrder,
    IdentityReason,
    IdentityUndoes,
    IdentityUndone,
    IdentityUnknown,
)
from xinglin.service.basic.patient_index.identity.model import (
    ACTS,
    REASONS,
    Act,
    ActCount,
    ActState,
    Reason,
    RecordAct,
)
from xinglin.service.basic.patient_index.identity.rules import REASONS_OF
from xinglin.stakeholders.kinds import Role

ACCOUNT = new_id()
CONTENT = b"c" * 32
MERGE = RecordAct(0, Act.MERGE, Reason.SAME_DOCUMENT, ACCOUNT, CONTENT, ())
LINK = RecordAct(1, Act.LINK, Reason.MATCHED, ACCOUNT, CONTENT, ())
UNMERGE = RecordAct(2, Act.UNMERGE, Reason.OTHER_PERSON, ACCOUNT, CONTENT, (0,))


@pytest.fixture(params=[(FakeLedger, "intl"), (RuntimeLedger, "gm")], ids=["fake-intl", "runtime-gm"])
def consortium(request: pytest.FixtureRequest) -> Consortium:
    """Return a chain with the contract, just founded."""
    return found_consortium(suite(request.param[1]), request.param[0], (REGISTRY, GOVERNANCE, CONTRACT))


def put(consortium: Consortium, *calls: RecordAct, role: Role = Role.SERVICE) -> None:
    for call in calls:
        consortium.ledger.call(consortium.hospital.caller(role), "identity.record", call)


@pytest.mark.requirement("H1")
def test_decisions_stand_in_order_and_an_undoing_is_seen_from_both_sides(consortium: Consortium) -> None:
    put(consortium, MERGE, LINK)
    first = consortium.ledger.value(ActState, "identity", "act", 0)
    assert first == ActState(
        act=Act.MERGE,
        reason=Reason.SAME_DOCUMENT,
        account=ACCOUNT,
        content=CONTENT,
        undoes=(),
        undone=(),
        member=consortium.hospital.member,
        time=first.time if first else 0,
    )
    put(consortium, UNMERGE)
    assert consortium.ledger.value(ActState, "identity", "act", 0) == replace(first, undone=(2,))
    third = consortium.ledger.value(ActState, "identity", "act", 2)
    assert third is not None
    assert (third.act, third.undoes) == (Act.UNMERGE, (0,))
    assert consortium.ledger.value(ActCount, "identity", "count") == ActCount(count=3)


REFUSALS: list[tuple[RecordAct, type[PlatformError]]] = [
    (replace(UNMERGE, number=1), IdentityOrder),
    (replace(UNMERGE, number=3), IdentityOrder),
    (replace(UNMERGE, reason=Reason.SAME_DOCUMENT), IdentityReason),
    (replace(LINK, number=2, reason=Reason.OTHER_PERSON), IdentityReason),
    (replace(UNMERGE, undoes=()), IdentityUndoes),
    (replace(LINK, number=2, undoes=(1,)), IdentityUndoes),
    (replace(UNMERGE, undoes=(1,)), IdentityUnknown),
    (replace(UNMERGE, undoes=(2,)), IdentityUnknown),
    (replace(UNMERGE, undoes=(9,)), IdentityUnknown),
    (RecordAct(2, Act.UNLINK, Reason.CARE_ENDED, ACCOUNT, CONTENT, (0,)), IdentityUnknown),
]


@pytest.mark.parametrize(("call", "refusal"), REFUSALS, ids=lambda part: getattr(part, "__name__", ""))
def test_what_does_not_fit_is_refused(consortium: Consortium, call: RecordAct, refusal: type[PlatformError]) -> None:
    put(consortium, MERGE, LINK)
    with pytest.raises(refusal):
        put(consortium, call)
    put(consortium, UNMERGE)


def test_it_is_undone_once(consortium: Consortium) -> None:
    put(consortium, MERGE, LINK, UNMERGE)
    with pytest.raises(IdentityUndone):
        put(consortium, replace(UNMERGE, number=3))


def test_the_service_account_alone_puts_on_record(consortium: Consortium) -> None:
    with pytest.raises(RoleDenied):
        put(consortium, MERGE, role=Role.PRACTITIONER)


def test_the_page_has_acts_and_reasons() -> None:
    page = (REPOSITORY / "docs" / "spec" / "patient-index.md").read_text(encoding="utf-8")
    acts = re.findall(r"^\| (\d) \| ([^|]+) \| ([^|]+) \| ([\d ]+) \|$", page, re.MULTILINE)
    assert acts == [
        (str(int(act)), *words, " ".join(str(int(one)) for one in sorted(REASONS_OF[act])))
        for act, words in ACTS.items()
    ]
    section = page.partition("| reason | | |")[2]
    reasons = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", section.partition("\n\n")[0], re.MULTILINE)
    assert reasons == [(str(int(reason)), *words) for reason, words in REASONS.items()]

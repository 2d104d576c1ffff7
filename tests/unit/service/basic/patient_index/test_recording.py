"""Decisions go on record once, whatever breaks between index and chain; neither can be changed unseen (H1)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.contract_parties import found_consortium, new_id
from tests.support.fake_context import FakeLedger
from tests.support.fake_private_chain import FakePrivateChain
from tests.support.persons import CARD, OTHER_CARD, chinese, new_index, reopened
from xinglin.carrier.access.governance.contract import CONTRACT as GOVERNANCE
from xinglin.carrier.access.registry.contract import CONTRACT as REGISTRY
from xinglin.carrier.crypto.suite import suite
from xinglin.kernel.errors import Unavailable
from xinglin.service.basic.patient_index.identity.contract import CONTRACT
from xinglin.service.basic.patient_index.identity.errors import IdentityBehind, IdentityDiffers
from xinglin.service.basic.patient_index.identity.model import Act, Reason
from xinglin.service.basic.patient_index.identity.recording import act_state, recorded
from xinglin.service.basic.patient_index.identity.rules import stated
from xinglin.service.basic.patient_index.service import PatientIndex

WHO, SERVICE = new_id(), new_id()
DOCUMENT, TWO = stated(Reason.SAME_DOCUMENT, "passport seen"), stated(Reason.OTHER_PERSON)
PEOPLE = [
    (b"his", b"1", chinese("王芳", 1990_03_07, card=CARD)),
    (b"his", b"2", chinese("李伟", 1985_06_12, card=OTHER_CARD)),
    (b"his", b"3", chinese("王伟", 1971_01_30)),
]


@pytest.fixture
def chain() -> FakePrivateChain:
    """Return a private chain with the contract."""
    contracts = (REGISTRY, GOVERNANCE, CONTRACT)
    return FakePrivateChain(found_consortium(suite("gm"), FakeLedger, contracts).hospital, contracts)


@pytest.fixture
def index(tmp_path: Path, chain: FakePrivateChain) -> Iterator[PatientIndex]:
    """Return an index of three persons whose decisions go on record."""
    made = new_index(tmp_path)
    made.keep_record(chain, SERVICE)
    made.take_many(PEOPLE)
    yield made
    made.close()


def on_record(chain: FakePrivateChain) -> list[tuple[Act, Reason, str, tuple[int, ...]]]:
    states = [act_state(chain, number) for number in range(recorded(chain))]
    return [(one.act, one.reason, one.account, one.undoes) for one in states if one is not None]


@pytest.mark.requirement("H1")
def test_every_decision_of_people_goes_on_record(index: PatientIndex, chain: FakePrivateChain) -> None:
    one, other, third = index.persons()
    assert recorded(chain) == 0
    merge = index.merge(one, other, DOCUMENT, WHO).merge
    link = index.link(third, "member-b", b"h" * 16, "match").link
    index.unmerge(merge, TWO, WHO)
    index.unlink(link, stated(Reason.CARE_ENDED), WHO)
    assert on_record(chain) == [
        (Act.MERGE, Reason.SAME_DOCUMENT, WHO, ()),
        (Act.LINK, Reason.MATCHED, SERVICE, ()),
        (Act.UNMERGE, Reason.OTHER_PERSON, WHO, (0,)),
        (Act.UNLINK, Reason.CARE_ENDED, WHO, (1,)),
    ]
    assert list(index.differences(chain)) == []


def test_nothing_of_a_person_is_on_the_chain_and_equal_decisions_look_different(
    index: PatientIndex, chain: FakePrivateChain
) -> None:
    one, other, _ = index.persons()
    for _ in range(2):
        index.unmerge(index.merge(one, other, DOCUMENT, WHO).merge, TWO, WHO)
    everything = b"".join([*chain.ledger.state, *chain.ledger.state.values()])
    assert all(person not in everything for person in (one, other))
    assert b"passport" not in everything
    states = [act_state(chain, number) for number in range(4)]
    assert len({one.content for one in states if one is not None}) == 4


@pytest.mark.parametrize("after", [False, True], ids=["before the chain heard", "before the index heard"])
def test_a_crash_between_index_and_chain_loses_and_doubles_nothing(
    index: PatientIndex, chain: FakePrivateChain, tmp_path: Path, *, after: bool
) -> None:
    one, other, _ = index.persons()
    (chain.answer_late if after else chain.break_off)()
    with pytest.raises(Unavailable):
        index.merge(one, other, DOCUMENT, WHO)
    assert recorded(chain) == int(after)
    assert list(index.differences(chain)) == []
    index.close()
    again = reopened(tmp_path)
    again.keep_record(chain, SERVICE)
    again.settle()
    again.settle()
    assert on_record(chain) == [(Act.MERGE, Reason.SAME_DOCUMENT, WHO, ())]
    assert again.found_as(other) == one
    again.close()


def test_an_index_that_was_set_back_decides_nothing(
    index: PatientIndex, chain: FakePrivateChain, tmp_path: Path
) -> None:
    one, other, third = index.persons()
    index.merge(one, other, DOCUMENT, WHO)
    shutil.copytree(tmp_path / "patient_index", tmp_path / "backup" / "patient_index")
    index.merge(one, third, DOCUMENT, WHO)
    old = reopened(tmp_path / "backup")
    old.keep_record(chain, SERVICE)
    with pytest.raises(IdentityBehind):
        old.settle()
    with pytest.raises(IdentityBehind):
        old.merge(one, third, DOCUMENT, WHO)
    assert old.found_as(third) == third
    assert [type(one) for one in old.differences(chain)] == [IdentityBehind]
    old.close()


def test_a_decision_in_place_of_another_is_found(index: PatientIndex, chain: FakePrivateChain, tmp_path: Path) -> None:
    one, other, third = index.persons()
    shutil.copytree(tmp_path / "patient_index", tmp_path / "backup" / "patient_index")
    index.merge(one, other, DOCUMENT, WHO)
    forged = reopened(tmp_path / "backup")
    forged.merge(one, third, DOCUMENT, WHO)
    assert [type(one) for one in forged.differences(chain)] == [IdentityDiffers]
    forged.keep_record(chain, SERVICE)
    with pytest.raises(IdentityDiffers):
        forged.merge(one, other, DOCUMENT, WHO)
    forged.close()


def test_what_was_decided_before_records_were_kept_goes_on_record(tmp_path: Path, chain: FakePrivateChain) -> None:
    index = new_index(tmp_path)
    index.take_many(PEOPLE)
    one, other, _ = index.persons()
    index.merge(one, other, "in other words", "somebody")
    index.keep_record(chain, SERVICE)
    index.settle()
    assert on_record(chain) == [(Act.MERGE, Reason.OTHER, SERVICE, ())]
    index.close()

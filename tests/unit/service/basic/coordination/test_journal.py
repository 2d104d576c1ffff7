"""The contract journal: consortium heads seen never go back; intakes are noted."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.contract_parties import Consortium, new_id
from xinglin.service.basic.coordination.errors import BatchNoted, HeadWentBack
from xinglin.service.basic.coordination.model import ChainHead, NoteHead, NoteIntake, SeenHead
from xinglin.stakeholders.kinds import Role

CHAIN = "c" + "b" * 26
HEAD = ChainHead(5, b"l" * 32, b"s" * 32, 9, 1000)


@pytest.mark.requirement(
    "H2", part="both chains, anchored; of data transactions the registering of records, reads and trade not yet"
)
def test_a_head_is_noted_and_moves_forward(consortium: Consortium) -> None:
    who = consortium.hospital.caller(Role.SERVICE)
    later = replace(HEAD, size=6, log_root=b"m" * 32, height=10, time=1001)
    for head in (HEAD, HEAD, later):
        assert consortium.ledger.call(who, "journal.head", NoteHead(CHAIN, head)) == {"chain": CHAIN}
        assert consortium.ledger.value(SeenHead, "journal", "head", CHAIN) == SeenHead(head=head)


@pytest.mark.parametrize(
    "fields",
    [{"height": 8}, {"log_root": bytes(32)}, {"height": 10}, {"height": 10, "time": 2000, "size": 4}],
)
def test_a_head_that_went_back_or_contradicts_is_refused(consortium: Consortium, fields: dict[str, int]) -> None:
    who = consortium.hospital.caller(Role.SERVICE)
    consortium.ledger.call(who, "journal.head", NoteHead(CHAIN, HEAD))
    before = dict(consortium.ledger.state)
    with pytest.raises(HeadWentBack) as caught:
        consortium.ledger.call(who, "journal.head", NoteHead(CHAIN, replace(HEAD, **fields)))
    assert caught.value.facts["seen"] == 9
    assert consortium.ledger.state == before


def test_a_batch_is_noted_once(consortium: Consortium) -> None:
    service, run, batch = consortium.hospital.caller(Role.SERVICE), new_id(), new_id()
    facts = consortium.ledger.call(service, "journal.intake", NoteIntake(run, 100, 3, (batch,)))
    assert facts == {"run": run}
    before = dict(consortium.ledger.state)
    with pytest.raises(BatchNoted):
        consortium.ledger.call(service, "journal.intake", NoteIntake(new_id(), 200, 0, (new_id(), batch)))
    assert consortium.ledger.state == before


def test_a_run_that_only_refused_changes_no_state(consortium: Consortium) -> None:
    before = dict(consortium.ledger.state)
    consortium.ledger.call(consortium.hospital.caller(Role.SERVICE), "journal.intake", NoteIntake(new_id(), 0, 3, ()))
    assert consortium.ledger.state == before

"""What another institution's node answers is read by its form, and shown whatever it says."""

from __future__ import annotations

import msgspec
import pytest

from xinglin.carrier.ledger.model import ReceiptFact
from xinglin.cli.output import when
from xinglin.kernel.encoding import decode, encode
from xinglin.kernel.errors import Invalid
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.audit.messages import AccessReceipt, SignedReceipt
from xinglin.service.basic.reading.errors import ActionUnknown
from xinglin.service.basic.reading.model import Answer, Found
from xinglin.service.basic.reading.reader import Received
from xinglin.stakeholders.purposes import Copy

FOUND = Found(bytes(32), "Observation", 6, 5, 255, 0, 1, Copy.ORIGINAL)


def test_labels_that_there_are_are_read() -> None:
    assert decode(Found, encode(FOUND)) == FOUND


@pytest.mark.parametrize("label", [{"category": 7}, {"level": 6}, {"special": 256}])
def test_a_label_that_there_is_not_is_no_answer(label: dict[str, int]) -> None:
    with pytest.raises(Invalid):
        decode(Found, encode(msgspec.structs.replace(FOUND, **label)))


def test_a_refusal_may_have_facts_of_any_name() -> None:
    receipt = AccessReceipt(
        chain="c" + "a" * 26,
        entry=bytes(32),
        request=bytes(32),
        outcome=ActionUnknown.number,
        index=0,
        item=0,
        seen_height=0,
        seen_time=0,
        time=0,
    )
    facts = (ReceiptFact("self", 1), ReceiptFact("what", identifier(bytes(16))))
    answer = Answer(receipt=SignedReceipt(receipt=receipt, key=bytes(65), signature=bytes(64)), facts=facts)
    refusal = Received(answer, bytes(32)).refusal()
    assert isinstance(refusal, ActionUnknown)
    assert refusal.facts == {"self": 1, "what": identifier(bytes(16))}


def test_a_time_behind_all_calendars_is_shown() -> None:
    assert when(253_402_300_799_999) == "9999-12-31 23:59:59Z"
    assert when(2**63 - 1) == "9223372036854775807 ms"

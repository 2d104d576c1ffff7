"""The contract notice: sent once, received for one's own, acknowledged once."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.contract_parties import Consortium, new_id
from tests.support.fake_context import FakeLedger
from xinglin.service.basic.notices.errors import (
    NoticeAcknowledged,
    NoticeElsewhere,
    NoticeExists,
    NoticeUnknown,
    RecipientInvalid,
)
from xinglin.service.basic.notices.model import (
    AcknowledgedAt,
    AcknowledgeNotice,
    NoticeKind,
    NoticeState,
    ReceiveNotice,
    Recipient,
    SendNotice,
)
from xinglin.stakeholders.kinds import Role

NOTICE = new_id()
FIELDS = {"about": b"a" * 32, "text": b"t" * 32, "due": 1_700_000_900_000}


def sent(recipient: Recipient, **changes: Any) -> SendNotice:
    return replace(SendNotice(NOTICE, NoticeKind.CORRECTION, recipient, **FIELDS), **changes)  # type: ignore[arg-type]


def received(consortium: Consortium, **changes: Any) -> ReceiveNotice:
    """Return a notice of the other hospital that comes to this one."""
    whole = ReceiveNotice(
        NOTICE,
        NoticeKind.BREAK_GLASS,
        consortium.other.member,
        Recipient(consortium.hospital.member),
        **FIELDS,  # type: ignore[arg-type]
    )
    return replace(whole, **changes)


def unchanged(ledger: FakeLedger, refusal: type[Exception], *call: Any) -> None:
    before = dict(ledger.state)
    with pytest.raises(refusal) as caught:
        ledger.call(*call)
    assert type(caught.value) is refusal
    assert caught.value.facts["notice"] == NOTICE  # type: ignore[attr-defined]
    assert ledger.state == before


@pytest.mark.requirement("H10", part="changes are told to persons and institutions; no analysis of resources yet")
@pytest.mark.parametrize("to", [{}, {"account": (new_id(),)}, {"subject": (b"s" * 32,)}])
def test_a_notice_goes_out_once(consortium: Consortium, to: dict[str, Any]) -> None:
    service, ledger = consortium.hospital.caller(Role.SERVICE), consortium.ledger
    recipient = Recipient(consortium.other.member, **to)
    assert ledger.call(service, "notice.send", sent(recipient)) == {"notice": NOTICE}
    assert ledger.value(NoticeState, "notice", "sent", NOTICE) == NoticeState(
        notice_kind=NoticeKind.CORRECTION,
        sender=service.member,
        recipient=recipient,
        time=ledger.time,
        acknowledged=(),
        **FIELDS,  # type: ignore[arg-type]
    )
    unchanged(ledger, NoticeExists, service, "notice.send", sent(recipient, about=bytes(32)))


def test_a_notice_to_an_account_and_a_patient_at_once_is_refused(consortium: Consortium) -> None:
    service, ledger = consortium.hospital.caller(Role.SERVICE), consortium.ledger
    both = Recipient(consortium.hospital.member, (new_id(),), (b"s" * 32,))
    unchanged(ledger, RecipientInvalid, service, "notice.send", sent(both))
    unchanged(ledger, RecipientInvalid, service, "notice.received", received(consortium, recipient=both))


def test_a_notice_comes_once_from_each_sender(consortium: Consortium) -> None:
    service, ledger = consortium.hospital.caller(Role.SERVICE), consortium.ledger
    other = consortium.other.member
    assert ledger.call(service, "notice.received", received(consortium)) == {"notice": NOTICE}
    state = ledger.value(NoticeState, "notice", "received", other, NOTICE)
    assert state is not None
    assert (state.sender, state.notice_kind, state.acknowledged) == (other, NoticeKind.BREAK_GLASS, ())
    unchanged(ledger, NoticeExists, service, "notice.received", received(consortium))
    # Who guesses the id of a notice keeps nobody else's out.
    ledger.call(service, "notice.received", received(consortium, sender=consortium.platform.member))
    ledger.call(service, "notice.send", sent(Recipient(other)))


def test_what_is_for_others_or_of_oneself_is_not_received(consortium: Consortium) -> None:
    service, ledger, own = consortium.hospital.caller(Role.SERVICE), consortium.ledger, consortium.hospital.member
    for change in ({"recipient": Recipient(consortium.other.member)}, {"sender": own}):
        unchanged(ledger, NoticeElsewhere, service, "notice.received", received(consortium, **change))


@pytest.mark.requirement("H12")
def test_a_notice_is_acknowledged_once(consortium: Consortium) -> None:
    service, ledger = consortium.hospital.caller(Role.SERVICE), consortium.ledger
    own, other = consortium.hospital.member, consortium.other.member
    ledger.call(service, "notice.send", sent(Recipient(other)))
    ledger.call(service, "notice.received", received(consortium))
    for sender, key in ((own, ("sent", NOTICE)), (other, ("received", other, NOTICE))):
        call = AcknowledgeNotice(sender, NOTICE, sender.encode()[:1] * 32)
        assert ledger.call(service, "notice.acknowledge", call) == {"notice": NOTICE}
        state = ledger.value(NoticeState, "notice", *key)
        assert state is not None
        assert state.acknowledged == (AcknowledgedAt(call.acknowledgement, ledger.time),)
        unchanged(ledger, NoticeAcknowledged, service, "notice.acknowledge", replace(call, acknowledgement=bytes(32)))


def test_a_notice_that_is_not_here_is_not_acknowledged(consortium: Consortium) -> None:
    service, ledger = consortium.hospital.caller(Role.SERVICE), consortium.ledger
    ledger.call(service, "notice.received", received(consortium))
    call = AcknowledgeNotice(consortium.hospital.member, NOTICE, bytes(32))
    unchanged(ledger, NoticeUnknown, service, "notice.acknowledge", call)
    unchanged(ledger, NoticeUnknown, service, "notice.acknowledge", replace(call, sender=consortium.platform.member))

"""The contract ``notice`` version 1 of private chains (docs/spec/notice.md NT1 to NT5; H10, H12).

The chain of the sender says that a notice went out, that of the recipient's institution that it came, and both when it
was acknowledged, by the hash of a signed acknowledgement. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from xinglin.carrier.access.policy.rules import guarded
from xinglin.carrier.contracts.api import Context, Contract, Method
from xinglin.service.basic.notices.errors import (
    NoticeAcknowledged,
    NoticeElsewhere,
    NoticeExists,
    NoticeUnknown,
    RecipientInvalid,
)
from xinglin.service.basic.notices.model import (
    NAMESPACE,
    AcknowledgedAt,
    AcknowledgeNotice,
    NoticeState,
    ReceiveNotice,
    SendNotice,
)
from xinglin.service.basic.notices.rules import state_parts

Items = Sequence[bytes]


def send(ctx: Context, call: SendNotice, _: Items) -> None:
    """Say that a notice goes out."""
    _enter(ctx, call, ctx.caller.member)


def received(ctx: Context, call: ReceiveNotice, _: Items) -> None:
    """Say that a notice of another member has come to this one, to an account or a patient of it."""
    own = ctx.caller.member
    ctx.require(call.recipient.member == own and call.sender != own, NoticeElsewhere(notice=call.notice, member=own))
    _enter(ctx, call, call.sender)


def acknowledge(ctx: Context, call: AcknowledgeNotice, _: Items) -> None:
    """Say that a notice, sent or received, was acknowledged."""
    parts = state_parts(ctx.caller.member, call.sender, call.notice)
    state = ctx.get(NoticeState, *parts)
    if state is None:
        raise NoticeUnknown(notice=call.notice)
    ctx.require(not state.acknowledged, NoticeAcknowledged(notice=call.notice))
    noted = AcknowledgedAt(acknowledgement=call.acknowledgement, time=ctx.time)
    ctx.put(replace(state, acknowledged=(noted,)), *parts)
    ctx.emit("notice", call.notice)


def _enter(ctx: Context, call: SendNotice | ReceiveNotice, sender: str) -> None:
    parts = state_parts(ctx.caller.member, sender, call.notice)
    ctx.require(ctx.get(NoticeState, *parts) is None, NoticeExists(notice=call.notice))
    recipient = call.recipient
    ctx.require(not (recipient.account and recipient.subject), RecipientInvalid(notice=call.notice))
    state = NoticeState(
        notice_kind=call.notice_kind,
        sender=sender,
        recipient=recipient,
        about=call.about,
        text=call.text,
        due=call.due,
        time=ctx.time,
        acknowledged=(),
    )
    ctx.put(state, *parts)
    ctx.emit("notice", call.notice)


CONTRACT = Contract(
    name=NAMESPACE,
    version=1,
    methods=guarded(
        NAMESPACE,
        {
            "send": Method(SendNotice, send),
            "received": Method(ReceiveNotice, received),
            "acknowledge": Method(AcknowledgeNotice, acknowledge),
        },
    ),
    namespaces=(NAMESPACE,),
)

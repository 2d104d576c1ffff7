"""The contract ``access`` version 1 of private chains (docs/spec/access.md AC1 to AC12; H4, H11, H14).

Every read and refusal at an institution is an item of a batch here, chained under its record, so that a list of a
record's entries is complete if and only if it leads to the record's head. The twin of a request is opened before the
request leaves, and closed with the custodian's receipt. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec.structs import replace

from xinglin.carrier.access.policy.rules import guarded
from xinglin.carrier.contracts.api import Context, Contract, Method
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import Invalid
from xinglin.service.basic.audit.errors import (
    AggregateFormInvalid,
    AggregateMinuteInvalid,
    AggregateOrderInvalid,
    EntryCopyInvalid,
    EntryFormInvalid,
    EntryProofInvalid,
    EntryTimeInvalid,
    TwinClosed,
    TwinExists,
    TwinUnknown,
)
from xinglin.service.basic.audit.model import (
    NAMESPACE,
    AccessEntry,
    AccessHead,
    Aggregate,
    AnswerTwin,
    AskTwin,
    LastMinute,
    LogAccess,
    SourceCount,
    TwinAnswer,
    TwinState,
)
from xinglin.service.basic.audit.rules import (
    EMPTY_HEAD,
    MINUTE_MS,
    entry_hash,
    head_parts,
    in_time,
    next_head,
    opens_in_form,
    proven_in_form,
    sources_in_order,
)

Items = Sequence[bytes]
T = TypeVar("T")


def log(ctx: Context, _: LogAccess, items: Items) -> None:
    """Log access entries in their order; each moves the head of its record, or of its reader's member."""
    heads: dict[tuple[str, bytes | str], AccessHead] = {}
    for position, item in enumerate(items):
        entry = _entry(ctx, position, item)
        parts = head_parts(entry)
        head = heads.get(parts) or ctx.get(AccessHead, *parts) or EMPTY_HEAD
        heads[parts] = next_head(ctx.hash, head, entry_hash(ctx.hash, item))
    for parts, head in heads.items():
        ctx.put(head, *parts)
    ctx.emit("entries", len(items))


def ask(ctx: Context, call: AskTwin, _: Items) -> None:
    """Open the twin of a request that is about to leave."""
    known = ctx.get(TwinState, "twin", call.request)
    ctx.require(known is None, TwinExists(request=call.request))
    opened = TwinState(custodian=call.custodian, account=call.account, time=ctx.time, answer=())
    ctx.put(opened, "twin", call.request)
    ctx.emit("request", call.request)


def answered(ctx: Context, call: AnswerTwin, _: Items) -> None:
    """Close a twin with the custodian's receipt."""
    state = ctx.get(TwinState, "twin", call.request)
    if state is None:
        raise TwinUnknown(request=call.request)
    ctx.require(not state.answer, TwinClosed(request=call.request))
    answer = TwinAnswer(receipt=call.receipt, outcome=call.outcome, time=ctx.time)
    ctx.put(replace(state, answer=(answer,)), "twin", call.request)
    ctx.emit("request", call.request)


def aggregate(ctx: Context, call: Aggregate, items: Items) -> None:
    """Log how often whoever could not show who it is was refused in one minute, one item for each source."""
    whole = call.minute % MINUTE_MS == 0 and call.minute + MINUTE_MS <= ctx.time
    last = ctx.get(LastMinute, "minute")
    later = last is None or call.minute > last.minute
    ctx.require(whole and later, AggregateMinuteInvalid(minute=call.minute))
    counts = [_decoded(SourceCount, item, AggregateFormInvalid(item=at)) for at, item in enumerate(items)]
    ctx.require(sources_in_order(counts), AggregateOrderInvalid())
    ctx.put(LastMinute(minute=call.minute), "minute")
    ctx.emit("sources", len(items))


def _entry(ctx: Context, position: int, item: bytes) -> AccessEntry:
    # Refusals are made when there is one: every read has an entry, and a refusal costs as much as a check.
    try:
        entry = decode(AccessEntry, item)
    except Invalid:
        raise EntryFormInvalid(item=position) from None
    if not in_time(entry, ctx.time):
        raise EntryTimeInvalid(item=position, time=entry.time, block=ctx.time)
    if not proven_in_form(entry, ctx.caller.member):
        raise EntryProofInvalid(item=position)
    if not opens_in_form(entry):
        raise EntryCopyInvalid(item=position)
    return entry


def _decoded(kind: type[T], item: bytes, refusal: Invalid) -> T:
    try:
        return decode(kind, item)
    except Invalid:
        raise refusal from None


CONTRACT = Contract(
    name=NAMESPACE,
    version=1,
    methods=guarded(
        NAMESPACE,
        {
            "log": Method(LogAccess, log, batch=True),
            "ask": Method(AskTwin, ask),
            "answered": Method(AnswerTwin, answered),
            "aggregate": Method(Aggregate, aggregate, batch=True),
        },
    ),
    namespaces=(NAMESPACE,),
)

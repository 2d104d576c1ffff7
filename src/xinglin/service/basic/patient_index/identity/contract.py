"""The contract ``identity`` version 1 of private chains (docs/spec/patient-index.md ID1 to ID6; H1).

Every decision on who is one person goes on record once, in order; what is taken back stays, marked. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from xinglin.carrier.access.policy.rules import guarded
from xinglin.carrier.contracts.api import Context, Contract, Method
from xinglin.service.basic.patient_index.identity.errors import (
    IdentityOrder,
    IdentityReason,
    IdentityUndoes,
    IdentityUndone,
    IdentityUnknown,
)
from xinglin.service.basic.patient_index.identity.model import NAMESPACE, UNDONE_BY, ActCount, ActState, RecordAct
from xinglin.service.basic.patient_index.identity.rules import REASONS_OF


def record(ctx: Context, call: RecordAct, _: Sequence[bytes]) -> None:
    """Put one decision on record."""
    known = ctx.get(ActCount, "count")
    count = known.count if known is not None else 0
    ctx.require(call.number == count, IdentityOrder(act=call.number, count=count))
    ctx.require(call.reason in REASONS_OF[call.act], IdentityReason(reason=int(call.reason)))
    ctx.require(bool(call.undoes) == (call.act in UNDONE_BY), IdentityUndoes())
    for number in call.undoes:
        _undo(ctx, number, call)
    state = ActState(
        act=call.act,
        reason=call.reason,
        account=call.account,
        content=call.content,
        undoes=call.undoes,
        undone=(),
        member=ctx.caller.member,
        time=ctx.time,
    )
    ctx.put(state, "act", call.number)
    ctx.put(ActCount(count=count + 1), "count")
    ctx.emit("act", call.number)


def _undo(ctx: Context, number: int, call: RecordAct) -> None:
    before = ctx.get(ActState, "act", number)
    if before is None or before.act not in UNDONE_BY[call.act]:
        raise IdentityUnknown(act=number)
    ctx.require(not before.undone, IdentityUndone(act=number))
    ctx.put(replace(before, undone=(call.number,)), "act", number)


CONTRACT = Contract(
    name=NAMESPACE,
    version=1,
    methods=guarded(NAMESPACE, {"record": Method(RecordAct, record)}),
    namespaces=(NAMESPACE,),
)

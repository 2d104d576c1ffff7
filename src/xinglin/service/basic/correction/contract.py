"""The contract ``correction`` version 1 of private chains (docs/spec/correction.md CR1 to CR5; H12).

A record has one correction at most, and a correction corrects one record: the versions of a record are one line, and
its end is what is current. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from xinglin.carrier.access.policy.rules import guarded
from xinglin.carrier.contracts.api import Context, Contract, Method
from xinglin.service.basic.correction.errors import (
    AlreadyCorrected,
    AlreadyCorrection,
    CorrectionCycle,
    CorrectsItself,
    NotProducer,
)
from xinglin.service.basic.correction.model import NAMESPACE, LinkCorrection, Predecessor, Successor


def link(ctx: Context, call: LinkCorrection, _: Sequence[bytes]) -> None:
    """Link a record with the one that corrects it."""
    member = ctx.caller.member
    ctx.require(call.old != call.new, CorrectsItself(commitment=call.old))
    ctx.require(ctx.get(Successor, "old", call.old) is None, AlreadyCorrected(commitment=call.old))
    ctx.require(ctx.get(Predecessor, "new", call.new) is None, AlreadyCorrection(commitment=call.new))
    ctx.require(ctx.get(Successor, "old", call.new) is None, CorrectionCycle(commitment=call.new))
    before = ctx.get(Predecessor, "new", call.old)
    of_producer = before is None or before.member == member
    ctx.require(of_producer, NotProducer(commitment=call.old, member=member))
    successor = Successor(new=call.new, reason=call.reason, account=call.account, member=member, time=ctx.time)
    ctx.put(successor, "old", call.old)
    ctx.put(Predecessor(old=call.old, member=member), "new", call.new)
    ctx.emit("old", call.old)
    ctx.emit("new", call.new)


CONTRACT = Contract(
    name=NAMESPACE,
    version=1,
    methods=guarded(NAMESPACE, {"link": Method(LinkCorrection, link)}),
    namespaces=(NAMESPACE,),
)

"""The contract ``journal`` version 1 of private chains (docs/spec/contracts.md JN1, JN2; H2): heads seen, intakes made.

An institution logs here which head of the consortium chain it last saw, so that what it knew at a time can be told,
and each record batch that it had registered, once. The log keeps the notes; the state holds the newest head and which
batches are noted. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from xinglin.carrier.access.policy.rules import guarded
from xinglin.carrier.contracts.api import Context, Contract, Method
from xinglin.service.basic.coordination.anchors.rules import contradict
from xinglin.service.basic.coordination.errors import BatchNoted, HeadWentBack
from xinglin.service.basic.coordination.model import NotedBatch, NoteHead, NoteIntake, SeenHead

NAMESPACE = "journal"


def note_head(ctx: Context, call: NoteHead, _: Sequence[bytes]) -> None:
    """Note the newest head of another chain; it never goes back."""
    seen = ctx.get(SeenHead, "head", call.chain)
    if seen is not None:
        back = call.head.height < seen.head.height or contradict(seen.head, call.head)
        refusal = HeadWentBack(chain=call.chain, height=call.head.height, seen=seen.head.height)
        ctx.require(not back, refusal)
    ctx.put(SeenHead(head=call.head), "head", call.chain)
    ctx.emit("chain", call.chain)


def note_intake(ctx: Context, call: NoteIntake, _: Sequence[bytes]) -> None:
    """Note what an intake run came to; its arguments in the log are the note, and a batch is noted once."""
    for batch in call.batches:
        ctx.require(ctx.get(NotedBatch, "batch", batch) is None, BatchNoted(batch=batch))
        ctx.put(NotedBatch(run=call.run), "batch", batch)
    ctx.emit("run", call.run)


CONTRACT = Contract(
    name=NAMESPACE,
    version=1,
    methods=guarded(
        NAMESPACE,
        {"head": Method(NoteHead, note_head), "intake": Method(NoteIntake, note_intake)},
    ),
    namespaces=(NAMESPACE,),
)

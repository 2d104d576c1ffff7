"""The contract ``records`` version 1: batches, destruction orders (docs/spec/contracts.md RC1 to RC8; H3).

A batch item is the write entry of a record: a record has no state of its own while it stands. Everything is kept
under the member that registered, so that a commitment copied by another member moves nothing of it. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from xinglin.carrier.access.policy.rules import guarded
from xinglin.carrier.contracts.api import Context, Contract, Method
from xinglin.service.basic.coordination.errors import (
    AudienceEpochUnknown,
    BatchExists,
    BatchSizeInvalid,
    BatchUnknown,
    ItemFormInvalid,
    ItemOrderInvalid,
    NotInBatch,
    OrderConfirmed,
    OrderExists,
    OrderNotConfirmed,
    OrderUnknown,
    RecordDestroyed,
    SameAccount,
)
from xinglin.service.basic.coordination.model import (
    AudienceState,
    BatchState,
    CertifyDestruction,
    ConfirmDestruction,
    OrderDestruction,
    OrderState,
    RecordReference,
    RecordStatus,
    RegisterBatch,
)
from xinglin.service.basic.coordination.records.rules import (
    item_bytes,
    items_in_form,
    items_in_order,
    size_in_form,
)

NAMESPACE = "records"
STATUS = "record-status"
Items = Sequence[bytes]


def register(ctx: Context, call: RegisterBatch, items: Items) -> None:
    """Register a batch of record commitments with their locators, once for each batch id of the member."""
    ctx.require(size_in_form(len(items)), BatchSizeInvalid(count=len(items)))
    ctx.require(items_in_form(items), ItemFormInvalid())
    ctx.require(items_in_order(items), ItemOrderInvalid())
    audience = ctx.read(AudienceState, "audience", "audience", call.audience)
    issued = audience is not None and 1 <= call.audience_epoch <= audience.number
    ctx.require(issued, AudienceEpochUnknown(audience=call.audience, number=call.audience_epoch))
    member = ctx.caller.member
    known = ctx.get(BatchState, "batch", member, call.batch)
    ctx.require(known is None, BatchExists(batch=call.batch))
    ctx.put(BatchState(count=len(items), root=ctx.batch_root or b""), "batch", member, call.batch)
    ctx.emit("batch", call.batch)


def order(ctx: Context, call: OrderDestruction, _: Items) -> None:
    """Order the destruction of a record that the caller's member registered."""
    member, record = ctx.caller.member, call.record
    _check_reference(ctx, record)
    known = ctx.get(OrderState, "order", member, record.commitment)
    ctx.require(known is None, OrderExists(commitment=record.commitment))
    state = OrderState(ground=call.ground, ordered_by=ctx.caller.account, confirmed_by=())
    ctx.put(state, "order", member, record.commitment)
    ctx.emit("commitment", record.commitment)


def confirm(ctx: Context, call: ConfirmDestruction, _: Items) -> None:
    """Confirm an order by a second account of the member."""
    state, account = _order(ctx, call.commitment), ctx.caller.account
    ctx.require(not state.confirmed_by, OrderConfirmed(commitment=call.commitment))
    ctx.require(account != state.ordered_by, SameAccount(account=account))
    ctx.put(replace(state, confirmed_by=(account,)), "order", ctx.caller.member, call.commitment)
    ctx.emit("commitment", call.commitment)


def certify(ctx: Context, call: CertifyDestruction, _: Items) -> None:
    """Certify that a confirmed order was carried out: from now on the record's status is destroyed."""
    state, member = _order(ctx, call.commitment), ctx.caller.member
    ctx.require(bool(state.confirmed_by), OrderNotConfirmed(commitment=call.commitment))
    status = ctx.get(RecordStatus, member, call.commitment, namespace=STATUS)
    ctx.require(status is None, RecordDestroyed(commitment=call.commitment))
    ctx.put(RecordStatus(certificate=call.certificate), member, call.commitment, namespace=STATUS)
    ctx.emit("commitment", call.commitment)


def _check_reference(ctx: Context, record: RecordReference) -> None:
    batch = ctx.get(BatchState, "batch", ctx.caller.member, record.batch)
    if batch is None:
        raise BatchUnknown(batch=record.batch)
    item = item_bytes(record.commitment, record.locator)
    inside = record.index < batch.count and ctx.verify_inclusion(
        item, record.index, batch.count, record.path, batch.root
    )
    ctx.require(inside, NotInBatch(index=record.index, batch=record.batch))


def _order(ctx: Context, commitment: bytes) -> OrderState:
    state = ctx.get(OrderState, "order", ctx.caller.member, commitment)
    if state is None:
        raise OrderUnknown(commitment=commitment)
    return state


CONTRACT = Contract(
    name=NAMESPACE,
    version=1,
    methods=guarded(
        NAMESPACE,
        {
            "register": Method(RegisterBatch, register, batch=True),
            "order": Method(OrderDestruction, order),
            "confirm": Method(ConfirmDestruction, confirm),
            "certify": Method(CertifyDestruction, certify),
        },
    ),
    namespaces=(NAMESPACE, STATUS),
)

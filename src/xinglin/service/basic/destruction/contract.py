"""The contract ``hold`` version 1 of private chains (docs/spec/destruction.md HO1 to HO8; S7.1f, S8.1). Pure.

Holds that keep records from destruction, restrictions of records that may not be destroyed yet, and the moment at
which the node began to shred one: of a hold and a beginning, the one that is logged first wins.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from xinglin.carrier.access.policy.rules import guarded
from xinglin.carrier.contracts.api import Context, Contract, Method
from xinglin.service.basic.destruction.errors import (
    HoldExists,
    HoldForbids,
    HoldReleased,
    HoldSameAccount,
    HoldScopeInvalid,
    HoldTooLate,
    HoldUnknown,
    NotRestricted,
    ReleaseNotProposed,
)
from xinglin.service.basic.destruction.model import (
    BeginShredding,
    BegunShredding,
    ConfirmRelease,
    HeldRecord,
    HoldState,
    LiftRestriction,
    PlaceHold,
    ReleaseHold,
    Restriction,
    RestrictRecord,
)

NAMESPACE = "hold"
Items = Sequence[bytes]


def place(ctx: Context, call: PlaceHold, _: Items) -> None:
    """Place a hold on a subject or on records; one account is enough, for it only keeps."""
    ctx.require(ctx.get(HoldState, "hold", call.hold) is None, HoldExists(hold=call.hold))
    ascending = all(one < next_ for one, next_ in zip(call.records, call.records[1:], strict=False))
    ctx.require(bool(call.subject) != bool(call.records) and ascending, HoldScopeInvalid(hold=call.hold))
    for commitment in call.records:
        begun = ctx.get(BegunShredding, "begun", commitment)
        ctx.require(begun is None, HoldTooLate(commitment=commitment))
    for commitment in call.records:
        held = ctx.get(HeldRecord, "record", commitment) or HeldRecord(holds=())
        ctx.put(HeldRecord(holds=tuple(sorted((*held.holds, call.hold)))), "record", commitment)
    state = HoldState(
        ground=call.ground,
        document=call.document,
        subject=call.subject,
        records=call.records,
        placed_by=ctx.caller.account,
        placed=ctx.time,
        released_by=(),
        release_document=(),
        confirmed_by=(),
    )
    ctx.put(state, "hold", call.hold)
    ctx.emit("hold", call.hold)


def release(ctx: Context, call: ReleaseHold, _: Items) -> None:
    """Begin to release a hold, which stands until another account confirms."""
    state = _hold(ctx, call.hold)
    ctx.require(not state.released_by, HoldReleased(hold=call.hold))
    begun = replace(state, released_by=(ctx.caller.account,), release_document=(call.document,))
    ctx.put(begun, "hold", call.hold)
    ctx.emit("hold", call.hold)


def confirm(ctx: Context, call: ConfirmRelease, _: Items) -> None:
    """Confirm a release by another account: the hold forbids nothing any more."""
    state, account = _hold(ctx, call.hold), ctx.caller.account
    ctx.require(bool(state.released_by), ReleaseNotProposed(hold=call.hold))
    ctx.require(not state.confirmed_by, HoldReleased(hold=call.hold))
    ctx.require(account not in state.released_by, HoldSameAccount(account=account))
    ctx.put(replace(state, confirmed_by=(account,)), "hold", call.hold)
    for commitment in state.records:
        held = ctx.get(HeldRecord, "record", commitment)
        left = tuple(one for one in held.holds if one != call.hold) if held is not None else ()
        if left:
            ctx.put(HeldRecord(holds=left), "record", commitment)
        else:
            ctx.delete("record", commitment)
    ctx.emit("hold", call.hold)


def restrict(ctx: Context, call: RestrictRecord, _: Items) -> None:
    """Keep a record for the law alone, until a time; a second call changes the time and who asked."""
    ctx.put(Restriction(until=call.until, by=ctx.caller.account), "restricted", call.commitment)
    ctx.emit("commitment", call.commitment)


def lift(ctx: Context, call: LiftRestriction, _: Items) -> None:
    """End a restriction, by another account than the one that asked for it."""
    state, account = ctx.get(Restriction, "restricted", call.commitment), ctx.caller.account
    if state is None:
        raise NotRestricted(commitment=call.commitment)
    ctx.require(account != state.by, HoldSameAccount(account=account))
    ctx.delete("restricted", call.commitment)
    ctx.emit("commitment", call.commitment)


def begin(ctx: Context, call: BeginShredding, _: Items) -> None:
    """Note that a record is being shredded, unless a hold names it; to note it again changes nothing."""
    held = ctx.get(HeldRecord, "record", call.commitment)
    if held is not None:
        raise HoldForbids(commitment=call.commitment, hold=held.holds[0])
    if ctx.get(BegunShredding, "begun", call.commitment) is None:
        ctx.put(BegunShredding(time=ctx.time), "begun", call.commitment)
    ctx.emit("commitment", call.commitment)


def _hold(ctx: Context, hold: str) -> HoldState:
    state = ctx.get(HoldState, "hold", hold)
    if state is None:
        raise HoldUnknown(hold=hold)
    return state


CONTRACT = Contract(
    name=NAMESPACE,
    version=1,
    methods=guarded(
        NAMESPACE,
        {
            "place": Method(PlaceHold, place),
            "release": Method(ReleaseHold, release),
            "confirm": Method(ConfirmRelease, confirm),
            "restrict": Method(RestrictRecord, restrict),
            "lift": Method(LiftRestriction, lift),
            "begin": Method(BeginShredding, begin),
        },
    ),
    namespaces=(NAMESPACE,),
)

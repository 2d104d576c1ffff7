"""The standing of a record, from the state of both chains (docs/spec/destruction.md DE7): what reading asks first.

Reads through two ports and does nothing else. Of several answers the gravest counts: destroyed, ordered, restricted.
"""

from __future__ import annotations

from collections.abc import Callable

from xinglin.kernel.encoding import decode, state_key
from xinglin.service.basic.coordination.model import OrderState
from xinglin.service.basic.coordination.model import RecordStatus as CertifiedStatus
from xinglin.service.basic.destruction.model import HeldRecord, RecordStanding, Restriction, Standing

Value = Callable[[bytes], bytes | None]
"""Returns the value under a state key as committed, None when absent."""


def record_status(consortium: Value, private: Value, member: str, commitment: bytes) -> RecordStanding:
    """Return what a record is to a reader.

    Args:
        consortium: state of the consortium chain.
        private: state of the private chain of the member that keeps the record.
        member: id of that member.
        commitment: of the record.
    """
    held = private(state_key("hold", "record", commitment))
    holds = decode(HeldRecord, held).holds if held is not None else ()
    ordered = consortium(state_key("records", "order", member, commitment))
    if ordered is None:
        restricted = private(state_key("hold", "restricted", commitment))
        if restricted is None:
            return RecordStanding(Standing.STANDING, holds=holds)
        return RecordStanding(Standing.RESTRICTED, until=decode(Restriction, restricted).until, holds=holds)
    order = decode(OrderState, ordered)
    certified = consortium(state_key("record-status", member, commitment))
    return RecordStanding(
        standing=Standing.ORDERED if certified is None else Standing.DESTROYED,
        ground=order.ground,
        ordered_by=order.ordered_by,
        confirmed_by="".join(order.confirmed_by),
        certificate=decode(CertifiedStatus, certified).certificate if certified is not None else b"",
        holds=holds,
    )

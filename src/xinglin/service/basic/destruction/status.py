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


def order_key(member: str, commitment: bytes) -> bytes:
    """Return the key of the order to destroy a record, in the consortium chain's state."""
    return state_key("records", "order", member, commitment)


def hold_keys(commitment: bytes) -> tuple[bytes, ...]:
    """Return the keys of a record's holds and restriction, in the state of its keeper's private chain."""
    return _held_key(commitment), _restricted_key(commitment)


def _held_key(commitment: bytes) -> bytes:
    return state_key("hold", "record", commitment)


def _restricted_key(commitment: bytes) -> bytes:
    return state_key("hold", "restricted", commitment)


def record_status(consortium: Value, private: Value, member: str, commitment: bytes) -> RecordStanding:
    """Return what a record is to a reader.

    Args:
        consortium: state of the consortium chain.
        private: state of the private chain of the member that keeps the record.
        member: id of that member.
        commitment: of the record.
    """
    held = private(_held_key(commitment))
    holds = decode(HeldRecord, held).holds if held is not None else ()
    ordered = consortium(order_key(member, commitment))
    if ordered is None:
        restricted = private(_restricted_key(commitment))
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

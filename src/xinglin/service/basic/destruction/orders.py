"""Destruction orders as the consortium chain has them: its state says which, its log since when (S7.1f). Reads only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from xinglin.carrier.access.registry.model import KeyState
from xinglin.carrier.ledger.log_reading import Entry
from xinglin.carrier.ledger.reading import LedgerReading
from xinglin.kernel.encoding import decode, pack, state_key
from xinglin.service.basic.coordination.model import (
    ConfirmDestruction,
    OrderDestruction,
    OrderState,
    RecordStatus,
)
from xinglin.service.basic.destruction.model import Order


def orders_of(ledger: LedgerReading, member: str) -> dict[bytes, OrderState]:
    """Return the destruction orders of a member by record commitment, from the state."""
    prefix = b"\x94" + b"".join(map(pack, ("records", "order", member)))
    with ledger.state() as state:
        keys = [key for key, _ in state.scan(prefix)]
    found = {decode(tuple[str, str, str, bytes], key)[3]: ledger.value(key) for key in keys}
    return {commitment: decode(OrderState, value) for commitment, value in found.items() if value is not None}


def certified(ledger: LedgerReading, member: str, commitments: Collection[bytes]) -> dict[bytes, bytes]:
    """Return the hashes of certificates by record commitment, of those that are certified."""
    found = {one: ledger.value(state_key("record-status", member, one)) for one in commitments}
    return {one: decode(RecordStatus, value).certificate for one, value in found.items() if value is not None}


def find_orders(ledger: LedgerReading, member: str, wanted: Mapping[bytes, OrderState]) -> dict[bytes, Order]:
    """Return orders with their times and batches, by commitment: reads the log from its newest entry back.

    Args:
        ledger: the consortium chain's.
        member: whose orders.
        wanted: from ``orders_of``.
    """
    confirmed: dict[bytes, int] = {}
    found: dict[bytes, Order] = {}
    for index in reversed(range(ledger.tip.log_size)):
        if len(found) == len(wanted):
            break
        entry = ledger.entry(index)
        if entry.receipt.number:
            continue
        for one in entry.transaction.operations:
            call = (one.head.contract, one.head.method)
            if call == ("records", "confirm"):
                commitment = decode(ConfirmDestruction, one.head.arguments).commitment
                if commitment in wanted and _signed_by(ledger, entry, member):
                    confirmed[commitment] = entry.leaf.time
            elif call == ("records", "order"):
                record = decode(OrderDestruction, one.head.arguments).record
                state = wanted.get(record.commitment)
                if state is not None and _signed_by(ledger, entry, member):
                    found[record.commitment] = Order(
                        batch=record.batch,
                        ground=state.ground,
                        ordered_by=state.ordered_by,
                        ordered=entry.leaf.time,
                        confirmed_by="".join(state.confirmed_by),
                        confirmed=0,
                    )
    return {one: replace(order, confirmed=confirmed.get(one, 0)) for one, order in found.items()}


def _signed_by(ledger: LedgerReading, entry: Entry, member: str) -> bool:
    """Tell whether a transaction's first signer acts for a member: others may copy a commitment."""
    key = ledger.value(state_key("registry", "key", entry.transaction.header.signers[0]))
    return key is not None and decode(KeyState, key).member == member

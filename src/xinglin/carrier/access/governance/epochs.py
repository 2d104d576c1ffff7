"""Reads member epochs from the state, for every contract that asks whose cosigning key counts."""

from __future__ import annotations

from xinglin.carrier.access.governance.model import NAMESPACE, EpochState, LatestEpoch
from xinglin.carrier.contracts.api import Context
from xinglin.carrier.ledger.model import Epoch


def find(ctx: Context, number: int) -> Epoch | None:
    """Return an epoch that has passed, None when there is none of that number."""
    state = ctx.read(EpochState, NAMESPACE, "epoch", number)
    return None if state is None else state.epoch


def latest(ctx: Context) -> Epoch:
    """Return the epoch that passed last; it may come into force at a later height."""
    pointer = ctx.read(LatestEpoch, NAMESPACE, "latest")
    return _passed(ctx, 0 if pointer is None else pointer.number)


def in_force(ctx: Context) -> Epoch:
    """Return the epoch in force at the block's height (N5)."""
    epoch = latest(ctx)
    while epoch.from_height > ctx.height:
        epoch = _passed(ctx, epoch.number - 1)
    return epoch


def _passed(ctx: Context, number: int) -> Epoch:
    epoch = find(ctx, number)
    if epoch is None:  # never so: epoch 0 is founded, and numbers have no gaps
        raise LookupError(f"epoch {number}")
    return epoch

"""Reads member epochs from the state, for every contract that asks whose cosigning key counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xinglin.carrier.access.governance.model import NAMESPACE, EpochState, LatestEpoch
from xinglin.carrier.contracts.api import Context
from xinglin.carrier.ledger.model import Epoch
from xinglin.kernel.encoding import decode, state_key


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


def epochs_of(value: Callable[[bytes], bytes | None]) -> list[EpochState]:
    """Return every epoch that has passed, from 0 up, with its votes.

    Args:
        value: gives the value under a state key, or None.
    """
    epochs: list[EpochState] = []
    while (stored := value(state_key(NAMESPACE, "epoch", len(epochs)))) is not None:
        epochs.append(decode(EpochState, stored))
    return epochs


def epoch_at(epochs: Sequence[EpochState], height: int) -> Epoch:
    """Return the epoch in force at a height (N5)."""
    return [state.epoch for state in epochs if state.epoch.from_height <= height][-1]

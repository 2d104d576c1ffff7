"""What a block's answer means to whoever waits for a transaction: done, final, or open still (design D5.4)."""

from __future__ import annotations

from xinglin.carrier.consensus.errors import PassedOver
from xinglin.carrier.consensus.ports import Committed, Outcome, TxResult
from xinglin.carrier.ledger.errors import SignerEnded, SignerUnknown, TransactionExpired, TransactionReplayed
from xinglin.kernel.errors import Invalid, PlatformError

FOR_GOOD = (TransactionReplayed, TransactionExpired, Invalid)
"""Refusals that stay: no later block can log a transaction that has met one of them."""
WHERE_NOBODY_ELSE_HAS_IT = (*FOR_GOOD, SignerUnknown, SignerEnded)
"""Refusals that are final where only the submitter could hand in again: time alone does not lift them."""


def outcome_of(result: TxResult, height: int, time: int, final: tuple[type[PlatformError], ...] = FOR_GOOD) -> Outcome:
    """Return what became of a transaction in a durable block.

    A block that passes a transaction over uses up nothing: until ``valid_until`` another may log it, and whoever has
    its bytes may hand it in. Only a refusal that stays is its end; any other is PassedOver.

    Args:
        result: the application's.
        height: of the block.
        time: of the block, ms.
        final: the refusals that stay.
    """
    if result.refusal is None:
        return Committed(height, time, result.index, result.code, result.data)
    return result.refusal if isinstance(result.refusal, final) else PassedOver(reason=result.refusal.code)

"""What engines say of blocks: in which round they were decided, who proposed them, what they hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Observer = Callable[[str], Any]
"""Asks an engine's RPC for a path."""


def later_rounds(asked: Observer) -> int:
    """Return how many blocks were not decided in the first round."""
    return sum(asked(f"commit?height={height}")["signed_header"]["commit"]["round"] > 0 for height in _heights(asked))


def proposals(asked: Observer, validator: str) -> tuple[int, int]:
    """Return how many decided blocks a validator proposed, and how many hold transactions; block 1 is left aside."""
    proposed = [
        block
        for height in _heights(asked)
        if height > 1
        and (block := asked(f"block?height={height}")["block"])["header"]["proposer_address"].lower() == validator
    ]
    return len(proposed), sum(bool(block["data"]["txs"]) for block in proposed)


def _heights(asked: Observer) -> range:
    return range(1, int(asked("status")["sync_info"]["latest_block_height"]))

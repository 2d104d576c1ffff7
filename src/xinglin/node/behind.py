"""Tells whether a home's consortium chain is behind what the home itself has known of it (S6.2c2).

So it is after a rebuild from genesis, or a join, until the other members' blocks are here: nothing is damaged by that.
A chain that was set back looks alike. Which it is, people know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from xinglin.carrier.ledger.cosign import NoteStore
from xinglin.carrier.ledger.head import newest_slot
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.node.home import Home

_MAX_DIGITS = 19


class KnownBy(StrEnum):
    """By what a home knows of a height: a checkpoint that it keeps, a chain that was set aside, its registration."""

    CHECKPOINT = "checkpoint"
    SET_ASIDE = "set_aside"
    REGISTRATION = "registration"


@dataclass(frozen=True, slots=True)
class Behind:
    """A chain that is at ``height`` here, of which the home has known ``known``, by what.

    ``checkpoints``: how many are kept of heights that are not here.
    """

    chain: str
    height: int
    known: int
    by: KnownBy
    checkpoints: int


def behind(home: Home, ledger: Ledger) -> Behind | None:
    """Return by how much a home's consortium chain is behind what the home knows; None when it is not."""
    chain, height = ledger.rules.chain, ledger.tip.height
    known, by = max(_known(home, ledger), key=lambda one: one[0], default=(0, KnownBy.CHECKPOINT))
    if known <= height:
        return None
    ahead = [one for one in NoteStore(home.chain(chain)).heights() if one > height]
    return Behind(chain, height, known, by, len(ahead))


def _known(home: Home, ledger: Ledger) -> Iterator[tuple[int, KnownBy]]:
    chain = ledger.rules.chain
    for height in NoteStore(home.chain(chain)).heights()[-1:]:
        yield height, KnownBy.CHECKPOINT
    for aside in home.evidence.glob(f"rebuild-{chain}-*/chain/head*"):
        slot = newest_slot(aside, ledger.rules.suite.hash)
        if slot is not None:
            yield slot.height, KnownBy.SET_ASIDE
    registered = _number(home.registered)
    if registered is not None:
        yield registered, KnownBy.REGISTRATION


def _number(path: Path) -> int | None:
    try:
        text = path.read_bytes()[: _MAX_DIGITS + 1]
    except OSError:
        return None
    return int(text) if text.isdigit() and len(text) <= _MAX_DIGITS else None

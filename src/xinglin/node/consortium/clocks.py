"""How far this machine's clock is from the other members' (docs/spec/cosigning.md, CK1 to CK4; S6.1d).

An engine keeps out, and says nothing to, a node whose clock is far from the others'. What their nodes say of the time
is not signed and may be false: what counts is the middle of all members.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

ANSWERS = 5
"""So many of the last answers of a node tell its clock: a clock that was set right is soon seen to be."""


@dataclass(frozen=True, slots=True)
class Clock:
    """This machine's clock.

    ``offset_ms``: what it is ahead of the others', None while nobody has told the time. ``members``: how many did.
    ``since_ms``: since when that is more than ``threshold_ms``, None while it is not.
    """

    offset_ms: float | None
    members: int
    threshold_ms: float
    since_ms: int | None = None


def ahead_of(said_ms: int, asked_ms: int, round_trip_ms: float) -> float:
    """Return what an answer says that this machine's clock is ahead, in ms; half the round-trip is its error at most.

    Args:
        said_ms: the other's clock when it answered.
        asked_ms: this machine's clock when it asked.
        round_trip_ms: from asking to the answer.
    """
    return asked_ms + round_trip_ms / 2 - said_ms


def middle_of(members: Iterable[Sequence[float]]) -> float | None:
    """Return the middle of what members' nodes say, each member once; None where nobody says anything.

    Of two in the middle the one nearer to zero counts, so that half of the members alone can raise no alarm.
    """
    said = sorted(median(one) for one in members if one)
    if not said:
        return None
    return min(said[(len(said) - 1) // 2], said[len(said) // 2], key=abs)

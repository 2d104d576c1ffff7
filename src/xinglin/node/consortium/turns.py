"""When a node may start its engine again while blocks come: its turn by the clock (docs/spec/membership.md, MB17)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_BEGINS_WITHIN = 0.25
"""The part of a turn in which a start begins; the rest is for the start itself and for what clocks differ."""
_SHORTEST_SECONDS = 1.0
"""Within which it begins at least: nodes look each half a second."""


@dataclass(frozen=True, slots=True)
class Everybody:
    """Who starts in turn.

    ``members``: of the latest epoch, ascending, whatever else the registry says of them; none while there is no block.
    A vote alone changes them, so that nobody moves the turns of others. ``whose``: the member of each admitted peer.
    """

    members: Sequence[str]
    whose: Mapping[bytes, str]


@dataclass(frozen=True, slots=True)
class Turn:
    """A node's turn: its member's of the members, and in each round of them one of its member's nodes.

    However many nodes a member has, another waits no longer for it.
    """

    member: int
    members: int
    node: int
    nodes: int

    def cycle(self, stagger: float) -> float:
        """Return how many seconds an engine rests from one start to the next: a turn of all, and one more."""
        return (self.members + 1) * stagger

    def is_now(self, seconds: float, stagger: float) -> bool:
        """Tell whether a start may begin.

        Args:
            seconds: of the clock that all hosts have alike, since 1970.
            stagger: how long a turn is; at 0 there are none.
        """
        if stagger <= 0:
            return True
        slot, within = divmod(seconds, stagger)
        turn, member = divmod(int(slot), self.members)
        begins = within < max(_BEGINS_WITHIN * stagger, _SHORTEST_SECONDS)
        return begins and member == self.member and turn % self.nodes == self.node


def turn_of(peer: bytes, member: str, everybody: Everybody) -> Turn:
    """Return the turn of a member's node, by its peer id. Who is no member has that of the last one or another's."""
    members = max(1, len(everybody.members))
    place = min(members - 1, sum(one < member for one in everybody.members))
    nodes = sorted({peer, *(one for one, whose in everybody.whose.items() if whose == member)})
    return Turn(place, members, nodes.index(peer), len(nodes))

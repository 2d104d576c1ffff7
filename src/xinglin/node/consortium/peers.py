"""Closes the connections to engines that the registry admits no more (docs/spec/membership.md; S8.2c).

CometBFT asks whether a peer is let in when it connects, and has no way to close a connection that stands. So a node
whose peers have become fewer writes the others into its engine's settings and restarts its engine, in order: one node
after the other, so that more than two thirds go on.

No start of one node may meet another's, whoever chooses when they are due: each has its turn by the clock.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from xinglin.carrier.consensus.comet.config import Peer
from xinglin.node.consortium.redial import Redial
from xinglin.node.consortium.repeating import Repeating
from xinglin.node.consortium.turns import Everybody, Turn, turn_of

logger = logging.getLogger(__name__)
LOOK_SECONDS = 0.5
DEAD_SECONDS, REDIAL_SECONDS = 2.0, 10.0
"""How often it is looked whether a connection is dead, and whether peers are missed that can be reached."""


@contextmanager
def closing_on_departed(engine: Peered, stagger_seconds: float) -> Iterator[None]:
    """Look after the peers of an engine until the block ends; see ``PeersKeeper``."""
    keeper = PeersKeeper(engine, stagger_seconds)
    keeper.start()
    try:
        yield
    finally:
        keeper.close()


class Peered(Protocol):
    """An engine whose peers the registry names; ``CometChain`` is one."""

    @property
    def begun_with(self) -> Sequence[Peer]:
        """The peers that it was told when it was started first."""
        ...

    @property
    def own_peer(self) -> bytes:
        """Its own peer id."""
        ...

    @property
    def own_member(self) -> str:
        """Its own member."""
        ...

    def everybody(self) -> Everybody:
        """Return who starts in turn: the members, and whose the admitted peers are."""
        ...

    def admitted(self) -> Sequence[Peer]:
        """Return the peers that are admitted now, its own not among them."""
        ...

    def write_peers(self, peers: Sequence[Peer]) -> None:
        """Have the engine dial these from its next start on."""
        ...

    def missed(self) -> Collection[bytes]:
        """Return the peers that it should dial anew: they can be reached and are not connected, or are silent."""
        ...

    def dead(self) -> Collection[bytes]:
        """Return the peers whose connection is dead for sure."""
        ...

    def stands(self) -> bool:
        """Tell whether no block comes."""
        ...

    def restart(self) -> None:
        """Stop the engine in order and start it."""
        ...


class PeersKeeper:
    """Looks after the peers of one engine, on a thread of its own. Start it; close it before the engine.

    Args:
        engine: the engine, which has been started; blocks may have come since.
        stagger_seconds: how long a turn is, longer than a restart and what clocks differ; alike on all nodes.
    """

    def __init__(self, engine: Peered, stagger_seconds: float) -> None:
        self._engine = engine
        self._stagger = stagger_seconds
        self._written = tuple(engine.begun_with)
        self._known = {one.id for one in self._written}
        self._redial, self._looked = Redial(), _tick()
        self._missed: Collection[bytes] = ()
        self._dead: Collection[bytes] = ()
        self.restarts = 0
        self._repeating = Repeating("changing peers", self.look, LOOK_SECONDS)

    def start(self) -> None:
        """Begin."""
        self._repeating.start()

    def close(self) -> None:
        """Stop; a restart that is under way is waited for."""
        self._repeating.close()

    def look(self) -> None:
        """Compare the registry's peers with those that the engine may be connected to; restart it if it is its turn.

        Who is new is only written down: the new node dials the others. Who is gone may be connected, whoever dialled.
        """
        admitted = tuple(self._engine.admitted())
        if admitted != self._written:
            self._engine.write_peers(admitted)
            self._written = admitted
        ids = {one.id for one in admitted}
        self._look_for_missed()
        self._known |= ids
        if self._known != ids:
            self._shut_out(ids)

    def _shut_out(self, ids: set[bytes]) -> None:
        """Restart the engine in its turn, so that it is connected with these alone."""
        now, turn = time.monotonic(), self._turn(self._engine.everybody())
        # A member that changes its peer again and again must not keep all engines restarting.
        if not (turn.is_now(time.time(), self._stagger) and self._redial.rested(now, turn.cycle(self._stagger))):
            return
        logger.warning("the engine is restarted: %d peers are admitted no more", len(self._known - ids))
        self._engine.restart()
        self._redial.started(now)
        self._known = ids
        self.restarts += 1

    def _look_for_missed(self) -> None:
        """Restart an engine that does not dial a peer that can be reached, or holds a dead connection."""
        before, self._looked = self._looked, _tick()
        parts = round(REDIAL_SECONDS / DEAD_SECONDS)
        if before // parts != self._looked // parts:
            self._missed = self._engine.missed()
        stands = self._engine.stands()
        if before != self._looked:
            self._dead = () if stands else self._engine.dead()
        missed = {*self._missed, *self._dead}
        if self._redial.due_standing(missed, time.monotonic()) if stands else self._due_going(missed):
            logger.warning(
                "the engine is restarted: %d peers are not connected and could be, or are silent", len(missed)
            )
            self._engine.restart()
            self._missed = self._dead = ()

    def _due_going(self, missed: Collection[bytes]) -> bool:
        everybody = self._engine.everybody()
        turn = self._turn(everybody)
        return self._redial.due_going(
            # Whose the registry doesn't say are the owner's word, and count as one.
            {peer: everybody.whose.get(peer, "") for peer in missed},
            time.monotonic(),
            turn=turn.is_now(time.time(), self._stagger),
            cycle_seconds=turn.cycle(self._stagger),
            known_dead=self._dead,
        )

    def _turn(self, everybody: Everybody) -> Turn:
        return turn_of(self._engine.own_peer, self._engine.own_member, everybody)


def _tick() -> int:
    return int(time.time() / DEAD_SECONDS)

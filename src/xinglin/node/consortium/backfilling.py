"""Fetches the log before this home's beginning from other members' nodes while the node runs (spec/history.md; D5.6).

One slice at a time: it is fetched, checked, and written with the next block, so that nothing here delays a block by
more than the writing of a slice. Whoever answers first is asked on; who takes too long for a slice comes last; whose
answer is not what was logged is told in the log, and rests.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from xinglin.carrier.ledger import backfill
from xinglin.carrier.ledger.backfill import Backfill, Source
from xinglin.carrier.ledger.errors import HistoryInvalid, StoreDamaged
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.store import Write
from xinglin.kernel.errors import PlatformError
from xinglin.node.consortium.neighbours import Met
from xinglin.node.remote.forms import LOG_PER_MINUTE

logger = logging.getLogger(__name__)
AWAY_SECONDS, LONGEST_AWAY_SECONDS = 1.0, 60.0
"""When a node is asked again that did not answer or has no such log itself: twice as long each time."""
LIED_SECONDS = 600.0
"""When one is asked again whose answer was not what was logged."""
LOOK_SECONDS = 0.5
PACE_SECONDS = 1.1 * 60 / LOG_PER_MINUTE
"""Between two requests: other nodes give so many pages and tiles a minute."""
_FULL_SECONDS = 60.0


class HasLog(Protocol):
    """Another member's node by its address: ``Neighbour`` is one."""

    address: str

    def meet(self, seconds: float = ...) -> Met:
        """Ask who answers there."""
        ...

    def asking(self, met: Met) -> Source:
        """Return what asks it."""
        ...


@dataclass(frozen=True, slots=True)
class BackfillStatus:
    """How far it is: ``entries`` of the ``size`` that were logged before are here; ``code``: of the last refusal.

    ``lied``: addresses whose answers were not what was logged.
    """

    entries: int
    size: int
    code: str = ""
    lied: tuple[str, ...] = ()


@dataclass(slots=True)
class _Asked:
    neighbour: HasLog
    failures: int = 0
    due: float = 0.0
    lied: bool = False


class _Stopped(Exception):
    """The node is being stopped."""


class BackfillKeeper:
    """Fetches on a thread of its own until all is there. Start it; close it before the chain is closed.

    Args:
        ledger: the consortium chain.
        neighbours: the other members' nodes.
    """

    def __init__(self, ledger: Ledger, neighbours: Sequence[HasLog]) -> None:
        self._ledger = ledger
        self._fill = None if ledger.begun is None else Backfill(ledger, ledger.begun)
        self._asked = [_Asked(one) for one in neighbours]
        self._code = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="backfill", daemon=True)

    @property
    def status(self) -> BackfillStatus | None:
        """How it goes; None where nothing was missing from the beginning."""
        if self._fill is None:
            return None
        lied = tuple(one.neighbour.address for one in self._asked if one.lied)
        return BackfillStatus(self._fill.size - self._ledger.log_missing, self._fill.size, self._code, lied)

    def start(self) -> None:
        """Begin, if anything is missing."""
        if self._ledger.log_start > 0:
            if not self._asked:
                logger.warning("the older log can't be fetched: listener.members names no other member's node")
            self._thread.start()

    def close(self) -> None:
        """Stop; a request that is under way is waited for as long as requests take."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def look(self) -> float:
        """Fetch or check what is next, and wait until it is durable; return the seconds until the next look.

        Raises:
            StoreFull: there is no room for it.
        """
        fill = self._fill
        if fill is None or self._ledger.log_start == 0:
            return LOOK_SECONDS
        self._ledger.check_room()
        whole = fill.next == fill.size
        write = self._checked(fill) if whole else self._fetched(fill)
        if write is None:
            return max(LOOK_SECONDS, min((one.due for one in self._asked), default=0.0) - time.monotonic())
        done = self._ledger.write_past(write, whole=whole and self._fill is fill)
        while not done.wait(LOOK_SECONDS) and not self._stop.is_set():
            pass
        if self._ledger.log_start == 0:
            logger.warning("the log of chain %s is whole: %d entries were fetched", self._ledger.rules.chain, fill.size)
        return 0.0

    def _run(self) -> None:
        wait = 0.0
        while self._ledger.log_start > 0 and not self._stop.wait(wait):
            try:
                wait = self.look()
            except _Stopped:
                return
            except PlatformError as refusal:
                self._code, wait = refusal.code, _FULL_SECONDS
                logger.error("the log before the beginning can't be fetched: %s", refusal.code)
            except Exception as fault:  # noqa: BLE001  (a thread that ended would fetch nothing any more)
                wait = _FULL_SECONDS
                logger.error("fetching the log met a fault: %s", type(fault).__name__)

    def _checked(self, fill: Backfill) -> Write:
        """Return what makes all of it count; where the disk has altered it, what begins anew."""
        try:
            return fill.finish()
        except StoreDamaged as damage:
            logger.error("the log that was fetched is fetched again: %s", damage.sentence())
            self._code = damage.code
            self._fill = Backfill(self._ledger, fill.begun)
            return Backfill.start_again()

    def _fetched(self, fill: Backfill) -> Write | None:
        """Return the next slice from the first node that gives it; None when none does now."""
        for one in list(self._asked):
            if self._stop.is_set():
                raise _Stopped
            if one.due > time.monotonic():
                continue
            began = time.monotonic()
            try:
                met = one.neighbour.meet()
                write = fill.fetch(_Stoppable(one.neighbour.asking(met), self._stop))
            except HistoryInvalid as lie:
                one.lied, one.due, self._code = True, time.monotonic() + LIED_SECONDS, lie.code
                who = (met.node, met.member, one.neighbour.address)
                logger.error("[%s] node %s of member %s at %s: %s", lie.code, *who, lie.sentence())
            except PlatformError as refusal:
                self._code = refusal.code
                one.due = time.monotonic() + min(LONGEST_AWAY_SECONDS, AWAY_SECONDS * 2.0 ** min(one.failures, 16))
                one.failures += 1
            else:
                one.failures, self._code = 0, ""
                self._asked.remove(one)
                slow = time.monotonic() - began >= backfill.SLICE_SECONDS
                self._asked.insert(len(self._asked) if slow else 0, one)
                return write
        return None


class _Stoppable:
    """A source that is asked no faster than nodes answer, and nothing more once the node is being stopped."""

    def __init__(self, source: Source, stop: threading.Event) -> None:
        self._source, self._stop = source, stop
        self._due = 0.0

    def page(self, first: int, below: int) -> bytes:
        """See ``Source``."""
        self._go_on()
        return self._source.page(first, below)

    def tile(self, level: int, index: int) -> bytes:
        """See ``Source``."""
        self._go_on()
        return self._source.tile(level, index)

    def _go_on(self) -> None:
        if self._stop.wait(max(0.0, self._due - time.monotonic())):
            raise _Stopped
        self._due = time.monotonic() + PACE_SECONDS

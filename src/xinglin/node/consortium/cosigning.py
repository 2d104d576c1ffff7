"""Collects cosignatures of checkpoints from other members' nodes while a node runs (docs/spec/cosigning.md; W19, D5.9).

One height at a time, at intervals, never each block. What does not answer is asked again while the height is without a
quorum, and never waited for: the chain knows nothing of this. A fork is evidence, and ends it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from xinglin.carrier.access.governance.epochs import epoch_at, epochs_of
from xinglin.carrier.ledger.checkpoint import NoteSignature, SignedNote
from xinglin.carrier.ledger.cosign import Cosigner
from xinglin.carrier.ledger.errors import CheckpointFork, CheckpointUnavailable
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import SystemClock
from xinglin.node.consortium.neighbours import CosignatureForeign, Met, Neighbour
from xinglin.node.node import Node

logger = logging.getLogger(__name__)
LOOK_SECONDS = 0.25
"""How often the keeper looks whether the chain has come to the next height that is cosigned."""
BEHIND_SECONDS, LONGEST_BEHIND_SECONDS = 0.3, 5.0
"""When a node is asked again that does not have the height yet: twice as long each time."""
AWAY_SECONDS, LONGEST_AWAY_SECONDS = 1.0, 30.0
"""When one is asked again that did not answer, or refused."""


class Asks(Protocol):
    """What asks one node: ``MemberNode`` is one."""

    def cosign(self, note: SignedNote) -> NoteSignature:
        """Return the node's line under a note."""
        ...

    def checkpoint(self, height: int) -> SignedNote:
        """Return the node's own checkpoint."""
        ...


@dataclass(slots=True)
class Asked:
    """One address: who answered there last, how it went, when it is asked again by a clock that never goes back."""

    neighbour: Neighbour
    met: Met | None = None
    code: str = ""
    since_ms: int = 0
    failures: int = 0
    due: float = 0.0
    busy: bool = False
    answered: int = -1
    """The height that it was last done with."""


@dataclass(slots=True)
class Round:
    """One height that is being cosigned: this node's note, when it began, and the seconds until there was a quorum."""

    note: SignedNote
    quorum: int
    begun: float
    lines: int
    seconds: float | None = None

    @property
    def height(self) -> int:
        """The height."""
        return self.note.head.height


@dataclass(frozen=True, slots=True)
class CosigningStatus:
    """How cosigning goes.

    ``height``: the newest that was asked for, -1 before the first. ``lines``: its cosignatures of members of its epoch,
    ``quorum``: how many are needed. ``seconds``: from when this node had that block to the quorum, None without one.
    ``forked``: evidence of a fork is kept. ``contradicted``: members whose nodes say that they computed another head.
    ``fault``: why this node itself can't sign, empty when it can.
    """

    height: int = -1
    lines: int = 0
    quorum: int = 0
    seconds: float | None = None
    forked: bool = False
    contradicted: tuple[str, ...] = ()
    fault: str = ""


@dataclass(slots=True)
class _Seen:
    """What the keeper's threads share."""

    round: Round | None = None
    contradicted: set[str] = field(default_factory=set)
    fault: str = ""
    told_fork: bool = False
    wanted: int = 0


class CosigningKeeper:
    """Has checkpoints cosigned, on threads of its own. Start it; close it before the chain is closed.

    Args:
        node: this node; its consortium chain runs.
        neighbours: the other members' nodes.
    """

    def __init__(self, node: Node, neighbours: Sequence[Neighbour]) -> None:
        self._node = node
        self._ledger = node.consortium
        self._cosigner: Callable[[], Cosigner] = node.cosigner
        settings = node.settings.cosigning
        own = self._ledger.rules.parameters.checkpoint_interval
        self._every = -(-settings.interval_blocks // own) * own
        self._least_seconds = settings.interval_seconds
        self.asked = [Asked(one) for one in neighbours]
        self._seen = _Seen()
        self._changed = threading.Condition()
        self._stop = False
        self._pool = ThreadPoolExecutor(max(1, len(self.asked)), "cosigning")
        self._thread = threading.Thread(target=self._run, name="cosigning-keeper", daemon=True)

    @property
    def status(self) -> CosigningStatus:
        """How it goes."""
        forked = self._node.notes.forked
        with self._changed:
            seen = self._seen
            contradicted, fault = tuple(sorted(seen.contradicted)), seen.fault
            if seen.round is None:
                return CosigningStatus(forked=forked, contradicted=contradicted, fault=fault)
            one = seen.round
            return CosigningStatus(one.height, one.lines, one.quorum, one.seconds, forked, contradicted, fault)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Stop; a request that is under way is waited for as long as requests take."""
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        self._pool.shutdown(cancel_futures=True)

    def collect(self, seconds: float) -> SignedNote:
        """Have the newest height cosigned now, and return its note as it is when there is a quorum or time is over.

        Raises:
            CheckpointUnavailable: this node can't sign it, such as after a fork.
        """
        own = self._ledger.rules.parameters.checkpoint_interval
        height = self._ledger.tip.height
        height -= height % own
        with self._changed:
            current = self._seen.round
            if current is None or current.height < height:
                current = self._begin(height)
            self._changed.notify_all()
            mine = current
            self._changed.wait_for(lambda: self._stop or mine.seconds is not None, seconds)
        return self._node.notes.load(mine.height) or mine.note

    def want(self, height: int) -> None:
        """Have a height, or a later one, cosigned before the next multiple: somebody waits for a quorum (CS3)."""
        with self._changed:
            self._seen.wanted = max(self._seen.wanted, height)

    def look(self) -> None:
        """Begin with the next height if the chain has come to it, and ask whoever is due."""
        with self._changed:
            height = self._next_height()
            current = self._seen.round
            next_ = current is None or (
                current.height < height and time.monotonic() - current.begun >= self._least_seconds
            )
            try:
                if next_ and height and not self._node.notes.forked:
                    current = self._begin(height)
                self._seen.fault = ""
            except PlatformError as refusal:
                self._seen.fault = refusal.code
            self._note_fork()
            self._recount()
            if current is None or current.seconds is not None or self._node.notes.forked:
                return
            now = time.monotonic()
            due = [one for one in self.asked if not one.busy and one.due <= now and one.answered < current.height]
            for one in due:
                one.busy = True
                self._pool.submit(self._ask, one, current)

    def _next_height(self) -> int:
        """Return the newest height that is to be cosigned: a multiple, or what is wanted; the lock is held."""
        tip, current = self._ledger.tip.height, self._seen.round
        own = self._ledger.rules.parameters.checkpoint_interval
        every = own if self._seen.wanted > (0 if current is None else current.height) else self._every
        return tip - tip % every

    def _begin(self, height: int) -> Round:
        """Begin with a height; the lock is held."""
        cosigner = self._cosigner()
        note = cosigner.checkpoint(height) if cosigner.cosigns_at(height) else cosigner.said(height)
        quorum = epoch_at(epochs_of(self._ledger.value), height).quorum
        current = Round(note, quorum, time.monotonic(), 0)
        self._seen.round = current
        for one in self.asked:
            if not one.code or one.code == CheckpointUnavailable.code:
                one.due = 0.0
        self._recount()
        return current

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._stop:
                    return
            try:
                self.look()
            except Exception as fault:  # noqa: BLE001  (a thread that ended would ask nobody any more)
                logger.error("cosigning met a fault: %s", getattr(fault, "code", type(fault).__name__))
            with self._changed:
                self._changed.wait_for(lambda: self._stop, LOOK_SECONDS)

    def _ask(self, one: Asked, current: Round) -> None:
        """Ask one node for its line, on a thread of the pool; whatever comes of it is noted."""
        code = ""
        try:
            one.met = one.neighbour.meet()
            self._take(one.met, one.neighbour, current)
        except CheckpointFork:
            self._contradicted(one, current)
            code = CheckpointFork.code
        except PlatformError as refusal:
            code = refusal.code
        except Exception as fault:  # noqa: BLE001  (nobody waits for this thread's end)
            code = type(fault).__name__
        with self._changed:
            one.busy = False
            one.failures = one.failures + 1 if code else 0
            one.due = time.monotonic() + _wait_seconds(code, one.failures)
            if code != one.code:
                one.code, one.since_ms = code, SystemClock().now_ms()
            if not code:
                one.answered = current.height
            self._recount()

    def _take(self, met: Met, neighbour: Neighbour, current: Round) -> None:
        """Ask for a line, check whose it is and that it verifies, and keep it."""
        cosigner, asks = self._cosigner(), neighbour.asking(met)
        height = current.height
        if met.member not in cosigner.keys_at(height):
            return
        if met.head.height < height:
            raise CheckpointUnavailable(chain=self._ledger.rules.chain, height=height)
        line = asks.cosign(current.note) if cosigner.cosigns_at(height) else self._line_of(asks, met, current)
        if line.member != met.member:
            raise CosignatureForeign(address=neighbour.address, member=met.member, found=line.member)
        cosigner.take(current.note, line)

    def _line_of(self, asks: Asks, met: Met, current: Round) -> NoteSignature:
        """Return the line of a checkpoint that a node made by itself: for a member that has none of its own to show."""
        theirs = asks.checkpoint(current.height)
        fork = self._cosigner().contradicted(current.note, theirs)
        if fork is not None:
            raise fork
        return next((line for line in theirs.signatures if line.member == met.member), theirs.signatures[0])

    def _contradicted(self, one: Asked, current: Round) -> None:
        """A node says that it computed another head: get what it signed, which is evidence; its word alone is none."""
        member = one.met.member if one.met is not None else ""
        try:
            if one.met is not None:
                theirs = one.neighbour.asking(one.met).checkpoint(current.height)
                self._cosigner().contradicted(current.note, theirs)
        except PlatformError as refusal:
            logger.warning("member %s says that there is a fork, and shows nothing: %s", member, refusal.code)
        with self._changed:
            self._seen.contradicted.add(member)

    def _recount(self) -> None:
        """Count the lines of the height in hand; the lock is held."""
        current = self._seen.round
        if current is None or current.seconds is not None:
            return
        kept = self._node.notes.load(current.height)
        current.lines = 0 if kept is None else len(self._cosigner().cosigners(kept))
        if current.lines >= current.quorum:
            current.seconds = time.monotonic() - current.begun
            self._changed.notify_all()

    def _note_fork(self) -> None:
        if self._node.notes.forked and not self._seen.told_fork:
            self._seen.told_fork = True
            logger.error("chain %s has forked: evidence is kept, nothing more is cosigned", self._ledger.rules.chain)


def _wait_seconds(code: str, failures: int) -> float:
    """Return in how many seconds a node is asked again."""
    if code == CheckpointUnavailable.code:
        return min(LONGEST_BEHIND_SECONDS, BEHIND_SECONDS * 2.0 ** min(failures - 1, 16))
    return min(LONGEST_AWAY_SECONDS, AWAY_SECONDS * 2.0 ** min(failures - 1, 16)) if code else 0.0

"""Anchors a private chain in the background while its node serves (docs/spec/anchor.md AN11 to AN14; H11, D5).

At once and each interval the keeper looks whether the chain has grown, and if so anchors it; once more when it is
closed. What fails is tried again, at longer and longer intervals, and is seen in ``status``: readers are served
meanwhile, since entries are durable before they are anchored. A chain that is not what was anchored was set back or
rewritten: then nothing is served (invariant 9).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.coordination.anchoring import ChainBehindAnchor, ChainRewritten

MAX_WAIT_SECONDS = 60.0
"""Longest time between two attempts while anchoring fails."""

logger = logging.getLogger(__name__)


class Anchors(Protocol):
    """What anchors one private chain; ``Anchoring`` implements it."""

    def check(self) -> object:
        """Compare the chain with its last anchor; see ``Anchoring.check``."""
        ...

    def step(self) -> bool:
        """Anchor the chain if it has grown; see ``Anchoring.step``."""
        ...


@dataclass(frozen=True, slots=True)
class AnchorStatus:
    """How anchoring goes: attempts that failed since the last that did not, and the code or type of the last fault."""

    failures: int = 0
    fault: str = ""
    closed: bool = False
    """Whether the chain is closed, since it is not what was anchored."""


class AnchorKeeper:
    """Anchors one private chain on a thread of its own. Start it, and close it before the chains are closed.

    Args:
        anchors: gives what anchors the chain, as soon as its chains run.
        interval_seconds: how often to look.
    """

    def __init__(self, anchors: Callable[[], Anchors], interval_seconds: float) -> None:
        self._anchors = anchors
        self._interval = interval_seconds
        self._status = AnchorStatus()
        self._closed: PlatformError | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="anchor-keeper", daemon=True)

    @property
    def status(self) -> AnchorStatus:
        """How anchoring goes."""
        return self._status

    def start(self) -> None:
        """Compare the chain with its last anchor, so that nothing is served from one that was set back; then begin."""
        self._guarded(lambda: self._anchors().check())
        self._thread.start()

    def require_open(self) -> None:
        """Refuse to go on with a chain that is not what was anchored.

        Raises:
            ChainBehindAnchor, ChainRewritten: it was set back or rewritten.
        """
        if self._closed is not None:
            raise self._closed

    def close(self) -> None:
        """Stop, and anchor what is not anchored yet; a fault is told and not raised."""
        self._stop.set()
        self._thread.join()
        self.attempt()

    def attempt(self) -> None:
        """Anchor the chain if it has grown since it was anchored; a fault goes to ``status`` and the log."""
        if self._closed is None:
            self._guarded(lambda: self._anchors().step())

    def _run(self) -> None:
        while not self._stop.is_set():
            self.attempt()  # at once: what a crash left has waited long enough
            self._stop.wait(min(self._interval * 2 ** min(self._status.failures, 16), MAX_WAIT_SECONDS))

    def _guarded(self, act: Callable[[], object]) -> bool:
        """Do something that may fail and tell whether it did not."""
        try:
            act()
        except (ChainBehindAnchor, ChainRewritten) as broken:
            self._closed = broken
            self._fail(broken.code)
        except PlatformError as refusal:
            self._fail(refusal.code)
        except Exception as fault:  # noqa: BLE001  (a thread that ended would anchor nothing any more)
            self._fail(type(fault).__name__)
        else:
            if self._status.failures:
                logger.info("anchoring goes on after %d failures", self._status.failures)
            self._status = AnchorStatus()
            return True
        return False

    def _fail(self, fault: str) -> None:
        if fault != self._status.fault:
            logger.warning("the private chain is not anchored: %s", fault)
        self._status = AnchorStatus(self._status.failures + 1, fault, self._closed is not None)

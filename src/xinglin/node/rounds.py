"""What a serving node does at intervals: logs in which minutes strangers were refused, and anchors (AC9, AN11)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from xinglin.kernel.clock import Clock
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.audit.strangers import Strangers
from xinglin.service.basic.coordination.anchoring import Anchoring

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rounds:
    """Implements what the anchor keeper calls: what was counted of strangers is on the chain before it is anchored.

    ``may_open`` tells whether a chain that is not named on the consortium chain yet is to be named now.
    """

    anchoring: Anchoring
    strangers: Strangers
    clock: Clock
    may_open: Callable[[], bool] = lambda: False

    def check(self) -> object:
        """See ``Anchoring.check``."""
        return self.anchoring.check()

    def step(self) -> bool:
        """Log the minutes that are over, then anchor; counts that the chain does not take now wait for the next."""
        try:
            self.strangers.flush(self.clock.now_ms())
        except PlatformError as refusal:
            logger.warning("refusals of strangers are not logged: %s", refusal.code)
        if self.anchoring.state() is None and self.may_open():
            self.anchoring.open()
        return self.anchoring.step()

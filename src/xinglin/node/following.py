"""A node follows by itself what patients permit and forbid elsewhere, while it serves (docs/spec/consent.md CN25; W8).

At the start it goes through the consents of the chain, then looks at those that blocks change. What it could not take
in, since the patient is not known or not linked here, is tried again from time to time.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from xinglin.kernel.errors import PlatformError
from xinglin.node.consortium.repeating import Repeating
from xinglin.node.office.desk import take_in_new
from xinglin.node.records.serving import Serving
from xinglin.service.basic.protection.chain import LedgerFacts

LOOK_SECONDS = 2.0
AGAIN_SECONDS = 60.0
"""Between two tries of what was refused."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FollowingStatus:
    """How following goes: consents acknowledged since the start, ids of those refused, the code of the last fault."""

    acknowledged: int = 0
    refused: tuple[str, ...] = ()
    fault: str = ""


class ConsentKeeper:
    """Takes in and acknowledges the consents that bind one node, on a thread of its own. Start it; close it first.

    Args:
        serving: the node, whose chains run.
        seconds: between two looks.
    """

    def __init__(self, serving: Serving, seconds: float = LOOK_SECONDS) -> None:
        self._serving = serving
        self._changed = LedgerFacts(serving.archive.node.consortium).changed_consents()
        self._waiting: set[str] | None = None
        """Ids that are to be looked at; None before the first look: all of the chain."""
        self._again = 0.0
        self._status = FollowingStatus()
        self._repeating = Repeating("following consents", self.look, seconds)

    @property
    def status(self) -> FollowingStatus:
        """How it goes."""
        return self._status

    def start(self) -> None:
        """Begin."""
        self._repeating.start()

    def close(self) -> None:
        """Stop; a look that is under way is waited for."""
        self._repeating.close()

    def look(self) -> None:
        """Take in what is new, and acknowledge it; what fails is looked at the next time.

        Raises:
            PlatformError: the chain takes no acknowledgement now, such as while too few nodes are there.
        """
        changed, before = self._changed(), self._status
        if self._waiting is not None:
            self._waiting |= changed
            if time.monotonic() >= self._again:
                self._waiting |= set(before.refused)
                self._again = time.monotonic() + AGAIN_SECONDS
            if not self._waiting:
                return
        try:
            done = take_in_new(self._serving, self._waiting)
        except PlatformError as fault:
            self._status = FollowingStatus(before.acknowledged, before.refused, fault.code)
            raise
        looked, self._waiting = self._waiting, set()
        still = () if looked is None else (one for one in before.refused if one not in looked)
        refused = {one["consent"]: one["reason"] for one in done["refused"]}
        for consent in refused.keys() - set(before.refused):
            logger.warning("a consent is not taken in: %s", refused[consent])
        acknowledged = before.acknowledged + len(done["acknowledged"])
        self._status = FollowingStatus(acknowledged, tuple(sorted({*refused, *still})))

"""A node follows what patients permit and forbid: takes in the consents that bind it, acknowledges (CN20, CN25; W8).

It does so by itself: when its service is opened it looks at what was granted since it looked last, and while it runs at
what blocks change. What can't be taken in, since the patient is not known here, is tried again once more are known.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic

from xinglin.carrier.consensus.ports import Outcome
from xinglin.carrier.ledger.build import operation
from xinglin.kernel.errors import PlatformError
from xinglin.node.client import ChainClient
from xinglin.node.consortium.repeating import Repeating
from xinglin.node.founding import SERVICE
from xinglin.node.node import Node
from xinglin.node.records.serving import Serving
from xinglin.node.remote.errors import SubmissionUnknown
from xinglin.service.basic.protection.chain import LedgerFacts
from xinglin.service.basic.protection.consents.model import AcknowledgeConsent
from xinglin.service.basic.protection.consents.service import MOST_WAITING
from xinglin.service.basic.protection.errors import (
    ConsentAcknowledged,
    ConsentNotGranted,
    ConsentUnknown,
    ConsentWithdrawn,
)

LOOK_SECONDS = 2.0
AGAIN_SECONDS = 60.0
"""At least, between two tries of what waits for its patient."""
LONGEST_REST_SECONDS = 600.0
"""At most, between two tries while the chain takes nothing of this node."""
MARK_SECONDS = 600.0
"""So often how far it has looked is kept: it is a write to the store that decisions are made by."""
SHOWN = 100
"""So many refused consents are told in the status."""
_TOGETHER = 64
_WAIT_SECONDS = 60.0
_NOT_TO_DO = (ConsentNotGranted, ConsentUnknown, ConsentWithdrawn)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Followed:
    """What came of a look: ids acknowledged, ids not taken in and why, those of them that wait for their patient.

    ``fault`` says why not all was done: it is of the chain or of this node, not of a consent. ``stopped``: it was asked
    to stop.
    """

    acknowledged: list[str]
    refused: Mapping[str, PlatformError] = field(default_factory=dict)
    waiting: Sequence[str] = ()
    fault: PlatformError | None = None
    stopped: bool = False

    @property
    def whole(self) -> bool:
        """Whether all that was looked at is done with."""
        return self.fault is None and not self.stopped


def follow(
    serving: Serving, among: Collection[str] | None = None, stopping: Callable[[], bool] = lambda: False
) -> Followed:
    """Take in the consents that bind a node and acknowledge them.

    Args:
        serving: the node, whose chains run.
        among: ids of those to look at; by default what is new since a look at what was new was whole.
        stopping: asked between two blocks of acknowledgements, whether to leave the rest.
    """
    consents, node = serving.protection.consents, serving.archive.node
    before_ms = node.consortium.tip.time
    try:
        looked = consents.new() if among is None else among
        taken = consents.take_in_all(looked)
    except PlatformError as unavailable:
        return Followed([], fault=unavailable)
    acknowledged: list[str] = []
    fault = _acknowledge(node, taken.calls, acknowledged, stopping)
    stopped = fault is None and stopping()
    if among is None and fault is None and not stopped and len(taken.waiting) < len(looked):
        try:
            consents.looked(before_ms, taken.waiting)
        except PlatformError as unwritten:
            fault = unwritten
    return Followed(acknowledged, taken.refused, taken.waiting, fault, stopped)


def follow_all(serving: Serving) -> Followed:
    """Look at every consent of the chain; see ``follow``."""
    return follow(serving, list(LedgerFacts(serving.archive.node.consortium).consents()))


def _acknowledge(
    node: Node, calls: Sequence[AcknowledgeConsent], done: list[str], stopping: Callable[[], bool]
) -> PlatformError | None:
    """Bring acknowledgements onto the chain, some in each block; return what stopped that, None for nothing."""
    client, signer, left = node.client(), node.signer(SERVICE), iter(calls)
    fault: PlatformError | None = None
    while fault is None and not stopping() and (some := list(islice(left, _TOGETHER))):
        asked = [operation(client.suite, "consent", "acknowledge", one) for one in some]
        built = [client.build([one], [signer]) for one in asked]
        try:
            outcomes = client.submit_many([one.raw for one in built]).result(_WAIT_SECONDS)
        except TimeoutError:
            return SubmissionUnknown(body=built[0].body, valid_until=built[0].valid_until)
        except PlatformError as unavailable:
            return unavailable
        for one, outcome in zip(some, outcomes, strict=True):
            refusal = _refusal(client, outcome)
            if refusal is None or isinstance(refusal, ConsentAcknowledged):
                done.append(one.consent)
            elif not isinstance(refusal, _NOT_TO_DO):
                fault = refusal
    return fault


def _refusal(client: ChainClient, outcome: Outcome) -> PlatformError | None:
    """Return the refusal of a transaction, before a block or in its receipt; None where it is done."""
    if isinstance(outcome, PlatformError):
        return outcome
    return client.refusal(outcome) if outcome.code else None


@dataclass(frozen=True, slots=True)
class FollowingStatus:
    """How following goes.

    ``acknowledged`` since the start; ``refused``: how many were not taken in since then and are not yet, ``why`` of the
    latest of them, by id; ``waiting``: how many of them wait for their patient; ``fault``: the code of what keeps this
    node from acknowledging now.
    """

    acknowledged: int = 0
    refused: int = 0
    waiting: int = 0
    why: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


class ConsentKeeper:
    """Follows consents while a node runs, on a thread of its own. Start it; close it before the service is closed.

    Args:
        serving: the node, whose chains run.
        seconds: between two looks.
    """

    def __init__(self, serving: Serving, seconds: float = LOOK_SECONDS) -> None:
        self._serving = serving
        self._changed = LedgerFacts(serving.archive.node.consortium).changed_consents()
        self._open: set[str] | None = None
        """Ids to look at; None until what was new at the start is done with."""
        self._waiting: dict[str, None] = {}
        self._refused: dict[str, str] = {}
        self._acknowledged = self._failures = 0
        self._rest = self._again = self._mark = 0.0
        self._persons = serving.archive.persons.version()
        self._fault = ""
        self._stopping = threading.Event()
        self._repeating = Repeating("following consents", self.look, seconds)

    @property
    def status(self) -> FollowingStatus:
        """How it goes."""
        refused = self._refused
        why = dict(list(refused.items())[-SHOWN:])
        return FollowingStatus(self._acknowledged, len(refused), len(self._waiting), why, self._fault)

    def start(self) -> None:
        """Begin."""
        self._repeating.start()

    def close(self) -> None:
        """Stop; a block of acknowledgements that is under way is waited for."""
        self._stopping.set()
        self._repeating.close()

    def look(self) -> None:
        """Take in what is new, and acknowledge it; what fails is looked at again, after longer and longer rests."""
        before_ms, now = self._serving.archive.node.consortium.tip.time, monotonic()
        changed = self._changed()
        if self._open is not None:
            self._open |= changed
        if now < self._rest:
            return
        if self._open is not None:
            self._open |= self._due(now)
            if not self._open:
                return
        looked = self._open
        done = follow(self._serving, None if looked is None else frozenset(looked), self._stopping.is_set)
        self._note(done, looked or frozenset())
        if not done.whole:
            self._failures += 1
            self._rest = now + min(LOOK_SECONDS * 2.0 ** min(self._failures, 16), LONGEST_REST_SECONDS)
            return
        self._failures, self._open = 0, set()
        if looked is None or now >= self._mark:
            self._mark = now + MARK_SECONDS
            if looked is not None:  # else that was kept with the look
                self._serving.protection.consents.looked(before_ms, list(self._waiting))

    def _due(self, now: float) -> set[str]:
        """Return what waits for its patient, if persons or links were added since it was tried."""
        if not self._waiting or now < self._again:
            return set()
        known = self._serving.archive.persons.version()
        if known == self._persons:
            return set()
        self._persons, self._again = known, now + AGAIN_SECONDS
        return set(self._waiting)

    def _note(self, done: Followed, looked: Collection[str]) -> None:
        self._acknowledged += len(done.acknowledged)
        waiting = [one for one in self._waiting if one not in looked]
        self._waiting = dict.fromkeys([*waiting, *done.waiting][-MOST_WAITING:])
        fresh = done.refused.keys() - self._refused.keys()
        refused = self._refused | {consent: refusal.sentence() for consent, refusal in done.refused.items()}
        for consent in done.acknowledged:
            refused.pop(consent, None)
        self._refused = dict(list(refused.items())[-MOST_WAITING:])
        if fresh:
            logger.warning("%d consents are not taken in: see 'xinglin consent acknowledge'", len(fresh))
        fault = "" if done.fault is None else done.fault.code
        if fault and fault != self._fault:
            logger.warning("consents are not acknowledged: %s", fault)
        self._fault = fault

"""Believes what nodes say of submissions as far as their logs show it (docs/spec/node-http.md, NH22 to NH26; S6.2f).

A quorum's signature under a head settles what is in its log. Until there is one, a node's own log is that node's word,
and another node that contradicts it undoes it. What does not hold names the node, lets it rest, and is kept where it is
signed.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import msgspec

from xinglin.carrier.ledger.errors import ProofInvalid
from xinglin.kernel.errors import PlatformError
from xinglin.node.remote.claims import Asking, Assurance, Claim, Patience, Shown, Time
from xinglin.node.remote.errors import CommitmentUnproven, NodeAway, NodeUnreached
from xinglin.node.remote.forms import AbsentSaid, CommittedSaid
from xinglin.node.remote.looking import EPOCHS_SECONDS, Evidence, Look, Looker, Seen, Unfit
from xinglin.node.remote.nodes import Nodes
from xinglin.node.remote.remembered import Memory
from xinglin.node.remote.transport import Address, is_own
from xinglin.node.remote.trusting import ChainNamed

UNPROVEN_REST_SECONDS = 60.0
"""So long a node rests that did not prove what it said."""
LOOK_SECONDS = 0.15
"""How often a node is asked whether there is a quorum by now; all others every fourth time."""
LAST_SECONDS = 2.0
"""So long each of the others has for its last word, when the time for a quorum is over."""
_OTHERS_EVERY = 4
_MAX_DOUBTED = 100

logger = logging.getLogger(__name__)
Keep = Callable[[str, bytes], None]
"""Keeps a piece of evidence, by name, durably; raises OSError."""


@dataclass(slots=True)
class _Checking:
    """The claims of one node while they are checked: what it showed, what is found of each, who shows the same."""

    address: Address
    claims: Sequence[Claim]
    own: list[Look]
    found: list[Shown | CommitmentUnproven | None] = field(default_factory=list)
    alike: dict[int, set[str]] = field(default_factory=dict)
    against: dict[int, dict[str, str]] = field(default_factory=dict)
    """Addresses of nodes that contradict a claim, each with how."""
    behind: dict[int, dict[str, str]] = field(default_factory=dict)
    """Addresses of nodes that lack it and are not at its height; in the end that contradicts it too."""
    unfit: set[str] = field(default_factory=set)
    """Addresses whose nodes showed something that does not hold together; they are asked no more."""

    def evidence(self, place: int) -> Evidence | None:
        """Return what the node showed of a claim, if a member signed it."""
        own = self.own[place]
        return own.evidence if isinstance(own, Seen | Unfit) else None


class Prover:
    """Has nodes prove what they say of submissions; see ``Checks``. From any thread.

    Args:
        named: the chain.
        nodes: all that a client was given.
        ask: asks one.
        time: how to wait.
        patience: how long, for one request and for a quorum.
        quorum: whether a quorum is waited for; without it, the log of one node is enough.
        keep: keeps what is evidence; without it nothing is kept.
        memory: of what was accepted in earlier runs.
    """

    def __init__(
        self,
        named: ChainNamed,
        nodes: Nodes,
        ask: Asking,
        time: Time,
        patience: Patience,
        *,
        quorum: bool = True,
        keep: Keep | None = None,
        memory: Memory | None = None,
    ) -> None:
        self._chain, self._hash = named.chain, named.suite.hash
        self._nodes = nodes
        self._time = time
        self._quorum_seconds = patience.quorum_seconds
        self._quorum = quorum
        self._keep = keep
        self._looker = Looker(named, ask, time, patience.request_seconds, nodes, self._name_false, memory)
        self.doubted: deque[CommitmentUnproven] = deque(maxlen=_MAX_DOUBTED)
        """What nodes said and did not prove, the newest last."""

    def faults(self, *, of_all: bool = False, until: float = math.inf) -> int | None:
        """Return how many nodes may lie at once, see ``Checks``; every node is asked for its epochs.

        A node can hide the newest epochs, and make none up: of rows of epochs the longest counts.
        """
        trust = self._looker.trust
        if of_all and trust.faults:
            return trust.faults  # a later epoch may bear fewer: then a refusal is open for longer than it had to be
        for address in self._nodes.ready():
            try:
                self._looker.learn(address, until, anew=of_all)
            except (NodeAway, NodeUnreached):
                self._nodes.failed(address)
            except ProofInvalid:
                continue
        shown = self._looker.learned(EPOCHS_SECONDS if of_all else math.inf)
        enough = len(self._nodes) if of_all else len(self._nodes) // 2 + 1
        return trust.faults if len(shown) >= enough or any(is_own(text) for text in shown) else None

    def check(
        self, address: Address, claims: Sequence[Claim], until: float = math.inf
    ) -> list[Shown | CommitmentUnproven]:
        """Return what is shown of each claim of a node, or why it is not believed; see ``Checks``."""
        own = self._looker.look(address, [claim.one for claim in claims], until)
        checking = _Checking(address, claims, own)
        checking.found = [self._first(checking, place) for place in range(len(claims))]
        self._wait(checking, min(until, self._time.monotonic() + self._quorum_seconds))
        return [
            CommitmentUnproven(address=address.text, body=claim.one.body, reason="no node shows it")
            if one is None
            else one
            for claim, one in zip(claims, checking.found, strict=True)
        ]

    def _first(self, checking: _Checking, place: int) -> Shown | CommitmentUnproven | None:
        """Compare what a node says with what it shows; None where it keeps nothing to show."""
        look = checking.own[place]
        if isinstance(look, Seen) and _same(checking.claims[place].said, look.said):
            return _shown(look)
        if isinstance(look, Seen):
            reason = "its answer is not what its log says"  # nobody signed the answer, and the log may be true
            doubt = self._name(checking.address, checking.claims[place], reason, None)
            return _shown(look) if look.support.reached else doubt
        if isinstance(look, AbsentSaid):
            return self._doubt(checking, place, f"its log lacks it at height {look.height}")
        return self._doubt(checking, place, look.reason) if isinstance(look, Unfit) else None

    def _wait(self, checking: _Checking, until: float) -> None:
        """Look again until all is shown as it is wanted, or time is over; then the others have a last word."""
        for turn in count(1):
            left = [place for place, one in enumerate(checking.found) if self._is_open(one)]
            last = self._time.monotonic() >= until
            if not left:
                break
            asks_others = last or turn % _OTHERS_EVERY == 0 or any(checking.found[place] is None for place in left)
            asked = (self._nodes.all() if last else self._nodes.ready()) if asks_others else []
            others = [one for one in asked if one != checking.address]
            if not last:
                self._time.sleep(LOOK_SECONDS)
                others = [checking.address, *others]
            for node in others:
                if node.text not in checking.unfit:
                    self._look_again(checking, node, left, self._time.monotonic() + LAST_SECONDS if last else until)
            if last:
                break
        for place, one in enumerate(checking.found):
            if self._is_open(one) and (checking.against.get(place) or checking.behind.get(place)):
                checking.found[place] = self._disputed(checking, place)

    def _disputed(self, checking: _Checking, place: int) -> Shown | CommitmentUnproven | None:
        """Decide, without a quorum, by nodes that can't all lie: more than may, on one side.

        A node that lacks it below the height where it is said to be may be late. But a real block reaches the others
        while a quorum is waited for, and a height that nobody has can be told of anything.
        """
        alike, against = checking.alike.get(place, set()) | {checking.address.text}, checking.against.get(place, {})
        behind = checking.behind.get(place, {})
        faults = self._looker.trust.faults or 0
        if len(against) > faults:
            return self._doubt(checking, place, _told(against))
        if len(alike) > faults and (faults or not behind):
            return checking.found[place]
        against = behind | against
        if len(against) > faults > 0:
            return self._doubt(checking, place, _told(against))
        node, how = next(iter(against.items()))
        body = checking.claims[place].one.body
        return CommitmentUnproven(address=checking.address.text, body=body, reason=f"{node} {how}")

    def _is_open(self, one: Shown | CommitmentUnproven | None) -> bool:
        """Whether more is to be found out; what a contract refused counts by a quorum alone, see ``Settling``."""
        if one is None or not isinstance(one, Shown):
            return one is None
        return one.assurance is not Assurance.QUORUM and (self._quorum or one.said.code != 0)

    def _look_again(self, checking: _Checking, node: Address, left: Sequence[int], until: float) -> None:
        """Ask a node, the same or another, for what is open."""
        try:
            looks = self._looker.look(node, [checking.claims[place].one for place in left], until)
        except (NodeAway, NodeUnreached):
            self._nodes.failed(node)
            return
        for place, look in zip(left, looks, strict=True):
            if isinstance(look, Unfit):
                self._judge_unfit(checking, place, node, look)
            elif isinstance(look, Seen) and look.support.reached:
                if not _same(checking.claims[place].said, look.said):
                    self._doubt(checking, place, "a quorum has signed another outcome")
                checking.found[place] = _shown(look)
            else:
                self._judge(checking, place, node, look)

    def _judge(self, checking: _Checking, place: int, node: Address, look: Look) -> None:
        """Compare a claim with what a node shows of it without a quorum."""
        said = checking.claims[place].said
        alike, against = checking.alike.setdefault(place, set()), checking.against.setdefault(place, {})
        behind = checking.behind.setdefault(place, {})
        behind.pop(node.text, None)
        if isinstance(look, Seen) and _same(said, look.said):
            checking.found[place] = _shown(look)
            alike.add(node.text)
            against.pop(node.text, None)
        elif isinstance(look, Seen):
            against[node.text] = "shows another outcome"
        elif isinstance(look, AbsentSaid) and look.height >= said.height:
            against[node.text] = f"does not have it at height {look.height}"
        elif isinstance(look, AbsentSaid):
            behind[node.text] = f"does not have it at height {look.height}, and nothing of height {said.height}"
        if len(against) > (self._looker.trust.faults or 0):
            checking.found[place] = self._disputed(checking, place)

    def _judge_unfit(self, checking: _Checking, place: int, node: Address, look: Unfit) -> None:
        """Name a node whose answer does not hold together, once; if it is the one whose claims these are, they fall."""
        if node.text not in checking.unfit:
            self._name(node, checking.claims[place], look.reason, look.evidence)
        checking.unfit.add(node.text)
        if node == checking.address:
            one = checking.claims[place].one
            checking.found[place] = CommitmentUnproven(address=node.text, body=one.body, reason=look.reason)

    def _doubt(self, checking: _Checking, place: int, reason: str) -> CommitmentUnproven:
        """Name the node whose claims are checked."""
        return self._name(checking.address, checking.claims[place], reason, checking.evidence(place))

    def _name(self, address: Address, claim: Claim, reason: str, evidence: Evidence | None) -> CommitmentUnproven:
        """Name a node for what it did not prove, let it rest, and keep its answer where it is signed."""
        doubt = self._name_false(address, claim.one.body, reason)
        if evidence is not None and self._keep is not None:
            self._keep_evidence(self._keep, doubt, claim, evidence)
        return doubt

    def _name_false(self, address: Address, body: bytes, reason: str) -> CommitmentUnproven:
        """Name a node for what nobody signed, and let it rest."""
        doubt = CommitmentUnproven(address=address.text, body=body, reason=reason.rstrip("."))
        logger.warning("%s", doubt.sentence())
        self.doubted.append(doubt)
        self._nodes.failed(address, UNPROVEN_REST_SECONDS)
        return doubt

    def _keep_evidence(self, keep: Keep, doubt: CommitmentUnproven, claim: Claim, evidence: Evidence) -> None:
        """Keep a signed answer, what the node said beside, and the nearest checkpoint with a quorum that is known."""
        known = self._looker.trust.known(evidence.height)
        kept = {
            "chain": self._chain,
            "node": doubt.facts["address"],
            "reason": doubt.facts["reason"],
            "body": claim.one.body.hex(),
            "valid_until": claim.one.valid_until,
            "said": claim.said,
            "checkpoint": evidence.checkpoint,
            "proof": evidence.proof,
            "continuing": evidence.continuing,
            "known": None if known is None else known.encode().decode(),
        }
        data = msgspec.json.encode(kept)
        node = self._hash(str(kept["node"]).encode()).hex()[:8]
        name = f"answer-{self._chain}-{node}-{evidence.height}-{self._hash(data).hex()[:16]}.json"
        try:
            keep(name, data)
        except (OSError, PlatformError) as fault:
            logger.error("evidence can't be kept: %s", type(fault).__name__)


def _same(said: CommittedSaid, shown: CommittedSaid) -> bool:
    """Whether a node says what is shown; facts of what was done need not be told."""
    return said == shown or (said.code == 0 and not said.facts and said == msgspec.structs.replace(shown, facts={}))


def _told(against: Mapping[str, str]) -> str:
    """Return which nodes contradict a claim, and how."""
    return "; ".join(f"{node} {how}" for node, how in sorted(against.items()))


def _shown(look: Seen) -> Shown:
    return Shown(look.said, Assurance.QUORUM if look.support.reached else Assurance.NODE, look.support.counted)

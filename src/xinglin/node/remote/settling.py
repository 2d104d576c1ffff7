"""Brings signed transactions into the log through whichever of several nodes answers (S6.2f; docs/spec/node-http.md).

The very same bytes are handed in again after a node's death or time-out: the ledger takes a body id once. A transaction
that a node may have taken is given up only when committed block time is past its ``valid_until`` and nodes that can't
all lie say that it is not in their index. Until then its outcome is open, never "failed".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from xinglin.carrier.ledger.errors import (
    OverQuota,
    StoreFull,
    TransactionExpired,
    TransactionReplayed,
    TransactionTooFarAhead,
)
from xinglin.kernel.errors import PlatformError, Unavailable
from xinglin.node.remote.claims import Asking, Assurance, Checks, Claim, Open, Patience, Shown, Time
from xinglin.node.remote.errors import (
    CommitmentUnproven,
    NodeAway,
    NodesAway,
    NodeUnreached,
    RefusalUnproven,
    SubmissionUnknown,
)
from xinglin.node.remote.forms import (
    MAX_ANSWER_BYTES,
    MAX_PROOFS,
    MAX_SUBMISSION_BYTES,
    MAX_TRANSACTIONS,
    PREFIX,
    AbsentSaid,
    Answer,
    CommittedSaid,
    OutcomeSaid,
    OutcomesSaid,
    PlaceAnswer,
    PlaceSaid,
    ProofsSaid,
    RefusedSaid,
    UnknownSaid,
    error_of,
    frame,
    frame_asked,
    read_answer,
    turned_away,
)
from xinglin.node.remote.looking import place_of
from xinglin.node.remote.nodes import Nodes
from xinglin.node.remote.proving import UNPROVEN_REST_SECONDS
from xinglin.node.remote.transport import Address, Ask, is_own

_NOT_TAKEN = (400, 403, 408, 413, 429)
"""Statuses by which a node says that it handed nothing in."""
_MAY_PASS = (Unavailable, OverQuota, TransactionTooFarAhead, TransactionExpired, TransactionReplayed)
"""Refusals after which it is of use to hand in again, or which are settled by the log."""
_PAUSE_SECONDS = 0.25
_OCTETS = {"content-type": "application/octet-stream"}

Settled = CommittedSaid | PlatformError


class Settling:
    """Settles submissions on a list of nodes; see the module.

    Args:
        nodes: whom to ask.
        ask: asks one.
        time: how to wait.
        patience: how long.
        checks: of what nodes say that are not this user's own; None believes all.
    """

    def __init__(self, nodes: Nodes, ask: Asking, time: Time, patience: Patience, checks: Checks | None = None) -> None:
        self._nodes = nodes
        self._ask = ask
        self._time = time
        self._patience = patience
        self._checks = checks

    def settle(self, transactions: Sequence[Open]) -> list[Settled]:
        """Return what became of each transaction; SubmissionUnknown or NodesAway where patience was over first."""
        deadline = self._time.monotonic() + self._patience.seconds
        while left := [one for one in transactions if one.outcome is None]:
            address = self.next_node(deadline)
            if address is None:
                break
            self._hand_in(address, _chunk(left), deadline)
        return [self._settled(one) for one in transactions]

    def next_node(self, deadline: float) -> Address | None:
        """Return the node to ask now, waiting until one has rested; None when the deadline is over."""
        while (now := self._time.monotonic()) < deadline:
            ready = self._nodes.ready()
            if ready:
                return ready[0]
            self._time.sleep(min(self._nodes.wait_seconds(), deadline - now) + 0.001)
        return None

    def find(self, one: Open, deadline: float) -> bool:
        """Ask every node that may be asked where a transaction went; settle it if that is certain.

        It is, when it is shown to be logged, or when enough nodes have committed a block past its end and lack it: more
        than can lie at once, or all that the client was given; one that is believed is enough.
        """
        self._look_up(self._nodes.ready(), [one], deadline)
        return one.outcome is not None

    def _look_up(self, nodes: Sequence[Address], ones: Sequence[Open], deadline: float) -> None:
        """As ``find``, of several; no node is asked once the deadline is over."""
        expired: dict[bytes, int] = {}
        for address in nodes:
            left = [one for one in ones if one.outcome is None]
            for at in range(0, len(left), MAX_PROOFS):
                some = left[at : at + MAX_PROOFS]
                places = self._places(address, some, deadline)
                if places is None:
                    break
                claims = [
                    Claim(one, place)
                    for one, place in zip(some, places, strict=True)
                    if isinstance(place, CommittedSaid)
                ]
                self._accept(address, claims, deadline)
                for one, place in zip(some, places, strict=True):
                    if isinstance(place, AbsentSaid) and place.time > one.valid_until:
                        one.past.add(address.text)
                        expired[one.body] = max(expired.get(one.body, 0), place.time)
        ended = [one for one in ones if one.outcome is None and one.body in expired]
        faults = self._checks.faults(until=deadline) if ended and self._checks is not None else None
        for one in ended:
            if self._are_enough(one.past, faults):
                one.outcome = one.refusal or TransactionExpired(valid_until=one.valid_until, time=expired[one.body])

    @staticmethod
    def unknown(one: Open) -> SubmissionUnknown:
        """Return the refusal to say more of a transaction than that its outcome is open."""
        return SubmissionUnknown(body=one.body, valid_until=one.valid_until)

    def _settled(self, one: Open) -> Settled:
        if one.outcome is not None:
            return one.outcome
        if one.uncertain:
            return _unproven(one, one.refusal) if one.told and one.refusal is not None else self.unknown(one)
        why = one.refusal or one.turned_away
        if one.told and why is not None:
            return _unproven(one, why)
        if one.told:
            return self.unknown(one)
        return why or NodesAway(nodes=len(self._nodes), reason="none took it in time")

    def _hand_in(self, address: Address, chunk: Sequence[Open], deadline: float) -> None:
        asked = Ask(
            "POST",
            f"{PREFIX}/transactions",
            frame([one.raw for one in chunk]),
            _OCTETS,
            self._seconds(deadline),
            MAX_ANSWER_BYTES,
        )
        try:
            answer = self._ask(address, asked)
        except NodeUnreached:
            self._nodes.failed(address)
            return
        except NodeAway:
            _taken(chunk)
            self._nodes.failed(address)
            return
        outcomes = _outcomes(answer, len(chunk))
        if outcomes is None:
            self._not_taken(address, chunk, answer, deadline)
            return
        self._nodes.answered(address)
        claims: list[Claim] = []
        believed = any(isinstance(said, RefusedSaid) for said in outcomes) and self._may_refuse(address, deadline)
        for one, said in zip(chunk, outcomes, strict=True):
            if isinstance(said, CommittedSaid):
                claims.append(Claim(one, said))
            else:
                self._take(address, one, said, believed=believed)
        self._accept(address, claims, deadline)
        self._after_round(address, chunk, deadline)

    def _not_taken(self, address: Address, chunk: Sequence[Open], answer: Answer, deadline: float) -> None:
        """Note an answer that is no outcomes: a problem before anything was handed in, or a death."""
        problem = turned_away(answer)
        believed = self._may_refuse(address, deadline)  # before it rests: it may have to be asked
        self._nodes.failed(address, answer.retry_after)
        if problem is None and answer.status not in _NOT_TAKEN:
            _taken(chunk)
            return
        for one in chunk:
            one.turned_away = problem or one.turned_away
            if not believed:
                one.told.add(address.text)
            if isinstance(problem, StoreFull):  # that does not pass by itself
                one.refused.add(address.text)
                one.refusal = one.refusal or problem
                self._end_refused(one)

    def _after_round(self, address: Address, chunk: Sequence[Open], deadline: float) -> None:
        """Look up what was refused though another node may have taken it; let a node rest that settles nothing.

        The node itself is asked last, and all have the time of one request together: then it is the next one's turn.
        """
        refused = [one for one in chunk if one.outcome is None and one.refusal is not None]
        nodes = sorted(self._nodes.ready(), key=lambda one: one == address)
        self._look_up(nodes, refused, min(deadline, self._time.monotonic() + self._patience.request_seconds))
        for one in refused:
            if one.outcome is None:
                self._end_refused(one)
        if all(one.outcome is None for one in chunk):
            self._nodes.failed(address)
            self._time.sleep(_PAUSE_SECONDS)

    def _end_refused(self, one: Open) -> None:
        """Wait no longer for what every node refuses; that no block will have it is not certain before its end."""
        if one.refusal is not None and len(one.refused) == len(self._nodes):
            one.outcome = _unproven(one, one.refusal) if one.uncertain or one.told else one.refusal

    def _take(self, address: Address, one: Open, said: RefusedSaid | UnknownSaid, *, believed: bool) -> None:
        if isinstance(said, UnknownSaid):
            one.uncertain = True
            return
        refusal = error_of(said.number, said.facts)
        if isinstance(refusal, Unavailable | TransactionReplayed):
            one.uncertain = True  # it is in the log, or the node can't say
            one.refusal = one.refusal or (None if isinstance(refusal, Unavailable) else refusal)
        elif not believed:
            one.told.add(address.text)
            one.refusal = refusal
        elif one.uncertain or one.told or isinstance(refusal, TransactionExpired):
            one.refusal = refusal
        else:
            one.outcome = refusal
        if not isinstance(refusal, _MAY_PASS):
            one.refused.add(address.text)

    def _accept(self, address: Address, claims: Sequence[Claim], deadline: float) -> None:
        """Take a node's word, or its proof, that transactions are committed."""
        for claim in claims:
            claim.one.uncertain = True
        timely = [claim for claim in claims if claim.said.time <= claim.one.valid_until]
        if len(timely) < len(claims):
            self._nodes.failed(address, UNPROVEN_REST_SECONDS)
        if not timely:
            return
        if self._checks is None or _is_own(address):
            for claim in timely:
                claim.one.outcome = claim.said
            return
        try:
            found = self._checks.check(address, timely, deadline)
        except (NodeAway, NodeUnreached):
            self._nodes.failed(address)
            return
        for claim, shown in zip(timely, found, strict=True):
            if isinstance(shown, Shown):
                _take_shown(address, claim.one, shown)
        if any(isinstance(one, CommitmentUnproven) for one in found):
            self._nodes.failed(address, UNPROVEN_REST_SECONDS)

    def _may_refuse(self, address: Address, deadline: float) -> bool:
        """Whether a node's refusal without a receipt is believed: it is this user's, or the chain bears no liar."""
        if self._checks is None or _is_own(address):
            return True
        return self._checks.faults(of_all=True, until=deadline) == 0

    def _are_enough(self, addresses: Collection[str], faults: int | None) -> bool:
        """Whether so many nodes can't all lie, or are all that the client has."""
        if self._checks is None or any(is_own(text) for text in addresses):
            return True
        return len(addresses) >= min(len(self._nodes), len(self._nodes) if faults is None else faults + 1)

    def _seconds(self, deadline: float) -> float:
        """Return how long a request may take; too little to be answered where there is no time left."""
        return max(0.01, min(self._patience.request_seconds, deadline - self._time.monotonic()))

    def _places(self, address: Address, ones: Sequence[Open], deadline: float) -> Sequence[PlaceSaid | None] | None:
        """Return where a node says that transactions went; None where it does not answer, or time is over."""
        if self._time.monotonic() >= deadline:
            return None
        seconds = self._seconds(deadline)
        if len(ones) == 1:
            path = f"{PREFIX}/transactions/{ones[0].body.hex()}?valid_until={ones[0].valid_until}"
            asked = Ask("GET", path, seconds=seconds)
        else:
            body = frame_asked([(one.valid_until, one.body) for one in ones])
            asked = Ask("POST", f"{PREFIX}/proofs", body, _OCTETS, seconds, MAX_ANSWER_BYTES)
        try:
            answer = self._ask(address, asked)
        except (NodeAway, NodeUnreached):
            self._nodes.failed(address)
            return None
        if len(ones) == 1:
            place = read_answer(answer, PlaceAnswer)
            return None if place is None else [place.place]
        said = read_answer(answer, ProofsSaid)
        if said is None or len(said.proofs) != len(ones):
            return None
        return [place_of(one) for one in said.proofs]


def _unproven(one: Open, refusal: PlatformError) -> RefusalUnproven:
    nodes = len(one.told | one.refused)
    return RefusalUnproven(nodes=nodes, body=one.body, reason=refusal.code, valid_until=one.valid_until)


def _take_shown(address: Address, one: Open, shown: Shown) -> None:
    """Take what is shown; a receipt that refuses, from a quorum alone: else what was done would be signed anew."""
    if shown.said.code and shown.assurance is not Assurance.QUORUM:
        one.refusal = error_of(shown.said.code, shown.said.facts)
        one.told.add(address.text)
        one.refused.add(address.text)
        return
    one.outcome, one.assurance, one.cosigners = shown.said, shown.assurance, shown.cosigners


def _is_own(address: Address) -> bool:
    """Whether a node is the one of this very user, who alone can open its socket."""
    return bool(address.path)


def _outcomes(answer: Answer, count: int) -> list[OutcomeSaid] | None:
    said = read_answer(answer, OutcomesSaid)
    return said.outcomes if said is not None and len(said.outcomes) == count else None


def _taken(chunk: Sequence[Open]) -> None:
    for one in chunk:
        one.uncertain = True


def _chunk(left: Sequence[Open]) -> list[Open]:
    """Return as many as fit into one submission, at least one."""
    chosen: list[Open] = []
    size = 0
    for one in left[:MAX_TRANSACTIONS]:
        size += len(one.raw) + 4
        if chosen and size > MAX_SUBMISSION_BYTES:
            break
        chosen.append(one)
    return chosen

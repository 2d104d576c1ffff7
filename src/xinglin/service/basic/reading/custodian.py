"""The custodian's side of a read: permit, audit, entry, content, in this order (docs/spec/reading.md RD1 to RD12).

Whoever can't show who it is gets nothing and is counted. Everybody else gets an answer with a receipt: the access entry
is durable on the private chain before the first byte is handed back, for refusals too (H4, H6; invariant 5).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import Signer
from xinglin.kernel.clock import Clock
from xinglin.kernel.encoding import encode
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.audit.log import Logged
from xinglin.service.basic.audit.messages import AccessReceipt, SignedReceipt, SignedRequest
from xinglin.service.basic.audit.model import AccessEntry
from xinglin.service.basic.audit.receipts import (
    MAX_AHEAD_MS,
    MAX_REQUEST_MS,
    Here,
    Values,
    authenticate,
    authenticate_many,
    read_request,
    request_hash,
    sign_receipts,
)
from xinglin.service.basic.protection.ports import Quotas
from xinglin.service.basic.reading.deciding import Decider
from xinglin.service.basic.reading.entries import Came, ConsortiumHead, entry_of
from xinglin.service.basic.reading.errors import RequestReplayed, RequestsTooMany, RequestUnsettled
from xinglin.service.basic.reading.model import Answer, Custody
from xinglin.service.basic.reading.outcome import Known, Outcome, told_facts
from xinglin.service.basic.reading.ports import EntryLog

_MANY = 100_000
_ROUNDS = 8
"""How often what a request rests on may change while its entry is on its way."""

Admitted = tuple[SignedRequest, bytes]
"""A request of which it is known who asks, and its hash."""
Incoming = tuple[SignedRequest, bytes]
"""A signed request, and what came with it: for a match, what is known of the person, whose hash the request names."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a custodian is made of.

    ``most`` bounds the requests of one key that are answered at all, refusals too; ``mark`` gives 16 bytes for a person
    and a request hash that only this node can make.
    """

    custody: Custody
    suite: Suite
    values: Values
    deciding: Decider
    seen: SeenRequests
    most: Quotas
    log: EntryLog
    private_chain: str
    signer: Signer
    clock: Clock
    mark: Callable[[bytes, bytes], bytes]

    def admitted(self, data: bytes, now: int) -> Admitted:
        """Return a request that comes alone, and its hash, once it is known who asks and it is let in.

        Args:
            data: the canonical bytes of a ``SignedRequest``.
            now: the node's clock (ms).

        Raises:
            RequestMalformed, RequestElsewhere, RequestExpired, RequestSignatureInvalid: it is not known who asks.
            RequestsTooMany, RequestReplayed: see ``admit``.
        """
        signed = read_request(data)
        authenticate(self.suite, signed, Here(self.custody.chain, self.custody.node, now), self.values)
        hash_ = request_hash(self.suite.hash, signed.request)
        self.admit(signed, hash_, now)
        return signed, hash_

    def entered(self, admitted: Admitted, came: Came, head: ConsortiumHead, now: int) -> tuple[AccessEntry, Logged]:
        """Return the entry of a request that comes alone, and where it is, once it is durable.

        Args:
            admitted: the request and its hash, as ``admitted`` returns them; or one of own staff, signed here.
            came: what it came to.
            head: the consortium head that was decided on.
            now: the node's clock (ms).

        Raises:
            PlatformError: the private chain takes no entry now; nothing may be done or told then.
        """
        entry = entry_of(*admitted, came, head, now)
        return entry, self.log.log(entry)

    def admit(self, signed: SignedRequest, hash_: bytes, now: int) -> None:
        """Let in a request of which it is known who asks; it will leave an entry.

        Args:
            signed: the request.
            hash_: its hash.
            now: the node's clock (ms).

        Raises:
            RequestsTooMany: its key has had so many answers in this minute that its entries would fill the chain.
            RequestReplayed: it was let in before.
        """
        if not self.most.take(signed.key.hex(), now):
            raise RequestsTooMany(account=signed.request.account)
        self.seen.once(hash_, signed.request.valid_until, now)


@dataclass(frozen=True, slots=True)
class _Settled:
    """An outcome that is on record: where, under which consortium head, at what time (ms)."""

    outcome: Outcome
    logged: Logged
    head: ConsortiumHead
    time: int


@dataclass(slots=True)
class _Work:
    """A request while it is answered; ``done`` is None as long as there is something to put on record."""

    known: Known
    outcome: Outcome
    done: _Settled | Exception | None = None

    def __post_init__(self) -> None:
        self.done = self.outcome.fault


class SeenRequests:
    """The requests that were answered, until they could not be answered any more anyway: each is answered once.

    Args:
        before: hashes of those that were answered before this process began.
        now: when it began (ms).
    """

    def __init__(self, before: Iterable[bytes] = (), now: int = 0) -> None:
        until = now + MAX_REQUEST_MS + MAX_AHEAD_MS
        self._until = dict.fromkeys(before, until)
        self._many = max(_MANY, 2 * len(self._until))
        self._lock = threading.Lock()

    def once(self, request: bytes, valid_until: int, now: int) -> None:
        """Note a request.

        Args:
            request: its hash.
            valid_until: from when on it is refused anyway (ms).
            now: the node's clock (ms).

        Raises:
            RequestReplayed: it was noted before.
        """
        with self._lock:
            if request in self._until:
                raise RequestReplayed
            if len(self._until) >= self._many:
                self._forget(now)
            self._until[request] = valid_until + MAX_AHEAD_MS  # the clock may be set back by as much

    def _forget(self, now: int) -> None:
        """Let go what has run out; the next time when there are twice as many, so that it costs each request little."""
        self._until = {one: until for one, until in self._until.items() if until >= now}
        self._many = max(_MANY, 2 * len(self._until))


class Custodian:
    """Answers the requests that come to one node.

    Args:
        parts: what it is made of.
        head: returns the consortium head as of now.
    """

    def __init__(self, parts: Parts, head: Callable[[], ConsortiumHead]) -> None:
        self._parts = parts
        self._head = head
        self._here = parts.custody

    def answer(self, data: bytes, payload: bytes = b"") -> bytes:
        """Return the answer to a signed request, whose access entry is durable by then.

        Args:
            data: the canonical bytes of a ``SignedRequest``.
            payload: for a match, what is known of the person, whose hash the request names.

        Raises:
            RequestMalformed, RequestElsewhere, RequestExpired, RequestSignatureInvalid: it is not known who asks, or
                it is not for this node; no entry is made (the caller counts it).
            RequestReplayed: these very bytes were answered before.
            RequestUnsettled: what it rests on changed again and again while its entries became durable.
            PlatformError: the private chain takes no entry now; nothing is served then.
        """
        answer = self.answer_many([(read_request(data), payload)])[0]
        if isinstance(answer, bytes):
            return answer
        raise answer

    def answer_many(self, incoming: Sequence[Incoming]) -> list[bytes | Exception]:
        """Return the answer to each of several requests, or what ``answer`` raises of it.

        Each is answered as if it had come alone; together they share the look-ups, and the block of their entries.
        """
        now = self._parts.clock.now_ms()
        known = self._known(incoming, now)
        requests = [one for one in known if isinstance(one, Known)]
        answers = iter(self._answers(requests, self._settled(requests, now)))
        return [next(answers) if isinstance(one, Known) else one for one in known]

    def _known(self, incoming: Sequence[Incoming], now: int) -> list[Known | PlatformError]:
        """Return the requests of which it is known who asks, each for the first time, else why they get no answer."""
        parts, here = self._parts, Here(self._here.chain, self._here.node, now)
        signed = [request for request, _ in incoming]
        hashes = [request_hash(parts.suite.hash, one.request) for one in signed]
        known: list[Known | PlatformError] = []
        askers = authenticate_many(parts.suite, signed, hashes, here, parts.values)
        for (request, payload), hash_, asker in zip(incoming, hashes, askers, strict=True):
            try:
                if isinstance(asker, PlatformError):
                    raise asker
                parts.admit(request, hash_, now)
                known.append(Known(request, hash_, payload))
            except PlatformError as refusal:
                known.append(refusal)
        return known

    def _settled(self, requests: Sequence[Known], now: int) -> list[_Settled | Exception]:
        """Decide, put on record, decide again, until what is on record is what is decided once that is durable (RD9).

        What takes away or narrows a permit while its entry is on its way (a revocation, an order, a correction) counts.
        """
        deciding = self._parts.deciding
        works = [_Work(one, outcome) for one, outcome in zip(requests, deciding.first(requests, now), strict=True)]
        for _ in range(_ROUNDS):
            left = [one for one in works if one.done is None]
            if not left:
                break
            self._record(left, now)
            now = self._parts.clock.now_ms()
            served = [one for one in left if isinstance(one.done, _Settled) and one.outcome.served]
            again = deciding.again([(one.known, one.outcome) for one in served], now)
            for one, outcome in zip(served, again, strict=True):
                if not outcome.same(one.outcome):
                    one.outcome, one.done = outcome, outcome.fault
        return [one.done or RequestUnsettled() for one in works]

    def _record(self, works: Sequence[_Work], now: int) -> None:
        """Make an entry of each outcome durable, and note where it is."""
        head = self._head()
        entries = [self._entry(one.known, one.outcome, head, now) for one in works]
        for one, logged in zip(works, self._parts.log.log_many(entries), strict=True):
            one.done = _Settled(one.outcome, logged, head, now) if isinstance(logged, Logged) else logged

    def _entry(self, known: Known, outcome: Outcome, head: ConsortiumHead, now: int) -> AccessEntry:
        came = Came(outcome.commitment, outcome.decision, outcome.refusal, outcome.copy)
        entry = entry_of(known.signed, known.hash, came, head, now)
        if not outcome.person or entry.reference:
            return entry
        # About no record, but about a person: only this node can tell whom (TR10).
        return replace(entry, reference=self._parts.mark(outcome.person, known.hash))

    def _answers(self, requests: Sequence[Known], settled: Sequence[_Settled | Exception]) -> list[bytes | Exception]:
        """Return the answer to each request that is on record, its receipt signed together with the others."""
        receipts = [
            self._receipt(known, done)
            for known, done in zip(requests, settled, strict=True)
            if isinstance(done, _Settled)
        ]
        signed = iter(sign_receipts(self._parts.suite.hash, receipts, self._parts.signer) if receipts else ())
        return [_answer(next(signed), done.outcome) if isinstance(done, _Settled) else done for done in settled]

    def _receipt(self, known: Known, settled: _Settled) -> AccessReceipt:
        logged, head, refusal = settled.logged, settled.head, settled.outcome.refusal
        return AccessReceipt(
            chain=self._parts.private_chain,
            entry=logged.entry,
            request=known.hash,
            outcome=0 if refusal is None else refusal.number,
            index=logged.index,
            item=logged.item,
            seen_height=head.height,
            seen_time=head.time,
            time=settled.time,
        )


def _answer(receipt: SignedReceipt, outcome: Outcome) -> bytes:
    permitted = outcome.refusal is None
    answer = Answer(
        receipt=receipt,
        facts=told_facts(outcome.refusal),
        disclosed=outcome.disclosed if permitted else (),
        found=outcome.found if permitted else (),
        link=outcome.link if permitted else (),
    )
    return encode(answer)

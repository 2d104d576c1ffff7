"""What a node answers of the consortium chain, to members, clients and its own user (docs/spec/node-http.md)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future

from xinglin.carrier.access.governance.epochs import epochs_of
from xinglin.carrier.consensus.ports import Committed, Outcome, hand_in_rest
from xinglin.carrier.ledger.checkpoint import SignedNote, parse_note
from xinglin.carrier.ledger.errors import LogBegunLate, LogEntryNotFound, TransactionReplayed
from xinglin.carrier.ledger.model import Transaction
from xinglin.carrier.ledger.past import log_page, log_tile
from xinglin.carrier.ledger.store import MAX_KEY_BYTES
from xinglin.kernel.encoding import MAX_INTEGER, decode, pack
from xinglin.kernel.errors import Invalid, PlatformError
from xinglin.kernel.hashing import Tag, tagged
from xinglin.node.chains import SystemClock
from xinglin.node.remote.errors import TransactionNotLogged
from xinglin.node.remote.forms import (
    AbsentSaid,
    CommittedSaid,
    EpochsSaid,
    HeadSaid,
    OutcomeSaid,
    PlaceAnswer,
    UnknownSaid,
    ValueSaid,
    committed_said,
    refusal_said,
    unframe,
)
from xinglin.node.running import Running
from xinglin.server.asking import Octets, Question
from xinglin.server.metrics import Figures

logger = logging.getLogger(__name__)
_DIGEST = range(32, 33)
_KEY = range(1, MAX_KEY_BYTES + 1)


class LedgerRoutes:
    """The routes under ``/ledger/v1``. Each runs on a thread; ``submit`` waits without one."""

    def __init__(self, running: Running, figures: Figures, commit_seconds: float) -> None:
        self._running = running
        self._ledger = running.consortium
        self._figures = figures
        self._commit_seconds = commit_seconds

    def head(self, question: Question) -> HeadSaid:
        """Tell the newest block and this node's clock."""
        tip, node = self._ledger.tip, self._running.node
        return HeadSaid(
            chain=self._ledger.rules.chain,
            node=node.settings.node,
            member=node.member,
            height=tip.height,
            time=tip.time,
            app_hash=tip.app_hash.hex(),
            state_root=tip.state_root.hex(),
            log_size=tip.log_size,
            log_root=tip.log_root.hex(),
            now=SystemClock().now_ms(),
        )

    def place(self, question: Question) -> PlaceAnswer:
        """Tell where a body id went, or that it was not in the log as of a block."""
        body, valid_until = question.octets("body", _DIGEST), question.number("valid_until")
        tip = self._ledger.tip  # before the look: what came meanwhile is found, or is not as of this block
        found = self._find(valid_until, body)
        return PlaceAnswer(AbsentSaid(tip.height, tip.time) if found is None else found)

    def checkpoint(self, question: Question) -> bytes:
        """Return this node's checkpoint of a height with its own signature; it is kept.

        After a fork nothing more is signed; what this node said of a contradicted height is shown for evidence.
        """
        cosigner, height = self._running.node.cosigner(), question.number("height")
        if cosigner.notes.forked and (said := cosigner.signed_before(height)) is not None:
            return said.encode()
        return cosigner.checkpoint(height).encode()

    def cosign(self, question: Question) -> bytes:
        """Return this member's signature line under another's checkpoint, as a note of its own."""
        note = parse_note(question.body)
        return SignedNote(note.head, (self._running.node.cosigner().cosign(note),)).encode()

    def epochs(self, question: Question) -> EpochsSaid:
        """Return the member epochs."""
        return EpochsSaid([pack(state).hex() for state in epochs_of(self._ledger.value)])

    def value(self, question: Question) -> ValueSaid:
        """Return a value of the state as of a height, with its proof; of the newest, when none is named."""
        key, height = question.octets("key", _KEY), question.number("height", self._ledger.tip.height)
        head = self._ledger.head_at(height)
        ((value, proof),) = self._ledger.prove_state(height, [key])
        return ValueSaid(head.text.decode(), None if value is None else value.hex(), proof.hex())

    def page(self, question: Question) -> Octets:
        """Return entries of the log from one on, for a node that began late."""
        return Octets(log_page(self._ledger, question.number("first"), question.number("below", MAX_INTEGER)))

    def tile(self, question: Question) -> Octets:
        """Return a complete tile of the log."""
        return Octets(log_tile(self._ledger, question.number("level"), question.number("index")))

    def hand_in(self, body: bytes) -> tuple[list[bytes], Future[list[Outcome]]]:
        """Hand a submission to the engine, but for what the newest block refuses.

        Anybody may submit: what no block would log must not take up the room of what waits for one. Whatever is raised
        here says that nothing was handed in; afterwards no refusal of all is told any more (NH28).

        Raises:
            SubmissionMalformed: it has no valid form.
            ChainStale: the chain stands, or this node has not heard of it lately.
            StoreFull: this node has no room for more transactions.
            Unavailable: it is not taken now.
        """
        raws = unframe(body)
        self._running.require_fresh()
        self._ledger.check_room()
        answers = self._ledger.check(raws, self._ledger.tip.time)
        refusals = [one if isinstance(one, PlatformError) else None for one in answers]
        return raws, hand_in_rest(self._running.client.submit_many, raws, refusals)

    async def outcomes(self, raws: Sequence[bytes], future: Future[list[Outcome]]) -> list[OutcomeSaid]:
        """Wait until each transaction is durable or refused; what is not in time is looked up, and else unknown yet."""
        future.add_done_callback(Future.exception)  # seen, also when nobody waits any more
        waiting = asyncio.wrap_future(future)
        self._figures.waiting.inc()
        try:
            done: Sequence[Outcome | None] = await asyncio.wait_for(asyncio.shield(waiting), self._commit_seconds)
        except TimeoutError:
            done = [None] * len(raws)
            waiting.add_done_callback(_seen)
        except PlatformError as failure:  # what ended the engine says nothing of what was handed in
            logger.warning("a submission was not answered by the engine: %s", failure.code)
            done = [None] * len(raws)
        finally:
            self._figures.waiting.dec()
        said = await asyncio.to_thread(self._all_said, raws, done)
        for one in said:
            self._figures.transactions.labels(one.__struct_config__.tag).inc()
        return said

    def _all_said(self, raws: Sequence[bytes], done: Sequence[Outcome | None]) -> list[OutcomeSaid]:
        said: list[OutcomeSaid] = []
        for raw, outcome in zip(raws, done, strict=True):
            try:
                said.append(self._said(raw, outcome))
            except PlatformError as failure:  # it was handed in, and can't be looked up here
                logger.error("what became of a transaction can't be looked up: %s", failure.code)
                said.append(UnknownSaid())
        return said

    def _said(self, raw: bytes, outcome: Outcome | None) -> OutcomeSaid:
        if isinstance(outcome, Committed):
            facts = self._ledger.entry(outcome.index).receipt.facts if outcome.code else ()
            return committed_said(outcome, {fact.name: fact.value for fact in facts})
        if outcome is not None and not isinstance(outcome, TransactionReplayed):
            return refusal_said(outcome)
        found = self._where(raw)
        if found is not None:
            return found
        return UnknownSaid() if outcome is None else refusal_said(outcome)

    def _where(self, raw: bytes) -> CommittedSaid | None:
        """Return where the very body of a transaction went before."""
        try:
            header = decode(Transaction, raw).header
            return self._find(header.valid_until, tagged(self._ledger.rules.suite.hash, Tag.BODY, header))
        except (Invalid, LogBegunLate, TransactionNotLogged):
            return None

    def _find(self, valid_until: int, body: bytes) -> CommittedSaid | None:
        index = self._ledger.find(valid_until, body)
        if index is None:
            return None
        try:
            entry = self._ledger.entry(index)
        except LogEntryNotFound:
            raise TransactionNotLogged(body=body) from None
        leaf, receipt = entry.leaf, entry.receipt
        committed = Committed(leaf.height, leaf.time, leaf.index, receipt.number, leaf.receipt)
        return committed_said(committed, {fact.name: fact.value for fact in receipt.facts})


def _seen(waiting: asyncio.Future[list[Outcome]]) -> None:
    """Look at what became of a submission for which nobody waits any more: asyncio would tell of it otherwise."""
    if not waiting.cancelled():
        waiting.exception()

"""How a notice moves on, step by step: on the private chain, to the other home, back with its acknowledgement (H12).

Each step is stored when it is done, and each is harmless to do again: the chain is asked before it is called, and what
was handed over may be handed over again. So a crash between two steps loses and doubles nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import Signer
from xinglin.kernel.clock import Clock
from xinglin.kernel.encoding import decode, encode, state_key
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.coordination.ports import PrivateChain
from xinglin.service.basic.notices.errors import NoticeDiffers
from xinglin.service.basic.notices.letters import (
    acknowledgement_hash,
    check_acknowledgement,
    letter_hash,
    read_acknowledgement,
)
from xinglin.service.basic.notices.model import (
    NAMESPACE,
    AcknowledgeNotice,
    Letter,
    NoticeState,
    ReceiveNotice,
    SendNotice,
    SignedAcknowledgement,
)
from xinglin.service.basic.notices.ports import Post, Values
from xinglin.service.basic.notices.rules import state_parts
from xinglin.service.basic.notices.store import Kept, NoticeStore, Step
from xinglin.service.lifecycle.storage.hierarchy import Randomness

FIRST_WAIT_MS = 1_000
LONGEST_WAIT_MS = 3_600_000
"""How long a notice waits after it could not be handed over: a second, twice as long each time, an hour at most."""


@dataclass(frozen=True, slots=True)
class Office:
    """Whose notices these are: the consortium chain, the member, the account that signs letters, how texts are sealed.

    Attributes:
        chain: the consortium chain's id.
        suite: its suite.
        member: the own member.
        signer: the node's service account.
        values: gives the consortium chain's state by key.
        randomness: where salts come from.
        clock: the present time.
    """

    chain: str
    suite: Suite
    member: str
    signer: Signer
    values: Values
    randomness: Randomness
    clock: Clock


class NotHandedOver(Exception):
    """A notice or an acknowledgement could not be handed to another home now."""

    def __init__(self, kept: Kept, reason: PlatformError) -> None:
        super().__init__()
        self.kept = kept
        self.reason = reason


class Moving:
    """Moves the notices of one home on.

    Args:
        office: whose they are.
        store: the inbox, opened.
        chain: the private chain.
        post: the way to other homes.
    """

    def __init__(self, office: Office, store: NoticeStore, chain: PrivateChain, post: Post) -> None:
        self._office = office
        self._store = store
        self._chain = chain
        self._post = post
        self._hash = office.suite.hash

    def advance(self, step: Step, kept: Kept, *, passing_on: bool = False) -> tuple[Step, Kept]:
        """Take a notice as far as it goes now.

        ``passing_on``: hand over again what was delivered and is not acknowledged, and say what could not be handed
        over by ``NotHandedOver``.
        """
        moves: dict[Step, Callable[[Kept], tuple[Step, Kept]]] = {
            Step.STORED: self._log,
            Step.LOGGED: self._deliver,
            Step.SIGNED: self._log_acknowledgement,
            Step.CLOSED: self._give_back,
        }
        if step is Step.DELIVERED and passing_on and self._is_elsewhere(kept):
            moves[Step.DELIVERED] = self._deliver
        try:
            while step in moves:
                move = moves.pop(step)
                step, kept = move(kept)
                self._store.put(step, kept)
        except NotHandedOver as fault:
            self._store.put(step, fault.kept)
            if passing_on:
                raise
            return step, fault.kept
        return step, kept

    def _log(self, kept: Kept) -> tuple[Step, Kept]:
        letter = kept.letter.letter
        own = letter.sender == self._office.member
        state, text = self._state(letter), letter_hash(self._hash, letter)
        if state is None:
            said = (letter.recipient, letter.about, text, letter.due)
            call = (
                SendNotice(letter.notice, letter.notice_kind, *said)
                if own
                else ReceiveNotice(letter.notice, letter.notice_kind, letter.sender, *said)
            )
            self._chain.call(NAMESPACE, "send" if own else "received", call)
        elif state.text != text:
            raise NoticeDiffers(notice=letter.notice)
        return (Step.LOGGED if own else Step.DELIVERED), kept

    def _deliver(self, kept: Kept) -> tuple[Step, Kept]:
        letter = kept.letter.letter
        if not self._is_elsewhere(kept):
            return Step.DELIVERED, kept
        try:
            answer = self._post.deliver(letter.recipient.member, encode(kept.letter))
            if answer is None:
                return Step.DELIVERED, self._later(kept)
            signed = read_acknowledgement(answer)
            check_acknowledgement(self._office.suite, signed, letter, self._office.values)
        except PlatformError as reason:  # what another home does or answers holds up nothing else here
            raise NotHandedOver(self._later(kept), reason) from None
        return Step.SIGNED, replace(kept, acknowledgement=(signed,), attempts=0, next=0)

    def _log_acknowledgement(self, kept: Kept) -> tuple[Step, Kept]:
        letter = kept.letter.letter
        state = self._state(letter)
        if state is None or not state.acknowledged:
            digest = acknowledgement_hash(self._hash, kept.acknowledgement[0].acknowledgement)
            self._chain.call(NAMESPACE, "acknowledge", AcknowledgeNotice(letter.sender, letter.notice, digest))
        return (Step.DONE if letter.sender == self._office.member else Step.CLOSED), kept

    def _give_back(self, kept: Kept) -> tuple[Step, Kept]:
        try:
            self._post.acknowledged(kept.letter.letter.sender, encode(kept.acknowledgement[0]))
        except PlatformError as reason:
            raise NotHandedOver(self._later(kept), reason) from None
        return Step.DONE, replace(kept, attempts=0, next=0)

    def accept(self, step: Step, kept: Kept, signed: SignedAcknowledgement) -> tuple[Step, Kept]:
        """Keep an acknowledgement and put it on the chain."""
        check_acknowledgement(self._office.suite, signed, kept.letter.letter, self._office.values)
        if step is Step.STORED:
            step, kept = self.advance(step, kept)
        kept = replace(kept, acknowledgement=(signed,), attempts=0, next=0)
        self._store.put(Step.SIGNED, kept)
        return self.advance(Step.SIGNED, kept)

    def _later(self, kept: Kept) -> Kept:
        wait = min(FIRST_WAIT_MS << min(kept.attempts, 20), LONGEST_WAIT_MS)
        return replace(kept, attempts=kept.attempts + 1, next=self._office.clock.now_ms() + wait)

    def _is_elsewhere(self, kept: Kept) -> bool:
        return kept.letter.letter.recipient.member != self._office.member

    def _state(self, letter: Letter) -> NoticeState | None:
        parts = state_parts(self._office.member, letter.sender, letter.notice)
        stored = self._chain.value(state_key(NAMESPACE, *parts))
        return decode(NoticeState, stored) if stored is not None else None

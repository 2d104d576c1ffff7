"""Notices from one home to people of its own and to other homes, until they are acknowledged (H10, H12).

A notice is stored before it is on the private chain, and there before it leaves. What a crash or an outage left is
taken up by ``resume``: nothing is told twice, for a notice has one id, and what was handed over is harmless to hand
over again. Never decides who is to be told.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xinglin.carrier.ledger.build import Signer
from xinglin.kernel.encoding import encode
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.coordination.ports import PrivateChain
from xinglin.service.basic.notices.errors import LetterInvalid, NoticeAcknowledged, NoticeUnknown, NotRecipient
from xinglin.service.basic.notices.letters import (
    acknowledgement_hash,
    check_letter,
    letter_hash,
    manner_of,
    read_acknowledgement,
    read_letter,
)
from xinglin.service.basic.notices.model import (
    Acknowledgement,
    Letter,
    NoticeKind,
    Recipient,
    SignedAcknowledgement,
    SignedLetter,
)
from xinglin.service.basic.notices.moving import Moving, NotHandedOver, Office
from xinglin.service.basic.notices.ports import Post
from xinglin.service.basic.notices.store import OPEN, Kept, NoticeStore, Opening, Step
from xinglin.service.basic.notices.texts import Facts, words


@dataclass(frozen=True, slots=True)
class NewNotice:
    """A notice to be sent.

    Attributes:
        notice: its id; the same notice has the same one, see ``rules.notice_id``.
        kind: what is told.
        recipient: who is told.
        about: a record commitment or another digest, 32 bytes.
        facts: what the template of that kind asks for.
        due: when it should be acknowledged, ms.
        opening: of the recipient's patient, where it is one.
    """

    notice: str
    kind: NoticeKind
    recipient: Recipient
    about: bytes
    facts: Facts
    due: int
    opening: Opening | None = None


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A notice as people see it.

    ``step`` says how far it is; ``acknowledged`` when (ms, 0: not yet), ``acknowledged_by`` which account;
    ``attempts`` how often it could not be handed over.
    """

    notice: str
    sender: str
    kind: NoticeKind
    recipient: Recipient
    about: bytes
    due: int
    time: int
    en: str
    zh: str
    step: Step
    acknowledged: int
    acknowledged_by: str
    attempts: int

    @property
    def delivered(self) -> bool:
        """Whether the recipient's home has it."""
        return self.step >= Step.DELIVERED


@dataclass(frozen=True, slots=True)
class Resumed:
    """What taking up again came to: how many notices moved on, and for which (sender, id) it did not go and why."""

    moved: int
    waiting: list[tuple[str, str, PlatformError]] = field(default_factory=list)


class Notices:
    """The notices of one home. One thread at a time.

    Args:
        office: whose they are.
        store: the inbox, opened.
        chain: the private chain.
        post: the way to other homes.
    """

    def __init__(self, office: Office, store: NoticeStore, chain: PrivateChain, post: Post) -> None:
        self._office = office
        self.store = store
        self._moving = Moving(office, store, chain, post)
        self._hash = office.suite.hash

    def send(self, new: NewNotice) -> NoticeView:
        """Send a notice; one of the same id that was sent before is taken further, not sent again.

        Returns: the notice; ``step`` is ``LOGGED`` when its recipient's home could not be reached, which is tried
            again by ``resume``.

        Raises:
            TemplateInvalid: the facts don't fit the kind; nothing was stored.
            StorageUnwritable: the disk refuses; nothing was stored.
            PlatformError: the private chain takes nothing now; the notice is stored and sent by ``resume``.
        """
        office = self._office
        found = self.store.get(office.member, new.notice)
        if found is None:
            letter = self._letter(new)
            signature = office.signer.sign(letter_hash(self._hash, letter))
            signed = SignedLetter(letter=letter, key=office.signer.key, signature=signature)
            found = Step.STORED, Kept(letter=signed, opening=(new.opening,) if new.opening else ())
            self.store.put(*found)
        return _view(*self._moving.advance(*found))

    def receive(self, data: bytes) -> bytes | None:
        """Take a letter that another member's home hands over; durable when it returns.

        Returns: the signed acknowledgement, where there is one already.

        Raises:
            LetterInvalid: it is not one of its sender for this member, or another one has its id.
        """
        signed = read_letter(data)
        office, letter = self._office, signed.letter
        found = self.store.get(letter.sender, letter.notice)
        if found is None:
            check_letter(office.suite, signed, office.chain, office.member, office.values)
            found = Step.STORED, Kept(letter=signed)
            self.store.put(*found)
        elif letter_hash(self._hash, found[1].letter.letter) != letter_hash(self._hash, letter):
            raise LetterInvalid(reason="its sender sent another one under the same id")
        # Only that: the sender waits for this answer, and is not called back meanwhile.
        kept = self._moving.advance(*found)[1] if found[0] is Step.STORED else found[1]
        return encode(kept.acknowledgement[0]) if kept.acknowledgement else None

    def acknowledge(self, sender: str, notice: str, account: str, signer: Signer) -> NoticeView:
        """Acknowledge a notice for one of the own member's accounts.

        Args:
            sender: the member that sent it.
            notice: its id.
            account: who acknowledges; for a patient the account that has told the patient.
            signer: of that account.

        Raises:
            NoticeUnknown: it is not here, or for another member.
            NoticeAcknowledged: it was acknowledged before.
            NotRecipient: it is for another account.
            AcknowledgementInvalid: the signer's key is not one of the account in force.
        """
        office = self._office
        step, kept = self._found(sender, notice)
        letter = kept.letter.letter
        if letter.recipient.member != office.member:
            raise NoticeUnknown(notice=notice)
        if step not in OPEN:
            raise NoticeAcknowledged(notice=notice)
        manner = manner_of(letter.recipient, account, office.values)
        if manner is None:
            raise NotRecipient(notice=notice, account=account)
        said = Acknowledgement(
            chain=office.chain,
            notice=notice,
            text=letter_hash(self._hash, letter),
            member=office.member,
            account=account,
            manner=manner,
            time=office.clock.now_ms(),
        )
        signature = signer.sign(acknowledgement_hash(self._hash, said))
        signed = SignedAcknowledgement(acknowledgement=said, key=signer.key, signature=signature)
        return _view(*self._moving.accept(*self._moving.advance(step, kept), signed))

    def acknowledged(self, data: bytes) -> None:
        """Take the acknowledgement that the recipient's home hands back; durable when it returns.

        Raises:
            NoticeUnknown: no such notice was sent.
            AcknowledgementInvalid: it is not one of the recipient.
        """
        signed = read_acknowledgement(data)
        step, kept = self._found(self._office.member, signed.acknowledgement.notice)
        if step in OPEN:
            self._moving.accept(step, kept, signed)

    def resume(self, *, at_once: bool = False) -> Resumed:
        """Take every notice further that a crash or an outage left, and hand over again what nobody acknowledged yet.

        ``at_once``: also what waits because it could not be handed over a while ago.

        Raises:
            PlatformError: the own private chain or disk takes nothing now.
        """
        moved, waiting, now = 0, [], self._office.clock.now_ms()
        for step, kept in self.store.at_step(*OPEN, Step.SIGNED, Step.CLOSED):
            if kept.next > now and not at_once:
                continue
            letter = kept.letter.letter
            try:
                after = self._moving.advance(step, kept, passing_on=True)[0]
            except NotHandedOver as fault:
                waiting.append((letter.sender, letter.notice, fault.reason))
                continue
            moved += after is not step
        return Resumed(moved, waiting)

    def view(self, sender: str, notice: str) -> NoticeView:
        """Return a notice; raises NoticeUnknown."""
        return _view(*self._found(sender, notice))

    def find(self, notice: str) -> NoticeView | None:
        """Return a notice that this member sent, None when there is none."""
        found = self.store.get(self._office.member, notice)
        return _view(*found) if found is not None else None

    def every(self, *, only_open: bool = False) -> list[NoticeView]:
        """Return the notices sent and received, oldest first; ``only_open``: those that are not acknowledged."""
        found = self.store.at_step(*OPEN) if only_open else self.store.all()
        return sorted((_view(*one) for one in found), key=lambda one: (one.time, one.notice))

    def inbox(self, account: str) -> list[NoticeView]:
        """Return the notices that an account of the own member has to acknowledge, or to tell a patient."""
        values, own = self._office.values, self._office.member
        mine = [one for one in self.every(only_open=True) if one.recipient.member == own]
        return [one for one in mine if manner_of(one.recipient, account, values) is not None]

    def for_person(self, person: bytes) -> list[NoticeView]:
        """Return the notices to one patient of this institution, oldest first."""
        found = [one for one in self.store.all() if any(opening.person == person for opening in one[1].opening)]
        return sorted((_view(*one) for one in found), key=lambda one: (one.time, one.notice))

    def overdue(self) -> list[NoticeView]:
        """Return the notices that should have been acknowledged by now, the longest overdue first."""
        now = self._office.clock.now_ms()
        return sorted((one for one in self.every(only_open=True) if one.due < now), key=lambda one: one.due)

    def _letter(self, new: NewNotice) -> Letter:
        office, text = self._office, words(new.kind, new.facts, new.due)
        return Letter(
            chain=office.chain,
            notice=new.notice,
            notice_kind=new.kind,
            sender=office.member,
            recipient=new.recipient,
            about=new.about,
            due=new.due,
            time=office.clock.now_ms(),
            salt=office.randomness(16),
            zh=text["zh"],
            en=text["en"],
        )

    def _found(self, sender: str, notice: str) -> tuple[Step, Kept]:
        found = self.store.get(sender, notice)
        if found is None:
            raise NoticeUnknown(notice=notice)
        return found


def _view(step: Step, kept: Kept) -> NoticeView:
    letter = kept.letter.letter
    said = kept.acknowledgement[0].acknowledgement if kept.acknowledgement else None
    return NoticeView(
        notice=letter.notice,
        sender=letter.sender,
        kind=letter.notice_kind,
        recipient=letter.recipient,
        about=letter.about,
        due=letter.due,
        time=letter.time,
        en=letter.en.decode(),
        zh=letter.zh.decode(),
        step=step,
        acknowledged=said.time if said is not None else 0,
        acknowledged_by=said.account if said is not None else "",
        attempts=kept.attempts,
    )

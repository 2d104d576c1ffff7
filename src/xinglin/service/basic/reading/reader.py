"""The reader's side of a read: twin, request, receipt, comparison with the chain (docs/spec/reading.md RD13 to RD18).

The open twin is on the reader's private chain before the request leaves; the receipt closes it. What a custodian sends
is compared with the commitment on the consortium chain before it is used (H6, H11).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import Signer, operation
from xinglin.carrier.ledger.model import Operation
from xinglin.kernel.clock import Clock
from xinglin.kernel.encoding import decode, encode
from xinglin.kernel.errors import Invalid, PlatformError, error_for_number
from xinglin.kernel.hashing import Tag, tagged
from xinglin.service.basic.audit.messages import AccessRequest, Asked, PresentedConsent, SignedGrant, SignedReceipt
from xinglin.service.basic.audit.model import NAMESPACE, AnswerTwin, AskTwin
from xinglin.service.basic.audit.receipts import (
    Values,
    check_receipt,
    check_receipt_time,
    receipt_hash,
    request_hash,
    signed_by,
)
from xinglin.service.basic.reading.deciding import MATCH, match_name
from xinglin.service.basic.reading.errors import AnswerInvalid
from xinglin.service.basic.reading.model import Answer, Custody, Disclosure, Found
from xinglin.service.basic.reading.ports import CustodianNode
from xinglin.stakeholders.purposes import Action, Copy, Purpose

VALID_MS = 60_000
"""How long a request may be on its way."""
CallPrivate = Callable[[Operation], object]
"""Brings one operation of the service account onto the reader's private chain and waits until it is durable."""


@dataclass(frozen=True, slots=True)
class ReaderAccount:
    """Who reads: the account and what signs for it."""

    account: str
    signer: Signer


@dataclass(frozen=True, slots=True)
class Received:
    """What came back: the answer, whose receipt is good, and the hash of the request that it is for."""

    answer: Answer
    request: bytes

    @property
    def receipt(self) -> SignedReceipt:
        """The custodian's signed receipt, for the reader to keep."""
        return self.answer.receipt

    def refusal(self) -> PlatformError | None:
        """Return the refusal as the error that it stands for, None when it was permitted."""
        if not self.answer.outcome:
            return None
        kind = error_for_number(self.answer.outcome) or AnswerInvalid
        return kind(**{fact.name: fact.value for fact in self.answer.facts})


class Reader:
    """Asks custodians' nodes for one institution.

    Args:
        custody: consortium chain, member and node of the reader's home.
        suite: of the consortium chain.
        values: the consortium chain's state.
        consortium_time: returns the block time of the newest consortium block, ms.
        call_private: brings an operation onto the reader's private chain; None where it has none, and then only its own
            node can be asked.
        clock: the reader's clock.
        randomness: where request ids come from.
    """

    def __init__(
        self,
        custody: Custody,
        suite: Suite,
        values: Values,
        consortium_time: Callable[[], int],
        call_private: CallPrivate | None,
        clock: Clock,
        randomness: Callable[[int], bytes],
    ) -> None:
        self._custody = custody
        self._suite = suite
        self._values = values
        self._consortium_time = consortium_time
        self._call_private = call_private
        self._clock = clock
        self._randomness = randomness

    def read(
        self,
        node: CustodianNode,
        who: ReaderAccount,
        commitment: bytes,
        purpose: Purpose,
        consents: Sequence[PresentedConsent] = (),
        action: Action = Action.READ,
        grants: Sequence[SignedGrant] = (),
    ) -> Disclosure:
        """Return a record, compared with its commitment.

        Raises:
            PlatformError: the refusal; it is on record at the custodian and on the reader's chain.
            AnswerInvalid: what came is not the record that the chain commits to.
        """
        received = self.ask(node, who, Asked("record", commitment), action.value, purpose, consents, grants=grants)
        refusal = received.refusal()
        if refusal is not None:
            raise refusal
        if len(received.answer.disclosed) != 1:
            raise AnswerInvalid(reason="no record is in it")
        return self.checked(received.answer.disclosed[0], commitment)

    def search(self, node: CustodianNode, who: ReaderAccount, link: bytes, purpose: Purpose) -> tuple[Found, ...]:
        """Return the records of a person that a read for this purpose would open; raises the refusal."""
        received = self.ask(node, who, Asked("person", link), Action.SEARCH.value, purpose)
        refusal = received.refusal()
        if refusal is not None:
            raise refusal
        return received.answer.found

    def match(self, node: CustodianNode, who: ReaderAccount, traits: bytes, purpose: Purpose) -> bytes:
        """Return the link by which a custodian's node names the person that is described; raises the refusal."""
        asked = Asked("person", match_name(self._suite, traits))
        received = self.ask(node, who, asked, MATCH, purpose, payload=traits)
        refusal = received.refusal()
        if refusal is not None:
            raise refusal
        if len(received.answer.link) != 1:
            raise AnswerInvalid(reason="no link is in it")
        return received.answer.link[0]

    def ask(
        self,
        node: CustodianNode,
        who: ReaderAccount,
        asked: Asked,
        action: str,
        purpose: Purpose,
        consents: Sequence[PresentedConsent] = (),
        payload: bytes = b"",
        grants: Sequence[SignedGrant] = (),
    ) -> Received:
        """Ask one node and return its answer, a refusal too, once its receipt has been checked and noted.

        Raises:
            AnswerInvalid, ReceiptInvalid: what came is no good answer; the twin stays open, which is a finding.
            PlatformError: the custodian can't be reached or does not know who asks, and the twin stays open; or the
                reader's private chain takes nothing now.
        """
        request = AccessRequest(
            chain=self._custody.chain,
            id=self._randomness(16),
            account=who.account,
            member=self._custody.member,
            custodian=node.node,
            asked=asked,
            action=action,
            purpose=purpose.value,
            consents=tuple(consents),
            valid_until=self._clock.now_ms() + VALID_MS,
            grants=tuple(grants),
        )
        hash_ = request_hash(self._suite.hash, request)
        signed = signed_by(request, hash_, who.signer)
        abroad = node.member != self._custody.member
        if abroad:
            self._note("ask", AskTwin(hash_, node.member, who.account))
        answer = self._answer(node.answer(encode(signed), payload), hash_, node.member)
        if abroad:
            receipt = answer.receipt.receipt
            self._note("answered", AnswerTwin(hash_, receipt_hash(self._suite.hash, receipt), receipt.outcome))
        return Received(answer, hash_)

    def checked(self, disclosed: Disclosure, commitment: bytes) -> Disclosure:
        """Return a served record after comparing it with the commitment; raises AnswerInvalid."""
        hash_ = self._suite.hash
        if disclosed.copy is Copy.NONE:
            raise AnswerInvalid(reason="it opens no copy")
        original = disclosed.copy is Copy.ORIGINAL
        shown = tagged(hash_, Tag.ORIGINAL if original else Tag.COPY, disclosed.salt, disclosed.content)
        parts = (shown, disclosed.other) if original else (disclosed.other, shown)
        if tagged(hash_, Tag.RECORD, disclosed.behaviour, *parts) != commitment:
            raise AnswerInvalid(reason="the content is not what was registered")
        return disclosed

    def _answer(self, data: bytes, request: bytes, custodian: str) -> Answer:
        try:
            answer = decode(Answer, data)
        except Invalid as refusal:
            raise AnswerInvalid(reason=refusal.code) from None
        check_receipt(self._suite, answer.receipt, request, custodian, self._values)
        check_receipt_time(answer.receipt.receipt, self._consortium_time(), self._clock.now_ms())
        return answer

    def _note(self, method: str, call: AskTwin | AnswerTwin) -> None:
        if self._call_private is None:
            raise AnswerInvalid(reason="this home has no private chain to note the request on")
        self._call_private(operation(self._suite, NAMESPACE, method, call))

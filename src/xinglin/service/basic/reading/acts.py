"""Acts on records that serve no content: each is asked for by signature, decided, and on record before it is done.

Correcting is one, looking at a trace another (docs/spec/reading.md RD19, RD20; H4: every read and write leaves an
entry in the access chain). What the act then does is no business of this module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.audit.log import Logged
from xinglin.service.basic.audit.messages import SignedRequest
from xinglin.service.basic.audit.model import NO_RECORD
from xinglin.service.basic.audit.receipts import Here, authenticate, read_request, request_hash
from xinglin.service.basic.protection.model import Decision
from xinglin.service.basic.protection.rules import decide
from xinglin.service.basic.protection.service import Asked
from xinglin.service.basic.reading.custodian import Parts
from xinglin.service.basic.reading.entries import Came, ConsortiumHead, entry_of
from xinglin.service.basic.reading.errors import ActionUnknown, RecordNotHere
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.purposes import Action, Purpose


@dataclass(frozen=True, slots=True)
class Act:
    """An act that was permitted: who asked, for which record, by which decision, and where its entry is."""

    signed: SignedRequest
    row: StoredRecord
    decision: Decision
    logged: Logged


Decide = Callable[[Asked, StoredRecord], Decision]
"""Decides an act on a record that is here."""


class Acts:
    """Decides the acts that are asked for at one node.

    Args:
        parts: what the node's custodian is made of; requests are answered once by both together.
        head: returns the consortium head as of now.
    """

    def __init__(self, parts: Parts, head: Callable[[], ConsortiumHead]) -> None:
        self._parts = parts
        self._head = head

    def correct(self, data: bytes) -> Act:
        """Permit the correction of the record that a signed request names (PM8); as ``permit``."""

        def decided(asked: Asked, row: StoredRecord) -> Decision:
            deciding = self._parts.deciding
            asking, refused = deciding.asking(asked, self._parts.clock.now_ms())
            if refused is not None:
                return refused
            person, target = deciding.records.person_of(row), deciding.target(row)
            return decide(deciding.situations.about(asked, asking, person, target))

        return self.permit(data, Action.CORRECT, decided)

    def permit(self, data: bytes, action: Action, decided: Decide) -> Act:
        """Decide an act; when this returns its entry is durable.

        Args:
            data: the canonical bytes of a ``SignedRequest``.
            action: the act that it must ask for.
            decided: decides it; damage of anything that it rests on is a refusal on record.

        Raises:
            RequestMalformed, RequestElsewhere, RequestExpired, RequestSignatureInvalid, RequestReplayed: it is not
                known who asks, or what was asked was answered; there is no entry.
            PlatformError: the refusal, whose entry is durable; or the private chain takes no entry now.
        """
        parts, now = self._parts, self._parts.clock.now_ms()
        signed = read_request(data)
        authenticate(parts.suite, signed, Here(parts.custody.chain, parts.custody.node, now), parts.values)
        hash_ = request_hash(parts.suite.hash, signed.request)
        parts.seen.once(hash_, now)
        row, decision, refusal = self._looked_at(signed, action, decided)
        came = Came(NO_RECORD if row is None else row.details.commitment, decision, refusal)
        logged = parts.log.log(entry_of(signed, hash_, came, self._head(), now))
        if refusal is not None or row is None or decision is None:
            raise refusal or RecordNotHere
        return Act(signed, row, decision, logged)

    def _looked_at(
        self, signed: SignedRequest, action: Action, decided: Decide
    ) -> tuple[StoredRecord | None, Decision | None, PlatformError | None]:
        request, row = signed.request, None
        try:
            if request.action != action or request.asked.what != "record":
                raise ActionUnknown(what=f"{request.action} of a {request.asked.what}")
            try:
                asked = Asked(action, Purpose(request.purpose), request.member, request.account, signed.key)
            except ValueError:
                raise ActionUnknown(what=f"{request.action} {request.purpose}") from None
            found = self._parts.deciding.records.find([request.asked.name])[0]
            if not isinstance(found, StoredRecord):
                raise found or RecordNotHere
            row = found
            decision = decided(asked, row)
        except PlatformError as refusal:
            return row, None, refusal
        return row, decision, None if decision.refusal is None else decision.refusal(rule=int(decision.rule))

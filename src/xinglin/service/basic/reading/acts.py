"""Acts on records that serve no content: each is asked for by signature, decided, and on record before it is done.

Correcting is one, looking at a trace another (docs/spec/reading.md RD19, RD20; H4: every read and write leaves an
entry in the access chain). What the act then does is no business of this module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.audit.log import Logged
from xinglin.service.basic.audit.messages import AccessRequest, SignedRequest
from xinglin.service.basic.audit.model import NO_RECORD
from xinglin.service.basic.protection.model import Decision, RecordState, Situation, Target
from xinglin.service.basic.protection.rules import decide
from xinglin.service.basic.protection.service import Asked
from xinglin.service.basic.reading.custodian import Parts
from xinglin.service.basic.reading.deciding import labels_of
from xinglin.service.basic.reading.entries import Came, ConsortiumHead
from xinglin.service.basic.reading.errors import ActionUnknown, RecordNotHere
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.labels import Special
from xinglin.stakeholders.purposes import Action, Purpose


@dataclass(frozen=True, slots=True)
class Act:
    """An act that was permitted: who asked, for which record, by which decision, and where its entry is."""

    signed: SignedRequest
    row: StoredRecord
    decision: Decision
    logged: Logged


Decide = Callable[[SignedRequest, Purpose, StoredRecord], Decision]
"""Decides an act on a record that is here, asked for by a request whose signature is good."""


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

        def decided(signed: SignedRequest, purpose: Purpose, row: StoredRecord) -> Decision:
            state, current = self._parts.deciding.records.state(row.details.commitment)
            return decide(self.situation(signed, purpose, Action.CORRECT, row, state, current))

        return self.permit(data, Action.CORRECT.value, decided)

    def permit(self, data: bytes, action: str, decided: Decide) -> Act:
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
        admitted = parts.admitted(data, now)
        signed = admitted[0]
        row, decision, refusal = self._looked_at(signed, action, decided)
        came = Came(NO_RECORD if row is None else row.details.commitment, decision, refusal)
        _, logged = parts.entered(admitted, came, self._head(), now)
        if refusal is not None or row is None or decision is None:
            raise refusal or RecordNotHere
        return Act(signed, row, decision, logged)

    def situation(
        self,
        signed: SignedRequest,
        purpose: Purpose,
        action: Action,
        row: StoredRecord,
        state: RecordState = RecordState.STANDING,
        current: bytes = b"",
    ) -> Situation:
        """Return what the policy looks at when an account wants to do something with a record.

        Args:
            signed: the request; its signature is good.
            purpose: what for.
            action: what is decided.
            row: the record.
            state: the record's; as standing where its content is no matter.
            current: its current version's commitment, where it is superseded.
        """
        deciding, asked = self._parts.deciding, _asked(signed, purpose, action)
        # The request has taken from the quota by now, and it may have been the last that was left.
        asking = deciding.situations.asking(asked, self._parts.clock.now_ms(), over_quota=False)
        target = Target(*labels_of(row), Special(row.details.special), state, current)
        return deciding.situations.about(asked, asking, deciding.records.person_of(row), target)

    def _looked_at(
        self, signed: SignedRequest, action: str, decided: Decide
    ) -> tuple[StoredRecord | None, Decision | None, PlatformError | None]:
        request, row = signed.request, None
        try:
            if request.action != action or request.asked.what != "record":
                raise ActionUnknown(what=f"{request.action} of a {request.asked.what}")
            purpose = purpose_of(request)
            deciding = self._parts.deciding
            found = deciding.records.find([request.asked.name])[0]
            if isinstance(found, PlatformError):
                raise found
            row = found
            asked = _asked(signed, purpose, Action.CORRECT if action == Action.CORRECT else Action.HISTORY)
            _, refused = deciding.asking(asked, self._parts.clock.now_ms())
            if row is None and refused is None:
                raise RecordNotHere
            decision = decided(signed, purpose, row) if refused is None and row is not None else refused
        except PlatformError as refusal:
            return row, None, refusal
        return row, decision, None if decision is None else _refusal(decision)


def purpose_of(request: AccessRequest) -> Purpose:
    """Return what a request says that it is for; raises ActionUnknown where nobody knows such a purpose."""
    try:
        return Purpose(request.purpose)
    except ValueError:
        raise ActionUnknown(what=f"{request.action} {request.purpose}") from None


def _asked(signed: SignedRequest, purpose: Purpose, action: Action) -> Asked:
    return Asked(action, purpose, signed.request.member, signed.request.account, signed.key)


def _refusal(decision: Decision) -> PlatformError | None:
    return None if decision.refusal is None else decision.refusal(rule=int(decision.rule))

"""Looking up who somebody is, by own staff: permitted by role, an entry first (PI38 to PI41, TR15; H4, H14).

Who a patient is, is personal data too: whoever looks somebody up, or decides that two are one, signs a request to the
own node and leaves an access entry, durable before anything is shown. The entry is about no record; whom it is about,
the node alone can tell. So it is with who answers for an access entry: that entry is about the same record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.audit.messages import AccessRequest
from xinglin.service.basic.audit.messages import Asked as AskedFor
from xinglin.service.basic.audit.model import NO_RECORD
from xinglin.service.basic.audit.receipts import request_hash, sign_request
from xinglin.service.basic.protection.model import Decision, Rule
from xinglin.service.basic.protection.service import Asked
from xinglin.service.basic.reading.custodian import Parts
from xinglin.service.basic.reading.entries import Came, ConsortiumHead
from xinglin.service.basic.reading.errors import LooksNot, OpeningDenied
from xinglin.service.basic.reading.reader import VALID_MS, ReaderAccount
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.purposes import Action, Basis, Purpose
from xinglin.stakeholders.rights import COUNTER


class Look(StrEnum):
    """What somebody does with the index, or with an entry; the codes stand in entries and never change."""

    FIND = "find"
    SHOW = "show"
    RESPONSIBLE = "responsible"
    MERGE = "merge"
    UNMERGE = "unmerge"
    CONFIRM = "confirm"
    DECLINE = "decline"
    MOVE = "move"
    LINK = "link"
    UNLINK = "unlink"


LOOKING_ROLES: Final = COUNTER | {Role.AUDITOR}
"""Who may look somebody up; who decides is of ``COUNTER``: people, not devices or services."""
_LOOKING: Final = frozenset({Look.FIND, Look.SHOW})
_OPENING: Final = frozenset({Role.AUDITOR, Role.COMPLIANCE_OFFICER})
_NOBODY: Final = bytes(16)


@dataclass(frozen=True, slots=True)
class _About:
    """What a look is about: what its request asks for, the record, the reference that a request hash leads to."""

    asked: AskedFor
    commitment: bytes
    reference: Callable[[bytes], bytes]


class Looks:
    """Permits and notes looks into one node's index, and at who answers for its entries.

    Args:
        parts: what the node's custodian is made of.
        head: returns the consortium head as of now.
        mark: returns 16 bytes for a person and a request hash that only this node can make.
        randomness: where request ids come from.
    """

    def __init__(
        self,
        parts: Parts,
        head: Callable[[], ConsortiumHead],
        mark: Callable[[bytes, bytes], bytes],
        randomness: Callable[[int], bytes],
    ) -> None:
        self._parts = parts
        self._head = head
        self._mark = mark
        self._randomness = randomness

    def look(self, who: ReaderAccount, what: Look, persons: Sequence[bytes], purpose: Purpose) -> None:
        """Permit an act on persons and return once an entry for each is durable; one about nobody where none is named.

        Args:
            who: the account, of this institution, and what signs for it.
            what: what it does.
            persons: whom it is about, 16 bytes each, as found now.
            purpose: what for.

        Raises:
            LooksNot: none of its roles may; so the entry says.
            PlatformError: member, account or key do not stand, or the quota is used up: so the entry says. Or the
                private chain takes no entry now; nothing may be shown then.
        """
        for person in persons or [_NOBODY]:
            about = _About(AskedFor("person", person), NO_RECORD, self._marked(person))
            self._look(who, what, about, purpose)

    def open(self, who: ReaderAccount, entry: bytes, commitment: bytes, purpose: Purpose) -> None:
        """Permit looking at who answers for an entry, and return once an entry about the same record is durable.

        Args:
            who: the account, of this institution, and what signs for it.
            entry: the hash of the entry; it is the new entry's reference.
            commitment: of the record that it is about, ``NO_RECORD`` for none.
            purpose: what for.

        Raises:
            OpeningDenied: none of its roles may; so the entry says.
            PlatformError: as ``look``.
        """
        about = _About(AskedFor("record", commitment), commitment, lambda _: entry)
        self._look(who, Look.RESPONSIBLE, about, purpose)

    def _marked(self, person: bytes) -> Callable[[bytes], bytes]:
        return lambda request: self._mark(person, request) if person != _NOBODY else b""

    def _look(self, who: ReaderAccount, what: Look, about: _About, purpose: Purpose) -> None:
        parts, now = self._parts, self._parts.clock.now_ms()
        request = AccessRequest(
            chain=parts.custody.chain,
            id=self._randomness(16),
            account=who.account,
            member=parts.custody.member,
            custodian=parts.custody.node,
            asked=about.asked,
            action=what.value,
            purpose=purpose.value,
            consents=(),
            valid_until=now + VALID_MS,
        )
        signed, hash_ = sign_request(parts.suite.hash, request, who.signer), request_hash(parts.suite.hash, request)
        refusal = self._refusal(who, what, purpose, now)
        # Who may look is decided by role, no patient is asked; whom it is about, a refusal's entry says too.
        duty = Decision(Rule.LEGAL_DUTY, None, Basis.LEGAL_DUTY, about.reference(hash_))
        parts.entered((signed, hash_), Came(about.commitment, duty, refusal), self._head(), now)
        if refusal is not None:
            raise refusal

    def _refusal(self, who: ReaderAccount, what: Look, purpose: Purpose, now: int) -> PlatformError | None:
        # As for an act of one's own institution: what stands and how much, not the reading of records.
        asked = Asked(Action.SEAL, purpose, self._parts.custody.member, who.account, who.signer.key)
        asking, decision = self._parts.deciding.asking(asked, now)
        if decision is not None and decision.refusal is not None:
            return decision.refusal(rule=int(decision.rule))
        if what is Look.RESPONSIBLE:
            return OpeningDenied() if _OPENING.isdisjoint(asking.reader.roles) else None
        roles = LOOKING_ROLES if what in _LOOKING else COUNTER
        return LooksNot(act=what.value) if roles.isdisjoint(asking.reader.roles) else None

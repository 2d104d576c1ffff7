"""Drafts of consents that wait at a counter: kept sealed between the first of two staff and the second (D9; CN12).

A draft is durable before its proposal leaves, so that what opens a proposed consent is never lost. It is emptied once
the consent is granted, revoked, or has lapsed; the row itself stays, as all rows do. Whether one waits, the chain says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from xinglin.carrier.crypto.suite import Suite
from xinglin.kernel.identifiers import identifier, identifier_bytes
from xinglin.service.basic.protection.consents.drafts import ConsentDraft
from xinglin.service.basic.protection.consents.model import PROPOSAL_MS, ConsentStatus
from xinglin.service.basic.protection.consents.rules import terms_commitment
from xinglin.service.basic.protection.errors import ConsentDraftUnknown, ConsentLapsed, ConsentPaperDiffers
from xinglin.service.basic.protection.ports import ConsortiumFacts
from xinglin.service.basic.protection.store import ProtectionStore, Row
from xinglin.service.basic.protection.store_model import Draft, KeptDraft


@dataclass(frozen=True, slots=True)
class WaitingConsent:
    """A draft that waits: whose consent it is, who proposes it, until when it may be approved (ms).

    ``sent`` is False for one whose proposal never reached the chain: a crash came between.
    """

    draft: ConsentDraft
    person: bytes
    account: str
    until_ms: int
    sent: bool


class Counter:
    """The drafts of one node.

    Args:
        suite: the consortium chain's suite.
        chain: the consortium chain as this node has it.
        store: the node's store of protection.
    """

    def __init__(self, suite: Suite, chain: ConsortiumFacts, store: ProtectionStore) -> None:
        self._suite = suite
        self._chain = chain
        self._store = store

    def keep(self, draft: ConsentDraft, person: bytes, account: str, now_ms: int) -> None:
        """Keep a draft durably, before its proposal is sent.

        Args:
            draft: what is proposed.
            person: the patient, in the node's index.
            account: who proposes it.
            now_ms: the node's clock.
        """
        kept = KeptDraft(
            id=identifier_bytes(draft.consent),
            account=account,
            time=now_ms,
            draft=(Draft(draft.subject_key, draft.salt, draft.terms, draft.openings),),
        )
        self._store.add(kept, kept.id, person, identifier_bytes(account))

    def waiting(self, now_ms: int) -> list[WaitingConsent]:
        """Return the drafts that wait, oldest first; those that are settled or have lapsed are emptied."""
        found = []
        for row in self._store.of_kind(KeptDraft):
            state = self._waits(row, now_ms)
            if state is not None:
                found.append(state)
            elif row.value.draft:
                self._empty(row)
        return found

    def draft(self, consent: str, now_ms: int) -> WaitingConsent:
        """Return one that waits.

        Raises:
            ConsentDraftUnknown: there is none of that id, or it is settled.
            ConsentLapsed: nobody approved it in time.
        """
        row = self._store.by_id(KeptDraft, identifier_bytes(consent))
        if row is None or not row.value.draft:
            raise ConsentDraftUnknown(consent=consent)
        waits = self._waits(row, now_ms)
        if waits is not None:
            return waits
        self._empty(row)
        state = self._chain.consent(consent)
        if state is None or state.status is ConsentStatus.PROPOSED:
            raise ConsentLapsed(consent=consent)
        raise ConsentDraftUnknown(consent=consent)

    def check_paper(self, waiting: WaitingConsent, scan: bytes) -> None:
        """Compare a scan with the paper that a draft names; raises ConsentPaperDiffers."""
        if waiting.draft.terms.paper != (self._suite.hash(scan),):
            raise ConsentPaperDiffers(consent=waiting.draft.consent)

    def settle(self, consent: str) -> None:
        """Empty a draft whose consent is granted, or whose proposal was refused."""
        row = self._store.by_id(KeptDraft, identifier_bytes(consent))
        if row is not None and row.value.draft:
            self._empty(row)

    def _waits(self, row: Row[KeptDraft], now_ms: int) -> WaitingConsent | None:
        kept = row.value
        if not kept.draft:
            return None
        consent, draft = identifier(kept.id), kept.draft[0]
        state, proposed = self._chain.consent(consent), self._chain.proposed_ms(consent)
        commitment = terms_commitment(self._suite.hash, draft.salt, draft.terms)
        whole = ConsentDraft(consent, draft.subject_key, draft.terms, draft.salt, commitment, draft.sealed)
        waits = WaitingConsent(whole, row.person, kept.account, kept.time + PROPOSAL_MS, sent=False)
        if state is None:
            return waits if now_ms < waits.until_ms else None
        if proposed is None or self._chain.time_ms() >= proposed + PROPOSAL_MS:
            return None
        return replace(waits, until_ms=proposed + PROPOSAL_MS, sent=True)

    def _empty(self, row: Row[KeptDraft]) -> None:
        self._store.replace(row, msgspec.structs.replace(row.value, draft=()))

"""Drafts between the two staff of a counter: durable before they are sent, found again, emptied, lapsed."""

from __future__ import annotations

import os

import pytest

from tests.support.contract_parties import Consortium, Key, new_id
from tests.support.protection_home import ProtectionHome
from tests.unit.service.basic.protection.test_consents import wanted
from xinglin.service.basic.protection.consents import drafts
from xinglin.service.basic.protection.consents.counter import Counter
from xinglin.service.basic.protection.consents.drafts import ConsentDraft, draft_consent
from xinglin.service.basic.protection.consents.model import PROPOSAL_MS
from xinglin.service.basic.protection.errors import ConsentDraftUnknown, ConsentLapsed, ConsentPaperDiffers
from xinglin.service.basic.protection.store_model import KeptDraft
from xinglin.stakeholders.kinds import Role


def counter_of(home: ProtectionHome) -> Counter:
    """Return the counter of a node, as it is when the node is opened anew."""
    home.reopen()
    return Counter(home.suite, home.world, home.store)


def kept(c: Consortium, home: ProtectionHome, paper: bytes = b"") -> tuple[ConsentDraft, bytes]:
    """Keep a draft at the hospital's counter; return it and whose it is."""
    person, key = home.patient(), Key(c.ledger.suite)
    wish = wanted(c, paper=c.ledger.suite.hash(paper) if paper else b"")
    draft = draft_consent(c.ledger.suite, os.urandom, new_id(), key.public, wish, [home.addressee(person)])
    account = c.hospital.accounts[Role.PRACTITIONER][0]
    counter_of(home).keep(draft, person, account, c.ledger.time)
    return draft, person


def propose(c: Consortium, draft: ConsentDraft) -> None:
    c.ledger.call(c.hospital.caller(Role.PRACTITIONER), "consent.propose", drafts.propose_call(draft))


@pytest.mark.requirement("S6.3c")
def test_a_draft_survives_whatever_stops_between_the_two_staff(gm: Consortium, here: ProtectionHome) -> None:
    draft, person = kept(gm, here)
    unsent = counter_of(here).draft(draft.consent, gm.ledger.time)
    assert (unsent.draft, unsent.person, unsent.sent) == (draft, person, False)
    propose(gm, draft)
    (waits,) = counter_of(here).waiting(gm.ledger.time)
    assert (waits.draft, waits.sent, waits.until_ms) == (draft, True, gm.ledger.time + PROPOSAL_MS)
    gm.ledger.call(gm.hospital.caller(Role.COMPLIANCE_OFFICER), "consent.approve", drafts.approve_call(waits.draft))
    assert counter_of(here).waiting(gm.ledger.time) == []
    with pytest.raises(ConsentDraftUnknown):
        counter_of(here).draft(draft.consent, gm.ledger.time)
    assert [row.value.draft for row in here.store.of_kind(KeptDraft)] == [()]


@pytest.mark.parametrize("sent", [True, False])
def test_a_draft_lapses_and_nothing_of_it_stays(gm: Consortium, here: ProtectionHome, sent: bool) -> None:
    draft, _ = kept(gm, here)
    if sent:
        propose(gm, draft)
    gm.ledger.time += PROPOSAL_MS - 1
    assert len(counter_of(here).waiting(gm.ledger.time)) == 1
    gm.ledger.time += 1
    with pytest.raises(ConsentLapsed):
        counter_of(here).draft(draft.consent, gm.ledger.time)
    assert [row.value.draft for row in here.store.of_kind(KeptDraft)] == [()]
    with pytest.raises(ConsentDraftUnknown):
        counter_of(here).draft(draft.consent, gm.ledger.time)


def test_the_second_person_looks_at_the_same_paper(gm: Consortium, here: ProtectionHome) -> None:
    draft, _ = kept(gm, here, b"a signed page")
    counter = counter_of(here)
    waits = counter.draft(draft.consent, gm.ledger.time)
    counter.check_paper(waits, b"a signed page")
    with pytest.raises(ConsentPaperDiffers):
        counter.check_paper(waits, b"another page")

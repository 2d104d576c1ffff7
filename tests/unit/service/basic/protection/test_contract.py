"""The contract consent: each method, each refusal, one change at a time, and nothing moved by a refusal."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.contract_parties import Consortium, Key, Party, found_consortium, new_id
from tests.support.fake_context import FakeLedger
from xinglin.carrier.access.governance.contract import CONTRACT as GOVERNANCE
from xinglin.carrier.access.policy.errors import KindDenied, RoleDenied
from xinglin.carrier.access.registry.contract import CONTRACT as REGISTRY
from xinglin.carrier.access.registry.model import EndNode
from xinglin.carrier.crypto.suite import suite
from xinglin.kernel.encoding import ChainObject
from xinglin.kernel.errors import EncodingInvalid, PlatformError
from xinglin.service.basic.protection.consents.contract import CONTRACT as CONSENT
from xinglin.service.basic.protection.consents.model import (
    PROPOSAL_MS,
    AcknowledgeConsent,
    Acknowledgement,
    ApproveConsent,
    ApproveRevocation,
    ConsentProposal,
    ConsentState,
    ConsentStatus,
    GrantConsent,
    KeyMethod,
    Method,
    ProposeConsent,
    ProposeRevocation,
    RevokeConsent,
)
from xinglin.service.basic.protection.consents.rules import grant_message, revoke_message
from xinglin.service.basic.protection.errors import (
    ConsentAcknowledged,
    ConsentExists,
    ConsentLapsed,
    ConsentNodeUnknown,
    ConsentNotCounter,
    ConsentNotGranted,
    ConsentNotProposed,
    ConsentOtherMember,
    ConsentOtherTerms,
    ConsentSameAccount,
    ConsentUnknown,
    ConsentUnsigned,
    ConsentWithdrawn,
    OpeningsInvalid,
    RevocationNotProposed,
    RevocationProposed,
    SubjectKeyUsed,
)
from xinglin.stakeholders.kinds import Role

OPENINGS = tuple(bytes(1121) for _ in range(4))
FIRST, SECOND = Role.PRACTITIONER, Role.COMPLIANCE_OFFICER


def grant_call(c: Consortium, key: Key, consent: str = "", chain: str = "", terms: bytes = b"t" * 32) -> GrantConsent:
    """Return a consent by the patient's own key, signed."""
    consent = consent or new_id()
    message = grant_message(c.ledger.suite.hash, chain or c.ledger.chain, consent, terms)
    return GrantConsent(consent, KeyMethod.OWN_KEY, key.public, terms, key.sign(message), OPENINGS)


def call(c: Consortium, role: Role, method: str, arguments: ChainObject, by: Party | None = None) -> None:
    """Call a method of the contract."""
    c.ledger.call((by or c.hospital).caller(role), f"consent.{method}", arguments)


def refused(
    c: Consortium,
    role: Role,
    method: str,
    arguments: ChainObject,
    refusal: type[PlatformError],
    by: Party | None = None,
) -> None:
    """Call, expect a refusal and an unchanged state."""
    before = dict(c.ledger.state)
    with pytest.raises(refusal) as caught:
        call(c, role, method, arguments, by)
    assert type(caught.value) is refusal
    assert c.ledger.state == before


def state(c: Consortium, consent: str) -> ConsentState:
    """Return the state of a consent."""
    found = c.ledger.value(ConsentState, "consent", "consent", consent)
    assert found is not None
    return found


def revocation(c: Consortium, key: Key, consent: str, chain: str = "") -> RevokeConsent:
    """Return a revocation signed by a subject key."""
    return RevokeConsent(consent, key.sign(revoke_message(c.ledger.suite.hash, chain or c.ledger.chain, consent)))


@pytest.fixture
def key(consortium: Consortium) -> Key:
    """Return a fresh subject key."""
    return Key(consortium.ledger.suite)


@pytest.fixture
def granted(consortium: Consortium, key: Key) -> str:
    """Return a consent granted by own key."""
    made = grant_call(consortium, key)
    call(consortium, Role.SERVICE, "grant", made)
    return made.consent


@pytest.fixture
def proposed(consortium: Consortium, key: Key) -> str:
    """Return a consent proposed at the hospital's counter."""
    consent = new_id()
    call(consortium, FIRST, "propose", ProposeConsent(consent, key.public, b"t" * 32, OPENINGS))
    return consent


@pytest.fixture
def at_counter(consortium: Consortium, proposed: str) -> str:
    """Return a consent granted at the hospital's counter."""
    call(consortium, SECOND, "approve", ApproveConsent(proposed, b"t" * 32))
    return proposed


@pytest.mark.requirement("S6.3c", "W8")
def test_a_proposal_that_nobody_approves_lapses(consortium: Consortium, key: Key) -> None:
    c, consents = consortium, [new_id(), new_id()]
    for consent, fresh in zip(consents, (key, Key(c.ledger.suite)), strict=True):
        call(c, FIRST, "propose", ProposeConsent(consent, fresh.public, b"t" * 32, OPENINGS))
    c.ledger.time += PROPOSAL_MS - 1
    call(c, SECOND, "approve", ApproveConsent(consents[0], b"t" * 32))
    assert c.ledger.value(ConsentProposal, "consent", "proposed", consents[0]) is None
    c.ledger.time += 1
    refused(c, SECOND, "approve", ApproveConsent(consents[1], b"t" * 32), ConsentLapsed)
    assert state(c, consents[1]).status is ConsentStatus.PROPOSED


@pytest.mark.requirement("S6.3c", "W8", "S8.3")
def test_a_consent_by_own_key_is_granted_at_once(consortium: Consortium, key: Key, granted: str) -> None:
    c = consortium
    assert state(c, granted) == ConsentState(
        method=Method.OWN_KEY,
        status=ConsentStatus.GRANTED,
        subject_key=key.public,
        terms=b"t" * 32,
        member=c.hospital.member,
        account=c.hospital.accounts[Role.SERVICE][0],
        approved_by=(),
        granted_ms=(c.ledger.time,),
        revoking=(),
        revoked_ms=(),
    )


Change = Callable[[Consortium, Key, GrantConsent], GrantConsent]


@pytest.mark.requirement("S6.3c")
@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda _, __, one: replace(one, terms=bytes(32)), ConsentUnsigned),
        (lambda _, __, one: replace(one, consent=new_id()), ConsentUnsigned),
        (lambda c, k, one: grant_call(c, k, one.consent, chain="c" + "a" * 26), ConsentUnsigned),
        (lambda c, _, one: replace(one, subject_key=Key(c.ledger.suite).public), ConsentUnsigned),
        (lambda c, k, one: replace(one, signature=revocation(c, k, one.consent).signature), ConsentUnsigned),
        (lambda _, __, one: replace(one, openings=()), OpeningsInvalid),
        (lambda _, __, one: replace(one, openings=OPENINGS[:3]), OpeningsInvalid),
        (lambda _, __, one: replace(one, openings=OPENINGS * 4), OpeningsInvalid),
        (lambda _, __, one: replace(one, openings=(*OPENINGS[:3], bytes(1120))), OpeningsInvalid),
    ],
)
def test_one_change_and_the_consent_is_refused(
    consortium: Consortium, key: Key, change: Change, refusal: type[PlatformError]
) -> None:
    made = grant_call(consortium, key)
    refused(consortium, Role.SERVICE, "grant", change(consortium, key, made), refusal)
    call(consortium, Role.SERVICE, "grant", made)


@pytest.mark.requirement("S9.1", "H9")
def test_a_consent_id_and_a_subject_key_serve_once(consortium: Consortium, key: Key) -> None:
    c, made = consortium, grant_call(consortium, key)
    call(c, Role.SERVICE, "grant", made)
    refused(c, Role.SERVICE, "grant", made, ConsentExists)
    refused(c, Role.SERVICE, "grant", grant_call(c, Key(c.ledger.suite), made.consent), ConsentExists)
    refused(c, Role.SERVICE, "grant", grant_call(c, key), SubjectKeyUsed)
    refused(c, FIRST, "propose", ProposeConsent(new_id(), key.public, bytes(32), OPENINGS), SubjectKeyUsed)
    call(c, Role.SERVICE, "revoke", revocation(c, key, made.consent))
    refused(c, Role.SERVICE, "grant", made, ConsentExists)


def test_who_may_vouch_for_a_patient(consortium: Consortium) -> None:
    c, suite = consortium, consortium.ledger.suite
    for role in set(Role) - {Role.PRACTITIONER, Role.SERVICE}:
        refused(c, role, "grant", grant_call(c, Key(suite)), RoleDenied)
    call(c, Role.PRACTITIONER, "grant", grant_call(c, Key(suite)))
    call(c, Role.SERVICE, "grant", grant_call(c, Key(suite)), by=c.platform)
    refused(c, Role.AUDITOR, "grant", grant_call(c, Key(suite)), KindDenied, by=c.regulator)
    for role in (Role.SERVICE, Role.DEVICE, Role.AUDITOR):
        refused(c, role, "propose", ProposeConsent(new_id(), Key(suite).public, bytes(32), OPENINGS), RoleDenied)


@pytest.mark.requirement("S6.3c", "W8")
def test_at_a_counter_two_accounts_are_needed(consortium: Consortium, proposed: str) -> None:
    c = consortium
    approval = ApproveConsent(proposed, b"t" * 32)
    assert state(c, proposed).status is ConsentStatus.PROPOSED
    refused(c, FIRST, "approve", approval, ConsentSameAccount)
    refused(c, Role.SUPER_ADMINISTRATOR, "approve", approval, ConsentOtherMember, by=c.other)
    refused(c, SECOND, "approve", ApproveConsent(proposed, bytes(32)), ConsentOtherTerms)
    refused(c, SECOND, "approve", ApproveConsent(new_id(), b"t" * 32), ConsentUnknown)
    call(c, SECOND, "approve", approval)
    assert state(c, proposed).approved_by == (c.hospital.accounts[SECOND][0],)
    assert state(c, proposed).granted_ms == (c.ledger.time,)
    refused(c, Role.ADMINISTRATOR, "approve", approval, ConsentNotProposed)


@pytest.mark.requirement("S6.3c", "S8.3")
def test_the_patient_revokes_through_any_account(consortium: Consortium, key: Key, granted: str) -> None:
    c = consortium
    thief = Key(c.ledger.suite)
    refused(c, Role.SERVICE, "revoke", revocation(c, thief, granted), ConsentUnsigned)
    refused(c, Role.SERVICE, "revoke", revocation(c, key, granted, chain="c" + "a" * 26), ConsentUnsigned)
    refused(c, Role.SERVICE, "revoke", replace(revocation(c, key, new_id()), consent=granted), ConsentUnsigned)
    refused(c, Role.SERVICE, "revoke", revocation(c, key, new_id()), ConsentUnknown)
    c.ledger.time += 1
    call(c, Role.AUDITOR, "revoke", revocation(c, key, granted), by=c.regulator)
    assert state(c, granted).status is ConsentStatus.REVOKED
    assert state(c, granted).revoked_ms == (c.ledger.time,)
    refused(c, Role.SERVICE, "revoke", revocation(c, key, granted), ConsentWithdrawn)


def test_staff_can_not_revoke_what_a_key_gave(consortium: Consortium, granted: str) -> None:
    refused(consortium, FIRST, "propose_revocation", ProposeRevocation(granted), ConsentNotCounter)
    refused(consortium, SECOND, "approve_revocation", ApproveRevocation(granted), ConsentNotCounter)


@pytest.mark.requirement("S6.3c")
def test_a_counter_consent_is_revoked_by_two_accounts(consortium: Consortium, at_counter: str) -> None:
    c, first, second = consortium, ProposeRevocation(at_counter), ApproveRevocation(at_counter)
    refused(c, SECOND, "approve_revocation", second, RevocationNotProposed)
    refused(c, Role.SUPER_ADMINISTRATOR, "propose_revocation", first, ConsentOtherMember, by=c.other)
    call(c, SECOND, "propose_revocation", first)
    refused(c, FIRST, "propose_revocation", first, RevocationProposed)
    refused(c, SECOND, "approve_revocation", second, ConsentSameAccount)
    refused(c, Role.SUPER_ADMINISTRATOR, "approve_revocation", second, ConsentOtherMember, by=c.other)
    assert state(c, at_counter).status is ConsentStatus.GRANTED
    call(c, FIRST, "approve_revocation", second)
    assert state(c, at_counter).status is ConsentStatus.REVOKED
    refused(c, FIRST, "approve_revocation", second, ConsentWithdrawn)


def test_the_key_of_a_counter_consent_revokes_it_too(consortium: Consortium, key: Key, at_counter: str) -> None:
    call(consortium, Role.SERVICE, "revoke", revocation(consortium, key, at_counter), by=consortium.other)
    assert state(consortium, at_counter).status is ConsentStatus.REVOKED


@pytest.mark.requirement("S6.3c", "W8")
def test_a_node_acknowledges_once_what_stands(consortium: Consortium, key: Key, granted: str, node: str) -> None:
    c, made = consortium, AcknowledgeConsent(granted, node)
    refused(c, Role.SERVICE, "acknowledge", AcknowledgeConsent(granted, new_id()), ConsentNodeUnknown)
    refused(c, Role.SERVICE, "acknowledge", made, ConsentNodeUnknown, by=c.other)
    refused(c, Role.SERVICE, "acknowledge", AcknowledgeConsent(new_id(), node), ConsentUnknown)
    refused(c, Role.PRACTITIONER, "acknowledge", made, RoleDenied)
    call(c, Role.SERVICE, "acknowledge", made)
    assert c.ledger.value(Acknowledgement, "consent", "acknowledged", granted, node) == Acknowledgement(
        time=c.ledger.time
    )
    refused(c, Role.SERVICE, "acknowledge", made, ConsentAcknowledged)
    call(c, Role.SERVICE, "revoke", revocation(c, key, granted))
    refused(c, Role.SERVICE, "acknowledge", made, ConsentWithdrawn)


def test_a_node_that_ended_acknowledges_nothing(consortium: Consortium, granted: str, node: str) -> None:
    consortium.ledger.call(consortium.hospital.caller(Role.ADMINISTRATOR), "registry.end_node", EndNode(node))
    refused(consortium, Role.SERVICE, "acknowledge", AcknowledgeConsent(granted, node), ConsentNodeUnknown)


def test_what_is_only_proposed_is_neither_acknowledged_nor_revoked(
    consortium: Consortium, key: Key, proposed: str, node: str
) -> None:
    c = consortium
    refused(c, Role.SERVICE, "acknowledge", AcknowledgeConsent(proposed, node), ConsentNotGranted)
    refused(c, Role.SERVICE, "revoke", revocation(c, key, proposed), ConsentNotGranted)
    refused(c, FIRST, "propose_revocation", ProposeRevocation(proposed), ConsentNotGranted)


def test_the_state_of_two_consents_shares_nothing_but_who_vouched(consortium: Consortium) -> None:
    c, made = consortium, []
    for _ in range(2):
        one = grant_call(c, Key(c.ledger.suite), terms=os.urandom(32))
        call(c, Role.SERVICE, "grant", replace(one, openings=tuple(os.urandom(1121) for _ in range(4))))
        made.append(one)
    first, second = (state(c, one.consent) for one in made)
    shared = {name for name in first.__struct_fields__ if getattr(first, name) == getattr(second, name) != ()}
    assert shared == {"kind", "version", "method", "status", "member", "account", "granted_ms"}


def test_a_grant_by_counter_is_not_in_form(consortium: Consortium, key: Key) -> None:
    made = replace(grant_call(consortium, key), method=Method.COUNTER)  # type: ignore[arg-type]
    with pytest.raises(EncodingInvalid):
        call(consortium, Role.SERVICE, "grant", made)
    card = replace(made, method=KeyMethod.CARD)
    call(consortium, Role.SERVICE, "grant", card)
    assert state(consortium, card.consent).method is Method.CARD


@pytest.mark.requirement("S6.3c")
@given(st.lists(st.tuples(st.sampled_from([FIRST, SECOND, Role.ADMINISTRATOR]), st.integers(0, 4)), max_size=12))
def test_whatever_staff_do_two_accounts_stand_behind_every_step(steps: list[tuple[Role, int]]) -> None:
    c = found_consortium(suite("intl"), FakeLedger, (REGISTRY, GOVERNANCE, CONSENT))
    key, consent = Key(c.ledger.suite), new_id()
    calls: list[tuple[str, ChainObject]] = [
        ("propose", ProposeConsent(consent, key.public, b"t" * 32, OPENINGS)),
        ("approve", ApproveConsent(consent, b"t" * 32)),
        ("propose_revocation", ProposeRevocation(consent)),
        ("approve_revocation", ApproveRevocation(consent)),
        ("propose", ProposeConsent(consent, Key(c.ledger.suite).public, bytes(32), OPENINGS)),
    ]
    by: dict[str, Role] = {}
    seen = ConsentStatus.PROPOSED
    for role, number in steps:
        method, arguments = calls[number]
        try:
            call(c, role, method, arguments)
        except PlatformError:
            continue
        by[method] = role
        now = state(c, consent).status
        assert now >= seen
        seen = now
    assert seen is not ConsentStatus.GRANTED or by["propose"] is not by["approve"]
    assert seen is not ConsentStatus.REVOKED or by["propose_revocation"] is not by["approve_revocation"]

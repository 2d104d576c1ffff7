"""Consents from draft to decision: the ways in, what a node takes in and refuses, revocation, what others learn."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.contract_parties import Consortium, Key, new_id
from tests.support.protection_home import ProtectionHome
from xinglin.carrier.crypto.suite import suite
from xinglin.kernel.encoding import encode
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.protection.consents import drafts
from xinglin.service.basic.protection.consents.drafts import Addressee, ConsentDraft, WantedConsent, draft_consent
from xinglin.service.basic.protection.consents.model import (
    OPENING_BYTES,
    ApproveRevocation,
    ConsentOpening,
    ConsentTerms,
    Custodian,
    KeyMethod,
    ProposeRevocation,
    RevokeConsent,
)
from xinglin.service.basic.protection.consents.rules import (
    padded,
    revoke_message,
    try_unpadded,
)
from xinglin.service.basic.protection.consents.wallet import Wallet
from xinglin.service.basic.protection.errors import (
    ConsentNotGranted,
    ConsentRefused,
    ConsentTermsInvalid,
    ConsentTooLong,
    ConsentUnknown,
    ConsentWithdrawn,
)
from xinglin.service.basic.protection.model import Decision, Rule, Target
from xinglin.service.basic.protection.rules import decide
from xinglin.service.basic.protection.service import Asked
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Action, Copy, Purpose

DAY = 86_400_000
TARGET = Target(Category.HEALTH_STATUS, Level.NARROW)


def wanted(c: Consortium, **changes: Any) -> WantedConsent:
    """Return what the patient wants: the hospital's practitioners, treatment, two categories, level 4, a year."""
    now = c.ledger.time
    made = WantedConsent(
        purposes=[Purpose.TREAT],
        categories=[Category.MEDICAL_APPLICATION, Category.HEALTH_STATUS],
        level=Level.NARROW,
        given_ms=now,
        from_ms=now,
        until_ms=now + 365 * DAY,
        members=[c.hospital.member],
        roles=[Role.PRACTITIONER],
    )
    return replace(made, **changes)


def drafted(c: Consortium, key: bytes, *custodians: Addressee, **changes: Any) -> ConsentDraft:
    """Return a draft."""
    return draft_consent(c.ledger.suite, os.urandom, new_id(), key, wanted(c, **changes), custodians)


def given_by_key(c: Consortium, key: Key, *custodians: Addressee, **changes: Any) -> ConsentDraft:
    """Give a consent by the patient's own key; return the draft."""
    draft = drafted(c, key.public, *custodians, **changes)
    call = drafts.grant_call(
        draft, KeyMethod.OWN_KEY, key.sign(drafts.signed_message(c.ledger.suite, c.ledger.chain, draft))
    )
    c.ledger.call(c.hospital.caller(Role.SERVICE), "consent.grant", call)
    return draft


def asked(c: Consortium, role: Role = Role.PRACTITIONER, purpose: Purpose = Purpose.TREAT) -> Asked:
    """Return a request of an account of the hospital."""
    caller = c.hospital.caller(role)
    return Asked(Action.READ, purpose, caller.member, caller.account, caller.key)


def decided(
    home: ProtectionHome, person: bytes, who: Asked, target: Target = TARGET, at_ms: int | None = None
) -> Decision:
    """Return what a node decides now, or at another moment."""
    now = home.consortium.ledger.time
    return decide(home.situations.of(who, person, target, now, at_ms))


@pytest.fixture
def key(gm: Consortium) -> Key:
    """Return a fresh subject key."""
    return Key(gm.ledger.suite)


@pytest.mark.requirement("S6.3c", "S7.2a", "S8.3", "W8")
def test_a_consent_by_own_key_opens_from_its_acknowledgement_to_its_revocation(
    gm: Consortium, there: ProtectionHome, wallet: Wallet
) -> None:
    person, consent = there.patient(), new_id()
    custodians = [there.addressee(person)]
    draft = draft_consent(gm.ledger.suite, os.urandom, consent, wallet.new_key(consent), wanted(gm), custodians)
    signature = wallet.sign(gm.ledger.chain, draft)
    call = drafts.grant_call(draft, KeyMethod.OWN_KEY, signature)
    gm.ledger.call(gm.hospital.caller(Role.SERVICE), "consent.grant", call)
    assert decided(there, person, asked(gm)).code == "permit.no_consent"

    acknowledgement = there.consents.take_in(consent)
    assert acknowledgement is not None
    assert decided(there, person, asked(gm)).code == "permit.not_acknowledged"
    gm.ledger.call(there.party.caller(Role.SERVICE), "consent.acknowledge", acknowledgement)
    permit = decided(there, person, asked(gm))
    assert (permit.permit, permit.rule, permit.copy) == (True, Rule.CONSENT, Copy.ORIGINAL)
    assert decided(there, person, asked(gm, purpose=Purpose.HRESCH)).code == "permit.purpose"
    assert decided(there, person, asked(gm), Target(Category.MEDICAL_PAYMENT, Level.NARROW)).code == "permit.category"
    assert decided(there, person, asked(gm), Target(Category.HEALTH_STATUS, Level.STRICT)).code == "permit.level"
    assert decided(there, person, asked(gm), at_ms=gm.ledger.time + 366 * DAY).code == "permit.expired"

    gm.ledger.time += 1
    gm.ledger.call(gm.regulator.caller(Role.AUDITOR), "consent.revoke", wallet.revocation(gm.ledger.chain, consent))
    assert decided(there, person, asked(gm)).code == "permit.revoked"
    assert decided(there, person, asked(gm), at_ms=gm.ledger.time - 1).permit


@pytest.mark.requirement("S6.3c", "W8")
def test_a_consent_on_paper_needs_two_staff_and_is_revoked_by_two(
    gm: Consortium, there: ProtectionHome, key: Key
) -> None:
    person = there.patient()
    paper = there.consents.keep_paper(b"scan of a signed page", person, new_id(), gm.ledger.time)
    assert paper == there.consents.keep_paper(b"scan of a signed page", person, new_id(), gm.ledger.time)
    draft = drafted(gm, key.public, there.addressee(person), paper=paper)
    first, second = gm.hospital.caller(Role.PRACTITIONER), gm.hospital.caller(Role.COMPLIANCE_OFFICER)
    gm.ledger.call(first, "consent.propose", drafts.propose_call(draft))
    with pytest.raises(ConsentNotGranted):
        there.consents.take_in(draft.consent)
    gm.ledger.call(second, "consent.approve", drafts.approve_call(draft))
    there.take_in(draft.consent)
    assert decided(there, person, asked(gm)).permit
    gm.ledger.call(second, "consent.propose_revocation", ProposeRevocation(draft.consent))
    assert decided(there, person, asked(gm)).permit
    gm.ledger.call(first, "consent.approve_revocation", ApproveRevocation(draft.consent))
    assert decided(there, person, asked(gm)).code == "permit.revoked"
    with pytest.raises(ConsentWithdrawn):
        there.consents.take_in(draft.consent)


@pytest.mark.requirement("S6.3c")
def test_a_prohibition_binds_before_every_consent(gm: Consortium, there: ProtectionHome, key: Key) -> None:
    person = there.patient()
    there.take_in(given_by_key(gm, key, there.addressee(person)).consent)
    nobody = given_by_key(
        gm,
        Key(gm.ledger.suite),
        there.addressee(person),
        prohibits=True,
        purposes=[],
        categories=[],
        members=[],
        roles=[],
        level=Level.PUBLIC,
    )
    assert decided(there, person, asked(gm)).permit
    there.take_in(nobody.consent)
    decision = decided(there, person, asked(gm))
    assert (decision.rule, decision.code) == (Rule.PROHIBITION, "permit.prohibited")


def test_each_custodian_opens_its_own_and_nobody_else_s(
    gm: Consortium, here: ProtectionHome, there: ProtectionHome, key: Key
) -> None:
    at_here, at_there = here.patient(), there.patient()
    draft = given_by_key(gm, key, here.addressee(at_here), there.addressee(at_there))
    here.take_in(draft.consent)
    (view,) = here.consents.views(at_here)
    assert view.nodes == {here.node: gm.ledger.time, there.node: None}
    there.take_in(draft.consent)
    assert [held.acknowledged_ms for held in there.consents.held(at_there)] == [gm.ledger.time]
    (view,) = here.consents.views(at_here)
    assert view.nodes == {here.node: gm.ledger.time, there.node: gm.ledger.time}
    assert there.consents.held(at_here) == ()
    alone = given_by_key(gm, Key(gm.ledger.suite), there.addressee(at_there))
    assert here.consents.take_in(alone.consent) is None
    with pytest.raises(ConsentUnknown):
        here.consents.take_in(new_id())


def test_what_is_new_is_taken_in_once(gm: Consortium, here: ProtectionHome, there: ProtectionHome) -> None:
    person, elsewhere = here.patient(), there.patient()
    ours = given_by_key(gm, Key(gm.ledger.suite), here.addressee(person))
    given_by_key(gm, Key(gm.ledger.suite), there.addressee(elsewhere))
    unknown = given_by_key(gm, Key(gm.ledger.suite), here.addressee(os.urandom(16)))
    taken = here.consents.take_in_all(here.consents.new())
    assert [call.consent for call in taken.calls] == [ours.consent]
    assert list(taken.refused) == taken.waiting == [unknown.consent]
    here.reopen()  # a crash before the acknowledgement: the call is made again, the consent kept once
    assert [call.consent for call in here.consents.take_in_all(here.consents.new()).calls] == [ours.consent]
    for call in taken.calls:
        gm.ledger.call(here.party.caller(Role.SERVICE), "consent.acknowledge", call)
    assert here.consents.take_in_all(here.consents.new()).calls == []
    assert len(here.consents.held(person)) == 1


@pytest.mark.requirement("S6.3c")
def test_what_was_refused_is_taken_in_once_the_patient_is_known(gm: Consortium, here: ProtectionHome) -> None:
    person = os.urandom(16)
    ban = given_by_key(gm, Key(gm.ledger.suite), here.addressee(person))
    taken = here.consents.take_in_all(here.consents.new())
    assert (taken.calls, taken.waiting) == ([], [ban.consent])
    gm.ledger.time += 1
    here.consents.looked(gm.ledger.time, taken.waiting)
    here.reopen()
    assert here.consents.new() == [ban.consent], "of what was looked at, what waits stays new"
    here.persons.births[person] = None
    assert [call.consent for call in here.consents.take_in_all(here.consents.new()).calls] == [ban.consent]
    here.consents.looked(gm.ledger.time, [])
    assert here.consents.new() == []
    late = given_by_key(gm, Key(gm.ledger.suite), here.addressee(person))
    assert here.consents.new() == [late.consent], "of the very block up to which was looked"


def test_a_damaged_row_of_one_consent_holds_up_no_other(gm: Consortium, here: ProtectionHome) -> None:
    consents = [given_by_key(gm, Key(gm.ledger.suite), here.addressee(here.patient())).consent for _ in range(3)]
    here.consents.take_in(consents[1])
    with sqlite3.connect(here.folder / "protection.sqlite") as database:
        database.execute("update rows set sealed = zeroblob(64)")
    taken = here.consents.take_in_all(here.consents.new())
    assert sorted(call.consent for call in taken.calls) == sorted((consents[0], consents[2]))
    assert [refusal.code for refusal in taken.refused.values()] == ["protection.row_damaged"]
    assert (list(taken.refused), taken.waiting) == ([consents[1]], [])


def opening_for(home: ProtectionHome, draft: ConsentDraft, person: bytes, **changes: Any) -> ConsentOpening:
    """Return the opening of a draft for a node, one field changed."""
    secret = home.consents._decrypt
    for sealed in draft.openings:
        try:
            found = try_unpadded(secret(sealed))
        except PlatformError:
            continue
        assert found is not None
        assert home.persons.linked(home.consortium.hospital.member, found.person) == person
        return msgspec.structs.replace(found, **changes)
    raise AssertionError("no opening for this node")


def called_with(c: Consortium, key: Key, home: ProtectionHome, draft: ConsentDraft, opening: ConsentOpening) -> None:
    """Give a drafted consent with another opening for a node."""
    plaintext = padded(opening)
    assert plaintext is not None
    sealed = tuple(c.ledger.suite.encrypt(home.sealing_key, plaintext) for _ in range(4))
    changed = replace(draft, openings=sealed)
    message = drafts.signed_message(c.ledger.suite, c.ledger.chain, draft)
    call = drafts.grant_call(changed, KeyMethod.OWN_KEY, key.sign(message))
    c.ledger.call(c.hospital.caller(Role.SERVICE), "consent.grant", call)


def widened(terms: ConsentTerms, **changes: Any) -> ConsentTerms:
    """Return terms with something changed."""
    return msgspec.structs.replace(terms, **changes)


Forgery = Callable[[ProtectionHome, ConsentOpening], ConsentOpening]


@pytest.mark.requirement("S6.3c", "S9.1")
@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda _, o: msgspec.structs.replace(o, terms=widened(o.terms, level=Level.STRICT)), "committed"),
        (lambda _, o: msgspec.structs.replace(o, terms=widened(o.terms, members=())), "committed"),
        (lambda _, o: msgspec.structs.replace(o, salt=bytes(16)), "committed"),
        (lambda h, o: msgspec.structs.replace(o, person=h.patient()), "another person"),
        (lambda _, o: msgspec.structs.replace(o, subject_salt=bytes(16)), "another person"),
    ],
)
def test_an_opening_that_is_not_what_was_signed_is_not_taken_in(
    gm: Consortium, there: ProtectionHome, key: Key, forge: Forgery, reason: str
) -> None:
    person = there.patient()
    draft = drafted(gm, key.public, there.addressee(person))
    opening = opening_for(there, draft, person)
    called_with(gm, key, there, draft, forge(there, opening))
    with pytest.raises(ConsentRefused, match=reason):
        there.consents.take_in(draft.consent)
    assert there.consents.held(person) == ()


@pytest.mark.requirement("S6.3c")
def test_a_consent_is_not_replayed_under_another_id_or_at_another_node(
    gm: Consortium, here: ProtectionHome, there: ProtectionHome, key: Key
) -> None:
    person = there.patient()
    draft = drafted(gm, key.public, there.addressee(person))
    opening = opening_for(there, draft, person)
    other = replace(draft, consent=new_id(), subject_key=key.public)
    called_with(gm, key, there, other, opening)
    with pytest.raises(ConsentRefused, match="another consent"):
        there.consents.take_in(other.consent)
    fresh = Key(gm.ledger.suite)
    here.persons.births[person] = None  # even a node that knew the patient by the same bytes
    elsewhere = replace(drafted(gm, fresh.public, there.addressee(person)))
    called_with(gm, fresh, here, elsewhere, opening_for(there, elsewhere, person))
    with pytest.raises(ConsentRefused, match="do not name this node"):
        here.consents.take_in(elsewhere.consent)


@pytest.mark.requirement("S6.3c")
def test_another_member_names_a_patient_by_the_link_alone(gm: Consortium, there: ProtectionHome, key: Key) -> None:
    person = there.patient()
    by_id = given_by_key(gm, key, Addressee(there.node, there.sealing_key, person))
    with pytest.raises(ConsentRefused, match="not known"):
        there.consents.take_in(by_id.consent)
    foreign = os.urandom(16)
    there.persons.links[gm.platform.member, foreign] = person  # given to another member than the one that vouches
    stolen = given_by_key(gm, Key(gm.ledger.suite), Addressee(there.node, there.sealing_key, foreign))
    with pytest.raises(ConsentRefused, match="not known"):
        there.consents.take_in(stolen.consent)
    assert there.consents.held(person) == ()


@pytest.mark.requirement("S6.3c")
@pytest.mark.parametrize("prohibits", [False, True])
def test_what_came_by_a_link_that_was_undone_opens_no_more_and_goes_on_forbidding(
    gm: Consortium, there: ProtectionHome, key: Key, prohibits: bool
) -> None:
    person = there.patient()
    there.take_in(given_by_key(gm, key, there.addressee(person), prohibits=prohibits).consent)
    assert len(there.consents.held(person)) == 1
    there.persons.links.clear()
    assert len(there.consents.held(person)) == prohibits


@pytest.mark.requirement("S6.3c")
def test_no_new_consent_of_a_dead_patient_and_none_given_later_than_granted(
    gm: Consortium, there: ProtectionHome, key: Key
) -> None:
    person = there.patient()
    there.persons.deaths[person] = gm.ledger.time
    dead = given_by_key(gm, key, there.addressee(person))
    with pytest.raises(ConsentRefused, match="died"):
        there.consents.take_in(dead.consent)
    alive = there.patient()
    late = given_by_key(gm, Key(gm.ledger.suite), there.addressee(alive), given_ms=gm.ledger.time + 1)
    with pytest.raises(ConsentRefused, match="later"):
        there.consents.take_in(late.consent)


def test_a_death_freezes_what_was_consented(gm: Consortium, there: ProtectionHome, key: Key) -> None:
    person = there.patient()
    there.take_in(given_by_key(gm, key, there.addressee(person)).consent)
    there.persons.deaths[person] = gm.ledger.time + 1
    assert decided(there, person, asked(gm)).permit
    gm.ledger.time += 1
    assert decided(there, person, asked(gm)).code == "permit.frozen"


@pytest.mark.parametrize(
    "change",
    [
        {"purposes": []},
        {"categories": []},
        {"until_ms": 0},
        {"copy": Copy.NONE},
        {"purposes": [Purpose.TREAT, Purpose.TREAT]},
    ],
)
def test_terms_out_of_form_are_not_drafted(
    gm: Consortium, there: ProtectionHome, key: Key, change: dict[str, Any]
) -> None:
    with pytest.raises(ConsentTermsInvalid):
        drafted(gm, key.public, there.addressee(os.urandom(16)), **change)


def test_custodians_are_one_to_eight_and_distinct(gm: Consortium, there: ProtectionHome, key: Key) -> None:
    one = there.addressee(os.urandom(16))
    for custodians in ((), (one, one), tuple(replace(one, node=new_id()) for _ in range(9))):
        with pytest.raises(ConsentTermsInvalid):
            drafted(gm, key.public, *custodians)
    eight = tuple(replace(one, node=new_id()) for _ in range(8))
    assert len(drafted(gm, key.public, *eight).openings) == 8
    assert len(drafted(gm, key.public, *eight[:5]).openings) == 8
    assert len(drafted(gm, key.public, *eight[:4]).openings) == 4
    with pytest.raises(ConsentTooLong):
        drafted(gm, key.public, *eight, members=[new_id() for _ in range(8)], accounts=[new_id() for _ in range(8)])


@pytest.mark.requirement("H9", part="policies, signatures, unlinkable transactions; k-anonymity and channels not yet")
@pytest.mark.parametrize("name", ["gm", "intl"])
def test_the_number_length_and_order_of_openings_say_nothing(gm: Consortium, name: str) -> None:
    chosen = suite(name)
    private = chosen.generate_encryption_key()
    mine = Addressee(new_id(), chosen.encryption_public_key(private), os.urandom(16))
    places, lengths = set(), set()
    number = 0
    while number < 24 or (len(places) < 4 and number < 1_000):  # one of the four is not met by 24 once in 250 times
        number += 1
        others = [replace(mine, node=new_id(), sealing_key=other_key(name)) for _ in range(number % 4)]
        made = draft_consent(chosen, os.urandom, new_id(), bytes(65), wanted(gm), [mine, *others])
        lengths.add((len(made.openings), *map(len, made.openings)))
        places.add(next(at for at, sealed in enumerate(made.openings) if opens(name, private, sealed)))
    assert len(lengths) == 1
    assert places == {0, 1, 2, 3}


def other_key(name: str) -> bytes:
    """Return the public key of an encryption key that nobody keeps."""
    return suite(name).encryption_public_key(suite(name).generate_encryption_key())


def opens(name: str, private: bytes, sealed: bytes) -> bool:
    """Tell whether an opening is for a key."""
    try:
        return try_unpadded(suite(name).decrypt(private, sealed)) is not None
    except PlatformError:
        return False


@pytest.mark.requirement("H9", "H8")
def test_nothing_of_the_terms_is_on_the_chain(gm: Consortium, there: ProtectionHome, key: Key) -> None:
    person = there.patient()
    draft = given_by_key(gm, key, there.addressee(person), accounts=[new_id()])
    there.take_in(draft.consent)
    committed = b"".join(
        item for pair in gm.ledger.state.items() for item in pair if pair[0].startswith(b"\x93\xa7consent")
    )
    secret = [
        person,
        draft.salt,
        *(one.subject for one in draft.terms.custodians),
        *map(str.encode, draft.terms.accounts),
    ]
    assert [one for one in [*secret, b"treat", encode(draft.terms)[:40]] if one in committed] == []


@given(st.binary(max_size=40), st.integers(0, OPENING_BYTES - 1), st.integers(1, 255))
def test_only_a_padded_opening_unpads(prefix: bytes, at: int, flip: int) -> None:
    terms = ConsentTerms(
        consent="a" * 26,
        prohibits=1,
        members=(),
        roles=(),
        accounts=(),
        purposes=(),
        categories=(),
        level=Level.PUBLIC,
        special=int(Special.NONE),
        copy=Copy.ORIGINAL,
        given_ms=1,
        from_ms=1,
        until_ms=2,
        custodians=(Custodian("a" * 26, bytes(32)),),
        guardian=(),
        paper=(),
        certificate=(),
    )
    opening = ConsentOpening(salt=bytes(16), terms=terms, subject_salt=bytes(16), person=bytes(16))
    plaintext = padded(opening)
    assert plaintext is not None
    assert len(plaintext) == OPENING_BYTES
    assert try_unpadded(plaintext) == opening
    changed = bytearray(plaintext)
    changed[at] ^= flip
    assert try_unpadded(bytes(changed)) != opening
    assert try_unpadded(plaintext + b"\x00") is None
    assert try_unpadded(prefix) is None


def test_a_revocation_by_another_key_revokes_nothing(gm: Consortium, there: ProtectionHome, key: Key) -> None:
    person = there.patient()
    draft = given_by_key(gm, key, there.addressee(person))
    there.take_in(draft.consent)
    message = revoke_message(gm.ledger.suite.hash, gm.ledger.chain, draft.consent)
    forged = RevokeConsent(draft.consent, Key(gm.ledger.suite).sign(message))
    with pytest.raises(PlatformError):
        gm.ledger.call(gm.hospital.caller(Role.SERVICE), "consent.revoke", forged)
    assert decided(there, person, asked(gm)).permit

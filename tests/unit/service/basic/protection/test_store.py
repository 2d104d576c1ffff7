"""The store of protection and the wallet: sealed rows, what a changed byte does, nothing readable on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.contract_parties import Consortium, new_id
from tests.support.protection_home import ProtectionHome
from tests.unit.service.basic.protection.test_consents import wanted
from xinglin.carrier.crypto.keystore_errors import KeyExists, PassphraseWrong
from xinglin.service.basic.protection.break_glass import Emergency
from xinglin.service.basic.protection.consents.drafts import draft_consent
from xinglin.service.basic.protection.consents.model import SubjectCertificate, SubjectStatement
from xinglin.service.basic.protection.consents.rules import certificate_commitment, certificate_opens, statement_message
from xinglin.service.basic.protection.consents.wallet import SaltedCertificate, Wallet
from xinglin.service.basic.protection.errors import (
    ConsentTermsInvalid,
    ProtectionRowDamaged,
    WalletConsentUnknown,
    WalletDamaged,
)
from xinglin.service.basic.protection.guardians import GuardianEvidence
from xinglin.service.basic.protection.store_model import KeptGrant, KeptGuardianship
from xinglin.service.lifecycle.storage.errors import StorageExists
from xinglin.stakeholders.kinds import Role

SECRET = b"Zhang San"


@pytest.fixture
def child(gm: Consortium, here: ProtectionHome) -> bytes:
    """Return a person with two guardians and a grant in the store."""
    person = here.patient()
    for relation in ("mother", "father"):
        stated = GuardianEvidence(SECRET.decode(), relation, b"e" * 32, gm.ledger.time)
        here.guardians.add(person, stated)
    practitioner = gm.hospital.accounts[Role.PRACTITIONER][0]
    here.break_glass.open(practitioner, person, Emergency(1, SECRET.decode()), gm.ledger.time)
    return person


def rows(home: ProtectionHome) -> sqlite3.Connection:
    """Return a connection past the store."""
    home.store.close()
    return sqlite3.connect(home.folder / "protection.sqlite")


@pytest.mark.requirement("S8.2d", "S7.1b1")
def test_no_name_and_no_person_is_readable_in_the_file(here: ProtectionHome, child: bytes) -> None:
    here.store.close()
    raw = b"".join(path.read_bytes() for path in here.folder.iterdir())
    assert SECRET not in raw
    assert child not in raw
    assert list(here.store.damage()) == []


Damage = Callable[[sqlite3.Connection], Any]


@pytest.mark.requirement("S6.2d")
@pytest.mark.parametrize(
    "damage",
    [
        lambda db: db.execute("UPDATE rows SET sealed = substr(sealed, 1, length(sealed) - 1) WHERE number = 1"),
        lambda db: db.execute("UPDATE rows SET person = zeroblob(16) WHERE number = 1"),
        lambda db: db.execute("UPDATE rows SET account = zeroblob(16) WHERE number = 1"),
        lambda db: db.execute("UPDATE rows SET kind = 5 WHERE number = 1"),
        lambda db: db.execute("UPDATE rows SET sealed = (SELECT sealed FROM rows WHERE number = 2) WHERE number = 1"),
        lambda db: db.execute("DELETE FROM rows WHERE number = 1"),
    ],
)
def test_a_changed_exchanged_or_removed_row_is_found(here: ProtectionHome, child: bytes, damage: Damage) -> None:
    with rows(here) as db:
        damage(db)
    assert [fault.facts.get("number") for fault in here.store.damage()] == [1]


def test_a_damaged_row_is_not_decided_on(here: ProtectionHome, child: bytes) -> None:
    with rows(here) as db:
        db.execute("UPDATE rows SET sealed = zeroblob(80) WHERE number = 2")
    with pytest.raises(ProtectionRowDamaged) as caught:
        here.guardians.patient(child)
    assert caught.value.facts == {"number": 2}


def test_an_id_serves_once_in_its_kind_and_kinds_do_not_mix(here: ProtectionHome, child: bytes) -> None:
    (first, _) = here.store.of_person(KeptGuardianship, child)
    with pytest.raises(StorageExists):
        here.store.add(first.value, first.value.id, child)
    assert here.store.by_id(KeptGrant, first.value.id) is None
    assert [row.value.reason for row in here.store.of_kind(KeptGrant)] == [SECRET]


def test_a_row_that_is_gone_is_not_written_anew(here: ProtectionHome, child: bytes) -> None:
    (first, _) = here.store.of_person(KeptGuardianship, child)
    with rows(here) as db:
        db.execute("DELETE FROM rows WHERE number = 1")
    with pytest.raises(ProtectionRowDamaged):
        here.store.replace(first, first.value)


@pytest.mark.requirement("S8.2d")
def test_a_wallet_keeps_a_key_and_the_terms_of_each_consent(
    gm: Consortium, here: ProtectionHome, wallet: Wallet, tmp_path: Path
) -> None:
    consent = new_id()
    key = wallet.new_key(consent)
    draft = draft_consent(
        gm.ledger.suite, lambda n: b"r" * n, consent, key, wanted(gm), [here.addressee(here.patient())]
    )
    wallet.sign(gm.ledger.chain, draft)
    again = Wallet.open(tmp_path / "wallet", b"a patient's secret")
    assert again.consents() == [consent]
    assert (again.consent(consent).terms, again.consent(consent).salt) == (draft.terms, draft.salt)
    with pytest.raises(KeyExists):
        again.new_key(consent)
    with pytest.raises(PassphraseWrong):
        Wallet.open(tmp_path / "wallet", b"another secret")
    with pytest.raises(WalletConsentUnknown):
        again.consent(new_id())
    other = new_id()
    again.new_key(other)
    with pytest.raises(WalletConsentUnknown):
        again.consent(other)
    raw = (tmp_path / "wallet" / f"{consent}.consent").read_bytes()
    (tmp_path / "wallet" / f"{other}.consent").write_bytes(raw)
    with pytest.raises(WalletDamaged):
        again.consent(other)
    (tmp_path / "wallet" / f"{consent}.consent").write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(WalletDamaged):
        again.consent(consent)


@pytest.mark.requirement("H9")
def test_a_certificate_of_the_key_stays_with_the_patient(gm: Consortium, here: ProtectionHome, wallet: Wallet) -> None:
    consent, hash_, salt = new_id(), gm.ledger.suite.hash, b"s" * 16
    account, signer = gm.hospital.accounts[Role.PRACTITIONER]
    key = wallet.new_key(consent)
    statement = SubjectStatement(
        chain=gm.ledger.chain, consent=consent, subject_key=key, account=account, person=SECRET, time=gm.ledger.time
    )
    certificate = SubjectCertificate(statement, signer.sign(statement_message(hash_, statement)))
    committed = wanted(gm, certificate=certificate_commitment(hash_, salt, certificate))
    custodians = [here.addressee(here.patient())]
    draft = draft_consent(gm.ledger.suite, lambda n: b"r" * n, consent, key, committed, custodians)
    with pytest.raises(ConsentTermsInvalid):
        wallet.sign(gm.ledger.chain, draft, SaltedCertificate(bytes(16), certificate))
    wallet.sign(gm.ledger.chain, draft, SaltedCertificate(salt, certificate))
    (kept,) = wallet.consent(consent).certificate
    assert gm.ledger.suite.verify(
        signer.public, statement_message(hash_, kept.certificate.statement), certificate.signature
    )
    other = draft_consent(gm.ledger.suite, lambda n: b"r" * n, new_id(), key, committed, custodians)
    assert not certificate_opens(hash_, other.terms, salt, certificate)

"""A patient's wallet: a folder with the subject keys of the patient's consents and the terms that they signed (D9).

The keys are in a key store of the patient's own, one fresh key for each consent, so that no two consents share
anything. What opens a consent lies beside, encrypted to a key of the same store. A wallet never knows a chain's state.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from xinglin.carrier.crypto.files import write_durably
from xinglin.carrier.crypto.keystore import (
    DEFAULT_STRETCHING,
    KeyStore,
    KeyUse,
    Stretching,
    create_keystore,
    open_keystore,
)
from xinglin.carrier.crypto.suite import Suite
from xinglin.kernel.encoding import Bytes16, ChainId, ChainObject, decode, encode
from xinglin.kernel.errors import Integrity, Invalid
from xinglin.service.basic.protection.consents.drafts import ConsentDraft, signed_message
from xinglin.service.basic.protection.consents.model import ConsentTerms, RevokeConsent, SubjectCertificate
from xinglin.service.basic.protection.consents.rules import certificate_opens, revoke_message
from xinglin.service.basic.protection.errors import ConsentTermsInvalid, WalletConsentUnknown, WalletDamaged

_SEALING = "sealing"
_SUFFIX = ".consent"


class SaltedCertificate(ChainObject, frozen=True):
    """A certificate and the salt of its commitment in the terms."""

    salt: Bytes16
    certificate: SubjectCertificate


class WalletConsent(ChainObject, frozen=True, kw_only=True):
    """What the patient keeps of one consent: its chain, and what opens the commitment there.

    ``certificate``: the certificate of the subject key with the salt of its commitment, where there is one.
    """

    kind: Literal["wallet-consent"] = "wallet-consent"
    version: Literal[1] = 1
    chain: ChainId
    salt: Bytes16
    terms: ConsentTerms
    certificate: Annotated[tuple[SaltedCertificate, ...], msgspec.Meta(max_length=1)]


class Wallet:
    """One patient's wallet, opened with the patient's passphrase."""

    def __init__(self, folder: Path, keys: KeyStore) -> None:
        self._folder = folder
        self._keys = keys

    @classmethod
    def create(
        cls, folder: Path, suite: Suite, passphrase: bytes, stretching: Stretching = DEFAULT_STRETCHING
    ) -> Wallet:
        """Make a wallet in a folder.

        Raises:
            PassphraseTooShort, KeyStoreExists: as ``create_keystore``.
        """
        keys = create_keystore(folder, suite, passphrase, stretching)
        keys.generate(_SEALING, KeyUse.ENCRYPTION)
        return cls(folder, keys)

    @classmethod
    def open(cls, folder: Path, passphrase: bytes) -> Wallet:
        """Open a wallet; raises KeyStoreNotFound, KeyStoreDamaged, PassphraseWrong."""
        return cls(folder, open_keystore(folder, passphrase))

    def new_key(self, consent: str) -> bytes:
        """Make the subject key of a consent and return its public half; raises KeyExists for a second one."""
        return self._keys.generate(_key_name(consent), KeyUse.SIGNING)

    def sign(self, chain: str, draft: ConsentDraft, certificate: SaltedCertificate | None = None) -> bytes:
        """Keep a drafted consent durably and return the subject key's signature that gives it.

        Raises:
            ConsentTermsInvalid: the certificate is not the one that the terms commit to.
        """
        opens = certificate is None or certificate_opens(
            self._keys.suite.hash, draft.terms, certificate.salt, certificate.certificate
        )
        if not opens:
            raise ConsentTermsInvalid
        certificates = () if certificate is None else (certificate,)
        kept = WalletConsent(chain=chain, salt=draft.salt, terms=draft.terms, certificate=certificates)
        sealed = self._keys.suite.encrypt(self._keys.public(_SEALING), encode(kept))
        write_durably(self._path(draft.consent), sealed)
        return self._keys.sign(_key_name(draft.consent), signed_message(self._keys.suite, chain, draft))

    def revocation(self, chain: str, consent: str) -> RevokeConsent:
        """Return the signed revocation of a consent, for any account to carry; raises KeyNotFound."""
        message = revoke_message(self._keys.suite.hash, chain, consent)
        return RevokeConsent(consent, self._keys.sign(_key_name(consent), message))

    def consents(self) -> list[str]:
        """Return the ids of the consents kept here, in order."""
        return sorted(path.name.removesuffix(_SUFFIX) for path in self._folder.glob(f"*{_SUFFIX}"))

    def consent(self, consent: str) -> WalletConsent:
        """Return what is kept of a consent.

        Raises:
            WalletConsentUnknown: the wallet has none of that id.
            WalletDamaged: the file is not what was written, or is another's.
        """
        path = self._path(consent)
        if not path.is_file():
            raise WalletConsentUnknown(consent=consent)
        try:
            kept = decode(WalletConsent, self._keys.decrypt(_SEALING, path.read_bytes()))
        except (Invalid, Integrity):
            raise WalletDamaged(consent=consent) from None
        if kept.terms.consent != consent:
            raise WalletDamaged(consent=consent)
        return kept

    def _path(self, consent: str) -> Path:
        if consent not in (name.removeprefix("consent-") for name in self._keys.names()):
            raise WalletConsentUnknown(consent=consent)
        return self._folder / f"{consent}{_SUFFIX}"


def _key_name(consent: str) -> str:
    return f"consent-{consent}"

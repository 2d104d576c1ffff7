"""Letters and acknowledgements: read and checked by the registry (docs/spec/notice.md NL1 to NL9; H12). Pure."""

from __future__ import annotations

from typing import TypeVar

from xinglin.carrier.access.registry.model import NAMESPACE as REGISTRY
from xinglin.carrier.access.registry.model import AccountState, KeyState
from xinglin.carrier.access.registry.rules import in_force
from xinglin.carrier.crypto.suite import Suite
from xinglin.kernel.encoding import ChainObject, decode, state_key
from xinglin.kernel.errors import Invalid
from xinglin.kernel.hashing import Hash, Tag, tagged
from xinglin.service.basic.notices.errors import AcknowledgementInvalid, LetterInvalid
from xinglin.service.basic.notices.model import (
    MAX_LETTER_BYTES,
    Acknowledgement,
    Letter,
    Manner,
    Recipient,
    SignedAcknowledgement,
    SignedLetter,
)
from xinglin.service.basic.notices.ports import Values
from xinglin.stakeholders.kinds import Role, Status

T = TypeVar("T", bound=ChainObject)


def letter_hash(hash_: Hash, letter: Letter) -> bytes:
    """Return H("notice", letter): the digest of the text that both chains hold."""
    return tagged(hash_, Tag.NOTICE, letter)


def acknowledgement_hash(hash_: Hash, acknowledgement: Acknowledgement) -> bytes:
    """Return H("acknowledgement", acknowledgement)."""
    return tagged(hash_, Tag.ACKNOWLEDGEMENT, acknowledgement)


def check_letter(suite: Suite, signed: SignedLetter, chain: str, own: str, value: Values) -> None:
    """Check a letter that came from another member (NL2 to NL5).

    Args:
        suite: of the consortium chain.
        signed: the letter.
        chain: the consortium chain.
        own: the member that it must be for.
        value: the consortium chain's state.

    Raises:
        LetterInvalid: it is for another chain or member, of this one, to an account and a patient at once, or not
            signed by a service account of its sender with a key that was in force.
    """
    letter = signed.letter
    _letter(letter.chain == chain, "it is for another chain")
    _letter(letter.recipient.member == own, "it is for another member")
    _letter(letter.sender != own, "it names this member as its sender")
    _letter(not (letter.recipient.account and letter.recipient.subject), "it names an account and a patient")
    key = _state(KeyState, value, "key", signed.key)
    account = _state(AccountState, value, "account", key.account) if key is not None else None
    if key is None or account is None or key.member != letter.sender or Role.SERVICE not in account.roles:
        raise LetterInvalid(reason="its key is not that of a service account of the sender")
    _letter(in_force(key, letter.time), "its key was not in force")
    good = suite.verify(signed.key, letter_hash(suite.hash, letter), signed.signature)
    _letter(good, "its signature does not verify")


def manner_of(recipient: Recipient, account: str, value: Values) -> Manner | None:
    """Return how an account of the recipient's member acknowledges a notice, None where it can't (NL8)."""
    if recipient.subject:
        return Manner.TOLD
    if not recipient.account or recipient.account[0] == account:
        return Manner.READ
    named = _state(AccountState, value, "account", recipient.account[0])
    return Manner.ON_BEHALF if named is not None and named.status is Status.ENDED else None


def check_acknowledgement(suite: Suite, signed: SignedAcknowledgement, letter: Letter, value: Values) -> None:
    """Check the acknowledgement of a letter (NL6 to NL9).

    Args:
        suite: of the consortium chain.
        signed: the acknowledgement.
        letter: what it must acknowledge.
        value: the consortium chain's state.

    Raises:
        AcknowledgementInvalid: it is of another letter; its account is not one that can acknowledge it; its key was not
            the account's or not in force; the signature does not verify.
    """
    said = signed.acknowledgement

    def hold(holds: bool, reason: str) -> None:
        if not holds:
            raise AcknowledgementInvalid(notice=letter.notice, reason=reason)

    named = (said.chain, said.notice, said.text)
    hold(named == (letter.chain, letter.notice, letter_hash(suite.hash, letter)), "it is of another letter")
    hold(said.member == letter.recipient.member, "its account is of another member")
    hold(said.manner is manner_of(letter.recipient, said.account, value), "its account can't acknowledge it so")
    key = _state(KeyState, value, "key", signed.key)
    of_account = key is not None and (key.account, key.member) == (said.account, said.member)
    hold(of_account, "its key is not that of its account")
    hold(key is not None and in_force(key, said.time), "its key was not in force")
    good = suite.verify(signed.key, acknowledgement_hash(suite.hash, said), signed.signature)
    hold(good, "its signature does not verify")


def _state(kind: type[T], value: Values, table: str, name: bytes | str) -> T | None:
    stored = value(state_key(REGISTRY, table, name))
    return decode(kind, stored) if stored is not None else None


def _letter(holds: bool, reason: str) -> None:
    if not holds:
        raise LetterInvalid(reason=reason)


def read_letter(data: bytes) -> SignedLetter:
    """Return the signed letter that bytes are (NL1); raises LetterInvalid."""
    if len(data) > MAX_LETTER_BYTES:
        raise LetterInvalid(reason="it is too large")
    try:
        signed = decode(SignedLetter, data)
        for text in (signed.letter.zh, signed.letter.en):
            text.decode()
    except (Invalid, UnicodeDecodeError):
        raise LetterInvalid(reason="it is malformed") from None
    return signed


def read_acknowledgement(data: bytes) -> SignedAcknowledgement:
    """Return the signed acknowledgement that bytes are (NL1); raises AcknowledgementInvalid."""
    if len(data) > MAX_LETTER_BYTES:
        raise AcknowledgementInvalid(notice="", reason="it is too large")
    try:
        return decode(SignedAcknowledgement, data)
    except Invalid:
        raise AcknowledgementInvalid(notice="", reason="it is malformed") from None

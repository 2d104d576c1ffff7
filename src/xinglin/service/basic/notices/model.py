"""What the contract ``notice`` of private chains keeps, and what travels off chain (docs/spec/notice.md).

On the private chain: ids, codes, times, digests. The texts are off chain, sealed at either home; a patient is named on
the chain by a salted commitment alone (design D10; H10, H12).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Literal

import msgspec

from xinglin.kernel.encoding import (
    Bytes16,
    ChainId,
    ChainObject,
    Digest,
    Identifier,
    Milliseconds,
    PublicKey,
    Signature,
)

NAMESPACE = "notice"
MAX_TEXT_BYTES = 4_096
MAX_LETTER_BYTES = 16_384
"""Of a signed letter or a signed acknowledgement, encoded."""
Words = Annotated[bytes, msgspec.Meta(min_length=1, max_length=MAX_TEXT_BYTES)]
"""A text for people: UTF-8, normalised (NFC)."""
OneAccount = Annotated[tuple[Identifier, ...], msgspec.Meta(max_length=1)]
OneSubject = Annotated[tuple[Digest, ...], msgspec.Meta(max_length=1)]


class NoticeKind(IntEnum):
    """What a notice tells. Numbers are on chains and never change."""

    CORRECTION = 1
    BREAK_GLASS = 2
    REVIEW_DUE = 3
    ACCESS_QUESTION = 4
    DESTRUCTION = 5
    MERGE = 6
    UNMERGE = 7
    VALUABLE_CHANGE = 8


class Manner(IntEnum):
    """How a recipient came to know of a notice, as the acknowledgement says.

    ``READ``: the recipient's own account, or one of the institution that is told as a whole. ``TOLD``: a patient, by
    the account that signs. ``ON_BEHALF``: another account of the member, for one that has ended.
    """

    READ = 1
    TOLD = 2
    ON_BEHALF = 3


class Recipient(ChainObject, frozen=True):
    """Who is told: an account of a member, a patient of it (H("subject", salt, person)), with neither the member."""

    member: Identifier
    account: OneAccount = ()
    subject: OneSubject = ()


class SendNotice(ChainObject, frozen=True):
    """notice.send: a notice of this institution goes out.

    ``about``: a record commitment, or another digest. ``text`` is H("notice", letter). ``due``: when it should be
    acknowledged.
    """

    notice: Identifier
    notice_kind: NoticeKind
    recipient: Recipient
    about: Digest
    text: Digest
    due: Milliseconds


class ReceiveNotice(ChainObject, frozen=True):
    """notice.received: a notice of another member has come; fields as in ``SendNotice``."""

    notice: Identifier
    notice_kind: NoticeKind
    sender: Identifier
    recipient: Recipient
    about: Digest
    text: Digest
    due: Milliseconds


class AcknowledgeNotice(ChainObject, frozen=True):
    """notice.acknowledge: ``acknowledgement`` is H("acknowledgement", acknowledgement) of a signed one."""

    sender: Identifier
    notice: Identifier
    acknowledgement: Digest


class AcknowledgedAt(ChainObject, frozen=True):
    """The hash of an acknowledgement, and the block time at which it was noted."""

    acknowledgement: Digest
    time: Milliseconds


class NoticeState(ChainObject, frozen=True, kw_only=True):
    """("notice", "sent", id), ("notice", "received", sender, id): a notice that went out or came in, at ``time``.

    What came in is kept under its sender: nobody can take the id of a notice that another member is about to send.
    """

    kind: Literal["notice"] = "notice"
    version: Literal[1] = 1
    notice_kind: NoticeKind
    sender: Identifier
    recipient: Recipient
    about: Digest
    text: Digest
    due: Milliseconds
    time: Milliseconds
    acknowledged: Annotated[tuple[AcknowledgedAt, ...], msgspec.Meta(max_length=1)]


class Letter(ChainObject, frozen=True, kw_only=True):
    """A notice as it is sent: what the chain has of it, and the text in both languages.

    Its hash is H("notice", letter). ``chain`` is the consortium chain; ``salt`` keeps the hash from being guessed.
    """

    kind: Literal["notice-letter"] = "notice-letter"
    version: Literal[1] = 1
    chain: ChainId
    notice: Identifier
    notice_kind: NoticeKind
    sender: Identifier
    recipient: Recipient
    about: Digest
    due: Milliseconds
    time: Milliseconds
    salt: Bytes16
    zh: Words
    en: Words


class SignedLetter(ChainObject, frozen=True, kw_only=True):
    """A letter with the signature of the sender's service account over its 32-byte hash."""

    kind: Literal["signed-notice-letter"] = "signed-notice-letter"
    version: Literal[1] = 1
    letter: Letter
    key: PublicKey
    signature: Signature


class Acknowledgement(ChainObject, frozen=True, kw_only=True):
    """That a notice was taken note of, by which account, how, when; its hash is H("acknowledgement", it)."""

    kind: Literal["acknowledgement"] = "acknowledgement"
    version: Literal[1] = 1
    chain: ChainId
    notice: Identifier
    text: Digest
    member: Identifier
    account: Identifier
    manner: Manner
    time: Milliseconds


class SignedAcknowledgement(ChainObject, frozen=True, kw_only=True):
    """An acknowledgement with the account's signature over its 32-byte hash."""

    kind: Literal["signed-acknowledgement"] = "signed-acknowledgement"
    version: Literal[1] = 1
    acknowledgement: Acknowledgement
    key: PublicKey
    signature: Signature

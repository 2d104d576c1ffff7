"""Checkpoints: C2SP signed notes over log and state (docs/spec/log-and-checkpoint.md; design D5.9).

The text of a checkpoint is a function of the chain and a head; signature lines are of two types, checkpoint
cosignature and log witness. Pure: who signs, and what is kept before a signature is released, is decided elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from xinglin.carrier.ledger.errors import CheckpointInvalid
from xinglin.carrier.ledger.model import SuiteNumber
from xinglin.kernel.encoding import MAX_INTEGER

MAX_NOTE_BYTES = 1 << 20
"""More than the 4096 signature lines take that a proof bundle may have."""
_ORIGIN = "xinglin/"
_TEXT = re.compile(
    r"\Axinglin/(?P<chain>[cps][a-z2-7]{26})\n(?P<size>0|[1-9][0-9]{0,18})\n(?P<log_root>[A-Za-z0-9+/]{43}=)\n"
    r"state (?P<state_root>[A-Za-z0-9+/]{43}=)\nheight (?P<height>0|[1-9][0-9]{0,18})\n"
    r"time (?P<time>0|[1-9][0-9]{0,18})\n\Z"
)
_LINE = re.compile(r"\A\u2014 (?P<member>[a-z2-7]{25}[aeimquy4]) (?P<blob>[A-Za-z0-9+/]{91}=)\Z")


class SignatureType(Enum):
    """What a signature line vouches for."""

    CHECKPOINT = "checkpoint"
    WITNESS = "witness"


_LABELS = {
    (SuiteNumber.GM, SignatureType.CHECKPOINT): b"xinglin/sm2-sm3/v1",
    (SuiteNumber.GM, SignatureType.WITNESS): b"xinglin/witness-sm2-sm3/v1",
    (SuiteNumber.INTL, SignatureType.CHECKPOINT): b"xinglin/ed25519/v1",
    (SuiteNumber.INTL, SignatureType.WITNESS): b"xinglin/witness-ed25519/v1",
}


@dataclass(frozen=True, slots=True)
class Head:
    """A head of a chain: log size and root, state root, height and block time in ms."""

    chain: str
    size: int
    log_root: bytes
    state_root: bytes
    height: int
    time: int

    @property
    def text(self) -> bytes:
        """The text that a checkpoint of this head has."""
        return checkpoint_text(self.chain, self.size, self.log_root, self.state_root, self.height, self.time)


@dataclass(frozen=True, slots=True, order=True)
class NoteSignature:
    """One signature line: who, with which key (its id, 4 bytes), and 64 bytes of signature."""

    member: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A checkpoint: a head and its signature lines in canonical order."""

    head: Head
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """Return the bytes of the note."""
        lines = [_line(signature) for signature in sorted(self.signatures)]
        return self.head.text + b"\n" + b"".join(lines)


def checkpoint_text(chain: str, size: int, log_root: bytes, state_root: bytes, height: int, time: int) -> bytes:
    """Return the text of the checkpoint of a head: six lines, each ended by a newline."""
    lines = (
        _ORIGIN + chain,
        str(size),
        _base64(log_root),
        "state " + _base64(state_root),
        f"height {height}",
        f"time {time}",
    )
    return "".join(line + "\n" for line in lines).encode("ascii")


def signed_text(text: bytes, type_: SignatureType) -> bytes:
    """Return the message that a signature of this type is over."""
    if type_ is SignatureType.CHECKPOINT:
        return text
    return b"".join(line + b"\n" for line in [*text.split(b"\n")[:3], b"witness"])


def key_id(member: str, suite: SuiteNumber, type_: SignatureType, key: bytes) -> bytes:
    """Return the id of a key for one type of signature: 4 bytes (C2SP signed-note)."""
    named = member.encode("ascii") + b"\n\xff" + _LABELS[suite, type_] + key
    return hashlib.sha256(named).digest()[:4]


def sign_head(
    head: Head, member: str, key: bytes, suite: SuiteNumber, type_: SignatureType, sign: Callable[[bytes], bytes]
) -> NoteSignature:
    """Return a member's signature line over a head.

    Args:
        head: what is signed.
        member: the signer's member id.
        key: its public cosigning key.
        suite: the chain's suite.
        type_: checkpoint cosignature or log witness.
        sign: signs a message with the private half of ``key``.
    """
    return NoteSignature(member, key_id(member, suite, type_, key), sign(signed_text(head.text, type_)))


def parse_note(note: bytes) -> SignedNote:
    """Return the checkpoint that ``note`` is, in its one form.

    Raises:
        CheckpointInvalid: anything in it differs from what ``encode`` would write.
    """
    if len(note) > MAX_NOTE_BYTES:
        raise CheckpointInvalid(reason="it is too long")
    text, separator, rest = note.partition(b"\n\n")
    if not separator:
        raise CheckpointInvalid(reason="it has no signature lines")
    head = parse_text(text + b"\n")
    lines = _utf8(rest).split("\n")
    if lines.pop() != "":
        raise CheckpointInvalid(reason="its last line is not ended")
    parsed = SignedNote(head, tuple(_parse_line(line) for line in lines))
    pairs = [(s.member, s.key_id) for s in parsed.signatures]
    if not pairs or pairs != sorted(set(pairs)) or parsed.encode() != note:
        raise CheckpointInvalid(reason="its signature lines are not in canonical form")
    return parsed


def parse_text(text: bytes) -> Head:
    """Return the head that a checkpoint's text names.

    Raises:
        CheckpointInvalid: not in the one form.
    """
    match = _TEXT.match(_utf8(text))
    if match is None:
        raise CheckpointInvalid(reason="its text is not in the one form")
    head = Head(
        chain=match["chain"],
        size=int(match["size"]),
        log_root=_unbase64(match["log_root"]),
        state_root=_unbase64(match["state_root"]),
        height=int(match["height"]),
        time=int(match["time"]),
    )
    if head.text != text or max(head.size, head.height, head.time) > MAX_INTEGER:
        raise CheckpointInvalid(reason="its text is not in the one form")
    return head


def merge(note: SignedNote, more: Iterable[NoteSignature]) -> SignedNote:
    """Return the note with further signature lines; a line of a known (member, key id) is kept as it was."""
    known = {(s.member, s.key_id): s for s in more} | {(s.member, s.key_id): s for s in note.signatures}
    return SignedNote(note.head, tuple(sorted(known.values())))


def _line(signature: NoteSignature) -> bytes:
    return f"\u2014 {signature.member} {_base64(signature.key_id + signature.signature)}\n".encode()


def _parse_line(line: str) -> NoteSignature:
    match = _LINE.match(line)
    if match is None:
        raise CheckpointInvalid(reason="a signature line has another form")
    blob = _unbase64(match["blob"])
    if len(blob) != 68:
        raise CheckpointInvalid(reason="a signature has another length")
    return NoteSignature(match["member"], blob[:4], blob[4:])


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise CheckpointInvalid(reason="base64 is not valid") from None


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise CheckpointInvalid(reason="it is not UTF-8") from None

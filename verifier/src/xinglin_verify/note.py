"""Checkpoints as C2SP signed notes (docs/spec/log-and-checkpoint.md): the one form of text and signature lines.

A log witness's line is refused like any other that is no checkpoint cosignature: proofs don't count it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from xinglin_verify.encoding import MAX_INTEGER
from xinglin_verify.errors import DoesNotHold
from xinglin_verify.suites import Suite

DECIMAL = rb"(0|[1-9][0-9]{0,18})"
ROOT = rb"([A-Za-z0-9+/]{43}=)"
TEXT = re.compile(
    rb"xinglin/([cps][a-z2-7]{26})\n" + DECIMAL + rb"\n" + ROOT + rb"\nstate " + ROOT
    + rb"\nheight " + DECIMAL + rb"\ntime " + DECIMAL + rb"\n"
)  # fmt: skip
LINE = re.compile(rb"\xe2\x80\x94 ([a-z2-7]{25}[aeimquy4]) ([A-Za-z0-9+/]{91}=)")


@dataclass(frozen=True)
class SignatureLine:
    """A signature line: who says to have signed, with which key's id."""

    member: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's text, what it says, and its signature lines, none of them verified yet."""

    text: bytes
    chain: str
    size: int
    log_root: bytes
    state_root: bytes
    height: int
    time: int
    lines: tuple[SignatureLine, ...]


def parse_note(note: bytes) -> Checkpoint:
    """Return what a signed note says.

    Raises:
        DoesNotHold: it differs from the one form in any byte.
    """
    text, separator, rest = note.partition(b"\n\n")
    text += b"\n"
    found = TEXT.fullmatch(text)
    if found is None or not separator:
        raise DoesNotHold("checkpoint.text")
    chain, size, log_root, state_root, height, time = found.groups()
    numbers = [int(number) for number in (size, height, time)]
    if max(numbers) > MAX_INTEGER:
        raise DoesNotHold("checkpoint.text")
    return Checkpoint(
        text, chain.decode("ascii"), numbers[0], _base64(log_root), _base64(state_root), numbers[1], numbers[2],
        _signature_lines(rest),
    )  # fmt: skip


def check_line(line: SignatureLine, text: bytes, key: bytes, suite: Suite) -> None:
    """Refuse a signature line that is no checkpoint cosignature of the text by the member's key.

    Raises:
        DoesNotHold: the key id is another's or of another type, or the signature doesn't verify.
    """
    if line.key_id != key_id(line.member, suite.checkpoint_label, key):
        raise DoesNotHold("cosignature.key_id", member=line.member)
    if not suite.verify(key, text, line.signature):
        raise DoesNotHold("cosignature.signature", member=line.member)


def verify_note(note: bytes, chain: str, keys: Mapping[str, bytes], suite: Suite) -> Checkpoint:
    """Return what a checkpoint says after verifying every signature line.

    Args:
        note: the signed note.
        chain: the chain id that it must be of.
        keys: the cosigning key of each member that may sign.
        suite: the chain's suite.

    Raises:
        DoesNotHold: form, chain, a signer or a signature is wrong.
    """
    checkpoint = parse_note(note)
    if checkpoint.chain != chain:
        raise DoesNotHold("checkpoint.chain", found=checkpoint.chain, expected=chain)
    for line in checkpoint.lines:
        if line.member not in keys:
            raise DoesNotHold("cosignature.member", member=line.member)
        check_line(line, checkpoint.text, keys[line.member], suite)
    return checkpoint


def checkpoint_text(chain: str, size: int, log_root: bytes, state_root: bytes, height: int, time: int) -> bytes:
    """Return the text of a checkpoint, which is what its cosigners sign."""
    lines = [
        f"xinglin/{chain}",
        str(size),
        base64.b64encode(log_root).decode("ascii"),
        "state " + base64.b64encode(state_root).decode("ascii"),
        f"height {height}",
        f"time {time}",
    ]
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def key_id(member: str, label: bytes, key: bytes) -> bytes:
    """Return the id of a member's key for one type of signature: 4 bytes, by SHA-256 in both suites."""
    return hashlib.sha256(member.encode("ascii") + b"\n\xff" + label + key).digest()[:4]


def _signature_lines(rest: bytes) -> tuple[SignatureLine, ...]:
    """Return the signature lines, which must end with a newline, ascend and be distinct."""
    *written, last = rest.split(b"\n")
    if last or not written:
        raise DoesNotHold("checkpoint.lines")
    lines: list[SignatureLine] = []
    for one in written:
        found = LINE.fullmatch(one)
        if found is None:
            raise DoesNotHold("checkpoint.lines")
        blob = _base64(found[2])
        line = SignatureLine(found[1].decode("ascii"), blob[:4], blob[4:])
        if lines and (line.member, line.key_id) <= (lines[-1].member, lines[-1].key_id):
            raise DoesNotHold("checkpoint.lines")
        lines.append(line)
    return tuple(lines)


def _base64(text: bytes) -> bytes:
    """Return what base64 encodes; text that the bytes would be written otherwise is refused."""
    data = base64.b64decode(text)
    if base64.b64encode(data) != text:
        raise DoesNotHold("checkpoint.base64")
    return data

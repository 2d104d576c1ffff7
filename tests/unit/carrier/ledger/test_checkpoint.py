"""Checkpoints: one head, one text; and every way in which a note can differ from its one form is refused."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.contract_parties import Party
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.checkpoint import (
    MAX_NOTE_BYTES,
    Head,
    NoteSignature,
    SignatureType,
    SignedNote,
    key_id,
    merge,
    parse_note,
    parse_text,
    sign_head,
    signed_text,
)
from xinglin.carrier.ledger.errors import CheckpointInvalid
from xinglin.carrier.ledger.model import SuiteNumber
from xinglin.kernel.identifiers import identifier

HEAD = Head("c" + "a" * 26, 12, bytes(range(32)), bytes(range(32, 64)), 7, 1_767_225_600_000)
TEXT = (
    b"xinglin/caaaaaaaaaaaaaaaaaaaaaaaaaa\n"
    b"12\n"
    b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    b"state ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n"
    b"height 7\n"
    b"time 1767225600000\n"
)
CHECKPOINT, WITNESS = SignatureType.CHECKPOINT, SignatureType.WITNESS


@pytest.fixture(scope="module")
def note(founders: list[Party]) -> SignedNote:
    """Return a checkpoint of the three founders."""
    return SignedNote(HEAD, tuple(cosignature(party) for party in founders))


def cosignature(party: Party, head: Head = HEAD) -> NoteSignature:
    """Return a founder's cosignature."""
    return sign_head(head, party.member, party.key.public, SuiteNumber.GM, CHECKPOINT, party.key.sign)


def test_the_text_is_the_one_of_the_page() -> None:
    assert HEAD.text == TEXT
    assert parse_text(TEXT) == HEAD


def test_height_0_has_a_checkpoint_like_any_other() -> None:
    head = replace(HEAD, size=0, height=0, time=0)
    assert parse_text(head.text) == head


def test_a_note_is_its_head_and_its_lines(note: SignedNote) -> None:
    data = note.encode()
    assert data.startswith(TEXT + b"\n\xe2\x80\x94 ")
    assert data.count(b"\n") == 6 + 1 + 3
    assert parse_note(data) == note


def test_lines_are_written_in_order_whatever_order_they_came_in(note: SignedNote) -> None:
    assert SignedNote(HEAD, note.signatures[::-1]).encode() == note.encode()


LINE_CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "another origin": lambda text: text.replace(b"xinglin/", b"xinglim/"),
    "no chain": lambda text: text.replace(b"caaaaaaaaaaaaaaaaaaaaaaaaaa", b""),
    "a chain of no profile": lambda text: text.replace(b"/c", b"/x"),
    "a chain id of capitals": lambda text: text.replace(b"/ca", b"/cA"),
    "a size with a leading zero": lambda text: text.replace(b"\n12\n", b"\n012\n"),
    "a negative size": lambda text: text.replace(b"\n12\n", b"\n-12\n"),
    "a size with a sign": lambda text: text.replace(b"\n12\n", b"\n+12\n"),
    "a size with an underscore": lambda text: text.replace(b"\n12\n", b"\n1_2\n"),
    "a size in other digits": lambda text: text.replace(b"\n12\n", "\n１２\n".encode()),
    "an empty size": lambda text: text.replace(b"\n12\n", b"\n\n"),
    "a size beyond 63 bits": lambda text: text.replace(b"\n12\n", b"\n9223372036854775808\n"),
    "a height beyond 63 bits": lambda text: text.replace(b"height 7", b"height 9223372036854775808"),
    "a time beyond 63 bits": lambda text: text.replace(b"1767225600000", b"9999999999999999999"),
    "a root of 31 bytes": lambda text: text.replace(b"Hh8=", b"Hg=="),
    "a root without padding": lambda text: text.replace(b"Hh8=", b"Hh8"),
    "a root with spare bits": lambda text: text.replace(b"Hh8=", b"Hh9="),
    "a root in the other alphabet": lambda text: text.replace(b"Hh8=", b"H-8="),
    "no state line": lambda text: text.replace(b"state ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n", b""),
    "another word for state": lambda text: text.replace(b"state ", b"State "),
    "two spaces": lambda text: text.replace(b"height 7", b"height  7"),
    "lines in another order": lambda text: b"".join(text.splitlines(keepends=True)[n] for n in (0, 1, 2, 3, 5, 4)),
    "a further line": lambda text: text + b"more 1\n",
    "a carriage return": lambda text: text.replace(b"height 7\n", b"height 7\r\n"),
    "a trailing space": lambda text: text.replace(b"height 7\n", b"height 7 \n"),
    "no last newline": lambda text: text[:-1],
    "bytes that are not UTF-8": lambda text: text.replace(b"height 7", b"height \xff"),
    "a zero byte": lambda text: text.replace(b"height 7", b"height 7\x00"),
}


@pytest.mark.parametrize("change", LINE_CHANGES)
def test_a_text_in_another_form_is_refused(change: str, note: SignedNote) -> None:
    changed = LINE_CHANGES[change](TEXT)
    assert changed != TEXT
    with pytest.raises(CheckpointInvalid):
        parse_text(changed)
    with pytest.raises(CheckpointInvalid):
        parse_note(note.encode().replace(TEXT, changed))


NOTE_CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "no signature": lambda note: note.partition(b"\n\n")[0] + b"\n\n",
    "no empty line": lambda note: note.replace(b"\n\n", b"\n"),
    "two empty lines": lambda note: note.replace(b"\n\n", b"\n\n\n"),
    "no newline at the end": lambda note: note[:-1],
    "an empty line at the end": lambda note: note + b"\n",
    "a hyphen for the dash": lambda note: note.replace(b"\xe2\x80\x94", b"-"),
    "no space after the name": lambda note: change_line(note, lambda line: line[::-1].replace(b" ", b"\t", 1)[::-1]),
    "a key id of three bytes": lambda note: change_line(note, lambda line: reblob(line, lambda blob: blob[1:])),
    "a longer signature": lambda note: change_line(note, lambda line: reblob(line, lambda blob: blob + b"\x00")),
    "spare bits in base64": lambda note: change_line(note, spare_bits),
    "a member id that is none": lambda note: change_line(note, lambda line: line[:4] + b"A" + line[5:]),
    "a member id with spare bits": lambda note: change_line(note, lambda line: line[:29] + b"b" + line[30:]),
    "a line twice": lambda note: note + note.splitlines(keepends=True)[-1],
    "lines in another order": lambda note: b"".join(note.splitlines(keepends=True)[n] for n in (*range(7), 8, 7, 9)),
    "bytes that are not UTF-8": lambda note: note + b"\xff\n",
    "too long": lambda note: note + b" " * MAX_NOTE_BYTES,
}


def change_line(note: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return the note with its first signature line changed."""
    *before, first, second, third = note.splitlines(keepends=True)
    return b"".join([*before, change(first.removesuffix(b"\n")) + b"\n", second, third])


def reblob(line: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return the line with other bytes in base64."""
    start, _, blob = line.rpartition(b" ")
    return start + b" " + base64.b64encode(change(base64.b64decode(blob)))


def spare_bits(line: bytes) -> bytes:
    """Return the line with a bit set that base64 does not use."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return line[:-2] + alphabet[alphabet.index(line[-2]) + 1 :][:1] + b"="


def test_a_note_has_room_for_all_lines_of_a_bundle_and_not_for_any_number(note: SignedNote) -> None:
    def signed_by(count: int) -> SignedNote:
        lines = [replace(note.signatures[0], member=identifier(number.to_bytes(16, "big"))) for number in range(count)]
        return SignedNote(HEAD, tuple(sorted(lines)))

    assert parse_note(signed_by(4096).encode()) == signed_by(4096)
    with pytest.raises(CheckpointInvalid):
        parse_note(signed_by(9000).encode())


@pytest.mark.parametrize("change", NOTE_CHANGES)
def test_a_note_in_another_form_is_refused(change: str, note: SignedNote) -> None:
    changed = NOTE_CHANGES[change](note.encode())
    assert changed != note.encode()
    with pytest.raises(CheckpointInvalid):
        parse_note(changed)


def test_two_lines_of_a_member_stand_by_their_key_ids(founders: list[Party], note: SignedNote) -> None:
    party = founders[0]
    witness = sign_head(HEAD, party.member, party.key.public, SuiteNumber.GM, WITNESS, party.key.sign)
    both = SignedNote(HEAD, (*note.signatures, witness))
    lines = [(line.member, line.key_id) for line in parse_note(both.encode()).signatures]
    assert lines == sorted(lines)
    assert len(lines) == 4


def test_merging_keeps_the_line_that_was_there(note: SignedNote, founders: list[Party]) -> None:
    first, second, _ = note.signatures
    again = cosignature(founders[0])
    assert again.signature != first.signature, "SM2 signatures are randomised"
    merged = merge(SignedNote(HEAD, (first,)), [second, again])
    assert merged.signatures == tuple(sorted((first, second)))


@pytest.mark.requirement("S9.2")
def test_a_cosignature_is_over_the_whole_text_and_a_witness_over_the_log(founders: list[Party], gm: Suite) -> None:
    key = founders[0].key
    assert signed_text(TEXT, CHECKPOINT) == TEXT
    assert signed_text(TEXT, WITNESS) == b"".join(TEXT.splitlines(keepends=True)[:3]) + b"witness\n"
    line = sign_head(HEAD, founders[0].member, key.public, SuiteNumber.GM, WITNESS, key.sign)
    assert gm.verify(key.public, signed_text(TEXT, WITNESS), line.signature)
    assert not gm.verify(key.public, TEXT, line.signature)


def test_a_key_id_is_that_of_c2sp_and_differs_by_member_type_suite_and_key(founders: list[Party]) -> None:
    member, key = founders[0].member, founders[0].key.public
    named = member.encode() + b"\n\xffxinglin/sm2-sm3/v1" + key
    assert key_id(member, SuiteNumber.GM, CHECKPOINT, key) == hashlib.sha256(named).digest()[:4]
    ids = {
        key_id(who, number, type_, public)
        for who in (member, founders[1].member)
        for number in SuiteNumber
        for type_ in SignatureType
        for public in (key, founders[1].key.public)
    }
    assert len(ids) == 16

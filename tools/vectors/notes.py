"""Vectors of docs/spec/log-and-checkpoint.md: checkpoints good and bad, log witnesses, heads that contradict."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace

from tools.vectors.form import Case, file
from tools.vectors.keys import FixedKey
from tools.vectors.members import NUMBERS, START, Member
from tools.vectors.proofs import ProvenWorld
from xinglin.carrier.ledger.checkpoint import Head, NoteSignature, SignatureType, SignedNote, key_id

LABELS = ("hospital-a", "hospital-b", "platform")


def checkpoints(worlds: dict[str, ProvenWorld]) -> str:
    """Return checkpoints.json."""
    cases = [case for world in worlds.values() for case in _checkpoints(world)]
    chains = {name: _signers(world) for name, world in worlds.items()}
    how = (
        "Signed notes of the chains in chain-gm.json and chain-intl.json. keys are the members that may cosign. A bad"
        " note is refused for its form or its signatures."
    )
    return file(how, cases, chains=chains)


def _signers(world: ProvenWorld) -> Case:
    members = [world.members[label] for label in LABELS]
    return {
        "chain": world.ledger.rules.chain,
        "keys": {member.member: member.key.public.hex() for member in members},
        "key_ids": {member.member: _key_id(member, SignatureType.CHECKPOINT).hex() for member in members},
    }


def _checkpoints(world: ProvenWorld) -> Iterator[Case]:
    members = [world.members[label] for label in LABELS]
    shared = {"suite": world.suite.name}
    for height in (0, 3, 10):
        head = world.ledger.head_at(height)
        note = world.note(height, LABELS).encode()
        yield shared | {"valid": True, "head": _head(head), "text": head.text.decode("ascii"), "note": _text(note)}
    whole = world.note(3, LABELS)
    for name, note in _bad_notes(whole, members):
        yield shared | {"valid": False, "fails": "form", "name": name, "note": _text(note)}
    for name, signed in _bad_signatures(whole, members):
        yield shared | {"valid": False, "fails": "signature", "name": name, "note": _text(signed.encode())}


def _head(head: Head) -> Case:
    return {
        "size": head.size,
        "log_root": head.log_root.hex(),
        "state_root": head.state_root.hex(),
        "height": head.height,
        "time": head.time,
    }


def _text(note: bytes) -> str:
    """Return a note as a string: one character for each byte where it is not UTF-8."""
    return note.decode("utf-8")


def _bad_notes(whole: SignedNote, members: list[Member]) -> Iterator[tuple[str, bytes]]:
    note, head = whole.encode(), whole.head
    text, _, lines = note.partition(b"\n\n")
    changes: tuple[tuple[str, bytes, bytes], ...] = (
        ("another origin", b"xinglin/", b"example.org/"),
        ("a leading zero", b"\nheight 3", b"\nheight 03"),
        ("a sign", b"\nheight 3", b"\nheight +3"),
        ("a height beyond 63 bits", b"\nheight 3", b"\nheight 9223372036854775808"),
        ("a space at the end of a line", b"\nheight 3\n", b"\nheight 3 \n"),
        ("a carriage return", b"\nheight 3\n", b"\nheight 3\r\n"),
        ("a further line", b"\ntime ", b"\nmore 1\ntime "),
        ("no state line", f"state {base64.b64encode(head.state_root).decode()}\n".encode(), b""),
        ("an indented root", b"\nstate ", b"\nstate  "),
        ("no empty line", b"\n\n", b"\n"),
        ("two empty lines", b"\n\n", b"\n\n\n"),
        ("a hyphen for the dash", "—".encode(), b"-"),
    )
    for name, old, new in changes:
        yield name, note.replace(old, new, 1)
    yield "no signature", text + b"\n\n"
    yield "no newline at the end", note[:-1]
    yield "a line twice", note + lines.splitlines(keepends=True)[-1]
    ordered = lines.splitlines(keepends=True)
    yield "lines in another order", text + b"\n\n" + b"".join(ordered[::-1])
    root = base64.b64encode(head.log_root)
    yield "spare bits in a root", note.replace(root, _spare(root), 1)
    yield "a root without padding", note.replace(root, root[:-1], 1)
    blob = ordered[0].split(b" ")[-1].strip()
    yield "spare bits in a signature", note.replace(blob, _spare(blob), 1)
    shorter = base64.b64encode(base64.b64decode(blob)[:-1])
    yield "a signature of 63 bytes", note.replace(blob, shorter, 1)
    member = members[0].member.encode()
    yield "a member id in capitals", note.replace(member, member.upper(), 1)


def _spare(text: bytes) -> bytes:
    """Return base64 with a bit set that stands for nothing."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = alphabet.index(text[-2]) | 1
    return text[:-2] + alphabet[last : last + 1] + b"="


def _bad_signatures(whole: SignedNote, members: list[Member]) -> Iterator[tuple[str, SignedNote]]:
    first, *others = whole.signatures
    signer = next(member for member in members if member.member == first.member)
    kinds: tuple[tuple[str, Callable[[], NoteSignature]], ...] = (
        ("over another text", lambda: signer.cosign(replace(whole.head, time=START))),
        ("a log witness", lambda: signer.cosign(whole.head, SignatureType.WITNESS)),
        ("another key's id", lambda: replace(first, key_id=others[0].key_id)),
        (
            "a changed signature",
            lambda: replace(first, signature=bytes([first.signature[0] ^ 1]) + first.signature[1:]),
        ),
        ("zeroes", lambda: replace(first, signature=bytes(64))),
    )
    for name, make in kinds:
        yield name, SignedNote(whole.head, tuple(sorted([make(), *others])))
    stranger = Member(signer.suite, "stranger", signer.kind, "Stranger", ())
    yield "a stranger", SignedNote(whole.head, tuple(sorted([*whole.signatures, stranger.cosign(whole.head)])))


def _key_id(member: Member, type_: SignatureType) -> bytes:
    return key_id(member.member, NUMBERS[member.suite.name], type_, member.key.public)


def witnesses(worlds: dict[str, ProvenWorld]) -> str:
    """Return witnesses.json."""
    cases: list[Case] = []
    for world in worlds.values():
        witness = world.members["regulator"]
        ledger = world.private.ledger
        for height in (1, 3):
            head = ledger.head_at(height)
            line = witness.cosign(head, SignatureType.WITNESS)
            key: FixedKey = witness.key
            cases.append(
                {
                    "suite": world.suite.name,
                    "member": witness.member,
                    "key": key.public.hex(),
                    "text": head.text.decode("ascii"),
                    "signed": "\n".join([*head.text.decode("ascii").split("\n")[:3], "witness", ""]),
                    "key_id": line.key_id.hex(),
                    "signature": line.signature.hex(),
                    "note": SignedNote(head, (line,)).encode().decode("utf-8"),
                }
            )
    return file("Lines of a log witness over heads of the private chain; no bundle may have them.", cases)


def contradictions(world: ProvenWorld) -> str:
    """Return contradictions.json."""
    heads = [world.ledger.head_at(height) for height in range(11)]
    low, high = heads[4], heads[7]
    empty = heads[5]
    cases = [
        ("", low, high),
        ("", low, empty),
        ("", low, low),
        ("", heads[0], high),
        ("K1", low, replace(low, time=low.time + 1)),
        ("K1", low, replace(low, log_root=bytes(32))),
        ("K1", low, replace(low, size=low.size + 1)),
        ("K2", low, replace(empty, state_root=bytes(32))),
        ("K2", low, replace(empty, log_root=bytes(32))),
        ("K3", low, replace(high, size=low.size - 1)),
        ("K3", low, replace(high, time=low.time)),
        ("K3", low, replace(high, time=low.time - 1)),
    ]
    listed = [
        {"contradicts": rule or None, "first": _head(first), "second": _head(second)} for rule, first, second in cases
    ]
    how = "Pairs of heads of one chain, in either order. K4 needs the logs; see log.json."
    return file(how, listed)

"""One change each to a good proof bundle, with the step that must fail and its reason.

`CASES` holds (name, claim, tweaks, number of the step, reason); the names cite the rules of docs/spec/. The changes are
made before what depends on them is signed, so that only the named rule is broken (tests/support/proof_bundles.py).
"""

from __future__ import annotations

import functools
from typing import Any

from tests.support.proof_bundles import DAY, BundleMaker, Tweak, canonical, identifier
from tests.support.signing import GM


@functools.cache
def made() -> BundleMaker:
    """Return the maker of the good record bundle, after making it."""
    maker = BundleMaker()
    maker.make()
    return maker


def put(*path: int, value: Any) -> Tweak:
    """Return a tweak that replaces an element, found by its indexes."""

    def tweak(structure: Any) -> None:
        for index in path[:-1]:
            structure = structure[index]
        structure[path[-1]] = value

    return tweak


def with_(change: Tweak, *path: int) -> Tweak:
    """Return a tweak that replaces an element by what a function makes of it."""

    def tweak(structure: Any) -> None:
        for index in path[:-1]:
            structure = structure[index]
        structure[path[-1]] = change(structure[path[-1]])

    return tweak


def flipped(data: bytes) -> bytes:
    """Return the bytes with one bit changed."""
    return bytes([data[0] ^ 1]) + data[1:]


def a_kind(kind: str) -> Tweak:
    return put(0, value=kind)


def other_signer(header: list[Any]) -> None:
    header[5] = [GM.key("platform").public]


def twice(elements: list[Any]) -> list[Any]:
    return [*elements, *elements]


def dropped(elements: list[Any]) -> list[Any]:
    return elements[1:]


def turned(elements: list[Any]) -> list[Any]:
    return elements[::-1]


def of_members(*names: str) -> Tweak:
    """Return a tweak: votes by these members, over the epoch as it is."""

    def tweak(votes: list[Any]) -> list[Any]:
        return sorted([identifier(name), votes[0][1]] for name in names)

    return tweak


def member_of_epoch(position: int, field: int, value: Any) -> Tweak:
    return put(8, position, field, value=value)


def witness_instead(maker_note: bytes) -> bytes:
    """Replace the first cosignature by a log witness's line of the same member."""
    maker = made()
    text, _, lines = maker_note.partition(b"\n\n")
    first, *others = lines.splitlines(keepends=True)
    name = next(one for one in ("hospital", "platform", "insurer", "regulator") if identifier(one).encode() in first)
    short = b"".join(text.splitlines(keepends=True)[:3]) + b"witness\n"
    return text + b"\n\n" + b"".join(sorted([maker.line(name, short, GM.witness_label), *others]))


def stranger_too(note: bytes) -> bytes:
    text, _, lines = note.partition(b"\n\n")
    added = [*lines.splitlines(keepends=True), made().line("stranger", text + b"\n")]
    return text + b"\n\n" + b"".join(sorted(added))


def in_note(old: bytes, new: bytes) -> Tweak:
    def tweak(note: bytes) -> bytes:
        assert old in note
        return note.replace(old, new, 1)

    return tweak


def wrong_signature(note: bytes) -> bytes:
    """Put the second member's signature into the first one's line, under the first one's key id."""
    maker = made()
    text, _, lines = note.partition(b"\n\n")
    first, *others = lines.splitlines(keepends=True)
    name = next(one for one in ("hospital", "platform", "insurer", "regulator") if identifier(one).encode() in first)
    return text + b"\n\n" + maker.line(name, b"another text") + b"".join(others)


def shown_too(key: tuple[Any, ...]) -> Tweak:
    return lambda shown: [*shown, canonical(key)]


def not_shown(namespace: str) -> Tweak:
    return lambda shown: [key for key in shown if namespace.encode() not in key]


def removed(namespace: str) -> Tweak:
    """Take the keys of a namespace (`registry` `key` is written key) out of the state."""
    return lambda state: {key: value for key, value in state.items() if namespace.encode() not in key}


def item_with(change: Tweak) -> Tweak:
    """Change the record's own item before the batch is built."""

    def tweak(items: list[Any]) -> None:
        for item in items:
            if item[0] == made().subject:
                change(item)

    return tweak


CASES: list[tuple[str, str, dict[str, Tweak], int, str]] = [
    # P1
    ("a kind that isn't known", "record", {"bundle": a_kind("parcel")}, 1, "form.kind"),
    ("a version that isn't known", "record", {"bundle": put(1, value=2)}, 1, "unknown.version"),
    ("a claim that isn't known", "record", {"bundle": put(2, value="consent")}, 1, "unknown.claim"),
    ("an unknown field", "record", {"bundle": lambda bundle: [*bundle, 0]}, 1, "form.fields"),
    ("a missing field", "record", {"bundle": lambda bundle: bundle[:-1]}, 1, "form.fields"),
    ("an unknown field inside", "record", {"entry": lambda entry: [*entry, 0]}, 1, "form.fields"),
    ("a member id with spare bits", "record", {"bundle": put(4, 9, 0, 0, value="a" * 25 + "b")}, 1, "form.value"),
    ("a string for bytes", "record", {"bundle": put(3, value="x")}, 1, "form.type"),
    ("a version of the genesis", "record", {"bundle": put(4, 1, value=2)}, 1, "unknown.version"),
    ("a long receipt fact", "record", {"receipt": put(3, 0, 1, value=bytes(129))}, 1, "form.value"),
    ("two values of a state", "record", {"states": with_(lambda _: [b"", b""], 0, 1)}, 1, "form.value"),
    ("65 state entries", "record", {"states": lambda states: [states[0]] * 65}, 1, "read.too_many"),
    ("4097 signatures", "record", {"signatures": lambda one: one * 4097}, 1, "read.too_many"),
    ("bytes after it", "record", {"bundle": lambda bundle: canonical(bundle) + b"\x00"}, 1, "encoding.trailing"),
    # P2
    ("a suite that isn't known", "record", {"genesis": put(2, value=3)}, 2, "unknown.suite"),
    ("a profile that isn't known", "record", {"genesis": put(3, value=4)}, 2, "unknown.profile"),
    ("G1: no founder", "record", {"genesis": put(9, value=[])}, 2, "genesis.founders"),
    ("G1: a private chain of three", "record", {"genesis": put(3, value=2)}, 2, "genesis.founders"),
    ("G2: one member twice", "record", {"genesis": with_(lambda one: [one[0], *one], 9)}, 2, "epoch.members"),
    ("G2: a key twice", "record", {"genesis": put(9, 0, 5, value=GM.key("hospital").public)}, 2, "epoch.members"),
    ("G2: a quorum of one", "record", {"genesis": put(8, value=1)}, 2, "epoch.majority"),
    ("G2: a quorum of four", "record", {"genesis": put(8, value=4)}, 2, "epoch.majority"),
    ("G2: a threshold of one", "record", {"genesis": put(7, value=1)}, 2, "epoch.majority"),
    ("G2: a threshold of four", "record", {"genesis": put(7, value=4)}, 2, "epoch.majority"),
    ("G2: nobody votes", "record", {"founder": put(3, value=0)}, 2, "epoch.majority"),
    ("G3: an account twice", "record", {"account": put(0, value=identifier("same"))}, 2, "genesis.accounts"),
    (
        "G4: a proof of another account",
        "record",
        {"genesis": put(9, 0, 7, 0, 0, value=identifier("x"))},
        2,
        "genesis.proof",
    ),
    ("G4: a proof of another member", "record", {"genesis": put(9, 0, 0, value="a" * 26)}, 2, "genesis.proof"),
    ("G4: a key off the curve", "record", {"genesis": put(9, 0, 5, value=b"\x04" + bytes(64))}, 2, "epoch.key_form"),
    ("G5: a parameter of zero", "record", {"genesis": put(6, 0, value=0)}, 2, "genesis.parameters"),
    # P4
    ("N1: members don't ascend", "record", {"epoch": with_(turned, 8)}, 4, "epoch.members"),
    ("N1: a key twice", "record", {"epoch": member_of_epoch(0, 1, GM.key("hospital").public)}, 4, "epoch.members"),
    ("N1: a key of the other suite", "record", {"epoch": member_of_epoch(0, 1, bytes(32))}, 4, "epoch.key_form"),
    ("N2: half is a quorum", "record", {"epoch": put(7, value=2)}, 4, "epoch.majority"),
    ("N2: half is a threshold", "record", {"epoch": put(6, value=2)}, 4, "epoch.majority"),
    ("N3: another chain", "record", {"epoch": put(2, value="c" + "a" * 26)}, 4, "epoch.sequence"),
    ("N3: a number left out", "record", {"epoch": put(3, value=2)}, 4, "epoch.sequence"),
    ("N3: another epoch before", "record", {"epoch": with_(flipped, 4)}, 4, "epoch.sequence"),
    ("N3: from the same height", "record", {"epoch": put(5, value=0)}, 4, "epoch.sequence"),
    ("N4: one vote of two", "record", {"votes": dropped}, 4, "epoch.threshold"),
    ("N4: a vote twice", "record", {"votes": twice}, 4, "epoch.voters"),
    ("N4: votes don't ascend", "record", {"votes": turned}, 4, "epoch.voters"),
    ("N4: a vote of who joins", "record", {"votes": of_members("insurer", "regulator")}, 4, "epoch.voters"),
    ("N4: a vote with another's signature", "record", {"votes": of_members("hospital", "platform")}, 4, "epoch.vote"),
    # P5
    ("another origin", "record", {"checkpoint": put(0, value="c" + "a" * 26)}, 5, "checkpoint.chain"),
    ("an epoch of later", "record", {"epoch": put(5, value=7)}, 5, "checkpoint.epoch"),
    ("a decimal with a zero", "record", {"note": in_note(b"height ", b"height 0")}, 5, "checkpoint.text"),
    ("a decimal of 2^63", "record", {"checkpoint": put(4, value=1 << 63)}, 5, "checkpoint.text"),
    ("a line more", "record", {"note": in_note(b"\n\n", b"\nmore\n\n")}, 5, "checkpoint.text"),
    ("a carriage return", "record", {"note": in_note(b"\nheight", b"\r\nheight")}, 5, "checkpoint.text"),
    ("nobody signed", "record", {"cosigners": lambda _: []}, 5, "checkpoint.lines"),
    ("a signature twice", "record", {"cosigners": twice}, 5, "checkpoint.lines"),
    ("no newline at the end", "record", {"note": lambda note: note[:-1]}, 5, "checkpoint.lines"),
    ("a newline too many", "record", {"note": lambda note: note + b"\n"}, 5, "checkpoint.lines"),
    ("a hyphen for the dash", "record", {"note": in_note("—".encode(), b"-")}, 5, "checkpoint.lines"),
    # P6
    ("a stranger's line", "record", {"note": stranger_too}, 6, "cosignature.member"),
    ("a witness's line", "record", {"note": witness_instead}, 6, "cosignature.key_id"),
    ("a signature of another text", "record", {"note": wrong_signature}, 6, "cosignature.signature"),
    (
        "the text changed after signing",
        "record",
        {"note": in_note(b"height 6", b"height 7")},
        6,
        "cosignature.signature",
    ),
    ("a member that doesn't cosign", "record", {"epoch": member_of_epoch(0, 3, 0)}, 6, "cosignature.member"),
    # P7
    ("a transaction of another chain", "record", {"header": put(2, value="c" + "a" * 26)}, 7, "leaf.chain"),
    ("the body of another", "record", {"leaf": with_(flipped, 5)}, 7, "leaf.other"),
    ("another valid_until", "record", {"leaf": with_(lambda until: until + 1, 6)}, 7, "leaf.other"),
    ("the transaction hash of another", "record", {"leaf": with_(flipped, 7)}, 7, "leaf.other"),
    ("the receipt of another", "record", {"leaf": with_(flipped, 8)}, 7, "leaf.other"),
    ("logged after it expired", "record", {"header": put(4, value=DAY + 4999)}, 7, "leaf.expired"),
    ("logged after the checkpoint's height", "record", {"leaf": put(2, value=7)}, 7, "leaf.later"),
    ("logged after the checkpoint's time", "record", {"checkpoint": put(5, value=DAY + 4999)}, 7, "leaf.later"),
    ("another index", "record", {"entry": put(6, 4, value=3)}, 7, "leaf.path"),
    ("an index beyond the log", "record", {"leaf": put(4, value=5)}, 7, "leaf.path"),
    ("a log of another size", "record", {"checkpoint": put(1, value=4)}, 7, "leaf.path"),
    ("another log root", "record", {"checkpoint": with_(flipped, 2)}, 7, "leaf.path"),
    ("a log path cut short", "record", {"entry": with_(dropped, 8)}, 7, "leaf.path"),
    # P8
    ("no signer", "record", {"header": put(5, value=[]), "signatures": lambda _: []}, 8, "signatures.count"),
    ("a signer twice", "record", {"header": with_(twice, 5), "signatures": twice}, 8, "signatures.count"),
    ("a signature missing", "record", {"signatures": lambda _: []}, 8, "signatures.count"),
    ("a signature too many", "record", {"signatures": twice}, 8, "signatures.count"),
    ("another's signature", "record", {"header": other_signer}, 8, "signatures.signature"),
    ("a signature of nothing", "record", {"signatures": lambda _: [bytes(64)]}, 8, "signatures.signature"),
    # P9
    ("another operation", "record", {"entry": put(2, 2, value="order")}, 9, "operation.path"),
    ("at another position", "record", {"entry": put(3, value=1)}, 9, "operation.path"),
    ("of more operations", "record", {"header": put(6, value=3)}, 9, "operation.path"),
    ("of other operations", "record", {"header": with_(flipped, 7)}, 9, "operation.path"),
    ("an operation path cut short", "record", {"entry": with_(dropped, 4)}, 9, "operation.path"),
    ("a refused transaction", "record", {"receipt": put(2, value=5301)}, 9, "operation.refused"),
    # P10
    ("no item", "record", {"entry": put(5, value=[])}, 10, "item.unexpected"),
    ("an item of no batch", "anchor", {"entry": put(5, value=[[b"", 0, []]])}, 10, "item.unexpected"),
    ("another item", "record", {"entry": with_(flipped, 5, 0, 0)}, 10, "item.path"),
    ("another item's index", "record", {"entry": with_(lambda index: index ^ 1, 5, 0, 1)}, 10, "item.path"),
    ("an index beyond the batch", "record", {"entry": with_(lambda index: index + 4, 5, 0, 1)}, 10, "item.path"),
    # P11
    ("state entries don't ascend", "record", {"states": turned}, 11, "state.order"),
    ("a state entry twice", "record", {"states": lambda states: [states[0], *states]}, 11, "state.order"),
    ("another state root", "record", {"checkpoint": with_(flipped, 3)}, 11, "state.root"),
    ("a value that isn't there", "record", {"states": put(2, 1, value=[b"x"])}, 11, "state.proof_form"),
    ("another value", "record", {"states": put(1, 1, value=[b"x"])}, 11, "state.root"),
    ("a value hidden", "record", {"states": put(1, 1, value=[])}, 11, "state.proof_form"),
    # P12
    ("no state of the key", "record", {"shown": not_shown("key")}, 12, "state.missing"),
    ("a key that is not registered", "record", {"state": removed("key")}, 12, "state.absent"),
    ("a key of later", "record", {"key": put(4, value=DAY + 5001)}, 12, "signers.not_in_force"),
    ("a key that had ended", "record", {"key": put(5, value=[DAY + 5000])}, 12, "signers.not_in_force"),
    ("a key that was compromised", "record", {"key": put(6, value=[DAY + 5000])}, 12, "signers.compromised"),
    ("a value that is no key", "record", {"key": a_kind("lock")}, 12, "form.kind"),
    ("a key's version that isn't known", "record", {"key": put(1, value=2)}, 12, "unknown.version"),
    # P13
    ("no state of the member", "record", {"shown": not_shown("member")}, 13, "state.missing"),
    ("a member that is not registered", "record", {"state": removed("member")}, 13, "state.absent"),
    ("a member of no kind", "record", {"member": put(2, value=6)}, 13, "form.value"),
    # P14, record
    ("another method", "record", {"heads": put(0, 2, value="order")}, 14, "claim.operation"),
    ("another contract", "record", {"heads": put(0, 0, value="anchor")}, 14, "claim.operation"),
    ("another version of the contract", "record", {"heads": put(0, 1, value=2)}, 14, "claim.operation"),
    ("arguments of another form", "record", {"arguments": dropped}, 14, "form.fields"),
    ("another subject", "record", {"bundle": with_(flipped, 3)}, 14, "claim.subject"),
    ("a locator of 47 bytes", "record", {"items": item_with(with_(lambda one: one[1:], 1))}, 14, "form.value"),
    ("an item with a field more", "record", {"items": item_with(lambda item: item.append(0))}, 14, "form.fields"),
    ("no state of the record", "record", {"shown": not_shown("record-status")}, 14, "state.missing"),
    ("no batch", "record", {"heads": put(0, 4, value=[]), "entry": put(5, value=[])}, 14, "claim.item"),
    # P14, anchor
    ("another anchored size", "anchor", {"bundle": with_(lambda one: one[:-1] + b"\xe9", 3)}, 14, "claim.subject"),
    ("a head that isn't signed", "anchor", {"arguments": with_(flipped, 4)}, 14, "claim.anchor_signature"),
    ("another member's signature", "anchor", {"arguments": put(4, value=bytes(64))}, 14, "claim.anchor_signature"),
    ("another head than the signed", "anchor", {"arguments": put(2, 3, value=78)}, 14, "claim.anchor_signature"),
    ("a chain of another member", "anchor", {"anchored": put(2, value=identifier("x"))}, 14, "claim.anchor_state"),
    ("a smaller size in the state", "anchor", {"anchored": put(3, 0, value=999)}, 14, "claim.anchor_state"),
    ("no state of the anchor", "anchor", {"shown": not_shown("anchor")}, 14, "state.missing"),
    ("a chain that isn't anchored", "anchor", {"state": removed("chain")}, 14, "state.absent"),
    # P15
    ("another behaviour", "record", {"opening": with_(flipped, 0, 1, 0, 1)}, 15, "opening.part"),
    ("another salt", "record", {"opening": with_(flipped, 1, 1, 0, 0)}, 15, "opening.part"),
    ("another original", "record", {"opening": with_(flipped, 1, 1, 0, 1)}, 15, "opening.part"),
    (
        "another digest",
        "record",
        {"opening": lambda one: [one[0], [flipped(one[1][0]), []], one[2]]},
        15,
        "opening.commitment",
    ),
    (
        "parts in another order",
        "record",
        {"opening": lambda one: [one[0], [one[2][0], []], one[1]]},
        15,
        "opening.part",
    ),
    ("another institution", "record", {"behaviour": put(3, value=identifier("x"))}, 15, "opening.institution"),
    ("behaviour of another form", "record", {"behaviour": lambda one: one[:-1]}, 15, "form.fields"),
    ("an opened anchor", "anchor", {"bundle": put(9, value=[[[bytes(32), []]] * 3])}, 15, "opening.unexpected"),
    # P16
    ("a state that isn't needed", "record", {"shown": shown_too(("other", "1"))}, 16, "rest.state"),
    ("an absence that isn't needed", "anchor", {"shown": shown_too(("other", "x"))}, 16, "rest.state"),
]

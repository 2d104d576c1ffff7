"""Cosigning: only what this node computed, kept before it is released; a fork is kept as evidence and ends it."""

from __future__ import annotations

import random
import threading
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.support.contract_parties import Party, genesis_of
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger import cosign
from xinglin.carrier.ledger.build import Signer
from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.checkpoint import Head, NoteSignature, SignatureType, SignedNote, parse_note, sign_head
from xinglin.carrier.ledger.cosign import KEPT_NOTES, Cosigner, NoteStore, check_signature
from xinglin.carrier.ledger.errors import CheckpointFork, CheckpointInvalid, CheckpointUnavailable
from xinglin.carrier.ledger.model import Genesis, Parameters, SuiteNumber
from xinglin.node.chains import rules_of


@pytest.fixture(scope="module")
def genesis(founders: list[Party]) -> Genesis:
    """Return a genesis with a checkpoint at every second height."""
    founded = genesis_of(*founders)[1]
    return Genesis(
        suite=founded.suite,
        profile=founded.profile,
        time=founded.time,
        nonce=founded.nonce,
        parameters=Parameters(checkpoint_interval=2),
        threshold=founded.threshold,
        quorum=founded.quorum,
        founders=founded.founders,
    )


@pytest.fixture(scope="module")
def rules(genesis: Genesis) -> ChainRules:
    """Return the rules of the chain."""
    return rules_of(genesis)


def head(rules: ChainRules, height: int) -> Head:
    """Return what the chain was at a height; from 100 on there is nothing yet."""
    if height >= 100:
        raise CheckpointUnavailable(chain=rules.chain, height=height)
    return Head(rules.chain, 3 * height, bytes([height]) * 32, bytes([height + 1]) * 32, height, 1_000 * height)


@dataclass
class Pins:
    """What a ledger keeps provable for its notes (port ``Pin``): heights from ``least`` on, of those asked for."""

    least: int = 0
    heights: set[int] = field(default_factory=set)
    asked: list[set[int]] = field(default_factory=list)

    def __call__(self, heights: Collection[int]) -> Collection[int]:
        self.asked.append(set(heights))
        self.heights = {height for height in heights if height >= self.least}
        return self.heights


def cosigner(rules: ChainRules, founders: list[Party], number: int, folder: Path, pins: Pins | None = None) -> Cosigner:
    """Return the cosigning of one founder that keeps its notes in a folder."""
    notes = NoteStore(folder, pins or Pins())
    party = founders[number]
    signer = Signer(party.key.public, party.key.sign)
    keys = {one.member: one.key.public for one in founders}
    return Cosigner(rules, party.member, lambda _: signer, notes, lambda height: head(rules, height), lambda _: keys)


def test_who_does_not_cosign_a_height_signs_and_keeps_nothing(
    rules: ChainRules, founders: list[Party], tmp_path: Path
) -> None:
    """One that joined later, or has lost the key of then: its line would spoil the note."""
    ours, theirs = (cosigner(rules, founders, number, tmp_path / str(number)) for number in (0, 1))
    late = replace(ours, keys_at=lambda _: {founders[1].member: founders[1].key.public})
    for sign in (lambda: late.checkpoint(4), lambda: late.cosign(theirs.checkpoint(4))):
        with pytest.raises(CheckpointUnavailable):
            sign()
    assert late.notes.heights() == []


def line(party: Party, of: Head) -> NoteSignature:
    """Return a founder's cosignature over any head."""
    return sign_head(of, party.member, party.key.public, SuiteNumber.GM, SignatureType.CHECKPOINT, party.key.sign)


@pytest.mark.requirement("S9.2")
def test_members_cosign_what_they_computed_themselves(rules: ChainRules, founders: list[Party], tmp_path: Path) -> None:
    first, second = (cosigner(rules, founders, number, tmp_path / str(number)) for number in (0, 1))
    note = first.checkpoint(4)
    assert note.head == head(rules, 4)
    theirs = second.cosign(note)
    assert theirs.member == founders[1].member
    check_signature(rules, note, theirs, founders[1].key.public)


def test_a_signature_is_kept_before_it_is_released(rules: ChainRules, founders: list[Party], tmp_path: Path) -> None:
    mine = cosigner(rules, founders, 0, tmp_path)
    note = mine.checkpoint(4)
    assert parse_note((tmp_path / "notes" / "4").read_bytes()) == note
    assert mine.checkpoint(4) == note, "the signature of before, not another of the same text"


@pytest.mark.requirement("S9.2")
def test_a_height_is_provable_as_long_as_its_checkpoint_is_kept(
    rules: ChainRules, founders: list[Party], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cosign, "KEPT_NOTES", 3)
    pins = Pins()
    mine = cosigner(rules, founders, 0, tmp_path, pins)
    for height in (4, 8, 6, 10, 12, 8):
        mine.checkpoint(height)
        assert pins.heights == set(mine.notes.heights())
        assert pins.asked[-2] >= {height}, "pinned before it was stored"
    assert pins.heights == {8, 10, 12}
    again = Pins()
    NoteStore(tmp_path, again).pin_kept()
    assert again.heights == {8, 10, 12}, "a restart does not forget it"


@pytest.mark.requirement("S9.1")
def test_what_would_not_be_kept_is_not_signed(
    rules: ChainRules, founders: list[Party], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A height older than the kept ones, or one that can't be proven: its signature would be released unstored."""
    monkeypatch.setattr(cosign, "KEPT_NOTES", 3)
    pins = Pins(least=4)
    mine = cosigner(rules, founders, 0, tmp_path, pins)
    with pytest.raises(CheckpointUnavailable):
        mine.checkpoint(2)
    for height in (6, 8, 10):
        mine.checkpoint(height)
    note = SignedNote(head(rules, 4), (line(founders[1], head(rules, 4)),))
    with pytest.raises(CheckpointUnavailable):
        mine.cosign(note)
    assert mine.notes.heights() == [6, 8, 10]
    assert pins.heights == {6, 8, 10}
    other = replace(head(rules, 2), state_root=bytes(32))
    with pytest.raises(CheckpointFork):  # but a contradiction at such a height is found
        mine.cosign(SignedNote(other, (line(founders[1], other),)))


def test_a_kept_checkpoint_takes_cosignatures_when_it_can_no_longer_be_proven(
    rules: ChainRules, founders: list[Party], tmp_path: Path
) -> None:
    NoteStore(tmp_path).save(SignedNote(head(rules, 2), (line(founders[0], head(rules, 2)),)))
    late = NoteStore(tmp_path, Pins(least=4))
    whole = late.save(SignedNote(head(rules, 2), (line(founders[1], head(rules, 2)),)))
    assert len(whole.signatures) == 2
    assert late.load(2) == whole


def test_threads_lose_no_line_and_release_nothing_unstored(
    rules: ChainRules, founders: list[Party], tmp_path: Path
) -> None:
    heights = list(range(0, 40, 2))
    notes = NoteStore(tmp_path, Pins())
    members = [replace(cosigner(rules, founders, number, tmp_path), notes=notes) for number in (0, 1, 2, 0, 1, 2)]
    released: list[tuple[int, NoteSignature]] = []
    failures: list[BaseException] = []

    def sign(member: Cosigner, order: list[int]) -> None:
        try:
            for height in order:
                note = member.checkpoint(height)
                released.extend((height, one) for one in note.signatures)
        except BaseException as failure:  # noqa: BLE001  (told by the test's own thread)
            failures.append(failure)

    orders = [random.Random(number).sample(heights, len(heights)) for number in range(len(members))]
    threads = [threading.Thread(target=sign, args=pair) for pair in zip(members, orders, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    kept = {height: notes.load(height) for height in heights}
    assert all(note is not None and len(note.signatures) == 3 for note in kept.values())
    assert all(one in note.signatures for height, one in released if (note := kept[height]) is not None)
    assert sorted(path.name for path in (tmp_path / "notes").iterdir()) == sorted(map(str, heights))


@pytest.mark.parametrize("height", [3, 100])
def test_a_height_between_intervals_or_not_there_yet_is_not_signed(
    height: int, rules: ChainRules, founders: list[Party], tmp_path: Path
) -> None:
    with pytest.raises(CheckpointUnavailable):
        cosigner(rules, founders, 0, tmp_path).checkpoint(height)


@pytest.mark.requirement("S9.1")
def test_a_fork_is_kept_and_ends_cosigning(rules: ChainRules, founders: list[Party], tmp_path: Path) -> None:
    mine = cosigner(rules, founders, 0, tmp_path)
    other = replace(head(rules, 4), state_root=bytes(32))
    theirs = SignedNote(other, (line(founders[1], other),))
    with pytest.raises(CheckpointFork) as refusal:
        mine.cosign(theirs)
    assert refusal.value.facts == {"chain": rules.chain, "height": 4}
    kept = {path.name: parse_note(path.read_bytes()) for path in (tmp_path / "evidence").iterdir()}
    assert kept["fork-4-theirs.note"] == theirs
    assert kept["fork-4-ours.note"].head == head(rules, 4)
    assert mine.notes.forked
    for height in (4, 6):
        with pytest.raises(CheckpointUnavailable):
            mine.checkpoint(height)
    again = NoteStore(tmp_path)
    assert again.forked, "a restart does not forget it"


def keyless(rules: ChainRules, founders: list[Party], folder: Path) -> Cosigner:
    """Return the cosigning of the first founder, which has lost its key of the epoch and has another."""
    (_, lost), *_ = founders[0].accounts.values()
    keys = {one.member: one.key.public for one in founders} | {founders[0].member: lost.public}
    return replace(cosigner(rules, founders, 0, folder), keys_at=lambda _: keys)


@pytest.mark.requirement("S9.1", part="a fork is shown by whoever met it, also without a key")
def test_a_node_without_the_key_shows_a_fork_by_the_lines_of_others(
    rules: ChainRules, founders: list[Party], tmp_path: Path
) -> None:
    """What a liar shows it alone must not stay with it because its own line is none that others know."""
    late, true = keyless(rules, founders, tmp_path / "late"), head(rules, 4)
    late.take(SignedNote(true, ()), line(founders[1], true))
    other = replace(true, state_root=bytes(32))
    theirs = SignedNote(other, (line(founders[2], other),))
    assert late.contradicted(late.said(4), theirs) is not None
    shown = late.signed_before(4)
    assert shown == SignedNote(true, (line_of(shown, founders[1]),)), "and not its own, which would spoil the note"
    liar = replace(cosigner(rules, founders, 2, tmp_path / "liar"), head_at=lambda _: other)
    assert liar.contradicted(theirs, shown) is not None
    assert liar.notes.forked


def line_of(note: SignedNote | None, party: Party) -> NoteSignature:
    assert note is not None
    return next(one for one in note.signatures if one.member == party.member)


def test_a_node_that_nobody_can_verify_shows_what_contradicts_it(
    rules: ChainRules, founders: list[Party], tmp_path: Path
) -> None:
    late, true = keyless(rules, founders, tmp_path / "late"), head(rules, 4)
    other = replace(true, state_root=bytes(32))
    theirs = SignedNote(other, (line(founders[2], other),))
    with pytest.raises(CheckpointFork):
        late.cosign(theirs)
    shown = late.signed_before(4)
    assert shown == theirs
    honest = cosigner(rules, founders, 1, tmp_path / "honest")
    assert honest.contradicted(honest.checkpoint(4), shown) is not None
    with_key = cosigner(rules, founders, 0, tmp_path / "with key")
    with pytest.raises(CheckpointFork):
        with_key.cosign(theirs)
    assert (with_key.signed_before(4) or theirs).head == true


def test_a_further_fork_of_a_height_does_not_take_the_place_of_the_first(
    rules: ChainRules, founders: list[Party], tmp_path: Path
) -> None:
    store, true = NoteStore(tmp_path), head(rules, 4)
    ours = SignedNote(true, (line(founders[0], true),))
    heads = [replace(true, state_root=bytes([number]) * 32) for number in range(100, 120)]
    for of in heads:
        store.keep_fork(ours, SignedNote(of, (line(founders[1], of),)))
    store.keep_fork(SignedNote(true, (line(founders[1], true),)), SignedNote(heads[0], (line(founders[2], heads[0]),)))
    first = store.contradicting(4)
    assert first is not None
    assert (first.head, len(first.signatures)) == (heads[0], 2)
    kept = {path.name: parse_note(path.read_bytes()) for path in (tmp_path / "evidence").iterdir()}
    assert [kept[f"fork-4-theirs-{number}.note"].head for number in range(2, 17)] == heads[1:16]
    assert len(kept) == 17
    assert len(kept["fork-4-ours.note"].signatures) == 2
    (tmp_path / "evidence" / "fork-4-theirs.note").write_bytes(b"damaged")
    store.keep_fork(ours, SignedNote(heads[0], (line(founders[2], heads[0]),)))
    assert (tmp_path / "evidence" / "fork-4-theirs.note").read_bytes() == b"damaged"


@pytest.mark.parametrize("forgery", ["nobody's", "a stranger's", "a garbled", "another chain's", "a witness's"])
def test_what_no_member_signed_is_no_fork(
    forgery: str, rules: ChainRules, founders: list[Party], tmp_path: Path
) -> None:
    mine = cosigner(rules, founders, 0, tmp_path)
    other = replace(head(rules, 4), state_root=bytes(32))
    good = line(founders[1], other)
    elsewhere = replace(head(rules, 4), chain="p" + "a" * 26)  # where the same key signs the heads of anchors
    party = founders[1]
    witness = sign_head(other, party.member, party.key.public, SuiteNumber.GM, SignatureType.WITNESS, party.key.sign)
    note = {
        "nobody's": SignedNote(other, ()),
        "a stranger's": SignedNote(other, (replace(good, member="a" * 26),)),
        "a garbled": SignedNote(other, (replace(good, signature=bytes(64)),)),
        "another chain's": SignedNote(elsewhere, (line(founders[1], elsewhere),)),
        "a witness's": SignedNote(other, (witness,)),
    }[forgery]
    with pytest.raises(CheckpointInvalid):
        mine.cosign(note)
    assert not mine.notes.forked
    assert mine.checkpoint(4).head == head(rules, 4)


def test_a_line_by_another_key_or_over_another_text_is_refused(
    rules: ChainRules, founders: list[Party], gm: Suite
) -> None:
    note = SignedNote(head(rules, 4), (line(founders[0], head(rules, 4)),))
    good = note.signatures[0]
    check_signature(rules, note, good, founders[0].key.public)
    other = SignedNote(head(rules, 6), note.signatures)
    for wrong_note, wrong_key in ((other, founders[0].key.public), (note, founders[1].key.public), (note, b"")):
        with pytest.raises(CheckpointInvalid):
            check_signature(rules, wrong_note, good, wrong_key)


def test_the_store_merges_lines_of_one_head(rules: ChainRules, founders: list[Party], tmp_path: Path) -> None:
    store, of = NoteStore(tmp_path), head(rules, 4)
    lines = [line(party, of) for party in founders]
    store.save(SignedNote(of, (lines[0], lines[2])))
    store.save(SignedNote(of, (line(founders[0], of), lines[1])))
    assert store.load(4) == SignedNote(of, tuple(sorted(lines))), "the first line of the first founder stays"


def test_the_store_keeps_no_second_head_of_a_height(rules: ChainRules, founders: list[Party], tmp_path: Path) -> None:
    store, of = NoteStore(tmp_path), head(rules, 4)
    kept, other = SignedNote(of, (line(founders[0], of),)), replace(of, time=1)
    store.save(kept)
    with pytest.raises(CheckpointFork):
        store.save(SignedNote(other, (line(founders[0], other),)))
    assert store.load(4) == kept
    assert store.forked


def test_the_store_keeps_the_newest(rules: ChainRules, founders: list[Party], tmp_path: Path) -> None:
    store = NoteStore(tmp_path)
    heights = list(range(0, 2 * KEPT_NOTES + 6, 2))
    of = head(rules, 0)
    signed = line(founders[0], of)
    for height in heights:
        store.save(SignedNote(replace(of, height=height), (signed,)))
    assert store.heights() == heights[-KEPT_NOTES:]
    assert store.load(heights[0]) is None


def test_a_damaged_note_is_found(rules: ChainRules, founders: list[Party], tmp_path: Path) -> None:
    store, of = NoteStore(tmp_path), head(rules, 4)
    store.save(SignedNote(of, (line(founders[0], of),)))
    path = tmp_path / "notes" / "4"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointInvalid):
        store.load(4)

"""Cosigning: a member signs a checkpoint of a height only as its own execution computed it (D5.9, W19).

What is signed is stored before it is released, and the state of its height stays provable as long as the checkpoint is
kept. A checkpoint that contradicts this node's own is kept as evidence, reported, and stops cosigning of that chain.
Missing cosigners never block a commit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from xinglin.carrier.crypto.files import write_durably
from xinglin.carrier.ledger.build import Signer
from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.checkpoint import (
    Head,
    NoteSignature,
    SignatureType,
    SignedNote,
    key_id,
    merge,
    parse_note,
    sign_head,
    signed_text,
)
from xinglin.carrier.ledger.errors import CheckpointFork, CheckpointInvalid, CheckpointUnavailable

_FORKS = 16
"""How many heads are kept that contradict this node's own of one height: each needs a member's signature."""
KEPT_NOTES = 64
"""How many of the newest checkpoints a home keeps."""
Pin = Callable[[Collection[int]], Collection[int]]
"""Keeps the state of heights provable in place of those before, and returns those of them that can be proven."""


class NoteStore:
    """The checkpoints that a home keeps of one chain, one file a height: ``chain/<id>/notes/<height>``.

    One object writes; its methods may be called from any thread.

    Args:
        chain_folder: ``chain/<id>`` of the home.
        pin: is told the heights whose notes are kept; without it, nothing is kept provable.
    """

    def __init__(self, chain_folder: Path, pin: Pin = lambda heights: heights) -> None:
        self._folder = chain_folder / "notes"
        self._evidence = chain_folder / "evidence"
        self._pin = pin
        self._lock = threading.Lock()
        self._keeping = threading.Lock()

    def pin_kept(self) -> None:
        """Have the heights of the notes that are there kept provable: after opening, before the next block."""
        with self._lock:
            self._pin(self.heights())

    def save(self, note: SignedNote) -> SignedNote:
        """Keep a note durably, and its height provable; the oldest note makes room.

        Returns: the note as it is kept: signature lines of before stay.

        Raises:
            CheckpointFork: a note of another head is kept for this height.
            CheckpointUnavailable: the height is older than all notes for which there is room, or can't be proven.
        """
        height = note.head.height
        with self._lock:
            kept = self.load(height)
            if kept is not None and kept.head != note.head:
                raise self.keep_fork(kept, note)
            before = self.heights()
            after = sorted({*before, height})[-KEPT_NOTES:]
            # Pinned before it is stored, stored before it is released; what makes room is let go last.
            provable = height in self._pin([*before, height])
            if height not in after or (kept is None and not provable):
                self._pin(before)
                raise CheckpointUnavailable(chain=note.head.chain, height=height)
            whole = note if kept is None else merge(kept, note.signatures)
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_durably(self._folder / str(height), whole.encode())
            for old in set(before) - set(after):
                (self._folder / str(old)).unlink()
            self._pin(after)
        return whole

    def load(self, height: int) -> SignedNote | None:
        """Return the note of a height, None when none is kept.

        Raises:
            CheckpointInvalid: the file is damaged.
        """
        try:
            return parse_note((self._folder / str(height)).read_bytes())
        except FileNotFoundError:
            return None

    def heights(self) -> list[int]:
        """Return the heights with a note, ascending."""
        if not self._folder.is_dir():
            return []
        return sorted(int(path.name) for path in self._folder.iterdir() if path.name.isdecimal())

    @property
    def forked(self) -> bool:
        """Whether evidence of a fork is kept; then nothing more is cosigned."""
        return self._evidence.is_dir() and any(self._evidence.glob("fork-*"))

    def evidence(self, height: int) -> SignedNote | None:
        """Return the note of this node that was contradicted at a height, None when none was.

        Raises:
            CheckpointInvalid: the file is damaged.
        """
        try:
            return parse_note((self._evidence / f"fork-{height}-ours.note").read_bytes())
        except FileNotFoundError:
            return None

    def contradicting(self, height: int) -> SignedNote | None:
        """Return the first note that contradicted this node's at a height, None when none did.

        Raises:
            CheckpointInvalid: the file is damaged.
        """
        try:
            return parse_note((self._evidence / f"fork-{height}-theirs.note").read_bytes())
        except FileNotFoundError:
            return None

    def keep_fork(self, ours: SignedNote, theirs: SignedNote) -> CheckpointFork:
        """Keep both notes as evidence and return the error to raise; what is kept of that height already stays.

        A further head of the height is kept beside the first, a further line of one under it; 16 heads at most.
        """
        height = theirs.head.height
        with self._keeping:
            self._evidence.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._keep(f"fork-{height}-ours", ours)
            names = [f"fork-{height}-theirs", *(f"fork-{height}-theirs-{number}" for number in range(2, _FORKS + 1))]
            next((name for name in names if self._keep(name, theirs)), None)
        return CheckpointFork(chain=theirs.head.chain, height=height)

    def _keep(self, name: str, note: SignedNote) -> bool:
        """Keep a note as evidence under a name, with the lines that are there; False where another head is."""
        path = self._evidence / f"{name}.note"
        try:
            kept = parse_note(path.read_bytes())
            if kept.head != note.head:
                return False
            note = merge(kept, note.signatures)
        except FileNotFoundError:
            pass
        except CheckpointInvalid:  # it stays for people
            return False
        write_durably(path, note.encode())
        return True


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A member's cosigning of one consortium chain.

    ``head_at`` gives the head that this node's own execution had at a height, ``keys_at`` the cosigning key of each
    member that cosigns there; ``signer_at`` holds this member's of then, which may have been replaced since.
    """

    rules: ChainRules
    member: str
    signer_at: Callable[[int], Signer]
    notes: NoteStore
    head_at: Callable[[int], Head]
    keys_at: Callable[[int], Mapping[str, bytes]]

    def checkpoint(self, height: int) -> SignedNote:
        """Return this node's checkpoint of a height with its own signature, stored before it is returned.

        Raises:
            CheckpointUnavailable: not a multiple of the chain's interval, not there yet, too old to be kept and proven,
                or a fork stopped cosigning; or this member does not cosign it: its line would spoil the note.
        """
        head = self._head(height)
        self._require_cosigning(height)
        return self.notes.save(SignedNote(head, (self._line(head),)))

    def cosign(self, note: SignedNote) -> NoteSignature:
        """Return this member's signature line for another's checkpoint.

        Raises:
            CheckpointInvalid: it is of another chain, or a line of it is not a member's signature. Such a note is no
                evidence of a fork: anyone could have written it.
            CheckpointFork: its head is not what this node computed for that height; both are kept.
            CheckpointUnavailable: this node can't sign that height.
        """
        self._check(note)
        head = self._head(note.head.height)
        kept = self.notes.load(head.height)
        if head != note.head:
            raise self.notes.keep_fork(self._shown(head), note)
        self._require_cosigning(head.height)
        if kept is None or self._own(kept) is None or merge(kept, note.signatures) != kept:
            # Lines that verified are kept too: a cosigner that nobody can ask is heard when it asks.
            kept = self.notes.save(merge(SignedNote(head, (self._line(head),)), note.signatures))
        return self._own(kept) or self._line(head)

    def cosigns_at(self, height: int) -> bool:
        """Tell whether this member cosigns a height and has the key; others' lines it may collect all the same."""
        return self.keys_at(height).get(self.member) == self.signer_at(height).key

    def said(self, height: int) -> SignedNote:
        """Return this node's checkpoint of a height; it is not stored, and must not be released.

        Where this member has no key of the height's epoch, its line is by another one, which nobody can verify.
        """
        head = self._head(height)
        return SignedNote(head, (self._line(head),))

    def signed_before(self, height: int) -> SignedNote | None:
        """Return what this node shows of a height that it called forked: evidence for whoever it contradicts.

        What it said itself, if that has a line that others can verify; else what contradicts it.
        """
        ours = self.notes.evidence(height)
        if ours is None or self.cosigners(ours):
            return ours
        return self.notes.contradicting(height) or ours

    def take(self, note: SignedNote, line: NoteSignature) -> SignedNote:
        """Keep another member's line under a checkpoint of this node's own, once it has verified.

        Returns: the note as it is kept.

        Raises:
            CheckpointInvalid: the line is not that of a member that cosigns this height.
            CheckpointUnavailable: the height has made room for newer ones.
        """
        self._check(SignedNote(note.head, (line,)))
        return self.notes.save(SignedNote(note.head, (line,)))

    def contradicted(self, ours: SignedNote, theirs: SignedNote) -> CheckpointFork | None:
        """Keep evidence when a member's checkpoint contradicts this node's; return the error, None when it does not.

        Raises:
            CheckpointInvalid: theirs is not signed by a member: anyone could have written it.
        """
        self._check(theirs)
        if theirs.head.height != ours.head.height or theirs.head == ours.head:
            return None
        return self.notes.keep_fork(self._shown(ours.head), theirs)

    def _shown(self, head: Head) -> SignedNote:
        """Return what this node has to show of a head that is contradicted: every line that it keeps, and its own.

        Its own line counts only if it has the key of the height's epoch; without it, and without others' lines, it is
        there for this node's own people alone.
        """
        kept, own = self.notes.load(head.height), SignedNote(head, (self._line(head),))
        if kept is None or kept.head != head:
            return own
        return merge(kept, own.signatures) if self.cosigns_at(head.height) else kept

    def cosigners(self, note: SignedNote) -> set[str]:
        """Return the members of the height's epoch whose lines a note has; lines that are kept have verified."""
        keys, number = self.keys_at(note.head.height), self.rules.genesis.suite
        return {
            line.member
            for line in note.signatures
            if line.member in keys
            and line.key_id == key_id(line.member, number, SignatureType.CHECKPOINT, keys[line.member])
        }

    def _own(self, note: SignedNote) -> NoteSignature | None:
        signer = self.signer_at(note.head.height)
        key = key_id(self.member, self.rules.genesis.suite, SignatureType.CHECKPOINT, signer.key)
        return next((one for one in note.signatures if (one.member, one.key_id) == (self.member, key)), None)

    def _head(self, height: int) -> Head:
        if height % self.rules.parameters.checkpoint_interval or self.notes.forked:
            raise CheckpointUnavailable(chain=self.rules.chain, height=height)
        return self.head_at(height)

    def _require_cosigning(self, height: int) -> None:
        if not self.cosigns_at(height):
            raise CheckpointUnavailable(chain=self.rules.chain, height=height)

    def _check(self, note: SignedNote) -> None:
        if note.head.chain != self.rules.chain or not note.signatures:
            raise CheckpointInvalid(reason="it is of another chain, or nobody signed it")
        keys = self.keys_at(note.head.height)
        for line in note.signatures:
            check_signature(self.rules, note, line, keys.get(line.member, b""))

    def _line(self, head: Head) -> NoteSignature:
        suite, signer = self.rules.genesis.suite, self.signer_at(head.height)
        return sign_head(head, self.member, signer.key, suite, SignatureType.CHECKPOINT, signer.sign)


def check_signature(
    rules: ChainRules,
    note: SignedNote,
    line: NoteSignature,
    key: bytes,
    type_: SignatureType = SignatureType.CHECKPOINT,
) -> None:
    """Check one signature line of a note against the member's key.

    Raises:
        CheckpointInvalid: another key's id, or the signature does not verify.
    """
    if line.key_id != key_id(line.member, rules.genesis.suite, type_, key):
        raise CheckpointInvalid(reason=f"the line of {line.member} is by another key")
    if not rules.suite.verify(key, signed_text(note.head.text, type_), line.signature):
        raise CheckpointInvalid(reason=f"the signature of {line.member} does not verify")

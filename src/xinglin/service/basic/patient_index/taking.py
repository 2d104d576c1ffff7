"""One call's registrations on their way into the index: what is new, what changed, what people have to look at (H1).

Later registrations of a call are compared with earlier ones, so they enter the index in memory at once; ``undo``
takes them out again when they could not be written.
"""

from __future__ import annotations

from typing import Final

from xinglin.kernel.encoding import decode, pack
from xinglin.kernel.errors import EncodingInvalid
from xinglin.service.basic.patient_index.blocks import Blocks
from xinglin.service.basic.patient_index.decisions import Decisions
from xinglin.service.basic.patient_index.errors import TraitsInvalid
from xinglin.service.basic.patient_index.features import Features, features
from xinglin.service.basic.patient_index.finding import Finder
from xinglin.service.basic.patient_index.model import Decision, Grade, Match, Reason, Registration, Review, Traits
from xinglin.service.basic.patient_index.store import Row
from xinglin.service.lifecycle.storage.hierarchy import Randomness

KNOWN: Final = Reason("subject.known")
"""The reason of a match with what the same source said before of the same patient."""
_REVIEWS: Final = 3
"""Of how many possible persons a new one is put before people."""


class Taking:
    """The registrations of one call.

    Args:
        blocks, decisions: the index.
        randomness: where ids come from.
        now: ms since 1970 UTC.
        year: the present one.
    """

    def __init__(self, blocks: Blocks, decisions: Decisions, randomness: Randomness, now: int, year: int) -> None:
        self.new: dict[int, Registration] = {}
        self.changed: dict[int, Registration] = {}
        self.decisions: list[Decision] = []
        self._blocks = blocks
        self._state = decisions
        self._finder = Finder(blocks, decisions)
        self._randomness = randomness
        self._now = now
        self._year = year
        self._before: dict[int, Features | None] = {}
        self._numbers: dict[tuple[bytes, bytes], int] = {}
        self._asked: set[frozenset[bytes]] = set()

    def take(self, source: bytes, subject: bytes, traits: Traits, row: Row | None) -> tuple[bytes, Match]:
        """Find or make the person of one registration; ``row`` is what the file has of it."""
        number = self._numbers.get((source, subject))
        if number is not None:
            row = number, self.new[number] if number in self.new else self.changed[number]
        if row is None:
            return self._add(source, subject, traits)
        known = row[1]
        person = self._state.root(known.person)
        if known.traits == traits:
            return person, Match(Grade.MATCH, 0, (KNOWN,), person)
        check(traits)
        return person, self._change(row[0], Registration(known.person, source, subject, traits, known.at), person)

    def undo(self) -> None:
        """Put the index in memory back to what it was before this call."""
        for number in self.new:
            self._blocks.remove(number)
        for number, before in self._before.items():
            if before is not None:
                self._blocks.replace(number, before)

    def _add(self, source: bytes, subject: bytes, traits: Traits) -> tuple[bytes, Match]:
        check(traits)
        wanted = features(traits)
        found = self._finder.find(wanted, self._year)
        best = found[0] if found else Match(Grade.NONE)
        person = best.person if best.grade is Grade.MATCH else self._randomness(16)
        number = self._blocks.add(person, wanted)
        self.new[number] = Registration(person, source, subject, traits, self._now)
        self._numbers[source, subject] = number
        if best.grade is Grade.MATCH:
            for other in found[1:]:
                if other.grade is Grade.MATCH:
                    self._ask(person, other, "bridge")
        else:
            for other in found[:_REVIEWS]:
                self._ask(person, other, "possible")
        return person, best

    def _change(self, number: int, changed: Registration, person: bytes) -> Match:
        """Put other traits in place of known ones; say whether they still fit what else is of the person."""
        wanted = features(changed.traits)
        if number not in self.new:
            self._before.setdefault(number, self._blocks.features(number))
        self._blocks.replace(number, wanted)
        (self.new if number in self.new else self.changed)[number] = changed
        self._numbers[changed.source, changed.subject] = number
        for other in self._finder.find(wanted, self._year, person)[:_REVIEWS]:
            self._ask(person, other, "changed")
        held = self._finder.contradicting(person, wanted, self._year, number)
        return Match(Grade.POSSIBLE if held else Grade.MATCH, 0, (KNOWN, *held), person)

    def _ask(self, person: bytes, other: Match, cause: str) -> None:
        pair = frozenset((person, other.person))
        if pair not in self._asked and self._state.may_ask(person, other.person):
            self._asked.add(pair)
            review = Review(self._randomness(16), person, other.person, other.score, cause, other.reasons, self._now)
            self.decisions.append(review)


def check(traits: Traits) -> None:
    """Refuse traits that could not be read again.

    Raises:
        TraitsInvalid: a text is too long, a number out of its range, a value of another kind.
    """
    try:
        decode(Traits, pack(traits))
    except (EncodingInvalid, TypeError, OverflowError, UnicodeEncodeError) as fault:
        reason = fault.facts["reason"] if isinstance(fault, EncodingInvalid) else type(fault).__name__
        raise TraitsInvalid(reason=reason) from None

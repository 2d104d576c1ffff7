"""Finding the persons whom a registration may be of: blocks, weights, the best of each person (H1).

A match is held against every other registration of the person: what contradicts one of them contradicts the person,
so that a chain of likenesses does not join what no one would. Changes nothing.
"""

from __future__ import annotations

from typing import Final

from xinglin.service.basic.patient_index.blocks import Blocks
from xinglin.service.basic.patient_index.comparing import Scale
from xinglin.service.basic.patient_index.decisions import Decisions
from xinglin.service.basic.patient_index.features import Features
from xinglin.service.basic.patient_index.model import Grade, Match, Reason
from xinglin.service.basic.patient_index.rules import FOREVER, Weighed, grade_of, graded, weigh, weigh_until

_KEPT: Final = 10
"""How many persons an answer may name."""


class Finder:
    """Finds persons in one index."""

    def __init__(self, blocks: Blocks, decisions: Decisions) -> None:
        self._blocks = blocks
        self._decisions = decisions

    def find(self, wanted: Features, year: int, but: bytes = b"") -> list[Match]:
        """Return matches and possible matches, at most ten, the likeliest first.

        Args:
            wanted: what is looked for.
            year: the present one.
            but: a person, as found now, who is left out.
        """
        scale = Scale(self._blocks)
        least = scale.least
        best: dict[bytes, Weighed] = {}
        for number in self._blocks.candidates(wanted):
            known = self._blocks.features(number)
            if known is None:
                continue
            weighed = weigh_until(wanted, known, scale, year, least)
            if weighed is None:
                continue
            person = self._decisions.root(self._blocks.person(number))
            if person != but and (person not in best or _rank(weighed, scale) > _rank(best[person], scale)):
                best[person] = weighed
        matches = [graded(weighed, scale, person) for person, weighed in best.items()]
        matches = [self._held(match, wanted, scale, year) for match in matches if match.grade > Grade.NONE]
        return sorted(matches, key=lambda match: (-match.grade, -match.score, match.person))[:_KEPT]

    def contradicting(self, person: bytes, wanted: Features, year: int, but: int = -1) -> tuple[Reason, ...]:
        """Return the rules by which a registration can't be of a person, whoever of the person's registrations says so.

        Args:
            person: as found now.
            wanted: the registration.
            year: the present one.
            but: number of a registration that is not asked: its own.
        """
        scale = Scale(self._blocks)
        rules: dict[str, None] = {}
        for one in self._decisions.tree(person):
            for number in self._blocks.numbers_of(one):
                known = self._blocks.features(number) if number != but else None
                if known is not None:
                    held = weigh(wanted, known, scale, year).held
                    rules.update((rule, None) for rule in held if rule in FOREVER)
        return tuple(Reason(f"held.{rule}") for rule in rules)

    def _held(self, match: Match, wanted: Features, scale: Scale, year: int) -> Match:
        """Keep a match down to possible where another registration of the person contradicts it."""
        if match.grade < Grade.MATCH:
            return match
        held = self.contradicting(match.person, wanted, year)
        if not held:
            return match
        return Match(Grade.POSSIBLE, match.score, (*match.reasons, *held), match.person)


def _rank(weighed: Weighed, scale: Scale) -> tuple[int, int]:
    return int(grade_of(weighed, scale)), weighed.weight

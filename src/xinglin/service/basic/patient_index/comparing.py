"""Fields of two registrations compared: each comparison gives reasons, codes with weights (H1).

Pure and symmetric: swapping the two changes nothing. What a missing field would have said is not guessed: it weighs
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import Final, NamedTuple, Protocol
from zlib import crc32

from rapidfuzz.distance import OSA

from xinglin.service.basic.patient_index.features import Place, parts_different, slip
from xinglin.service.basic.patient_index.identifiers import CONTRADICTING, NATIONAL, Known, Standing
from xinglin.service.basic.patient_index.model import IdentifierKind
from xinglin.service.basic.patient_index.names import NameKey, sound
from xinglin.service.basic.patient_index.weights import WEIGHTS, Rarity

Found = tuple[str, int]
"""A reason: code and weight."""
W: Final = WEIGHTS


class Population(Protocol):
    """What an index knows of how frequent a value is."""

    @property
    def size(self) -> int:
        """How many registrations there are."""
        ...

    def count(self, key: int) -> int:
        """Return how many persons have a value, or a little more; MUST give the same for the same index."""
        ...


def key_of(kind: str, *parts: str | int) -> int:
    """Return the number by which an index counts and finds a value of one kind."""
    return crc32("\x1f".join((kind, *map(str, parts))).encode())


def rarity(rule: Rarity, count: int, size: int) -> int:
    """Return the weight of agreeing on a value that ``count`` of ``size`` have."""
    share = (count + rule.prior) / (size + rule.prior / rule.share0)
    return min(rule.most, round(10 * log2(rule.sure / share))) if share < rule.sure else 0


class Scale:
    """What agreeing on a value weighs in one index; for one look-up, because it remembers.

    Args:
        population: how frequent values are; it doesn't change meanwhile.
    """

    def __init__(self, population: Population) -> None:
        self._population = population
        self._known: dict[tuple[str, str | int], int] = {}
        self.asked = round(10 * log2(max(population.size, W.least_size)))
        """The evidence that gives even odds in this index, in tenths of a bit."""
        self.least = self.asked + W.possible
        """The evidence below which nothing is a possible match."""

    def rarity(self, kind: str, value: str | int) -> int:
        """Return the weight of agreeing on a value of a kind that ``_RULES`` has."""
        known = self._known.get((kind, value))
        if known is None:
            known = rarity(_RULES[kind], self._population.count(key_of(kind, value)), self._population.size)
            self._known[kind, value] = known
        return known

    def rarer_of(self, kind: str, one: str, other: str) -> int:
        """Return the weight of agreeing on two values that are almost the same: that of the more frequent one."""
        return self.rarity(kind, one) if one == other else min(self.rarity(kind, one), self.rarity(kind, other))

    def phone(self, value: str) -> int:
        """Return the weight of a shared phone: halved odds and more with each doubling of those who have it."""
        sharers = self._population.count(key_of("p", value))
        return max(0, W.phone - round(W.phone_halved * log2(max(sharers, 1))))

    def address_bound(self, street: str, number: str) -> int:
        """Return the most that an address may weigh: less where more people live than a household has."""
        neighbours = self._population.count(key_of("a", street, number))
        return W.place_most - (round(10 * log2(neighbours / W.household)) if neighbours > W.household else 0)


_FIRST_HAN: Final = "\u2e80"
_RULES: Final = {"f": W.family, "g": W.given, "b": W.birth, "s": W.street, "c": W.city, "z": W.postcode}


# -- names -----------------------------------------------------------------------------------------------------------

_SHARES: Final = {
    "same": 1.0,
    "subset": W.subset_share,
    "similar": W.similar_share,
    "middle": W.middle_share,
    "sound": W.sound_share,
}
_OF_GIVEN: Final = {"initial": W.initial, "half": W.half_given}
AGREEING: Final = frozenset(("same", "subset", "similar", "middle", "sound", "initial"))
"""Levels at which a part of a name is not another one."""


class NamesFound(NamedTuple):
    """How names compare: reasons, their sum, and the levels of surname and given name (empty where one has none)."""

    reasons: tuple[Found, ...]
    weight: int
    family: str
    given: str


NO_NAMES: Final = NamesFound((), 0, "", "")


def compare_names(ones: Sequence[NameKey], others: Sequence[NameKey], scale: Scale) -> NamesFound:
    """Return the best of comparing every name of one with every name of the other."""
    if len(ones) == len(others) == 1:
        return _two_names(ones[0], others[0], scale)
    pairs = [_two_names(one, other, scale) for one in ones for other in others]
    return max(pairs, key=lambda found: (found.weight, found), default=NO_NAMES)


def _two_names(one: NameKey, other: NameKey, scale: Scale) -> NamesFound:
    if (other.family, other.given) < (one.family, one.given):
        one, other = other, one
    family, given = family_level(one, other), given_level(one, other)
    straight = _names_found(one, other, family, given, scale)
    chinese = one.han_family and other.han_family  # nobody puts the given name first in characters
    if (family == "different" or given == "different") and not chinese:
        turned = NameKey(other.given.replace(" ", ""), other.family)
        crossed = family_level(one, turned), given_level(one, turned)
        if not AGREEING.isdisjoint(crossed):
            found = _names_found(one, turned, *crossed, scale)
            found = NamesFound((*found.reasons, ("name.swapped", W.swapped)), found.weight + W.swapped, *crossed)
            return found if found.weight > straight.weight else straight
    return straight


def _names_found(one: NameKey, other: NameKey, family: str, given: str, scale: Scale) -> NamesFound:
    reasons: list[Found] = []
    total = 0
    if family:
        total = W.family_different
        if family != "different":
            total = round(scale.rarer_of("f", one.family, other.family) * _SHARES[family])
        reasons.append((f"family.{family}", total))
    if given:
        weight = _OF_GIVEN.get(given, W.given_different)
        if given in _SHARES:
            common = scale.rarer_of("g", one.given.replace(" ", ""), other.given.replace(" ", ""))
            weight = round(common * _SHARES[given])
        reasons.append((f"given.{given}", weight))
        total += weight
    if given == "same" and family == "same" and one.han_given and other.han_given:
        reasons.append(("name.characters", W.han_bonus))
        total += W.han_bonus
    return NamesFound(tuple(reasons), total, family, given)


def family_level(one: NameKey, other: NameKey) -> str:
    """Return how two surnames compare: empty where one is missing, same, similar, sound, different."""
    a, b = one.family, other.family
    if not a or not b:
        return ""
    if a == b:
        # Two characters of one sound are two surnames (李, 黎), or one in its traditional and its simple form.
        both = one.han_family and other.han_family
        return "sound" if both and one.han_family != other.han_family else "same"
    if one.han_family and other.han_family:
        return "different"
    if near(a, b):
        return "similar"
    return "sound" if len(a) > 2 and sound(a) == sound(b) else "different"


def given_level(one: NameKey, other: NameKey) -> str:
    """Return how two given names compare: as surnames, or subset, middle, initial, half."""
    a, b = one.given, other.given
    if not a or not b:
        return ""
    if one.han_given and other.han_given:
        return _han_given(one.han_given, other.han_given, a == b)
    if a == b:
        return "same"
    solid_a, solid_b = a.replace(" ", ""), b.replace(" ", "")
    if solid_a == solid_b:
        return "same"
    chinese = bool(one.han_given or other.han_given)
    words, other_words = a.split(), b.split()
    if (chinese or set(words).isdisjoint(other_words)) and near(solid_a, solid_b):
        return "similar"
    return _words_level(words, other_words, chinese=chinese)


def _words_level(ones: list[str], others: list[str], *, chinese: bool) -> str:
    """Given names of several words: a middle name that one source lacks, an initial, a word written by ear."""
    if not chinese and (len(ones) > 1 or len(others) > 1):
        if set(ones) <= set(others) or set(others) <= set(ones):
            return "subset" if ones[0] == others[0] else "middle"
        if all(near_or_same(one, other) for one, other in zip(ones, others, strict=False)):
            return "similar"
        if not {word for word in ones if len(word) > 2}.isdisjoint(others):
            return "half"
    one, other = ones[0], others[0]
    if (len(one) == 1 or len(other) == 1) and one[0] == other[0]:
        return "initial"
    whole, whole_other = "".join(ones), "".join(others)
    return "sound" if len(whole) > 2 and sound(whole) == sound(whole_other) else "different"


def _han_given(one: str, other: str, same_sound: bool) -> str:
    if one == other:
        return "same"
    if same_sound:
        return "sound"
    if len(one) == len(other) == 2 and (one[0] == other[0] or one[1] == other[1]):
        return "half"
    return "different"


def near(one: str, other: str) -> bool:
    """Tell whether two words are a slip or two of the keyboard apart, the more the longer they are."""
    longest = max(len(one), len(other))
    allowed = 0 if longest < 4 else 1 if longest < 7 else 2 if longest < 11 else 3
    return allowed > 0 and OSA.distance(one, other, score_cutoff=allowed) <= allowed


# -- birth date, sex -------------------------------------------------------------------------------------------------


def compare_birth(one: int, other: int, scale: Scale) -> Found | None:
    """Return how two birth dates, possibly partial, compare; None where one is missing."""
    if not one or not other:
        return None
    if one % 1_00 and other % 1_00:
        return ("birth.same", scale.rarity("b", one)) if one == other else _different_births(one, other)
    unit = 1_00_00 if one % 1_00_00 == 0 or other % 1_00_00 == 0 else 1_00
    if one // unit == other // unit:
        return ("birth.year", W.birth_year) if unit == 1_00_00 else ("birth.month", W.birth_month)
    return "birth.partial_different", W.birth_partial_different


def _different_births(one: int, other: int) -> Found:
    if slip(one, other):
        return "birth.slip", W.birth_slip
    if one // 1_00_00 == other // 1_00_00 and 1_01 in (one % 1_00_00, other % 1_00_00):
        return "birth.year", W.birth_year  # 1 January is what registers write when they know the year alone
    two = parts_different(one, other) == 1
    return ("birth.two_parts", W.birth_two_parts) if two else ("birth.different", W.birth_different)


def compare_sex(one: int, other: int) -> Found | None:
    """Return how two sexes compare; None where one is not known."""
    if not one or not other:
        return None
    return ("sex.same", W.sex_same) if one == other else ("sex.different", W.sex_different)


# -- contact ---------------------------------------------------------------------------------------------------------


def compare_phones(ones: Sequence[str], others: Sequence[str], scale: Scale) -> Found | None:
    """Return how phones compare: the rarest that both have; a number that many share says nothing."""
    if not ones or not others:
        return None
    shared = [one for one in ones if one in others]
    if shared:
        return "phone.same", max(map(scale.phone, shared))
    for one in ones:
        for other in others:
            if OSA.distance(one, other, score_cutoff=1) <= 1:
                return "phone.slip", W.phone_slip
    return "phone.different", W.phone_different


def compare_places(ones: Sequence[Place], others: Sequence[Place], scale: Scale) -> list[Found]:
    """Return how addresses compare: the best pair of them."""
    if not ones or not others:
        return []
    if len(ones) == len(others) == 1:
        return _two_places(ones[0], others[0], scale)
    pairs = [_two_places(one, other, scale) for one in ones for other in others]
    return max(pairs, key=lambda found: (sum(weight for _, weight in found), found))


def _two_places(one: Place, other: Place, scale: Scale) -> list[Found]:
    found: list[Found] = []
    total = 0
    street, other_street = _streets(one, other)
    for name, kind, value, other_value in (
        ("street", "s", street, other_street),
        ("city", "c", one.city, other.city),
        ("postcode", "z", one.postcode, other.postcode),
    ):
        if value and other_value:
            level, weight = _place_part(kind, value, other_value, scale)
            found.append((f"{name}.{level}", weight))
            total += weight
    if one.number and other.number:
        same = one.number == other.number
        found.append(("house.same", W.house_same) if same else ("house.different", W.house_different))
        total += found[-1][1]
    most = W.place_most
    if total > 0 and street == other_street:
        most = min(scale.address_bound(street, one.number), scale.address_bound(street, other.number))
    bounded = max(W.place_least, min(most, total))
    if bounded != total:
        found.append(("address.bound", bounded - total))
    return found


def _streets(one: Place, other: Place) -> tuple[str, str]:
    """The lines to compare: the first ones, unless one's first is the other's second."""
    if one.street != other.street and (one.more or other.more):
        if other.street < one.street:
            one, other = other, one
        if one.more and near_or_same(one.more, other.street):
            return one.more, other.street
        if other.more and near_or_same(one.street, other.more):
            return one.street, other.more
    return one.street, other.street


def near_or_same(one: str, other: str) -> bool:
    """Tell whether two words are the same or nearly."""
    return one == other or near(one, other)


def _place_part(kind: str, one: str, other: str, scale: Scale) -> Found:
    if one == other:
        return "same", scale.rarity(kind, one)
    if _nearly(kind, one, other):
        return "similar", round(scale.rarer_of(kind, one, other) * W.similar_share)
    return "different", W.part_different


def _nearly(kind: str, one: str, other: str) -> bool:
    """Tell whether two parts of an address are a slip apart; a Chinese character says as much as a syllable."""
    if kind == "z" or one[-1] >= _FIRST_HAN:
        return OSA.distance(one, other, score_cutoff=1) <= (kind == "z" or len(one) > 4)
    return near(one, other)


# -- identifiers -----------------------------------------------------------------------------------------------------

_CONTRADICTION: Final = "identifier.contradiction"
_SAME: Final = {
    Standing.SOUND: W.identifier_sound,
    Standing.PLAIN: W.identifier_plain,
    Standing.WEAK: W.identifier_weak,
}


class IdentifiersFound(NamedTuple):
    """How identifiers compare: reasons, the standing of the best that both have (-1: none), and a contradiction."""

    reasons: list[Found]
    same: int = -1
    contradiction: bool = False


def compare_identifiers(ones: Sequence[Known], others: Sequence[Known]) -> IdentifiersFound:
    """Return how identifiers compare: the strongest that both have, then where they differ though they should not."""
    differing: list[tuple[Known, Known]] = []
    best, same = -1, set()
    for one in ones:
        for other in others:
            if one.kind == other.kind and one.scope == other.scope:
                if one.value == other.value:
                    best = max(best, min(one.standing, other.standing))
                    same.add((one.kind, one.scope))
                else:
                    differing.append((one, other))
    reasons = [(f"identifier.same_{Standing(best).name.lower()}", _SAME[Standing(best)])] if best >= 0 else []
    found = {_differing(one, other): None for one, other in differing if (one.kind, one.scope) not in same}
    reasons += [reason for reason in found if reason]
    return IdentifiersFound(reasons, best, any(reason[0] == _CONTRADICTION for reason in reasons))


def _differing(one: Known, other: Known) -> Found | None:
    if one.kind in CONTRADICTING and one.standing == other.standing == Standing.SOUND:
        return _CONTRADICTION, W.contradiction
    if one.kind in NATIONAL:
        if OSA.distance(one.value, other.value, score_cutoff=1) <= 1:
            return "identifier.slip", W.identifier_slip
        weak = min(one.standing, other.standing) == Standing.WEAK
        return None if weak else ("identifier.national_different", W.national_different)
    if one.kind == IdentifierKind.RECORD_NUMBER:
        return "identifier.record_number_different", W.record_number_different
    return None

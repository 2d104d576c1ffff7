"""Whether two registrations are of one person: weigh every field, then decide (docs/spec/patient-index.md; H1).

Pure. Weights are those of Fellegi and Sunter: the logarithm of how much likelier an agreement is within a person than
between two. Their sum is compared with what the size of the index asks for. Above that, rules hold back what no sum
may overrule: contradicting national numbers, twins, mothers and their newborns, a father and the son who has his
name.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from xinglin.service.basic.patient_index.comparing import (
    AGREEING,
    Found,
    NamesFound,
    Population,
    Scale,
    compare_birth,
    compare_identifiers,
    compare_names,
    compare_phones,
    compare_places,
    compare_sex,
)
from xinglin.service.basic.patient_index.features import Features
from xinglin.service.basic.patient_index.identifiers import Standing
from xinglin.service.basic.patient_index.model import Grade, Match, Reason
from xinglin.service.basic.patient_index.names import NameKey
from xinglin.service.basic.patient_index.weights import WEIGHTS as W

_CAPS: Final = {"mother_of_newborn": Grade.NONE, "birth_order": Grade.NONE}
"""The grade that a rule allows at most; POSSIBLE for those not named."""
FOREVER: Final = frozenset((*_CAPS, "contradiction"))
"""Rules that hold for a person if they hold for any one of the person's registrations."""


class Weighed(NamedTuple):
    """What comparing two registrations gave: the sum, the reasons, the rules that hold the grade down."""

    weight: int
    reasons: list[Found]
    held: list[str]


def decide(one: Features, other: Features, population: Population, year: int) -> Match:
    """Return whether two registrations are of one person, and why.

    Args:
        one: features of one.
        other: of the other; which is which makes no difference.
        population: how frequent values are.
        year: the present one; tells the grown up, who no longer live with a twin.
    """
    scale = Scale(population)
    return graded(weigh(one, other, scale, year), scale)


def grade_of(weighed: Weighed, scale: Scale) -> Grade:
    """Return the grade that a sum and the rules give."""
    score = weighed.weight - scale.asked
    grade = Grade.MATCH if score >= W.match else Grade.POSSIBLE if score >= W.possible else Grade.NONE
    return min([grade, *(_CAPS.get(rule, Grade.POSSIBLE) for rule in weighed.held)])


def graded(weighed: Weighed, scale: Scale, person: bytes = b"") -> Match:
    """Return the decision with its reasons."""
    reasons = [Reason(code, weight) for code, weight in weighed.reasons]
    reasons += [Reason(f"held.{rule}") for rule in weighed.held]
    return Match(grade_of(weighed, scale), weighed.weight - scale.asked, tuple(reasons), person)


def weigh(one: Features, other: Features, scale: Scale, year: int, *, whole: bool = False) -> Weighed:
    """Return everything that speaks for and against two registrations being of one person.

    Stops where nothing that is left could make them a possible match, unless ``whole``.
    """
    identifiers = compare_identifiers(one.identifiers, other.identifiers)
    names = compare_names(one.names, other.names, scale)
    birth = compare_birth(one.birth, other.birth, scale)
    phone = compare_phones(one.phones, other.phones, scale)
    sex = compare_sex(one.sex, other.sex)
    reasons = [*identifiers.reasons, *names.reasons]
    if birth and not (identifiers.same == Standing.SOUND and birth[1] > 0):  # a sound number holds the date already
        reasons.append(birth)
    reasons += [reason for reason in (sex, phone) if reason]
    reasons += _mothers(one, other, scale)
    weight = sum(weight for _, weight in reasons)
    if weight + W.place_most < scale.least and not whole:
        return Weighed(weight, reasons, [])  # no address makes up for it
    places = compare_places(one.places, other.places, scale)
    excess = _household_excess(names, phone, places)
    reasons += [*places, ("household.bound", -excess)] if excess else places
    held = _held(one, other, names, birth[0] if birth else "", year) if identifiers.same < Standing.PLAIN else []
    held += _always_held(one, other, birth[0] if birth else "", scale)
    if identifiers.contradiction:
        held.append("contradiction")
    if sex and sex[1] < 0 and names.given not in AGREEING:
        held.append("sex_and_given")
    return Weighed(weight + sum(weight for _, weight in places) - excess, reasons, held)


def _household_excess(names: NamesFound, phone: Found | None, places: list[Found]) -> int:
    """What surname, phone and address together say too much of people whose given names differ: they are a family."""
    if names.given in AGREEING:
        return 0
    family = next((weight for code, weight in names.reasons if code.startswith("family.")), 0)
    shared = max(family, 0) + max((phone or ("", 0))[1], 0) + max(sum(weight for _, weight in places), 0)
    return max(0, shared - W.household_most)


def _held(one: Features, other: Features, names: NamesFound, birth: str, year: int) -> list[str]:
    """Rules that only a shared identifier overrules."""
    held = []
    if one.newborn != other.newborn:
        held.append("newborn")  # the child has a name by now; whose it is, a person looks up
    if not one.newborn and not other.newborn and not names.reasons:
        held.append("no_name")
    if birth in ("birth.different", "birth.partial_different") and _may_be_kin(one, other, names):
        held.append("birth")
    if names.given == "different" and names.family in AGREEING and birth in ("birth.same", "birth.slip"):
        born = max(one.birth, other.birth) // 1_00_00
        if year - born < W.grown_up_years:
            held.append("twins")
    return held


def _may_be_kin(one: Features, other: Features, names: NamesFound) -> bool:
    """Tell whether people born on different days may be two of one family: unless only the date was written wrong."""
    years = abs(one.birth // 1_00_00 - other.birth // 1_00_00)
    if names.family not in AGREEING or names.given not in AGREEING:
        return True
    in_characters = any(code == "name.characters" for code, _ in names.reasons)  # no child is named as its parent
    return not in_characters and W.generation[0] <= years <= W.generation[1]


def _always_held(one: Features, other: Features, birth: str, scale: Scale) -> list[str]:
    """Rules that nothing overrules."""
    held = []
    if one.order and other.order and one.order != other.order:
        held.append("birth_order")
    for child, grown in ((one, other), (other, one)):
        if child.newborn and not grown.newborn and birth not in ("birth.same", "birth.slip"):
            held += ["mother_of_newborn"] * _may_be(child.mothers, grown, scale)
    if one.newborn and other.newborn and not (one.order and one.order == other.order):
        held.append("newborns")  # two of one mother may be twins
    return held


def _may_be(mothers: tuple[NameKey, ...], grown: Features, scale: Scale) -> bool:
    found = compare_names(mothers, grown.names, scale)
    return found.family in AGREEING and found.given in (*AGREEING, "")


def _mothers(one: Features, other: Features, scale: Scale) -> list[Found]:
    """How the mothers compare; of newborns they are all the name there is."""
    reasons: list[Found] = []
    if one.mother_identifiers and other.mother_identifiers:
        found = compare_identifiers(one.mother_identifiers, other.mother_identifiers)
        if found.same >= Standing.PLAIN:
            reasons.append(("mother.identifier", W.mother_identifier))
    if one.mothers and other.mothers:
        names = compare_names(one.mothers, other.mothers, scale)
        if one.newborn and other.newborn:
            reasons += [(f"mother.{code}", weight) for code, weight in names.reasons]
        elif names.given or names.family:
            same = names.family in (*AGREEING, "") and names.given in (*AGREEING, "")
            reasons.append(("mother.same", W.mother_same) if same else ("mother.different", W.mother_different))
    return reasons

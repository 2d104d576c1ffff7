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
_NEVER: Final = -1_000_000
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


def weigh(one: Features, other: Features, scale: Scale, year: int) -> Weighed:
    """Return everything that speaks for and against two registrations being of one person."""
    weighed = weigh_until(one, other, scale, year, _NEVER)
    assert weighed is not None  # noqa: S101 - nothing is below this bound
    return weighed


def weigh_until(one: Features, other: Features, scale: Scale, year: int, least: int) -> Weighed | None:
    """Weigh as ``weigh``, but stop and return None as soon as the sum can't come up to ``least`` any more.

    Most of what a block gives is somebody else; addresses, which cost most to compare, are then not looked at.
    """
    identifiers = compare_identifiers(one.identifiers, other.identifiers)
    names = compare_names(one.names, other.names, scale)
    birth = compare_birth(one.birth, other.birth, scale)
    if birth and identifiers.same == Standing.SOUND and birth[1] > 0:
        birth = "birth.in_number", 0  # a sound number holds the date already
    phone = compare_phones(one.phones, other.phones, scale)
    sex = compare_sex(one.sex, other.sex)
    mothers = _mothers(one, other, scale)
    single = [reason for reason in (birth, sex, phone) if reason]
    weight = names.weight
    for _, more in (*identifiers.reasons, *single, *mothers):
        weight += more
    if weight + W.place_most < least:
        return None
    places = compare_places(one.places, other.places, scale)
    excess = _household_excess(names, phone, places)
    weight += sum(more for _, more in places) - excess
    if weight < least:
        return None
    reasons = [*identifiers.reasons, *names.reasons, *single, *mothers, *places]
    if excess:
        reasons.append(("household.bound", -excess))
    outcome = _Outcome(names, birth[0] if birth else "", sex[0] if sex else "", _in_touch(phone, places))
    held = _always_held(one, other, outcome.birth, scale)
    if identifiers.contradiction:
        held.append("contradiction")
    if identifiers.same < Standing.PLAIN:
        held += _held(one, other, outcome, year)
    return Weighed(weight, reasons, held)


class _Outcome(NamedTuple):
    """What the rules that hold back look at: how names compare, the codes of birth and sex, phone or address shared."""

    names: NamesFound
    birth: str
    sex: str
    in_touch: bool


def _namesakes(names: NamesFound) -> bool:
    return names.family in AGREEING and names.given in AGREEING


def _in_touch(phone: Found | None, places: list[Found]) -> bool:
    """Tell whether phone or address speak for one person."""
    return (phone is not None and phone[1] > 0) or sum(weight for _, weight in places) > 0


def _household_excess(names: NamesFound, phone: Found | None, places: list[Found]) -> int:
    """What surname, phone and address together say too much of people whose given names differ: they are a family."""
    if names.given in AGREEING:
        return 0
    family = next((weight for code, weight in names.reasons if code.startswith("family.")), 0)
    shared = max(family, 0) + max((phone or ("", 0))[1], 0) + max(sum(weight for _, weight in places), 0)
    return max(0, shared - W.household_most)


def _held(one: Features, other: Features, outcome: _Outcome, year: int) -> list[str]:
    """Rules that only a shared identifier overrules."""
    names, birth, held = outcome.names, outcome.birth, []
    if one.newborn != other.newborn:
        held.append("newborn")  # the child has a name by now; whose it is, a person looks up
    if not one.newborn and not other.newborn and not names.reasons:
        held.append("no_name")
    if birth in ("birth.different", "birth.partial_different") and _may_be_kin(one, other, names):
        held.append("birth")
    if names.given == "different" and names.family in AGREEING and birth in ("birth.same", "birth.slip"):
        held += ["twins"] * _may_be_twins(one, other, year)
    if outcome.sex == "sex.different" and not (birth == "birth.same" and _namesakes(names)):
        held.append("sex")
    if names.family == "different" and not outcome.in_touch:
        held.append("family")
    return held


def _may_be_twins(one: Features, other: Features, year: int) -> bool:
    """Tell whether people of one surname and birth date with other given names may be two.

    Grown up they have addresses of their own; but in China the id card keeps that of the parents for long, and its name
    is copied from the card: another one is another person's.
    """
    born = max(one.birth, other.birth) // 1_00_00
    return year - born < W.grown_up_years or (_in_characters(one) and _in_characters(other))


def _in_characters(one: Features) -> bool:
    return any(name.han_given for name in one.names)


def _may_be_kin(one: Features, other: Features, names: NamesFound) -> bool:
    """Tell whether people born on different days may be two of one family: unless only the date was written wrong."""
    years = abs(one.birth // 1_00_00 - other.birth // 1_00_00)
    return not _namesakes(names) or W.generation[0] <= years <= W.generation[1]


def _always_held(one: Features, other: Features, birth: str, scale: Scale) -> list[str]:
    """Rules that nothing overrules."""
    held = []
    if one.order and other.order and one.order != other.order:
        held.append("birth_order")
    for child, grown in ((one, other), (other, one)):
        if child.newborn and not grown.newborn and birth not in ("birth.same", "birth.slip"):
            held += ["mother_of_newborn"] * _may_be(child.mothers, grown, scale)
    if one.newborn and other.newborn:
        ordered = one.order and one.order == other.order  # else two of one mother may be twins
        if not ordered or not _namesakes(compare_names(one.mothers, other.mothers, scale)):
            held.append("newborns")
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

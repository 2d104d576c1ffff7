"""The parameters of matching: one set for all data (docs/adr/0020-patient-matching.md says where each is from).

Weights are tenths of a bit: ten times the binary logarithm of how much likelier an outcome is between two
registrations of one person than between registrations of two. What depends on how frequent a value is, is worked out
from the index; here are the assumptions that it starts from. Nothing here depends on a data set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rarity:
    """Weight of agreeing on a value: log2(``sure`` / share).

    The share in an index of n is (count + prior) / (n + prior / share0): ``share0`` is that of a value never seen,
    ``prior`` how many sightings it is worth. ``sure``: how often one person's registrations agree. ``most`` bounds the
    weight.
    """

    sure: float
    share0: float
    prior: float
    most: int


@dataclass(frozen=True, slots=True)
class Weights:
    """All parameters, in tenths of a bit where nothing else is said."""

    # Names. Shares: 2020 report on names (户籍人口), 王 is 7.2 %, a given name in the middle of the list 0.02 %.
    family: Rarity = Rarity(0.92, 1 / 1000, 2, 120)
    given: Rarity = Rarity(0.88, 1 / 2000, 2, 130)
    family_different: int = -35
    given_different: int = -40
    half_given: int = -15  # one of two characters or words the same: brothers and sisters often share one
    initial: int = 15
    swapped: int = -10
    subset_share: float = 0.75
    similar_share: float = 0.6
    middle_share: float = 0.4  # called by the second of two names
    sound_share: float = 0.35
    han_bonus: int = 10
    # Birth date: 25,000 days are about equally likely.
    birth: Rarity = Rarity(0.95, 1 / 25_000, 1, 145)
    birth_slip: int = 50
    birth_two_parts: int = 25
    birth_different: int = -65
    birth_year: int = 55
    birth_month: int = 90
    birth_partial_different: int = -55
    sex_same: int = 9
    sex_different: int = -50
    # Contact. A phone that few share says much, one that many share nothing.
    phone: int = 120
    phone_halved: int = 30
    phone_slip: int = 40
    phone_different: int = -5
    street: Rarity = Rarity(0.7, 1 / 5000, 1, 90)
    city: Rarity = Rarity(0.8, 1 / 300, 1, 60)
    postcode: Rarity = Rarity(0.75, 1 / 1000, 1, 70)
    house_same: int = 30
    house_different: int = -10
    part_different: int = -10
    place_most: int = 140
    place_least: int = -25
    household: int = 4  # registrations at one address from which on it says less: a hall of residence says little
    household_most: int = 140  # surname, address and phone together, of people whose given names differ
    # Identifiers.
    identifier_sound: int = 240
    identifier_plain: int = 190
    identifier_weak: int = 80
    identifier_slip: int = 50
    national_different: int = -60
    contradiction: int = -100
    record_number_different: int = -10
    mother_same: int = 60
    mother_different: int = -30
    mother_identifier: int = 80
    # Decision: beyond what the size of the index asks for.
    match: int = 66  # 99 in 100 such pairs are one person
    possible: int = -30  # one in nine
    least_size: int = 10_000
    grown_up_years: int = 25
    generation: tuple[int, int] = (15, 50)  # years between people of one name and address who may be parent and child


WEIGHTS: Final = Weights()

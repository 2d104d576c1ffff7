"""What is a match, a possible one, none: the rules that no likeness may overrule."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.persons import CARD, HOME, NAMESAKES_CARD, NOBODY, OTHER_CARD, WANG, chinese, codes, compared, latin
from xinglin.service.basic.patient_index.blocks import Blocks
from xinglin.service.basic.patient_index.comparing import Scale, key_of
from xinglin.service.basic.patient_index.features import features
from xinglin.service.basic.patient_index.model import (
    Address,
    Grade,
    Identifier,
    IdentifierKind,
    Mother,
    Name,
    Sex,
    Traits,
)
from xinglin.service.basic.patient_index.rules import decide
from xinglin.service.basic.patient_index.weights import WEIGHTS

PHONE = {"phones": ("13800138001",)}
BORN = 1990_03_07


def baby(text: str, birth: int = 2026_02_01, **more: object) -> Traits:
    """Return a newborn without a name."""
    return Traits(names=(Name(text=text),), birth=birth, **HOME, **more)  # type: ignore[arg-type]


@pytest.mark.requirement("H1")
def test_one_card_and_one_name_are_one_person_whatever_else_differs() -> None:
    moved = replace(WANG, phones=(), addresses=())
    found = compared(WANG, moved)
    assert found.grade is Grade.MATCH
    assert "identifier.same_sound" in codes(found)


@pytest.mark.requirement("H1")
def test_different_sound_cards_are_never_matched_by_themselves() -> None:
    other = replace(WANG, identifiers=(Identifier(IdentifierKind.ID_CARD, NAMESAKES_CARD),))
    found = compared(WANG, other)
    assert found.grade is Grade.POSSIBLE
    assert {"identifier.contradiction", "held.contradiction"} <= codes(found)


def test_a_mistyped_card_is_no_key_and_no_contradiction() -> None:
    wrong = CARD[:-1] + ("0" if CARD[-1] != "0" else "1")
    mistyped = chinese("赵雷", 1970_01_02, card=wrong)
    assert compared(chinese("钱多", 1960_05_06, card=wrong), mistyped).grade is Grade.NONE
    same = replace(WANG, identifiers=(Identifier(IdentifierKind.ID_CARD, wrong),))
    found = compared(WANG, same)
    assert found.grade is Grade.MATCH
    assert "identifier.slip" in codes(found)


def test_a_card_under_another_name_is_looked_at() -> None:
    assert compared(WANG, chinese("赵雷", BORN, card=CARD, sex=Sex.MALE)).grade is Grade.POSSIBLE


def test_a_child_under_the_card_of_its_mother_is_not_its_mother() -> None:
    mother = chinese("王芳", 1985_06_12, card=OTHER_CARD, **HOME)
    child = chinese("李小明", 2020_05_01, card=OTHER_CARD, **HOME)
    assert compared(mother, child).grade is Grade.NONE


@pytest.mark.parametrize(
    "other",
    [
        latin("Wang", "Fang", BORN, **HOME),  # type: ignore[arg-type]
        latin("Fang", "Wang", BORN, **HOME),  # type: ignore[arg-type]
        replace(chinese("王芳", BORN, **HOME), birth=1990_07_03),
        replace(chinese("王芳", BORN, **PHONE), birth=1990_00_00),
        chinese("王芳", BORN),
    ],
    ids=["pinyin", "turned", "day and month", "year", "name and date alone"],
)
@pytest.mark.requirement("H1")
def test_without_a_card_the_rest_may_be_enough(other: Traits) -> None:
    found = compared(replace(WANG, identifiers=(), sex=Sex.UNKNOWN), other)
    assert found.grade >= (Grade.MATCH if other.phones else Grade.POSSIBLE)


def test_twins_are_not_matched() -> None:
    one, other = (chinese(name, 2015_04_05, sex=Sex.MALE, **HOME) for name in ("李子轩", "李浩然"))
    found = compared(one, other)
    assert found.grade is Grade.POSSIBLE
    assert "held.twins" in codes(found)
    ordered = compared(replace(one, birth_order=1), replace(one, birth_order=2))
    assert ordered.grade is Grade.NONE
    assert "held.birth_order" in codes(ordered)


def test_a_grown_up_whose_first_name_was_replaced_is_matched() -> None:
    address = HOME["addresses"]
    one, other = (latin("Waller", name, 1960_04_05, addresses=address) for name in ("Luke", "Mia"))
    assert compared(one, other).grade is Grade.MATCH
    assert compared(replace(one, birth=2010_04_05), replace(other, birth=2010_04_05)).grade is Grade.POSSIBLE


def test_a_son_who_has_his_fathers_name_is_looked_at() -> None:
    father, son = (latin("Waller", "John", birth, **HOME) for birth in (1950_04_05, 1981_09_17))  # type: ignore[arg-type]
    found = compared(father, son)
    assert found.grade is Grade.POSSIBLE
    assert "held.birth" in codes(found)


def test_another_sex_and_not_quite_the_same_birth_date_is_looked_at() -> None:
    one = chinese("王芳", 1990_03_07, sex=Sex.FEMALE, **HOME)
    other = replace(one, birth=1990_03_17, sex=Sex.MALE)
    found = compared(one, other)
    assert (found.grade, "held.sex" in codes(found)) == (Grade.POSSIBLE, True)
    assert compared(one, replace(one, sex=Sex.MALE)).grade is Grade.MATCH


def test_another_surname_with_nothing_but_the_birth_date_is_looked_at() -> None:
    one, other = (chinese(name, 1996_10_01, sex=Sex.MALE) for name in ("陶浩然", "田浩然"))
    found = compared(one, other)
    assert (found.grade, "held.family" in codes(found)) == (Grade.POSSIBLE, True)


def test_lines_of_an_address_in_the_other_order_are_one_address_from_both_sides() -> None:
    blocks = Blocks()
    for number in range(50):
        blocks.add(number.to_bytes(16, "big"), features(Traits(addresses=(Address(f"{number} Mill Lane"),))))
    one, other = (
        Traits(addresses=(Address(lines),)) for lines in ("Rose Cottage\nMill Lane", "Mill Lane\nRose Cottage")
    )
    there, back = (decide(features(a), features(b), blocks, 2026) for a, b in ((one, other), (other, one)))
    assert there.score == back.score
    assert "street.same" in codes(there) & codes(back)


def test_a_household_is_not_one_person() -> None:
    wife = chinese("李娜", 1991_11_23, sex=Sex.FEMALE, **HOME)
    assert compared(replace(WANG, identifiers=()), wife).grade is Grade.NONE


@pytest.mark.parametrize("name", ["王芳之子", "王芳之女", "王芳之婴", "王芳女婴"])
@pytest.mark.requirement("H1")
def test_a_newborn_is_never_its_mother(name: str) -> None:
    mother = chinese("王芳", 1990_03_07, card=CARD, **HOME)
    card = (Identifier(IdentifierKind.ID_CARD, CARD),)
    for child in (baby(name), baby(name, identifiers=card), baby(name, birth=0, identifiers=card)):
        assert compared(mother, child).grade is Grade.NONE
        assert compared(child, mother).grade is Grade.NONE


def test_newborns_of_one_mother_are_told_apart_by_their_order() -> None:
    assert compared(baby("王芳之子1"), baby("王芳之子2")).grade is Grade.NONE
    assert compared(baby("王芳之子1"), baby("王芳之子1")).grade is Grade.MATCH
    assert compared(baby("王芳之子"), baby("王芳之子")).grade is Grade.POSSIBLE  # may be twins
    assert compared(baby("王芳之子1"), baby("刘梅之子1")).grade is not Grade.MATCH


def test_a_newborn_that_has_a_name_by_now_is_looked_at() -> None:
    named = chinese("李小明", 2026_02_01, sex=Sex.MALE, mother=Mother((Name(text="王芳"),)), **HOME)
    found = compared(baby("王芳之子"), named)
    assert found.grade is Grade.POSSIBLE
    assert "held.newborn" in codes(found)


def test_a_phone_that_many_share_says_nothing() -> None:
    class Crowd:
        size = 1_000_000

        def count(self, key: int) -> int:
            return 400 if key == key_of("p", "13800138001") else 1

    assert Scale(Crowd()).phone("13800138001") == 0
    assert Scale(Crowd()).phone("13900139001") == WEIGHTS.phone


def test_a_frequent_name_says_less_than_a_rare_one() -> None:
    class China:
        size = 1_000_000

        def count(self, key: int) -> int:
            return 72_000 if key == key_of("f", "wang") else 3

    assert Scale(China()).rarity("f", "wang") < 45
    assert Scale(China()).rarity("f", "ouyang") == WEIGHTS.family.most


def test_nobody_is_matched_by_dates_and_contact_alone() -> None:
    nameless = Traits(birth=BORN, sex=Sex.MALE, **HOME)  # type: ignore[arg-type]
    found = compared(nameless, WANG)
    assert found.grade is not Grade.MATCH
    assert compared(Traits(), Traits()).grade is Grade.NONE


def test_the_first_of_january_may_stand_for_the_year_alone() -> None:
    found = compared(latin("Waller", "John", 1950_01_01), latin("Waller", "John", 1950_09_17))
    assert "birth.year" in codes(found)
    assert features(Traits(birth=1900_01_01)).birth == 0


def test_reasons_add_up_to_the_score() -> None:
    found = compared(WANG, replace(WANG, identifiers=()))
    assert sum(reason.weight for reason in found.reasons) - Scale(NOBODY).asked == found.score

"""Identifiers: normal forms, check digits, what an identity number says of its holder."""

from __future__ import annotations

import pytest
from stdnum.cn import ric

from tests.support.persons import CARD
from xinglin.service.basic.patient_index.features import features
from xinglin.service.basic.patient_index.identifiers import Content, Known, Standing, longer, normal
from xinglin.service.basic.patient_index.model import Identifier, IdentifierKind, Sex, Traits

WEAK, PLAIN, SOUND = (int(one) for one in Standing)
KINDS = IdentifierKind


def known(kind: IdentifierKind, value: str, scope: str = "") -> Known:
    """Return an identifier in its normal form."""
    found = normal(Identifier(kind, value, scope))
    assert found is not None
    return found[0]


def test_a_15_digit_number_becomes_the_18_digit_one_of_the_same_card() -> None:
    # The example of GB 11643-1999, annex A.
    assert longer("110105491231002") == "11010519491231002X"
    assert ric.is_valid("11010519491231002X")
    old = known(KINDS.ID_CARD, "110105491231002")
    new = known(KINDS.ID_CARD, "11010519491231002x")
    assert (old.kind, old.value) == (new.kind, new.value)
    assert (old.standing, new.standing) == (PLAIN, SOUND)  # the short one had no check digit


def test_an_id_card_says_birth_date_and_sex() -> None:
    found = normal(Identifier(KINDS.ID_CARD, "11010519491231002X"))
    assert found is not None
    assert found[1] == Content(1949_12_31, int(Sex.FEMALE))


@pytest.mark.parametrize(
    "value",
    [
        "110105194912310021",  # check digit
        "11010519491331002X",  # month 13
        "98",
        "00010519491231002X",
        "1101054912310AB",
        "１１０１０５１９４９１２３１００２１",
    ],
)
def test_a_number_that_can_not_be_is_weak_evidence(value: str) -> None:
    assert known(KINDS.ID_CARD, value).standing == WEAK


@pytest.mark.parametrize("value", ["", " ", "无", "不详", "000000000000000000", "n/a", "1111", "－－"])
def test_a_placeholder_is_no_identifier(value: str) -> None:
    assert normal(Identifier(KINDS.ID_CARD, value)) is None
    assert normal(Identifier(KINDS.RECORD_NUMBER, value, "his")) is None


def test_full_width_and_separated_digits_are_the_same_number() -> None:
    wide = "".join(chr(ord(one) + 0xFEE0) for one in CARD)
    spaced = f"{CARD[:6]} {CARD[6:14]}-{CARD[14:]}"
    assert known(KINDS.ID_CARD, wide) == known(KINDS.ID_CARD, spaced) == known(KINDS.ID_CARD, CARD)


def test_a_social_security_number_that_is_an_id_card_counts_as_one() -> None:
    for kind in (KINDS.INSURANCE, KINDS.HEALTH_CARD, KINDS.OTHER):
        assert known(kind, CARD, "urn:any").kind == KINDS.ID_CARD
    assert known(KINDS.INSURANCE, "A1234567").kind == KINDS.INSURANCE


def test_permits_are_told_by_their_beginning_and_cut_to_what_stays() -> None:
    body = "810000199003070011"[:17]
    permit = body + ric.calc_check_digit(body + "0")
    assert known(KINDS.ID_CARD, permit).kind == KINDS.RESIDENCE_PERMIT
    body = "911156199003070011"[:17]
    assert known(KINDS.ID_CARD, body + ric.calc_check_digit(body + "0")).kind == KINDS.PERMANENT_RESIDENCE
    assert known(KINDS.PERMANENT_RESIDENCE, "USA110056011601").standing == PLAIN
    # The last two digits count the cards that were issued: a renewed permit is the same person's.
    first, renewed = (known(KINDS.HONG_KONG_MACAO_PERMIT, value) for value in ("H1234567801", "h12345678 02"))
    assert first == renewed
    assert known(KINDS.HONG_KONG_MACAO_PERMIT, "X12345678").standing == WEAK
    assert known(KINDS.TAIWAN_PERMIT, "12345678").standing == PLAIN


def test_a_taiwan_id_is_checked_and_says_sex_alone() -> None:
    found = normal(Identifier(KINDS.TAIWAN_ID, "A123456789"))  # the one of the Ministry's examples
    assert found is not None
    assert found == (Known(int(KINDS.TAIWAN_ID), "", "A123456789", SOUND), Content(0, int(Sex.MALE)))
    assert known(KINDS.TAIWAN_ID, "A123456788").standing == WEAK
    assert known(KINDS.TAIWAN_ID, "A223456781").standing == SOUND


@pytest.mark.parametrize(
    ("birth", "sex", "standing"),
    [
        (1990_03_07, Sex.MALE, SOUND),
        (1990_00_00, Sex.UNKNOWN, SOUND),
        (1990_07_03, Sex.MALE, PLAIN),  # day and month turned
        (1990_03_07, Sex.FEMALE, PLAIN),
        (1990_03_17, Sex.MALE, PLAIN),  # one digit
        (1990_03_17, Sex.FEMALE, WEAK),
        (2020_05_01, Sex.MALE, WEAK),  # a child under the card of a parent
    ],
)
def test_a_card_is_trusted_as_far_as_it_agrees_with_what_was_stated(birth: int, sex: Sex, standing: int) -> None:
    found = features(Traits(identifiers=(Identifier(KINDS.ID_CARD, CARD),), birth=birth, sex=sex))
    assert [one.standing for one in found.identifiers] == [standing]


def test_a_card_fills_in_what_was_not_stated() -> None:
    found = features(Traits(identifiers=(Identifier(KINDS.ID_CARD, CARD),)))
    assert (found.birth, found.sex) == (1990_03_07, Sex.MALE)

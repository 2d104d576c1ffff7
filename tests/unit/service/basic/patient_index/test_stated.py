"""What people state of whom they look for: lines and FHIR, bounded; anything else is refused with the reason."""

from __future__ import annotations

import re

import pytest

from xinglin.service.basic.patient_index.errors import NotAPatient, StatedInvalid, TraitsInvalid
from xinglin.service.basic.patient_index.model import Identifier, IdentifierKind, Name, Sex
from xinglin.service.basic.patient_index.stated import MAX_BYTES, stated_traits


def test_lines_in_both_languages() -> None:
    traits = stated_traits(
        "姓名：王芳\n出生日期: 1990年3月7日\n性别: 女\n\nphone: 13800138001\npassport: E123\n".encode()
    )
    assert traits.names == (Name(text="王芳"),)
    assert (traits.birth, traits.sex, traits.phones) == (1990_03_07, Sex.FEMALE, ("13800138001",))
    assert traits.identifiers == (Identifier(IdentifierKind.PASSPORT, "E123"),)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("11010119900307451X", IdentifierKind.ID_CARD),
        ("110101900307451", IdentifierKind.ID_CARD),
        ("A123456789", IdentifierKind.TAIWAN_ID),
        ("K-77", IdentifierKind.OTHER),
    ],
)
def test_an_identifier_is_told_by_its_form(value: str, kind: IdentifierKind) -> None:
    assert stated_traits(f"identifier: {value}".encode()).identifiers == (Identifier(kind, value),)


@pytest.mark.parametrize(
    ("text", "birth"),
    [("1990", 1990_00_00), ("1990-03", 1990_03_00), ("19900307", 1990_03_07), ("1990/3/7", 1990_03_07)],
)
def test_as_much_of_a_date_as_is_known(text: str, birth: int) -> None:
    assert stated_traits(f"birth: {text}".encode()).birth == birth


def test_a_latin_name_is_looked_for_with_the_surname_first_and_last() -> None:
    assert stated_traits(b"name: Chen Chia Lin").names == (Name(text="Chen Chia Lin"), Name("Chen", "Chia Lin"))
    assert stated_traits(b"name: Chen, Chia Lin").names == (Name(text="Chen, Chia Lin"),)


def test_a_fhir_patient() -> None:
    traits = stated_traits(b'{"resourceType": "Patient", "name": [{"text": "Wang"}], "birthDate": "1990-03"}')
    assert (traits.names[0].text, traits.birth) == ("Wang", 1990_03_00)


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"", StatedInvalid),
        (b"name:\nbirth:\n", StatedInvalid),
        (b"name Wang", StatedInvalid),
        (b"colour: blue", StatedInvalid),
        (b"name: Wang\nbirth: spring", StatedInvalid),
        (b"name: Wang\nsex: ?", StatedInvalid),
        (b"sex: male", StatedInvalid),
        (b"name: \xff", StatedInvalid),
        (b"{", StatedInvalid),
        (b'{"a":' * 20_000, StatedInvalid),
        (b'{"resourceType": "Observation"}', NotAPatient),
        (b"name: " + b"x" * 600, TraitsInvalid),
        (b"name: Wang\n" + b" " * MAX_BYTES, StatedInvalid),
    ],
)
def test_what_can_not_be_read_is_refused(data: bytes, refusal: type[Exception]) -> None:
    with pytest.raises(refusal) as caught:
        stated_traits(data)
    if isinstance(caught.value, StatedInvalid):
        said = caught.value.sentence("zh")
        assert "?" not in said
        assert not re.search(r"[a-z]+ [a-z]+", said), "the reason is in the language of the sentence"

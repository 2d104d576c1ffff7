"""Traits made comparable: what two registrations are weighed by (docs/spec/patient-index.md, PI7 to PI17).

Pure. ``features`` levels spelling and form and looks into identity numbers; the same traits always give the same
features, and features of what was levelled already change nothing. They are packed in memory, so they hold short
strings.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from xinglin.service.basic.patient_index.identifiers import NATIONAL, Content, Known, Standing, is_date, normal
from xinglin.service.basic.patient_index.model import Address, Identifier, IdentifierKind, Name, Sex, Traits, Value
from xinglin.service.basic.patient_index.names import NameKey, Newborn, latin, name_keys

MAX_EACH: Final = 4
"""How many names, phones, addresses of one registration are looked at."""
MAX_IDENTIFIERS: Final = 12


class Place(Value, frozen=True):
    """An address ready to be compared; ``street`` without number and spaces, ``more`` further lines of it."""

    street: str = ""
    more: str = ""
    number: str = ""
    city: str = ""
    postcode: str = ""


class Features(Value, frozen=True):
    """What a registration is compared by.

    ``newborn`` is 1 where the name only says whose baby it is; ``mothers`` are then and otherwise the mother's names.
    """

    names: tuple[NameKey, ...] = ()
    birth: int = 0
    sex: int = 0
    identifiers: tuple[Known, ...] = ()
    phones: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    newborn: int = 0
    mothers: tuple[NameKey, ...] = ()
    mother_identifiers: tuple[Known, ...] = ()
    order: int = 0


def features(traits: Traits) -> Features:
    """Return what a registration is compared by."""
    names, baby = _names(traits.names)
    mothers, _ = _names(traits.mother.names)
    birth = usable_date(traits.birth)
    sex = int(traits.sex) or (baby.sex if baby else 0)
    identifiers, inside = _identifiers(traits.identifiers, birth, sex)
    if baby:
        inside = Content()  # a newborn has no card: it is the mother's
    return Features(
        names=names,
        birth=birth or inside.birth,
        sex=sex or inside.sex,
        identifiers=identifiers,
        phones=_distinct(phone(one) for one in traits.phones),
        places=tuple(place for place in map(_place, traits.addresses[:MAX_EACH]) if place != _NOWHERE),
        newborn=int(baby is not None),
        mothers=(baby.mother,) if baby and baby.mother != _NO_NAME else mothers,
        mother_identifiers=_identifiers(traits.mother.identifiers, 0, 0)[0],
        order=traits.birth_order or (baby.order if baby else 0),
    )


_NOWHERE: Final = Place()
_NO_NAME: Final = NameKey()


_NO_DATE: Final = 1900_01_01  # what registers write when they know nothing


def usable_date(value: int) -> int:
    """Return a date with what of it can be one: a day that is none is not known, a month likewise."""
    year, month, day = value // 1_00_00, value // 1_00 % 1_00, value % 1_00
    if not 1850 <= year <= 2200 or value == _NO_DATE:
        return 0
    if not 1 <= month <= 12:
        return year * 1_00_00
    return value if is_date(value) else year * 1_00_00 + month * 1_00 if day else value


def phone(text: str) -> str:
    """Return a phone number's last digits, without country code, trunk zero, extension; empty for a placeholder.

    Eleven digits hold a number of the mainland with its area code; of others as much as there is.
    """
    digits = re.sub(r"\D", "", re.split(r"(?i)ext|x|转|轉|#", unicodedata.normalize("NFKC", text))[0])
    digits = re.sub(r"^(?:00)?(?:86|886|852|853)(?=\d{8,11}$)", "", digits).lstrip("0")[-11:]
    return digits if len(digits) >= 6 and len(set(digits)) > 2 else ""


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))[:MAX_EACH]


def _names(stated: Sequence[Name]) -> tuple[tuple[NameKey, ...], Newborn | None]:
    """The names, those of a placeholder left out, and the placeholder."""
    found: dict[NameKey, None] = {}
    baby: Newborn | None = None
    for name in stated[:MAX_EACH]:
        for key in name_keys(name):
            if isinstance(key, Newborn):
                baby = baby or key
            elif key.family or key.given:
                found[key] = None
    return ((), baby) if baby else (tuple(found)[:MAX_EACH], None)


def _identifiers(stated: Sequence[Identifier], birth: int, sex: int) -> tuple[tuple[Known, ...], Content]:
    """Identifiers in normal form, each with the standing that its agreement with birth and sex leaves it."""
    found: dict[tuple[int, str, str], Known] = {}
    inside = Content()
    for one in stated[:MAX_IDENTIFIERS]:
        made = normal(one)
        if made is None:
            continue
        known, content = made
        standing = min(known.standing, crossed(content, birth, sex))
        kept = Known(known.kind, known.scope, known.value, standing)
        if standing and (content.birth or content.sex):
            inside = Content(inside.birth or content.birth, inside.sex or content.sex)
        found.setdefault((kept.kind, kept.scope, kept.value), kept)
    return tuple(found.values()), inside


def crossed(content: Content, birth: int, sex: int) -> int:
    """Return how far an identity number may be trusted beside the stated birth date and sex.

    It stays sound where both agree or are not known, is plain where one is off by a slip, weak where it is another's.
    """
    same_sex = not content.sex or sex not in (Sex.MALE, Sex.FEMALE) or content.sex == sex
    if not content.birth or not birth or _agrees(content.birth, birth):
        return int(Standing.SOUND if same_sex else Standing.PLAIN)
    return int(Standing.PLAIN if slip(content.birth, birth) and same_sex else Standing.WEAK)


def _agrees(full: int, partial: int) -> bool:
    if partial % 1_00_00 == 0:
        return full // 1_00_00 == partial // 1_00_00
    return full // 1_00 == partial // 1_00 if partial % 1_00 == 0 else full == partial


def slip(one: int, other: int) -> bool:
    """Tell whether two full dates differ by one digit, or by day and month put the other way round."""
    if parts_different(one, other) == 1:
        return sum(a != b for a, b in zip(f"{one:08}", f"{other:08}", strict=True)) == 1
    turned = one // 1_00_00 * 1_00_00 + one % 1_00 * 1_00 + one // 1_00 % 1_00
    return turned == other


def parts_different(one: int, other: int) -> int:
    """Return how many of year, month and day differ."""
    year = one // 1_00_00 != other // 1_00_00
    return year + (one // 1_00 % 1_00 != other // 1_00 % 1_00) + (one % 1_00 != other % 1_00)


_NUMBER = re.compile(r"\d+[a-z]?(?:[-/之]\d+)*")
_POSTCODE = re.compile(r"[^0-9a-z]+")


def _place(address: Address) -> Place:
    """An address: numbers apart, everything in lower case without spaces and punctuation."""
    lines = unicodedata.normalize("NFKC", address.line).lower().splitlines() or [""]
    street, more = (_level(_NUMBER.sub(" ", line)) for line in (lines[0], " ".join(lines[1:])))
    postcode = _POSTCODE.sub("", unicodedata.normalize("NFKC", address.postcode).lower())
    if len(set(postcode)) == 1:
        postcode = ""  # 000000
    return Place(
        street=(street or more)[:40],
        more=more[:40] if street else "",
        number=" ".join(_NUMBER.findall(lines[0]))[:24],
        city=(_level(address.city) or _level(address.district))[:32],
        postcode=postcode[:10],
    )


def _level(text: str) -> str:
    return latin(unicodedata.normalize("NFKC", text)).replace(" ", "")


def national(known: Known) -> bool:
    """Tell whether a state numbers persons by this."""
    return known.kind in NATIONAL


def record_number(known: Known) -> bool:
    """Tell whether it is a number that one source gives."""
    return known.kind == IdentifierKind.RECORD_NUMBER

"""Names, numbers and addresses of people in China who don't exist, drawn from a seed (``xinglin demo --localise zh``).

Deterministic: the same seed gives the same person. Identity numbers are valid in form, check digit and region, and end
in a sequence that the 15-digit numbers set aside for those over a hundred (996 to 999), so that hardly a living person
has one. Mobile numbers begin with 154, which no operator had been given when this was written.
"""

from __future__ import annotations

import uuid
from bisect import bisect
from datetime import date
from functools import cache
from importlib.resources import files
from itertools import accumulate
from typing import Final, NamedTuple

from stdnum.cn import ric

_NAMESPACE: Final = uuid.UUID("1d5b7f0c-6b0e-5c58-8f3a-0d3f5be4f5a2")
_TABLE: Final = "names_zh.tsv"
_MEN, _WOMEN = ("997", "999"), ("996", "998")


class Draw:
    """Numbers drawn from a seed: what is drawn depends on the seed and on what for, not on the order of drawing."""

    def __init__(self, seed: str) -> None:
        self._seed = seed

    def number(self, purpose: str, below: int) -> int:
        """Return a number from 0 on for one purpose."""
        return uuid.uuid5(_NAMESPACE, f"{self._seed}\x1f{purpose}").int % below

    def digits(self, purpose: str, count: int) -> str:
        """Return decimal digits, the first of which is not 0."""
        return str(10 ** (count - 1) + self.number(purpose, 9 * 10 ** (count - 1)))

    def part(self, purpose: str) -> Draw:
        """Return a draw of its own for a part of the whole, a contact of a patient for instance."""
        return Draw(f"{self._seed}\x1f{purpose}")


class Region(NamedTuple):
    """A county: code of GB/T 2260, first year in which the code was given, names, postcode."""

    code: str
    since: int
    province: str
    city: str
    county: str
    postcode: str


class ChineseName(NamedTuple):
    """Surname and given name in characters."""

    family: str
    given: str

    @property
    def whole(self) -> str:
        """The name as it is written."""
        return self.family + self.given


@cache
def _rows(kind: str) -> tuple[tuple[str, ...], ...]:
    lines = files(__package__).joinpath(_TABLE).read_text(encoding="utf-8").splitlines()
    return tuple(tuple(line.split("\t")[1:]) for line in lines if line.startswith(f"{kind}\t"))


@cache
def _regions() -> tuple[Region, ...]:
    return tuple(Region(code, int(since), *names) for code, since, *names in _rows("region"))


def name_of(draw: Draw, sex: str, year: int) -> ChineseName:
    """Return a name as people of a sex and a year of birth have it.

    Args:
        draw: of the person.
        sex: FHIR's code; other than ``male`` and ``female`` gets a name of either.
        year: of birth; 0 where it is unknown.
    """
    shares = list(accumulate(int(share) for _, share in _rows("surname")))
    family = _rows("surname")[bisect(shares, draw.number("surname", shares[-1]))][0]
    letter = {"male": "m", "female": "f"}.get(sex, "mf"[draw.number("sex", 2)])
    known = [(int(since), name) for of, since, name in _rows("given") if of == letter]
    times = sorted({since for since, _ in known})
    time = max((since for since in times if since <= (year or 1970)), default=times[0])
    usual = [name for since, name in known if since == time]
    return ChineseName(family, usual[draw.number("given", len(usual))])


def region_of(draw: Draw, year: int = 9999) -> Region:
    """Return a county whose code was in use in a year."""
    known = [one for one in _regions() if one.since <= year]
    return known[draw.number("region", len(known))]


def identity_number(draw: Draw, birth: date, sex: str) -> str:
    """Return an 18-digit resident identity number (GB 11643-1999, check digit by ISO 7064, MOD 11-2).

    Args:
        draw: of the person.
        birth: date of birth, from 1850 on.
        sex: FHIR's code; the 17th digit is odd for men.
    """
    ends = {"male": _MEN, "female": _WOMEN}.get(sex, _MEN + _WOMEN)
    region = region_of(draw.part("born"), birth.year)
    body = f"{region.code}{birth:%Y%m%d}{ends[draw.number('sequence', len(ends))]}"
    return body + ric.calc_check_digit(body + "0")


def mobile_number(draw: Draw) -> str:
    """Return a mobile number of a block that belongs to no operator."""
    return "154" + draw.digits("phone", 8)


def street_of(draw: Draw) -> str:
    """Return street, house, entrance and flat."""
    streets = _rows("street")
    street = streets[draw.number("street", len(streets))][0]
    floor, flat = 1 + draw.number("floor", 18), 1 + draw.number("flat", 4)
    house, entrance = 1 + draw.number("house", 300), 1 + draw.number("entrance", 6)
    return f"{street}{house}号{1 + draw.number('block', 30)}栋{entrance}单元{floor}{flat:02d}室"


def institution_of(draw: Draw) -> str:
    """Return the name of a medical institution, after the county in which it is."""
    houses = _rows("house")
    return f"{region_of(draw).county}{houses[draw.number('house', len(houses))][0]}"

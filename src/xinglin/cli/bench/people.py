"""Invented people for measuring the patient index: households with Chinese and Latin names, some registered twice.

Deterministic: the same seed gives the same people. Names are drawn as they are distributed (a few surnames are a
third of all); second registrations carry the slips that registers have: pinyin instead of characters, a mistyped
letter, day and month turned, another phone, no id card. Every person has a number by which matching can be judged. No
real person is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final

import msgspec

from xinglin.service.basic.patient_index.identifiers import longer
from xinglin.service.basic.patient_index.model import Address, Identifier, IdentifierKind, Name, Sex, Traits
from xinglin.service.basic.patient_index.names import pinyin, surname_reading

SEED: Final = 20260101
TWICE: Final = 0.2
"""Share of people who are registered a second time."""
_LATIN: Final = 0.2
_TWINS: Final = 0.015
_GROWN_UP: Final = 2001
_SURNAMES: Final = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪"
    "范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤单仇解查区朴盖缪翟乐"
)
_OF_SURNAMES: Final = tuple(accumulate(7.2 / (1 + place) ** 0.9 for place in range(len(_SURNAMES))))
_GIVEN: Final = (
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂兰玉华建国文辉红梅海燕鹏飞波宇浩然子轩梓涵欣怡佳琪思雨博雅诗琳嘉晨俊熙"
    "雪婷丹玲凤云志新春生荣福林德成龙庆祥立东晓光彬斌凯旋倩颖莹慧晶璐瑶"
)
_FAMILIES: Final = (
    "smith johnson williams brown jones garcia miller davis martinez lopez wilson anderson thomas taylor moore jackson "
    "martin lee thompson white harris clark lewis walker hall young king wright hill green adams baker nelson carter"
)
_FIRST: Final = (
    "james mary robert patricia john jennifer michael linda david elizabeth william barbara richard susan joseph "
    "thomas sarah charles karen daniel lisa matthew nancy anthony betty mark sandra donald ashley steven emily paul kim"
)
_STREETS: Final = "人民路 解放路 中山路 建设街 和平街 文三路 延安路 新华路 学院路 花园街"
_LATIN_STREETS: Final = ("Church Street", "Mill Lane", "Station Road", "Victoria Avenue", "Park Crescent")
_CITIES: Final = (
    ("110101", "北京市"),
    ("310104", "上海市"),
    ("440305", "深圳市"),
    ("330106", "杭州市"),
    ("510107", "成都市"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """One registration of somebody: who it is in truth, the source, the logical id there, the traits."""

    number: int
    source: bytes
    subject: bytes
    traits: Traits


def people(count: int, seed: int = SEED) -> Iterator[Person]:
    """Yield registrations of ``count`` persons, each second one soon after the first, until all are there."""
    random = Random(seed)  # noqa: S311 - invented people, no secret
    number = 0
    while number < count:
        for traits in _household(random)[: count - number]:
            yield Person(number, b"first", b"%d" % number, traits)
            if random.random() < TWICE:
                yield Person(number, b"second", b"%d" % number, _again(random, traits))
            number += 1


def _household(random: Random) -> list[Traits]:
    """People who live together: one address, mostly one phone, grown-ups of one time and their children."""
    latin = random.random() < _LATIN
    family = _family(random, latin=latin)
    place, phone = _address(random, latin=latin), _phone(random)
    born = 1925 + int(random.random() ** 0.8 * 75)
    sizes = (1, 1, 2, 2, 3, 3, 4, 5)
    found: list[Traits] = []
    for member in range(random.choice(sizes)):
        year = born + random.randint(-4, 4) if member < 2 else min(2025, born + 24 + random.randint(0, 14))
        name = _family(random, latin=latin) if member == 1 else family
        own = phone if random.random() < 0.4 else _phone(random)
        day = year * 1_00_00 + random.randint(1, 12) * 1_00 + random.randint(1, 28)
        found.append(_traits(random, name, day, place, own, found))
        if member >= 2 and random.random() < _TWINS:
            grown_up = latin and year < _GROWN_UP
            home = _address(random, latin=latin) if grown_up else place  # an id card keeps the parents' address
            found.append(_traits(random, name, day, home, own, found))
    return found


def _traits(random: Random, family: str, birth: int, place: Address, phone: str, others: list[Traits]) -> Traits:
    """Somebody new in a household; nobody is named as another one of it."""
    sex = random.choice((Sex.MALE, Sex.FEMALE))
    latin = family.isascii()
    if latin:
        free = [name for name in _FIRST.split() if all(name not in one.names[0].given for one in others)]
        given = " ".join(random.sample(free, 1 + (random.random() < 0.3)))
    else:
        given = "".join(random.choice(_GIVEN) for _ in range(1 if random.random() < 0.15 else 2))
    card = id_card(random, birth, sex)
    identifiers = (Identifier(IdentifierKind.ID_CARD, card),) if not latin and random.random() < 0.85 else ()
    name = Name(family, given) if latin else Name(text=family + given)
    return Traits(identifiers, (name,), birth, sex, (phone,), (place,))


def id_card(random: Random, birth: int, sex: Sex) -> str:
    """Return an 18-digit id card number with its check digit."""
    region = random.choice(_CITIES)[0]
    order = random.randrange(0, 1000, 2) + (sex is Sex.MALE)
    # The check digit is over 17 digits; `longer` puts the 19 of a century in, so that of 2000 is made by hand.
    short = longer(f"{region}{birth % 100_00_00:06d}{order % 1000:03d}")
    if birth < 2000_00_00:
        return short
    body = f"{region}{birth}{order % 1000:03d}"
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(body))
    return body + "10X98765432"[total % 11]


def _family(random: Random, *, latin: bool) -> str:
    if latin:
        return random.choice(_FAMILIES.split())
    return random.choices(_SURNAMES, cum_weights=_OF_SURNAMES)[0]


def _phone(random: Random) -> str:
    return f"1{random.choice('3578')}{random.randrange(10**9):09d}"


def _address(random: Random, *, latin: bool) -> Address:
    if latin:
        line = f"{random.randint(1, 400)} {random.choice(_LATIN_STREETS)}"
        return Address(line, city=f"Town {random.randint(1, 400)}", postcode=f"{random.randint(1000, 9999)}")
    region, city = random.choice(_CITIES)
    house = f"{random.randint(1, 900)}号{random.randint(1, 30)}栋{random.randint(101, 3206)}室"
    line = random.choice(_STREETS.split()) + house
    return Address(line, city=city, postcode=f"{region[:2]}{random.randint(0, 9999):04d}")


def _again(random: Random, first: Traits) -> Traits:
    """The same person in another register: one or two things differ, sometimes three."""
    traits = first
    for change in random.sample(_CHANGES, random.choice((0, 1, 1, 2, 2, 3))):
        traits = change(random, traits)
    return traits


def _without_card(_: Random, traits: Traits) -> Traits:
    return msgspec.structs.replace(traits, identifiers=())


def _in_pinyin(_: Random, traits: Traits) -> Traits:
    whole = traits.names[0].text
    if not whole:
        return traits
    return msgspec.structs.replace(traits, names=(Name(surname_reading(whole[0]), pinyin(whole[1:])),))


def _misspelt(random: Random, traits: Traits) -> Traits:
    name = traits.names[0]
    if len(name.given) < 4:
        return traits
    place = random.randrange(1, len(name.given))
    given = name.given[:place] + random.choice("abcdefghijklmnopqrstuvwxyz") + name.given[place + 1 :]
    return msgspec.structs.replace(traits, names=(Name(name.family, given),))


def _turned(random: Random, traits: Traits) -> Traits:
    year, month, day = traits.birth // 1_00_00, traits.birth // 1_00 % 1_00, traits.birth % 1_00
    turned = year * 1_00_00 + day * 1_00 + month if day <= 12 else traits.birth + random.choice((-1, 1)) * (day > 1)
    return msgspec.structs.replace(traits, birth=turned)


def _year_alone(_: Random, traits: Traits) -> Traits:
    return msgspec.structs.replace(traits, birth=traits.birth // 1_00_00 * 1_00_00)


def _other_phone(random: Random, traits: Traits) -> Traits:
    return msgspec.structs.replace(traits, phones=(_phone(random),) if random.random() < 0.8 else ())


def _moved(random: Random, traits: Traits) -> Traits:
    return msgspec.structs.replace(traits, addresses=(_address(random, latin=not traits.names[0].text),))


def _no_address(_: Random, traits: Traits) -> Traits:
    return msgspec.structs.replace(traits, addresses=())


_CHANGES: Final = (
    *(_without_card, _in_pinyin, _misspelt, _turned, _other_phone, _other_phone, _moved, _moved, _no_address),
    _year_alone,
)

"""Names made comparable: script told apart, Chinese read as pinyin, order and spelling levelled (H1).

Pure. A Chinese name is parted into surname (compound ones first) and given name, each read in pinyin, surnames by their
own table because the character alone misleads (单 is Shan, not Dan). Latin names lose case, accents and punctuation.
Names that only say whose baby it is are no names of the person.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise
from typing import Final

from xinglin.service.basic.patient_index.model import Name, Sex, Value
from xinglin.service.basic.patient_index.surnames import COMPOUND, READINGS, WADE_GILES


class NameKey(Value, frozen=True):
    """A name ready to be compared: Latin letters, given names parted by spaces; the characters of a Chinese one."""

    family: str = ""
    given: str = ""
    han_family: str = ""
    han_given: str = ""


class Newborn(Value, frozen=True):
    """What a placeholder says: the mother's name, the child's sex and its position in a multiple birth."""

    mother: NameKey
    sex: int = 0
    order: int = 0


_NO_DECOMPOSITION: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)
_UMLAUT = re.compile("\\b([ln])(?:ü|yu)(?=e?\\b)")  # Lü is lü, lyu or lv in Latin letters, never lu
_DOTS = re.compile("[·•‧・．.]")
_HAN: Final = (("\u3400", "\u4dbf"), ("\u4e00", "\u9fff"), ("\uf900", "\ufaff"), ("\U00020000", "\U0003ffff"))
_PREFIXES: Final = frozenset(("mr", "mrs", "ms", "miss", "dr", "prof", "sir", "madam", "rev"))
_SUFFIXES: Final = frozenset(("jr", "sr", "ii", "iii", "iv", "md", "phd"))
_ORDERS: Final = {
    **dict.fromkeys(("1", "a", "一", "甲", "长", "長", "大", "i", "one"), 1),
    **dict.fromkeys(("2", "b", "二", "乙", "次", "小", "ii", "two"), 2),
    **dict.fromkeys(("3", "c", "三", "丙", "iii", "three"), 3),
    **dict.fromkeys(("4", "d", "四", "丁", "four"), 4),
}
_HAN_BABY = re.compile(
    r"(?P<mother>.{2,6}?)(?:之(?P<before>[长長次大小一二三四]?)(?P<what>子|女|[男女]?[婴嬰][儿兒]?|[儿兒]子|女[儿兒]|宝宝?|[双雙]胞?胎)"
    r"|(?P<bare>[男女][婴嬰][儿兒]?|[婴嬰][儿兒]|新生[儿兒]|宝宝|毛毛))(?P<after>[1-4一二三四甲乙丙丁ABCDabcd大小]?)"
)
_LATIN_BABY = re.compile(
    r"(?:(?P<kind>baby|babe|infant|newborn|bb|b/o|twin|triplet)"
    r"(?:\s*(?P<sex>boy|girl|male|female))?(?:\s+(?P<order>[a-d1-4]|i{1,3}|one|two|three))?"
    r"|(?P<male>son)|(?P<female>daughter))(?:\s+of|/o)?(?:\s+(?P<mother>.+))?"
)
_ALONE: Final = frozenset(("baby", "babe", "infant", "newborn", "bb", "twin", "triplet", "b/o"))


def name_keys(name: Name) -> list[NameKey | Newborn]:
    """Return what one stated name says: up to two names, the Chinese one first, or a newborn's placeholder."""
    whole = _clean(name.text) or ""
    family, given = _clean(name.family), _clean(name.given)
    if is_han(family + given):
        return [_han_parts(family, given)]
    found: list[NameKey | Newborn] = []
    if is_han(whole):
        found.append(_han_whole(whole))
    elif whole and not (family or given):
        return [_latin_whole(whole)]
    if family or given:
        found.append(_latin_parts(family, given))
    return found


def is_han(text: str) -> bool:
    """Tell whether a text has Chinese characters."""
    return any(first <= character <= last for character in text for first, last in _HAN)


@lru_cache(maxsize=65536)
def pinyin(text: str) -> str:
    """Return the reading of Chinese characters without tones, syllables parted by spaces."""
    from pypinyin import lazy_pinyin  # noqa: PLC0415  (its dictionary takes longer to load than most commands to run)

    return " ".join(syllable.lower().replace("ü", "v") for syllable in lazy_pinyin(text) if syllable.strip())


def surname_reading(family: str) -> str:
    """Return the reading of a Chinese surname, in one word."""
    parts = (family,) if family in COMPOUND else tuple(family)
    return READINGS.get(family) or "".join(READINGS.get(part) or pinyin(part).replace(" ", "") for part in parts)


@lru_cache(maxsize=65536)
def latin(text: str) -> str:
    """Return a name in lower-case letters without accents, words parted by single spaces."""
    plain = unicodedata.normalize("NFKD", _UMLAUT.sub(r"\1v", text.casefold()).translate(_NO_DECOMPOSITION))
    kept = (" " if not one.isalnum() else one for one in plain if not unicodedata.combining(one) and one not in "'’`ʻ")
    return " ".join("".join(kept).split())


@lru_cache(maxsize=65536)
def sound(word: str) -> str:
    """Return how a word sounds, roughly: its consonant classes, runs told once, vowels dropped behind the first letter.

    Follows Soundex with the first letter put into its class too and with the sounds that southern speakers of Chinese
    don't part: zh/z, ch/c/q, sh/s/x, n/l, final n/ng, h/f.
    """
    coded = word.replace("ph", "f").replace("ng", "n").translate(_SOUNDS)
    kept = [coded[:1]] + [two for one, two in pairwise(coded) if two != one and two != "0"]
    return "".join(kept)[:6]


_SOUNDS: Final = str.maketrans(
    "aeiouvywhbfpcgjkqsxzdtlnmr" + " ",
    "000000000" + "111" + "22222222" + "33" + "44" + "5" + "6" + "0",
)


def _clean(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def _han_parts(family: str, given: str) -> NameKey | Newborn:
    family, given = _solid(family), _solid(given)
    baby = _han_baby(family + given)
    if baby is not None:
        return baby
    if not family or not given:
        return _han_whole(family + given)
    return _han_key(family, given)


def _han_whole(whole: str) -> NameKey | Newborn:
    dotted = [_solid(part) for part in _DOTS.split(whole) if part.strip()]
    if len(dotted) > 1:  # 阿不都·热合曼: own name, then the father's
        return _han_key(dotted[0], "".join(dotted[1:]))
    text = _solid(whole)
    baby = _han_baby(text)
    if baby is not None:
        return baby
    size = next((n for n in (4, 2) if text[:n] in COMPOUND and len(text) > n), 1)
    return _han_key(text[:size], text[size:])


def _han_key(family: str, given: str) -> NameKey:
    return NameKey(surname_reading(family), pinyin(given), family, given)


def _han_baby(text: str) -> Newborn | None:
    found = _HAN_BABY.fullmatch(text)
    if found is None:
        return None
    what = found["what"] or found["bare"]
    sex = Sex.FEMALE if "女" in what else Sex.MALE if "男" in what or what in ("子", "儿子", "兒子") else Sex.UNKNOWN
    order = _ORDERS.get((found["after"] or found["before"] or "").lower(), 0)
    mother = _han_whole(found["mother"])
    return Newborn(mother if isinstance(mother, NameKey) else NameKey(), int(sex), order)


def _latin_whole(whole: str) -> NameKey | Newborn:
    family, comma, given = whole.partition(",")
    if comma:
        return _latin_parts(family, given)
    baby = _latin_baby("", whole)
    if baby is not None:
        return baby
    words = _without_titles(latin(whole).split())
    return NameKey(words[-1] if words else "", syllables(words[:-1]))


def _latin_parts(family: str, given: str) -> NameKey | Newborn:
    baby = _latin_baby(family, given)
    if baby is not None:
        return baby
    words = _without_titles(latin(given).split())
    return NameKey("".join(syllables(_without_titles(latin(family).split())).split()), syllables(words))


def syllables(words: list[str]) -> str:
    """Return given names with syllables of Wade-Giles as pinyin has them, if short enough to be Chinese."""
    return " ".join([WADE_GILES.get(word, word) for word in words] if len(words) <= 2 else words)


def _latin_baby(family: str, given: str) -> Newborn | None:
    lowered = " ".join(_clean(given).lower().replace("-", " ").split())
    found = _LATIN_BABY.fullmatch(lowered)
    if found is None or (not found["mother"] and not family and lowered not in _ALONE):
        return None
    if (found["male"] or found["female"]) and " of " not in f" {lowered} ":
        return None
    named = found["mother"] or ""
    mother = _latin_parts(family, named) if family else _latin_whole(named) if named else NameKey()
    said = found["sex"] or ("male" if found["male"] else "female" if found["female"] else "")
    sex = {"boy": Sex.MALE, "male": Sex.MALE, "girl": Sex.FEMALE, "female": Sex.FEMALE}.get(said, Sex.UNKNOWN)
    order = _ORDERS.get(found["order"] or "", 0)
    return Newborn(mother if isinstance(mother, NameKey) else NameKey(), int(sex), order)


def _without_titles(words: list[str]) -> list[str]:
    kept = [word for word in words if word not in _PREFIXES and word not in _SUFFIXES]
    return kept or words


def _solid(text: str) -> str:
    return re.sub(r"[\s·•‧・．.,，]+", "", text)

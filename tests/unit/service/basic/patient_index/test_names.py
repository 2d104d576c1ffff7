"""Names: Chinese read as pinyin, Latin levelled, placeholders of newborns known for what they are."""

from __future__ import annotations

import pytest

from xinglin.service.basic.patient_index.comparing import family_level, given_level
from xinglin.service.basic.patient_index.model import Name, Sex
from xinglin.service.basic.patient_index.names import NameKey, Newborn, name_keys, sound


def key(text: str = "", family: str = "", given: str = "") -> NameKey:
    """Return the one name that was stated."""
    found = name_keys(Name(family, given, text))
    assert len(found) == 1
    assert isinstance(found[0], NameKey)
    return found[0]


@pytest.mark.parametrize(
    ("text", "family", "given"),
    [
        ("单雄信", "shan", "xiong xin"),  # dan by itself
        ("仇英", "qiu", "ying"),
        ("曾国藩", "zeng", "guo fan"),
        ("解缙", "xie", "jin"),
        ("万俟雪", "moqi", "xue"),
        ("欧阳明月", "ouyang", "ming yue"),
        ("司馬光", "sima", "guang"),
        ("吕布", "lv", "bu"),
        ("阿不都·热合曼", "abudou", "re he man"),
        ("王 小明", "wang", "xiao ming"),
    ],
)
def test_a_chinese_name_is_parted_and_read_as_a_name(text: str, family: str, given: str) -> None:
    assert (key(text).family, key(text).given) == (family, given)


@pytest.mark.parametrize(
    ("stated", "family", "given"),
    [
        ({"family": "Müller", "given": "Jörg-Peter"}, "muller", "jorg peter"),
        ({"text": "O'Brien, Mary Ann"}, "obrien", "mary ann"),
        ({"text": "Dr. Jane Smith MD"}, "smith", "jane"),
        ({"family": "Lü", "given": "Bu"}, "lv", "bu"),
        ({"family": "Lyu", "given": "Bu"}, "lv", "bu"),
        ({"family": "Hsieh", "given": "Chia-Ling"}, "xie", "jia ling"),  # Wade-Giles
        ({"family": "van der Berg", "given": "Jan"}, "vanderberg", "jan"),
    ],
)
def test_a_latin_name_is_levelled(stated: dict[str, str], family: str, given: str) -> None:
    found = key(**stated)
    assert (found.family, found.given) == (family, given)


def test_a_name_in_both_scripts_gives_both() -> None:
    found = name_keys(Name("Chen", "Chia Lin", "陳加玲"))
    assert found == [NameKey("chen", "jia ling", "陳", "加玲"), NameKey("chen", "jia lin")]


@pytest.mark.parametrize(
    ("stated", "mother", "sex", "order"),
    [
        ({"text": "王芳之子"}, ("wang", "fang"), Sex.MALE, 0),
        ({"text": "王芳之女2"}, ("wang", "fang"), Sex.FEMALE, 2),
        ({"text": "王芳之大女"}, ("wang", "fang"), Sex.FEMALE, 1),
        ({"text": "王芳之婴"}, ("wang", "fang"), Sex.UNKNOWN, 0),
        ({"text": "欧阳明月男婴"}, ("ouyang", "ming yue"), Sex.MALE, 0),
        ({"family": "王", "given": "芳之子甲"}, ("wang", "fang"), Sex.MALE, 1),
        ({"text": "Baby of Mary Smith"}, ("smith", "mary"), Sex.UNKNOWN, 0),
        ({"text": "Twin B of Ann Lee"}, ("lee", "ann"), Sex.UNKNOWN, 2),
        ({"family": "Smith", "given": "Baby Boy"}, ("smith", ""), Sex.MALE, 0),
        ({"family": "Jones", "given": "Baby Girl A"}, ("jones", ""), Sex.FEMALE, 1),
        ({"family": "Smith", "given": "B/O Mary"}, ("smith", "mary"), Sex.UNKNOWN, 0),
    ],
)
def test_a_newborns_placeholder_says_mother_sex_and_order(
    stated: dict[str, str], mother: tuple[str, str], sex: Sex, order: int
) -> None:
    found = name_keys(Name(**stated))
    assert len(found) == 1
    assert isinstance(found[0], Newborn)
    assert ((found[0].mother.family, found[0].mother.given), found[0].sex, found[0].order) == (mother, sex, order)


@pytest.mark.parametrize(
    "stated",
    [{"text": "王亚子"}, {"text": "李婴"}, {"family": "Kim", "given": "Son"}, {"family": "Boy", "given": "George"}],
)
def test_a_name_that_looks_like_a_placeholder_is_a_name(stated: dict[str, str]) -> None:
    assert isinstance(name_keys(Name(**stated))[0], NameKey)


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("jan", "jan", "same"),
        ("xiao ming", "xiaoming", "same"),
        ("mary", "mary ann", "subset"),
        ("ann", "mary ann", "middle"),
        ("m", "mary", "initial"),
        ("sarah", "saraoh", "similar"),
        ("catherine", "kathryn", "sound"),
        ("mary ann", "mary jane", "half"),
        ("luke", "mia", "different"),
        ("li", "lu", "different"),  # two letters are too few for a slip
        ("", "mia", ""),
    ],
)
def test_given_names_compare(one: str, other: str, level: str) -> None:
    assert given_level(NameKey("x", one), NameKey("x", other)) == level
    assert given_level(NameKey("x", other), NameKey("x", one)) == level


def test_characters_decide_where_both_are_known() -> None:
    wei, other_wei = key("王伟"), key("王薇")
    assert given_level(wei, other_wei) == "sound"
    assert given_level(wei, NameKey("wang", "wei")) == "same"
    assert given_level(key("王建国"), key("王建军")) == "half"
    assert family_level(key("李明"), key("黎明")) == "sound"
    assert family_level(key("章明"), key("张明")) == "sound"
    assert family_level(key("王明"), key("汪明")) == "sound"


def test_sounds_that_the_south_does_not_part_are_one() -> None:
    for one, other in (("zhang", "zang"), ("niu", "liu"), ("kathryn", "catherine"), ("min", "ming")):
        assert sound(one) == sound(other)
    assert sound("zhang") != sound("wang")

"""Chinese surnames: those of two characters, and those read otherwise than the character alone. Data, no code.

Sources: Baijiaxing (百家姓) for the compound surnames; for the readings Xiandai Hanyu Cidian (现代汉语词典), where it
marks one as that of a surname (姓).
"""

from __future__ import annotations

from typing import Final

COMPOUND: Final = frozenset((
    "欧阳", "上官", "皇甫", "令狐", "诸葛", "司徒", "司马", "司空", "司寇", "申屠", "夏侯", "贺兰", "完颜", "慕容",
    "尉迟", "长孙", "东方", "西门", "南宫", "端木", "公孙", "轩辕", "宇文", "独孤", "呼延", "澹台", "公冶", "宗政",
    "濮阳", "淳于", "单于", "太叔", "仲孙", "钟离", "鲜于", "闾丘", "亓官", "巫马", "公西", "漆雕", "乐正", "壤驷",
    "公良", "拓跋", "夹谷", "宰父", "谷梁", "段干", "百里", "东郭", "南门", "羊舌", "微生", "左丘", "梁丘", "东里",
    "第五", "公羊", "赫连", "万俟", "闻人", "子车", "颛孙", "司城", "南郭", "欧陽", "諸葛", "司馬", "東方", "西門",
    "南宮", "公孫", "軒轅", "獨孤", "澹臺", "濮陽", "鍾離", "鮮於", "尉遲", "長孫", "賀蘭", "萬俟", "爱新觉罗",
    "叶赫那拉",
))  # fmt: skip
"""Compound surnames (复姓), simplified and traditional."""

READINGS: Final = {
    "单": "shan", "單": "shan", "仇": "qiu", "曾": "zeng", "解": "xie", "查": "zha", "区": "ou", "區": "ou",
    "朴": "piao", "盖": "ge", "蓋": "ge", "缪": "miao", "繆": "miao", "翟": "zhai", "覃": "qin", "乐": "yue",
    "樂": "yue", "折": "she", "种": "chong", "種": "chong", "员": "yun", "員": "yun", "秘": "bi", "祕": "bi",
    "繁": "po", "洗": "xian", "能": "nai", "乜": "nie", "黑": "he", "卜": "bu", "句": "gou", "貟": "yun",
    "阚": "kan", "萬俟": "moqi", "尉遲": "yuchi", "澹臺": "tantai", "乐正": "yuezheng", "澹": "tan", "祭": "zhai",
}  # fmt: skip
"""Surnames that are read otherwise than the character by itself, in pinyin without tones; ü is written v."""

WADE_GILES: Final = {
    "chia": "jia", "chiang": "jiang", "chiao": "jiao", "chieh": "jie", "chien": "jian", "chih": "zhi",
    "chin": "jin", "ching": "jing", "chiu": "jiu", "chiung": "qiong",
    "chueh": "jue", "chung": "zhong", "hsi": "xi", "hsia": "xia",
    "hsiang": "xiang", "hsiao": "xiao", "hsieh": "xie", "hsien": "xian", "hsin": "xin", "hsing": "xing",
    "hsiu": "xiu", "hsiung": "xiong", "hsu": "xu", "hsuan": "xuan", "hsueh": "xue", "hsun": "xun",
    "jen": "ren", "jung": "rong", "kuo": "guo", "kung": "gong", "lieh": "lie", "lien": "lian",
    "lung": "long", "mien": "mian", "nien": "nian", "pien": "bian",
    "shih": "shi", "szu": "si", "ssu": "si", "tseng": "zeng", "tsai": "cai", "tsao": "cao", "tsui": "cui",
    "tsung": "zong", "tung": "dong", "tzu": "zi", "yeh": "ye", "yen": "yan", "yueh": "yue", "yung": "yong",
}  # fmt: skip
"""Syllables of Wade-Giles that pinyin does not have, as passports write them, without apostrophes."""

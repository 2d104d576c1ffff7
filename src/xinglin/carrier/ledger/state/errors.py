"""Refusals of the state tree (numbers 1150 to 1159)."""

from __future__ import annotations

from xinglin.kernel.errors import Invalid, NotFound


class TreeVersionUnknown(NotFound):
    """The tree has no such version: it was dropped, or the tree is closed."""

    code, number, clause = "state.version_unknown", 1150, "S9.1"
    en = "The state tree has no version {version}."
    zh = "状态树没有版本 {version}。"
    hint_en = "Pin the version that you need before others drop it."
    hint_zh = "请在版本被释放前先固定它。"


class TreeKeyDuplicate(Invalid):
    """A batch names a key twice, so that its result would depend on the order."""

    code, number, clause = "state.key_duplicate", 1151, "S9.1"
    en = "A key occurs twice in one batch of {keys} changes to the state tree."
    zh = "一批 {keys} 项状态树变更中有重复的键。"
    hint_en = "Keep the last change of each key."
    hint_zh = "每个键只保留最后一次变更。"

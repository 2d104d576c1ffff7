"""Findings about destroyed records (numbers 5850 to 5859)."""

from __future__ import annotations

from xinglin.kernel.errors import Integrity


class ShreddedUnordered(Integrity):
    """A record is marked as destroyed, and no confirmed order on the chain says so."""

    code, number, clause = "erasure.unordered", 5850, "S7.1f"
    en = "Record {record} was destroyed without a confirmed order on the chain."
    zh = "记录 {record} 已被销毁，但链上没有经确认的销毁指令。"
    hint_en = "Restore vault and keyring from a backup, and find out who did it."
    hint_zh = "请从备份恢复数据仓与密钥环，并查明责任人。"


class DestroyedStillHere(Integrity):
    """The chain certifies that a record is destroyed, and something of it is still here: a backup was put back."""

    code, number, clause = "erasure.still_here", 5851, "S7.1f"
    en = "Record {record} is certified as destroyed, but its {what} is still here."
    zh = "记录 {record} 已有销毁凭证，但其{what}仍在本节点。"
    hint_en = "Open the home for writing once: it destroys again what the chain says is destroyed."
    hint_zh = "请以写入方式打开一次节点：将按链上记载再次销毁。"

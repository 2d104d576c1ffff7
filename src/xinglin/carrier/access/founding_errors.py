"""Refusals of founding transactions (numbers 1281 to 1299)."""

from __future__ import annotations

from xinglin.kernel.errors import Invalid


class FoundingTransactionInvalid(Invalid):
    """A founding transaction is not what a founder signs to begin the chain."""

    code, number, clause = "founding.transaction", 1281, "S6.2c2"
    en = "Founding transaction {position} is not valid: {reason}."
    zh = "第 {position} 个创始事务无效：{reason}。"
    hint_en = "Its founder makes it again from this chain's genesis; see docs/spec/membership.md."
    hint_zh = "请由该创始成员按本链创世块重新生成；见 docs/spec/membership.md。"


class FoundingSetInvalid(Invalid):
    """The founding transactions together can't begin a chain."""

    code, number, clause = "founding.set", 1282, "S6.2c2"
    en = "The founding transactions can't begin the chain: {reason}."
    zh = "创始事务不能启动该链：{reason}。"
    hint_en = "At least one founder with a vote registers a validator; all of them fit into one block."
    hint_zh = "至少一个有表决权的创始成员须登记验证节点；全部事务须能放入一个区块。"

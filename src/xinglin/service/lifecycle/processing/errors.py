"""Refusals of the processing (numbers 5550 to 5579): rule files that an institution wrote.

Records are never refused here: every resource gets a label, and what a copy can't keep is left out.
"""

from __future__ import annotations

from xinglin.kernel.errors import Denied, Invalid, Unavailable


class RulesUnreadable(Unavailable):
    """A file of rules is there but can't be read, or is too large for one."""

    code, number, clause = "rules.unreadable", 5550, "S7.1c"
    en = "The rules in {file} can't be read: {reason}."
    zh = "无法读取规则文件 {file}：{reason}。"
    hint_en = "Nothing is labelled or copied by other rules meanwhile; put the file right or take it away."
    hint_zh = "在此期间不会以其他规则分级或制作副本；请修正或移走该文件。"


class RuleMalformed(Invalid):
    """A line of a file of rules is not a rule."""

    code, number, clause = "rules.malformed", 5551, "S7.1c"
    en = "Line {line} of {file} is not a rule: {reason}."
    zh = "{file} 第 {line} 行不是有效规则：{reason}。"
    hint_en = "docs/spec/labels.md, docs/spec/deidentification.md and docs/spec/intake.md explain each column."
    hint_zh = "各列说明见 docs/spec/labels.md、docs/spec/deidentification.md 与 docs/spec/intake.md。"


class RuleRepeated(Invalid):
    """Two lines of one file have the same rule id."""

    code, number, clause = "rules.repeated", 5552, "S7.1c"
    en = "Line {line} of {file} has the rule id '{rule}' of an earlier line."
    zh = "{file} 第 {line} 行的规则标识“{rule}”与前面的行重复。"
    hint_en = "Give each rule an id of its own."
    hint_zh = "请为每条规则使用唯一标识。"


class RuleLaxer(Denied):
    """A rule of an institution would protect less than the product's own."""

    code, number, clause = "rules.laxer", 5553, "S7.1c"
    en = "Line {line} of {file} would protect less than the rule that comes with Xinglin: {reason}."
    zh = "{file} 第 {line} 行的保护程度低于系统自带规则：{reason}。"
    hint_en = "An institution may raise levels, add special labels and remove more, not the reverse."
    hint_zh = "机构可提高级别、增加特殊标记或删除更多内容，反之不可。"

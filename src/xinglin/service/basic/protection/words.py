"""The rules, bases and copies in words for people, in English and Chinese (docs/spec/permit.md). Pure data and texts.

An explanation (``rules.explain``) says codes and few words; here they become sentences. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from xinglin.kernel.errors import error_for_code
from xinglin.service.basic.protection.model import Rule
from xinglin.service.basic.protection.rules import PASSES
from xinglin.stakeholders.purposes import Basis, Copy

Words = tuple[str, str]
"""English and Chinese."""

RULE_WORDS: Mapping[Rule, Words] = MappingProxyType(
    {
        Rule.CHAIN: ("is the consortium chain fresh enough", "联盟链状态是否足够新"),
        Rule.MEMBER: ("may the reader's institution ask", "读取机构是否有效"),
        Rule.ACCOUNT: ("may the account ask", "账户是否有效"),
        Rule.KEY: ("is the signing key in force", "签名密钥是否有效"),
        Rule.QUOTA: ("is the account within its quota", "是否在读取配额内"),
        Rule.ROLE: ("does a role of the account read", "账户角色是否有读取权"),
        Rule.RECORD: ("is the record there to be read", "记录是否可供读取"),
        Rule.OWN_ACT: ("is it an act of the producer", "是否为产生机构自身的操作"),
        Rule.COURT_ORDER: ("is there a court order", "是否有司法文书"),
        Rule.LEGAL_DUTY: ("is there a legal duty", "是否有法定义务"),
        Rule.PROHIBITION: ("has the patient forbidden it", "患者是否明确禁止"),
        Rule.BREAK_GLASS: ("is the glass broken in an emergency", "是否为紧急访问"),
        Rule.CONSENT: ("has the patient consented", "患者是否授权同意"),
        Rule.CARE: ("is the patient in care here", "患者是否正在本机构就诊"),
        Rule.PATIENT_DEFAULT: ("what did the patient decide by default", "患者的默认选择"),
        Rule.INSTITUTION_DEFAULT: ("what does the institution decide by default", "机构的默认规则"),
        Rule.VERSION: ("is it the current version", "是否为当前版本"),
    }
)
"""Each rule as the question that it asks."""

BASIS_WORDS: Mapping[Basis, Words] = MappingProxyType(
    {
        Basis.NONE: ("none", "无"),
        Basis.CONSENT: ("consent", "授权同意"),
        Basis.CARE: ("care relationship", "诊疗关系"),
        Basis.LEGAL_DUTY: ("legal duty", "法定义务"),
        Basis.EMERGENCY: ("emergency", "紧急情况"),
        Basis.COURT_ORDER: ("court order", "司法文书"),
    }
)

COPY_WORDS: Mapping[Copy, Words] = MappingProxyType(
    {
        Copy.NONE: ("no content", "不含内容"),
        Copy.ORIGINAL: ("the original", "原文"),
        Copy.DEIDENTIFIED: ("the de-identified copy", "去标识副本"),
    }
)

_NOTES: Mapping[str, Words] = MappingProxyType(
    {
        "stale, own staff": ("stale, but one's own staff go on", "状态过旧，但本机构人员可继续"),
        "restricted": ("restricted: a court order alone opens it", "受限：仅司法文书可调取"),
    }
)


def said_words(said: str) -> Words:
    """Return what a rule said (``Step.said``) as a sentence in both languages."""
    if said == PASSES:
        return "decides nothing", "不作决定"
    head, _, rest = said.partition(": ")
    if head == PASSES:
        case = None if rest in _NOTES else error_for_code(rest)
        en, zh = _NOTES.get(rest, (rest, rest)) if case is None else (case.en, case.zh)
        return f"decides nothing: {en}", f"不作决定：{zh}"
    if head == "permits":
        basis, _, copy = rest.partition(", copy ")
        b, c = BASIS_WORDS[Basis(basis)], COPY_WORDS[Copy[copy.upper()]]
        return f"permits: {b[0]}, {c[0]}", f"准许：{b[1]}，{c[1]}"
    case = error_for_code(said)
    en, zh = (said, said) if case is None else (case.en, case.zh)
    return f"refuses: {en}", f"拒绝：{zh}"

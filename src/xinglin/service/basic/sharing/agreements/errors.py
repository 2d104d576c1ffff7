"""Refusals of the contract ``agreement`` and of whoever asks without one (numbers 5670 to 5679)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Invalid, NotFound


class AgreementExists(Conflict):
    """An agreement id serves once."""

    code, number, clause = "agreement.exists", 5670, "S7.2c"
    en = "Agreement {agreement} exists already."
    zh = "协议 {agreement} 已存在。"
    hint_en = "Choose a new random id."
    hint_zh = "请选用新的随机标识。"


class AgreementTermsInvalid(Invalid):
    """The terms are not between two members, or are out of form."""

    code, number, clause = "agreement.terms", 5671, "S7.2c"
    en = "The terms of the agreement are not right: {reason}."
    zh = "协议条款有误：{reason}。"
    hint_en = "See docs/spec/agreement.md for what terms hold."
    hint_zh = "条款内容见 docs/spec/agreement.md。"


class AgreementUnknown(NotFound):
    """There is no agreement of that id."""

    code, number, clause = "agreement.unknown", 5672, "S7.2c"
    en = "There is no agreement {agreement}."
    zh = "没有协议 {agreement}。"
    hint_en = "Check the id."
    hint_zh = "请核对标识。"


class AgreementOtherTerms(Conflict):
    """What is accepted is not what was proposed."""

    code, number, clause = "agreement.other_terms", 5673, "S7.2c"
    en = "The terms are not those that were proposed as agreement {agreement}."
    zh = "条款与提议的协议 {agreement} 不一致。"
    hint_en = "Compare the terms with the proposal on the chain."
    hint_zh = "请与链上提议核对条款。"


class AgreementNotParty(Denied):
    """The caller's member is not the one of the two that may do this."""

    code, number, clause = "agreement.not_party", 5674, "S7.2c"
    en = "Member {member} is not the one to do this with agreement {agreement}."
    zh = "成员 {member} 无权对协议 {agreement} 执行此操作。"
    hint_en = "The one that did not propose accepts; either of the two ends."
    hint_zh = "由未提议的一方接受；任一方均可终止。"


class AgreementSettled(Conflict):
    """The agreement was accepted or ended before."""

    code, number, clause = "agreement.settled", 5675, "S7.2c"
    en = "Agreement {agreement} has been accepted or ended before."
    zh = "协议 {agreement} 此前已接受或终止。"
    hint_en = "Make a new agreement to change anything."
    hint_zh = "如需变更，请订立新协议。"


class AgreementMissing(Denied):
    """No agreement in force lets the reader's member ask this custodian for this."""

    code, number, clause = "agreement.missing", 5676, "S7.2e"
    en = "No agreement between the two institutions covers this: {reason}."
    zh = "两机构之间没有涵盖此请求的协议：{reason}。"
    hint_en = "Sign an agreement that names the purpose, category and level, or have it extended."
    hint_zh = "请签订涵盖该用途、类别与级别的协议，或予以续期。"

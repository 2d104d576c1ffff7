"""Refusals of reading (numbers 5900 to 5949, and 5525)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Integrity, Invalid, NotFound, Unavailable


class RecordNotHere(NotFound):
    """This node keeps no record of that commitment."""

    code, number, clause = "reading.not_here", 5900, "H7"
    en = "This node has no such record."
    zh = "本节点没有该记录。"
    hint_en = "Ask the node that the record's locator names."
    hint_zh = "请向该记录定位信息所指的节点查询。"


class PersonNotHere(NotFound):
    """The link names nobody at this node, or was given to another member."""

    code, number, clause = "reading.person_not_here", 5901, "H1"
    en = "The link names no person at this node."
    zh = "该链接在本节点不对应任何人。"
    hint_en = "Match the person again."
    hint_zh = "请重新匹配该人。"


class NoMatch(NotFound):
    """Nobody at this node is surely the person that was asked for."""

    code, number, clause = "reading.no_match", 5902, "H1"
    en = "Nobody here is surely that person."
    zh = "此处没有可确认的同一人。"
    hint_en = "Give more identifiers, or ask the institution by other ways."
    hint_zh = "请提供更多标识，或以其他方式与该机构核对。"


class ActionUnknown(Invalid):
    """The action or purpose is none that this node knows."""

    code, number, clause = "reading.action", 5903, "S7.2a"
    en = "The request asks for '{what}', which is none that this node knows here."
    zh = "请求的“{what}”在此处不受支持。"
    hint_en = "See docs/spec/reading.md for actions and docs/spec/permit.md for purposes."
    hint_zh = "操作见 docs/spec/reading.md，用途见 docs/spec/permit.md。"


class RecordUnregistered(Integrity):
    """A record of the vault is not in the batch on the consortium chain that should register it."""

    code, number, clause = "reading.unregistered", 5904, "H6"
    en = "The record is not registered as the vault says; it is not served."
    zh = "该记录未按数据仓所述登记；不予提供。"
    hint_en = "Run 'xinglin ledger verify' at the custodian."
    hint_zh = "请在保管方运行 xinglin ledger verify。"


class CopyMissing(NotFound):
    """The permit opens the de-identified copy, and the record has none."""

    code, number, clause = "reading.no_copy", 5905, "H3"
    en = "The permit opens the de-identified copy, and this record has none."
    zh = "授权仅限去标识副本，而该记录没有副本。"
    hint_en = "A consent for level 4 opens the original."
    hint_zh = "第 4 级授权可打开原文。"


class AnswerInvalid(Integrity):
    """What a custodian sent is not the record that the chain commits to, or no answer at all."""

    code, number, clause = "reading.answer", 5906, "H6"
    en = "The custodian's answer does not hold: {reason}."
    zh = "保管方的应答不成立：{reason}。"
    hint_en = "Nothing of it was used. Keep it as evidence and ask the custodian."
    hint_zh = "其内容未被使用。请留存为证据并向保管方查询。"


class RequestReplayed(Denied):
    """These very bytes were answered before."""

    code, number, clause = "reading.replayed", 5907, "H4"
    en = "This request has been answered before."
    zh = "该请求此前已被答复。"
    hint_en = "Sign a new request: each is answered once."
    hint_zh = "请重新签署请求：每个请求只答复一次。"


class PersonLost(Integrity):
    """The patient index does not have the patient of a record."""

    code, number, clause = "reading.person_lost", 5908, "H1"
    en = "The patient index has nobody for the patient of this record."
    zh = "患者主索引中没有该记录所属的患者。"
    hint_en = "Restore the index from a backup; whose prohibitions hold can't be told until then."
    hint_zh = "请从备份恢复索引；在此之前无法判断适用谁的禁止声明。"


class RequestUnsettled(Conflict):
    """What the request rests on changed each time its entry had become durable."""

    code, number, clause = "reading.unsettled", 5910, "H4"
    en = "What the request rests on kept changing while it was answered; nothing was handed back."
    zh = "应答期间请求所依据的内容不断变化；未返回任何内容。"
    hint_en = "Ask again. What was decided is on the private chain."
    hint_zh = "请重新请求。已作出的决定记录在私有链上。"


class RequestsTooMany(Denied):
    """One key has asked so often in a minute that it gets no more answers, and leaves no more entries."""

    code, number, clause = "reading.too_many", 5912, "H4"
    en = "Account {account} has asked far more often than its quota; nothing more is answered now."
    zh = "账户 {account} 的请求远超配额；暂不再应答。"
    hint_en = "Wait a minute, and ask no more often than the quota allows."
    hint_zh = "请一分钟后再试，并按配额控制请求频率。"


class AnsweringEnded(Unavailable):
    """The thread that was answering this request, with others, was made to stop."""

    code, number, clause = "reading.ended", 5911, "H4"
    en = "The node stopped while it was answering."
    zh = "节点在应答过程中停止。"
    hint_en = "Ask again when the node runs."
    hint_zh = "请在节点运行后重新请求。"


class LooksNot(Denied):
    """None of the account's roles looks into the patient index, or decides on who is one person."""

    code, number, clause = "reading.looks_not", 5525, "H4"
    en = "No role of the account may do this in the patient index: {act}."
    zh = "该账户的角色无权在患者主索引中执行此操作：{act}。"
    hint_en = "Practitioners, administrators and compliance officers look up and decide, auditors look up."
    hint_zh = "医务人员、管理员与合规专员可查询与决定，审计员可查询。"


class OpeningDenied(Denied):
    """None of the account's roles is told who answers for an account."""

    code, number, clause = "account.opening_denied", 6098, "H4"
    en = "No role of the account is told who answers for an access entry."
    zh = "该账户的角色不得查看由谁对访问记录负责。"
    hint_en = "Auditors and compliance officers of the institution that keeps the entry are told."
    hint_zh = "仅告知保存该访问记录的机构的审计员与合规专员。"

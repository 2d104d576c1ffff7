"""Refusals of the contract ``notice`` and of sending, receiving and acknowledging notices (numbers 5770 to 5799)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Integrity, Invalid, NotFound, Unavailable


class NoticeExists(Conflict):
    """A notice of this id went out or came in before."""

    code, number, clause = "notice.exists", 5770, "H12"
    en = "The notice {notice} is on this chain already."
    zh = "告知 {notice} 已在本链上。"
    hint_en = "Nothing is to be done: a notice is sent once."
    hint_zh = "无需处理：同一告知只发送一次。"


class RecipientInvalid(Invalid):
    """A notice names both an account and a patient."""

    code, number, clause = "notice.recipient", 5771, "H12"
    en = "The notice {notice} names both an account and a patient."
    zh = "告知 {notice} 同时指定了账户与患者。"
    hint_en = "Send one notice to each."
    hint_zh = "请分别发送。"


class NoticeElsewhere(Denied):
    """A notice that came is for another member, or of this one."""

    code, number, clause = "notice.elsewhere", 5772, "H12"
    en = "The notice {notice} is not one of another member for {member}."
    zh = "告知 {notice} 并非其他成员发给 {member}。"
    hint_en = "Send it to the member that it names."
    hint_zh = "请发送给其所指定的成员。"


class NoticeUnknown(NotFound):
    """There is no notice of this id here."""

    code, number, clause = "notice.unknown", 5773, "H12"
    en = "There is no notice {notice} here."
    zh = "此处没有告知 {notice}。"
    hint_en = "See the list of notices."
    hint_zh = "请查看告知列表。"


class NoticeAcknowledged(Conflict):
    """The notice was acknowledged before."""

    code, number, clause = "notice.acknowledged", 5774, "H12"
    en = "The notice {notice} has been acknowledged."
    zh = "告知 {notice} 已确认。"
    hint_en = "Nothing is to be done."
    hint_zh = "无需处理。"


class LetterInvalid(Integrity):
    """What came as a notice is not one of the member that it names."""

    code, number, clause = "notice.letter", 5780, "H12"
    en = "The notice is not one of its sender: {reason}."
    zh = "该告知并非出自其发送方：{reason}。"
    hint_en = "Ask the sender to send it again."
    hint_zh = "请发送方重新发送。"


class AcknowledgementInvalid(Integrity):
    """What came as an acknowledgement is not one of the recipient of the notice."""

    code, number, clause = "notice.acknowledgement", 5781, "H12"
    en = "The acknowledgement of the notice {notice} is not one of its recipient: {reason}."
    zh = "告知 {notice} 的确认并非出自其接收方：{reason}。"
    hint_en = "Let an account of the recipient acknowledge it."
    hint_zh = "请由接收方的账户确认。"


class NotRecipient(Denied):
    """The account is not one that can acknowledge this notice."""

    code, number, clause = "notice.not_recipient", 5782, "H12"
    en = "Account {account} can't acknowledge the notice {notice}: it is for someone else."
    zh = "账户 {account} 不能确认告知 {notice}：该告知发给他人。"
    hint_en = "The account that it names acknowledges it; for a patient, the account that told the patient."
    hint_zh = "应由所指定的账户确认；对患者的告知由告知人账户确认。"


class TemplateInvalid(Invalid):
    """A notice can't be worded: its template needs other facts."""

    code, number, clause = "notice.template", 5783, "H12"
    en = "The text of a notice of kind {notice_kind} can't be made: {reason}."
    zh = "无法生成类型为 {notice_kind} 的告知文本：{reason}。"
    hint_en = "Give the facts that docs/spec/notice.md lists, in both languages."
    hint_zh = "请按 docs/spec/notice.md 提供两种语言的内容。"


class PostUnavailable(Unavailable):
    """There is no way to the other member's home now."""

    code, number, clause = "notice.post", 5784, "H12"
    en = "The notice can't be delivered to member {member} now."
    zh = "目前无法将告知送达成员 {member}。"
    hint_en = "It is kept and sent again later."
    hint_zh = "已保存，稍后重新发送。"


class NoticeDiffers(Integrity):
    """The inbox lacks a notice that the private chain has, or has another."""

    code, number, clause = "notice.differs", 5785, "S6.2d"
    en = "The notice {notice} is on the private chain, and the inbox doesn't have it so."
    zh = "告知 {notice} 在私有链上，而收件箱中没有或不一致。"
    hint_en = "Restore the folder notices of this home from a backup."
    hint_zh = "请从备份恢复本节点的 notices 目录。"

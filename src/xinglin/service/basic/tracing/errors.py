"""Refusals of traces (numbers 6061 to 6064)."""

from __future__ import annotations

from xinglin.kernel.errors import Denied, Integrity, NotFound


class TraceNotShown(Denied):
    """The account is shown no trace."""

    code, number, clause = "trace.not_shown", 6061, "S8.6d"
    en = "This account is shown no trace of the record."
    zh = "该账户不得查看该记录的溯源信息。"
    hint_en = (
        "Traces are shown to auditors and compliance officers of the institution, to its practitioners who may read "
        "the record, on a patient's request, and as numbers to regulators and technology providers."
    )
    hint_zh = (
        "溯源信息提供给本机构审计员、合规专员、有权读取该记录的医务人员，或应患者请求提供；"
        "对监管方与技术提供方仅提供数量。"
    )


class PersonNotShown(Denied):
    """The account is not shown who has seen a person's data."""

    code, number, clause = "trace.person_not_shown", 6062, "H14"
    en = "This account is not shown who has seen this person's data: {reason}."
    zh = "该账户不得查看谁查阅过此人数据：{reason}。"
    hint_en = (
        "It takes an auditor or compliance officer of the institution, or the patient's request on record as a "
        "mandate; from another institution an agreement that names the purpose patrqt."
    )
    hint_zh = "须为本机构审计员或合规专员，或已登记患者请求；其他机构须有包含用途 patrqt 的协议。"


class OpeningMissing(NotFound):
    """No home that is open here has what opens an account's commitment to the responsible person."""

    code, number, clause = "account.no_opening", 6063, "S3.5"
    en = "No home that is open here has what opens who is responsible for account {account}."
    zh = "此处打开的节点均没有可揭示账户 {account} 责任主体的内容。"
    hint_en = "Ask the member {member}, or name its home with --with."
    hint_zh = "请联系成员 {member}，或用 --with 指定其节点目录。"


class OpeningDiffers(Integrity):
    """What is kept of the responsible person of an account is not what the chain commits to."""

    code, number, clause = "account.opening_differs", 6064, "S3.5"
    en = "What is kept of who is responsible for account {account} is not what the chain commits to."
    zh = "所保存的账户 {account} 责任主体内容与链上承诺不符。"
    hint_en = "Restore the folder accounts of the member's home from a backup."
    hint_zh = "请从备份恢复该成员节点的 accounts 目录。"

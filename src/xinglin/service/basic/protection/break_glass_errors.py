"""Refusals of break-glass, its reviews and emergency grants (numbers 5622 to 5628, 5681 to 5684)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Invalid, NotFound


class BreakGlassDenied(Denied):
    """Not a treating practitioner of the institution."""

    code, number, clause = "break_glass.denied", 5622, "S6.3c"
    en = "Account {account} may not break the glass here."
    zh = "账户 {account} 无权在此使用紧急访问。"
    hint_en = "Active practitioners do it at their own institution."
    hint_zh = "仅本机构在岗医务人员可用。"


class BreakGlassHours(Invalid):
    """Too long, or no time at all."""

    code, number, clause = "break_glass.hours", 5623, "S6.3c"
    en = "An emergency access lasts 1 to {longest} hours, not {hours}."
    zh = "紧急访问时长为 1 至 {longest} 小时，而非 {hours} 小时。"
    hint_en = "Open another one if it goes on."
    hint_zh = "如仍需要请重新申请。"


class BreakGlassQuota(Denied):
    """The account's quota is used up."""

    code, number, clause = "break_glass.quota", 5624, "S6.3c"
    en = "Account {account} has broken the glass {grants} times within 24 hours."
    zh = "账户 {account} 在 24 小时内已使用 {grants} 次紧急访问。"
    hint_en = "A colleague can; the institution sets the number."
    hint_zh = "可由同事办理；次数由机构设定。"


class BreakGlassReason(Invalid):
    """No reason, or a novel."""

    code, number, clause = "break_glass.reason", 5625, "S6.3c"
    en = "An emergency access needs a reason of at most 1024 bytes."
    zh = "紧急访问须填写理由，至多 1024 字节。"
    hint_en = "Say in a sentence why."
    hint_zh = "请用一句话说明。"


class ReviewUnknown(NotFound):
    """No grant of that id."""

    code, number, clause = "review.unknown", 5626, "S6.3c"
    en = "There is no emergency access {grant} here."
    zh = "此处没有紧急访问 {grant}。"
    hint_en = "Look at the list of reviews."
    hint_zh = "请查看待审列表。"


class ReviewDone(Conflict):
    """A review is done once."""

    code, number, clause = "review.done", 5627, "S6.3c"
    en = "The emergency access {grant} has been reviewed."
    zh = "紧急访问 {grant} 已审查。"
    hint_en = "Nothing is left to do."
    hint_zh = "无需再次审查。"


class ReviewDenied(Denied):
    """Not a reviewer, or the one who broke the glass."""

    code, number, clause = "review.denied", 5628, "S6.3c"
    en = "Account {account} can't review this emergency access."
    zh = "账户 {account} 不能审查该紧急访问。"
    hint_en = "Another person, an auditor or compliance officer of the institution, does."
    hint_zh = "须由本机构的其他审计员或合规专员审查。"


class GrantRefused(Denied):
    """An emergency grant of another institution does not hold here."""

    code, number, clause = "break_glass.grant", 5681, "S6.3c"
    en = "The emergency grant of the other institution does not hold here: {reason}."
    zh = "对方机构的紧急访问凭据在此不成立：{reason}。"
    hint_en = "The institution gives it to one account, for one patient at one node; let it be issued again."
    hint_zh = "凭据由机构签发给一个账户，用于一个节点上的一名患者；请重新签发。"


class GrantNotTheirs(Denied):
    """Only the institution that gave a grant issues it to others."""

    code, number, clause = "break_glass.not_own", 5682, "S6.3c"
    en = "The emergency access {grant} was given by another institution."
    zh = "紧急访问 {grant} 由其他机构授予。"
    hint_en = "Open one for your own practitioner."
    hint_zh = "请为本机构医务人员申请。"


class GrantRunning(Denied):
    """A second grant beside one that runs."""

    code, number, clause = "break_glass.running", 5683, "S8.3"
    en = "Another emergency access of account {account} for this patient runs until it ends."
    zh = "账户 {account} 对该患者的另一紧急访问仍在有效期内。"
    hint_en = "Use the one that runs; open another one when it has ended."
    hint_zh = "请使用仍有效的凭据；结束后再申请。"


class GrantsOfMember(Denied):
    """An institution's grants of a day are used up."""

    code, number, clause = "break_glass.member_quota", 5684, "S8.3"
    en = "Member {member} has presented {grants} emergency grants here within 24 hours."
    zh = "成员 {member} 在 24 小时内已在此出示 {grants} 份紧急访问凭据。"
    hint_en = "Talk to the custodian: an emergency is one patient, never many."
    hint_zh = "请联系保管方：紧急访问针对个别患者，而非批量。"

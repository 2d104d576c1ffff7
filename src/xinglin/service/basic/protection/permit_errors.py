"""Refusals of the policy of permits (numbers 5640 to 5679; docs/spec/permit.md).

None tells more of the patient than its code: no sentence names who else was consented to.
"""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Unavailable


class ChainStale(Unavailable):
    """The node's newest block of the consortium chain is too old for what it would decide."""

    code, number, clause = "chain.stale", 5640, "S7.2a"
    en = "The node has not heard from the consortium chain lately enough to let this rest on it."
    zh = "节点未及时获得联盟链的最新状态，不能据此授权。"
    hint_en = "Try again when the chain moves on; care at one's own institution and emergencies go on without."
    hint_zh = "待链恢复后重试；本机构诊疗与急救不受影响。"


class MemberNotKnown(Denied):
    """The reader's member was never registered."""

    code, number, clause = "permit.member_unknown", 5641, "S7.2a"
    en = "The reader's member is not on the consortium chain."
    zh = "读取者所属成员不在联盟链上。"
    hint_en = "The member joins by a vote first."
    hint_zh = "该成员须先经表决加入。"


class MemberSuspended(Denied):
    """The consortium suspended the reader's member."""

    code, number, clause = "permit.member_suspended", 5642, "S7.2a"
    en = "The reader's member is suspended."
    zh = "读取者所属成员已被暂停。"
    hint_en = "The consortium restores it by a vote."
    hint_zh = "由联盟表决恢复。"


class MemberEnded(Denied):
    """The reader's member has ended."""

    code, number, clause = "permit.member_ended", 5643, "S7.2a"
    en = "The reader's member has left the consortium."
    zh = "读取者所属成员已退出联盟。"
    hint_en = "It applies again under a new id."
    hint_zh = "须以新标识重新申请加入。"


class AccountNotKnown(Denied):
    """The reader's account was never registered."""

    code, number, clause = "permit.account_unknown", 5644, "S7.2a"
    en = "The reader's account is not on the consortium chain."
    zh = "读取者账户不在联盟链上。"
    hint_en = "An administrator of the member registers it."
    hint_zh = "由该成员管理员登记。"


class AccountHasEnded(Denied):
    """The reader's account has ended."""

    code, number, clause = "permit.account_ended", 5645, "S7.2a"
    en = "The reader's account has ended."
    zh = "读取者账户已终止。"
    hint_en = "Use an account in force."
    hint_zh = "请使用有效账户。"


class KeyNotKnown(Denied):
    """The signing key was never registered, or is another account's."""

    code, number, clause = "permit.key_unknown", 5646, "S7.2a"
    en = "The key that signed the request is not registered."
    zh = "签署请求的密钥未登记。"
    hint_en = "Register the key, or sign with one that is."
    hint_zh = "请登记该密钥或改用已登记密钥。"


class KeyHasEnded(Denied):
    """The signing key has ended."""

    code, number, clause = "permit.key_ended", 5647, "S7.2a"
    en = "The key that signed the request has ended."
    zh = "签署请求的密钥已失效。"
    hint_en = "Sign with a key in force."
    hint_zh = "请使用有效密钥签名。"


class KeyCompromised(Denied):
    """The signing key is compromised."""

    code, number, clause = "permit.key_compromised", 5648, "S7.2a"
    en = "The key that signed the request is known to be in other hands."
    zh = "签署请求的密钥已泄露。"
    hint_en = "Register a new key, and look at what the old one signed."
    hint_zh = "请登记新密钥，并核查旧密钥签署的内容。"


class QuotaUsed(Denied):
    """The reader is over its quota."""

    code, number, clause = "permit.quota", 5649, "S8.3"
    en = "The account has used up its reads."
    zh = "该账户的读取配额已用尽。"
    hint_en = "Wait for the next period, or ask the institution for a larger quota."
    hint_zh = "请等待下一周期或申请提高配额。"


class RoleReadsNothing(Denied):
    """None of the account's roles reads."""

    code, number, clause = "permit.role", 5650, "S8.3"
    en = "No role of the account reads records."
    zh = "该账户的角色均无读取权。"
    hint_en = "Practitioners, auditors, compliance officers and services read; administrators manage accounts."
    hint_zh = "医务人员、审计员、合规专员与服务账户可读取；管理员只管理账户。"


class RecordIsDestroyed(Denied):
    """The record is gone."""

    code, number, clause = "permit.destroyed", 5651, "S7.1f"
    en = "The record is destroyed."
    zh = "该记录已销毁。"
    hint_en = "Its destruction certificate is on the chain."
    hint_zh = "销毁凭证见链上。"


class RecordRestricted(Denied):
    """The record waits for its destruction until the law lets it go."""

    code, number, clause = "permit.restricted", 5652, "S7.1f"
    en = "The record is kept for the law alone."
    zh = "该记录仅为法定保存而留存。"
    hint_en = "A court order opens it."
    hint_zh = "须凭司法文书调取。"


class ActNotOwn(Denied):
    """Correcting and sealing are acts of the producer."""

    code, number, clause = "permit.action", 5653, "S8.3"
    en = "Only the producer's own staff of the right role may do this."
    zh = "仅产生该记录的机构中相应角色的人员可执行此操作。"
    hint_en = "Ask the institution that recorded it."
    hint_zh = "请联系记录产生机构。"


class Prohibited(Denied):
    """An explicit prohibition of the patient binds."""

    code, number, clause = "permit.prohibited", 5654, "S6.3c"
    en = "The patient has forbidden it."
    zh = "患者已明确禁止。"
    hint_en = "Only the patient can lift it."
    hint_zh = "仅患者本人可撤销。"


class ReviewOverdue(Denied):
    """Break-glass again while a review is overdue."""

    code, number, clause = "permit.review_overdue", 5655, "S6.3c"
    en = "A review of an earlier emergency access of this account is overdue."
    zh = "该账户此前的紧急访问审查已逾期。"
    hint_en = "Let the review be done first."
    hint_zh = "请先完成审查。"


class BreakGlassEnded(Denied):
    """The hours of a break-glass grant are over, or have not begun."""

    code, number, clause = "permit.break_glass_ended", 5656, "S6.3c"
    en = "The emergency access has ended."
    zh = "紧急访问已结束。"
    hint_en = "Open a new one if the emergency goes on."
    hint_zh = "如仍属紧急情况，请重新申请。"


class NotAcknowledged(Denied):
    """A consent is in force from its acknowledgement."""

    code, number, clause = "permit.not_acknowledged", 5657, "S6.3c"
    en = "The nearest consent is not yet acknowledged by the custodian's node."
    zh = "最接近的授权尚未被保管节点确认。"
    hint_en = "Try again in a moment; the patient sees which nodes have acknowledged."
    hint_zh = "请稍后重试；患者可查看已确认的节点。"


class ConsentFrozen(Denied):
    """What the patient decided in life opens no more than the page says."""

    code, number, clause = "permit.frozen", 5658, "S6.3c"
    en = "The patient has died; this is frozen."
    zh = "患者已去世，相关授权已冻结。"
    hint_en = "Near relatives may ask the institution; claims and research go on as consented."
    hint_zh = "近亲属可向机构提出请求；结算与研究按原授权继续。"


class GuardianEnded(Denied):
    """The guardianship behind it has ended, or there is none."""

    code, number, clause = "permit.guardian", 5659, "S6.3c"
    en = "No guardianship holds on which this could rest, or the patient was too young to decide alone."
    zh = "所依据的监护关系不再有效，或患者当时年幼不能独自决定。"
    hint_en = "From the 18th birthday on the patient decides."
    hint_zh = "年满十八周岁后由患者本人决定。"


class ConsentRevoked(Denied):
    """The consent was revoked."""

    code, number, clause = "permit.revoked", 5660, "S6.3c"
    en = "The nearest consent is revoked."
    zh = "最接近的授权已撤回。"
    hint_en = "Ask the patient for a new one."
    hint_zh = "请征求患者新的授权。"


class NotYetInForce(Denied):
    """Its period has not begun."""

    code, number, clause = "permit.not_yet", 5661, "S6.3c"
    en = "What comes nearest begins later."
    zh = "最接近的授权尚未生效。"
    hint_en = "Try again when it has begun."
    hint_zh = "请在生效后重试。"


class PermitExpired(Denied):
    """Its period is over, by block time or by the node's clock."""

    code, number, clause = "permit.expired", 5662, "S6.3c"
    en = "What comes nearest has expired."
    zh = "最接近的授权已到期。"
    hint_en = "Ask the patient for a new consent."
    hint_zh = "请征求患者新的授权。"


class PurposeNotCovered(Denied):
    """The purpose is not covered."""

    code, number, clause = "permit.purpose", 5663, "S5.3"
    en = "The nearest consent is for other purposes."
    zh = "最接近的授权不包含该用途。"
    hint_en = "Ask for one that names the purpose."
    hint_zh = "请征求包含该用途的授权。"


class CategoryNotCovered(Denied):
    """The category is not covered."""

    code, number, clause = "permit.category", 5664, "S6.3c"
    en = "What comes nearest does not cover this category of data."
    zh = "最接近的授权不包含该类数据。"
    hint_en = "Ask for one that names the category."
    hint_zh = "请征求包含该类别的授权。"


class LevelNotCovered(Denied):
    """The level is not covered."""

    code, number, clause = "permit.level", 5665, "S6.3c"
    en = "What comes nearest does not reach this level."
    zh = "最接近的授权未达到该级别。"
    hint_en = "Level 5 has to be named by the patient."
    hint_zh = "第 5 级须由患者明确指明。"


class SpecialNotNamed(Denied):
    """A special flag of the record is not named."""

    code, number, clause = "permit.special", 5666, "S6.3c"
    en = "The record is specially protected, and nothing names that."
    zh = "该记录属特别保护内容，授权未予指明。"
    hint_en = "The patient has to name it."
    hint_zh = "须由患者明确指明。"


class NoConsent(Denied):
    """No basis at all."""

    code, number, clause = "permit.no_consent", 5667, "S6.3c"
    en = "The patient has consented to nothing of the kind, and no other basis applies."
    zh = "患者未作此类授权，亦无其他合法性基础。"
    hint_en = "Ask the patient for a consent."
    hint_zh = "请征求患者授权。"


class PatientAlive(Denied):
    """PIPL 49 is about the dead."""

    code, number, clause = "permit.alive", 5668, "S6.3c"
    en = "Near relatives may ask only after the patient has died."
    zh = "近亲属仅可在患者去世后提出请求。"
    hint_en = "The patient can consent, or ask personally."
    hint_zh = "患者可授权或自行提出。"


class RecordSuperseded(Conflict):
    """An old version is never served as current."""

    code, number, clause = "permit.superseded", 5669, "H12"
    en = "The record was corrected; the answer names its current version."
    zh = "该记录已更正；答复指明现行版本。"
    hint_en = "Read the current version, or ask for the history."
    hint_zh = "请读取现行版本，或以历史方式查询。"

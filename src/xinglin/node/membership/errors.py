"""Refusals of what people do about membership (numbers 6310 to 6329, 6391)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Invalid, NotFound, Unavailable


class JoinRequestInvalid(Invalid):
    """A join request does not prove itself."""

    code, number, clause = "member.request", 6310, "S8.2c"
    en = "The join request is not valid: {reason}."
    zh = "加入申请无效：{reason}。"
    hint_en = "Ask the applicant for the file that 'xinglin member apply' wrote for this chain; trust no other."
    hint_zh = "请向申请方索取 xinglin member apply 为本链生成的文件，勿信任其他文件。"


class ApplicationInvalid(Invalid):
    """What an applicant says of itself makes no join request; nothing was made."""

    code, number, clause = "member.application", 6393, "S8.2c"
    en = "The application can't be made: {what} {value} is not in form."
    zh = "无法生成申请：{what} {value} 格式不正确。"
    hint_en = "--chain is 27 letters and digits, as a member's 'xinglin ledger show' tells; --address is HOST:PORT."
    hint_zh = "--chain 为成员 xinglin ledger show 所示的 27 位字母与数字；--address 的形式为 HOST:PORT。"


class JoinKitInvalid(Invalid):
    """A join kit is not of the chain, or does not begin it."""

    code, number, clause = "member.kit", 6311, "S8.2c"
    en = "The join kit is not valid: {reason}."
    zh = "加入包无效：{reason}。"
    hint_en = "Ask a member for the file that 'xinglin member invite' writes."
    hint_zh = "请向成员索取 xinglin member invite 生成的文件。"


class KeyStatementInvalid(Invalid):
    """A statement of a cosigning key does not prove itself, or is of another member or chain."""

    code, number, clause = "member.key_statement", 6312, "S8.2c"
    en = "The statement of a cosigning key is not valid: {reason}."
    zh = "联署密钥声明无效：{reason}。"
    hint_en = "Ask the member for the file that 'xinglin member prove-key' writes."
    hint_zh = "请向该成员索取 xinglin member prove-key 生成的文件。"


class EvidenceMissing(Denied):
    """A member wants to vote on an applicant without having reviewed its join request."""

    code, number, clause = "member.unreviewed", 6313, "S8.2c"
    en = "Proposal {proposal} admits {applicant}, whose join request this member has not reviewed."
    zh = "提案 {proposal} 接纳 {applicant}，但本成员尚未审查其加入申请。"
    hint_en = "Review the request with 'xinglin member review', then vote with --evidence and that file."
    hint_zh = "请先用 xinglin member review 审查申请，再以 --evidence 指定该文件投票。"


class EvidenceDiffers(Denied):
    """The join request that a member reviewed is not what the proposal admits."""

    code, number, clause = "member.request_differs", 6314, "S8.2c"
    en = "Proposal {proposal} does not admit what the join request asks for."
    zh = "提案 {proposal} 所接纳的内容与加入申请不符。"
    hint_en = "Do not vote. Ask the proposer which request it had, and the applicant which one it made."
    hint_zh = "请勿投票。请向提案方核对其所依据的申请，并向申请方核对其所提交的申请。"


class ValidatorRegistering(Unavailable):
    """Another process registers this home's validator, and did not end within the wait."""

    code, number, clause = "member.registering", 6391, "S6.1e"
    en = "Another process registers the validator of {home}."
    zh = "另一进程正在登记 {home} 的验证者。"
    hint_en = (
        "Wait until the other 'xinglin member validate' has ended, then give it again: it goes on with the same key."
    )
    hint_zh = "请等待另一条 xinglin member validate 命令结束后再执行；它会沿用同一把密钥。"


class ProposalNotOpen(NotFound):
    """There is no such proposal, or it has passed or lapsed."""

    code, number, clause = "member.no_proposal", 6315, "S6.1c"
    en = "There is no open proposal {proposal}: it has passed, has lapsed, or never was."
    zh = "没有待表决的提案 {proposal}：它已通过、已失效或从未存在。"
    hint_en = "'xinglin member epochs' shows what has passed, 'xinglin member proposals' what is open."
    hint_zh = "xinglin member epochs 显示已通过的纪元，xinglin member proposals 显示待表决的提案。"


class ChangeInvalid(Invalid):
    """A proposed change of the members makes no next epoch."""

    code, number, clause = "member.change", 6316, "S6.1c"
    en = "The change can't be proposed: {reason}."
    zh = "无法提出该变更：{reason}。"
    hint_en = "See 'xinglin member list' and 'xinglin member epochs' for who is a member and what is in force."
    hint_zh = "参见 xinglin member list 与 xinglin member epochs。"


class NotAnApplicant(NotFound):
    """A home has no join request of its own."""

    code, number, clause = "member.not_applicant", 6317, "S8.2c"
    en = "{home} has made no join request."
    zh = "{home} 未曾生成加入申请。"
    hint_en = "Make one with 'xinglin member apply'."
    hint_zh = "请用 xinglin member apply 生成。"


class JoinedAlready(Conflict):
    """A home has joined the chain already."""

    code, number, clause = "member.joined", 6318, "S8.2c"
    en = "{home} has joined chain {chain}."
    zh = "{home} 已加入链 {chain}。"
    hint_en = "Run its node with 'xinglin serve'."
    hint_zh = "请用 xinglin serve 运行其节点。"


class CosigningKeyMissing(NotFound):
    """The home has no cosigning key that the chain knows of its member."""

    code, number, clause = "member.no_cosigning_key", 6319, "S6.3a"
    en = "The key store of this home lacks the cosigning key of member {member}."
    zh = "本节点密钥库中没有成员 {member} 的联署密钥。"
    hint_en = "Act with the home whose key the member epoch names; see 'xinglin member epochs'."
    hint_zh = "请使用成员纪元所载密钥所在的节点目录；参见 xinglin member epochs。"


class ContributionUnknown(NotFound):
    """The engine does not tell who made blocks: it does not answer, or has no blocks of these heights."""

    code, number, clause = "member.no_contribution", 6320, "S6.1c"
    en = "Who made blocks can't be told: {reason}."
    zh = "无法得知出块情况：{reason}。"
    hint_en = "Ask for blocks that the home's engine still keeps, of a home whose engine has begun."
    hint_zh = "仅限本节点引擎仍保存的区块，且其引擎须已开始出块。"

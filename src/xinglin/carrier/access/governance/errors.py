"""Refusals of ``governance`` (numbers 1450 to 1499); N1 and N2 are refused as ``genesis.invalid``."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Invalid, NotFound


class ProposalExists(Conflict):
    """A proposal with that id was made before."""

    code, number, clause = "governance.proposal_exists", 1450, "S8.6a"
    en = "Proposal {proposal} exists already."
    zh = "提案 {proposal} 已存在。"
    hint_en = "Choose a new random id."
    hint_zh = "请选用新的随机标识。"


class ProposalUnknown(NotFound):
    """No proposal has that id."""

    code, number, clause = "governance.proposal_unknown", 1451, "S8.2c"
    en = "There is no proposal {proposal}."
    zh = "没有提案 {proposal}。"
    hint_en = "Check the id; a proposal is there once its transaction has a receipt."
    hint_zh = "请核对标识；提案在其事务取得回执后才存在。"


class NotNextEpoch(Invalid):
    """N3: the proposed epoch does not follow the one that passed last."""

    code, number, clause = "governance.not_next", 1452, "S8.2c"
    en = "The proposed epoch {number} does not follow epoch {latest}, the one that passed last."
    zh = "提议的成员纪元 {number} 不是最近通过的纪元 {latest} 的下一个。"
    hint_en = (
        "Another epoch has passed meanwhile, or your node is behind: propose again once it has the newest block. "
        "Programs name the hash of the latest epoch, a number one higher and a greater from_height."
    )
    hint_zh = (
        "期间已有其他纪元通过，或本节点落后：待取得最新区块后重新提议。"
        "程序须引用最近纪元的哈希，编号加一，起始高度更大。"
    )


class ProposalLapsed(Conflict):
    """Another epoch has passed meanwhile, or the height from which this one was to be in force is reached."""

    code, number, clause = "governance.lapsed", 1453, "S8.2c"
    en = "The proposal of epoch {number} has lapsed: epoch {latest} has passed, or height {height} is reached."
    zh = "纪元 {number} 的提案已失效：纪元 {latest} 已通过，或已到达高度 {height}。"
    hint_en = "Propose again, from the latest epoch and for a later height."
    hint_zh = "请基于最近纪元、以更晚的高度重新提案。"


class NotEpochMember(Denied):
    """The caller's member is not in the epoch that passed last, so it takes no part in making the next."""

    code, number, clause = "governance.not_member", 1454, "S8.2c"
    en = "Member {member} is not in epoch {latest}."
    zh = "成员 {member} 不在纪元 {latest} 中。"
    hint_en = "Ask a member of the epoch to propose."
    hint_zh = "请由该纪元的成员提案。"


class NoVote(Denied):
    """The caller's member has no vote in the epoch that is extended."""

    code, number, clause = "governance.no_vote", 1455, "S8.2c"
    en = "Member {member} has no vote in epoch {latest}."
    zh = "成员 {member} 在纪元 {latest} 中没有表决权。"
    hint_en = "Only members with a vote approve."
    hint_zh = "只有有表决权的成员可以表决。"


class AlreadyVoted(Conflict):
    """A member votes once on a proposal."""

    code, number, clause = "governance.already_voted", 1456, "S8.2c"
    en = "Member {member} has voted on proposal {proposal} already."
    zh = "成员 {member} 已对提案 {proposal} 表决。"
    hint_en = "Nothing is left to do: one member, one vote."
    hint_zh = "无需再次操作：一成员一票。"


class OtherEpoch(Invalid):
    """The hash that the vote names is not that of the proposed epoch."""

    code, number, clause = "governance.other_epoch", 1457, "S8.2c"
    en = "The vote names another epoch than proposal {proposal} has."
    zh = "表决所指的纪元与提案 {proposal} 不一致。"
    hint_en = "Read the proposal again before voting on it."
    hint_zh = "请重新读取提案后再表决。"


class VoteUnproven(Denied):
    """N4: the vote is not a signature over the epoch by the member's cosigning key of the epoch before."""

    code, number, clause = "governance.vote_signature", 1458, "S8.2c"
    en = "The vote of member {member} does not verify under its cosigning key of epoch {latest}."
    zh = "成员 {member} 的表决签名与其在纪元 {latest} 的共签密钥不符。"
    hint_en = "Sign the epoch hash with the member's cosigning key."
    hint_zh = "请用成员的共签密钥对纪元哈希签名。"


class ApplicantsInvalid(Invalid):
    """Applicants are not in order, differ from what the epoch says of them, or share an account id or key."""

    code, number, clause = "governance.applicants", 1459, "S8.2c"
    en = "The applicants are not in ascending order, differ from the proposed epoch, or share an account."
    zh = "申请者未按升序排列、与所提纪元不一致，或共用账户。"
    hint_en = "Each applicant is in the epoch with the same key, vote and cosigning."
    hint_zh = "每个申请者在纪元中的密钥、表决与共签须一致。"


class MemberUnknown(NotFound):
    """The epoch names a member that is neither in the one before, nor suspended, nor applies."""

    code, number, clause = "governance.member_unknown", 1460, "S8.2c"
    en = "Member {member} is neither in the epoch before, nor suspended, nor an applicant."
    zh = "成员 {member} 既不在前一纪元中，也未处于暂停状态，也不是申请者。"
    hint_en = "Add it to the applicants; an ended member applies under a new id."
    hint_zh = "请将其列为申请者；已终止的成员须以新标识申请。"


class SuspendsInvalid(Invalid):
    """Members to suspend are not in order, not in the epoch before, or still in the proposed one."""

    code, number, clause = "governance.suspends", 1461, "S8.2c"
    en = "The members to suspend are not in ascending order, or one of them is not leaving."
    zh = "待暂停的成员未按升序排列，或其中有成员并未离开。"
    hint_en = "Each is in the epoch before and not in the proposed one."
    hint_zh = "每个成员须在前一纪元中且不在所提纪元中。"


class ProofsInvalid(Invalid):
    """The proofs of key are not exactly those of the members whose cosigning key is new, in order."""

    code, number, clause = "governance.proofs", 1462, "S8.2c"
    en = "The proofs are not exactly those of the members with a new cosigning key, in ascending order."
    zh = "持有证明与更换共签密钥的成员不一一对应，或未按升序排列。"
    hint_en = "Give one proof for each such member, none for others; applicants carry their own."
    hint_zh = "每个此类成员给出一份，其他成员不给；申请者自带证明。"


class EpochTooFarAhead(Invalid):
    """The epoch would wait so long that no other could pass in the meantime."""

    code, number, clause = "governance.too_far_ahead", 1463, "S8.2c"
    en = "The epoch would be in force {ahead} heights from now; at most {maximum} are allowed."
    zh = "该纪元将在 {ahead} 个高度之后生效，最多允许 {maximum} 个。"
    hint_en = "Choose an earlier from_height: later epochs must have greater ones."
    hint_zh = "请选择更早的起始高度：此后的纪元必须更高。"


class ReviewExists(Conflict):
    """A member says once what it has reviewed for a proposal."""

    code, number, clause = "governance.review_exists", 1464, "S8.2c"
    en = "Member {member} has put its review of proposal {proposal} on record already."
    zh = "成员 {member} 已登记其对提案 {proposal} 的审查依据。"
    hint_en = "Nothing is left to do; a new proposal can have a new review."
    hint_zh = "无需再次操作；新的提案可以有新的审查。"

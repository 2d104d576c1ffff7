"""Refusals of consents, break-glass, guardians and their store (numbers 5600 to 5639)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Invalid, NotFound


class ConsentExists(Conflict):
    """A consent id serves once."""

    code, number, clause = "consent.exists", 5600, "S6.3c"
    en = "Consent {consent} is on the chain already."
    zh = "授权 {consent} 已在链上。"
    hint_en = "An id serves once; draw a new one."
    hint_zh = "每个标识只用一次，请重新生成。"


class SubjectKeyUsed(Conflict):
    """A subject key serves one consent."""

    code, number, clause = "consent.key_used", 5601, "H9"
    en = "The subject key of consent {consent} serves another consent."
    zh = "授权 {consent} 的主体密钥已用于其他授权。"
    hint_en = "Make a fresh key for each consent: a shared one would link them."
    hint_zh = "每项授权须使用新密钥，否则授权之间可被关联。"


class OpeningsInvalid(Invalid):
    """The number or length of openings would tell something."""

    code, number, clause = "consent.openings", 5602, "H9"
    en = "Consent {consent} needs 4 or 8 sealed openings of one length."
    zh = "授权 {consent} 须有 4 或 8 份等长的密封件。"
    hint_en = "Fill up with dummies."
    hint_zh = "请用填充件补足。"


class ConsentUnsigned(Denied):
    """The patient's signature does not verify."""

    code, number, clause = "consent.signature", 5603, "S6.3c"
    en = "The signature is not that of the subject key of consent {consent}."
    zh = "签名并非授权 {consent} 的主体密钥所签。"
    hint_en = "The patient's key signs for this chain and this consent."
    hint_zh = "须由患者密钥对本链与本授权签名。"


class ConsentUnknown(NotFound):
    """No consent of that id."""

    code, number, clause = "consent.unknown", 5604, "S6.3c"
    en = "There is no consent {consent}."
    zh = "没有授权 {consent}。"
    hint_en = "Check the id."
    hint_zh = "请核对标识。"


class ConsentNotProposed(Conflict):
    """It was granted or revoked before."""

    code, number, clause = "consent.not_proposed", 5605, "S6.3c"
    en = "Consent {consent} is not waiting for approval."
    zh = "授权 {consent} 不在待批准状态。"
    hint_en = "Only a proposed consent is approved, once."
    hint_zh = "仅待批准的授权可批准一次。"


class ConsentOtherMember(Denied):
    """Another member's counter."""

    code, number, clause = "consent.other_member", 5606, "S6.3c"
    en = "Member {member} did not vouch for consent {consent}."
    zh = "成员 {member} 并非授权 {consent} 的受理机构。"
    hint_en = "Staff of the member that took the paper decide."
    hint_zh = "由受理纸质授权的机构人员处理。"


class ConsentSameAccount(Denied):
    """Two staff means two accounts."""

    code, number, clause = "consent.same_account", 5607, "S6.3c"
    en = "Account {account} was the first of the two; another one has to be the second."
    zh = "账户 {account} 已是两人中的第一人，须由另一账户作为第二人。"
    hint_en = "Let a second person look at the paper."
    hint_zh = "请由第二人核对。"


class ConsentOtherTerms(Conflict):
    """The second person approves what the first proposed."""

    code, number, clause = "consent.other_terms", 5608, "S6.3c"
    en = "Consent {consent} was proposed with other terms."
    zh = "授权 {consent} 提出时的条款与此不同。"
    hint_en = "Compare with the paper again."
    hint_zh = "请再次与纸质文件核对。"


class ConsentNotGranted(Conflict):
    """Only what is granted is acknowledged or revoked."""

    code, number, clause = "consent.not_granted", 5609, "S6.3c"
    en = "Consent {consent} is not granted yet."
    zh = "授权 {consent} 尚未生效。"
    hint_en = "A second account approves it first."
    hint_zh = "须先由第二账户批准。"


class ConsentWithdrawn(Conflict):
    """It is revoked already."""

    code, number, clause = "consent.revoked", 5610, "S6.3c"
    en = "Consent {consent} is revoked."
    zh = "授权 {consent} 已撤回。"
    hint_en = "Revocation is for good; a new consent has a new id."
    hint_zh = "撤回不可恢复；新授权使用新标识。"


class ConsentNotCounter(Denied):
    """Staff revoke only what was given at a counter."""

    code, number, clause = "consent.not_counter", 5611, "S6.3c"
    en = "Consent {consent} was given by a key; only that key revokes it."
    zh = "授权 {consent} 由密钥作出，仅该密钥可撤回。"
    hint_en = "The patient signs the revocation."
    hint_zh = "请由患者签署撤回。"


class RevocationProposed(Conflict):
    """It waits for the second account."""

    code, number, clause = "consent.revocation_proposed", 5612, "S6.3c"
    en = "The revocation of consent {consent} is proposed already."
    zh = "授权 {consent} 的撤回已提出。"
    hint_en = "A second account approves it."
    hint_zh = "请由第二账户批准。"


class RevocationNotProposed(Conflict):
    """The first account has not acted."""

    code, number, clause = "consent.revocation_not_proposed", 5613, "S6.3c"
    en = "Nobody proposed to revoke consent {consent}."
    zh = "尚无人提出撤回授权 {consent}。"
    hint_en = "A first account proposes it."
    hint_zh = "须先由第一账户提出。"


class ConsentNodeUnknown(NotFound):
    """A node acknowledges for itself."""

    code, number, clause = "consent.node", 5614, "S6.3c"
    en = "The caller's member has no active node {node}."
    zh = "调用者所属成员没有有效节点 {node}。"
    hint_en = "Register the node first."
    hint_zh = "请先登记节点。"


class ConsentAcknowledged(Conflict):
    """A node acknowledges once."""

    code, number, clause = "consent.acknowledged", 5615, "S6.3c"
    en = "Node {node} has acknowledged consent {consent} already."
    zh = "节点 {node} 已确认授权 {consent}。"
    hint_en = "Nothing is left to do."
    hint_zh = "无需再次确认。"

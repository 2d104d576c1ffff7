"""Refusals of consents, guardians, mandates and their store (numbers 5600 to 5621, 5629 to 5632, 5677 to 5680)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Integrity, Invalid, NotFound


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


class ConsentTermsInvalid(Invalid):
    """The terms break CN6."""

    code, number, clause = "consent.terms", 5616, "S6.3c"
    en = "The terms of the consent are not in form, or name no custodian or more than eight."
    zh = "授权条款格式不符，或未指明保管节点，或超过八个。"
    hint_en = "A consent has a purpose, a category, a period that ends after it begins, and 1 to 8 custodians."
    hint_zh = "授权须有用途、类别、起止期限与 1 至 8 个保管节点。"


class ConsentTooLong(Invalid):
    """Openings have one fixed length."""

    code, number, clause = "consent.too_long", 5617, "H9"
    en = "The consent names too much for one sealed opening."
    zh = "授权所列内容超出一份密封件的长度。"
    hint_en = "Make two consents of it."
    hint_zh = "请拆为两项授权。"


class ConsentRefused(Denied):
    """The opening does not match the chain, this node or a patient of it."""

    code, number, clause = "consent.refused", 5618, "S6.3c"
    en = "Consent {consent} is addressed to this node but is not taken in: {reason}."
    zh = "授权 {consent} 发往本节点，但未被接受：{reason}。"
    hint_en = "The patient, or the counter, makes a new one."
    hint_zh = "请由患者或受理窗口重新办理。"


class WalletConsentUnknown(NotFound):
    """The patient's wallet keeps no such consent."""

    code, number, clause = "wallet.consent_unknown", 5619, "S6.3c"
    en = "The wallet has no consent {consent}."
    zh = "钱包中没有授权 {consent}。"
    hint_en = "Look at the consents that the wallet lists."
    hint_zh = "请查看钱包所列授权。"


class WalletDamaged(Integrity):
    """A file of the wallet does not open."""

    code, number, clause = "wallet.damaged", 5620, "S8.2d"
    en = "What the wallet keeps of consent {consent} was altered."
    zh = "钱包中授权 {consent} 的内容已被改动。"
    hint_en = "Restore the wallet from a backup."
    hint_zh = "请从备份恢复钱包。"


class ProtectionRowDamaged(Integrity):
    """A row does not open or is gone."""

    code, number, clause = "protection.row_damaged", 5621, "S6.2d"
    en = "Row {number} of the store of protection was altered or is missing."
    zh = "授权数据库第 {number} 行被改动或缺失。"
    hint_en = "Restore protection.sqlite from a backup."
    hint_zh = "请从备份恢复 protection.sqlite。"


class GuardianAdult(Denied):
    """A guardianship that would begin after majority."""

    code, number, clause = "guardian.adult", 5629, "S6.3c"
    en = "The patient is of age; a guardianship of minors ends at the 18th birthday."
    zh = "患者已成年；未成年人监护于年满十八周岁时终止。"
    hint_en = "The patient decides."
    hint_zh = "由患者本人决定。"


class GuardianPeriod(Invalid):
    """The dates of a guardianship are out of order."""

    code, number, clause = "guardian.period", 5630, "S6.3c"
    en = "The guardianship would end before it begins, or later than known."
    zh = "监护关系的终止时间早于开始时间或晚于已知时间。"
    hint_en = "Check the dates against the evidence."
    hint_zh = "请对照证明材料核对日期。"


class GuardianshipUnknown(NotFound):
    """No guardianship of that id."""

    code, number, clause = "guardian.unknown", 5631, "S6.3c"
    en = "There is no guardianship {guardianship} of this patient here."
    zh = "此处没有该患者的监护关系 {guardianship}。"
    hint_en = "Enter it with its evidence first."
    hint_zh = "请先凭证明材料登记。"


class MandateInvalid(Invalid):
    """Beyond the row of its article."""

    code, number, clause = "mandate.invalid", 5632, "S6.3c"
    en = "The mandate names nothing, or reaches beyond what '{article}' allows."
    zh = "该凭据未列明内容，或超出“{article}”允许的范围。"
    hint_en = "See table L of docs/spec/permit.md."
    hint_zh = "见 docs/spec/permit.md 的表 L。"


class ConsentLapsed(Conflict):
    """Nobody approved it in time."""

    code, number, clause = "consent.lapsed", 5677, "S6.3c"
    en = "Nobody approved consent {consent} within 7 days; it has lapsed."
    zh = "授权 {consent} 在 7 天内无人批准，已失效。"
    hint_en = "Ask the patient again and propose it anew."
    hint_zh = "请再次征求患者意见并重新提出。"


class ConsentDraftUnknown(NotFound):
    """This home keeps no draft of that consent."""

    code, number, clause = "consent.no_draft", 5678, "S6.3c"
    en = "This home keeps no draft of consent {consent} that waits for approval."
    zh = "本节点没有待批准的授权草稿 {consent}。"
    hint_en = "Approve it where it was proposed; 'xinglin consent drafts' lists what waits."
    hint_zh = "请在提出之处批准；xinglin consent drafts 可列出待批准项。"


class ConsentPaperDiffers(Conflict):
    """The second person looked at another paper than the first."""

    code, number, clause = "consent.paper", 5679, "S6.3c"
    en = "The scan is not the paper that consent {consent} was proposed with."
    zh = "该扫描件不是授权 {consent} 提出时所附的文件。"
    hint_en = "Compare with the paper again; if the terms are wrong, let the proposal lapse and propose anew."
    hint_zh = "请再次核对纸质文件；如条款有误，可任其失效后重新提出。"


class ConsentNotHeld(NotFound):
    """This node holds no consent of that id."""

    code, number, clause = "consent.not_held", 5680, "S6.3c"
    en = "This node does not hold consent {consent}."
    zh = "本节点未持有授权 {consent}。"
    hint_en = "It is addressed to other nodes, or not taken in yet: see 'xinglin consent acknowledge'."
    hint_zh = "它可能发往其他节点，或尚未接收：参见 xinglin consent acknowledge。"

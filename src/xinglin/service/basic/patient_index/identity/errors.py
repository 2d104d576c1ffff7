"""Refusals of the contract ``identity``, and findings about the record of decisions (numbers 5509 to 5529)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Integrity, Invalid, NotFound


class IdentityDiffers(Integrity):
    """A decision of the patient index is not what the private chain has on record."""

    code, number, clause = "identity.differs", 5509, "S6.2d"
    en = "Decision {act} on who is one person is not what the private chain has on record."
    zh = "关于个人身份的第 {act} 条决定与私有链记录不一致。"
    hint_en = "Restore patient_index/index.sqlite from the newest backup."
    hint_zh = "请从最新备份恢复 patient_index/index.sqlite。"


class IdentityBehind(Integrity):
    """The private chain has decisions that the patient index lacks."""

    code, number, clause = "identity.behind", 5510, "S6.2d"
    en = "The private chain has {chain} decisions on who is one person, the patient index {index}."
    zh = "私有链上有 {chain} 条身份决定，患者主索引只有 {index} 条。"
    hint_en = "The index is older than the chain: restore its newest backup; nothing is decided until then."
    hint_zh = "索引比链旧：请恢复最新备份；在此之前不做任何决定。"


class IdentityOrder(Conflict):
    """A decision is put on record out of its order."""

    code, number, clause = "identity.order", 5520, "H1"
    en = "Decision {act} is not the next one: there are {count} on record."
    zh = "第 {act} 条决定不是下一条：已记录 {count} 条。"
    hint_en = "Each goes on record once, in order."
    hint_zh = "每条决定按顺序只记录一次。"


class IdentityReason(Invalid):
    """A reason does not go with what was decided."""

    code, number, clause = "identity.reason", 5521, "H1"
    en = "Reason {reason} does not go with this decision."
    zh = "原因 {reason} 不适用于此决定。"
    hint_en = "See docs/spec/patient-index.md for the reasons of each decision."
    hint_zh = "各类决定的原因见 docs/spec/patient-index.md。"


class IdentityUndoes(Invalid):
    """Only an undoing names what it undoes, and it has to."""

    code, number, clause = "identity.undoes", 5522, "H1"
    en = "A decision names what it undoes if and only if it undoes something."
    zh = "仅当决定为撤销时，才须且必须指明被撤销的决定。"
    hint_en = "An unmerge names a merge, an unlink a link."
    hint_zh = "撤销合并须指明合并，撤销关联须指明关联。"


class IdentityUnknown(NotFound):
    """What is to be undone is not on record, or is of another kind."""

    code, number, clause = "identity.unknown", 5523, "H1"
    en = "There is no decision {act} that this one could undo."
    zh = "没有可被撤销的第 {act} 条决定。"
    hint_en = "An unmerge undoes a merge or a confirmed candidate, an unlink a link."
    hint_zh = "撤销合并针对合并或已确认的候选，撤销关联针对关联。"


class IdentityUndone(Conflict):
    """It has been undone before."""

    code, number, clause = "identity.undone", 5524, "H1"
    en = "Decision {act} has been undone already."
    zh = "第 {act} 条决定已被撤销。"
    hint_en = "Nothing is left to do."
    hint_zh = "无需再操作。"

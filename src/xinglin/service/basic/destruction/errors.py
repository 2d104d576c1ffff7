"""Refusals of destruction and of the contract ``hold`` (numbers 5800 to 5849, 5884 to 5899)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Integrity, Invalid, NotFound


class RetentionRuns(Conflict):
    """A record must be kept longer; it is restricted from now on."""

    code, number, clause = "destruction.retention", 5800, "S7.1f"
    en = "Record {record} must be kept through {until}; an order before then leaves it restricted."
    zh = "记录 {record} 须保存至 {until}（含当日）；在此之前下令只会使其限制使用。"
    hint_en = (
        "Order it again after that day. If it should not be restricted, another account lifts that: "
        "'xinglin destruction lift {record}'."
    )
    hint_zh = "请在该日之后再下令；如不应限制，由另一账户解除：xinglin destruction lift {record}。"


class RecordHeld(Conflict):
    """A hold forbids the destruction of a record."""

    code, number, clause = "destruction.hold", 5801, "S7.1f"
    en = "Record {record} is under the hold {hold}."
    zh = "记录 {record} 处于保全 {hold} 之下。"
    hint_en = (
        "Two accounts, administrators or compliance officers, release it: 'xinglin hold release {hold}', then another "
        "'xinglin hold confirm {hold}'."
    )
    hint_zh = (
        "由两个账户（管理员或合规专员）解除：先 xinglin hold release {hold}，再由另一账户 xinglin hold confirm {hold}。"
    )


class RetentionUnknown(Conflict):
    """It can't be told how long a record must be kept, so it stays."""

    code, number, clause = "destruction.undated", 5802, "S7.1f"
    en = "It can't be told how long record {record} must be kept: {why}."
    zh = "无法确定记录 {record} 的保存期限：{why_zh}。"
    hint_en = "Complete or close the patient's encounters in the source system and take them in."
    hint_zh = "请在来源系统中补全或结束患者的就诊记录后再采集。"


class EncounterNeeded(Conflict):
    """An encounter is the last to be destroyed: how long other records are kept is counted from it."""

    code, number, clause = "destruction.encounter", 5803, "S7.1f"
    en = "The retention of {count} other records is counted from the encounter {record}."
    zh = "另有 {count} 条记录的保存期限依据就诊记录 {record} 计算。"
    hint_en = "Order these first, or together with it."
    hint_zh = "请先销毁这些记录，或一并下令。"


class NotRegisteredYet(Conflict):
    """A record whose batch is not on the chain yet can't be ordered to be destroyed."""

    code, number, clause = "destruction.not_registered", 5804, "S7.1f"
    en = "Record {record} is not registered on the chain yet."
    zh = "记录 {record} 尚未在链上登记。"
    hint_en = "Run an intake once; it registers what is left."
    hint_zh = "请运行一次采集以完成登记。"


class RecordOrdered(Denied):
    """The destruction of a record is ordered: it is not read any more, by nobody."""

    code, number, clause = "destruction.ordered", 5805, "S7.1f"
    en = "The destruction of record {record} is ordered; it is not read any more."
    zh = "记录 {record} 已被下令销毁，不再提供读取。"
    hint_en = "A second account confirms the order; then the node destroys the record."
    hint_zh = "由另一账户确认后，节点即行销毁。"


class TermShorter(Invalid):
    """An institution's own retention term is shorter than the law's."""

    code, number, clause = "destruction.term", 5806, "S8.1"
    en = "{years} years for '{type}' are less than the {least} that must be kept."
    zh = "类型“{type}”保存 {years} 年，少于规定的 {least} 年。"
    hint_en = "Terms of an institution may only be longer."
    hint_zh = "机构自定的保存期限只能更长。"


class CertificateWrong(Integrity):
    """A certificate of destruction is missing from the home, or is not the one that the chain knows."""

    code, number, clause = "destruction.certificate", 5807, "S7.1f"
    en = "The certificate of destruction of {commitment} is missing or is not the one on the chain."
    zh = "{commitment} 的销毁凭证缺失，或与链上登记不符。"
    hint_en = "Restore destruction/ from the newest backup; the chain still says who ordered and confirmed."
    hint_zh = "请从最新备份恢复 destruction/；链上仍载明下令与确认的账户。"


class DestructionRowDamaged(Integrity):
    """A row of the home's destruction database was altered."""

    code, number, clause = "destruction.row_damaged", 5808, "S6.2d"
    en = "Row {number} of destruction.sqlite was altered."
    zh = "destruction.sqlite 的第 {number} 行被改动。"
    hint_en = "Restore destruction/ from a backup."
    hint_zh = "请从备份恢复 destruction/。"


class HoldExists(Conflict):
    """A hold with that id was placed before."""

    code, number, clause = "hold.exists", 5820, "S8.1"
    en = "There is a hold {hold} already."
    zh = "保全 {hold} 已存在。"
    hint_en = "Give each hold an id of its own."
    hint_zh = "每项保全须使用独立标识。"


class HoldScopeInvalid(Invalid):
    """A hold names neither a subject nor records, or both, or records out of order."""

    code, number, clause = "hold.scope", 5821, "S8.1"
    en = "The hold {hold} must name either one subject or ascending, distinct records."
    zh = "保全 {hold} 须指定一个主体，或升序且不重复的记录。"
    hint_en = "See docs/spec/destruction.md for a hold's scope."
    hint_zh = "保全范围见 docs/spec/destruction.md。"


class HoldUnknown(NotFound):
    """There is no hold with that id."""

    code, number, clause = "hold.unknown", 5822, "S8.1"
    en = "There is no hold {hold}."
    zh = "没有保全 {hold}。"
    hint_en = "List the holds of this institution."
    hint_zh = "请查看本机构的保全清单。"


class HoldReleased(Conflict):
    """A hold was released before, or its release awaits the second account."""

    code, number, clause = "hold.released", 5823, "S8.1"
    en = "The hold {hold} is released, or its release awaits another account."
    zh = "保全 {hold} 已解除，或正待另一账户确认解除。"
    hint_en = "A hold is released once; place another if one is needed."
    hint_zh = "保全只解除一次；如有需要请另行设置。"


class ReleaseNotProposed(Conflict):
    """The release of a hold is confirmed that nobody has begun."""

    code, number, clause = "hold.not_proposed", 5824, "S8.1"
    en = "Nobody has begun to release the hold {hold}."
    zh = "尚无人提出解除保全 {hold}。"
    hint_en = "One account releases it, another confirms."
    hint_zh = "由一个账户提出解除，另一账户确认。"


class HoldSameAccount(Denied):
    """The second act of two was tried by the account that did the first."""

    code, number, clause = "hold.same_account", 5825, "S8.1"
    en = "Account {account} did the first of the two acts."
    zh = "账户 {account} 已执行两步中的第一步。"
    hint_en = "Another account does the second."
    hint_zh = "第二步须由另一账户执行。"


class NotRestricted(NotFound):
    """A restriction is lifted that is not there."""

    code, number, clause = "hold.not_restricted", 5826, "S8.1"
    en = "Record {commitment} is not restricted."
    zh = "记录 {commitment} 未受限制。"
    hint_en = "Nothing is to be done."
    hint_zh = "无需处理。"


class HoldForbids(Conflict):
    """The node may not begin to shred a record that a hold names."""

    code, number, clause = "hold.forbids", 5827, "S7.1f"
    en = "Record {commitment} is under the hold {hold} and is not shredded."
    zh = "记录 {commitment} 处于保全 {hold} 之下，不予销毁。"
    hint_en = "It is shredded once two accounts have released the hold."
    hint_zh = "须由两个账户解除该保全后方可销毁。"


class HoldTooLate(Conflict):
    """A hold names a record that the node has begun to shred."""

    code, number, clause = "hold.too_late", 5828, "S8.1"
    en = "Record {commitment} is being shredded, or is destroyed: no hold can save it."
    zh = "记录 {commitment} 正在或已被销毁，保全无法生效。"
    hint_en = "Hold the other records without it; its certificate tells who ordered its destruction."
    hint_zh = "请对其余记录设置保全；销毁凭证载明由谁下令。"


class HoldOpeningMissing(Integrity):
    """It can't be told whom a hold concerns, so nothing is destroyed."""

    code, number, clause = "hold.opening", 5829, "S8.1"
    en = "The home can't tell whom the hold {hold} concerns."
    zh = "本节点无法得知保全 {hold} 涉及何人。"
    hint_en = (
        "Nothing is destroyed until then. Restore destruction/ from a backup, or place it anew and release this one."
    )
    hint_zh = "在此之前不销毁任何记录。请从备份恢复 destruction/，或重新设置并解除该保全。"


class RecordSealed(Conflict):
    """A record belongs to a sealed episode."""

    code, number, clause = "destruction.sealed", 5884, "S1.1"
    en = "Record {record} is in the sealed episode {episode}."
    zh = "记录 {record} 属于已封存的就诊 {episode}。"
    hint_en = "It can be destroyed once both sides have opened the episode: 'xinglin episode open {episode}'."
    hint_zh = "须由双方启封后方可销毁：xinglin episode open {episode}。"


class HoldWithoutPatient(Conflict):
    """A hold on the patient of a record that belongs to none."""

    code, number, clause = "hold.no_patient", 5885, "S8.1"
    en = "Record {record} belongs to no patient, so no patient can be held by it."
    zh = "记录 {record} 不属于任何患者，无法据此对患者设置保全。"
    hint_en = "Hold the record itself, or name a record of the patient."
    hint_zh = "请对该记录本身设置保全，或指定该患者的某条记录。"


class PatientUnknown(Integrity):
    """The patient index has nobody for the patient of a record, so nothing of it is destroyed."""

    code, number, clause = "destruction.patient_unknown", 5886, "H1"
    en = "The patient index has nobody for the patient of record {record}."
    zh = "患者主索引中没有记录 {record} 所属的患者。"
    hint_en = (
        "Restore the index from a backup: until then it can't be told how long to keep the record, or what holds it."
    )
    hint_zh = "请从备份恢复索引；在此之前无法判断该记录须保存多久、是否处于保全之下。"


class NoCertificate(NotFound):
    """The certificate of a record is asked for that is not destroyed."""

    code, number, clause = "destruction.no_certificate", 5887, "S7.1f"
    en = "There is no certificate of record {record}: its state is '{state}'."
    zh = "记录 {record} 没有销毁凭证：其状态为“{state}”。"
    hint_en = "A certificate is made once an order is confirmed and carried out; see 'xinglin destruction list'."
    hint_zh = "指令经确认并执行后才有凭证；参见 xinglin destruction list。"


class PatientNeeded(Conflict):
    """The patient's own record goes last: the patient index tells by it whose the others are."""

    code, number, clause = "destruction.patient", 5888, "H1"
    en = "Record {record} says whose {count} other records are, and goes after them."
    zh = "记录 {record} 载明另外 {count} 条记录属于何人，须在其后销毁。"
    hint_en = "Order these first, or together with it."
    hint_zh = "请先销毁这些记录，或一并下令。"

"""Refusals of the contract ``correction`` and of correcting a record (numbers 5750 to 5769)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Integrity, Invalid


class CorrectsItself(Invalid):
    """A record can't be its own correction."""

    code, number, clause = "correction.same", 5750, "H12"
    en = "Record {commitment} can't correct itself."
    zh = "记录 {commitment} 不能更正自身。"
    hint_en = "Name the commitment of the new version."
    hint_zh = "请指定新版本的承诺值。"


class AlreadyCorrected(Conflict):
    """The record has a correction."""

    code, number, clause = "correction.exists", 5751, "H12"
    en = "Record {commitment} has been corrected already."
    zh = "记录 {commitment} 已更正。"
    hint_en = "Correct its current version."
    hint_zh = "请更正其现行版本。"


class AlreadyCorrection(Conflict):
    """The new record corrects another one."""

    code, number, clause = "correction.new_linked", 5752, "H12"
    en = "Record {commitment} is the correction of another record."
    zh = "记录 {commitment} 已是另一记录的更正版本。"
    hint_en = "A correction corrects one record."
    hint_zh = "一个更正版本只更正一条记录。"


class CorrectionCycle(Conflict):
    """The new record is itself corrected by another: it can't come after it."""

    code, number, clause = "correction.cycle", 5753, "H12"
    en = "Record {commitment} has been corrected itself and can't be a correction."
    zh = "记录 {commitment} 本身已被更正，不能作为更正版本。"
    hint_en = "Register the corrected content as a new version."
    hint_zh = "请将更正内容登记为新版本。"


class NotProducer(Denied):
    """Only the institution that produced a record corrects it."""

    code, number, clause = "correction.not_producer", 5754, "H12"
    en = "Member {member} did not produce record {commitment} and can't correct it."
    zh = "成员 {member} 并非记录 {commitment} 的产生方，不能更正。"
    hint_en = "Ask the institution that produced it."
    hint_zh = "请联系产生该记录的机构。"


class NotCurrent(Conflict):
    """The record is not the current version."""

    code, number, clause = "correction.superseded", 5760, "H12"
    en = "Record {record} was corrected; the current version is {current}."
    zh = "记录 {record} 已更正，现行版本为 {current}。"
    hint_en = "Read or correct the current version."
    hint_zh = "请查阅或更正现行版本。"


class OtherResource(Invalid):
    """What is given as a correction is another resource than the record."""

    code, number, clause = "correction.other_resource", 5761, "H12"
    en = "The correction differs from record {record} in its {what}: it is another resource."
    zh = "更正内容与记录 {record} 的{what}不同：属于另一资源。"
    hint_en = (
        "A correction keeps type, id and patient; a record of the wrong patient is marked entered-in-error instead."
    )
    hint_zh = "更正须保持类型、标识与患者不变；误记于他人名下的记录应标记为录入错误。"


class NothingCorrected(Conflict):
    """The correction is byte for byte the record."""

    code, number, clause = "correction.unchanged", 5762, "H12"
    en = "The correction is the same as record {record}, byte for byte."
    zh = "更正内容与记录 {record} 逐字节相同。"
    hint_en = "Nothing is to be done."
    hint_zh = "无需处理。"


class CorrectionUnfit(Invalid):
    """The correction can't be a record."""

    code, number, clause = "correction.unfit", 5763, "H12"
    en = "The correction of record {record} is not a valid resource: {reason}."
    zh = "记录 {record} 的更正内容不是有效资源：{reason}。"
    hint_en = "Mend it at its source and give it again; nothing was stored."
    hint_zh = "请在来源系统修正后重新提交；未存入任何内容。"


class VersionsDiffer(Integrity):
    """Vault and private chain disagree about the versions of a record."""

    code, number, clause = "correction.differs", 5764, "S6.2d"
    en = "The vault's versions of record {record} are not those of the private chain."
    zh = "数据仓中记录 {record} 的版本与私有链不一致。"
    hint_en = "Restore the newest backup of vault and keyring."
    hint_zh = "请恢复数据仓与密钥环的最新备份。"

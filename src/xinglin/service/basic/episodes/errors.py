"""Refusals of the contract ``episode`` and of sealing, opening and proving episodes (numbers 5860 to 5899)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Integrity, Invalid, NotFound


class EpisodeExists(Conflict):
    """An episode of this id was sealed before."""

    code, number, clause = "episode.exists", 5860, "S1.1"
    en = "The episode {episode} has been sealed already."
    zh = "就诊 {episode} 的病历已封存。"
    hint_en = "Seal again under a new id."
    hint_zh = "如需再次封存，请使用新的标识。"


class EpisodeEmpty(Invalid):
    """There is nothing to seal."""

    code, number, clause = "episode.empty", 5861, "S1.1"
    en = "The episode {episode} has no records to seal."
    zh = "就诊 {episode} 没有可封存的记录。"
    hint_en = (
        "Name the encounter by the id that its source system gave it, not by a record's id, "
        "and the system with --source."
    )
    hint_zh = "请使用来源系统给出的就诊标识（不是记录标识），并用 --source 指定来源系统。"


class SidesNotTwo(Invalid):
    """Both sides have one key: that is one side."""

    code, number, clause = "episode.one_side", 5862, "S1.1"
    en = "Both sides of the episode {episode} would sign with one key."
    zh = "就诊 {episode} 的双方使用了同一密钥。"
    hint_en = "The patient's side signs with a key of its own."
    hint_zh = "患方须使用自己的密钥签名。"


class SideSignatureInvalid(Denied):
    """A side's signature does not verify, or is not of a key of that side."""

    code, number, clause = "episode.signature", 5863, "S1.1"
    en = "The signature of side {side} of the episode {episode} is not good (1: institution, 2: patient)."
    zh = "就诊 {episode} 的第 {side} 方签名无效（1 为医方，2 为患方）。"
    hint_en = "Both sides sign the same bytes; the patient's side opens with the key of the sealing."
    hint_zh = "双方对相同内容签名；患方须使用封存时的密钥启封。"


class EpisodeUnknown(NotFound):
    """No episode of this id was sealed."""

    code, number, clause = "episode.unknown", 5864, "S1.1"
    en = "There is no sealed episode {episode}."
    zh = "没有已封存的就诊 {episode}。"
    hint_en = "See the list of sealed episodes."
    hint_zh = "请查看已封存就诊列表。"


class EpisodeOpened(Conflict):
    """Both sides have opened the episode."""

    code, number, clause = "episode.opened", 5865, "S1.1"
    en = "The episode {episode} has been opened by both sides."
    zh = "就诊 {episode} 已由双方启封。"
    hint_en = "What was sealed stays provable; seal anew if need be."
    hint_zh = "原封存内容仍可证明；必要时可重新封存。"


class LateExists(Conflict):
    """The record was marked as a late addition before."""

    code, number, clause = "episode.late_exists", 5866, "S1.1"
    en = "Record {commitment} is marked as a late addition to the episode {episode} already."
    zh = "记录 {commitment} 已标记为就诊 {episode} 的封存后新增。"
    hint_en = "Nothing is to be done."
    hint_zh = "无需处理。"


class OpeningProposed(Conflict):
    """One side has proposed to open the episode."""

    code, number, clause = "episode.proposed", 5867, "S1.1"
    en = "To open the episode {episode} has been proposed already."
    zh = "就诊 {episode} 的启封已提出。"
    hint_en = "The other side approves it."
    hint_zh = "请由另一方同意。"


class OpeningNotProposed(Conflict):
    """Nobody has proposed to open the episode."""

    code, number, clause = "episode.not_proposed", 5868, "S1.1"
    en = "To open the episode {episode} has not been proposed."
    zh = "尚未提出就诊 {episode} 的启封。"
    hint_en = "One side proposes it first."
    hint_zh = "须先由一方提出。"


class SameSide(Denied):
    """The side that proposed to open can't approve it."""

    code, number, clause = "episode.same_side", 5869, "S1.1"
    en = "The side that proposed to open the episode {episode} can't approve it."
    zh = "提出启封就诊 {episode} 的一方不能自行同意。"
    hint_en = "The other side approves it."
    hint_zh = "请由另一方同意。"


class EpisodeNotRegistered(Conflict):
    """A record of the episode is not registered yet."""

    code, number, clause = "episode.not_registered", 5880, "S1.1"
    en = "Record {record} of the episode is not registered on the consortium chain yet."
    zh = "该就诊的记录 {record} 尚未在联盟链登记。"
    hint_en = "Let the intake finish, then seal."
    hint_zh = "请待采集完成后再封存。"


class EpisodeChanged(Conflict):
    """Records came between what both sides signed and the sealing."""

    code, number, clause = "episode.changed", 5881, "S1.1"
    en = "Records came to the episode {episode} after its set was drawn up."
    zh = "清单拟定后，就诊 {episode} 又有新记录。"
    hint_en = "Draw the set up again; both sides sign that."
    hint_zh = "请重新拟定清单并由双方签名。"


class EpisodeDiffers(Integrity):
    """What the home has of a sealed episode is not what was sealed."""

    code, number, clause = "episode.differs", 5882, "S1.1"
    en = "What this home has of the episode {episode} is not what was sealed: {what}."
    zh = "本节点所存就诊 {episode} 与封存内容不符：{what}。"
    hint_en = "Restore the newest backup of the home; the sealed set stays as it was signed."
    hint_zh = "请恢复节点的最新备份；封存清单以双方签名为准。"


class NotOfAccount(Denied):
    """The institution's side signed with a key that is not one of the account in force."""

    code, number, clause = "episode.account", 5883, "S1.1"
    en = "The key is not one of the account {account} of this member in force."
    zh = "该密钥不是本成员账户 {account} 的有效密钥。"
    hint_en = "Sign with a key that the consortium chain's registry holds for the account."
    hint_zh = "请使用联盟链登记的该账户密钥签名。"

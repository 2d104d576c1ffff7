"""Refusals and findings of the outbox (numbers 5400 to 5449)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Integrity, NotFound, Unavailable


class OutboxRowDamaged(Integrity):
    """A row of the outbox does not authenticate, or its transaction is not what its body id names."""

    code, number, clause = "outbox.row_damaged", 5400, "S6.2d"
    en = "Row {number} of the outbox was altered."
    zh = "发件箱的第 {number} 行被改动。"
    hint_en = "Restore vault/index.sqlite from a backup."
    hint_zh = "请从备份恢复 vault/index.sqlite。"


class OutboxRowMissing(Integrity):
    """Stored records belong to no batch of the outbox."""

    code, number, clause = "outbox.row_missing", 5401, "S6.2d"
    en = "The outbox has no batch for record row {first}."
    zh = "发件箱中没有第 {first} 行记录所属的批次。"
    hint_en = "Restore vault/index.sqlite from a backup."
    hint_zh = "请从备份恢复 vault/index.sqlite。"


class BatchRefused(Conflict):
    """The chain logged a batch with a refusal, and did so again when it was signed anew."""

    code, number, clause = "outbox.refused", 5402, "S9.1"
    en = "The chain refused batch {batch}: {reason} (number {refusal})."
    zh = "链拒绝了批次 {batch}：{reason}（编号 {refusal}）。"
    hint_en = "Remove the reason and run the command again; the records are stored and will be registered then."
    hint_zh = "消除原因后重新运行命令；记录已存入，届时登记。"


class BatchContradiction(Integrity):
    """The chain holds another batch under this id than the outbox."""

    code, number, clause = "outbox.contradiction", 5403, "S9.1"
    en = "The chain holds batch {batch} with other items than this home."
    zh = "链上批次 {batch} 的内容与本节点不同。"
    hint_en = "This home was restored from a backup or copied; don't use it, and look which one registered the batch."
    hint_zh = "本节点目录可能由备份恢复或被复制；请勿使用，并查明是谁登记了该批次。"


class BatchUnsettled(Unavailable):
    """The chain did not say in time what became of a batch."""

    code, number, clause = "outbox.unsettled", 5404, "S9.1"
    en = "The chain has not said what became of batch {batch}."
    zh = "链尚未说明批次 {batch} 的结果。"
    hint_en = "Run the command again when the chain goes on; nothing is lost and nothing will be doubled."
    hint_zh = "待链恢复后重新运行命令；不会丢失，也不会重复。"


class BatchNotFound(NotFound):
    """The outbox has no batch of that id."""

    code, number, clause = "outbox.not_found", 5405, "S8.6a"
    en = "This home has no batch {batch}."
    zh = "本节点没有批次 {batch}。"
    hint_en = "Check the id."
    hint_zh = "请核对标识。"


class BatchMissing(Integrity):
    """The chain holds a batch that this home registered and knows nothing of."""

    code, number, clause = "outbox.batch_missing", 5406, "S9.1"
    en = "The chain holds batch {batch}, which this node registered and this home doesn't have."
    zh = "链上有本节点登记的批次 {batch}，而本节点目录中没有。"
    hint_en = (
        "Vault and keyring are older than the chain: restore the newest backup of both. Nothing is taken in until then."
    )
    hint_zh = "数据仓与密钥环早于链上内容：请恢复两者的最新备份；在此之前不再采集。"

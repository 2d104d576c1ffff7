"""Refusals and findings of the vault and the keyring (numbers 5000 to 5099).

Facts are random identifiers, row numbers and file names of the home; never content, a key, or a name of a person.
"""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Integrity, NotFound, Unavailable


class VaultLocked(Unavailable):
    """Another process writes to this vault."""

    code, number, clause = "vault.locked", 5001, "S6.2d"
    en = "The vault is open in another process."
    zh = "加密数据仓已被另一进程打开。"
    hint_en = "Stop the other process first."
    hint_zh = "请先停止另一进程。"


class VaultBehindHead(Integrity):
    """The index holds fewer records than were acknowledged: it was put back, or its last commits were lost."""

    code, number, clause = "vault.behind_head", 5002, "S6.2d"
    en = "The vault's index ends at record {found}, but record {head} was stored."
    zh = "数据仓索引止于第 {found} 条，但第 {head} 条曾已存入。"
    hint_en = "Nothing was removed. Restore vault/index.sqlite from a backup, or the whole home."
    hint_zh = "未删除任何内容。请从备份恢复 vault/index.sqlite 或整个节点目录。"


class DatabaseDamaged(Integrity):
    """SQLite finds its file damaged, or a table is not as it was made."""

    code, number, clause = "storage.database_damaged", 5003, "S6.2d"
    en = "The database {file} is damaged: {what}."
    zh = "数据库 {file} 已损坏：{what}。"
    hint_en = "Run 'xinglin ledger verify' for what is affected, and restore the file from a backup."
    hint_zh = "请运行 xinglin ledger verify 查看受影响的内容，并从备份恢复该文件。"


class StorageUnwritable(Unavailable):
    """The disk is full, read-only or failing; nothing of this write was kept."""

    code, number, clause = "storage.unwritable", 5004, "S6.2d"
    en = "{file} can't be written: {what}."
    zh = "无法写入 {file}：{what}。"
    hint_en = "Make room or repair the disk, and run the command again; it goes on where it stopped."
    hint_zh = "请释放空间或修复磁盘后重新运行命令，将从中断处继续。"


class StorageUnreadable(Unavailable):
    """The system can't open a file of a store now: too many files are open, or memory is short."""

    code, number, clause = "storage.unreadable", 5009, "S6.2d"
    en = "{file} can't be opened now: {what}."
    zh = "当前无法打开 {file}：{what}。"
    hint_en = "Let the process have more open files (ulimit -n) or memory, and run the command again."
    hint_zh = "请提高进程可打开文件数（ulimit -n）或内存后重新运行命令。"


class StorageExists(Conflict):
    """A store is made where there is one already."""

    code, number, clause = "storage.exists", 5005, "S6.2d"
    en = "There is a {what} in this home already."
    zh = "本节点目录中已有 {what}。"
    hint_en = "Use it, or choose another home."
    hint_zh = "请使用现有的，或选择另一目录。"


class StorageMissing(NotFound):
    """A store is opened where there is none."""

    code, number, clause = "storage.missing", 5006, "S6.2d"
    en = "There is no {what} in this home."
    zh = "本节点目录中没有 {what}。"
    hint_en = "Check the home's path; 'xinglin init' makes a home."
    hint_zh = "请核对节点目录；用 xinglin init 建立节点。"


class StorageVersionUnknown(Unavailable):
    """A store was written by a version of Xinglin that this one does not know."""

    code, number, clause = "storage.version", 5007, "S6.2d"
    en = "The {what} has format {found}; this version reads format {known}."
    zh = "{what} 的格式版本为 {found}，本程序读取版本 {known}。"
    hint_en = "Use the version of Xinglin that wrote it, or a later one."
    hint_zh = "请使用写入它的 Xinglin 版本或更新版本。"


class RecordNotFound(NotFound):
    """The vault has no record of that id."""

    code, number, clause = "vault.not_found", 5008, "S8.6a"
    en = "The vault has no record {record}."
    zh = "数据仓中没有记录 {record}。"
    hint_en = "Check the id; 'xinglin record list' shows those that are there."
    hint_zh = "请核对标识；用 xinglin record list 查看已有记录。"


class RowDamaged(Integrity):
    """A row of the index does not authenticate: it was altered, moved, or belongs to another home."""

    code, number, clause = "vault.row_damaged", 5010, "S6.2d"
    en = "Row {number} of the vault's index was altered."
    zh = "数据仓索引的第 {number} 行被改动。"
    hint_en = "Its record is not served; restore vault/index.sqlite from a backup."
    hint_zh = "对应记录不会被提供；请从备份恢复 vault/index.sqlite。"


class RowMissing(Integrity):
    """Records that were stored have no rows in the index."""

    code, number, clause = "vault.row_missing", 5011, "S6.2d"
    en = "Rows {first} to {last} of the vault's index are missing."
    zh = "数据仓索引缺少第 {first} 至 {last} 行。"
    hint_en = "Restore vault/index.sqlite from a backup."
    hint_zh = "请从备份恢复 vault/index.sqlite。"


class EntryDamaged(Integrity):
    """The stored bytes of a record are not those that were sealed."""

    code, number, clause = "vault.entry_damaged", 5012, "S6.2d"
    en = "The stored bytes of record {record} were altered (segment {segment}, offset {offset})."
    zh = "记录 {record} 的存储内容被改动（数据段 {segment}，偏移 {offset}）。"
    hint_en = "It is not served; restore the segment from a backup."
    hint_zh = "该记录不会被提供；请从备份恢复该数据段。"


class CommitmentMismatch(Integrity):
    """A record opens, but is not what its commitment commits."""

    code, number, clause = "vault.commitment", 5013, "S6.2c2"
    en = "Record {record} does not match its record commitment."
    zh = "记录 {record} 与其存证哈希不符。"
    hint_en = "It is not served; restore vault and keyring from the same backup."
    hint_zh = "该记录不会被提供；请从同一备份恢复数据仓与密钥环。"


class Leftover(Integrity):
    """A file in the vault that belongs to no record."""

    code, number, clause = "vault.leftover", 5014, "S6.2d"
    en = "{what} in the vault belongs to no record."
    zh = "数据仓中的 {what} 不属于任何记录。"
    hint_en = "Someone put it there, or rows were lost; look at it before you remove it."
    hint_zh = "可能为他人放置，或有行丢失；请查看后再删除。"


class HeadDamaged(Integrity):
    """No slot of the vault's head file is good, although records were stored."""

    code, number, clause = "vault.head_damaged", 5015, "S6.2d"
    en = "The vault's head file was altered."
    zh = "数据仓的头文件被改动。"
    hint_en = "Restore vault/head together with vault/index.sqlite from one backup."
    hint_zh = "请从同一备份恢复 vault/head 与 vault/index.sqlite。"


class RecordShredded(NotFound):
    """The record was destroyed here: its keys, salts and content are gone for good."""

    code, number, clause = "vault.destroyed", 5016, "S7.1f"
    en = "Record {record} was destroyed; what is left of it is its commitment and behaviour data."
    zh = "记录 {record} 已被销毁，仅保留其存证哈希与行为数据。"
    hint_en = "Its certificate of destruction tells who ordered it and why."
    hint_zh = "销毁凭证载明由谁下令及其理由。"


class KeyRowDamaged(Integrity):
    """A row of the keyring does not authenticate."""

    code, number, clause = "keyring.row_damaged", 5020, "S8.2d"
    en = "Row {number} of the keyring's table '{table}' was altered."
    zh = "密钥环表“{table}”的第 {number} 行被改动。"
    hint_en = "Restore the keyring from a backup."
    hint_zh = "请从备份恢复密钥环。"


class KeyMissing(Integrity):
    """A stored record, or the patient that it belongs to, has no key in the keyring."""

    code, number, clause = "keyring.key_missing", 5021, "S8.2d"
    en = "The keyring has no key for row {number} of the vault."
    zh = "密钥环中没有数据仓第 {number} 行的密钥。"
    hint_en = "Restore the keyring from a backup that is as new as the vault."
    hint_zh = "请从与数据仓同样新的备份恢复密钥环。"


class RootKeyRefused(Integrity):
    """The institution key of the keyring does not open with this key store, or was altered."""

    code, number, clause = "keyring.root", 5022, "S8.2d"
    en = "The keyring does not open with this key store."
    zh = "密钥环无法用此密钥库打开。"
    hint_en = "Use the key store of the same home; if it is the same, restore the keyring from a backup."
    hint_zh = "请使用同一节点目录的密钥库；若确为同一密钥库，请从备份恢复密钥环。"


class SealedRowDamaged(Integrity):
    """A row of a store of things under way was altered."""

    code, number, clause = "storage.sealed_row", 5030, "S6.2d"
    en = "The row {name} of the table {table} was altered."
    zh = "表“{table}”中的行 {name} 被改动。"
    hint_en = "Restore the file that holds it from a backup."
    hint_zh = "请从备份恢复其所在文件。"

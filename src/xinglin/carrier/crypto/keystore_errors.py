"""Refusals of the key store (numbers 1120 to 1139). No fact ever carries a private key or a passphrase."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Integrity, Invalid, NotFound


class KeyStoreNotFound(NotFound):
    """There is no key store in the folder."""

    code, number, clause = "keystore.not_found", 1120, "S8.2d"
    en = "There is no key store in {folder}."
    zh = "{folder} 中没有密钥库。"
    hint_en = "Name the home that holds it with --home, or restore it from a backup."
    hint_zh = "用 --home 指定其所在的节点目录，或从备份恢复。"


class KeyStoreExists(Conflict):
    """A key store is to be made where there is one already."""

    code, number, clause = "keystore.exists", 1121, "S8.2d"
    en = "There is a key store in {folder} already."
    zh = "{folder} 中已有密钥库。"
    hint_en = "Choose another folder; a key store is never overwritten."
    hint_zh = "请选择其他目录；密钥库不会被覆盖。"


class KeyStoreDamaged(Integrity):
    """A file of the key store is not what was written: a byte changed, or it is another key's file."""

    code, number, clause = "keystore.damaged", 1122, "S9.1"
    en = "The file {file} of the key store is damaged."
    zh = "密钥库文件 {file} 已损坏。"
    hint_en = "Restore the file from a backup."
    hint_zh = "请从备份恢复该文件。"


class PassphraseWrong(Denied):
    """The passphrase does not open the key store."""

    code, number, clause = "keystore.passphrase", 1123, "S8.2d"
    en = "The passphrase does not open the key store in {folder}."
    zh = "口令无法打开 {folder} 中的密钥库。"
    hint_en = "Check the passphrase; without it the keys can't be had back."
    hint_zh = "请核对口令；没有口令无法取回密钥。"


class PassphraseTooShort(Invalid):
    """A new key store is to be made under a passphrase that is easily guessed."""

    code, number, clause = "keystore.passphrase_short", 1124, "S8.2d"
    en = "The passphrase has {found} bytes; at least {needed} are needed."
    zh = "口令只有 {found} 字节，至少需要 {needed} 字节。"
    hint_en = "Use a sentence, or 20 random characters."
    hint_zh = "请使用一句话，或 20 个随机字符。"


class KeyNameInvalid(Invalid):
    """A key's name is not of the form that file names take."""

    code, number, clause = "keystore.name", 1125, "S8.2d"
    en = "'{name}' is not a name for a key."
    zh = "“{name}”不能作为密钥名称。"
    hint_en = "Names are 1 to 64 lower-case letters, digits and hyphens, and begin with a letter."
    hint_zh = "名称为 1 至 64 个小写字母、数字或连字符，以字母开头。"


class KeyExists(Conflict):
    """A key of this name is there already."""

    code, number, clause = "keystore.key_exists", 1126, "S8.2d"
    en = "There is a key '{name}' already."
    zh = "密钥“{name}”已存在。"
    hint_en = "Choose another name; keys are never overwritten."
    hint_zh = "请另取名称；密钥不会被覆盖。"


class KeyNotFound(NotFound):
    """There is no key of this name."""

    code, number, clause = "keystore.key_not_found", 1127, "S8.2d"
    en = "There is no key '{name}' in the key store."
    zh = "密钥库中没有密钥“{name}”。"
    hint_en = "Restore its file from a backup, or generate a new key and register it."
    hint_zh = "请从备份恢复其文件，或生成新密钥并登记。"


class KeyUseForbidden(Denied):
    """A key is to do what it was not made for."""

    code, number, clause = "keystore.use", 1128, "S8.2d"
    en = "The key '{name}' is for {use} only."
    zh = "密钥“{name}”只能用于 {use}。"
    hint_en = "Use one key for signing and another for encryption."
    hint_zh = "签名与加密请使用不同的密钥。"

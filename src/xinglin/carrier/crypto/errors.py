"""Refusals of the crypto package: library, keys, sealed data (1100 to 1119), key store (from 1120).

No fact here ever carries a private key, a passphrase or plaintext.
"""

from __future__ import annotations

from xinglin.kernel.errors import Integrity, Invalid, Unavailable


class LibraryMissing(Unavailable):
    """The native library is not where the package keeps it, or does not load."""

    code, number, clause = "crypto.library_missing", 1100, "W2"
    en = "The native library could not be loaded: {reason}."
    zh = "无法加载本机密码库：{reason}。"
    hint_en = "Install Xinglin again (pip install .): the installation builds the library."
    hint_zh = "请重新安装 Xinglin（pip install .），安装时会编译该库。"


class LibraryOutdated(Unavailable):
    """The native library was built from other sources than this package."""

    code, number, clause = "crypto.library_outdated", 1101, "W2"
    en = "The native library has interface {found}; this version needs {needed}."
    zh = "本机密码库接口版本为 {found}，本程序需要 {needed}。"
    hint_en = "Build it again: pip install . (or make clean and make)."
    hint_zh = "请重新编译：pip install .（或 make clean 后 make）。"


class LibraryForked(Unavailable):
    """The process was forked after the library had been loaded; its threads do not exist in the child."""

    code, number, clause = "crypto.library_forked", 1102, "W2"
    en = "The native library can't be used in a process that was forked after loading it."
    zh = "加载本机密码库之后 fork 出的进程不能使用该库。"
    hint_en = "Start the process with spawn (multiprocessing.get_context('spawn'))."
    hint_zh = "请用 spawn 方式启动进程（multiprocessing.get_context('spawn')）。"


class LibraryFault(Unavailable):
    """The native library stopped a call because of a fault of its own."""

    code, number, clause = "crypto.library_fault", 1103, "W2"
    en = "The native library failed: {reason}."
    zh = "本机密码库出错：{reason}。"
    hint_en = "This is a fault of Xinglin; please report it with this sentence."
    hint_zh = "这是 Xinglin 的缺陷，请附上本句报告。"


class SuiteUnknown(Invalid):
    """No suite has this name."""

    code, number, clause = "crypto.suite_unknown", 1104, "W2"
    en = "There is no cryptographic suite '{name}'."
    zh = "没有名为“{name}”的密码套件。"
    hint_en = "The suites are gm and intl."
    hint_zh = "可用的套件为 gm 与 intl。"


class PublicKeyInvalid(Invalid):
    """A public key has another length, is not on the curve or is the point at infinity."""

    code, number, clause = "crypto.public_key", 1105, "W2"
    en = "This is not a public key of suite {suite}."
    zh = "这不是套件 {suite} 的公钥。"
    hint_en = "Ask the key's owner for it again; it may have been cut or altered."
    hint_zh = "请向密钥所有者重新索取；它可能被截断或改动。"


class PrivateKeyInvalid(Invalid):
    """A private key has another length or is out of the suite's range."""

    code, number, clause = "crypto.private_key", 1106, "W2"
    en = "This is not a private key of suite {suite}."
    zh = "这不是套件 {suite} 的私钥。"
    hint_en = "Restore the key store from a backup."
    hint_zh = "请从备份恢复密钥库。"


class LengthInvalid(Invalid):
    """A key, nonce, hash or batch has another length than the suite needs."""

    code, number, clause = "crypto.length", 1107, "W2"
    en = "The {what} has length {found}; {needed} is needed."
    zh = "{what} 的长度为 {found}，应为 {needed}。"
    hint_en = "The value was cut or is of another suite; take it whole from where it was made."
    hint_zh = "该值被截断或属于其他套件；请从来源处完整取得。"


class OpenFailed(Integrity):
    """Sealed or encrypted bytes do not open: another key, other additional data, or a changed byte."""

    code, number, clause = "crypto.open_failed", 1108, "S9.1"
    en = "The sealed data do not open under this key; they were altered or belong to another key."
    zh = "密文无法用该密钥解开：数据被改动，或属于其他密钥。"
    hint_en = "Restore the data from a backup, or look whether it was sealed for someone else."
    hint_zh = "请从备份恢复数据，或检查其是否为他人加密。"

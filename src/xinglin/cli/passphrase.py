"""Where the passphrase of a key store comes from: a file, or a prompt; never an argument or an environment's value."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from xinglin.kernel.errors import Invalid, Unavailable

FILE_VARIABLE = "XINGLIN_PASSPHRASE_FILE"
_MAX_BYTES = 4096


class PassphraseMissing(Unavailable):
    """No passphrase file is named and there is no terminal to ask at."""

    code, number, clause = "passphrase.missing", 6101, "S8.2d"
    en = "The passphrase of the key store is needed."
    zh = "需要密钥库口令。"
    hint_en = "Name a file that holds it with --passphrase-file or XINGLIN_PASSPHRASE_FILE, or run this at a terminal."
    hint_zh = "用 --passphrase-file 或 XINGLIN_PASSPHRASE_FILE 指定口令文件，或在终端运行。"


class PassphraseFileInvalid(Invalid):
    """The passphrase file can't be read, is empty, or others may read it."""

    code, number, clause = "passphrase.file", 6102, "S8.2d"
    en = "The passphrase file {file} is not usable: {reason}."
    zh = "口令文件 {file} 不可用：{reason}。"
    hint_en = "It holds one line and only its owner may read it (chmod 600)."
    hint_zh = "文件应只有一行，且仅所有者可读（chmod 600）。"


def read_passphrase(file: Path | None, *, confirm: bool = False) -> bytes:
    """Return the passphrase: of the file named, else of the variable's file, else asked for at the terminal.

    Args:
        file: the file given on the command line, None for none.
        confirm: ask twice, for a new key store.

    Raises:
        PassphraseMissing: no file, and no terminal.
        PassphraseFileInvalid: the file can't be used, or two entries differ.
    """
    named = file or (Path(os.environ[FILE_VARIABLE]) if os.environ.get(FILE_VARIABLE) else None)
    if named is not None:
        return _from_file(named)
    return _asked("Passphrase of the key store: ", confirm=confirm)


def read_wallet_passphrase(file: Path | None, *, confirm: bool = False) -> bytes:
    """Return the passphrase of a patient's wallet: of the file named, else asked for; never the home's.

    Args:
        file: the file given on the command line, None for none.
        confirm: ask twice, for a new wallet.

    Raises:
        PassphraseMissing, PassphraseFileInvalid: as ``read_passphrase``.
    """
    return _from_file(file) if file is not None else _asked("Passphrase of the wallet: ", confirm=confirm)


def _asked(prompt: str, *, confirm: bool) -> bytes:
    if not sys.stdin.isatty():
        raise PassphraseMissing
    first = getpass.getpass(prompt)
    if confirm and getpass.getpass("Once more: ") != first:
        raise PassphraseFileInvalid(file="(terminal)", reason="the two entries differ")
    if not first:
        raise PassphraseFileInvalid(file="(terminal)", reason="it is empty")
    return first.encode()


def _closed_to(path: Path) -> int:
    """Return the permission bits that must not be set.

    systemd lets a service's user at its credentials by an access list, whose mask shows as the group's right to read.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return 0o037 if folder and path.parent == Path(folder) else 0o077


def _from_file(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES)
    except OSError as error:
        raise PassphraseFileInvalid(file=str(path), reason=error.strerror or "it can't be read") from None
    if mode & _closed_to(path):
        raise PassphraseFileInvalid(file=str(path), reason="others may read it")
    passphrase = data.split(b"\n", 1)[0].rstrip(b"\r")
    if not passphrase:
        raise PassphraseFileInvalid(file=str(path), reason="it is empty")
    return passphrase

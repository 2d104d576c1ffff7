"""Files that are named on the command line: read bounded, written whole."""

from __future__ import annotations

import shutil
from pathlib import Path

from xinglin.carrier.crypto.files import write_durably
from xinglin.kernel.errors import Invalid


class FileUnreadable(Invalid):
    """A file named on the command line can't be read or written."""

    code, number, clause = "file.unusable", 6130, "S9.2"
    en = "The file {file} can't be used: {reason}."
    zh = "无法使用文件 {file}：{reason}。"
    hint_en = "Check the path and who may read it."
    hint_zh = "请检查路径与权限。"


def read_file(path: Path, maximum: int) -> bytes:
    """Return what a file holds, cut after one byte more than ``maximum``.

    Raises:
        FileUnreadable: it can't be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(maximum + 1)
    except OSError as error:
        raise FileUnreadable(file=str(path), reason=error.strerror or "it can't be read") from None


def write_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file whole, in place of one that is there.

    Args:
        path: the file.
        data: its new content.
        mode: who may read it; content of a record is the owner's alone.

    Raises:
        FileUnreadable: it can't be written.
    """
    if path.is_dir():
        raise FileUnreadable(file=str(path), reason="it is a folder")
    try:
        write_durably(path, data, mode)
    except OSError as error:
        raise FileUnreadable(file=str(path), reason=error.strerror or "it can't be written") from None


def move_file(path: Path, target: Path) -> None:
    """Move a file to where nothing is, to another disk too.

    Raises:
        FileUnreadable: something is there, or it can't be written; the file stays.
    """
    if target.exists():
        raise FileUnreadable(file=str(target), reason="it exists")
    try:
        shutil.move(path, target)
    except OSError as error:
        raise FileUnreadable(file=str(target), reason=error.strerror or "it can't be written") from None

"""What says who somebody is comes from a file, standard input or questions at the terminal, never from an argument.

The list of processes, the shell's history and the environment would keep it for others to see.
"""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from xinglin.cli.files import read_file
from xinglin.kernel.errors import Unavailable
from xinglin.service.basic.patient_index.stated import MAX_BYTES

_QUESTIONS = ("identifier", "name", "birth", "phone")


class PersonMissing(Unavailable):
    """Nothing says who is looked for, and there is no terminal to ask at."""

    code, number, clause = "patient.not_stated", 6082, "H1"
    en = "It is not stated who is looked for."
    zh = "未说明要查找的人。"
    hint_en = "Name a file with --from, pass lines to --from -, or run this at a terminal."
    hint_zh = "用 --from 指定文件，或用 --from - 从标准输入读取，或在终端运行。"


def read_person(file: Path | None) -> bytes:
    """Return what is stated of a person: of the file, of standard input where it is ``-``, else as answered.

    Raises:
        PersonMissing: no file, and no terminal.
        FileUnreadable: the file can't be read.
    """
    if file is None:
        return _asked()
    if str(file) == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    return read_file(file, MAX_BYTES)


def _asked() -> bytes:
    if not sys.stdin.isatty():
        raise PersonMissing
    lines = [
        f"{field}: {typer.prompt(f'{field.capitalize()} (empty: not known)', default='', show_default=False, err=True)}"
        for field in _QUESTIONS
    ]
    return "\n".join(lines).encode()

"""What says who somebody is, or how, comes from a file, standard input or questions, never from an argument.

The list of processes, the shell's history and the environment would keep it for others to see.
"""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from xinglin.cli.files import read_file
from xinglin.cli.options import MAX_TEXT_BYTES, TextInvalid, check_text
from xinglin.kernel.errors import Unavailable
from xinglin.service.basic.patient_index.stated import MAX_BYTES

_MAX_LINE_BYTES = 1_000
_QUESTIONS = ("identifier", "name", "birth", "phone")


class PersonMissing(Unavailable):
    """Nothing says who is looked for, and there is no terminal to ask at."""

    code, number, clause = "patient.not_stated", 6082, "H1"
    en = "It is not stated who is looked for."
    zh = "未说明要查找的人。"
    hint_en = "Name a file with --from, pass lines to --from -, or run this at a terminal."
    hint_zh = "用 --from 指定文件，或用 --from - 从标准输入读取，或在终端运行。"


class WordsMissing(Unavailable):
    """Words about a person are needed, and there is neither a file nor a terminal."""

    code, number, clause = "option.not_stated", 6181, "S8.2d"
    en = "What {option} asks for is not stated."
    zh = "未给出 {option} 所需的内容。"
    hint_en = "Name a file of one line with {option}, pass it to {option} -, or run this at a terminal."
    hint_zh = "用 {option} 指定单行文件，或用 {option} - 从标准输入读取，或在终端运行。"


def read_words(option: str, file: Path | None, question: str) -> str:
    """Return one line about a person: of the file, of standard input where it is ``-``, else as answered.

    Raises:
        WordsMissing: no file, and no terminal.
        FileUnreadable: the file can't be read.
        TextInvalid: it is no short printable line.
    """
    if file is None:
        if not sys.stdin.isatty():
            raise WordsMissing(option=option)
        words = str(typer.prompt(question, err=True))
    else:
        data = sys.stdin.buffer.read(_MAX_LINE_BYTES + 1) if str(file) == "-" else read_file(file, _MAX_LINE_BYTES)
        words = data.decode(errors="backslashreplace").strip("\r\n")
        if words.encode() != data.strip(b"\r\n"):
            raise TextInvalid(option=option, maximum=MAX_TEXT_BYTES)
    check_text(option, words)
    return words


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

"""Options that several commands share, and opening a home for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from xinglin.cli.passphrase import read_passphrase
from xinglin.kernel.errors import Invalid
from xinglin.kernel.identifiers import hash_bytes
from xinglin.node.node import Node, open_node
from xinglin.node.office.directory import RegistryValues
from xinglin.node.remote.local import serving_process
from xinglin.node.remote.served import ServedHome

MAX_TEXT_BYTES = 200
_GROUND = re.compile(r"[a-z][a-z0-9_.-]{0,63}")


class TextInvalid(Invalid):
    """A text on the command line is empty, too long, or holds what can't be printed."""

    code, number, clause = "option.text", 6114, "S6.3b"
    en = "The text for {option} is empty, longer than {maximum} bytes, or has characters that can't be printed."
    zh = "{option} 的文本为空、超过 {maximum} 字节或含有不可打印字符。"
    hint_en = "Give a short text of one line."
    hint_zh = "请给出单行短文本。"


class HashTextInvalid(Invalid):
    """A hash on the command line is not 64 hexadecimal digits."""

    code, number, clause = "option.hash", 6115, "S6.3b"
    en = "'{value}' is not a hash of 64 hexadecimal digits."
    zh = "“{value}”不是 64 位十六进制哈希。"
    hint_en = "'xinglin record show' shows a record's commitment, 'xinglin access record --json' its entries' hashes."
    hint_zh = "xinglin record show 可显示记录的存证哈希，xinglin access record --json 可显示其访问记录及哈希。"


class GroundInvalid(Invalid):
    """A ground on the command line is no code."""

    code, number, clause = "option.ground", 6097, "S7.1f"
    en = "'{value}' is no code for a ground."
    zh = "“{value}”不是有效的事由代码。"
    hint_en = (
        "Give 1 to 64 small letters, digits, _ . or -, a letter first, such as retention_ended, dispute or court. "
        "It stands on a chain: never a name."
    )
    hint_zh = (
        "请用 1 至 64 个小写字母、数字或 _ . -，以字母开头，如 retention_ended、dispute、court。"
        "该代码会上链，切勿写入姓名。"
    )


def check_ground(text: str) -> str:
    """Return a ground that is a code.

    Raises:
        GroundInvalid: it is none.
    """
    if not _GROUND.fullmatch(text):
        raise GroundInvalid(value=text[:80])
    return text


HomeOption = Annotated[Path, typer.Option("--home", envvar="XINGLIN_HOME", help="The node's home.", file_okay=False)]
PassphraseOption = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="File that holds the passphrase of the key store; else it is asked for."),
]
PackageOption = Annotated[
    str | None,
    typer.Option(
        "--package",
        metavar="FILE|URL",
        help="Begin at the height of a recovery package: its file, or http(s)://HOST:PORT of a member's running node.",
    ),
]
AccountOption = Annotated[str, typer.Option("--account", help="Id of the account that acts; its key is in the home.")]
GroundOption = Annotated[
    str, typer.Option("--ground", callback=check_ground, help="Why: a code of small letters, digits, _ . -.")
]
RecordArgument = Annotated[str, typer.Argument(metavar="RECORD", help="The record's id.")]
NamedRecord = Annotated[
    str, typer.Argument(metavar="RECORD", help="The record's id, or its commitment in hexadecimal.")
]
RecordsArgument = Annotated[list[str], typer.Argument(metavar="RECORDS...", help="Ids of records.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def check_text(option: str, text: str) -> None:
    """Refuse a text that is empty, too long, or no printable line.

    Raises:
        TextInvalid: it is.
    """
    if not text.isprintable() or not 0 < len(text.encode(errors="replace")) <= MAX_TEXT_BYTES:
        raise TextInvalid(option=option, maximum=MAX_TEXT_BYTES)


def read_hash(text: str) -> bytes:
    """Return the 32 bytes of a hash that was given in hexadecimal.

    Raises:
        HashTextInvalid: it is none.
    """
    found = hash_bytes(text)
    if found is None:
        raise HashTextInvalid(value=text[:80])
    return found


@contextmanager
def opened(home: Path, passphrase_file: Path | None, *, running: bool = False) -> Iterator[Node]:
    """Open a home for a command and close it after.

    Args:
        home: its folder.
        passphrase_file: as given on the command line.
        running: start the chains that this home keeps alone.
    """
    node = open_node(home, read_passphrase(passphrase_file))
    try:
        if running:
            node.start_own_chains()
        yield node
    finally:
        node.close()


@contextmanager
def opened_registry(home: Path, passphrase_file: Path | None) -> Iterator[RegistryValues]:
    """Give the consortium chain's state for a command that only shows it: of the running node, else of the home.

    Args:
        home: its folder.
        passphrase_file: as given on the command line; not needed while a node serves the home.
    """
    if serving_process(home) is not None:
        yield ServedHome(home)
    else:
        with opened(home, passphrase_file) as node:
            yield node.consortium

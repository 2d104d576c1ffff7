"""Words, dates and files that commands of consents and reads take, checked at the border."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from enum import Enum, IntFlag
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from xinglin.cli.files import FileUnreadable, read_file
from xinglin.cli.options import opened
from xinglin.cli.output import LAST_MS, when
from xinglin.kernel.errors import Invalid
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.records.archive import open_archive
from xinglin.node.records.serving import Deciding, open_deciding
from xinglin.stakeholders.labels import Special

E = TypeVar("E", bound=Enum)
MAX_SCAN_BYTES = 64 << 20
"""Of a scanned paper: it is read whole to be hashed."""
_CHINA = timezone(timedelta(hours=8))


class ChoiceUnknown(Invalid):
    """A word on the command line is none of those that the option takes."""

    code, number, clause = "option.choice", 6175, "S6.3c"
    en = "'{value}' is none of those that {option} takes: {choices}."
    zh = "“{value}”不是 {option} 可用的取值：{choices}。"
    hint_en = "docs/spec/permit.md tells what each of them means."
    hint_zh = "各取值的含义见 docs/spec/permit.md。"


class TimeTextInvalid(Invalid):
    """A time on the command line is no date."""

    code, number, clause = "option.time", 6176, "S6.3c"
    en = "'{value}' is no time for {option}."
    zh = "“{value}”不是 {option} 的有效时间。"
    hint_en = "Write 2026-12-31 (00:00 in China) or 2026-12-31T08:00:00+08:00."
    hint_zh = "请写 2026-12-31（中国时间零点）或 2026-12-31T08:00:00+08:00。"


PersonArgument = Annotated[str, typer.Argument(metavar="PERSON", help="The patient's id in this home's index.")]
PurposeOption = Annotated[str, typer.Option("--purpose", help="What for: a purpose of docs/spec/permit.md.")]
GuardianOption = Annotated[str, typer.Option("--guardian", help="Id of the guardianship under which it is given.")]
PurposesOption = Annotated[list[str] | None, typer.Option("--purpose", help="Purpose, such as treat; several times.")]
CategoriesOption = Annotated[
    list[str] | None, typer.Option("--category", help="Category 1 to 6 or its name; several times.")
]
LevelOption = Annotated[int, typer.Option("--level", min=1, max=5, help="Level 1 to 5.")]
SpecialOption = Annotated[list[str] | None, typer.Option("--special", help="Special flag by name; several times.")]
MembersOption = Annotated[list[str] | None, typer.Option("--member", help="Member that is named; none is any.")]
RolesOption = Annotated[list[str] | None, typer.Option("--role", help="Role that is named; none is any.")]
ReadersOption = Annotated[list[str] | None, typer.Option("--reader", help="Account that is named; none is any.")]
CopyOption = Annotated[str, typer.Option("--copy", help="original, or deidentified for copies only.")]
FromOption = Annotated[str | None, typer.Option("--from", help="Date or time from when; now when not given.")]
UntilOption = Annotated[str | None, typer.Option("--until", help="Date or time until when, itself not included.")]
DaysOption = Annotated[int | None, typer.Option("--days", min=1, max=36_600, help="Days from its beginning.")]


def read_choice(option: str, kind: type[E], text: str) -> E:
    """Return the member of an enumeration that a word or number names.

    Raises:
        ChoiceUnknown: none.
    """
    names = {_name(one): one for one in kind if _name(one) != "none"}
    found = names.get(text.lower())
    if found is None:
        found = next((one for one in names.values() if str(one.value) == text), None)
    if found is None:
        raise ChoiceUnknown(option=option, value=text[:80], choices=", ".join(names))
    return found


def read_choices(option: str, kind: type[E], texts: Sequence[str] | None) -> list[E]:
    """Return each of several, once; raises as ``read_choice``."""
    return list(dict.fromkeys(read_choice(option, kind, text) for text in texts or ()))


def read_special(texts: Sequence[str] | None) -> Special:
    """Return special flags by their names; raises ChoiceUnknown."""
    flags = Special.NONE
    for one in read_choices("--special", Special, texts):
        flags |= one
    return flags


def read_ids(texts: Sequence[str] | None) -> list[str]:
    """Return ids as they were given, each once; raises IdentifierInvalid for what is none."""
    for text in texts or ():
        identifier_bytes(text)
    return list(dict.fromkeys(texts or ()))


def read_time(option: str, text: str) -> int:
    """Return a time in ms since 1970: a date is its 00:00 in China, a time without a zone is China's too.

    Raises:
        TimeTextInvalid: it is none, or before 1970.
    """
    try:
        moment = datetime.fromisoformat(text)
        milliseconds = int(moment.replace(tzinfo=moment.tzinfo or _CHINA).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise TimeTextInvalid(option=option, value=text[:80]) from None
    if not 0 <= milliseconds <= LAST_MS:
        raise TimeTextInvalid(option=option, value=text[:80])
    return milliseconds


def read_period(
    begins: str | None, until: str | None, days: int | None, now_ms: int, *, open_end: bool = False
) -> tuple[int, int]:
    """Return from when until when (ms) something holds, by the options ``--from``, ``--until`` and ``--days``.

    Args:
        begins: as given, None is now.
        until: as given.
        days: as given; it takes one of both.
        now_ms: the present time.
        open_end: nothing given is no end.

    Raises:
        TimeTextInvalid: a text is no time.
        BadParameter: both or neither of ``until`` and ``days`` are given, or it ends before it begins.
    """
    from_ms = now_ms if begins is None else read_time("--from", begins)
    if until is not None and days is not None:
        raise typer.BadParameter("give either --until or --days")
    if until is None and days is None and not open_end:
        raise typer.BadParameter("give --until or --days")
    until_ms = LAST_MS if until is None else read_time("--until", until)
    if days is not None:
        until_ms = min(from_ms + days * 86_400_000, LAST_MS)
    if until_ms <= from_ms:
        raise typer.BadParameter("it ends before it begins")
    return from_ms, until_ms


def read_scan(path: Path) -> bytes:
    """Return a scanned paper.

    Raises:
        FileUnreadable: it can't be read, is empty, or larger than 64 MiB.
    """
    data = read_file(path, MAX_SCAN_BYTES)
    if not data or len(data) > MAX_SCAN_BYTES:
        raise FileUnreadable(file=str(path), reason="it is larger than 64 MiB" if data else "it is empty")
    return data


@contextmanager
def opened_deciding(home: Path, passphrase_file: Path | None, *, running: bool = False) -> Iterator[Deciding]:
    """Open a home's records and what it decides by, for a command.

    Args:
        home: its folder.
        passphrase_file: as given on the command line.
        running: start the chains that this home keeps alone, and open its records for writing.
    """
    with (
        opened(home, passphrase_file, running=running) as node,
        open_archive(node, writing=running) as archive,
        open_deciding(archive) as deciding,
    ):
        yield deciding


def show_time(time_ms: int) -> str:
    """Return a time for people, UTC; ``-`` for none."""
    if not time_ms:
        return "-"
    return when(time_ms)


def _name(one: Enum) -> str:
    return (one.name or "").lower() if isinstance(one, IntFlag) or not isinstance(one.value, str) else one.value

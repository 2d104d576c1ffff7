"""``xinglin episode``: seal an encounter for a dispute, open it again, prove it to others (S1.1; 病历封存)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from xinglin.carrier.crypto.files import write_durably
from xinglin.cli.files import FileUnreadable, read_file, write_file
from xinglin.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption, check_text, opened
from xinglin.cli.output import language, show, when
from xinglin.cli.sites import WithOption, opened_site
from xinglin.kernel.errors import Invalid
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.office.episodes import (
    episode_status,
    list_episodes,
    open_episode,
    open_episodes,
    person_key,
    prove_episode,
    report_episode,
)
from xinglin.node.office.proofs import trust_of
from xinglin.node.office.sealing import NotBegun, Wish, make_provable, require_sealer, seal_at_counter
from xinglin.node.records.archive import open_archive
from xinglin.service.basic.episodes.model import SealReason

app = typer.Typer(help="Sealed episodes: seal, open, resume, list, status, export.", no_args_is_help=True)
_MAX_STATEMENT, _MAX_KEY = 4096, 200
_REASONS = ", ".join(reason.name.lower() for reason in SealReason)
EpisodeArgument = Annotated[str, typer.Argument(metavar="EPISODE", help="The episode's id.")]


class SealReasonUnknown(Invalid):
    """A reason for sealing is none of those that there are."""

    code, number, clause = "episode.reason", 6167, "S1.1"
    en = "'{reason}' is no reason for sealing."
    zh = "“{reason}”不是封存理由。"
    hint_en = f"Reasons: {_REASONS}."
    hint_zh = f"封存理由：{_REASONS}。"


class SideUnnamed(Invalid):
    """An episode is to be opened by both sides in one command, or by neither."""

    code, number, clause = "episode.side", 6168, "S1.1"
    en = "Name one side: the institution's with --account, or the other with --person-key."
    zh = "请指定一方：机构用 --account，另一方用 --person-key。"
    hint_en = "The episode is open once both sides have signed, each by a command."
    hint_zh = "双方各执行一次命令并签名后，即行启封。"


class PersonKeyUnfit(Invalid):
    """A file for the key of the other side is there already, or holds no key, or a statement is no short text."""

    code, number, clause = "episode.file", 6169, "S1.1"
    en = "The file {file} can't be used: {reason}."
    zh = "无法使用文件 {file}：{reason_zh}。"
    hint_en = "A key is written to a new file, which is handed to its holder; a statement is UTF-8 text of a few lines."
    hint_zh = "密钥写入新文件并交其持有人；声明为数行 UTF-8 文本。"


@app.command("seal")
def seal(
    home: HomeOption,
    encounter: Annotated[str, typer.Argument(metavar="ENCOUNTER", help="The source system's id of the encounter.")],
    account: AccountOption,
    statement: Annotated[
        Path, typer.Option("--statement", help="File that says who the other side is and what staff saw of it.")
    ],
    key_file: Annotated[
        Path, typer.Option("--person-key", help="New file for the other side's key; hand it over and keep no copy.")
    ],
    source: Annotated[str, typer.Option("--source", help="Name of the source system.")] = "file",
    reason: Annotated[str, typer.Option("--reason", help=f"Why: {_REASONS}.")] = "dispute",
    with_: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seal all records of an encounter by two sides: none of them is destroyed until both have opened it again."""
    check_text("--source", source)
    check_text("ENCOUNTER", encounter)
    wish = Wish(source, encounter, _reason(reason), account, _statement(statement))
    if key_file.exists():
        raise PersonKeyUnfit(file=str(key_file), reason="it is there already", reason_zh="文件已存在")
    with opened_site(home, with_, passphrase_file) as site, open_episodes(site.archive, NotBegun(site.archive)) as kept:
        row = seal_at_counter(site.archive, kept, wish, _Handover(key_file))
        make_provable(site.nodes)
    show({**row, "person_key": str(key_file)}, [f"sealed {row['episode']}", *_lines(row)], as_json=as_json)


@app.command("open")
def open_(
    home: HomeOption,
    episode: EpisodeArgument,
    account: Annotated[str, typer.Option("--account", help="The institution's side: an account, its key signs.")] = "",
    key_file: Annotated[Path | None, typer.Option("--person-key", help="The other side: the file of its key.")] = None,
    with_: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign for one side that an episode be opened; when both have, it is open, and holds its records no longer."""
    identifier_bytes(episode)
    if bool(account) == (key_file is not None):
        raise SideUnnamed
    private = _private(key_file) if key_file is not None else b""
    with opened_site(home, with_, passphrase_file) as site, open_episodes(site.archive, NotBegun(site.archive)) as kept:
        if private:
            row = open_episode(site.archive, kept, episode, person_key(site.archive, private).signer)
        else:
            require_sealer(site.node, account)
            row = open_episode(site.archive, kept, episode, account)
        make_provable(site.nodes)
    show(row, _lines(row), as_json=as_json)


@app.command("resume")
def resume(
    home: HomeOption, with_: WithOption = None, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """Finish what a stop in the middle left, and mark what came to sealed encounters late."""
    with opened_site(home, with_, passphrase_file) as site, open_episodes(site.archive, NotBegun(site.archive)) as kept:
        marked = kept.add_late()
        moved = kept.resume()
        make_provable(site.nodes)
    show({"marked": marked, "moved": moved}, [f"{marked} records marked as late, {moved} moved on"], as_json=as_json)


@app.command("list")
def list_(home: HomeOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False) -> None:
    """List what the home keeps of episodes: id, how far it is, encounter, records, why."""
    with opened(home, passphrase_file) as node, open_archive(node, writing=False) as archive:
        rows = list_episodes(archive)
    lines = [f"{one['episode']}  {one['step']:<8}  {one['source']} {one['encounter']}  {_why(one)}" for one in rows]
    show({"episodes": rows}, [*lines, f"{len(rows)} episodes"], as_json=as_json)


@app.command("status")
def status(
    home: HomeOption, episode: EpisodeArgument, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """Show an episode compared with the private chain and every record of the home."""
    identifier_bytes(episode)
    with opened(home, passphrase_file) as node, open_archive(node, writing=False) as archive:
        row = episode_status(archive, episode)
    show(row, _lines(row), as_json=as_json)


@app.command("export")
def export(
    home: HomeOption,
    episode: EpisodeArgument,
    out: Annotated[Path, typer.Option("--out", help="The proof bundle to write.")],
    html: Annotated[Path | None, typer.Option("--html", help="Write the one-page report as HTML too.")] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Write the one-page report as PDF too.")] = None,
    reads: Annotated[bool, typer.Option("--reads/--no-reads", help="Show who read the records.")] = True,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the proof of a sealed episode, for anybody to check offline, and a report in Chinese and English."""
    identifier_bytes(episode)
    with opened(home, passphrase_file) as node, open_archive(node, writing=False) as archive:
        bundle = prove_episode(archive, episode, reads=reads)
        report = report_episode(bundle, trust_of(node.consortium)) if html or pdf else {}
    write_file(out, bundle)
    written = {"bundle": str(out)}
    for kind, path in (("html", html), ("pdf", pdf)):
        if path is not None:
            write_file(path, report[kind])
            written[kind] = str(path)
    show({**written, "bytes": len(bundle)}, [f"Wrote {path}." for path in written.values()], as_json=as_json)


def _reason(name: str) -> SealReason:
    try:
        return SealReason[name.upper()]
    except KeyError:
        raise SealReasonUnknown(reason=name[:40]) from None


def _statement(path: Path) -> str:
    data = read_file(path, _MAX_STATEMENT)
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError:
        text = ""
    if not text or len(data) > _MAX_STATEMENT:
        raise PersonKeyUnfit(
            file=str(path),
            reason=f"it is no UTF-8 text of 1 to {_MAX_STATEMENT} bytes",
            reason_zh=f"不是 1 至 {_MAX_STATEMENT} 字节的 UTF-8 文本",
        )
    return text


@dataclass(frozen=True, slots=True)
class _Handover:
    """Hands the other side its key in a file; see ``Handover``."""

    path: Path

    def give(self, private: bytes) -> None:
        try:
            write_durably(self.path, private.hex().encode() + b"\n", 0o600)
        except OSError as error:
            raise FileUnreadable(file=str(self.path), reason=error.strerror or "it can't be written") from None

    def take_back(self) -> None:
        with suppress(OSError):  # the refusal is what matters; a key of nothing opens nothing
            self.path.unlink()


def _private(path: Path) -> bytes:
    try:
        return bytes.fromhex(read_file(path, _MAX_KEY).decode("ascii").strip())
    except ValueError:
        raise PersonKeyUnfit(file=str(path), reason="it holds no key", reason_zh="其中没有密钥") from None


def _why(row: dict[str, Any]) -> str:
    return f"{row['records']} records, {row['reason_zh'] if language() == 'zh' else row['reason_en']}"


def _lines(row: dict[str, Any]) -> list[str]:
    unchanged = "unchanged" if row["unchanged"] else "CHANGED"
    complete = "complete" if row["complete"] else "NOT COMPLETE"
    lines = [
        f"episode    {row['episode']}  {row['step']}",
        f"encounter  {row['encounter']} of {row['source']}, {_why(row)}",
        f"sealed     {when(row['sealed'])} by {row['account']}" if row["sealed"] else "sealed     not yet",
        f"other side {row['statement']}",
        f"set        {unchanged}, {complete}",
        *(f"late       {one['record']}  {when(one['time'])}" for one in row["late"]),
        *(f"to mark    {one}" for one in row["unmarked"]),
    ]
    return lines + [f"to open    {one['side']} signed {when(one['time'])}" for one in row["opening"]]

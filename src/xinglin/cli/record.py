"""``xinglin record``: take records in, list them, read them under a permit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from xinglin.cli.access_read import HistoryOption, OutOption, check_out, give_out, read_own
from xinglin.cli.choices import PurposeOption, read_choice
from xinglin.cli.options import AccountOption, HomeOption, JsonOption, NamedRecord, PassphraseOption, check_text, opened
from xinglin.cli.output import console, refusal_json, show, tell_refusal
from xinglin.cli.progress import records_progress
from xinglin.cli.sites import WithOption, opened_site
from xinglin.kernel.errors import NotFound
from xinglin.kernel.identifiers import identifier
from xinglin.kernel.identifiers import urn as make_urn
from xinglin.node.node import Node
from xinglin.node.office.proofs import keep_checkpoint
from xinglin.node.opening import anchoring
from xinglin.node.records.archive import open_archive
from xinglin.node.records.naming import commitment_in, record_named
from xinglin.node.records.reading import reading
from xinglin.node.records.replaying import standing_of
from xinglin.service.basic.intake.files import Refusal
from xinglin.service.basic.intake.model import IntakeReport
from xinglin.service.lifecycle.collection.doors import ALWAYS
from xinglin.service.lifecycle.processing.homes import door_of
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.settings import load_settings
from xinglin.stakeholders.purposes import Action, Purpose

app = typer.Typer(
    help="Records: intake, list, show, read, quarantine, door, trace, locate; correct, versions, holders, resume.",
    no_args_is_help=True,
)


class NothingToTakeIn(NotFound):
    """A folder given to intake holds no bundle."""

    code, number, clause = "record.no_bundles", 6140, "H3"
    en = "There is no file *.json in the folder {folder}."
    zh = "目录 {folder} 中没有 *.json 文件。"
    hint_en = "Name FHIR bundles in JSON, or folders of them; folders in folders are not looked into."
    hint_zh = "请指定 JSON 格式的 FHIR Bundle 文件或其目录；不查看子目录。"


@app.command("intake")
def intake(
    home: HomeOption,
    bundles: Annotated[list[Path], typer.Argument(help="FHIR bundles or resources in JSON, or folders of them.")],
    source: Annotated[str, typer.Option("--source", help="Name of the source system.")] = "file",
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take FHIR bundles or resources in: validate, encrypt, register. What is invalid goes to quarantine, alone."""
    check_text("--source", source)
    files = list(_files(bundles))
    refusals: list[Refusal] = []
    with opened_site(home, others, passphrase_file) as site:
        node, archive = site.node, site.archive
        maximum = node.settings.intake.max_bundle_mib << 20
        with (
            records_progress(console, len(files)) as progress,
            reading(files, maximum, refusals, archive.orders(source), progress.file_done) as incoming,
        ):
            report = archive.take_in(source, incoming, progress.report)
        anchoring(node).step()
        keep_checkpoint(node)
    show(_report_json(report, refusals), _report_lines(report), as_json=as_json)
    if not as_json:
        for one in refusals:
            tell_refusal(one.refusal, one.path.name)
    if refusals:
        raise typer.Exit(refusals[0].refusal.exit_status)


@app.command("list")
def list_records(
    home: HomeOption,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many, newest first.")] = 20,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """List records, newest first: id, type, state, commitment."""
    with opened(home, passphrase_file) as node, open_archive(node, writing=False) as archive:
        last = archive.vault.index.last_number()
        rows = [
            _row(node, row)
            for part in archive.vault.index.slices(max(1, last - limit + 1), last)
            for row in part
            if isinstance(row, StoredRecord)
        ]
    rows.reverse()
    lines = [f"{row['record']}  {row['type']:<22}  {row['state']:<10}  {row['commitment']}" for row in rows]
    show({"records": rows, "total": last}, [*lines, f"{last} records"], as_json=as_json)


@app.command("show")
def show_record(
    home: HomeOption, record: NamedRecord, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """Show what is known of a record, without its content."""
    commitment_in(record)
    with opened(home, passphrase_file) as node, open_archive(node, writing=False) as archive:
        row = _row(node, record_named(archive.vault, record))
    show(row, [f"{name:<12}{value}" for name, value in row.items()], as_json=as_json)


@app.command("read")
def read(
    home: HomeOption,
    record: NamedRecord,
    account: AccountOption,
    purpose: PurposeOption,
    history: HistoryOption = False,
    out: OutOption = None,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a record of this home for an account of its own, under a permit; 'access read' reads elsewhere too.

    The access entry is durable before anything is handed over. With --json the content is in base64.
    """
    commitment_in(record)
    check_out(out)
    what, action = read_choice("--purpose", Purpose, purpose), Action.HISTORY if history else Action.READ
    give_out(read_own(home, others, passphrase_file, record, account, what, action), out, as_json=as_json)


@app.command("quarantine")
def quarantine(home: HomeOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False) -> None:
    """List what intake refused, with the reasons as OperationOutcome issues."""
    with opened(home, passphrase_file) as node, open_archive(node, writing=False) as archive:
        items = [
            {"item": name, "outcome": json.loads(archive.quarantine.outcome(name))}
            for name in archive.quarantine.names()
        ]
    lines = [f"{item['item']}: {_issues(item['outcome'])}" for item in items]
    show({"items": items}, [*lines, f"{len(items)} items"], as_json=as_json)


@app.command("door")
def door(home: HomeOption, as_json: JsonOption = False) -> None:
    """Show what the door for FHIR bundles takes in this home, and what for; all else is not collected."""
    load_settings(home)
    rows = [
        {"row": row.id, "types": list(row.types), "elements": list(row.elements) or "all", "purpose": row.purpose}
        for row in door_of(home).rows
    ]
    lines = [
        f"{row['row']} ({row['purpose']}): {', '.join(row['types']) or '-'}"
        + (f"; of it {', '.join(row['elements'])}" if row["elements"] != "all" else "")
        for row in rows
    ]
    always = f"of people always, where it is stated: {', '.join(sorted(ALWAYS))}"
    show({"rows": rows, "people_always": sorted(ALWAYS)}, [*lines, always], as_json=as_json)


def _files(given: Sequence[Path]) -> Iterator[Path]:
    for path in given:
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not files:
            raise NothingToTakeIn(folder=str(path))
        yield from files


def _row(node: Node, stored: StoredRecord) -> dict[str, Any]:
    record, details = identifier(stored.record), stored.details
    return {
        "record": record,
        "urn": make_urn(node.consortium.rules.chain, "record", record),
        "state": standing_of(node, details.commitment).standing.name.lower(),
        "type": details.type.decode("ascii", "replace"),
        "commitment": details.commitment.hex(),
        "batch": details.batch,
        "item": details.item,
    }


def _report_json(report: IntakeReport, refusals: Sequence[Refusal]) -> dict[str, Any]:
    return {
        "accepted": report.accepted,
        "already_there": report.already_there,
        "quarantined": report.quarantined,
        "not_collected": dict(report.dropped),
        "batches": list(report.batches),
        "refused_files": [{"file": str(one.path), **refusal_json(one.refusal)} for one in refusals],
    }


def _report_lines(report: IntakeReport) -> list[str]:
    left = ", ".join(f"{name} {count}" for name, count in report.dropped)
    return [
        f"registered {report.accepted} records in {len(report.batches)} batches",
        f"already there {report.already_there}, in quarantine {report.quarantined}",
        *([f"not collected, because the door has no need of it: {left}"] if left else []),
    ]


def _issues(outcome: dict[str, Any]) -> str:
    return "; ".join(str(issue.get("diagnostics", issue.get("code", ""))) for issue in outcome.get("issue", [])[:3])

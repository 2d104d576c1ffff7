"""``xinglin record correct``, ``versions``, ``holders``, ``resume``: wrong records and who has them (H12, S8.6b)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from xinglin.cli.files import read_file
from xinglin.cli.options import HomeOption, JsonOption, NamedRecord, PassphraseOption, opened
from xinglin.cli.output import language, show
from xinglin.cli.record import app
from xinglin.cli.record_locating import locate
from xinglin.cli.record_trace import trace
from xinglin.cli.sites import WithOption, opened_site
from xinglin.kernel.errors import Invalid
from xinglin.kernel.identifiers import identifier, identifier_bytes
from xinglin.node.office.corrections import (
    correct_by_account,
    looking_in,
    radius_values,
    resume_corrections,
    version_values,
)
from xinglin.node.office.notices import open_notices
from xinglin.node.records.access import open_trace
from xinglin.node.records.archive import open_archive
from xinglin.node.records.naming import commitment_in, record_named
from xinglin.service.basic.correction.model import Reason
from xinglin.service.lifecycle.collection.fhir.model import Limits

__all__ = ["app"]
app.command("trace")(trace)
app.command("locate")(locate)
_REASONS = ", ".join(reason.name.lower() for reason in Reason)


class ReasonUnknown(Invalid):
    """A reason for a correction is none of those that there are."""

    code, number, clause = "correction.reason", 6160, "H12"
    en = "'{reason}' is no reason for a correction."
    zh = "“{reason}”不是更正理由。"
    hint_en = f"Reasons: {_REASONS}."
    hint_zh = f"更正理由：{_REASONS}。"


@app.command("correct")
def correct(
    home: HomeOption,
    record: NamedRecord,
    file: Annotated[Path, typer.Argument(help="The corrected FHIR resource in JSON.", dir_okay=False)],
    reason: Annotated[str, typer.Option("--reason", help=f"Why: {_REASONS}.")],
    account: Annotated[str, typer.Option("--account", help="Who corrects: a practitioner's account, its key signs.")],
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Correct a record by a new version: from then on it is current, and everyone who was given the old one is told."""
    commitment_in(record)
    identifier_bytes(account)
    why, data = _reason(reason), read_file(file, Limits().max_resource_bytes)
    with opened_site(home, others, passphrase_file) as site:
        corrections = site.corrections_of(site.node)
        record = identifier(record_named(site.archive.vault, record).record)
        row = correct_by_account(site.serving, corrections, record, data, why, account)
        radius = radius_values(corrections.looking.blast_radius(record))
    told = sum(1 for one in radius["holders"] if one["notice"])
    lines = [
        f"Record {row['record']} is version {row['number']} and current.",
        f"{told} accounts that were given version {row['number'] - 1} have a notice; see 'xinglin record holders'.",
    ]
    show({**row, "told": told, "holders": radius["holders"]}, lines, as_json=as_json)


@app.command("versions")
def versions(
    home: HomeOption, record: NamedRecord, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """List all versions of a record, the oldest first: which is current, why the others were corrected, by whom."""
    commitment_in(record)
    with (
        opened(home, passphrase_file) as node,
        open_archive(node, writing=False) as archive,
        open_notices(archive) as notices,
        open_trace(node) as trace,
    ):
        record = identifier(record_named(archive.vault, record).record)
        rows = [version_values(one) for one in looking_in(archive, trace, notices).versions(record)]
    show({"record": record, "versions": rows}, [_version_line(row) for row in rows], as_json=as_json)


@app.command("holders")
def holders(
    home: HomeOption, record: NamedRecord, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """Show who was given a record, in every version of it, and who of them was told of the correction and when."""
    commitment_in(record)
    rows: list[dict[str, Any]] = []
    with (
        opened(home, passphrase_file) as node,
        open_archive(node, writing=False) as archive,
        open_notices(archive) as notices,
        open_trace(node) as trace,
    ):
        looking = looking_in(archive, trace, notices)
        record = identifier(record_named(archive.vault, record).record)
        for one in looking.versions(record):
            held = radius_values(looking.blast_radius(one.record))["holders"]
            complete = trace.completeness(one.commitment).complete
            rows.append({**version_values(one), "holders": held, "complete": complete})
    lines = [line for row in rows for line in (_version_line(row), *_holder_lines(row))]
    show({"record": record, "versions": rows}, lines, as_json=as_json)


@app.command("resume")
def resume(
    home: HomeOption, others: WithOption = None, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """Finish the corrections that a crash or an outage left: register, link, tell."""
    with opened_site(home, others, passphrase_file) as site:
        finished = resume_corrections(site.archive, site.corrections_of(site.node))
    show({"finished": finished}, [f"{finished} corrections finished"], as_json=as_json)


def _reason(text: str) -> Reason:
    try:
        return Reason[text.upper()]
    except KeyError:
        raise ReasonUnknown(reason=text[:40]) from None


def _version_line(row: dict[str, Any]) -> str:
    if row["current"]:
        return f"version {row['number']}  {row['record']}  current"
    why = row["reason_zh"] if language() == "zh" else row["reason_en"]
    return f"version {row['number']}  {row['record']}  corrected {_when(row['corrected'])} by {row['account']}: {why}"


def _holder_lines(row: dict[str, Any]) -> list[str]:
    lines = [
        f"  {one['account']} of {one['member']}: {_COPIES[one['copy']]}, {one['times']} times, "
        f"last {_when(one['last'])}; {_told(row, one)}"
        for one in row["holders"]
    ]
    return [*lines, f"  {len(row['holders'])} holders, list {'complete' if row['complete'] else 'NOT COMPLETE'}"]


_COPIES = {1: "original", 2: "de-identified copy"}


def _told(row: dict[str, Any], held: dict[str, Any]) -> str:
    if row["current"]:
        return "has the current version"
    if held["acknowledged"]:
        return f"told, acknowledged {_when(held['acknowledged'])}"
    if held["told"]:
        return f"told {_when(held['told'])}, {'delivered' if held['delivered'] else 'not delivered yet'}"
    return "read it as a corrected one" if held["knew"] else "not told"


def _when(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")

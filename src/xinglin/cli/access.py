"""``xinglin access``: who has asked for which record, whether the list is complete, what is still open (H4, H14)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from xinglin.cli.access_read import explain, read, search
from xinglin.cli.access_seen import person, responsible
from xinglin.cli.options import HomeOption, JsonOption, NamedRecord, PassphraseOption, opened
from xinglin.cli.output import show, when
from xinglin.cli.record_trace import outcome_text
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.records.access import open_trace, rebuild_trace
from xinglin.node.records.archive import open_archive
from xinglin.node.records.naming import commitment_in, record_named
from xinglin.service.basic.audit.projection import AccessRow, Completeness, Recipient, Twin

app = typer.Typer(
    help="Reading under a permit: read, search, explain; entries: record, person, account, responsible, "
    "twins, rebuild.",
    no_args_is_help=True,
)
app.command("read")(read)
app.command("search")(search)
app.command("explain")(explain)
app.command("person")(person)
app.command("responsible")(responsible)


@app.command("record")
def record(
    home: HomeOption,
    record: NamedRecord,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every read and refusal of a record, whether the list is complete, and who was given a copy."""
    wanted = commitment_in(record)
    with opened(home, passphrase_file) as node, open_trace(node) as trace:
        if wanted is None:
            with open_archive(node, writing=False) as archive:
                wanted = record_named(archive.vault, record).details.commitment
        rows = trace.entries_of([wanted])
        complete = trace.completeness(wanted)
        given = trace.recipients(wanted)
    data = {
        "commitment": wanted.hex(),
        "entries": [_row(row) for row in rows],
        "complete": complete.complete,
        "found": complete.found,
        "head": complete.head,
        "recipients": [_recipient(one) for one in given],
    }
    lines = [_line(row) for row in rows] + [_given_line(one) for one in given]
    show(data, [*lines, _verdict(complete)], as_json=as_json)


@app.command("account")
def account(
    home: HomeOption,
    account_id: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id.")],
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show everything that an account has asked for at this institution."""
    identifier_bytes(account_id)
    with opened(home, passphrase_file) as node, open_trace(node) as trace:
        rows = trace.entries_by(account_id)
    show({"account": account_id, "entries": [_row(row) for row in rows]}, [_line(row) for row in rows], as_json=as_json)


@app.command("twins")
def twins(
    home: HomeOption,
    older_than: Annotated[int, typer.Option("--older-than", min=0, help="Seconds; younger ones are left out.")] = 60,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show requests to other institutions that are still without a receipt; each is a finding."""
    with opened(home, passphrase_file) as node, open_trace(node) as trace:
        found = trace.open_twins(older_than * 1000)
    lines = [f"{when(one.asked)}  {one.account} asked {one.custodian}: {one.request.hex()}" for one in found]
    data = {"open": [_twin(one) for one in found]}
    show(data, [*lines, f"{len(found)} without a receipt"], as_json=as_json)


@app.command("rebuild")
def rebuild(home: HomeOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False) -> None:
    """Make the access projection from the private chain again, and tell how the old one differed."""
    with opened(home, passphrase_file) as node:
        found = rebuild_trace(node)
    lines = [f"{table}: {rows} rows differed" for table, rows in found.items()]
    show(
        {"differed": found}, [*lines, "made again" if found else "made again, equal to the one before"], as_json=as_json
    )


def _row(row: AccessRow) -> dict[str, Any]:
    entry = row.entry
    return {
        "entry": row.hash.hex(),
        "commitment": entry.commitment.hex(),
        "time_ms": entry.time,
        "member": entry.member,
        "account": entry.account,
        "action": entry.action,
        "purpose": entry.purpose,
        "basis": entry.basis,
        "outcome": entry.outcome,
        "copy": entry.copy.name.lower(),
        "proven": entry.proven.name.lower(),
        "request": entry.request.hex(),
        "log_entry": row.index,
        "item": row.item,
    }


def _recipient(one: Recipient) -> dict[str, Any]:
    copy = one.copy.name.lower()
    return {
        "member": one.member,
        "account": one.account,
        "copy": copy,
        "times": one.times,
        "first_ms": one.first,
        "last_ms": one.last,
    }


def _twin(one: Twin) -> dict[str, Any]:
    return {
        "request": one.request.hex(),
        "custodian": one.custodian,
        "account": one.account,
        "asked_ms": one.asked,
    }


def _line(row: AccessRow) -> str:
    entry = row.entry
    return f"{when(entry.time)}  {entry.account}  {entry.action} for {entry.purpose}: {outcome_text(entry.outcome)}"


def _given_line(one: Recipient) -> str:
    return f"given to {one.account}: {one.copy.name.lower()} copy, {one.times} times, last {when(one.last)}"


def _verdict(complete: Completeness) -> str:
    if complete.complete:
        return f"complete: {complete.found} entries lead to the head"
    return f"not complete: {complete.found} entries, the head counts {complete.head}"

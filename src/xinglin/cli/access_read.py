"""``xinglin access read``, ``search``, ``explain``: reading under a permit, and why one is given or not (S7.2a, H4)."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from xinglin.cli.choices import PurposeOption, opened_deciding, read_choice, read_ids, read_time
from xinglin.cli.files import FileUnreadable, write_file
from xinglin.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption, read_hash
from xinglin.cli.output import console, language, printable, show
from xinglin.cli.passphrase import read_passphrase
from xinglin.cli.sites import WithOption, opened_site
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.office.explaining import explain_read
from xinglin.node.office.permitted import (
    ReadRecord,
    commitment_of,
    found_values,
    own_serving,
    read_record,
    read_values,
    receipt_values,
    search_person,
)
from xinglin.node.records.serving import Serving
from xinglin.stakeholders.purposes import Action, Purpose

AtOption = Annotated[
    str, typer.Option("--at", help="Node or member that keeps the records; its home is named with --with.")
]
OutOption = Annotated[Path | None, typer.Option("--out", help="File for the content; else standard output.")]
GrantOption = Annotated[
    str, typer.Option("--grant", help="Emergency grant of this home, presented to another; purpose etreat.")
]
HistoryOption = Annotated[bool, typer.Option("--history", help="Read it also if it is an earlier version.")]


def read(
    home: HomeOption,
    record: Annotated[
        str, typer.Argument(metavar="COMMITMENT", help="The record commitment; at one's own home its id serves too.")
    ],
    account: AccountOption,
    purpose: PurposeOption,
    at: AtOption = "",
    consent: Annotated[
        list[str] | None, typer.Option("--consent", help="Id of a consent that the request names; several times.")
    ] = None,
    grant: GrantOption = "",
    history: HistoryOption = False,
    out: OutOption = None,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a record under a permit: its entry is durable first, the content compared, the receipt kept.

    With --json the content is in base64 within the object, because the exact bytes are what the commitment is of.
    """
    what, wanted = read_choice("--purpose", Purpose, purpose), read_ids(consent)
    emergency = read_ids([grant])[0] if grant else ""
    if at:
        read_hash(record)
    check_out(out)
    with _parties(home, others, passphrase_file, at) as (reader, custodian):
        commitment = bytes.fromhex(record) if at else commitment_of(custodian, record)
        action = Action.HISTORY if history else Action.READ
        done = read_record(reader, custodian, account, commitment, what, wanted, action, emergency)
    give_out(done, out, as_json=as_json)


def search(
    home: HomeOption,
    person: Annotated[
        str, typer.Argument(metavar="PERSON|LINK", help="The patient's id in this home's index, or a link.")
    ],
    account: AccountOption,
    purpose: PurposeOption,
    at: AtOption = "",
    grant: GrantOption = "",
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell which records of a patient a read for this purpose would open, here or at another institution."""
    whose, what = identifier_bytes(person), read_choice("--purpose", Purpose, purpose)
    emergency = read_ids([grant])[0] if grant else ""
    with _parties(home, others, passphrase_file, at) as (reader, custodian):
        done = search_person(reader, custodian, account, whose, what, emergency)
    rows = [found_values(one) for one in done.found]
    data = {"found": rows, "receipt": receipt_values(done.receipt), "receipt_file": str(done.kept)}
    lines = [f"{row['commitment']}  {row['type']:<22}  level {row['level']}  {row['copy']}" for row in rows]
    show(data, [*lines, f"{len(rows)} records; receipt in {done.kept}"], as_json=as_json)


def explain(
    home: HomeOption,
    record: Annotated[str, typer.Argument(metavar="RECORD", help="The record's id, or its commitment.")],
    account: Annotated[str, typer.Option("--account", help="The account that would read, of any member.")],
    purpose: PurposeOption,
    date: Annotated[str | None, typer.Option("--at", help="As of a date or time; now when not given.")] = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain the decision on a read of a record kept here: each rule that was asked and what it said."""
    read_ids([account])
    what = read_choice("--purpose", Purpose, purpose)
    at_ms = None if date is None else read_time("--at", date)
    with opened_deciding(home, passphrase_file) as deciding:
        data = explain_read(deciding, commitment_of(deciding, record), account, what, at_ms)
    show(data, list(_explanation(data, language())), as_json=as_json)


def give_out(done: ReadRecord, out: Path | None, *, as_json: bool) -> None:
    """Hand over the content of a read, and show its receipt beside it."""
    data = read_values(done)
    if out is not None:
        write_file(out, done.disclosed.content, 0o600)
        lines = [f"Wrote {out}, {data['bytes']} bytes: {data['copy']}.", f"Receipt: {done.kept}"]
        show({**data, "out": str(out)}, lines, as_json=as_json)
    elif as_json:
        show({**data, "content_base64": base64.b64encode(done.disclosed.content).decode()}, [], as_json=True)
    else:
        sys.stdout.buffer.write(done.disclosed.content)
        sys.stdout.buffer.flush()
        console.print(printable(f"{data['copy']}; receipt: {done.kept}"), markup=False)


def read_own(
    home: Path,
    others: list[Path] | None,
    passphrase_file: Path | None,
    record: str,
    account: str,
    purpose: Purpose,
    action: Action = Action.READ,
) -> ReadRecord:
    """Read a record of a home for an account of its own; raises the refusal."""
    with own_serving([home, *(others or [])], read_passphrase(passphrase_file)) as serving:
        return read_record(serving, serving, account, commitment_of(serving, record), purpose, (), action)


@contextmanager
def _parties(
    home: Path, others: list[Path] | None, passphrase_file: Path | None, at: str
) -> Iterator[tuple[Serving, Serving]]:
    """Give the home that asks and the one that is asked."""
    if not at:
        with own_serving([home, *(others or [])], read_passphrase(passphrase_file)) as serving:
            yield serving, serving
        return
    with opened_site(home, others, passphrase_file) as site:
        custodian = site.find(at)
        yield site.serving, site.serving_of(custodian)


def _explanation(data: dict[str, Any], tongue: str) -> Iterator[str]:
    """Yield the lines of an explanation in one language."""
    if data["agreement"] is not None:
        yield f"--    {data['agreement'][tongue]}"
    for step in data["steps"]:
        mark = "*" if step["decided"] else " "
        yield f"PM{step['rule']:<2}{mark} {step[f'question_{tongue}']}: {step[f'said_{tongue}']}"
    verdict = {"en": ("permitted", "refused"), "zh": ("准许", "拒绝")}[tongue]
    if data["permit"]:
        yield verdict[0]
        return
    yield f"{verdict[1]} [{data['code']}] {data[f'reason_{tongue}']}"
    if data["nearest"] is not None:
        yield {"en": "nearest consent", "zh": "最接近的授权"}[tongue] + f" {data['nearest']['consent']}:"
        yield from (f"  [{one['code']}] {one[tongue]}" for one in data["nearest"]["fails"])
    yield from (f"-> {remedy}" for remedy in data[f"remedies_{tongue}"])


def check_out(out: Path | None) -> None:
    """Refuse a file that could not be written, before anything is read for it."""
    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise FileUnreadable(file=str(out), reason="it is a folder" if out.is_dir() else "its folder is not there")

"""``xinglin agreement``: what two institutions sign before one answers the other (W6; docs/spec/agreement.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from xinglin.cli.choices import (
    CategoriesOption,
    DaysOption,
    FromOption,
    LevelOption,
    PurposesOption,
    UntilOption,
    read_choices,
    read_period,
    read_scan,
    show_time,
)
from xinglin.cli.options import HomeOption, JsonOption, PassphraseOption, opened
from xinglin.cli.output import show
from xinglin.cli.sites import WithOption, opened_site
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.chains import SystemClock
from xinglin.node.office.agreements import WantedAgreement, accept, agreements, end, find, propose
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose

app = typer.Typer(help="Agreements between institutions: propose, accept, list, show, end.", no_args_is_help=True)

AgreementArgument = Annotated[str, typer.Argument(metavar="AGREEMENT", help="The agreement's id.")]
SigningOption = Annotated[
    str, typer.Option("--account", help="The account that signs, an administrator; the home's own if not given.")
]


@app.command("propose")
def propose_agreement(
    home: HomeOption,
    document: Annotated[
        Path, typer.Option("--document", help="File of the paper behind it; its hash is in the terms, the file is not.")
    ],
    reader: Annotated[
        str, typer.Option("--reader", help="The member that may ask this home; this home is the custodian.")
    ] = "",
    custodian: Annotated[
        str, typer.Option("--custodian", help="The member that this home may ask; this home is the reader.")
    ] = "",
    purpose: PurposesOption = None,
    category: CategoriesOption = None,
    level: LevelOption = 4,
    begins: FromOption = None,
    until: UntilOption = None,
    days: DaysOption = None,
    account: SigningOption = "",
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose an agreement, signed by this home's administrator; it holds once the other member has accepted it.

    It lets accounts of the reader ask the custodian, for these purposes, in these categories, up to this level. Name
    the other member, by --reader or by --custodian.
    """
    if bool(reader) == bool(custodian):
        raise typer.BadParameter("give either --reader or --custodian")
    _check_ids(reader, custodian, account)
    if not purpose or not category:
        raise typer.BadParameter("give --purpose and --category, each once or more")
    purposes, categories = read_choices("--purpose", Purpose, purpose), read_choices("--category", Category, category)
    from_ms, until_ms = read_period(begins, until, days, SystemClock().now_ms())
    paper = read_scan(document)
    with opened_site(home, others, passphrase_file) as site:
        own = site.node.member
        wanted = WantedAgreement(
            custodian or own, reader or own, purposes, categories, Level(level), from_ms, until_ms, paper
        )
        row = propose(site.node, wanted, account)
    show(row, _lines(row), as_json=as_json)


@app.command("accept")
def accept_agreement(
    home: HomeOption,
    agreement: AgreementArgument,
    document: Annotated[
        Path | None, typer.Option("--document", help="The paper as this side has it, to be compared with the terms.")
    ] = None,
    account: SigningOption = "",
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accept what the other member proposed: shows the terms, then signs exactly these. Look first with 'show'."""
    _check_ids(agreement, account)
    paper = None if document is None else read_scan(document)
    with opened_site(home, others, passphrase_file) as site:
        terms, proposed = find(site.node, agreement)
        if not as_json:
            show(proposed, _lines(proposed), as_json=False)
        row = accept(site.node, agreement, terms, paper, account)
    show(row, [f"{agreement}  accepted: {_said(row)}"], as_json=as_json)


@app.command("end")
def end_agreement(
    home: HomeOption,
    agreement: AgreementArgument,
    account: SigningOption = "",
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """End an agreement, accepted or only proposed; either of the two members does, and it can't be taken back."""
    _check_ids(agreement, account)
    with opened_site(home, others, passphrase_file) as site:
        row = end(site.node, agreement, account)
    show(row, [_line(row)], as_json=as_json)


@app.command("list")
def list_agreements(
    home: HomeOption,
    member: Annotated[str, typer.Option("--member", help="Only those of this member.")] = "",
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the agreements on the consortium chain as this home has it: who answers whom, till when, and status."""
    _check_ids(member)
    with opened(home, passphrase_file) as node:
        rows = list(agreements(node, member))
    show({"agreements": rows}, [*map(_line, rows), f"{len(rows)} agreements"], as_json=as_json)


@app.command("show")
def show_agreement(
    home: HomeOption,
    agreement: AgreementArgument,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an agreement: its two members, its terms, the hash of its paper, who proposed it and where it stands."""
    _check_ids(agreement)
    with opened(home, passphrase_file) as node:
        _, row = find(node, agreement)
    show(row, _lines(row), as_json=as_json)


def _check_ids(*texts: str) -> None:
    for text in filter(None, texts):
        identifier_bytes(text)


def _line(row: dict[str, Any]) -> str:
    parties = f"{row['custodian_name']} answers {row['reader_name']}"
    return f"{row['agreement']}  {_said(row)}  {parties}  until {show_time(row['until_ms'])}"


def _lines(row: dict[str, Any]) -> list[str]:
    words = {
        "custodian": f"{row['custodian']}  {row['custodian_name']}",
        "reader": f"{row['reader']}  {row['reader_name']}",
        "proposed by": row["proposed_by"],
        "purposes": ", ".join(row["purposes"]),
        "categories": ", ".join(row["categories"]),
        "level": f"up to {row['level']}",
        "period": f"{show_time(row['from_ms'])} to {show_time(row['until_ms'])}",
        "document": row["document"],
        "accepted": show_time(row["accepted_ms"]),
        "ended": show_time(row["ended_ms"]),
    }
    return [_line(row), *(f"  {name:<12}{said}" for name, said in words.items())]


def _said(row: dict[str, Any]) -> str:
    return str(row["status"]).replace("_", " ")

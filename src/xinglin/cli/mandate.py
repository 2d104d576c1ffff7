"""``xinglin consent mandate``: court orders and legal duties on record, with the hash of the document (S6.3c)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from xinglin.cli.choices import (
    CategoriesOption,
    CopyOption,
    DaysOption,
    FromOption,
    LevelOption,
    MembersOption,
    PersonArgument,
    PurposesOption,
    ReadersOption,
    RolesOption,
    SpecialOption,
    UntilOption,
    opened_deciding,
    read_choice,
    read_choices,
    read_ids,
    read_period,
    read_scan,
    read_special,
    show_time,
)
from xinglin.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption
from xinglin.cli.output import show
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.desk import given_ms
from xinglin.node.protecting import add_mandate, mandate_values
from xinglin.service.basic.protection.mandates import StatedMandate
from xinglin.service.basic.protection.model import Article
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Copy, Purpose

app = typer.Typer(help="Court orders and legal duties: add, list.", no_args_is_help=True)


@app.command("add")
def add(
    home: HomeOption,
    person: PersonArgument,
    account: AccountOption,
    article: Annotated[str, typer.Option("--article", help="court, patient_request, guardian_request ... (table L).")],
    document: Annotated[Path, typer.Option("--document", help="The order or request, scanned; its hash is kept.")],
    purpose: PurposesOption = None,
    category: CategoriesOption = None,
    level: LevelOption = 4,
    special: SpecialOption = None,
    copy: CopyOption = "original",
    member: MembersOption = None,
    role: RolesOption = None,
    reader: ReadersOption = None,
    begins: FromOption = None,
    until: UntilOption = None,
    days: DaysOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enter a court order or a legal duty for one patient; administrators and compliance officers do."""
    whose, scan = identifier_bytes(person), read_scan(document)
    stated = StatedMandate(
        article=read_choice("--article", Article, article),
        document=b"",
        purposes=read_choices("--purpose", Purpose, purpose),
        categories=read_choices("--category", Category, category),
        level=Level(level),
        from_ms=0,
        until_ms=0,
        members=read_ids(member),
        roles=read_choices("--role", Role, role),
        accounts=read_ids(reader),
        special=read_special(special),
        copy=read_choice("--copy", Copy, copy),
    )
    with opened_deciding(home, passphrase_file) as deciding:
        from_ms, until_ms = read_period(begins, until, days, given_ms(deciding))
        dated = replace(stated, from_ms=from_ms, until_ms=until_ms)
        made = add_mandate(deciding, account, whose, dated, scan)
    show({"mandate": made}, [f"mandate {made}"], as_json=as_json)


@app.command("list")
def list_mandates(
    home: HomeOption, person: PersonArgument, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """List the court orders and legal duties on record for a patient."""
    whose = identifier_bytes(person)
    with opened_deciding(home, passphrase_file) as deciding:
        rows = mandate_values(deciding, whose)
    lines = [
        f"{row['mandate']}  {row['article']}  {', '.join(row['purposes'])}  until {show_time(row['until_ms'])}"
        for row in rows
    ]
    show({"person": person, "mandates": rows}, [*lines, f"{len(rows)} on record"], as_json=as_json)

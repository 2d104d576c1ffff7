"""``xinglin consent mandate``: court orders and legal duties on record, with the hash of the document (S6.3c)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xinglin.cli.choices import PersonArgument, opened_deciding, read_choice, read_scan, show_time
from xinglin.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption
from xinglin.cli.output import show
from xinglin.cli.scope import Scope, takes_scope
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.office.desk import given_ms
from xinglin.node.office.protecting import add_mandate, mandate_values
from xinglin.service.basic.protection.mandates import StatedMandate
from xinglin.service.basic.protection.model import Article

app = typer.Typer(help="Court orders and legal duties: add, list.", no_args_is_help=True)


@app.command("add")
@takes_scope
def add(
    home: HomeOption,
    person: PersonArgument,
    account: AccountOption,
    article: Annotated[str, typer.Option("--article", help="court, patient_request, guardian_request ... (table L).")],
    document: Annotated[Path, typer.Option("--document", help="The order or request, scanned; its hash is kept.")],
    scope: Scope,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enter a court order or a legal duty for one patient; administrators and compliance officers do."""
    whose, scan = identifier_bytes(person), read_scan(document)
    kind = read_choice("--article", Article, article)
    with opened_deciding(home, passphrase_file) as deciding:
        from_ms, until_ms = scope.period(given_ms(deciding))
        stated = StatedMandate(
            article=kind,
            document=b"",
            purposes=scope.purposes,
            categories=scope.categories,
            level=scope.level,
            from_ms=from_ms,
            until_ms=until_ms,
            members=scope.members,
            roles=scope.roles,
            accounts=scope.accounts,
            special=scope.special,
            copy=scope.copy,
        )
        made = add_mandate(deciding, account, whose, stated, scan)
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

"""``xinglin consent guardian``: who acts for a minor, from when until when, on which evidence (S6.3c; GU1 to GU3)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xinglin.cli.asking import read_words
from xinglin.cli.choices import (
    FromOption,
    PersonArgument,
    UntilOption,
    opened_deciding,
    read_ids,
    read_scan,
    read_time,
    show_time,
)
from xinglin.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption, check_text
from xinglin.cli.output import show
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.chains import SystemClock
from xinglin.node.office.desk import given_ms
from xinglin.node.office.protecting import add_guardian, end_guardian, guardian_values
from xinglin.service.basic.protection.guardians import GuardianEvidence

app = typer.Typer(help="Guardians of minors: add, end, list.", no_args_is_help=True)


@app.command("add")
def add(
    home: HomeOption,
    person: PersonArgument,
    account: AccountOption,
    relation: Annotated[str, typer.Option("--relation", help="Such as mother, or court-appointed.")],
    evidence: Annotated[Path, typer.Option("--evidence", help="The document, scanned; its hash is kept.")],
    named: Annotated[
        Path | None,
        typer.Option("--name", help="File of one line, the name as in the evidence; - for standard input; else asked."),
    ] = None,
    begins: FromOption = None,
    until: UntilOption = None,
    known_as: Annotated[str, typer.Option("--id", help="The id that another node gave to this relation.")] = "",
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enter a guardian of a minor; it ends by itself on the 18th birthday."""
    whose, document = identifier_bytes(person), read_scan(evidence)
    name = read_words("--name", named, "The guardian's name, as in the evidence")
    check_text("--relation", relation)
    known = read_ids([known_as])[0] if known_as else ""
    stated_ms = None if begins is None else read_time("--from", begins)
    until_ms = None if until is None else read_time("--until", until)
    with opened_deciding(home, passphrase_file) as deciding:
        from_ms = given_ms(deciding) if stated_ms is None else stated_ms
        stated = GuardianEvidence(name, relation, b"", from_ms, until_ms)
        made = add_guardian(deciding, account, whose, stated, document, known)
    show({"guardianship": made}, [f"guardianship {made}"], as_json=as_json)


@app.command("end")
def end(
    home: HomeOption,
    guardianship: Annotated[str, typer.Argument(metavar="GUARDIANSHIP", help="The guardianship's id.")],
    account: AccountOption,
    until: UntilOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a guardianship now, or at a time."""
    identifier_bytes(guardianship)
    until_ms = SystemClock().now_ms() if until is None else read_time("--until", until)
    with opened_deciding(home, passphrase_file) as deciding:
        end_guardian(deciding, account, guardianship, until_ms)
    data = {"guardianship": guardianship, "until_ms": until_ms}
    show(data, [f"{guardianship} ends {show_time(until_ms)}"], as_json=as_json)


@app.command("list")
def list_guardians(
    home: HomeOption, person: PersonArgument, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """List the guardianships of a patient."""
    whose = identifier_bytes(person)
    with opened_deciding(home, passphrase_file) as deciding:
        rows = guardian_values(deciding, whose)
    lines = [
        f"{row['guardianship']}  {row['guardian']} ({row['relation']})  {show_time(row['from_ms'])} to "
        f"{show_time(row['until_ms']) if row['until_ms'] else 'the 18th birthday'}"
        for row in rows
    ]
    show({"person": person, "guardianships": rows}, [*lines, f"{len(rows)} on record"], as_json=as_json)

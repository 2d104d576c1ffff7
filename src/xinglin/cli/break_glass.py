"""``xinglin consent break-glass``: emergency access to one patient, with a reason and a review (BG1 to BG6)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from xinglin.cli.asking import read_words
from xinglin.cli.choices import (
    PersonArgument,
    SpecialOption,
    opened_deciding,
    read_choice,
    read_special,
    show_time,
)
from xinglin.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption
from xinglin.cli.output import show
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.office.protecting import grant_tasks, open_glass, review_glass
from xinglin.service.basic.protection.break_glass import Emergency
from xinglin.service.basic.protection.store_model import Verdict
from xinglin.stakeholders.labels import Level

app = typer.Typer(help="Emergency access: open, list, review.", no_args_is_help=True)


@app.command("open")
def open_(
    home: HomeOption,
    person: PersonArgument,
    account: AccountOption,
    why: Annotated[
        Path | None,
        typer.Option("--reason", help="File of one line, which the patient is told; - for standard input; else asked."),
    ] = None,
    hours: Annotated[int, typer.Option("--hours", min=1, max=24, help="For how many hours, 1 to 24.")] = 4,
    level: Annotated[int, typer.Option("--level", min=4, max=5, help="5 has to be asked for by name.")] = 4,
    special: SpecialOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Break the glass for one patient: opens a review, tells the patient, and counts against the account's quota."""
    whose = identifier_bytes(person)
    reason = read_words("--reason", why, "Why, in one line; the patient is told")
    emergency = Emergency(hours, reason, Level(level), read_special(special))
    with opened_deciding(home, passphrase_file, running=True) as deciding:
        grant = open_glass(deciding, account, whose, emergency)
    lines = [_line(grant), f"the patient is told by notice {grant['notice']['notice']}"]
    show(grant, lines, as_json=as_json)


@app.command("list")
def list_grants(
    home: HomeOption,
    every: Annotated[bool, typer.Option("--all", help="Those that were reviewed too.")] = False,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the emergency accesses that wait for their review, the most urgent first."""
    with opened_deciding(home, passphrase_file) as deciding:
        rows = grant_tasks(deciding, only_open=not every)
    waiting = sum(not row["verdict"] for row in rows)
    show({"grants": rows}, [*map(_line, rows), f"{waiting} wait for a review"], as_json=as_json)


@app.command("review")
def review(
    home: HomeOption,
    grant: Annotated[str, typer.Argument(metavar="GRANT", help="The grant's id.")],
    account: AccountOption,
    verdict: Annotated[str, typer.Option("--verdict", help="justified or unjustified.")],
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close the review of an emergency access, by another account that is auditor or compliance officer."""
    identifier_bytes(grant)
    found = read_choice("--verdict", Verdict, verdict)
    with opened_deciding(home, passphrase_file) as deciding:
        row = review_glass(deciding, grant, account, found)
    show(row, [_line(row)], as_json=as_json)


def _line(row: dict[str, Any]) -> str:
    state = row["verdict"] or ("overdue" if row["overdue"] else f"review by {show_time(row['review_by_ms'])}")
    return f"{row['grant']}  {row['account']}  until {show_time(row['until_ms'])}  {state}: {row['reason']}"

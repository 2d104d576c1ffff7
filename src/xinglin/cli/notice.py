"""``xinglin notice``: the inbox of a home: what was sent and received, acknowledged, overdue (H10, H12)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from xinglin.cli.options import HomeOption, JsonOption, PassphraseOption, opened
from xinglin.cli.output import language, show
from xinglin.cli.sites import WithOption, opened_site
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.office.notices import acknowledge_notice, named_notice, notice_values, open_notices, resumed_values
from xinglin.node.records.archive import open_archive

app = typer.Typer(help="Notices: list, show, acknowledge, deliver, overdue.", no_args_is_help=True)

NoticeArgument = Annotated[str, typer.Argument(help="The notice's id.")]
SenderOption = Annotated[
    str, typer.Option("--sender", help="The member that sent it, where two have sent one under this id.")
]


@app.command("list")
def list_notices(
    home: HomeOption,
    account: Annotated[
        str,
        typer.Option(
            "--account",
            help="What this account can acknowledge: what is to it or to all, and what a patient is to hear.",
        ),
    ] = "",
    person: Annotated[str, typer.Option("--person", help="What was to be told to this patient, by person id.")] = "",
    only_open: Annotated[bool, typer.Option("--open", help="Only what is not acknowledged.")] = False,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the notices of a home, oldest first: those sent and those received."""
    for given in filter(None, (account, person)):
        identifier_bytes(given)
    with (
        opened(home, passphrase_file) as node,
        open_archive(node, writing=False) as archive,
        open_notices(archive) as notices,
    ):
        if account:
            found = notices.inbox(account)
        elif person:
            found = notices.for_person(identifier_bytes(person))
        else:
            found = notices.every()
        rows = [notice_values(one) for one in found if not (only_open and one.acknowledged)]
    show({"notices": rows}, [*(_line(row) for row in rows), f"{len(rows)} notices"], as_json=as_json)


@app.command("show")
def show_notice(
    home: HomeOption,
    notice: NoticeArgument,
    sender: SenderOption = "",
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one notice with its text in Chinese and English."""
    identifier_bytes(notice)
    with (
        opened(home, passphrase_file) as node,
        open_archive(node, writing=False) as archive,
        open_notices(archive) as notices,
    ):
        row = notice_values(named_notice(notices, notice, sender))
    text = [row["zh"], row["en"]] if language() == "zh" else [row["en"], row["zh"]]
    show(row, [_line(row), f"from member {row['sender']} about {row['about']}", *text], as_json=as_json)


@app.command("acknowledge")
def acknowledge(
    home: HomeOption,
    notice: NoticeArgument,
    account: Annotated[
        str, typer.Option("--account", help="Who acknowledges, or has told the patient; its key signs.")
    ],
    sender: SenderOption = "",
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Acknowledge a notice by the account's signature, and hand that back to the sender's home."""
    identifier_bytes(notice)
    identifier_bytes(account)
    with opened_site(home, others, passphrase_file) as site:
        notices = site.notices_of(site.node)
        found = named_notice(notices, notice, sender)
        row = acknowledge_notice(site.node, notices, found.sender, notice, account)
    back = "the sender has it" if row["step"] == "done" else "it goes back to the sender with 'xinglin notice deliver'"
    show(row, [f"Acknowledged notice {notice} by account {account}: {back}."], as_json=as_json)


@app.command("deliver")
def deliver(
    home: HomeOption, others: WithOption = None, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """Hand over what waits: notices to other homes, acknowledgements back. What stays is listed with its reason."""
    with opened_site(home, others, passphrase_file) as site:
        resumed = site.notices_of(site.node).resume(at_once=True)
    lines = [f"{notice} waits: {why.sentence(language())} [{why.code}]" for _, notice, why in resumed.waiting]
    moved = f"{resumed.moved} notices moved on, {len(resumed.waiting)} wait"
    show(resumed_values(resumed), [*lines, moved], as_json=as_json)


@app.command("overdue")
def overdue(home: HomeOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False) -> None:
    """List the notices that should have been acknowledged by now, the longest overdue first."""
    with (
        opened(home, passphrase_file) as node,
        open_archive(node, writing=False) as archive,
        open_notices(archive) as notices,
    ):
        rows = [notice_values(one) for one in notices.overdue()]
    show({"notices": rows}, [*(_line(row) for row in rows), f"{len(rows)} overdue"], as_json=as_json)


def _line(row: dict[str, Any]) -> str:
    recipient = row["recipient"]
    whom = "a patient" if recipient["patient"] else recipient["account"] or f"member {recipient['member']}"
    return f"{row['notice']}  {_day(row['time'])}  {row['kind']:<15}  to {whom}: {_state(row)}"


def _state(row: dict[str, Any]) -> str:
    if row["acknowledged"]:
        return f"acknowledged {_day(row['acknowledged'])} by {row['acknowledged_by']}"
    way = "delivered" if row["step"] == "delivered" else f"not delivered yet, {row['attempts']} attempts"
    return f"{way}, to be acknowledged until {_day(row['due'])}"


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")

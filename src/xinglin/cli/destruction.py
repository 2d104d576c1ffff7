"""``xinglin destruction``: how long records are kept; destroying them by two accounts, with a certificate (S7.1f)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from xinglin.cli.files import write_file
from xinglin.cli.options import (
    AccountOption,
    GroundOption,
    HomeOption,
    JsonOption,
    PassphraseOption,
    RecordArgument,
    RecordsArgument,
    opened,
)
from xinglin.cli.output import refusal_json, show, tell_refusal, when
from xinglin.cli.sites import WithOption, opened_site
from xinglin.kernel.encoding import encode
from xinglin.kernel.errors import PlatformError
from xinglin.node.office.destruction import certificate_values, records_office
from xinglin.node.records.archive import open_archive

app = typer.Typer(
    help="Destruction of records: check, order, confirm, carry-out, resume, lift, list, certificate.",
    no_args_is_help=True,
)


@app.command("check")
def check(
    home: HomeOption, record: RecordArgument, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """Show until when a record must be kept and what keeps it longer; changes nothing."""
    with (
        opened(home, passphrase_file) as node,
        open_archive(node, writing=False) as archive,
        records_office(archive) as office,
    ):
        found = office.check(record)
    refusals: list[PlatformError] = found.pop("refusals")
    lines = [
        f"{record}  {found['state']}",
        f"kept until {found['kept_until'] or 'it can be told'}",
        *_lists(found),
        "an order would be refused:" if refusals else "it may be ordered to be destroyed",
    ]
    show({**found, "refusals": [refusal_json(one) for one in refusals]}, lines, as_json=as_json)
    for one in refusals if not as_json else ():
        tell_refusal(one)


@app.command("order")
def order(
    home: HomeOption,
    records: RecordsArgument,
    account: AccountOption,
    ground: GroundOption = "retention_ended",
    with_: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Order the destruction of records: from the receipt on nobody reads them.

    A record that must be kept longer is refused with the day, and is restricted to court orders from then on. If one is
    refused, none is ordered. If the chain takes no more in the middle, the refusal says which are; to repeat goes on.
    """
    with opened_site(home, with_, passphrase_file) as site:
        office = site.records_office
        ordered = office.order(records, ground, account)
        left = {one: office.versions_left(one) for one in ordered}
    lines = [f"ordered {one}" for one in ordered] + _left_lines(left)
    show({"ordered": ordered, "versions_left": left}, [*lines, f"{len(ordered)} ordered now"], as_json=as_json)


@app.command("confirm")
def confirm(
    home: HomeOption,
    records: RecordsArgument,
    account: AccountOption,
    with_: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Confirm orders, by another account than the one that ordered; holds and retention are looked at again."""
    with opened_site(home, with_, passphrase_file) as site:
        confirmed = site.records_office.confirm(records, account)
    lines = [f"confirmed {one}" for one in confirmed]
    show({"confirmed": confirmed}, [*lines, f"{len(confirmed)} confirmed now"], as_json=as_json)


@app.command("carry-out")
def carry_out(
    home: HomeOption,
    with_: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Destroy what is confirmed and not held, and certify it; what waits is listed with the reason."""
    with opened_site(home, with_, passphrase_file) as site:
        done = site.records_office.carry_out()
    _show_done(done, as_json=as_json)


@app.command("resume")
def resume(
    home: HomeOption,
    with_: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Finish what a stop in the middle left: shred again, certify. Begins nothing new."""
    with opened_site(home, with_, passphrase_file) as site:
        done = site.records_office.carry_out(begun=True)
    _show_done(done, as_json=as_json)


@app.command("lift")
def lift(
    home: HomeOption,
    record: RecordArgument,
    account: AccountOption,
    with_: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """End the restriction of a record, by another account than the one whose order was refused."""
    with opened_site(home, with_, passphrase_file) as site:
        site.records_office.lift(record, account)
    show({"record": record}, [f"{record} is not restricted any more"], as_json=as_json)


@app.command("list")
def list_orders(home: HomeOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False) -> None:
    """List the orders: record, state, ground, who ordered and confirmed, hash of the certificate."""
    with (
        opened(home, passphrase_file) as node,
        open_archive(node, writing=False) as archive,
        records_office(archive) as office,
    ):
        rows = office.listed()
    lines = [f"{one['record'] or one['commitment']}  {one['state']:<9}  {one['ground']}  {_who(one)}" for one in rows]
    show({"orders": rows}, [*lines, f"{len(rows)} orders"], as_json=as_json)


@app.command("certificate")
def certificate(
    home: HomeOption,
    record: RecordArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the certificate's exact bytes to a new file.")
    ] = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the certificate of a destroyed record, compared with its hash on the consortium chain."""
    with (
        opened(home, passphrase_file) as node,
        open_archive(node, writing=False) as archive,
        records_office(archive) as office,
    ):
        made = office.certificate(record)
    if out is not None:
        write_file(out, encode(made))
    values = certificate_values(made)
    show(values, _certificate_lines(values), as_json=as_json)


def _show_done(done: dict[str, Any], *, as_json: bool) -> None:
    waiting = done["waiting"]
    told = [{"record": one["record"], **refusal_json(one["reason"])} for one in waiting]
    lines = [f"destroyed {one['record']}" for one in done["certificates"]]
    lines += [
        f"  {one['record']}: copies of {member} are its own and not destroyed by this"
        for one in done["certificates"]
        for member in one["recipients"]
    ]
    lines += _left_lines(done["versions_left"])
    lines.append(f"{len(done['certificates'])} destroyed, {len(waiting)} wait")
    show({**done, "waiting": told}, lines, as_json=as_json)
    for one in waiting if not as_json else ():
        tell_refusal(one["reason"], one["record"])


def _lists(found: dict[str, Any]) -> list[str]:
    named = (
        ("holds", "held by"),
        ("episodes", "in the sealed episode"),
        ("given_to", "given to member"),
        ("versions_left", "another version is here:"),
    )
    return [f"{words} {one}" for name, words in named for one in found[name]]


def _left_lines(left: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"  {record}: another version is left, {one}" for record, others in left.items() for one in others]


def _who(one: dict[str, Any]) -> str:
    confirmed = f", confirmed by {one['confirmed_by']}" if one["confirmed_by"] else ""
    return f"ordered by {one['ordered_by']}{confirmed}"


def _certificate_lines(values: dict[str, Any]) -> list[str]:
    return [
        f"record      {values['record']}",
        f"commitment  {values['commitment']}",
        f"ground      {values['ground']}",
        f"ordered     {when(values['ordered'])} by {values['ordered_by']}",
        f"confirmed   {when(values['confirmed'])} by {values['confirmed_by']}",
        f"destroyed   {when(values['destroyed'])} by node {values['node']}",
        *(f"how         {one}" for one in values["methods"]),
        f"bytes       {values['before']['digest']} before, {values['after']['digest']} after",
        *(f"given to    member {one}: its copies are its own" for one in values["recipients"]),
        f"backups     gone by {when(values['backups_until'])} ({values['backup_days']} days)",
    ]

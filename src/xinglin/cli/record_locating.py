"""``xinglin record locate``: from a commitment on the chain to the node that keeps the record (H5)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from xinglin.cli.options import HomeOption, JsonOption, PassphraseOption, read_hash
from xinglin.cli.output import show
from xinglin.cli.sites import WithOption, opened_site
from xinglin.node.office.locating import locate_record
from xinglin.stakeholders.purposes import Purpose


def locate(
    home: HomeOption,
    commitment: Annotated[str, typer.Argument(help="The record commitment in hexadecimal.")],
    account: Annotated[
        str,
        typer.Option("--account", help="Who asks the node that keeps it; its key is in this home. Else nobody asks."),
    ] = "",
    purpose: Annotated[
        Purpose, typer.Option("--purpose", help="What for; it stands in the access entry.")
    ] = Purpose.TREAT,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open the locator of a record by this node's transmission key: which node keeps it, who recorded it, when.

    With --account the node that keeps it is asked, under agreement and permit and with an entry there, what it is.
    """
    wanted = read_hash(commitment)
    with opened_site(home, others, passphrase_file) as site:
        found = locate_record(site, wanted, account, purpose)
    show(found, _lines(found), as_json=as_json)


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [
        f"kept by node {found['node']} of member {found['keeper']} under handle {found['handle']}",
        f"recorded by account {found['recorder']} of member {found['member']}, batch {found['batch']},"
        f" log entry {found['log_entry']}",
    ]
    if "refused" in found:
        lines.append(f"the node does not tell what it is: [{found['refused']}] {found['why']}")
    elif "record" in found:
        record = found["record"]
        lines.append(f"it is a {record['type']}, level {record['level']}, version {record['version']}")
        lines.append(f"of the person whom this member knows there as {found['person']}")
    return lines

"""``xinglin member``: who is on the consortium chain, and by which votes. Other files add what changes that."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from xinglin.carrier.access.governance.model import EpochState
from xinglin.carrier.access.registry.model import MemberState
from xinglin.cli.options import HomeOption, JsonOption, PassphraseOption, opened_registry
from xinglin.cli.output import show
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.office.directory import Directory
from xinglin.stakeholders.kinds import Status

app = typer.Typer(
    help="Members of the consortium: who they are, how they join, are suspended, restored and removed.",
    no_args_is_help=True,
)


@app.command("list")
def list_members(home: HomeOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False) -> None:
    """List the members, their kinds and whether they take part."""
    with opened_registry(home, passphrase_file) as chain:
        rows = [_row(member, state) for member, state in Directory(chain).members()]
    lines = [f"{row['member']}  {row['kind']:<20}  {row['status']:<9}  {row['name']}" for row in rows]
    show({"members": rows}, lines, as_json=as_json)


@app.command("show")
def show_member(
    home: HomeOption,
    member: Annotated[str, typer.Argument(help="The member's id.")],
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one member, its accounts and its engines as `engine.peers` of the settings names them."""
    identifier_bytes(member)
    with opened_registry(home, passphrase_file) as chain:
        directory = Directory(chain)
        row = _row(member, directory.member(member))
        row["accounts"] = [
            {
                "account": account,
                "roles": [role.name.lower() for role in state.roles],
                "status": state.status.name.lower(),
            }
            for account, state in directory.accounts(member)
        ]
        row["engines"] = [
            {"peer": peer.hex(), "address": state.address, "node": state.node}
            for peer, state in directory.peers()
            if state.member == member and state.status is Status.ACTIVE
        ]
    lines = [f"{row['name']}  {row['kind']}  {row['status']}"]
    lines += [f"  account {one['account']}  {', '.join(one['roles'])}  {one['status']}" for one in row["accounts"]]
    lines += [f"  engine {one['peer']}@{one['address']}" for one in row["engines"]]
    show(row, lines, as_json=as_json)


@app.command("epochs")
def epochs(home: HomeOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False) -> None:
    """Show the member epochs: from which height, who votes and cosigns, how many votes passed each."""
    with opened_registry(home, passphrase_file) as chain:
        rows = [_epoch_row(state) for state in Directory(chain).epochs()]
    lines = [
        f"epoch {row['number']} from height {row['from_height']}: {len(row['members'])} members, "
        f"threshold {row['threshold']}, quorum {row['quorum']}, {row['votes']} votes"
        for row in rows
    ]
    show({"epochs": rows}, lines, as_json=as_json)


def _row(member: str, state: MemberState) -> dict[str, Any]:
    return {
        "member": member,
        "kind": state.member_kind.name.lower(),
        "name": state.name.decode(errors="replace"),
        "status": state.status.name.lower(),
        "from_height": state.from_height,
    }


def _epoch_row(state: EpochState) -> dict[str, Any]:
    epoch = state.epoch
    return {
        "number": epoch.number,
        "from_height": epoch.from_height,
        "threshold": epoch.threshold,
        "quorum": epoch.quorum,
        "votes": len(state.votes),
        "members": [
            {"member": m.member, "key": m.key.hex(), "votes": bool(m.votes), "cosigns": bool(m.cosigns)}
            for m in epoch.members
        ],
    }

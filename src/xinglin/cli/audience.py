"""``xinglin audience``: who has the transmission key of an audience, and issuing the next (H5)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from xinglin.cli.acting import acting_member
from xinglin.cli.options import HomeOption, JsonOption, PassphraseOption, opened_registry
from xinglin.cli.output import show
from xinglin.cli.sites import WithOption
from xinglin.node.office.audiences import Audience, audiences, eligible_nodes, issue_next
from xinglin.settings import load_settings

app = typer.Typer(help="Audiences: which nodes have their transmission keys; the next key.", no_args_is_help=True)

AudienceOption = Annotated[
    str, typer.Option("--audience", help="The audience; else that of `intake.audience` of the settings.")
]
_Nodes = list[str] | None


@app.command("show")
def show_audiences(home: HomeOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False) -> None:
    """Show each audience: its steward, its newest key, which active nodes have that and which have not."""
    with opened_registry(home, passphrase_file) as chain:
        members = {node: member for node, (member, _) in eligible_nodes(chain).items()}
        rows = [_row(one, members) for one in audiences(chain)]
    lines = [line for row in rows for line in _lines(row)] or ["There is no audience."]
    show({"audiences": rows}, lines, as_json=as_json)


@app.command("issue")
def issue(
    home: HomeOption,
    audience: AudienceOption = "",
    add: Annotated[_Nodes, typer.Option("--add", help="Id of a node that gets it too.")] = None,
    without: Annotated[_Nodes, typer.Option("--without", help="Id of a node that does not get it.")] = None,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue the next key, to the nodes that have the newest and are still active; by the steward or in its place."""
    name = audience or load_settings(home).intake.audience
    with acting_member(home, others, passphrase_file) as acting:
        issued = issue_next(acting, name, add or (), without or ())
    lines = [f"Key {issued.number} of audience {name} is sealed to {len(issued.nodes)} nodes."]
    lines += [f"  no more for node {node}" for node in issued.left]
    data = {"audience": name, "number": issued.number, "nodes": issued.nodes, "left": issued.left}
    show(data, lines, as_json=as_json)


def _row(one: Audience, members: dict[str, str]) -> dict[str, Any]:
    return {
        "audience": one.name,
        "steward": one.steward,
        "number": one.number,
        "nodes": [{"node": node, "member": members.get(node, ""), "active": node in members} for node in one.nodes],
        "without": [{"node": node, "member": members[node]} for node in members if node not in one.nodes],
    }


def _lines(row: dict[str, Any]) -> list[str]:
    lines = [f"{row['audience']}  key {row['number']}  steward {row['steward']}"]
    lines += [f"  node {one['node']}  {one['member'] or 'not active any more'}" for one in row["nodes"]]
    return lines + [f"  without the key: node {one['node']} of member {one['member']}" for one in row["without"]]

"""``xinglin member contributions``: what each node does for the network (S6.1c)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from xinglin.carrier.consensus.comet.rpc import EngineRpc
from xinglin.cli.member_joining import app
from xinglin.cli.options import HomeOption, JsonOption, PassphraseOption, opened_registry
from xinglin.cli.output import show
from xinglin.node.membership.contribution import MAX_BLOCKS, contributions
from xinglin.settings import load_settings

__all__ = ["app"]


@app.command("contributions")
def show_contributions(
    home: HomeOption,
    blocks: Annotated[int, typer.Option("--blocks", help="How many of the newest.", min=1, max=MAX_BLOCKS)] = 100,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show each member's blocks proposed and signed, uptime and transactions; the home's node runs."""
    settings = load_settings(home)
    with opened_registry(home, passphrase_file) as chain, EngineRpc(settings.engine.rpc_listen) as rpc:
        found = contributions(chain, settings.consortium.id, rpc, blocks)
    rows = [asdict(one) | {"uptime": one.uptime} for one in found.members]
    lines = [f"Blocks {found.first} to {found.last}."]
    for one in found.members:
        uptime = "-" if one.uptime is None else f"{100 * one.uptime:.1f} %"
        lines.append(
            f"{one.member}  proposed {one.proposed:>5}  signed {one.signed:>5} of {one.expected:>5}  up {uptime:>7}  "
            f"transactions {one.transactions:>6}  {one.name}"
        )
    show({"first": found.first, "last": found.last, "members": rows}, lines, as_json=as_json)

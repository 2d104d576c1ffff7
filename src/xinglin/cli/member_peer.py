"""``xinglin member set-peer``: where the engine of a member's node is reached."""

from __future__ import annotations

from typing import Annotated

import typer

from xinglin.cli.member_contributions import app
from xinglin.cli.options import HomeOption, JsonOption
from xinglin.cli.output import show
from xinglin.node.consortium.peer_address import say_address

__all__ = ["app"]


@app.command("set-peer")
def set_peer(
    home: HomeOption,
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Under which others reach the node's engine.")],
    as_json: JsonOption = False,
) -> None:
    """Say on the chain where the engine of this running node is reached now; signed by the member's administrator."""
    peer = say_address(home, address)
    lines = [
        f"Engine {peer.hex()} is reached at {address}.",
        "The other nodes take the new address when they start next at the latest; until then this one calls them.",
    ]
    show({"peer": peer.hex(), "address": address}, lines, as_json=as_json)

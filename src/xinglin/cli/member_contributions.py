"""``xinglin member contributions``, ``validate``, ``stop-validating``: what nodes do for the network (S6.1c, S6.1e)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from xinglin.carrier.consensus.comet.rpc import EngineRpc
from xinglin.carrier.crypto.keystore import open_keystore
from xinglin.cli.acting import acting_member
from xinglin.cli.assured import doubts_lines, doubts_said
from xinglin.cli.member_joining import AuthoritiesOption, NodesOption, app
from xinglin.cli.options import HomeOption, JsonOption, PassphraseOption, opened
from xinglin.cli.output import show
from xinglin.cli.passphrase import read_passphrase
from xinglin.cli.sites import WithOption
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.home import Home
from xinglin.node.membership.contribution import MAX_BLOCKS, contributions, contributions_at_rest
from xinglin.node.membership.validating import begin_validating, stop_validating
from xinglin.node.remote.chain import RemoteChain
from xinglin.node.remote.local import serving_process
from xinglin.node.remote.remembered import FileMemory
from xinglin.node.remote.served import ServedHome
from xinglin.node.remote.transport import parse_address
from xinglin.node.remote.trusting import ChainNamed
from xinglin.settings import load_settings

__all__ = ["app"]


@app.command("contributions")
def show_contributions(
    home: HomeOption,
    blocks: Annotated[int, typer.Option("--blocks", help="How many of the newest.", min=1, max=MAX_BLOCKS)] = 100,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show each member's blocks proposed and signed, uptime and transactions, whether or not the home's node runs."""
    settings = load_settings(home)
    if serving_process(home) is None:
        with opened(home, passphrase_file) as node:
            found = contributions_at_rest(node, blocks)
    else:
        with EngineRpc(settings.engine.rpc_listen) as rpc:
            found = contributions(ServedHome(home), settings.consortium.id, rpc, blocks)
    rows = [asdict(one) | {"uptime": one.uptime} for one in found.members]
    lines = [f"Blocks {found.first} to {found.last}."]
    for one in found.members:
        uptime = "-" if one.uptime is None else f"{100 * one.uptime:.1f} %"
        lines.append(
            f"{one.member}  proposed {one.proposed:>5}  signed {one.signed:>5} of {one.expected:>5}  up {uptime:>7}  "
            f"transactions {one.transactions:>6}  {one.name}"
        )
    show({"first": found.first, "last": found.last, "members": rows}, lines, as_json=as_json)


@app.command("stop-validating")
def stop(
    home: HomeOption,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let this member's node make no more blocks; it keeps the chain and the member its vote on members."""
    with acting_member(home, others, passphrase_file) as acting:
        stop_validating(acting)
        member = acting.member
    show({"member": member, "validates": False}, ["This member's node makes no more blocks."], as_json=as_json)


@app.command("validate")
def validate(
    home: HomeOption,
    node: NodesOption,
    ca_file: AuthoritiesOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let this member's node make blocks (again), with a new engine key. The home's node does not run meanwhile.

    When the outcome stays open, give it again: it goes on with the same key.
    """
    keys = open_keystore(Home(home).keys, read_passphrase(passphrase_file))
    settings = load_settings(home)
    named = ChainNamed(settings.consortium.id, keys.suite)
    authorities = settings.listener.ca_file if ca_file is None else str(ca_file)
    others = [parse_address(one, authorities) for one in node]
    memory = FileMemory(Home(home).remembered(named.chain))
    remote = RemoteChain(others, named, SystemClock(), random_bytes, keep=Home(home).keep_answer, memory=memory)
    key = begin_validating(home, keys, remote)
    lines = [f"Registered engine key {key.hex()}. Next: xinglin serve {home}", *doubts_lines(remote)]
    show({"key": key.hex(), "validates": True, **doubts_said(remote)}, lines, as_json=as_json)

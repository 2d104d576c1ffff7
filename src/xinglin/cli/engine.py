"""``xinglin engine``: CometBFT, which makes the blocks of a consortium: install it, see how it is linked (S6.2b)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import typer

from xinglin.carrier.consensus.comet.binary import VARIABLE, VERSION, find_engine
from xinglin.carrier.consensus.comet.install import install_engine
from xinglin.cli.options import HomeOption, JsonOption
from xinglin.cli.output import console, printable, show
from xinglin.node.remote.served import ServedHome

app = typer.Typer(help="The consensus engine of a consortium: install, status, links.", no_args_is_help=True)


@app.command("install")
def install(as_json: JsonOption = False) -> None:
    """Build the one version of CometBFT that nodes run, from its pinned source, into the user's data folder.

    It needs Go, on PATH or from the package index, and the module proxy that GOPROXY names.
    """
    installed = install_engine(_silence if as_json else _tell)
    lines = [f"CometBFT {VERSION}: {installed.path}"]
    data = {"path": str(installed.path), "version": VERSION, "built": installed.built}
    show(data, lines, as_json=as_json)


def _tell(step: str) -> None:
    console.print(printable(step), markup=False)


def _silence(step: str) -> None:
    del step


@app.command("status")
def status(as_json: JsonOption = False) -> None:
    """Show which binary is used and that its version is right."""
    path = find_engine()
    named = bool(os.environ.get(VARIABLE))
    data = {"path": str(path), "version": VERSION, "named": named}
    show(data, [f"CometBFT {VERSION}: {path}" + f" (by {VARIABLE})" * named], as_json=as_json)


@app.command("links")
def links(home: HomeOption, as_json: JsonOption = False) -> None:
    """Show the links of a running node to other members' nodes (round-trip, loss, lag, bytes, alarms) and its clock."""
    found = ServedHome(home).links()
    lines = [line for one in found["links"] for line in _link_lines(one)]
    show(found, [*lines, _clock_line(found["clock"])], as_json=as_json)


def _clock_line(clock: Mapping[str, Any]) -> str:
    if clock["offset_ms"] is None:
        return "clock: no other member's node has told its time"
    ahead = f"{clock['offset_ms'] / 1000:+.1f} s against the middle of {clock['members']} other members"
    alarm = "" if clock["since_ms"] is None else f"  ALARM clock: threshold {clock['threshold_ms'] / 1000:.1f} s"
    return f"clock: {ahead}{alarm}"


def _link_lines(link: Mapping[str, Any]) -> list[str]:
    trip, lag, engine = link["round_trip_ms"], link["lag_blocks"], link["engine"]
    lines = [
        f"{link['node'] or '-'} of member {link['member'] or '-'}  {link['address'] or 'no listener known'}",
        f"  listener: {'-' if trip is None else f'{trip:.1f}'} ms, {link['loss_percent']:.0f} % lost, "
        f"{'-' if lag is None else lag} blocks behind" + (f" [{link['code']}]" if link["code"] else ""),
        "  engine: not connected"
        if engine is None
        else f"  engine: {engine['sent']} bytes out, {engine['received']} in, for {engine['duration_ms'] // 1000} s",
    ]
    return lines + [
        f"  ALARM {one['kind']}: {one['value']:.1f}, threshold {one['threshold']:.1f}" for one in link["alarms"]
    ]

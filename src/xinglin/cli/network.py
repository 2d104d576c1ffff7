"""``xinglin network``: a consortium on one machine for development, each node a home and a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from xinglin.cli.options import JsonOption, check_text
from xinglin.cli.output import console, printable, show
from xinglin.node.network_tool.creating import Tell, create_network
from xinglin.node.network_tool.errors import AddressInvalid
from xinglin.node.network_tool.exporting import export_network
from xinglin.node.network_tool.folder import open_folder
from xinglin.node.network_tool.logs import follow_log, log_of, tail
from xinglin.node.network_tool.looking import NetworkStatus, NodeRow, look_at_network
from xinglin.node.network_tool.plan import DEFAULT_PORT, default_plan, read_plan
from xinglin.node.network_tool.running import bring_up, take_down
from xinglin.node.network_tool.units import unit_text

app = typer.Typer(
    help="A consortium on one machine, for development: create, up, down, status, logs; export it to separate hosts.",
    no_args_is_help=True,
)
FolderOption = Annotated[Path, typer.Option("--folder", help="The network's folder.", file_okay=False)]
OnlyOption = Annotated[list[str] | None, typer.Option("--only", metavar="NODE", help="This node; may be repeated.")]
_FOLDER = Path("xinglin-network")


@contextmanager
def _telling(name: str, *, as_json: bool) -> Iterator[Tell]:
    """Give what tells the steps: on one line with the time that passes on a terminal, else a line each."""
    if not console.is_terminal or as_json:
        yield (lambda step: None) if as_json else (lambda step: console.print(printable(step), markup=False))
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda step: bar.update(task, description=printable(step))


@app.command("create")
def create(
    folder: FolderOption = _FOLDER,
    members: Annotated[
        Path | None, typer.Option("--members", help="TOML file of members; four institutions and a regulator if none.")
    ] = None,
    base_port: Annotated[
        int, typer.Option("--base-port", min=1024, max=65_000, help="First port, where no file of members is given.")
    ] = DEFAULT_PORT,
    as_json: JsonOption = False,
) -> None:
    """Make homes, found their chain and open for business. For development: one passphrase, in a file beside them."""
    plan = read_plan(members) if members is not None else default_plan(base_port)
    begun = time.monotonic()
    with _telling("create", as_json=as_json) as tell:
        network = create_network(plan, folder, tell)
    seconds = round(time.monotonic() - begun, 1)
    data = {
        "folder": str(network.path),
        "chain": network.chain,
        "nodes": [{"name": node.name, "home": str(node.home), "votes": node.votes} for node in network.nodes],
        "passphrase_file": str(network.passphrase),
        "seconds": seconds,
    }
    lines = [
        f"Made a network of {len(network.nodes)} nodes in {network.path}, {seconds} s.",
        f"  chain       {network.chain}",
        *(f"  {node.name:<32}  engines at {node.p2p}, members at {node.listen}" for node in network.nodes),
        f"For development only: the passphrase of all key stores lies in {network.passphrase}.",
        f"Next: xinglin network up --folder {folder}",
    ]
    show(data, lines, as_json=as_json)


@app.command("up")
def up(folder: FolderOption = _FOLDER, only: OnlyOption = None, as_json: JsonOption = False) -> None:
    """Start the nodes that do not run, each a process of its own, and wait until they answer and blocks are made."""
    network, begun = open_folder(folder), time.monotonic()
    with _telling("up", as_json=as_json) as tell:
        done = bring_up(network, only or [], tell)
    seconds = round(time.monotonic() - begun, 1)
    lines = [f"{len(done.started)} nodes started, {len(done.ran)} ran already; {seconds} s."]
    if not done.grows:
        lines.append("No blocks are made until more than two thirds of the voting members' nodes run.")
    data = {"started": list(done.started), "ran": list(done.ran), "grows": done.grows, "seconds": seconds}
    show(data, lines, as_json=as_json)


@app.command("down")
def down(folder: FolderOption = _FOLDER, only: OnlyOption = None, as_json: JsonOption = False) -> None:
    """Stop the nodes and their engines in order; who does not end in time is killed."""
    network, begun = open_folder(folder), time.monotonic()
    stopped = take_down(network, only or [])
    seconds = round(time.monotonic() - begun, 1)
    show({"stopped": stopped, "seconds": seconds}, [f"{len(stopped)} nodes stopped; {seconds} s."], as_json=as_json)


@app.command("status")
def status(folder: FolderOption = _FOLDER, as_json: JsonOption = False) -> None:
    """Show each node: process, engine, height, age of its newest block, peers, whether it is ready; compare states."""
    found = look_at_network(open_folder(folder))
    head = f"{'node':<32}  {'process':>8}  {'engine':>8}  {'height':>8}  {'lag':>8}  {'peers':>5}  ready  app hash"
    show(found.data(), [head, *map(_line, found.rows), _verdict(found)], as_json=as_json)


def _line(row: NodeRow) -> str:
    def said(value: object) -> str:
        return "-" if value is None else str(value)

    lag = "-" if row.lag_ms is None else f"{row.lag_ms / 1000:.1f} s"
    ready = "-" if row.ready is None else "yes" if row.ready else "no"
    again = f"  engine restarted {row.restarts} times" if row.restarts else ""
    return (
        f"{row.name:<32}  {said(row.process):>8}  {said(row.engine):>8}  {said(row.height):>8}  {lag:>8}  "
        f"{said(row.peers):>5}  {ready:<5}  {(row.app_hash or '-')[:16]}" + (f"  [{row.unready}]" * bool(row.unready))
    ) + again


def _verdict(found: NetworkStatus) -> str:
    if found.agree is None:
        return "Fewer than two nodes answer: nothing to compare."
    if found.agree:
        return f"All that answer have one app hash at height {found.compared_height}."
    lines = [f"App hashes DIFFER at height {found.compared_height}:"]
    lines += [f"  {row.name}  {row.common or 'none'}" for row in found.rows if row.height is not None]
    return "\n".join(lines)


@app.command("logs")
def logs(
    node: Annotated[str, typer.Argument(help="Name of the node.")],
    folder: FolderOption = _FOLDER,
    engine: Annotated[bool, typer.Option("--engine", help="The log of its engine, not of its process.")] = False,
    lines: Annotated[int, typer.Option("--lines", min=0, max=1000, help="How many of its last lines.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is written, until Ctrl-C.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the last lines of a node's log; with --json one object, and one for each further line."""
    network = open_folder(folder)
    [chosen] = network.some([node])
    path = log_of(network, chosen, engine=engine)
    found = tail(path, lines)
    if found or as_json:
        show({"node": chosen.name, "log": str(path), "lines": found}, found, as_json=as_json)
    if follow:
        for line in follow_log(path):
            show({"line": line}, [line], as_json=as_json)


@app.command("export")
def export(
    to: Annotated[Path, typer.Option("--to", help="Where the packages are written; nothing is there.")],
    hosts: Annotated[
        list[str],
        typer.Option("--host", metavar="NODE=HOST", help="Under which the others reach a node; once for each."),
    ],
    folder: FolderOption = _FOLDER,
    as_json: JsonOption = False,
) -> None:
    """Write a package for each node, to run it on a host of its own; the network is not started here any more."""
    network, begun = open_folder(folder), time.monotonic()
    with _telling("export", as_json=as_json) as tell:
        packages = export_network(network, to, _hosts(hosts), tell)
    seconds = round(time.monotonic() - begun, 1)
    lines = [
        f"{len(packages)} packages written, {seconds} s; each has a README.md.",
        *(f"  {package}" for package in packages),
        "Each has the keys of one member, and the passphrase that opens them: hand it to that member alone.",
        "The network does not start here any more: its validators would sign twice.",
    ]
    show({"packages": [str(package) for package in packages], "seconds": seconds}, lines, as_json=as_json)


@app.command("unit")
def unit(
    name: Annotated[str, typer.Argument(help="Name of the node, for people.")], as_json: JsonOption = False
) -> None:
    """Print the systemd unit that packages have, for a member that joins later on a host of its own."""
    check_text("NAME", name)
    text = unit_text(name)
    show({"unit": text}, text.splitlines(), as_json=as_json)


def _hosts(given: list[str]) -> dict[str, str]:
    """Return the hosts by node.

    Raises:
        AddressInvalid: one is not in form, or a node has two.
    """
    hosts: dict[str, str] = {}
    for one in given:
        name, is_there, host = one.partition("=")
        if not is_there or name in hosts:
            raise AddressInvalid(value=one[:120], reason="it is not NODE=HOST" if not is_there else "it is given twice")
        hosts[name] = host
    return hosts

"""``xinglin serve``: the process of a node: its chains, its keepers, and the listeners of others and of commands."""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from typing import Annotated

import typer

from xinglin.cli.options import JsonOption, PassphraseOption
from xinglin.cli.output import show
from xinglin.cli.passphrase import read_passphrase
from xinglin.node.running import Running, open_running
from xinglin.server.process import Listening
from xinglin.server.process import serve as answer


def serve(
    home: Annotated[Path, typer.Argument(envvar="XINGLIN_HOME", help="The node's home.", file_okay=False)],
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the node of a home until SIGTERM or Ctrl-C: make blocks, keep its chains, answer members and commands."""
    passphrase = read_passphrase(passphrase_file)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until the node answers, as Ctrl-C: closed in order
    with open_running(home, passphrase) as running:

        def tell(listening: Listening) -> None:
            show(*_serving(running, listening), as_json=as_json)

        fault = answer(running, tell)
        show({"event": "stopping"}, ["Stopping."], as_json=as_json)
    if fault is not None:
        raise fault
    show({"event": "stopped"}, ["Stopped."], as_json=as_json)


def _serving(running: Running, listening: Listening) -> tuple[dict[str, object], list[str]]:
    status = running.status()
    data = {
        "event": "serving",
        "home": status["home"],
        "member": status["member"],
        "node": status["node"],
        "process": status["process"],
        "chain": running.consortium.rules.chain,
        "local": listening.local,
        "members": listening.members,
        "metrics": listening.metrics,
    }
    lines = [
        f"Serving {data['home']}, process {data['process']}.",
        f"  chain    {data['chain']} at height {running.consortium.tip.height}",
        f"  local    {listening.local}",
        f"  members  {listening.members or '-'}",
        f"  metrics  {listening.metrics or '-'}",
    ]
    return data, lines

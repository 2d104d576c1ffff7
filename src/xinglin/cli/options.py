"""Options that several commands share, and opening a home for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from xinglin.cli.passphrase import read_passphrase
from xinglin.node.node import Node, open_node

HomeOption = Annotated[Path, typer.Option("--home", envvar="XINGLIN_HOME", help="The node's home.", file_okay=False)]
PassphraseOption = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="File that holds the passphrase of the key store; else it is asked for."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@contextmanager
def opened(home: Path, passphrase_file: Path | None, *, running: bool = False) -> Iterator[Node]:
    """Open a home for a command and close it after.

    Args:
        home: its folder.
        passphrase_file: as given on the command line.
        running: start the chains that this home keeps alone.
    """
    node = open_node(home, read_passphrase(passphrase_file))
    try:
        if running:
            node.start_own_chains()
        yield node
    finally:
        node.close()

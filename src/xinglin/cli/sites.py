"""Opening homes that keep a chain together, for the commands that need more than one home's own chains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from xinglin.cli.options import opened
from xinglin.cli.passphrase import read_passphrase
from xinglin.node.node import Node
from xinglin.node.site import Site, open_site

WithOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--with",
        help="Another home of the consortium on this machine, with the same passphrase; for a chain that several keep.",
        file_okay=False,
    ),
]


@contextmanager
def opened_site(home: Path, others: list[Path] | None, passphrase_file: Path | None) -> Iterator[Site]:
    """Open a home, and others that keep the consortium chain with it, for a command; their chains run.

    Args:
        home: the home that acts.
        others: as given by ``--with``.
        passphrase_file: as given on the command line, for all of them.
    """
    with open_site([home, *(others or [])], read_passphrase(passphrase_file)) as site:
        yield site


@contextmanager
def opened_running(home: Path, others: list[Path] | None, passphrase_file: Path | None) -> Iterator[Node]:
    """Open a home whose chains run, for a command that needs no more of the others than that they make blocks.

    Args:
        home: the home that acts.
        others: as given by ``--with``; none for a home that keeps its chains alone.
        passphrase_file: as given on the command line.
    """
    if others:
        with opened_site(home, others, passphrase_file) as site:
            yield site.node
    else:
        with opened(home, passphrase_file, running=True) as node:
            yield node

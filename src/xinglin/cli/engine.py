"""``xinglin engine``: CometBFT, which makes the blocks of a consortium: install it, see which is used (S6.2b)."""

from __future__ import annotations

import os

import typer

from xinglin.carrier.consensus.comet.binary import VARIABLE, VERSION, find_engine
from xinglin.carrier.consensus.comet.install import install_engine
from xinglin.cli.options import JsonOption
from xinglin.cli.output import console, printable, show

app = typer.Typer(help="The consensus engine of a consortium: install, status.", no_args_is_help=True)


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

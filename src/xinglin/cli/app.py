"""The command ``xinglin``: joins the nouns, and is the one border at which refusals become sentences (design D12)."""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from xinglin import __version__
from xinglin.cli import account, bench_command, demo_command, init, ledger, member, proof, record
from xinglin.cli.output import FAULT_STATUS, console, show_refusal
from xinglin.kernel.errors import PlatformError

app = typer.Typer(
    name="xinglin",
    help="A permissioned ledger and institution node for medical service data (杏林).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(init.init)
app.command("demo")(demo_command.demo)
app.add_typer(member.app, name="member")
app.add_typer(account.app, name="account")
app.add_typer(record.app, name="record")
app.add_typer(proof.app, name="proof")
app.add_typer(ledger.app, name="ledger")
app.add_typer(bench_command.app, name="bench")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"xinglin {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run a node of Xinglin, or look at one."""


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its status: 0 done, 2 usage, one status for each error class."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        app(args=given)
    except PlatformError as refusal:
        show_refusal(refusal, as_json="--json" in given)
        sys.exit(refusal.exit_status)
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
    except Exception:  # noqa: BLE001  (the outermost border: a fault of ours is told, never shown as a traceback)
        sys.exit(_fault())


def _fault() -> int:
    """Keep a fault's traceback in a file and tell its name."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = Path(f"xinglin-fault-{stamp}.txt")
    try:
        path.write_text(traceback.format_exc(), encoding="utf-8")
    except OSError:
        console.print("Xinglin met a fault of its own and could not write the report.", style="red")
        return FAULT_STATUS
    console.print(
        f"Xinglin met a fault of its own. The report is in {path}; it may hold data, read it first.", style="red"
    )
    return FAULT_STATUS

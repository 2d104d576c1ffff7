"""The command ``xinglin``: joins the nouns, and is the one border at which refusals become sentences (design D12)."""

from __future__ import annotations

import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from xinglin import __version__
from xinglin.cli.nouns import Nouns, import_nouns
from xinglin.cli.output import show_refusal
from xinglin.kernel.errors import Invalid, PlatformError, Unavailable, more_errors_in

app = typer.Typer(
    name="xinglin",
    help="A permissioned ledger and institution node for medical service data (杏林).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    cls=Nouns,
)
more_errors_in(import_nouns)


class UsageInvalid(Invalid):
    """The command line names no command, or an option or argument of it is not right."""

    code, number, clause = "usage.invalid", 6103, "S6.3b"
    exit_status = 2
    en = "The command line is not right: {reason}."
    zh = "命令行有误：{reason}。"
    hint_en = "See what the command takes with --help."
    hint_zh = "用 --help 查看命令用法。"


class SystemRefused(Unavailable):
    """The operating system refuses a file or folder: no permission, no space, a fault of the disk."""

    code, number, clause = "system.refused", 6104, "S6.3b"
    en = "The system refuses {file}: {reason}."
    zh = "系统拒绝访问 {file}：{reason}。"
    hint_en = "Check permissions, free space and the disk; nothing that was confirmed is lost."
    hint_zh = "请检查权限、剩余空间与磁盘；已确认的内容不会丢失。"


class OwnFault(Unavailable):
    """The program met a fault of its own; what it knows of it is in a file."""

    code, number, clause = "fault.own", 6105, "S6.3b"
    exit_status = 70
    en = "Xinglin met a fault of its own; the report is in {report}."
    zh = "杏林自身出现故障；报告见 {report}。"
    hint_en = "The report may hold data: read it before you pass it on."
    hint_zh = "报告可能包含数据，转发前请先查看。"


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
        status = app(args=given, standalone_mode=False)
    except TyperException as usage:
        if usage.format_message():  # else the help was asked for, and printed
            show_refusal(UsageInvalid(reason=usage.format_message().rstrip(".")), as_json="--json" in given)
        status = usage.exit_code
    except PlatformError as refusal:
        show_refusal(refusal, as_json="--json" in given)
        status = refusal.exit_status
    except (KeyboardInterrupt, BrokenPipeError):
        status = 130
    except OSError as error:
        status = _refused_by_system(error, as_json="--json" in given)
    except Exception:  # noqa: BLE001  (the outermost border: a fault of ours is told, never shown as a traceback)
        status = _fault(as_json="--json" in given)
    sys.exit(status or 0)


def _refused_by_system(error: OSError, *, as_json: bool) -> int:
    refusal = SystemRefused(file=str(error.filename or "-"), reason=error.strerror or type(error).__name__)
    show_refusal(refusal, as_json=as_json)
    return refusal.exit_status


def _fault(*, as_json: bool) -> int:
    """Keep a fault's traceback in a file and tell its name."""
    path = Path(f"xinglin-fault-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.txt")
    try:
        with open(path, "w", encoding="utf-8", errors="backslashreplace", opener=_owner_only) as report:
            report.write(traceback.format_exc())
    except OSError:
        path = Path("-")
    show_refusal(OwnFault(report=str(path)), as_json=as_json)
    return OwnFault.exit_status


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

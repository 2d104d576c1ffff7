"""The command line (docs/guide/cli.md), from the commands themselves: the same words as `--help`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from tools.pages.markdown import plain
from xinglin.kernel.errors import PlatformError

KINDS = {int: "number", float: "number", Path: "path"}
EVERYWHERE = {"help", "install_completion", "show_completion"}
HEAD = """# Command line

Every command takes `--help`, and `--json` for one object on standard output instead of text. Progress goes to
standard error, on a terminal only. Exit status: 0 done, 2 wrong usage, {statuses}; the codes are in
[Errors](../spec/errors.md). This page is generated from the commands.
"""


def page(root: Path) -> str | None:
    """Return the page, or None while the package has no commands.

    Args:
        root: the folder of the repository; the commands are those of the installed package.
    Raises: ValueError: a command or an option has no description.
    """
    if importlib.util.find_spec("xinglin.cli.app") is None:
        return None
    typer_main = importlib.import_module("typer.main")
    program = typer_main.get_command(importlib.import_module("xinglin.cli.app").app)
    statuses = ", ".join(f"{kind.exit_status} {kind.__name__}" for kind in PlatformError.__subclasses__())
    text = HEAD.format(statuses=statuses)
    for path, command in walk(program, ("xinglin",)):
        if not command.hidden:
            text += section(path, command)
    return text


def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield a command and all below it, groups before what they hold, with the words that call it."""
    yield path, command
    for name in sorted(getattr(command, "commands", {})):
        yield from walk(command.commands[name], (*path, name))


def section(path: tuple[str, ...], command: Any) -> str:
    """Return the part of the page on one command."""
    name = " ".join(path)
    if not command.help:
        raise ValueError(f"`{name}` has no description")
    text = f"\n{'#' * min(len(path) + 1, 4)} {name}\n\n{inspect.cleandoc(command.help)}\n"
    parameters = [item for item in command.params if item.name not in EVERYWHERE]
    if parameters:
        text += "\n| Argument or option | Kind | Default | Meaning |\n|---|---|---|---|\n"
        text += "".join(row(name, parameter) for parameter in parameters)
    return text


def row(name: str, parameter: Any) -> str:
    """Return the line of one argument or option."""
    meaning = getattr(parameter, "help", None)
    if not meaning:
        raise ValueError(f"`{name}`: {parameter.name} has no description")
    words = ", ".join((*parameter.opts, *parameter.secondary_opts))
    if parameter.param_type_name == "argument":
        words = parameter.name.upper()
    default = "required" if parameter.required else shown(parameter.default)
    return f"| `{words}` | {kind(parameter)} | {default} | {plain(meaning)} |\n"


def kind(parameter: Any) -> str:
    """Return what a parameter takes: its choices if it has some, else a word; and whether it repeats."""
    annotation = parameter.type_descriptor.annotation
    if getattr(parameter, "is_flag", False):
        return "flag"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        word = ", ".join(f"`{choice.value}`" for choice in annotation)
    else:
        word = KINDS.get(annotation, "text")
    return f"{word}, may repeat" if parameter.multiple or parameter.nargs != 1 else word


def shown(default: Any) -> str:
    """Return a default as people read it: nothing for none, or where it is worked out when needed."""
    if default is None or default is False or callable(default) or default in ("", (), []):
        return ""
    if default is True:
        return "on"
    return f"`{default}`"

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
from xinglin.kernel.errors import PlatformError, all_errors

Words = tuple[str, ...]
"""What calls a command, the program's name first."""
KINDS = {int: "number", float: "number", Path: "path"}
EVERYWHERE = {"help", "install_completion", "show_completion"}
HEAD = """# Command line

Every command takes `--help`, and `--json` for one object on standard output instead of text. Progress goes to
standard error, on a terminal only. This page is generated from the commands.

| Exit status | Meaning |
|---|---|
{statuses}
A command with statuses of its own says so below. Each refusal has a code; [Errors](../spec/errors.md) lists them.

| In the environment | Meaning |
|---|---|
{variables}"""
FIRST_STATUSES = {0: "done", 2: "wrong usage"}
LAST_STATUSES = {130: "interrupted, or nobody reads the output any more"}
VARIABLES = {
    "XINGLIN_HOME": "The node's home, where a command takes `--home` and is not given it.",
    "XINGLIN_PASSPHRASE_FILE": "File that holds the passphrase of the key store; `--passphrase-file` goes before it.",
    "XINGLIN_ENGINE": "A CometBFT binary to use instead of the one that `xinglin engine install` makes.",
    "LC_ALL, LC_MESSAGES, LANG": "Language of refusals, the first that is set: Chinese for `zh`, else English.",
}
FROM_FILE = {"passphrase_file": "XINGLIN_PASSPHRASE_FILE"}
"""Options for which a variable stands in by the command's own code, not by the parser's."""


def page(root: Path) -> str | None:
    """Return the page, or None while the package has no commands.

    Args:
        root: the folder of the repository; the commands are those of the installed package.
    Raises: ValueError: a command, an option or a variable has no description.
    """
    if importlib.util.find_spec("xinglin.cli.app") is None:
        return None
    typer_main = importlib.import_module("typer.main")
    program = typer_main.get_command(importlib.import_module("xinglin.cli.app").app)
    variables = "".join(f"| {listed(names)} | {meaning} |\n" for names, meaning in VARIABLES.items())
    text = HEAD.format(statuses=status_rows(statuses()), variables=variables)
    for path, command in walk(program, ("xinglin",)):
        if not command.hidden:
            text += section(path, command)
    return text


def statuses() -> dict[int, str]:
    """Return what each exit status means, in order: done, usage, each kind of refusal, our own faults, interrupted."""
    kinds = {kind.exit_status: f"{kind.__name__}: {summary(kind)}" for kind in PlatformError.__subclasses__()}
    own = {case.exit_status: summary(case) for case in all_errors()}
    return dict(sorted((own | kinds | FIRST_STATUSES | LAST_STATUSES).items()))


def summary(kind: type[PlatformError]) -> str:
    """Return the first paragraph of what a class says of itself."""
    return plain((inspect.getdoc(kind) or "").split("\n\n")[0])


def own_statuses(path: Words) -> dict[int, str]:
    """Return the exit statuses that only one command has."""
    if path != ("xinglin", "proof", "verify"):
        return {}
    verdicts = importlib.import_module("xinglin.service.basic.coordination.bundles.check").Verdict
    return {verdict.value: verdict.name.lower().replace("_", " ") for verdict in verdicts}


def status_rows(meanings: dict[int, str]) -> str:
    """Return the lines of a table of exit statuses."""
    return "".join(f"| {status} | {meaning} |\n" for status, meaning in meanings.items())


def listed(names: str) -> str:
    """Return names that are separated by commas as code."""
    return ", ".join(f"`{name}`" for name in names.split(", "))


def walk(command: Any, path: Words) -> Iterator[tuple[Words, Any]]:
    """Yield a command and all below it, groups before what they hold, with the words that call it."""
    yield path, command
    for name in sorted(command.list_commands(None) if hasattr(command, "list_commands") else ()):
        yield from walk(command.get_command(None, name), (*path, name))


def section(path: Words, command: Any) -> str:
    """Return the part of the page on one command."""
    name = " ".join(path)
    if not command.help:
        raise ValueError(f"`{name}` has no description")
    text = f"\n{'#' * min(len(path) + 1, 4)} {name}\n\n{inspect.cleandoc(command.help)}\n"
    parameters = [item for item in command.params if item.name not in EVERYWHERE]
    if parameters:
        text += "\n| Argument or option | Kind | Default | Meaning |\n|---|---|---|---|\n"
        text += "".join(row(name, parameter) for parameter in parameters)
    if own := own_statuses(path):
        text += f"\n| Exit status | What the check comes to |\n|---|---|\n{status_rows(own)}"
        text += "\nA bundle or trust file that can't be read is undecided, as by `xinglin-verify`.\n"
    return text


def row(name: str, parameter: Any) -> str:
    """Return the line of one argument or option."""
    meaning = getattr(parameter, "help", None)
    if not meaning:
        raise ValueError(f"`{name}`: {parameter.name} has no description")
    words = ", ".join((*parameter.opts, *parameter.secondary_opts))
    if parameter.param_type_name == "argument":
        words = parameter.metavar or parameter.name.upper()
    default = "required" if parameter.required else shown(parameter.default)
    variable = parameter.envvar or FROM_FILE.get(parameter.name)
    if variable is not None:
        if variable not in VARIABLES:
            raise ValueError(f"`{name}`: {variable} has no description")
        default = f"`{variable}`, {'else ' * bool(default)}{default}".rstrip(", ")
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

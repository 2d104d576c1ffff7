"""The nouns of the command line and where each is defined; a noun's module is imported when the noun is called for.

A command needs one noun of twenty. Importing all of them, with benchmarks and demonstration, took most of its time.
"""

from __future__ import annotations

import gc
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_group

NOUNS: Final = MappingProxyType(
    {
        "init": "init:init",
        "serve": "serve:serve",
        "demo": "demo_command:demo",
        "member": "member_peer:app",  # the last file of several that add commands to one noun; so with record, engine
        "account": "account:app",
        "agreement": "agreement:app",
        "audience": "audience:app",
        "record": "record_versions:app",
        "notice": "notice:app",
        "patient": "patient:app",
        "destruction": "destruction:app",
        "hold": "hold:app",
        "episode": "episode:app",
        "access": "access:app",
        "consent": "consent:app",
        "proof": "proof:app",
        "ledger": "ledger:app",
        "engine": "engine_evidence:app",
        "network": "network:app",
        "bench": "bench_command:app",
    }
)
"""In the order in which the help lists them: module of this package, and its function or its group of commands."""


class Nouns(TyperGroup):
    """The commands below ``xinglin``."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the nouns' names."""
        return list(NOUNS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command or group of a noun, or None if there is no such noun."""
        if cmd_name in NOUNS and cmd_name not in self.commands:
            self.add_command(_defined(cmd_name), cmd_name)
        return super().get_command(ctx, cmd_name)


def import_nouns() -> None:
    """Import the modules of all nouns."""
    for place in NOUNS.values():
        _imported(place)


def _defined(noun: str) -> Any:
    defined = getattr(_imported(NOUNS[noun]), NOUNS[noun].partition(":")[2])
    only = typer.Typer()
    if isinstance(defined, typer.Typer):
        only.add_typer(defined, name=noun)
    else:
        only.command(noun)(defined)
    return get_group(only).commands[noun]


def _imported(place: str) -> ModuleType:
    """Import a noun's module. All that it makes stays: looking for garbage among it would take a fifth longer."""
    gc.disable()
    try:
        return import_module(f"xinglin.cli.{place.partition(':')[0]}")
    finally:
        gc.enable()

"""A command loads what its noun needs, and no other noun: people wait for each command to start."""

from __future__ import annotations

import subprocess
import sys

import pytest

from xinglin.cli.nouns import NOUNS

SHOW = """
import sys
from xinglin.cli.app import run
try:
    run(sys.argv[1:])
finally:
    print("loaded:", *sys.modules)
"""
SLOW = {"pypinyin", "reportlab"}
"""Libraries that load slowly, and that few commands need."""


def loaded(*arguments: str) -> tuple[str, set[str]]:
    """Return what a command printed, and the modules that its process had loaded at the end."""
    done = subprocess.run([sys.executable, "-c", SHOW, *arguments], capture_output=True, text=True, check=True)
    said, _, modules = done.stdout.rpartition("loaded: ")
    return said, set(modules.split())


def of_nouns(modules: set[str]) -> set[str]:
    """Return the nouns of which the module was loaded."""
    return {noun for noun, place in NOUNS.items() if f"xinglin.cli.{place.partition(':')[0]}" in modules}


@pytest.mark.parametrize(
    "arguments", [["--version"], ["ledger", "--help"], ["record", "show", "--help"], ["init", "-h"]]
)
def test_no_other_noun_is_loaded(arguments: list[str]) -> None:
    said, modules = loaded(*arguments)
    assert said
    assert of_nouns(modules) == {arguments[0]} - {"--version"}
    assert not modules & SLOW


def test_the_help_lists_every_noun() -> None:
    said, modules = loaded("--help")
    assert of_nouns(modules) == set(NOUNS)
    for noun in NOUNS:
        assert f" {noun} " in said

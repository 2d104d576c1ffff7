"""Make and remove the project's environment with Python alone: no other program, nothing outside the folder.

`make install` calls it. Everything that comes from a package index is in a lock file and is refused when its
hash differs: the tools, and also what builds the wheels, which is fetched first and then used from a folder.
Standard library only, and no newer syntax than an old Python can read, so that it can say which version it
needs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
OLDEST = (3, 11)
MADE = (
    ".venv", "build", "dist", "docs/_build", "src/xinglin/carrier/crypto/_lib",
    ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache",
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """Run one of `install`, `clean`, `help`; the exit status is that of the step that failed, or 0."""
    if sys.version_info < OLDEST:
        print(f"Python {'.'.join(map(str, OLDEST))} or later is needed, this is {sys.version.split()[0]}.")
        print("Name another one: make PYTHON=/path/to/python3 ...")
        return 2
    commands = {"install": install, "clean": clean, "help": show_commands}
    return commands[arguments[0] if arguments else "help"]()


def install() -> int:
    """Bring .venv to the state that the lock files and the sources describe."""
    say("making .venv (the first time takes a few minutes; the next runs use it as it is)")
    status = make_environment() or install_tools() or install_project()
    if status == 0:
        (ENVIRONMENT / "installed").touch()
    return status


def make_environment() -> int:
    """Create .venv, again from nothing when it was made by another Python version or is broken."""
    settings = ENVIRONMENT / "pyvenv.cfg"
    version = ".".join(map(str, sys.version_info[:3]))
    if settings.is_file() and f"version = {version}\n" in settings.read_text(encoding="utf-8"):
        return 0
    try:
        venv.create(ENVIRONMENT, clear=True, symlinks=os.name != "nt", with_pip=True)
    except subprocess.CalledProcessError:
        say("this Python has no ensurepip; on Debian and Ubuntu: apt-get install python3-venv")
        return 1
    return 0


def install_tools() -> int:
    """Install the locked packages, each checked against its hash."""
    say("installing the locked packages")
    return pip("install", "--require-hashes", "--only-binary=:all:", "--requirement=requirements/dev.txt")


def install_project() -> int:
    """Build the native library and install the project and the verifier from the folder, editable."""
    builders = ENVIRONMENT / "builders"
    locks = ["requirements/build.txt"]
    if missing_compilers():
        say("no Go or no C compiler here: fetching both, about 180 MB")
        locks.append("requirements/compilers.txt")
    for lock in locks:
        status = pip(
            "download", "--require-hashes", "--only-binary=:all:", f"--dest={builders}", f"--requirement={lock}"
        )
        if status:
            return status
    say("building the native library, installing the project and the verifier")
    return pip("install", "--no-deps", "--no-index", f"--find-links={builders}", "-e.", "-everifier")


def missing_compilers() -> str:
    """Return the packages that the build of the native library will ask for on this machine, empty for none."""
    command = [sys.executable, str(ROOT / "native" / "build.py"), "requirements"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def pip(*arguments: str) -> int:
    """Run pip of .venv; its own output is shown only when something is wrong."""
    command = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", *arguments, "--quiet"]
    settings = {**os.environ, "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return subprocess.run(command, cwd=ROOT, env=settings, check=False).returncode


def clean() -> int:
    """Remove what was made from the sources, and nothing else."""
    for name in MADE:
        shutil.rmtree(ROOT / name, ignore_errors=True)
    for folder in ("src", "tests", "tools", "verifier", "native", "bench", "docs"):
        for cache in sorted((ROOT / folder).rglob("__pycache__")):
            shutil.rmtree(cache, ignore_errors=True)
    return 0


def show_commands() -> int:
    """Print the commands of the Makefile with their descriptions."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name, text in re.findall(r"^([a-z]+):[^#\n]*## (.*)$", makefile, re.MULTILINE):
        print(f"make {name:10}{text}")
    return 0


def say(text: str) -> None:
    """Print one line of progress at once."""
    print(f"xinglin: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Resolve the dependencies and write requirements/*.txt: names, versions, hashes, for every platform at once.

Run by `make lock`. Versions that are locked already stay as they are unless `--upgrade` is given. The lock
files never name an index: where packages come from is the business of the machine that installs them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESOLVER = "uv==0.13.9"
OPTIONS = (
    "--quiet", "--universal", "--python-version=3.11",
    "--generate-hashes", "--no-emit-index-url", "--no-header",
)  # fmt: skip
LOCKS = {
    "run.txt": ("pyproject.toml",),
    "dev.txt": ("pyproject.toml", "--extra=demo", "--extra=dev", "--constraints=requirements/run.txt"),
    "build.txt": ("requirements/build.in",),
    "compilers.txt": ("requirements/compilers.in",),
}


def main(arguments: list[str]) -> int:
    """Write each lock file with a resolver installed for this run alone.

    Args:
        arguments: passed on to the resolver, for example `--upgrade`.
    Returns: exit status, that of the first resolution that failed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        venv.create(scratch, with_pip=True)
        subprocess.run([f"{scratch}/bin/python", "-m", "pip", "install", "--quiet", RESOLVER], check=True)
        for name, sources in LOCKS.items():
            command = [f"{scratch}/bin/uv", "pip", "compile", *OPTIONS, *arguments, *sources]
            done = subprocess.run([*command, f"--output-file=requirements/{name}"], cwd=ROOT, check=False)
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Runs a module of ours in a child process: a damaged LMDB store can end the process that reads it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def run_module(module: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``python -m module`` with the modules of this process, and nothing of the folder that happens to be present.

    Args:
        module: its dotted name; a constant of the caller's.
        arguments: what it is told.
    """
    modules = [path for path in sys.path if path not in ("", ".", str(Path.cwd()))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(modules)}
    command = [sys.executable, "-P", "-m", module, *arguments]
    return subprocess.run(command, capture_output=True, check=False, env=environment)  # noqa: S603

"""Which binary is the engine, where it lies, and that it is the version that this program is made for.

One version only (ADR 0026): a consortium whose nodes differ in it could come apart. Building it is left to ``install``.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from xinglin.carrier.consensus.comet.errors import EngineMissing, EngineVersionWrong

VERSION = "0.38.25"
"""The version of CometBFT, in all nodes of a consortium."""
VARIABLE = "XINGLIN_ENGINE"
"""Environment variable that names a binary to use instead of the installed one."""
_PATIENCE = 20.0  # seconds for a binary to print its version
_MAX_SHOWN = 80


def engine_place() -> Path:
    """Return where ``xinglin engine install`` puts the binary: in the user's data folder, by the XDG rules."""
    data = os.environ.get("XDG_DATA_HOME", "")
    # The rules of XDG: a relative path is to be ignored.
    base = Path(data) if data.startswith("/") else Path.home() / ".local" / "share"
    return base / "xinglin" / "engine" / f"cometbft-{VERSION}"


def find_engine() -> Path:
    """Return the binary to run: the one that ``XINGLIN_ENGINE`` names, else the installed one, its version checked.

    Raises:
        EngineMissing: there is none.
        EngineVersionWrong: it is another version, or no engine at all.
    """
    named = os.environ.get(VARIABLE)
    path = Path(named) if named else engine_place()
    if not path.is_file() or not os.access(path, os.X_OK):
        raise EngineMissing(path=str(path), version=VERSION)
    check_version(path)
    return path.resolve()


def check_version(path: Path) -> None:
    """Refuse a binary that does not say that it is the version needed.

    Raises:
        EngineVersionWrong: it says something else, or can't be run.
    """
    found = printed_version(path)
    # A build from a checkout adds the commit after a plus sign.
    if found.split("+")[0] != VERSION:
        raise EngineVersionWrong(path=str(path), needed=VERSION, found=found)


def printed_version(path: Path) -> str:
    """Return what a binary prints when asked for its version, or why it prints nothing; one line, short."""
    try:
        said = subprocess.run(  # noqa: S603  (the binary that is to be run)
            [str(path), "version"],
            env={"PATH": os.defpath, "HOME": "/nonexistent"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return type(error).__name__
    if said.returncode:
        return f"status {said.returncode}"
    lines = said.stdout[:4096].decode(errors="replace").strip().splitlines()
    return lines[-1].strip()[:_MAX_SHOWN] if lines else "nothing"

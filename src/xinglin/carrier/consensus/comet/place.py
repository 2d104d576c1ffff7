"""Where the ABCI socket lies: in the home, or, where its path is too long, in a folder of the user's own."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from xinglin.carrier.consensus.errors import AbciSocketUnsafe

MAX_SOCKET_PATH = 100
"""Bytes; Linux takes 107 and macOS 103."""
SOCKET_NAME = "abci.sock"


def socket_path(folder: Path) -> Path:
    """Return where the ABCI socket of an engine's folder lies, always the same for the same folder.

    Args:
        folder: of one chain's engine in a home.

    Raises:
        AbciSocketUnsafe: the path is too long, and the folder for short ones is not the user's alone.
    """
    absolute = folder.absolute()
    path = absolute / SOCKET_NAME
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(absolute)).hexdigest()[:16]
    short = _own_folder() / f"{name}.sock"
    if len(os.fsencode(short)) > MAX_SOCKET_PATH:
        raise AbciSocketUnsafe(path=str(short), reason="it is too long")
    return short


def _own_folder() -> Path:
    """Return the folder for short paths, made when it is not there: a real folder, the user's, mode 0700."""
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    folder = base / f"xinglin-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise AbciSocketUnsafe(path=str(folder), reason=error.strerror or type(error).__name__) from None
    # Whoever else may write there could put a socket of their own in the place of the node's.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise AbciSocketUnsafe(path=str(folder), reason="it is not a folder of this user's alone")
    return folder

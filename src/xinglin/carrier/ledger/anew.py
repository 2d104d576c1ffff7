"""Beginning a chain of a home anew at height 0, with what was there before set aside (S6.2c2, S9.1).

For a chain whose blocks others have: its engine brings it up to date again. What this node has signed and kept as
evidence stays where it is (``notes/``, ``evidence/``), so that it never cosigns a second head of one height.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from xinglin.carrier.crypto.files import sync_folder
from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.store import DEFAULT_MAP_BYTES, lock_folder

MOVED = ("head", "data", "restoring")
"""What of a chain's folder is set aside: all that its blocks made."""
_MAKING = "beginning"


def begin_anew(
    home: Path,
    rules: ChainRules,
    aside: Path,
    map_bytes: int = DEFAULT_MAP_BYTES,
    fill: Callable[[Path], None] | None = None,
) -> list[Path]:
    """Set a chain's store aside and put one of height 0, or of a snapshot, in its place.

    The new one is made first and whole; a crash leaves the old store, none, or the new one, and calling this again goes
    on from there. The old one is not read: it may be damaged in any way, or gone.

    Args:
        home: the home.
        rules: the chain's rules, from its genesis.
        aside: a folder on the same file system for what was there; it is made.
        map_bytes: size of the sparse map.
        fill: makes the chain's store in the home that it is given; one of height 0 is made without it. What it raises
            leaves everything as it was.

    Returns: what was moved, by its new paths.

    Raises:
        StoreLocked: the chain is open.
    """
    folder = home / "chain" / rules.chain
    lock = lock_folder(folder, rules.chain)
    making = folder / _MAKING
    try:
        shutil.rmtree(making, ignore_errors=True)
        if fill is None:
            Ledger.create(making, rules, map_bytes).close()
        else:
            fill(making)
        new = making / "chain" / rules.chain
        for made in (new, new / "data"):
            sync_folder(made)
        moved = move_aside([folder / name for name in MOVED], aside)
        # The data last: a store without its head file would pass for one of height 0 with any head.
        for name in ("genesis", "head", "data"):
            (new / name).rename(folder / name)
        sync_folder(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
        os.close(lock)
    return moved


def move_aside(paths: list[Path], aside: Path) -> list[Path]:
    """Move what is there of some files and folders into a folder, durably; return their new paths.

    What an earlier attempt moved there stays.
    """
    aside.mkdir(mode=0o700, parents=True, exist_ok=True)
    sync_folder(aside.parent)
    moved = []
    for path in paths:
        if not path.exists() and not path.is_symlink():
            continue
        target, number = aside / path.name, 1
        while target.exists():
            target, number = aside / f"{path.name}.{number}", number + 1
        path.rename(target)
        moved.append(target)
    for folder in {aside, *(path.parent for path in paths)}:
        if folder.is_dir():
            sync_folder(folder)
    return moved

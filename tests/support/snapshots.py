"""A snapshot as files in a folder, as tests look at it and change it; nodes write theirs into a package."""

from __future__ import annotations

from pathlib import Path

from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.snapshot import Manifest, snapshot_parts
from xinglin.kernel.encoding import pack


def take_snapshot(ledger: Ledger, folder: Path, height: int | None = None) -> Manifest:
    """Write ``manifest`` and one file a chunk into a folder, of the tip when no height is named."""
    with snapshot_parts(ledger, height) as parts:
        folder.mkdir(parents=True, exist_ok=True)
        for number, chunk in enumerate(parts.chunks()):
            (folder / str(number)).write_bytes(chunk)
    (folder / "manifest").write_bytes(pack(parts.manifest))
    return parts.manifest

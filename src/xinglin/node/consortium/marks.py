"""The heights of the recovery packages that a home has made: its engine offers marks of them (docs/spec/snapshot.md).

A busy chain is cosigned every few seconds. Without its own place among the marks, a package would be too old before it
has been carried to the node that is to begin by it.
"""

from __future__ import annotations

from pathlib import Path

KEPT = 4
"""Marks of so many packages; with those of checkpoints they are fewer than the 10 that an engine sends."""


class PackagedHeights:
    """The heights of the newest packages, each an empty file in a folder of its chain's.

    Args:
        chain: ``chain/<id>`` of the home.
    """

    def __init__(self, chain: Path) -> None:
        self._folder = chain / "packaged"

    def heights(self) -> list[int]:
        """Return them, ascending."""
        try:
            return sorted(
                int(one.name) for one in self._folder.iterdir() if one.name.isascii() and one.name.isdecimal()
            )
        except FileNotFoundError:
            return []

    def add(self, height: int) -> None:
        """Add one; the oldest make room."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        (self._folder / str(height)).touch(mode=0o600)
        for old in self.heights()[:-KEPT]:
            (self._folder / str(old)).unlink(missing_ok=True)

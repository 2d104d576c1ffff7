"""Whether the disk has room for what is to be written, asked before anything is (docs/spec/snapshot.md; S9.1)."""

from __future__ import annotations

import shutil
from pathlib import Path

from xinglin.kernel.errors import Unavailable

RESERVE_BYTES = 512 << 20
"""So much of the disk stays free of packages for others: the node's own blocks need it more."""
RESTORED = 2
"""A store that is restored takes so many times the bytes of its package at most: pages are not full (measured: 1.6)."""


class DiskRoomMissing(Unavailable):
    """The disk has no room for what is to be written; nothing was."""

    code, number, clause = "disk.room", 6382, "S9.1"
    en = "{needed} bytes must be free on the disk for this, and {free} are."
    zh = "磁盘须有 {needed} 字节空闲，现有 {free} 字节。"
    hint_en = "Make room on the disk of the home, or ask another member's node; nothing was written."
    hint_zh = "请在节点目录所在磁盘腾出空间，或询问其他成员的节点；尚未写入任何内容。"


def require_room(folder: Path, needed: int) -> None:
    """Refuse to begin what takes so many bytes in a folder that is there.

    Raises:
        DiskRoomMissing: fewer are free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskRoomMissing(needed=needed, free=free)

"""An engine without blocks begins at the height that its application has: CometBFT's state sync, by marks (D7).

The application was restored from a snapshot before. What the engine then asks its peers for is a mark: a snapshot of
one byte that any node offers for a height, and that is taken only if the engine's light client vouches for the app hash
that the application has. Which header the light client begins with, and its blocks, are in a file of the engine's home.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xinglin.carrier.consensus.comet.files import EngineHome
from xinglin.carrier.consensus.comet.handler import ChunkAnswer
from xinglin.carrier.consensus.ports import MARK_FORMAT, Application, SnapshotOffer
from xinglin.carrier.crypto.files import write_durably

ACCEPT, REJECT = 1, 3
TRUST_HOURS = 24 * 366 * 10
"""The first header is trusted for its validators, which a checkpoint vouches for, not because it is young."""
_FILE = "beginning.json"
_MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Beginning:
    """At which height an engine begins: a header that is trusted, and light blocks by height in decimal."""

    height: int
    trust_height: int
    trust_hash: bytes
    blocks: Mapping[str, Mapping[str, Any]]


def write_beginning(home: EngineHome, beginning: Beginning) -> None:
    """Keep it until an engine without blocks is started."""
    said = {
        "height": beginning.height,
        "trust_height": beginning.trust_height,
        "trust_hash": beginning.trust_hash.hex(),
        "blocks": beginning.blocks,
    }
    write_durably(_file(home), json.dumps(said).encode())


def read_beginning(home: EngineHome, height: int) -> Beginning | None:
    """Return where an engine begins whose application is at a height; None if it has begun, or begins at genesis.

    It has begun once there is a block after that height. Until then it may be stopped and started: one that has its
    state of that height passes the state sync over by itself.
    """
    if height == 0:
        return None
    try:
        said = json.loads(_file(home).read_bytes()[:_MAX_BYTES])
        found = Beginning(said["height"], said["trust_height"], bytes.fromhex(said["trust_hash"]), said["blocks"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if found.height == height else None


class MarkTaker:
    """Takes the mark of the height that the application has: implements ``handler.Restorer``."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def offer(self, snapshot: SnapshotOffer, app_hash: bytes) -> int:
        """Accept a mark of the application's height, with the app hash that the engine's light client vouches for."""
        info = self._application.info()
        own = (snapshot.format, snapshot.height, app_hash) == (MARK_FORMAT, info.height, info.app_hash)
        return ACCEPT if own else REJECT

    def apply(self, index: int, chunk: bytes, sender: str) -> ChunkAnswer:
        """Accept: the application has what the mark stands for."""
        return ChunkAnswer(ACCEPT)


def _file(home: EngineHome) -> Path:
    return home.config.parent / _FILE

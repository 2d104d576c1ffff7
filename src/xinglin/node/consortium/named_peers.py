"""Peers that a node's owner names in the settings, for a home that begins or has long been off (RC9; S9.1).

At height 0 a chain knows the peers of its founding transactions alone, on the way up those of long ago. Whose engines
have other ids by now could not be let in, and the home would get no block.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from xinglin.carrier.consensus.comet.config import Peer
from xinglin.carrier.consensus.comet.files import EngineHome
from xinglin.carrier.crypto.files import write_durably
from xinglin.node.chains import SystemClock
from xinglin.node.node import Node

logger = logging.getLogger(__name__)
_MARK = "caught-up-with"
_MAX_MARK_BYTES = 1 << 20


class NamedPeers:
    """Lets in and dials the peers of ``engine.peers`` until the home has caught up with them. From any thread.

    That it has is kept beside the engine's data: it holds until others are named, or the home begins anew.

    Args:
        node: the home.
        engine: its engine's files.

    Raises:
        EngineSettingInvalid: an address can't be one.
    """

    def __init__(self, node: Node, engine: EngineHome) -> None:
        named = node.settings.engine.peers
        self._node = node
        self._peers = {one.id: one for one in map(_peer, named)}
        self._names = "\n".join(named).encode()
        # In the data, which a rebuilding sets aside.
        self._mark = engine.signing_state.parent / _MARK
        self._over = not named or self._marked() == self._names
        self._lock = threading.Lock()

    def now(self) -> Mapping[bytes, Peer]:
        """Return them by peer id; none once the registry alone decides."""
        with self._lock:
            if not self._over and self._caught_up():
                self._end()
        return {} if self._over else self._peers

    def _caught_up(self) -> bool:
        """Tell whether the newest block is of now."""
        tip, freshness = self._node.consortium.tip, self._node.settings.freshness
        return tip.height > 0 and SystemClock().now_ms() - tip.time <= freshness.stale_seconds * 1000

    def _end(self) -> None:
        self._over = True
        logger.info("the chain is caught up: of now on the registry alone says who is let in")
        try:
            write_durably(self._mark, self._names)
        except OSError as error:  # then they are let in again after the next start, until it has caught up
            logger.warning("that it is caught up can't be kept: %s", error.strerror or type(error).__name__)

    def _marked(self) -> bytes:
        try:
            with self._mark.open("rb") as file:
                return file.read(_MAX_MARK_BYTES)
        except OSError:
            return b""


def _peer(text: str) -> Peer:
    peer, _, address = text.partition("@")
    return Peer(bytes.fromhex(peer), address)

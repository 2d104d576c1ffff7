"""Homes whose consortium chain CometBFT makes, opened together in one process: each with its own engine (design D7).

Blocks are agreed between the engines, not here. Homes of one process wait for one another before an answer: what one
of them was told of a block, all of them have. Between nodes of several processes nobody waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

from xinglin.node.chains import SystemClock
from xinglin.node.consortium.comet_chain import CometChain, Told
from xinglin.node.node import Node

_BLOCK_SECONDS = 60.0
_START_SECONDS = 30.0


class Together:
    """Holds answers back until every home has the height that they are of.

    Args:
        heights: where each home is, by its node's id.
    """

    def __init__(self, heights: Mapping[str, int]) -> None:
        self._heights = dict(heights)
        self._held: list[tuple[int, Callable[[], None]]] = []
        self._lock = threading.Lock()

    def of(self, node: str) -> Told:
        """Return what one home tells its heights to."""

        def told(height: int, answer: Callable[[], None]) -> None:
            with self._lock:  # held while it answers: each home's heights are answered in their order
                self._heights[node] = height
                self._held.append((height, answer))
                reached = min(self._heights.values())
                ready = [one for at, one in self._held if at <= reached]
                self._held = [(at, one) for at, one in self._held if at > reached]
                with ExitStack() as all_of_them:  # one that fails keeps no other from its answer
                    for one in reversed(ready):
                        all_of_them.callback(one)

        return told


class Network:
    """Open homes and the engines of their consortium chain; ``stop`` and ``resume`` it while the homes stay open.

    Args:
        nodes: open homes of one chain; their private chains are started here too.

    Raises:
        EngineMissing, EngineVersionWrong, EngineHomeInUse: see ``CometChain``.
        TimeoutError: no block was made.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self._chains: list[CometChain] = []
        try:
            self.resume()
            for node in nodes:
                node.start_own_chains()
        except BaseException:
            self.stop()
            raise

    @property
    def chains(self) -> Sequence[CometChain]:
        """The consortium chain of each home, while the engines run."""
        return self._chains

    def resume(self, _: float = 0.0) -> None:
        """Start the engines, and wait for a block of now on every home."""
        began = SystemClock().now_ms()
        together = Together({node.settings.node: node.consortium.tip.height for node in self.nodes})
        for node in self.nodes:
            chain = CometChain(node, together.of(node.settings.node))
            self._chains.append(chain)
            # One after the other: an engine that finds a peer's port closed tries it again only after five seconds.
            chain.process.wait_ready(_START_SECONDS)
        for chain in self._chains:
            # A block that this home had missed may come first.
            while chain.engine.time < began:
                chain.engine.submit_many([]).result(_BLOCK_SECONDS)

    def stop(self) -> None:
        """Stop the engines; homes and private chains stay open."""
        while self._chains:
            self._chains.pop().close()

    def close(self) -> None:
        """Stop everything and close the homes."""
        self.stop()
        for node in self.nodes:
            node.close()

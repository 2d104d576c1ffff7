"""The consortium chain of a home on CometBFT: its application, socket, process and engine, as one thing (design D7, D13).

The order is what keeps it whole: the socket is there before the process looks for it, and the process has ended before
the socket goes. Either may die at any moment: the process is started again, and a node that comes back tells it by Info
how far it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xinglin.carrier.consensus.comet.binary import find_engine
from xinglin.carrier.consensus.comet.config import EngineSettings
from xinglin.carrier.consensus.comet.engine import CometEngine
from xinglin.carrier.consensus.comet.files import EngineHome, write_settings
from xinglin.carrier.consensus.comet.handler import AbciHandler
from xinglin.carrier.consensus.comet.process import EngineProcess
from xinglin.carrier.consensus.comet.rpc import EngineRpc
from xinglin.carrier.consensus.comet.server import AbciServer
from xinglin.carrier.consensus.ports import Application, BlockAnswer
from xinglin.kernel.clock import Clock
from xinglin.kernel.errors import PlatformError

Told = Callable[[int, Callable[[], None]], None]
"""Is told that a height is durable here, and given what answers those who wait for it."""


def at_once(_: int, answer: Callable[[], None]) -> None:
    """Answer those who wait for a height when this home has it."""
    answer()


class CometChain:
    """One chain of one home, made by CometBFT; it runs from its making until it is closed.

    Args:
        home: the engine's folder, with keys and genesis.
        settings: what the engine is told; written anew here.
        application: the home's.
        clock: this machine's.
        max_transaction_bytes: of the chain.
        told: is told of heights.

    Raises:
        EngineMissing, EngineVersionWrong: there is no engine of the pinned version.
        EngineHomeInUse: an engine runs there that can't be stopped.
    """

    def __init__(
        self,
        home: EngineHome,
        settings: EngineSettings,
        application: Application,
        clock: Clock,
        max_transaction_bytes: int,
        told: Told = at_once,
    ) -> None:
        self.home = home
        self.settings = settings
        self._told = told
        self._rpc = EngineRpc(settings.rpc_listen)
        self.process = EngineProcess(home, find_engine(), settings.rpc_listen)
        write_settings(home, settings)
        self.server = AbciServer(settings.abci_socket, AbciHandler(application, self))
        self.engine = CometEngine(
            application, clock, self._broadcast, max_transaction_bytes=max_transaction_bytes
        )
        try:
            self.process.start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the process, then the socket, then whoever waits."""
        self.process.stop()
        self.server.close()
        self.engine.close()
        self._rpc.close()

    def refused(self, transaction: bytes, refusal: PlatformError) -> None:
        """See ``Watcher``."""
        self.engine.refused(transaction, refusal)

    def committed(self, height: int, time: int, transactions: Sequence[bytes], answer: BlockAnswer) -> None:
        """See ``Watcher``."""
        self._told(height, lambda: self.engine.committed(height, time, transactions, answer))

    def _broadcast(self, transactions: Sequence[bytes]) -> list[str]:
        try:
            answers = self._rpc.broadcast(transactions)
        except PlatformError as failure:
            raise ConnectionError(failure.code) from failure
        return ["" if one is None else str(one.facts["reason"]) for one in answers]

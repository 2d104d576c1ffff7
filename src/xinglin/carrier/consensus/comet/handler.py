"""What the application answers to each ABCI request (docs/spec/abci.md): translation only, no rule of its own.

Requests of one connection come in order from one thread. Several connections ask at once: those of consensus and state
sync change things and take turns; transactions of the mempool are checked beside them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from xinglin.carrier.consensus.comet.messages import Response
from xinglin.carrier.consensus.errors import EngineRequestRefused
from xinglin.carrier.consensus.ports import Application, BlockAnswer
from xinglin.kernel.errors import PlatformError

logger = logging.getLogger(__name__)
ACCEPT, REJECT = 1, 2
RECHECK = 1
_FILTER_ID = "/p2p/filter/id/"
_FILTER_ADDRESS = "/p2p/filter/addr/"


class Watcher(Protocol):
    """Is told what became of transactions; called from the threads of the connections."""

    def refused(self, transaction: bytes, refusal: PlatformError) -> None:
        """A transaction was not taken into the mempool."""
        ...

    def committed(self, height: int, time: int, transactions: Sequence[bytes], answer: BlockAnswer) -> None:
        """A block is durable on this node."""
        ...


class AbciHandler:
    """Answers an engine's requests from an application.

    Args:
        application: what is driven.
        watcher: is told of refusals and blocks.
    """

    def __init__(self, application: Application, watcher: Watcher) -> None:
        self._application = application
        self._watcher = watcher
        self._turn = threading.RLock()
        self._decided: tuple[int, int, Sequence[bytes], BlockAnswer] | None = None
        self._answers: dict[str, Callable[[Any], Any]] = {
            "echo": lambda asked: {"message": asked.message},
            "flush": lambda _: {},
            "info": self._info,
            "init_chain": self._init_chain,
            "query": self._query,
            "prepare_proposal": self._prepare_proposal,
            "process_proposal": self._process_proposal,
            "finalize_block": self._finalize_block,
            "commit": self._commit,
            "list_snapshots": self._list_snapshots,
            "load_snapshot_chunk": self._load_snapshot_chunk,
            "extend_vote": lambda _: {},
            "verify_vote_extension": lambda asked: {"status": REJECT if asked.vote_extension else ACCEPT},
        }

    def answer(self, request: Any) -> Any:
        """Return the response to one request that is not a ``check_tx``.

        Raises:
            PlatformError: the application can't go on; the connection ends after saying so.
        """
        kind = request.WhichOneof("value")
        handle = self._answers.get(kind)
        if handle is None:
            raise EngineRequestRefused(request=kind)
        if kind in ("echo", "flush"):
            return _response(kind, handle(getattr(request, kind)))
        with self._turn:
            return _response(kind, handle(getattr(request, kind)))

    def check(self, requests: Sequence[Any]) -> list[Any]:
        """Return the responses to ``check_tx`` requests, checked as one batch; a repeated check is always good."""
        transactions = [request.check_tx.tx for request in requests]
        responses = []
        for raw, answer in zip(transactions, self._application.check_txs(transactions), strict=True):
            fields: dict[str, Any] = {"code": answer.code}
            if answer.refusal is not None:
                fields |= {"log": answer.refusal.code, "codespace": "xinglin"}
                self._watcher.refused(raw, answer.refusal)
            responses.append(_response("check_tx", fields))
        return responses

    def after(self, request: Any) -> None:
        """Do what can wait until the response has gone: tell the watcher of a commit."""
        if request.WhichOneof("value") == "commit" and self._decided is not None:
            decided, self._decided = self._decided, None
            self._watcher.committed(*decided)

    def _info(self, _: Any) -> dict[str, Any]:
        self._decided = None
        info = self._application.info()
        fields: dict[str, Any] = {"data": info.chain, "app_version": 1, "last_block_height": info.height}
        return fields | {"last_block_app_hash": info.app_hash if info.height else b""}

    def _init_chain(self, asked: Any) -> dict[str, Any]:
        return {"app_hash": self._application.info().app_hash}

    def _query(self, asked: Any) -> dict[str, Any]:
        return {"code": 0}

    def _prepare_proposal(self, asked: Any) -> dict[str, Any]:
        chosen = self._application.prepare_proposal(
            asked.height, _milliseconds(asked.time), list(asked.txs), asked.max_tx_bytes
        )
        return {"txs": chosen}

    def _process_proposal(self, asked: Any) -> dict[str, Any]:
        accepted = self._application.process_proposal(asked.height, _milliseconds(asked.time), list(asked.txs))
        return {"status": ACCEPT if accepted else REJECT}

    def _finalize_block(self, asked: Any) -> dict[str, Any]:
        time, transactions = _milliseconds(asked.time), list(asked.txs)
        answer = self._application.finalize_block(asked.height, time, transactions)
        self._decided = (asked.height, time, transactions, answer)
        return {
            "tx_results": [{"code": one.code, "data": one.data} for one in answer.results],
            "app_hash": answer.app_hash,
        }

    def _commit(self, _: Any) -> dict[str, Any]:
        return {"retain_height": self._application.commit()}

    def _list_snapshots(self, _: Any) -> dict[str, Any]:
        return {
            "snapshots": [
                {"height": o.height, "format": o.format, "chunks": o.chunks, "hash": o.hash, "metadata": o.manifest}
                for o in self._application.list_snapshots()
            ]
        }

    def _load_snapshot_chunk(self, asked: Any) -> dict[str, Any]:
        return {"chunk": self._application.load_chunk(asked.height, asked.format, asked.chunk)}


def exception(failure: Exception) -> Any:
    """Return the response that ends a connection: what failed, by its code."""
    said = failure.code if isinstance(failure, PlatformError) else type(failure).__name__
    return _response("exception", {"error": said})


def _response(kind: str, fields: dict[str, Any]) -> Any:
    """Return a response whose alternative is set even when all its fields have their defaults."""
    return Response(**{kind: fields})


def _milliseconds(time: Any) -> int:
    """Return a header's time in whole ms: its nanoseconds are cut off, so that later blocks stay later (D7)."""
    return int(time.seconds) * 1000 + int(time.nanos) // 1_000_000

"""An engine's side of ABCI for tests: frames over a socket as CometBFT writes them, and a node that answers.

with abci_node(ledger, folder) as node, started(node, chain) as engine:
    engine.block(1, time, raws)
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.chain import Chain
from tests.support.waiting import PATIENCE
from xinglin.carrier.access.governance.validators import EngineMembership
from xinglin.carrier.consensus.comet.binary import VERSION
from xinglin.carrier.consensus.comet.handler import AbciHandler, Misbehaviour, Restorer
from xinglin.carrier.consensus.comet.messages import Request, Response
from xinglin.carrier.consensus.comet.server import AbciServer
from xinglin.carrier.consensus.comet.wire import encode_varint
from xinglin.carrier.consensus.ports import BlockAnswer
from xinglin.carrier.contracts.application import LedgerApplication
from xinglin.carrier.contracts.ports import Opening
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.errors import PlatformError


def framed(*requests: Any) -> bytes:
    """Return the bytes of requests as CometBFT sends them."""
    messages = [request.SerializeToString() for request in requests]
    return b"".join(encode_varint(len(message)) + message for message in messages)


def timestamp(time: int, nanos: int = 0) -> dict[str, int]:
    """Return a header's time: ``time`` in ms, and nanoseconds below one."""
    return {"seconds": time // 1000, "nanos": time % 1000 * 1_000_000 + nanos}


class AbciClient:
    """One connection of an engine."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self._buffer = b""

    def __enter__(self) -> AbciClient:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def read(self) -> Any:
        """Return the next response, None when the other end has hung up."""
        while True:
            whole = _first(self._buffer)
            if whole is not None:
                start, end = whole
                message, self._buffer = self._buffer[start:end], self._buffer[end:]
                return Response.FromString(message)
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionError:
                return None
            if not data:
                return None
            self._buffer += data

    def ask(self, kind: str, **fields: Any) -> Any:
        """Ask as CometBFT does, with a flush behind; return the answer, checked to be of the kind."""
        self.send(framed(Request(**{kind: fields}), Request(flush={})))
        answer = self.read()
        assert answer is not None, f"hung up on {kind}"
        if answer.WhichOneof("value") == "exception":
            return answer.exception
        assert answer.WhichOneof("value") == kind
        assert self.read().WhichOneof("value") == "flush"
        return getattr(answer, kind)

    def info(self) -> Any:
        """Ask for the state."""
        return self.ask("info", version=VERSION, abci_version="2.0.0")

    def check(self, *raws: bytes) -> list[int]:
        """Return the codes of CheckTx, sent together as a full mempool does."""
        self.send(framed(*[Request(check_tx={"tx": raw}) for raw in raws], Request(flush={})))
        codes = [self.read().check_tx.code for _ in raws]
        assert self.read().WhichOneof("value") == "flush"
        return codes

    def prepare(self, height: int, time: int, raws: Sequence[bytes], max_tx_bytes: int = 1 << 20) -> list[bytes]:
        """Return the proposal."""
        answer = self.ask("prepare_proposal", height=height, time=timestamp(time), txs=raws, max_tx_bytes=max_tx_bytes)
        return list(answer.txs)

    def process(self, height: int, time: int, raws: Sequence[bytes], nanos: int = 0) -> int:
        """Return the status of a proposal."""
        answer = self.ask("process_proposal", height=height, time=timestamp(time, nanos), txs=raws)
        return int(answer.status)

    def finalize(self, height: int, time: int, raws: Sequence[bytes], nanos: int = 0) -> Any:
        """Return the answer on a decided block."""
        return self.ask("finalize_block", height=height, time=timestamp(time, nanos), txs=raws)

    def commit(self) -> Any:
        """Commit."""
        return self.ask("commit")

    def block(self, height: int, time: int, raws: Sequence[bytes], nanos: int = 0) -> Any:
        """Bring a block from proposal to commit; return the answer of FinalizeBlock."""
        assert self.process(height, time, raws, nanos) == 1
        answer = self.finalize(height, time, raws, nanos)
        self.commit()
        return answer


def _first(buffer: bytes) -> tuple[int, int] | None:
    value = shift = 0
    for position, byte in enumerate(buffer):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            end = position + 1 + value
            return (position + 1, end) if end <= len(buffer) else None
    return None


@dataclass
class Seen:
    """A watcher that keeps what it was told."""

    refusals: list[tuple[bytes, str]] = field(default_factory=list)
    blocks: list[tuple[int, int, list[bytes], BlockAnswer]] = field(default_factory=list)
    begun: int = 0
    given_up: int = 0
    misbehaviours: list[Misbehaviour] = field(default_factory=list)

    def misbehaved(self, misbehaviour: Misbehaviour) -> None:
        """Keep what a validator did."""
        self.misbehaviours.append(misbehaviour)

    def refused(self, transaction: bytes, refusal: PlatformError) -> None:
        """Keep a refusal."""
        self.refusals.append((transaction, refusal.code))

    def committing(self) -> None:
        """Count."""
        self.begun += 1

    def not_committed(self) -> None:
        """Count."""
        self.given_up += 1

    def committed(self, height: int, time: int, transactions: Sequence[bytes], answer: BlockAnswer) -> None:
        """Keep a block."""
        self.blocks.append((height, time, list(transactions), answer))


@dataclass
class AbciNode:
    """A home's application behind its socket."""

    application: LedgerApplication
    server: AbciServer
    seen: Seen
    path: Path
    clients: list[AbciClient] = field(default_factory=list)

    def connect(self) -> AbciClient:
        """Return a new connection; it is hung up with the node at the latest."""
        self.clients.append(AbciClient(self.path))
        return self.clients[-1]


MARKED = 7
"""The height of which a served node has a mark."""


@contextmanager
def abci_node(
    ledger: Ledger, folder: Path, restorer: Restorer | None = None, opening: Opening | None = None
) -> Iterator[AbciNode]:
    """Serve a ledger on a socket in a folder; with validators and peers when it has an opening."""
    membership = EngineMembership() if opening is not None else None
    application, seen = LedgerApplication(ledger, membership, opening, marks=lambda: [MARKED]), Seen()
    path = folder / "abci.sock"
    server = AbciServer(path, AbciHandler(application, seen, restorer))
    try:
        node = AbciNode(application, server, seen, path)
        yield node
    finally:
        server.close()
        for client in node.clients:
            client.socket.close()


def started(node: AbciNode, chain: Chain) -> AbciClient:
    """Return a connection over which an engine has asked for the state."""
    client = node.connect()
    assert client.info().data == chain.rules.chain
    return client

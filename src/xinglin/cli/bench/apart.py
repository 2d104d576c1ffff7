"""``xinglin bench read --apart``: readers in a process of their own, as where they sit at another machine.

The custodian's process answers them over local sockets, a thread for each. Theirs signs requests, checks receipts by
what the custodian's consortium chain says of its private chain and its service key, and compares what came with its
commitment. So neither waits for the other's interpreter lock; each has what a core gives it.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from xinglin.carrier.access.registry.model import NAMESPACE, AddKey
from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.build import Signer, operation
from xinglin.carrier.ledger.genesis import key_proof_message
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.records.serving import Serving
from xinglin.service.basic.reading.errors import AnswerInvalid
from xinglin.service.basic.reading.model import Custody
from xinglin.service.basic.reading.reader import Reader, ReaderAccount
from xinglin.stakeholders.purposes import Purpose

_END_SECONDS = 30.0
Timed = tuple[float, float, list[float]]
"""Seconds and processor seconds of the readers' process, and the latency of each read in ms."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the readers ask, and as which account."""

    custody: Custody
    suite: str
    account: str


@dataclass(frozen=True, slots=True)
class _Line:
    """A custodian's node at the other end of a socket; for one thread."""

    node: str
    member: str
    connection: Connection

    def answer(self, request: bytes, payload: bytes = b"") -> bytes:
        """See ``CustodianNode.answer``; the benchmark asks of records alone, and nothing comes with that."""
        try:
            self.connection.send_bytes(request)
            return self.connection.recv_bytes()
        except (EOFError, OSError):
            raise AnswerInvalid(reason="nobody answers any more") from None


class Apart:
    """Readers in a process of their own; give it work and it tells how long that took."""

    def __init__(self, control: Connection) -> None:
        self._control = control

    def read(self, wanted: Sequence[Sequence[bytes]]) -> Timed:
        """Have each reader read its records, one after the other.

        Args:
            wanted: for each reader the commitments.

        Raises:
            AssertionError: a read was refused.
        """
        self._control.send(wanted)
        told = self._control.recv()
        if not isinstance(told, tuple):
            raise AssertionError(f"a read was refused: {told}")
        return told


@contextmanager
def readers_apart(serving: Serving, who: ReaderAccount, readers: int, commitment: bytes) -> Iterator[Apart]:
    """Give so many readers in a process of their own, answered until the block ends.

    Args:
        serving: the custodian's.
        who: an account of its own, which gets one more key: the readers' process makes it and keeps it.
        readers: how many.
        commitment: of a record that may be read.
    """
    context = multiprocessing.get_context("spawn")
    control, theirs = context.Pipe()
    lines = [context.Pipe() for _ in range(readers)]
    process = context.Process(target=_ask, args=(theirs, [far for _, far in lines]), daemon=True)
    process.start()
    for far in (theirs, *(far for _, far in lines)):
        far.close()
    answering = [threading.Thread(target=_answer, args=(serving, near), daemon=True) for near, _ in lines]
    for thread in answering:
        thread.start()
    try:
        _introduce(serving, who, commitment, control)
        yield Apart(control)
    finally:
        control.close()
        _ended(process)
        for thread in answering:
            thread.join()


def _introduce(serving: Serving, who: ReaderAccount, commitment: bytes, control: Connection) -> None:
    """Register the key of the readers' process, and tell it what it checks receipts by."""
    node = serving.archive.node
    consortium = node.consortium
    rules = consortium.rules
    custody = Custody(rules.chain, serving.member, serving.node)
    control.send(_Place(custody, rules.suite.name, who.account))
    key, proof = control.recv()
    call = operation(rules.suite, NAMESPACE, "add_key", AddKey(who.account, key, proof))
    node.client().call([call], [who.signer])
    values: dict[bytes, bytes | None] = {}

    def noted(wanted: bytes) -> bytes | None:
        values[wanted] = consortium.value(wanted)
        return values[wanted]

    _reader(_Place(custody, rules.suite.name, who.account), noted).read(serving, who, commitment, Purpose.TREAT)
    control.send(values)


def _reader(place: _Place, values: Callable[[bytes], bytes | None]) -> Reader:
    clock = SystemClock()
    return Reader(place.custody, suite(place.suite), values, clock.now_ms, None, clock, random_bytes)


def _answer(serving: Serving, line: Connection) -> None:
    """Answer one reader until it is gone; a refusal to look at a request ends it."""
    with line, suppress(EOFError, OSError, PlatformError):
        while True:
            line.send_bytes(serving.answer(line.recv_bytes()))


def _ended(process: SpawnProcess) -> None:
    process.join(_END_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()


def _ask(control: Connection, lines: Sequence[Connection]) -> None:
    """Be the readers' process: make a key, then read whatever is wanted, until nobody is there to want it."""
    with suppress(EOFError, OSError):
        place: _Place = control.recv()
        algorithms = suite(place.suite)
        private = algorithms.generate_private_key()
        signer = Signer(algorithms.public_key(private), lambda message: algorithms.sign(private, message))
        proven = key_proof_message(
            algorithms.hash, place.custody.chain, place.custody.member, place.account, signer.key
        )
        control.send((signer.key, signer.sign(proven)))
        values: Mapping[bytes, bytes | None] = control.recv()
        readers = _Readers(_reader(place, values.get), ReaderAccount(place.account, signer), place, lines)
        while True:
            wanted = control.recv()
            try:
                control.send(readers.timed(wanted))
            except PlatformError as refusal:
                control.send(refusal.code)


@dataclass(slots=True)
class _Readers:
    """The readers in their process, each with a line of its own."""

    reader: Reader
    who: ReaderAccount
    place: _Place
    lines: Sequence[Connection]
    refusal: PlatformError | None = None

    def timed(self, wanted: Sequence[Sequence[bytes]]) -> Timed:
        """Read, and return how long it took; raises the first refusal."""
        latencies: list[list[float]] = [[] for _ in wanted]
        threads = [
            threading.Thread(target=self._read, args=one) for one in zip(self.lines, wanted, latencies, strict=True)
        ]
        start, processor = time.perf_counter(), time.process_time()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.refusal is not None:
            raise self.refusal
        seconds, used = time.perf_counter() - start, time.process_time() - processor
        return seconds, used, [one for part in latencies for one in part]

    def _read(self, line: Connection, wanted: Sequence[bytes], latencies: list[float]) -> None:
        far = _Line(self.place.custody.node, self.place.custody.member, line)
        try:
            for one in wanted:
                start = time.perf_counter()
                self.reader.read(far, self.who, one, Purpose.TREAT)
                latencies.append((time.perf_counter() - start) * 1000)
        except PlatformError as refusal:
            self.refusal = refusal

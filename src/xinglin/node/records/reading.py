"""Reads bundle files for intake ahead of it, in a process of its own where there is much to read.

Reading and validating holds the interpreter's lock; a second process lets it go on while records are sealed and
registered. The worker is spawned, never forked (the native library's threads don't survive a fork). One pipe each way,
so that a worker that is killed, by a machine short of memory for example, ends the run and never hangs it.
"""

from __future__ import annotations

import multiprocessing
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.intake.files import ReaderStopped, ReadFile, Refusal, read_files, reader_of
from xinglin.service.basic.intake.model import Incoming
from xinglin.service.basic.intake.processing import ProcessingOrders, Processor
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.model import BundleReading, Limits
from xinglin.service.lifecycle.processing.homes import door_of

WORTH_A_PROCESS_BYTES = 8 << 20
_AHEAD = 4
_WHILE_IT_STARTS = 7
"""Files that are read here while the worker starts, which takes a good half second."""


@contextmanager
def reading(
    files: Sequence[Path],
    max_bytes: int,
    refusals: list[Refusal],
    orders: ProcessingOrders | None = None,
    file_done: Callable[[], None] = lambda: None,
) -> Iterator[Iterator[Incoming]]:
    """Give what the files bring, in their order.

    Args:
        files: FHIR R4 bundles in JSON.
        max_bytes: of one file.
        refusals: grows by each file that is refused as a whole.
        orders: for which home resources are taken, labelled and copied; None takes all and labels nothing.
        file_done: called after each file.
    """
    if sum(path.stat().st_size for path in files if path.is_file()) < WORTH_A_PROCESS_BYTES:
        yield read_files(files, _reader(max_bytes, orders), refusals, file_done)
        return
    with _Ahead(files[_WHILE_IT_STARTS:], max_bytes, orders, files[:_WHILE_IT_STARTS]) as ahead:
        yield read_files(files, ahead.read, refusals, file_done)


def _reader(max_bytes: int, orders: ProcessingOrders | None) -> ReadFile:
    limits = Limits(max_bundle_bytes=max_bytes)
    if orders is None:
        return reader_of(FhirkitValidator(), limits)
    return reader_of(FhirkitValidator(), limits, Processor(orders), door_of(orders.home))


class _Ahead:
    """Has a worker read a few files ahead, and hands each over when it is asked for; the first ones it reads here.

    A thread takes what the worker sends, so that the worker goes on to the next file while nobody asks.
    """

    def __init__(
        self, files: Sequence[Path], max_bytes: int, orders: ProcessingOrders | None, first: Sequence[Path]
    ) -> None:
        self._first = deque(first)
        self._here = _reader(max_bytes, orders)
        self._left = deque(files)
        self._done: queue.Queue[BundleReading | PlatformError | None] = queue.Queue()
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self.worker = context.Process(target=_read_in_worker, args=(theirs, max_bytes, orders), daemon=True)
        self.worker.start()
        theirs.close()  # the worker's is the only one left: its end is the end of what can be received
        self._taking = threading.Thread(target=self._take, name="bundles-read", daemon=True)
        self._taking.start()

    def __enter__(self) -> _Ahead:
        for _ in range(_AHEAD):
            self._send()
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.terminate()
        self.worker.join()
        self._taking.join()
        self._pipe.close()

    def read(self, path: Path) -> BundleReading:
        """Return the next file's reading, or raise its refusal; files are asked for in their order.

        Raises:
            ReaderStopped: the worker was ended.
        """
        if self._first:
            return self._here(self._first.popleft())
        done = self._done.get()
        if done is None:
            self._done.put(None)
            raise ReaderStopped(file=path.name)
        self._send()
        if isinstance(done, PlatformError):
            raise done
        return done

    def _send(self) -> None:
        if self._left:
            with suppress(OSError):  # a worker that has ended is told by what it doesn't send
                self._pipe.send(self._left.popleft())

    def _take(self) -> None:
        try:
            while True:
                self._done.put(self._pipe.recv())
        except (EOFError, OSError):
            pass
        finally:  # whatever it was, want of memory too, nobody may be left waiting
            self._done.put(None)


def _read_in_worker(pipe: Connection, max_bytes: int, orders: ProcessingOrders | None) -> None:
    """Read one file after the other; a refusal is an answer. Ends with the process that asks."""
    read = _reader(max_bytes, orders)
    with suppress(EOFError, OSError):
        while True:
            path = pipe.recv()
            try:
                pipe.send(read(path))
            except PlatformError as refusal:
                pipe.send(refusal)

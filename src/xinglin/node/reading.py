"""Reads bundle files for intake ahead of it, in a process of its own where there is much to read.

Reading and validating holds the interpreter's lock; a second process lets it go on while records are sealed and
registered. The worker is spawned, never forked (the native library's threads don't survive a fork).
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from xinglin.kernel.errors import PlatformError, Unavailable
from xinglin.service.basic.intake.files import ReadFile, Refusal, read_files, reader_of
from xinglin.service.basic.intake.model import Incoming
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.model import BundleReading, Limits

WORTH_A_PROCESS_BYTES = 8 << 20
_AHEAD = 4
_WHILE_IT_STARTS = 7
"""Files that are read here while the worker starts, which takes a good half second."""
_worker_reads: dict[int, ReadFile] = {}


class ReaderStopped(Unavailable):
    """The process that reads bundles was ended from outside, for want of memory for example."""

    code, number, clause = "intake.reader_stopped", 6060, "S8.5a"
    en = "The process that reads bundles ended while it read {file}."
    zh = "读取 Bundle 的进程在读取 {file} 时终止。"
    hint_en = "See whether this machine has enough memory, and start the intake again: nothing is registered twice."
    hint_zh = "请检查本机内存是否充足后重新采集：不会重复登记。"


@contextmanager
def reading(
    files: Sequence[Path], max_bytes: int, refusals: list[Refusal], file_done: Callable[[], None] = lambda: None
) -> Iterator[Iterator[Incoming]]:
    """Give what the files bring, in their order.

    Args:
        files: FHIR R4 bundles in JSON.
        max_bytes: of one file.
        refusals: grows by each file that is refused as a whole.
        file_done: called after each file.
    """
    if sum(path.stat().st_size for path in files if path.is_file()) < WORTH_A_PROCESS_BYTES:
        here = reader_of(FhirkitValidator(), Limits(max_bundle_bytes=max_bytes))
        yield read_files(files, here, refusals, file_done)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as worker:
        ahead = _Ahead(worker, files[_WHILE_IT_STARTS:], max_bytes, files[:_WHILE_IT_STARTS])
        try:
            yield read_files(files, ahead.read, refusals, file_done)
        finally:
            ahead.cancel()


class _Ahead:
    """Keeps a few files ahead in the worker, and hands each over when it is asked for; the first ones it reads here."""

    def __init__(
        self, worker: ProcessPoolExecutor, files: Sequence[Path], max_bytes: int, first: Sequence[Path]
    ) -> None:
        self._worker = worker
        self._first = deque(first)
        self._here = reader_of(FhirkitValidator(), Limits(max_bundle_bytes=max_bytes))
        self._max_bytes = max_bytes
        self._left = iter(files)
        self._flying: list[Future[BundleReading | PlatformError]] = []
        for _ in range(_AHEAD):
            self._send()

    def _send(self) -> None:
        path = next(self._left, None)
        if path is not None:
            self._flying.append(self._worker.submit(_read_in_worker, self._max_bytes, path))

    def read(self, path: Path) -> BundleReading:
        """Return the next file's reading, or raise its refusal; files are asked for in their order."""
        if self._first:
            return self._here(self._first.popleft())
        try:
            done = self._flying.pop(0).result()
            self._send()
        except BrokenProcessPool:
            raise ReaderStopped(file=path.name) from None
        if isinstance(done, PlatformError):
            raise done
        return done

    def cancel(self) -> None:
        """Let go of what nobody asks for any more."""
        for future in self._flying:
            future.cancel()


def _read_in_worker(max_bytes: int, path: Path) -> BundleReading | PlatformError:
    """Read one file in the worker; a refusal is an answer."""
    if max_bytes not in _worker_reads:
        _worker_reads[max_bytes] = reader_of(FhirkitValidator(), Limits(max_bundle_bytes=max_bytes))
    try:
        return _worker_reads[max_bytes](path)
    except PlatformError as refusal:
        return refusal

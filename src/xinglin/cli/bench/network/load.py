"""The load of ``bench network``: a process that hands in what was made and signed before, and looks at answers after.

``python -m xinglin.cli.bench.network.load`` reads one ``Work`` as JSON from its input, reads the files, connects, says
``ready``, waits for a line, works, and says what it saw as one JSON object. While it works it does as little as it can:
answers are decoded at the end. Times are of the system's clock that never goes back, in seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from xinglin.node.remote.local import short_name

_HEAD = "POST {path} HTTP/1.1\r\nhost: load\r\ncontent-type: {kind}\r\ncontent-length: {size}\r\n\r\n"
_MAX_CONNECTIONS = 60
_STALE_SECONDS = 3.0
_POLL_SECONDS = 0.01
_LENGTH_BYTES = 8
NODE, KVSTORE = "node", "kvstore"


@dataclass(frozen=True, slots=True)
class Work:
    """What is handed in.

    ``targets``: local sockets of nodes, or ports of the reference's RPC on loopback. ``files``: for each the bodies of
    its submissions, written by ``write_bodies``. ``each``: transactions of a submission. ``in_flight``: submissions of
    each target that are not answered yet, in the closed loop; transactions together that are not committed yet, for the
    reference. ``interval``: seconds from a submission to the next, whatever was answered; 0 for the closed loop.
    """

    kind: str
    targets: tuple[str, ...]
    files: tuple[str, ...]
    each: int
    in_flight: int
    interval: float = 0.0
    total: int = 0


@dataclass(slots=True)
class Seen:
    """What was seen.

    ``begun``: when the first was handed in. ``latencies_ms``: of each submission. ``indexes``: in the log, of what was
    committed and done. ``others``: some answers of another kind. ``cpu_seconds``: of this process for all that.
    """

    begun: float
    ended: float
    latencies_ms: list[float] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    cpu_seconds: float = 0.0


def write_bodies(path: Path, bodies: list[bytes]) -> None:
    """Write the bodies of submissions to a file."""
    with path.open("wb") as file:
        for body in bodies:
            file.write(len(body).to_bytes(_LENGTH_BYTES, "big"))
            file.write(body)


def read_bodies(path: Path) -> deque[bytes]:
    """Return what ``write_bodies`` wrote."""
    data, at = path.read_bytes(), 0
    bodies: deque[bytes] = deque()
    while at < len(data):
        begin = at + _LENGTH_BYTES
        at = begin + int.from_bytes(data[at:begin], "big")
        bodies.append(data[begin:at])
    return bodies


class Target:
    """One node, asked through connections that are kept."""

    def __init__(self, work: Work, number: int) -> None:
        self._local = work.kind == NODE
        self._path = "/ledger/v1/transactions" if self._local else "/"
        self._kind = "application/octet-stream" if self._local else "application/json"
        self._place = work.targets[number]
        self.bodies = read_bodies(Path(work.files[number]))
        self._idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._room = asyncio.Semaphore(_MAX_CONNECTIONS)

    async def post(self, body: bytes) -> bytes:
        """Post a body and return the answer's."""
        head = _HEAD.format(path=self._path, kind=self._kind, size=len(body))
        return await self._ask(head.encode() + body)

    async def get(self, path: str) -> bytes:
        """Get a path and return the answer's body."""
        return await self._ask(f"GET {path} HTTP/1.1\r\nhost: load\r\n\r\n".encode())

    async def close(self) -> None:
        """End the connections."""
        for _, _, writer in self._idle:
            writer.close()
            with suppress(OSError):  # the server may have ended it
                await writer.wait_closed()

    async def _ask(self, asked: bytes) -> bytes:
        async with self._room:
            reader, writer = await self._connection()
            writer.write(asked)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if b"transfer-encoding: chunked" in head:
                answer = await _chunks(reader)
            else:
                answer = await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
            self._idle.append((time.monotonic(), reader, writer))
        return answer

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        # The one that was used last comes first; a server ends those that idle.
        while self._idle:
            used, reader, writer = self._idle.pop()
            if time.monotonic() - used < _STALE_SECONDS:
                return reader, writer
            writer.close()
        if not self._local:
            return await asyncio.open_connection("127.0.0.1", int(self._place))
        with ExitStack() as stack:
            return await asyncio.open_unix_connection(stack.enter_context(short_name(Path(self._place))))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """Return a body that comes in chunks."""
    parts: list[bytes] = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return b"".join(parts)


async def closed_loop(work: Work, targets: list[Target], note: Callable[[float, bytes], None]) -> None:
    """Keep so many submissions in flight at each target until all are answered."""

    async def worker(target: Target) -> None:
        while target.bodies:
            begun, body = time.monotonic(), target.bodies.popleft()
            note(begun, await target.post(body))

    await asyncio.gather(*(worker(target) for target in targets for _ in range(work.in_flight)))


async def open_loop(work: Work, targets: list[Target], note: Callable[[float, bytes], None]) -> None:
    """Hand in at given times, the targets in turn; a submission's time is that at which it was due."""

    async def one(due: float, target: Target, body: bytes) -> None:
        note(due, await target.post(body))

    due, running = time.monotonic(), []
    while any(target.bodies for target in targets):
        for target in targets:
            if target.bodies:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                running.append(asyncio.create_task(one(due, target, target.bodies.popleft())))
                due += work.interval
    await asyncio.gather(*running)


async def reference(work: Work, targets: list[Target], note: Callable[[float, bytes], None]) -> None:
    """Hand in to the reference, until every node of it says that it has executed all."""
    handed = done = work.total - work.each * sum(len(target.bodies) for target in targets)
    turn = 0
    while done < work.total:
        target = targets[turn % len(targets)]
        if target.bodies and handed - done + work.each <= work.in_flight:
            begun = time.monotonic()
            note(begun, await target.post(target.bodies.popleft()))
            handed, turn = handed + work.each, turn + 1
            continue
        sizes = [json.loads(json.loads(await one.get("/abci_info"))["result"]["response"]["data"]) for one in targets]
        done = min(int(said["size"]) for said in sizes)
        await asyncio.sleep(_POLL_SECONDS)


async def run(work: Work, wait: Callable[[], Awaitable[object]]) -> Seen:
    """Do the work once ``wait`` has ended."""
    targets = [Target(work, number) for number in range(len(work.targets))]
    answers: list[bytes] = []
    latencies: list[float] = []

    def note(begun: float, answer: bytes) -> None:
        latencies.append((time.monotonic() - begun) * 1000)
        answers.append(answer)

    await wait()
    cpu, begun = time.process_time(), time.monotonic()
    loop = reference if work.kind == KVSTORE else open_loop if work.interval else closed_loop
    await loop(work, targets, note)
    seen = Seen(begun, time.monotonic(), latencies, cpu_seconds=time.process_time() - cpu)
    for target in targets:
        await target.close()
    if work.kind == NODE:
        for answer in answers:
            _look(seen, json.loads(answer))
    return seen


def _look(seen: Seen, said: dict[str, Any]) -> None:
    if "outcomes" not in said:
        seen.others.append(str(said.get("code", said))[:200])
    for one in said.get("outcomes", ()):
        if one["status"] == "committed" and one["code"] == 0:
            seen.indexes.append(one["index"])
        else:
            seen.others.append(str(one.get("code", one["status"])))
    del seen.others[10:]


def main() -> None:
    """Do one work."""
    said = json.loads(sys.stdin.readline())
    work = Work(**{**said, "targets": tuple(said["targets"]), "files": tuple(said["files"])})

    async def wait() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)

    sys.stdout.write(json.dumps(asdict(asyncio.run(run(work, wait)))) + "\n")


if __name__ == "__main__":
    main()

"""The load of the network's benchmark, against a server that answers as nodes and as CometBFT do."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.support.waiting import PATIENCE
from xinglin.cli.bench.network.load import NODE, Seen, Work, run, write_bodies

PAUSE = 0.02


def answer(body: bytes) -> bytes:
    """Answer a submission, a byte a transaction: a letter is committed at its own number, another byte refused."""
    outcomes = [
        {"status": "committed", "code": 0, "index": one} if chr(one).isalpha() else {"status": "refused", "code": "no"}
        for one in body
    ]
    return json.dumps({"outcomes": outcomes}).encode()


async def serve(
    folder: Path, bodies: list[bytes], *, chunked: bool, together: int = 1, **pace: Any
) -> tuple[Seen, int]:
    """Have bodies handed in at a socket; return what the load saw, and how many it had in flight at most.

    Before the first answer it waits until so many are there ``together``.
    """
    in_hand = most = 0
    all_there = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal in_hand, most
        while head := await reader.readline():
            while (line := await reader.readline()) != b"\r\n":
                head += line
            body = await reader.readexactly(int(head.partition(b"content-length: ")[2].split()[0]))
            in_hand += 1
            most = max(most, in_hand)
            if in_hand == together:
                all_there.set()
            await all_there.wait()
            await asyncio.sleep(PAUSE)  # one more would come now
            in_hand -= 1
            said = answer(body)
            if chunked:
                parts = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in (said[:7], said[7:]))
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + parts + b"0\r\n\r\n")
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))
        writer.close()
        await writer.wait_closed()

    path = folder / "s"
    write_bodies(folder / "bodies", bodies)
    server = await asyncio.start_unix_server(handle, str(path))
    work = Work(NODE, (str(path),), (str(folder / "bodies"),), each=1, **pace)
    seen = await asyncio.wait_for(run(work, lambda: asyncio.sleep(0)), PATIENCE)
    server.close()
    await asyncio.sleep(PAUSE)
    return seen, most


def test_what_was_committed_is_told_from_what_was_not(tmp_path: Path) -> None:
    for chunked in (False, True):
        seen, _ = asyncio.run(serve(tmp_path, [b"ab", b"c1"], chunked=chunked, in_flight=1))
        assert (seen.indexes, seen.others, len(seen.latencies_ms)) == ([97, 98, 99], ["no"], 2)
        assert min(seen.latencies_ms) >= PAUSE * 1000
        (tmp_path / "s").unlink(missing_ok=True)


def test_the_closed_loop_has_so_many_in_flight(tmp_path: Path) -> None:
    seen, most = asyncio.run(serve(tmp_path, [b"a"] * 12, chunked=False, together=3, in_flight=3))
    assert (len(seen.indexes), most) == (12, 3)


def test_the_open_loop_hands_in_whatever_was_answered(tmp_path: Path) -> None:
    seen, most = asyncio.run(serve(tmp_path, [b"a"] * 20, chunked=False, together=4, in_flight=0, interval=PAUSE / 10))
    assert len(seen.indexes) == 20
    assert most > 3

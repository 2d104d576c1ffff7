"""The client of the engine's RPC against answers that no engine gives: bounded, checked, never taken for good."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.refusals import refused
from xinglin.carrier.consensus.comet import rpc as subject
from xinglin.carrier.consensus.comet.rpc import EngineRpc, read_time

STATUS = {
    "node_info": {"id": "ab" * 20, "network": "c"},
    "sync_info": {
        "latest_block_height": "7",
        "earliest_block_height": "1",
        "latest_block_time": "2026-11-26T11:00:00.123456789Z",
        "latest_app_hash": "00FF",
        "catching_up": False,
    },
    "validator_info": {"pub_key": {"type": "t", "value": "AAEC"}, "voting_power": "10"},
}


def http_answer(body: object, raw: bytes | None = None) -> bytes:
    data = json.dumps(body).encode() if raw is None else raw
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)


@pytest.fixture
def answering() -> Iterator[Callable[..., EngineRpc]]:
    """Return a client of a server that gives these answers, one a request, each over a connection of its own."""
    opened: list[socket.socket | EngineRpc] = []

    def make(*answers: bytes) -> EngineRpc:
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=serve, args=[listener, answers], daemon=True).start()
        client = EngineRpc(f"127.0.0.1:{listener.getsockname()[1]}", timeout=60.0)
        opened.extend([listener, client])
        return client

    yield make
    for one in opened:
        one.close()


def serve(listener: socket.socket, answers: tuple[bytes, ...]) -> None:
    for answer in answers:
        connection, _ = listener.accept()
        with connection:
            _take_request(connection)
            connection.sendall(answer)


def _take_request(connection: socket.socket) -> None:
    """Read a request to its end: who closes with a part unread resets the connection, its answer with it."""
    with connection.makefile("rb") as lines:
        length = 0
        while line := lines.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        lines.read(length)


def test_a_status_is_read(answering: Callable[..., EngineRpc]) -> None:
    status = answering(http_answer({"jsonrpc": "2.0", "id": 0, "result": STATUS})).status()
    assert (status.height, status.earliest, status.power, status.time) == (7, 1, 10, 1_795_690_800_123)
    assert (status.peer, status.app_hash, status.validator) == (b"\xab" * 20, b"\x00\xff", bytes([0, 1, 2]))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'"x"',
        b"[" * 100_000,
        b'{"id": 5, "result": {}}',
        b'{"id": 0, "result": []}',
        b'{"id": 0, "result": {}}',
        b'{"id": {}, "result": {}}',
        json.dumps({"id": 0, "result": {**STATUS, "node_info": {"id": "zz", "network": "c"}}}).encode(),
        json.dumps({"id": 0, "result": {**STATUS, "sync_info": {"latest_block_height": "1e9"}}}).encode(),
    ],
)
def test_what_is_no_answer_is_refused(answering: Callable[..., EngineRpc], raw: bytes) -> None:
    with refused("engine.answer"):
        answering(http_answer(None, raw)).status()


def test_an_answer_is_bounded(answering: Callable[..., EngineRpc], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MAX_ANSWER", 1000)
    with refused("engine.answer"):
        answering(http_answer(None, b" " * 1001)).status()


def test_an_error_is_a_refusal_with_its_reason(answering: Callable[..., EngineRpc]) -> None:
    error = {"code": -32603, "message": "Internal error", "data": "mempool is full"}
    with pytest.raises(subject.EngineRefused, match="mempool is full"):
        answering(http_answer({"id": 0, "error": error})).health()


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", b"no http at all\r\n\r\n"])
def test_what_breaks_off_is_unreachable(answering: Callable[..., EngineRpc], said: bytes) -> None:
    with refused("engine.unreachable"):
        answering(said).health()


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    with refused("engine.unreachable"):
        EngineRpc(address).health()
    with pytest.raises(ConnectionError, match="does not answer"):
        EngineRpc(address).hand_in([b"x"])


def test_a_kept_connection_that_was_closed_is_made_anew(answering: Callable[..., EngineRpc]) -> None:
    rpc = answering(*[http_answer({"id": number, "result": {}}) for number in range(2)])
    rpc.health()
    rpc.health()


@pytest.mark.parametrize("address", ["10.0.0.1:26657", "0.0.0.0:26657", "example.org:80", "127.0.0.1", "127.0.0.1:0"])
def test_it_speaks_to_loopback_only(address: str) -> None:
    with refused("engine.setting"):
        EngineRpc(address)


def test_times() -> None:
    assert read_time("1970-01-01T00:00:00Z") == 0
    assert read_time("0001-01-01T00:00:00Z") == 0
    assert read_time("2026-11-26T11:00:00.5Z") == 1_795_690_800_500
    for wrong in ("", "2026-11-26", "2026-11-26T11:00:00+08:00", "2026-11-26T11:00:00.xZ"):
        with pytest.raises(ValueError, match=r".*"):
            read_time(wrong)

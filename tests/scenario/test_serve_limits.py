"""What a node bears: slow, greedy, endless and many clients; the others are answered meanwhile (S8.5c)."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support.served import Served, hear, home_to_serve, raw, request, serving
from tests.support.waiting import PATIENCE, until
from xinglin.node.remote.forms import MAX_SUBMISSION_BYTES, PREFIX
from xinglin.node.remote.served import ServedHome
from xinglin.server.errors import BodySlow, BodyTooLarge, ServerBusy, SourceTooFast

HEAD, TRANSACTIONS = f"{PREFIX}/head", f"{PREFIX}/transactions"
SECONDS = 1.0
CONNECTIONS = 40


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a node that waits a second for a request and has two in hand."""
    folder = tmp_path_factory.mktemp("strict")
    home, _ = home_to_serve(
        folder, request_seconds=SECONDS, requests=2, connections=CONNECTIONS, source_requests=100_000.0
    )
    with serving(home) as one:
        yield one


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a node that has two requests in hand, and waits long for each."""
    folder = tmp_path_factory.mktemp("narrow")
    home, _ = home_to_serve(
        folder, request_seconds=2 * PATIENCE, requests=2, connections=CONNECTIONS, source_requests=100_000.0
    )
    with serving(home) as one:
        yield one


def connect(served: Served) -> socket.socket:
    """Return a connection to the listener for members."""
    host, _, port = served.members.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), PATIENCE)


def ended(connection: socket.socket) -> bool:
    """Tell whether a connection was ended by the other side, in time."""
    try:
        while connection.recv(65_536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def cut_off(connection: socket.socket, parts: Iterable[bytes], pause: float = 0.0) -> bool:
    """Send parts and tell whether the other side ended the connection before all were taken, each in its time."""
    try:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
    except ConnectionError:
        return True
    return False


def answered(served: Served) -> bool:
    """Tell whether the node answers somebody else."""
    return served.client().head().chain == served.said["chain"] and ServedHome(served.home).tip.height >= 0


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nhost: a\r\n", b"GET"])
def test_a_head_that_does_not_come_is_not_waited_for(strict: Served, begun: bytes) -> None:
    with connect(strict) as connection:
        connection.sendall(begun)
        started = time.monotonic()
        assert answered(strict)
        assert ended(connection)
        assert time.monotonic() - started < PATIENCE


def test_a_head_that_comes_letter_by_letter_is_cut_off(strict: Served) -> None:
    letters = [bytes([letter]) for letter in b"GET / HTTP/1.1\r\n" + b"x-slow: loris\r\n" * 20]
    with connect(strict) as connection:
        assert cut_off(connection, letters, 0.05)
    assert answered(strict)


def test_the_head_after_an_answer_has_its_time_too(strict: Served) -> None:
    with connect(strict) as connection:
        connection.sendall(request("GET", HEAD).replace(b"connection: close\r\n", b""))
        assert hear(connection).status == 200
        connection.sendall(b"GET")
        assert ended(connection)


def test_a_body_that_does_not_come_is_refused(strict: Served) -> None:
    sent = request("POST", TRANSACTIONS, b"a" * 100)[:-50]
    with connect(strict) as connection:
        connection.sendall(sent)
        answer = hear(connection)
        assert (answer.status, answer.code) == (408, BodySlow.code)
        assert ended(connection)
    assert answered(strict)


def test_a_body_that_is_too_large_is_refused_before_it_comes(strict: Served) -> None:
    declared = request("POST", TRANSACTIONS).replace(
        b"content-length: 0", b"content-length: %d" % (MAX_SUBMISSION_BYTES + 1)
    )
    answer = raw(strict.members, declared)
    assert (answer.status, answer.code) == (413, BodyTooLarge.code)
    absurd = request("POST", TRANSACTIONS).replace(b"content-length: 0", b"content-length: " + b"9" * 19)
    assert raw(strict.members, absurd).status in (400, 413)


def test_a_body_of_no_said_length_is_counted(strict: Served) -> None:
    head = request("POST", f"{PREFIX}/cosign").replace(b"content-length: 0", b"transfer-encoding: chunked")
    chunk = b"%x\r\n" % 65_536 + b"a" * 65_536 + b"\r\n"
    with connect(strict) as connection:
        assert cut_off(connection, [head, *[chunk] * 400])
    assert answered(strict)


def test_an_endless_head_is_cut_off(strict: Served) -> None:
    with connect(strict) as connection:
        assert cut_off(connection, [b"GET / HTTP/1.1\r\n", *[b"x-endless: " + b"a" * 1_000 + b"\r\n"] * 10_000])
    assert answered(strict)


def test_who_takes_no_answer_is_cut_off(strict: Served) -> None:
    one = request("GET", HEAD).replace(b"connection: close\r\n", b"")
    with connect(strict) as connection, suppress(ConnectionError):  # it may be cut off while it still sends
        connection.sendall(one * 20_000)  # answers of some 10 MB, none of which is read
        waiting = select.poll()
        waiting.register(connection, 0)
        assert waiting.poll(PATIENCE * 1000)
    assert answered(strict)


def test_requests_in_hand_are_bounded_and_the_local_socket_has_its_own(narrow: Served) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            connection = stack.enter_context(connect(narrow))
            connection.sendall(request("POST", TRANSACTIONS, b"a" * 100)[:-50])
        until(lambda: raw(narrow.members, request("GET", HEAD)).status == 503)
        refused = raw(narrow.members, request("GET", HEAD))
        assert (refused.status, refused.code) == (503, ServerBusy.code)
        assert b"retry-after: 1" in refused.head
        assert ServedHome(narrow.home).tip.height >= 0
    until(lambda: raw(narrow.members, request("GET", HEAD)).status == 200)
    assert answered(narrow)


def test_one_source_has_a_share_of_the_connections(narrow: Served) -> None:
    with ExitStack() as stack:
        opened = []
        for _ in range(CONNECTIONS // 2):
            with suppress(ConnectionResetError):  # cut off before this side knew that it was there
                opened.append(stack.enter_context(connect(narrow)))
        early = CONNECTIONS // 2 - len(opened)
        # Those that are cut off can be read to their end; nothing comes through the others.
        until(lambda: early + len(select.select(opened, [], [], 0)[0]) >= CONNECTIONS // 4)
        cut = [connection for connection in select.select(opened, [], [], 0)[0] if ended(connection)]
        assert early + len(cut) >= CONNECTIONS // 4
        assert ServedHome(narrow.home).tip.height >= 0
    until(lambda: raw(narrow.members, request("GET", HEAD)).status == 200)
    assert answered(narrow)


def test_a_flood_from_one_address_is_refused_and_hinders_nobody_else(tmp_path: Path) -> None:
    home, _ = home_to_serve(tmp_path, source_requests=0.5)
    with serving(home) as served:
        answers = [raw(served.members, request("GET", HEAD)) for _ in range(60)]
        refused = [one for one in answers if one.status == 429]
        assert [one.status for one in answers[:2]] == [200, 200]
        assert len(refused) >= 20
        assert {one.code for one in refused} == {SourceTooFast.code}
        # A client with patience comes through, and who comes another way was never hindered.
        assert served.client().head().height >= 0
        assert ServedHome(served.home).tip.height >= 0
        figures = raw(f"http://{served.said['metrics']}", request("GET", "/metrics"))
        assert figures.status == 200

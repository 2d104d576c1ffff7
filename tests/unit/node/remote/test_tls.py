"""Asking a node through TLS: whose certificate is believed, and that nothing is waited for without end."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import make_authority, make_certificate
from tests.support.openssl import needs_openssl
from xinglin.node.remote.errors import NodeAway, NodeUnreached
from xinglin.node.remote.tls import AuthoritiesInvalid
from xinglin.node.remote.transport import Ask, ask, parse_address

pytestmark = needs_openssl
HEAD = Ask("GET", "/ledger/v1/head", seconds=60.0)
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
Answers = Callable[[socket.socket], None]


@contextmanager
def listening(answer: Answers) -> Iterator[int]:
    """Give the port of somebody who answers each connection so."""

    def accept() -> None:
        with suppress(OSError):
            while True:
                one, _ = server.accept()
                threading.Thread(target=answered, args=(one,), daemon=True).start()

    def answered(one: socket.socket) -> None:
        with one, suppress(OSError):
            answer(one)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)


def by(certificate: tuple[Path, Path]) -> Answers:
    """Return what answers one request as a TLS proxy with a certificate does."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)

    def answer(one: socket.socket) -> None:
        with context.wrap_socket(one, server_side=True) as wrapped:
            wrapped.recv(65_536)
            wrapped.sendall(ANSWER)

    return answer


def in_clear(one: socket.socket) -> None:
    """Answer as a listener does that has no TLS."""
    one.recv(65_536)
    one.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_a_certificate_of_the_given_authority_for_that_host_is_believed(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    with listening(by(make_certificate(authority, "127.0.0.1"))) as port:
        assert ask(parse_address(f"https://127.0.0.1:{port}", str(authority)), HEAD).body == b"{}"
        # And by the name that it does not have, it is not.
        with pytest.raises(NodeUnreached, match="node") as refused:
            ask(parse_address(f"https://localhost:{port}", str(authority)), HEAD)
        assert "localhost" in refused.value.sentence()


def test_a_certificate_of_another_authority_is_not_believed(tmp_path: Path) -> None:
    authority, other = make_authority(tmp_path), make_authority(tmp_path, "other")
    with listening(by(make_certificate(other, "127.0.0.1"))) as port:
        for believed in (str(authority), ""):
            with pytest.raises(NodeUnreached) as refused:
                ask(parse_address(f"https://127.0.0.1:{port}", believed), HEAD)
            assert "certificate" in refused.value.sentence()


def test_what_does_not_speak_tls_was_told_nothing(tmp_path: Path) -> None:
    with listening(in_clear) as port, pytest.raises(NodeUnreached):
        ask(parse_address(f"https://127.0.0.1:{port}", str(make_authority(tmp_path))), HEAD)


def test_an_old_tls_is_not_spoken(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*make_certificate(authority, "127.0.0.1"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1

    def answer(one: socket.socket) -> None:
        context.wrap_socket(one, server_side=True)

    with listening(answer) as port, pytest.raises(NodeUnreached):
        ask(parse_address(f"https://127.0.0.1:{port}", str(authority)), HEAD)


def slow_handshake(one: socket.socket) -> None:
    """Send the first message of a handshake byte by byte; it would take five minutes, and there is more to come."""
    one.sendall(b"\x16\x03\x03\x3f\xff")
    for _ in range(3_000):
        one.sendall(b"\x02")
        time.sleep(0.1)


def slow_body(certificate: tuple[Path, Path]) -> Answers:
    """Return what sends an answer byte by byte; each comes in time for the socket."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)

    def answer(one: socket.socket) -> None:
        with context.wrap_socket(one, server_side=True) as wrapped:
            wrapped.recv(65_536)
            wrapped.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n")
            for _ in range(3_000):
                wrapped.sendall(b"x")
                time.sleep(0.1)

    return answer


def test_an_answer_that_is_cut_off_is_none() -> None:
    def answer(one: socket.socket) -> None:
        one.recv(65_536)
        one.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n{}")

    with listening(answer) as port, pytest.raises(NodeAway):
        ask(parse_address(f"http://127.0.0.1:{port}"), HEAD)


@pytest.mark.parametrize("slow", ["handshake", "body"])
def test_what_comes_byte_by_byte_is_cut(slow: str, tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    answer = slow_handshake if slow == "handshake" else slow_body(make_certificate(authority, "127.0.0.1"))
    with listening(answer) as port:
        begun = time.monotonic()
        with pytest.raises((NodeUnreached, NodeAway)):
            ask(parse_address(f"https://127.0.0.1:{port}", str(authority)), Ask("GET", "/ledger/v1/head", seconds=1.0))
        assert time.monotonic() - begun < 100


def slow_in_clear(one: socket.socket) -> None:
    """Send an answer byte by byte, without TLS."""
    one.recv(65_536)
    one.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n")
    for _ in range(3_000):
        one.sendall(b"x")
        time.sleep(0.1)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_time_that_is_over_before_there_is_a_connection_counts(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, looked_up = make_authority(tmp_path), socket.getaddrinfo

    def slow_names(*named: Any, **more: Any) -> Any:
        time.sleep(3.0)
        return looked_up(*named, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow_names)
    with listening(slow_in_clear if scheme == "http" else slow_handshake) as port:
        begun = time.monotonic()
        address = parse_address(f"{scheme}://127.0.0.1:{port}", str(authority))
        with pytest.raises(NodeUnreached):
            ask(address, Ask("GET", "/ledger/v1/head", seconds=0.3))
        assert time.monotonic() - begun < 100


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_of_authorities_that_can_not_be_used_is_told(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AuthoritiesInvalid) as refused:
        ask(parse_address("https://127.0.0.1:9", str(path)), HEAD)
    assert str(path) in refused.value.sentence()


@pytest.mark.parametrize("host", ["a..b", ".a", "a" * 64 + ".b"])
def test_a_host_that_can_be_no_name_is_refused_in_order(host: str) -> None:
    for scheme in ("http", "https"):
        with pytest.raises(NodeUnreached):
            ask(parse_address(f"{scheme}://{host}:7700"), HEAD)

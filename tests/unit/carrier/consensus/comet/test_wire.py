"""Frames: every way in which bytes can be cut up gives the same requests, and nothing else is let in."""

from __future__ import annotations

import socket
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.abci import framed
from xinglin.carrier.consensus.comet import wire
from xinglin.carrier.consensus.comet.messages import Request, Response
from xinglin.carrier.consensus.comet.wire import FrameReader, encode_frames, encode_varint
from xinglin.carrier.consensus.errors import EngineProtocol

requests = st.one_of(
    st.builds(lambda text: Request(echo={"message": text}), st.text(max_size=20)),
    st.just(Request(flush={})),
    st.just(Request(commit={})),
    st.builds(lambda raw: Request(check_tx={"tx": raw}), st.binary(max_size=300)),
    st.builds(
        lambda txs, height, seconds: Request(
            finalize_block={"txs": txs, "height": height, "time": {"seconds": seconds, "nanos": 5}}
        ),
        st.lists(st.binary(max_size=40), max_size=5),
        st.integers(0, 2**63 - 1),
        st.integers(0, 2**40),
    ),
)


class Pieces:
    """A connection that gives what was sent in pieces."""

    def __init__(self, data: bytes, cuts: list[int]) -> None:
        edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
        self._pieces = [data[start:end] for start, end in pairwise(edges) if start < end]

    def recv(self, size: int) -> bytes:
        if not self._pieces:
            return b""
        piece = self._pieces.pop(0)
        if len(piece) > size:
            self._pieces.insert(0, piece[size:])
        return piece[:size]


def read_all(data: bytes, cuts: list[int]) -> list[object] | str:
    """Return all requests that a reader gives, or why it gave up."""
    reader, found = FrameReader(Pieces(data, cuts)), []  # type: ignore[arg-type]
    try:
        while several := reader.read():
            found += several
    except EngineProtocol as refusal:
        return str(refusal.facts["reason"])
    return found


def reference_varint(value: int) -> bytes:
    """Return a varint, written from its definition: groups of seven bits, all but the last with the high bit."""
    groups = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([group | 0x80 for group in groups[:-1]] + groups[-1:])


def reference_requests(data: bytes) -> list[object] | None:
    """Return the requests of whole bytes, None when one of them is none; a part at the end is passed over."""
    found: list[object] = []
    while data:
        size = next((n for n in range(1, min(6, len(data) + 1)) if data[n - 1] < 0x80), 0)
        if not size:
            return None if len(data) >= 5 else found
        length = sum((byte & 0x7F) << 7 * n for n, byte in enumerate(data[:size]))
        if length > wire.MAX_FRAME_BYTES:
            return None
        frame, data = data[size : size + length], data[size + length :]
        if len(frame) < length:
            return found
        try:
            request = Request.FromString(frame)
        except Exception:  # noqa: BLE001
            return None
        # One known alternative and nothing beside it: written again it may be shorter, but has one field.
        if request.WhichOneof("value") is None or fields(frame) != 1:
            return None
        found.append(request)
    return found


def fields(message: bytes) -> int:
    """Count the fields of a message that has only fields with a length; 0 for another."""
    count = 0
    while message:
        tag = next((n for n in range(1, min(6, len(message) + 1)) if message[n - 1] < 0x80), 0)
        if not tag or message[0] & 7 != 2:
            return 0
        message = message[tag:]
        size = next((n for n in range(1, min(6, len(message) + 1)) if message[n - 1] < 0x80), 0)
        length = sum((byte & 0x7F) << 7 * n for n, byte in enumerate(message[:size]))
        if not size or len(message) < size + length:
            return 0
        message = message[size + length :]
        count += 1
    return count


@given(several=st.lists(requests, max_size=8), cuts=st.lists(st.integers(0, 10_000), max_size=12))
def test_requests_come_whole_and_in_order_however_they_are_cut(several: list[object], cuts: list[int]) -> None:
    assert read_all(framed(*several), cuts) == several


@given(value=st.integers(0, 2**35 - 1))
def test_lengths_are_written_and_read_as_varints(value: int) -> None:
    assert encode_varint(value) == reference_varint(value)
    assert wire._read_varint(b"x" + encode_varint(value), 1) == (1 + len(encode_varint(value)), value)


@given(
    good=st.lists(requests, max_size=2),
    noise=st.binary(min_size=1, max_size=30),
    cuts=st.lists(st.integers(0, 400), max_size=6),
)
def test_any_bytes_are_read_as_the_reference_reads_them(good: list[object], noise: bytes, cuts: list[int]) -> None:
    data = framed(*good) + noise
    expected, found = reference_requests(data), read_all(data, cuts)
    assert isinstance(found, str) if expected is None else found == expected


@given(request=requests, position=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_one_changed_byte_is_read_as_the_reference_reads_it(request: object, position: int, byte: int) -> None:
    data = bytearray(framed(request))
    data[position % len(data)] = byte
    expected, found = reference_requests(bytes(data)), read_all(bytes(data), [])
    assert isinstance(found, str) if expected is None else found == expected


FLUSH, COMMIT = Request(flush={}).SerializeToString(), Request(commit={}).SerializeToString()
BAD = {
    "no length ends": b"\xff\xff\xff\xff\xff\x01",
    "a frame above the limit": encode_varint(wire.MAX_FRAME_BYTES + 1),
    "a frame of four gigabytes": encode_varint(2**32 - 1),
    "an empty frame": b"\x00",
    "garbage": b"\x05hello",
    "two alternatives": encode_varint(len(FLUSH + COMMIT)) + FLUSH + COMMIT,
    "the same alternative twice": encode_varint(2 * len(FLUSH)) + FLUSH + FLUSH,
    "an alternative nobody knows": b"\x03\xa2\x06\x00",
    "set_option, which is gone": b"\x02\x22\x00",
    "a field beside the request": encode_varint(len(FLUSH) + 3) + FLUSH + b"\xa0\x06\x01",
    "a number in the place of a request": b"\x02\x10\x01",
    "a text that is no UTF-8": b"\x05\x0a\x03\x0a\x01\xff",
    "a length beyond the frame": b"\x03\x0a\x7f\x00",
    "a group": b"\x02\x13\x14",
    "a nested message cut off": b"\x06\xa2\x01\x03\x0a\x7f\x00",
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_request_is_refused(what: str) -> None:
    assert isinstance(read_all(framed(Request(flush={})) + BAD[what], []), str)


def test_a_frame_of_the_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request(check_tx={"tx": bytes(5000)})
    monkeypatch.setattr(wire, "MAX_FRAME_BYTES", request.ByteSize())
    assert read_all(framed(request), [100]) == [request]
    monkeypatch.setattr(wire, "MAX_FRAME_BYTES", request.ByteSize() - 1)
    assert isinstance(read_all(framed(request), [100]), str)


def test_responses_are_framed_as_requests_are() -> None:
    responses = [Response(flush={}), Response(echo={"message": "x" * 200}), Response(check_tx={"code": 5})]
    assert encode_frames(responses) == framed(*responses)
    assert encode_frames([]) == b""


def test_many_frames_at_once_are_one_batch() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(framed(*[Request(check_tx={"tx": b"a"})] * 50))
        assert len(FrameReader(ours).read()) == 50

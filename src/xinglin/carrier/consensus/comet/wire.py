"""Frames of the ABCI socket protocol: an unsigned varint length, then a protobuf message; many are read at once."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

from google.protobuf.message import DecodeError

from xinglin.carrier.consensus.comet.messages import Request
from xinglin.carrier.consensus.errors import EngineProtocol

MAX_FRAME_BYTES = 64 << 20
"""More than the largest block (``genesis.MAX_BLOCK_BYTES``): it comes with little beside its transactions."""
_READ_BYTES = 1 << 18
_MAX_VARINT_BYTES = 5
_LENGTH_DELIMITED = 2


class FrameReader:
    """Reads requests from a socket: blocks until one is whole, then returns all that are."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    def read(self) -> list[Any]:
        """Return the next requests in order; none when the peer has closed.

        Raises:
            EngineProtocol: a frame is too long, or is not a request.
            OSError: the connection failed.
        """
        while True:
            frames = self._whole()
            if frames:
                return frames
            data = self._connection.recv(_READ_BYTES)
            if not data:
                return []
            self._buffer += data

    def _whole(self) -> list[Any]:
        buffer, position, frames = self._buffer, 0, []
        while (found := _length(buffer, position)) is not None:
            start, length = found
            if start + length > len(buffer):
                break
            frames.append(_request(bytes(memoryview(buffer)[start : start + length])))
            position = start + length
        if position:
            del buffer[:position]
        return frames


def encode_frames(responses: Iterable[Any]) -> bytes:
    """Return the bytes of several responses, framed."""
    out = bytearray()
    for response in responses:
        message = response.SerializeToString()
        out += encode_varint(len(message))
        out += message
    return bytes(out)


def _request(frame: bytes) -> Any:
    """Read one request; a frame is one alternative from its first byte to its last, as CometBFT writes it."""
    if not _is_one_field(frame):
        raise EngineProtocol(reason="a frame is not one request and nothing else")
    try:
        request = Request.FromString(frame)
    except DecodeError:
        raise EngineProtocol(reason="a frame is no protobuf message") from None
    if request.WhichOneof("value") is None:
        raise EngineProtocol(reason="a frame is no request that this version knows")
    return request


def _is_one_field(frame: bytes) -> bool:
    """Tell whether a message is a single field with a length, without which the last of two alternatives would win."""
    tag = _read_varint(frame, 0)
    if tag is None or tag[1] & 7 != _LENGTH_DELIMITED:
        return False
    length = _read_varint(frame, tag[0])
    return length is not None and length[0] + length[1] == len(frame)


def _length(buffer: bytearray, position: int) -> tuple[int, int] | None:
    """Return where the next message starts and how long it is; None while its length is not there."""
    found = _read_varint(buffer, position)
    if found is None and len(buffer) - position >= _MAX_VARINT_BYTES:
        raise EngineProtocol(reason="the length of a frame has no end")
    if found is not None and found[1] > MAX_FRAME_BYTES:
        raise EngineProtocol(reason=f"a frame has {found[1]} bytes")
    return found


def _read_varint(data: bytes | bytearray, position: int) -> tuple[int, int] | None:
    """Return where a varint ends and its value; None when it has no end within its five bytes or the data."""
    value = 0
    for offset in range(min(_MAX_VARINT_BYTES, len(data) - position)):
        byte = data[position + offset]
        value |= (byte & 0x7F) << (7 * offset)
        if byte < 0x80:
            return position + offset + 1, value
    return None


def encode_varint(value: int) -> bytes:
    """Return a length as CometBFT writes it: seven bits a byte, the lowest first."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)

"""Frames of the ABCI socket protocol: an unsigned varint length, then a protobuf message; many are read at once."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

from google.protobuf.message import DecodeError

from xinglin.carrier.consensus.comet.messages import Request
from xinglin.carrier.consensus.errors import EngineProtocol

MAX_FRAME_BYTES = 64 << 20
"""Four times the largest block that a chain may have: a block comes with little beside its transactions."""
_READ_BYTES = 1 << 18
_MAX_VARINT_BYTES = 5


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
        out += _varint(len(message))
        out += message
    return bytes(out)


def _request(frame: bytes) -> Any:
    try:
        request = Request.FromString(frame)
    except DecodeError:
        raise EngineProtocol(reason="a frame is no protobuf message") from None
    if request.WhichOneof("value") is None:
        raise EngineProtocol(reason="a frame is no request that this version knows")
    return request


def _length(buffer: bytearray, position: int) -> tuple[int, int] | None:
    """Return where the next message starts and how long it is; None while its length is not there."""
    value = 0
    for offset in range(_MAX_VARINT_BYTES):
        if position + offset >= len(buffer):
            return None
        byte = buffer[position + offset]
        value |= (byte & 0x7F) << (7 * offset)
        if byte < 0x80:
            if value > MAX_FRAME_BYTES:
                raise EngineProtocol(reason=f"a frame has {value} bytes")
            return position + offset + 1, value
    raise EngineProtocol(reason="the length of a frame has no end")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)

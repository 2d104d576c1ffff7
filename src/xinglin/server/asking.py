"""Requests as the routes read them: path, query and body, each in its one form; answers as they write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from xinglin.kernel.encoding import MAX_INTEGER
from xinglin.server.errors import ParameterInvalid

JSON = "application/json"
OCTETS = "application/octet-stream"
NOTE = "text/plain; charset=utf-8"
_HEADERS = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Question:
    """What a route is asked: parts of the path, parameters of the query, body."""

    parts: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = b""

    def number(self, name: str, otherwise: int | None = None) -> int:
        """Return a natural number of path or query.

        Raises:
            ParameterInvalid: it is none, or is not there and nothing stands in for it.
        """
        text = self.parts.get(name, self.query.get(name))
        if text is None and otherwise is not None:
            return otherwise
        digits = text or ""
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 20) or (digits[0] == "0" and digits != "0"):
            raise ParameterInvalid(parameter=name)
        number = int(digits)
        if number > MAX_INTEGER:
            raise ParameterInvalid(parameter=name)
        return number

    def octets(self, name: str, sizes: range) -> bytes:
        """Return bytes that path or query have in lower-case hexadecimal; raises ParameterInvalid."""
        text = self.parts.get(name, self.query.get(name, ""))
        if len(text) // 2 not in sizes or len(text) % 2 or not set(text) <= set("0123456789abcdef"):
            raise ParameterInvalid(parameter=name)
        return bytes.fromhex(text)


@dataclass(frozen=True, slots=True)
class Octets:
    """An answer that is bytes of a form of its own."""

    data: bytes


Act = Callable[[Question], msgspec.Struct | Octets | bytes]
"""What a route does, on a thread: answers with a JSON object, octets, or the bytes of a signed note."""


def question_of(request: Request, allowed: Sequence[str], body: bytes = b"") -> Question:
    """Return what a request asks.

    Args:
        request: as it came.
        allowed: the parameters that its query may have, each once.
        body: its body, read.

    Raises:
        ParameterInvalid: another parameter, or one twice.
    """
    pairs = request.query_params.multi_items()
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)) or not set(names) <= set(allowed):
        raise ParameterInvalid(parameter="query")
    return Question(dict(request.path_params), dict(pairs), body)


def answer_of(said: msgspec.Struct | Octets | bytes) -> Response:
    """Return what a route says as an answer."""
    if isinstance(said, Octets):
        return Response(said.data, 200, _HEADERS, OCTETS)
    if isinstance(said, bytes):
        return Response(said, 200, _HEADERS, NOTE)
    return Response(msgspec.json.encode(said), 200, _HEADERS, JSON)

"""Serves a few light blocks to this node's own engine, over loopback, while it begins at a height (state sync).

The engine's light client asks two servers over JSON-RPC; what it is given was put into a recovery package by another
member's engine, and is verified by it. Nothing else is answered.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

METHODS = ("commit", "validators", "consensus_params")
_MAX_REQUEST = 1 << 16
Blocks = Mapping[str, Mapping[str, Any]]
"""By height in decimal: the answer to each of ``METHODS``."""


class LightServer:
    """Answers on a port of loopback until it is closed."""

    def __init__(self, blocks: Blocks) -> None:
        self._server = _Server(blocks)
        self._thread = threading.Thread(target=self._server.serve_forever, name="light-blocks", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_POST(self) -> None:
        """Answer one JSON-RPC request."""
        try:
            asked = json.loads(self.rfile.read(min(int(self.headers["content-length"]), _MAX_REQUEST)))
            parameters = asked.get("params") or {}
            block = cast("_Server", self.server).blocks.get(str(parameters.get("height")))
            method, number = asked["method"], asked["id"]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            self.send_error(400)
            return
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": number}
        if block is None or method not in METHODS:
            answer["error"] = {"code": -32603, "message": "Internal error", "data": "there is no such height here"}
        else:
            answer["result"] = block[method]
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (as the base class names it)
        """Say nothing: who asks is this node's own engine."""

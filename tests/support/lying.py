"""Nodes that lie: the real routes of a running node, with one answer changed on its way to who asked."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.support.neighbourhood import wait_for
from tests.support.ports import free_ports
from tests.support.waiting import PATIENCE
from xinglin.node.remote.transport import Ask, ask, parse_address

Lie = Callable[[str, str, bytes, Any], Any]
"""Of method, path, the request's body and the true answer (parsed JSON, None for a refusal) makes what is answered;
None lets the truth stand."""


def lying(lie: Lie, *, takes: bool = True) -> Callable[[ASGIApp], ASGIApp]:
    """Return what stands between a node and who asks it; unless it ``takes`` submissions, they don't reach the node."""

    def between(app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            asked = await _body(receive)
            told: list[Message] = []

            async def again() -> Message:
                return {"type": "http.request", "body": asked, "more_body": False}

            async def keep(message: Message) -> None:
                told.append(message)

            if takes or not scope["path"].endswith("/transactions"):
                await app(scope, again, keep)
            else:
                told.append({"type": "http.response.start", "status": 503})
            status = next(one["status"] for one in told if one["type"] == "http.response.start")
            body = b"".join(one.get("body", b"") for one in told)
            truth = json.loads(body) if status == 200 and body.startswith(b"{") else None
            said = lie(scope["method"], scope["path"], asked, truth)
            if said is None:
                for message in told:
                    await send(message)
                return
            data = json.dumps(said).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": data})

        return answer

    return between


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


@contextmanager
def lying_before(address: str, lie: Lie) -> Iterator[str]:
    """Give the address of what stands before a node of a process of its own, and lies in its name."""
    node = parse_address(address)

    async def relay(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"] + ("?" + scope["query_string"].decode() if scope["query_string"] else "")
        headers = {name.decode(): value.decode() for name, value in scope["headers"] if name == b"content-type"}
        asked = Ask(scope["method"], path, await _body(receive), headers, PATIENCE, 32 << 20)
        answer = await asyncio.to_thread(ask, node, asked)
        length = [(b"content-length", str(len(answer.body)).encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": length})
        await send({"type": "http.response.body", "body": answer.body})

    port = free_ports(1)
    config = uvicorn.Config(lying(lie)(relay), host="127.0.0.1", port=port, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)

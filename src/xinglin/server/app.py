"""The applications of the three listeners, each with a table of routes of its own (design D2; docs/spec/node-http.md).

Members: the consortium chain, where it says so to signed requests of members alone. Local: the same without signature,
and what is for this user alone. Metrics: figures and health.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from xinglin.kernel.errors import PlatformError
from xinglin.node.remote.forms import (
    LOG_PER_MINUTE,
    MAX_CALL_BYTES,
    MAX_NOTE_REQUEST_BYTES,
    MAX_PROOFS,
    MAX_SUBMISSION_BYTES,
    PREFIX,
    PROOF_REQUEST_BYTES,
    OutcomesSaid,
)
from xinglin.node.remote.signed import HEADER, Asked
from xinglin.node.running import Running
from xinglin.server.asking import Act, answer_of, question_of
from xinglin.server.border import Bearing, Border, language, on_http_exception, read_body, source, tell_fault
from xinglin.server.errors import ServerFault, SubmissionsClosed
from xinglin.server.gate import Gate
from xinglin.server.ledger_routes import LedgerRoutes
from xinglin.server.limits import MemberRates, SourceRates
from xinglin.server.local_routes import LocalRoutes
from xinglin.server.metrics import TEXT, Figures
from xinglin.server.package_routes import PackageRoutes
from xinglin.server.problems import problem
from xinglin.server.proof_routes import ProofRoutes

_ANSWER_SECONDS = 60.0
"""For an answer, beside the time for a body and for a block."""
_COSIGNING, _PACKAGES, _LOG = "cosigning", "packages", "log"
_PARTS_PER_MINUTE = 120
"""Parts of recovery packages that one other member gets a minute: 480 MiB."""
_PROOFS_A_REQUEST = 20
"""So many proofs count as one request of an address."""
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Takes:
    """What a route takes: parameters of the query, bytes of body (0 for none), whether it is for members alone.

    ``rated``: by which count a member has so many a minute; empty for none. ``unit``: so many bytes of body, or fewer,
    are one request of its source; 0 where any body is.
    """

    query: Sequence[str] = ()
    body: int = 0
    signed: bool = False
    rated: str = ""
    unit: int = 0


_OPEN = Takes()


class Applications:
    """Builds the applications of one running node, which share its figures and its gate."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._settings = running.node.settings.listener
        self._figures = Figures(running)
        self._gate = Gate(running)
        cosigning = running.node.settings.cosigning.requests_per_minute
        per_minute = {_COSIGNING: cosigning, _PACKAGES: _PARTS_PER_MINUTE, _LOG: LOG_PER_MINUTE}
        self._rates = {name: MemberRates(count, time.monotonic) for name, count in per_minute.items()}
        self._sources = SourceRates(self._settings.source_requests, time.monotonic)
        self._packages = PackageRoutes(running)
        self._ledger = LedgerRoutes(running, self._figures, self._settings.commit_seconds)
        self._proofs = ProofRoutes(running)
        self._local = LocalRoutes(running)

    def member(self) -> ASGIApp:
        """Return the application for other members and clients."""
        return self._bordered(self._ledger_table(signed=True), self._sources)

    def local(self) -> ASGIApp:
        """Return the application of the local socket."""
        routes = [
            *self._ledger_table(signed=False),
            self._route("GET", "/status", self._local.status),
            self._route("GET", "/app_hash/{height}", self._local.app_hash),
            self._route("GET", "/links", self._local.links),
            self._route("GET", "/values/{key}", self._local.value),
            self._route("GET", "/keys", self._local.keys, Takes(("prefix",))),
            self._route("POST", "/call", self._local.call, Takes(body=MAX_CALL_BYTES)),
            self._route("POST", "/checkpoint", self._local.checkpoint, Takes(("seconds",))),
            self._route("POST", "/package", self._local.package),
            self._route("GET", "/proof/{kind}", self._local.proof, Takes(("of",))),
            *self._metrics_table(),
        ]
        return self._bordered(routes, None)

    def metrics(self) -> ASGIApp:
        """Return the application for Prometheus and health checks."""
        return self._bordered(self._metrics_table(), SourceRates(self._settings.source_requests, time.monotonic))

    def _ledger_table(self, *, signed: bool) -> list[Route]:
        routes = self._ledger
        submit = self._endpoint(self._submit if self._settings.submissions or not signed else _closed)
        unit = _PROOFS_A_REQUEST * PROOF_REQUEST_BYTES if signed else 0
        proofs = Takes(body=MAX_PROOFS * PROOF_REQUEST_BYTES, unit=unit)
        return [
            self._route("GET", f"{PREFIX}/head", routes.head),
            Route(f"{PREFIX}/transactions", submit, methods=["POST"]),
            self._route("GET", f"{PREFIX}/transactions/{{body}}", routes.place, Takes(("valid_until",))),
            self._route("POST", f"{PREFIX}/proofs", self._proofs.proofs, proofs),
            self._route("GET", f"{PREFIX}/genesis", self._proofs.genesis),
            self._route("GET", f"{PREFIX}/log/consistency/{{old}}", self._proofs.consistency, Takes(("size",))),
            self._route("GET", f"{PREFIX}/epochs", routes.epochs),
            self._route(
                "GET", f"{PREFIX}/checkpoint/{{height}}", routes.checkpoint, Takes(signed=signed, rated=_COSIGNING)
            ),
            self._route(
                "POST", f"{PREFIX}/cosign", routes.cosign, Takes((), MAX_NOTE_REQUEST_BYTES, signed, _COSIGNING)
            ),
            self._route("GET", f"{PREFIX}/log/entries/{{first}}", routes.page, Takes(("below",), 0, signed, _LOG)),
            self._route(
                "GET", f"{PREFIX}/log/tiles/{{level}}/{{index}}", routes.tile, Takes(signed=signed, rated=_LOG)
            ),
            self._route("GET", f"{PREFIX}/package", self._packages.newest, Takes(signed=signed, rated=_PACKAGES)),
            self._route(
                "GET", f"{PREFIX}/package/{{height}}/{{part}}", self._packages.part, Takes((), 0, signed, _PACKAGES)
            ),
            self._route("GET", f"{PREFIX}/value/{{key}}", routes.value, Takes(("height",), 0, signed)),
        ]

    def _metrics_table(self) -> list[Route]:
        async def metrics(_: Request) -> Response:
            return Response(await run_in_threadpool(self._figures.text), headers={"content-type": TEXT})

        return [
            self._route("GET", "/health", self._local.health),
            self._route("GET", "/ready", self._local.ready),
            Route("/metrics", self._endpoint(metrics), methods=["GET"]),
        ]

    def _bordered(self, routes: Sequence[Route], rates: SourceRates | None) -> ASGIApp:
        app = Starlette(routes=routes, exception_handlers={404: on_http_exception, 405: on_http_exception})
        app.router.redirect_slashes = False
        seconds = self._settings.request_seconds + self._settings.commit_seconds + _ANSWER_SECONDS
        return Border(app, Bearing(self._settings.requests, seconds, rates))

    def _route(self, method: str, path: str, act: Act, takes: Takes = _OPEN) -> Route:
        async def answer(request: Request) -> Response:
            body = await read_body(request, takes.body, self._settings.request_seconds)
            if takes.unit and len(body) > takes.unit:  # one was counted at the border
                self._sources.take(source(request.scope), (len(body) - 1) // takes.unit)
            return await run_in_threadpool(self._answered, act, takes, request, body)

        return Route(path, self._endpoint(answer), methods=[method])

    def _answered(self, act: Act, takes: Takes, request: Request, body: bytes) -> Response:
        """Answer on a thread: nothing here may hold the others up."""
        if takes.signed:
            asker = self._gate.check(_asked(request, body), source(request.scope))
            if takes.rated:
                self._rates[takes.rated].take(asker.caller.member)
        return answer_of(act(question_of(request, takes.query, body)))

    async def _submit(self, request: Request) -> Response:
        body = await read_body(request, MAX_SUBMISSION_BYTES, self._settings.request_seconds)
        question_of(request, ())
        raws, future = await run_in_threadpool(self._ledger.hand_in, body)
        return answer_of(OutcomesSaid(await self._ledger.outcomes(raws, future)))

    def _endpoint(self, act: Endpoint) -> Endpoint:
        """Return an endpoint whose refusals, and faults, are answers."""

        async def answer(request: Request) -> Response:
            try:
                return await act(request)
            except PlatformError as found:
                refusal = found
            except Exception as fault:  # noqa: BLE001  (a fault of ours is told by its place, and ends no connection)
                tell_fault(fault)
                refusal = ServerFault()
            self._figures.refusals.labels(refusal.code).inc()
            return problem(refusal, language(request.scope))

        return answer


async def _closed(_: Request) -> Response:
    """Take no submission; its body is not read."""
    raise SubmissionsClosed


def _asked(request: Request, body: bytes) -> Asked:
    path, query = request.scope["raw_path"], request.scope["query_string"]
    signatures = request.headers.getlist(HEADER)
    return Asked(
        method=request.method,
        path=path + (b"?" + query if query else b""),
        body=body,
        signature=signatures[0] if len(signatures) == 1 else None,
    )

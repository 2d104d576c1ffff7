"""A small client of the engine's JSON-RPC, over loopback HTTP: bounded answers, one connection that is kept.

The engine is a process of this node, but what answers on a port may be another program: every answer is checked. This
module never decides what an answer means for the chain.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, Self, TypeVar

from xinglin.carrier.consensus.comet.config import MAX_BATCH, check_loopback
from xinglin.carrier.consensus.comet.errors import EngineAnswerInvalid, EngineRefused, EngineUnreachable

MAX_ANSWER = 64 << 20
"""Bytes of an answer; a block of the largest size with its Base64 is below it unless a genesis asks for more."""
IN_CACHE = "tx already exists in cache"
"""The reason by which the engine refuses a transaction that it has seen."""
_MAX_BATCH_BYTES = 4 << 20
_MAX_REASON = 300
_PAGE = 100
_NANOSECONDS = 1_000_000

T = TypeVar("T")


class Connection(Protocol):
    """What this client needs of an HTTP connection (``http.client.HTTPConnection`` is one)."""

    def request(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a request."""

    def getresponse(self) -> http.client.HTTPResponse:
        """Return the answer's head."""

    def close(self) -> None:
        """End the connection."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """How far an engine is: peer id, chain, newest and oldest height, newest block time (ms), newest app hash.

    ``catching_up``: it takes blocks from others and doesn't vote yet. ``validator`` and ``power``: its key, its vote.
    """

    peer: bytes
    chain: str
    height: int
    earliest: int
    time: int
    app_hash: bytes
    catching_up: bool
    validator: bytes
    power: int


@dataclass(frozen=True, slots=True)
class Held:
    """Of which chain an engine has blocks, and its oldest and newest height."""

    chain: str
    earliest: int
    newest: int


@dataclass(frozen=True, slots=True)
class PeerLink:
    """A connection to another engine: its peer id and address, who began it, how long it stands, bytes and bytes/s."""

    peer: bytes
    moniker: str
    address: str
    outbound: bool
    duration_ms: int
    sent: int
    received: int
    send_rate: int
    receive_rate: int
    idle_ms: int


class EngineRpc:
    """Calls to one engine. May be used from any thread; calls wait for one another.

    Args:
        address: ``host:port`` on loopback.
        timeout: seconds for one answer.

    Raises:
        EngineSettingInvalid: the address is not on loopback.
    """

    def __init__(self, address: str, timeout: float = 10.0) -> None:
        self.address = address
        self._host, self._port = check_loopback("rpc_listen", address)
        self._timeout = timeout
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *of_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; a later call begins another."""
        with self._lock:
            self._drop()

    def call(self, method: str, **parameters: object) -> Mapping[str, Any]:
        """Call a method and return its result as CometBFT wrote it, such as ``commit`` for those who sync.

        Raises:
            EngineUnreachable: no answer.
            EngineRefused: an error is the answer.
            EngineAnswerInvalid: the answer is none of CometBFT's, or too long.
        """
        (answer,) = self._exchange(method, [parameters])
        if isinstance(answer, EngineRefused):
            raise answer
        return answer

    def health(self) -> None:
        """Return if the engine answers; raises as ``call``."""
        self.call("health")

    def status(self) -> EngineStatus:
        """Return how far the engine is; raises as ``call``."""
        return self._read("status", self.call("status"), _status)

    def held(self) -> Held:
        """Return which blocks the engine has; raises as ``call``."""
        status = self.status()
        return Held(status.chain, status.earliest, status.height)

    def links(self) -> list[PeerLink]:
        """Return its connections (``net_info``); raises as ``call``."""
        return self._read("net_info", self.call("net_info"), lambda result: [_link(one) for one in result["peers"]])

    def block(self, height: int) -> Mapping[str, Any]:
        """Return block and block id of a height; raises as ``call``."""
        return self.call("block", height=str(height))

    def commit(self, height: int) -> Mapping[str, Any]:
        """Return the signed header of a height; raises as ``call``."""
        return self.call("commit", height=str(height))

    def validators(self, height: int) -> dict[bytes, int]:
        """Return the voting power by public key of those who vote on a height; raises as ``call``."""
        found: dict[bytes, int] = {}
        for page in range(1, 1 + 10_000 // _PAGE):
            result = self.call("validators", height=str(height), page=str(page), per_page=str(_PAGE))
            keys, total = self._read("validators", result, _validators)
            found |= keys
            if len(found) >= total or not keys:
                break
        return found

    def broadcast(self, transactions: Sequence[bytes]) -> list[EngineRefused | None]:
        """Hand transactions to the engine's mempool; None for each that it took, which says nothing of its being good.

        They go out in arrays, in order. A call that failed half-way may be made again: what the engine has seen is
        refused with the reason ``IN_CACHE``.

        Raises:
            EngineUnreachable: no answer; some may have been taken.
            EngineAnswerInvalid: the answer is none of CometBFT's.
        """
        answers: list[EngineRefused | None] = []
        for batch in _batches(transactions):
            parameters = [{"tx": base64.b64encode(one).decode()} for one in batch]
            found = self._exchange("broadcast_tx_async", parameters)
            answers += [one if isinstance(one, EngineRefused) else None for one in found]
        return answers

    def hand_in(self, transactions: Sequence[bytes]) -> list[str]:
        """As ``broadcast``, in the form that ``CometEngine`` takes: the reason of each refusal, empty for none.

        Raises:
            ConnectionError: no answer, or none of CometBFT's; some may have been taken.
        """
        try:
            answers = self.broadcast(transactions)
        except (EngineUnreachable, EngineAnswerInvalid) as refusal:
            raise ConnectionError(str(refusal)) from refusal
        return ["" if one is None else str(one.facts["reason"]) for one in answers]

    def _exchange(
        self, method: str, parameters: Sequence[Mapping[str, object]]
    ) -> list[Mapping[str, Any] | EngineRefused]:
        """Send calls of one method in one request and return their answers in order."""
        with self._lock:
            first, self._number = self._number, self._number + len(parameters)
            calls = [
                {"jsonrpc": "2.0", "id": first + index, "method": method, "params": one}
                for index, one in enumerate(parameters)
            ]
            raw = self._post(method, json.dumps(calls).encode())
        try:
            answers = json.loads(raw)
            # CometBFT answers an array of one with an object.
            answers = answers if isinstance(answers, list) else [answers]
            found = {one["id"]: _result(method, one) for one in answers}
            return [found[first + index] for index in range(len(parameters))]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise self._invalid(method) from None

    def _post(self, method: str, body: bytes) -> bytes:
        """Send one request; again over a new connection if the kept one had been closed meanwhile."""
        kept = self._connection is not None
        try:
            return self._send(method, body)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            if not kept or isinstance(error, TimeoutError):
                raise self._unreachable(method, error) from None
        try:
            return self._send(method, body)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise self._unreachable(method, error) from None

    def _send(self, method: str, body: bytes) -> bytes:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        data = answer.read(MAX_ANSWER + 1)
        if len(data) > MAX_ANSWER:
            answer.close()
            self._drop()
            raise self._invalid(method)
        if answer.length:  # so many bytes never came
            raise http.client.IncompleteRead(data, answer.length)
        return data

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.close()
            self._connection = None

    def _read(self, method: str, result: Mapping[str, Any], reader: Callable[[Any], T]) -> T:
        try:
            return reader(result)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            raise self._invalid(method) from None

    def _invalid(self, method: str) -> EngineAnswerInvalid:
        return EngineAnswerInvalid(address=self.address, method=method, maximum=MAX_ANSWER)

    def _unreachable(self, method: str, error: Exception) -> EngineUnreachable:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return EngineUnreachable(address=self.address, method=method, reason=str(reason))


def _result(method: str, answer: Mapping[str, Any]) -> Mapping[str, Any] | EngineRefused:
    error = answer.get("error")
    if error is None:
        result = answer["result"]
        if not isinstance(result, dict):
            raise TypeError
        return result
    reason = str(error.get("data") or error.get("message") if isinstance(error, dict) else error)
    return EngineRefused(method=method, reason=" ".join(reason.split())[:_MAX_REASON].rstrip("."))


def _batches(transactions: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield the transactions in groups of bounded number and bytes."""
    batch: list[bytes] = []
    size = 0
    for one in transactions:
        if batch and (len(batch) == MAX_BATCH or size + len(one) > _MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += len(one)
    if batch:
        yield batch


def _status(result: Any) -> EngineStatus:
    node, sync, validator = result["node_info"], result["sync_info"], result["validator_info"]
    return EngineStatus(
        peer=bytes.fromhex(node["id"]),
        chain=str(node["network"]),
        height=int(sync["latest_block_height"]),
        earliest=int(sync["earliest_block_height"]),
        time=read_time(sync["latest_block_time"]),
        app_hash=bytes.fromhex(sync["latest_app_hash"]),
        catching_up=bool(sync["catching_up"]),
        validator=base64.b64decode(validator["pub_key"]["value"], validate=True),
        power=int(validator["voting_power"]),
    )


def _link(peer: Any) -> PeerLink:
    node, status = peer["node_info"], peer["connection_status"]
    sending, receiving = status["SendMonitor"], status["RecvMonitor"]
    return PeerLink(
        peer=bytes.fromhex(node["id"]),
        moniker=str(node["moniker"]),
        address=str(peer["remote_ip"]),
        outbound=bool(peer["is_outbound"]),
        duration_ms=int(status["Duration"]) // _NANOSECONDS,
        sent=int(sending["Bytes"]),
        received=int(receiving["Bytes"]),
        send_rate=int(sending["CurRate"]),
        receive_rate=int(receiving["CurRate"]),
        idle_ms=int(receiving["Idle"]) // _NANOSECONDS,
    )


def _validators(result: Any) -> tuple[dict[bytes, int], int]:
    keys = {
        base64.b64decode(one["pub_key"]["value"], validate=True): int(one["voting_power"])
        for one in result["validators"]
    }
    return keys, int(result["total"])


def read_time(text: str) -> int:
    """Return a time of the engine (RFC 3339, UTC, any number of decimals) in ms since 1970, rounded down; 0 for none.

    Raises:
        ValueError: it is none.
    """
    if not text.endswith("Z") or not text.isascii():
        raise ValueError(text[:40])
    whole, _, fraction = text[:-1].partition(".")
    if fraction and not fraction.isdigit():
        raise ValueError(text[:40])
    seconds = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return max(0, int(seconds.timestamp()) * 1000 + int(fraction[:3].ljust(3, "0")))

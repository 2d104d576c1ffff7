"""Requests that were answered: none twice while it could be, and what has run out is let go at little cost."""

from __future__ import annotations

import pytest

from xinglin.service.basic.audit.receipts import MAX_AHEAD_MS
from xinglin.service.basic.reading import custodian as module
from xinglin.service.basic.reading.custodian import SeenRequests
from xinglin.service.basic.reading.errors import RequestReplayed

MINUTE = 60_000


def request(number: int) -> bytes:
    """Return the hash of a request."""
    return number.to_bytes(32, "big")


def test_a_request_is_noted_as_long_as_it_could_be_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MANY", 2)
    seen = SeenRequests([request(0)], now=0)
    seen.once(request(1), MINUTE, 0)
    for number in range(2, 40):
        seen.once(request(number), 2 * MINUTE, MINUTE + MAX_AHEAD_MS)
    for number in (0, 1, 2, 39):
        with pytest.raises(RequestReplayed):
            seen.once(request(number), MINUTE, MINUTE + MAX_AHEAD_MS)
    for number in range(40, 120):
        seen.once(request(number), 3 * MINUTE, 2 * MINUTE + MAX_AHEAD_MS + 1)
    assert request(2) not in seen._until
    assert request(0) in seen._until  # of those from before this process nobody knows when they run out


def test_letting_go_costs_each_request_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MANY", 16)
    seen, looked = SeenRequests(), list[int]()
    forget = seen._forget

    def counted(now: int) -> None:
        looked.append(len(seen._until))
        forget(now)

    monkeypatch.setattr(seen, "_forget", counted)
    for number in range(5_000):
        seen.once(request(number), MINUTE, 0)
    assert sum(looked) < 2 * 5_000

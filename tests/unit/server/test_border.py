"""What a listener bears at once, and from whom."""

from __future__ import annotations

import pytest

from xinglin.server.border import Bearing
from xinglin.server.errors import ServerBusy, SourceTooFast
from xinglin.server.limits import SourceRates


def admitted(bearing: Bearing, source: str, count: int) -> int:
    """Return how many of so many requests of a source are taken in hand."""
    taken = 0
    for _ in range(count):
        try:
            bearing.admit(source)
        except ServerBusy:
            continue
        taken += 1
    return taken


@pytest.mark.requirement("S8.5c")
def test_one_address_has_half_of_the_requests_in_hand() -> None:
    """Otherwise a few slow bodies from one address would keep all others out."""
    bearing = Bearing(8, 1.0, SourceRates(1000.0, lambda: 0.0))
    assert admitted(bearing, "192.0.2.1", 8) == 4
    assert admitted(bearing, "192.0.2.2", 3) == 3
    bearing.done("192.0.2.1")
    assert admitted(bearing, "192.0.2.1", 8) == 1
    assert admitted(bearing, "192.0.2.3", 8) == 1
    for source, count in (("192.0.2.1", 4), ("192.0.2.2", 3), ("192.0.2.3", 1)):
        for _ in range(count):
            bearing.done(source)
    assert not bearing.in_hand


def test_the_local_socket_is_its_users_alone() -> None:
    assert admitted(Bearing(8, 1.0), "here", 10) == 8


@pytest.mark.requirement("S8.5c")
def test_what_is_dear_counts_as_several_requests() -> None:
    now = [0.0]
    rates = SourceRates(5.0, lambda: now[0])
    rates.take("a", 15)
    with pytest.raises(SourceTooFast):
        rates.take("a", 10)
    rates.take("a", 5)
    with pytest.raises(SourceTooFast):
        rates.take("a")
    rates.take("b", 1_000)  # what nobody could ever have is all that there is at once
    with pytest.raises(SourceTooFast):
        rates.take("b")
    now[0] = 2.0
    rates.take("a", 10)

"""Refusals of strangers: one item for each source and minute, bounded, kept until they are logged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.access import PrivateHome, private_home
from tests.support.chain import found_chain
from tests.support.homes import SetClock
from xinglin.carrier.consensus.errors import EngineClosed
from xinglin.service.basic.audit.contract import CONTRACT as ACCESS
from xinglin.service.basic.audit.errors import AggregateMinuteInvalid
from xinglin.service.basic.audit.projection import AccessProjection
from xinglin.service.basic.audit.rules import MINUTE_MS, source_commitment
from xinglin.service.basic.audit.strangers import FURTHER, MAX_SOURCES, Strangers

SALT = b"s" * 16


class Place:
    """A private chain with a clock that a test sets, and the counts."""

    def __init__(self, private: PrivateHome, clock: SetClock, folder: Path) -> None:
        self.private, self.clock, self.folder = private, clock, folder
        self.minute = clock.now // MINUTE_MS * MINUTE_MS + MINUTE_MS
        self.strangers = Strangers(private.client, private.signer, SALT)

    def logged(self) -> list[tuple[int, bytes, int]]:
        projection = AccessProjection(self.folder / "projections", self.private.ledger)
        found = projection.aggregates()
        projection.close()
        return found

    def commitment(self, source: bytes) -> bytes:
        return source_commitment(self.private.chain.suite.hash, SALT, source)

    def flush(self, now: int) -> int:
        self.clock.now = now
        return self.strangers.flush(now)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    chain = found_chain(parties=1, extra=(ACCESS,))
    clock = SetClock(chain.start)
    with private_home(tmp_path, chain, clock) as private:
        yield Place(private, clock, tmp_path)


@pytest.mark.requirement("H4")
def test_one_item_for_each_source_and_minute(place: Place) -> None:
    for source, at in ((b"a", 0), (b"b", 1), (b"a", MINUTE_MS - 1), (b"a", MINUTE_MS)):
        place.strangers.note(source, place.minute + at)
    assert place.flush(place.minute + MINUTE_MS - 1) == 0
    assert place.flush(place.minute + MINUTE_MS) == 1
    first = [(place.minute, place.commitment(b"a"), 2), (place.minute, place.commitment(b"b"), 1)]
    assert place.logged() == sorted(first)
    assert place.flush(place.minute + 2 * MINUTE_MS) == 1
    assert place.logged() == [*sorted(first), (place.minute + MINUTE_MS, place.commitment(b"a"), 1)]
    assert place.flush(place.minute + 9 * MINUTE_MS) == 0


def test_a_flood_of_sources_is_bounded(place: Place) -> None:
    sources = [number.to_bytes(4, "big") for number in range(MAX_SOURCES + 50)]
    for source in (*sources, sources[0], sources[-1]):
        place.strangers.note(source, place.minute)
    assert place.flush(place.minute + MINUTE_MS) == 1
    counts = {source: count for _, source, count in place.logged()}
    assert len(counts) == MAX_SOURCES + 1
    assert (counts[FURTHER], counts[place.commitment(sources[0])]) == (51, 2)


def test_what_the_chain_does_not_take_is_kept(place: Place) -> None:
    place.strangers.note(b"a", place.minute)
    place.clock.now = place.minute
    with pytest.raises(AggregateMinuteInvalid):  # block time lies behind this machine's clock
        place.strangers.flush(place.minute + MINUTE_MS)
    assert place.flush(place.minute + MINUTE_MS) == 1
    place.strangers.note(b"a", place.minute + MINUTE_MS)
    place.private.engine.close()
    for _ in range(2):
        with pytest.raises(EngineClosed):
            place.flush(place.minute + 2 * MINUTE_MS)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_went_back_holds_up_no_later_minute(place: Place, restarted: bool) -> None:
    place.strangers.note(b"a", place.minute)
    assert place.flush(place.minute + MINUTE_MS) == 1
    if restarted:
        place.strangers = Strangers(place.private.client, place.private.signer, SALT)
    place.strangers.note(b"late", place.minute)
    assert place.flush(place.minute + MINUTE_MS) == 0
    assert place.flush(place.minute + 2 * MINUTE_MS) == 1
    assert place.logged()[-1] == (place.minute + MINUTE_MS, place.commitment(b"late"), 1)

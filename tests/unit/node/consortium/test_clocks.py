"""What others say of the time, and which of it counts (docs/spec/cosigning.md, CK1, CK2)."""

from __future__ import annotations

import pytest

from xinglin.node.consortium.clocks import ahead_of, middle_of


def test_the_answer_is_as_of_half_the_round_trip() -> None:
    assert ahead_of(said_ms=1_000_050, asked_ms=1_000_000, round_trip_ms=100.0) == 0
    assert ahead_of(said_ms=1_000_050, asked_ms=1_060_000, round_trip_ms=100.0) == 60_000


@pytest.mark.parametrize(
    ("said", "middle"),
    [
        ([], None),
        ([[], []], None),
        ([[70.0]], 70.0),
        ([[70.0], [-3.0], [1e12]], 70.0),
        ([[70.0], [71.0], [1e12], [72.0]], 71.0),
        ([[5.0, 1e12, 6.0], [7.0]], 6.0),
        ([[], [7.0], [8.0], [9.0]], 8.0),
    ],
)
def test_the_middle_of_the_members_counts_each_once(said: list[list[float]], middle: float | None) -> None:
    assert middle_of(said) == middle


@pytest.mark.parametrize("lie", [-1e12, 1e12])
@pytest.mark.parametrize("liars", [1, 2, 3])
def test_half_of_the_members_alone_raise_no_alarm(lie: float, liars: int) -> None:
    honest = [[float(one)] for one in range(liars)]
    assert abs(middle_of([*honest, *[[lie]] * liars]) or 0.0) < liars

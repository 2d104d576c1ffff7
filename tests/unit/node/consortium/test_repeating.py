"""The thread of a running node's keepers."""

from __future__ import annotations

import threading

import pytest

from tests.support.waiting import PATIENCE
from xinglin.node.consortium.repeating import Repeating


def test_a_look_that_raises_is_told_and_the_next_one_comes(caplog: pytest.LogCaptureFixture) -> None:
    looks, enough = [0], threading.Event()

    def look() -> None:
        looks[0] += 1
        if looks[0] == 3:
            enough.set()
        raise ValueError("a secret")

    repeating = Repeating("looking", look, 0.001)
    repeating.start()
    assert enough.wait(PATIENCE)
    repeating.close()
    seen = looks[0]
    threading.Event().wait(0.02)
    assert looks[0] == seen
    assert "looking met a fault: ValueError" in caplog.text
    assert "a secret" not in caplog.text


def test_one_that_was_not_started_is_closed() -> None:
    Repeating("looking", lambda: None, 1.0).close()

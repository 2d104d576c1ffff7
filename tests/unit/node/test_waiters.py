"""Those who wait for a block of a home on CometBFT are told of it, whatever fails of what follows the block."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from xinglin.carrier.consensus.ports import BlockAnswer
from xinglin.node.consortium.comet_chain import CometChain, at_once
from xinglin.node.consortium.network import Together

ANSWER = BlockAnswer(bytes(32), [])


def test_notes_that_can_not_be_pinned_keep_nobody_waiting() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    told: list[int] = []
    chain: Any = SimpleNamespace(
        _notes_ahead={3},
        _told=at_once,
        node=SimpleNamespace(notes=SimpleNamespace(pin_kept=fail)),
        engine=SimpleNamespace(committed=lambda height, *_: told.append(height)),
    )
    with pytest.raises(ZeroDivisionError):
        CometChain.committed(chain, 3, 1, [], ANSWER)
    assert told == [3]


def test_an_answer_of_one_home_that_fails_keeps_no_other_from_its_own() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    told: list[str] = []
    together = Together({"a": 0, "b": 0})
    a, b = together.of("a"), together.of("b")
    a(1, fail)
    a(2, lambda: told.append("a"))
    with pytest.raises(ZeroDivisionError):
        b(2, lambda: told.append("b"))
    assert told == ["a", "b"]

"""Homes of one process that wait for one another before they answer."""

from __future__ import annotations

import threading

from xinglin.node.consortium.network import Together

SECONDS = 120


def test_answers_come_when_all_have_the_height_in_the_order_of_heights() -> None:
    """An answer on a later block before the earlier one's would call a transaction replayed that is in the earlier."""
    together = Together({"a": 0, "b": 0})
    first, second = together.of("a"), together.of("b")
    answered: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        assert go_on.wait(SECONDS)
        answered.append(1)

    first(1, slow)
    first(2, lambda: answered.append(2))
    assert not begun.is_set()
    others = [threading.Thread(target=second, args=(height, lambda: None)) for height in (1, 2)]
    others[0].start()
    assert begun.wait(SECONDS)
    others[1].start()
    others[1].join(0.2)
    assert answered == []
    go_on.set()
    for one in others:
        one.join(SECONDS)
    assert answered == [1, 2]

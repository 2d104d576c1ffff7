"""Which node of a list is asked next, and how long one rests (NH14, NH25)."""

from __future__ import annotations

from xinglin.node.remote.nodes import Nodes
from xinglin.node.remote.transport import parse_address

A, B = parse_address("http://192.0.2.1:7700"), parse_address("http://192.0.2.2:7700")


def test_a_node_that_fails_while_it_rests_rests_no_shorter() -> None:
    now = [0.0]
    nodes = Nodes([A, B], lambda: now[0], lambda: 0.5)
    nodes.failed(A, 60.0)
    nodes.failed(A)
    now[0] = 59.0
    assert nodes.ready() == [B]
    now[0] = 61.0
    assert set(nodes.ready()) == {A, B}

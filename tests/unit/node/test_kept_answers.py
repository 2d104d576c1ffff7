"""Answers that are kept as evidence: one node does not fill the disk, or push out what another did (NH25)."""

from __future__ import annotations

from pathlib import Path

from xinglin.node.home import MAX_KEPT_ANSWERS, MAX_KEPT_BYTES, Home


def test_of_one_node_so_many_are_kept_and_of_another_too(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for one in range(MAX_KEPT_ANSWERS + 5):
        home.keep_answer(f"answer-c-aaaaaaaa-{one}-0000.json", b"{}")
    home.keep_answer("answer-c-bbbbbbbb-1-0000.json", b"{}")
    assert len(list(home.evidence.glob("answer-c-aaaaaaaa-*"))) == MAX_KEPT_ANSWERS
    assert len(list(home.evidence.glob("answer-c-bbbbbbbb-*"))) == 1


def test_of_one_node_so_many_bytes_are_kept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    half = bytes(MAX_KEPT_BYTES // 2)
    for one in range(3):
        home.keep_answer(f"answer-c-aaaaaaaa-{one}-0000.json", half)
    home.keep_answer("answer-c-bbbbbbbb-1-0000.json", half)
    assert len(list(home.evidence.glob("answer-c-aaaaaaaa-*"))) == 2
    assert len(list(home.evidence.glob("answer-c-bbbbbbbb-*"))) == 1

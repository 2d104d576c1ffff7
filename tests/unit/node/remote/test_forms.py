"""Bodies by which proofs are asked for, and answers: one form, bounded."""

from __future__ import annotations

import tracemalloc

import msgspec
import pytest

from xinglin.node.remote.errors import SubmissionMalformed
from xinglin.node.remote.forms import MAX_PROOFS, Answer, EpochsSaid, frame_asked, read_answer, unframe_asked

ONE = (1, bytes(32))


def test_what_is_asked_for_comes_as_it_was() -> None:
    asked = [(number, bytes([number]) * 32) for number in range(MAX_PROOFS)]
    assert unframe_asked(frame_asked(asked)) == asked


@pytest.mark.parametrize(
    "body", [b"", b"x", frame_asked([ONE])[:-1], frame_asked([ONE] * (MAX_PROOFS + 1)), b"\xff" * 40]
)
def test_what_is_not_asked_in_form(body: bytes) -> None:
    with pytest.raises(SubmissionMalformed):
        unframe_asked(body)


@pytest.mark.requirement("S6.2f", part="a node that holds a client up")
def test_a_long_answer_takes_no_more_room_than_its_bytes() -> None:
    answer = Answer(200, msgspec.json.encode(EpochsSaid(["00" * (1 << 20)])))
    tracemalloc.start()
    assert read_answer(answer, EpochsSaid) is not None
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4 * len(answer.body)


@pytest.mark.parametrize("digits", ["0", "000", "0g", "0A", "00\n", " 00"])
def test_what_is_not_pairs_of_digits_is_not_in_form(digits: str) -> None:
    assert read_answer(Answer(200, msgspec.json.encode({"epochs": [digits]})), EpochsSaid) is None

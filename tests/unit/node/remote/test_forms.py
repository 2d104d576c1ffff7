"""Bodies by which proofs are asked for: one form, bounded."""

from __future__ import annotations

import pytest

from xinglin.node.remote.errors import SubmissionMalformed
from xinglin.node.remote.forms import MAX_PROOFS, frame_asked, unframe_asked

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

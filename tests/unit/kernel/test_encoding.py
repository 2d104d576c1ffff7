"""What can't be written is refused as what can't be read is: by one error of the family."""

from __future__ import annotations

import pytest

from xinglin.kernel.encoding import ChainObject, encode
from xinglin.kernel.errors import EncodingInvalid


class Noted(ChainObject, frozen=True):
    """A text and a number."""

    text: str
    number: int


@pytest.mark.parametrize(("text", "number"), [("\udcff", 1), ("x", 1 << 64)])
def test_what_messagepack_has_no_form_for_is_refused(text: str, number: int) -> None:
    with pytest.raises(EncodingInvalid) as refused:
        encode(Noted(text, number))
    assert refused.value.facts["what"] == "noted"

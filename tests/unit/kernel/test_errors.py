"""Refusals carry facts of any name, also of names that another institution has chosen."""

from __future__ import annotations

from xinglin.kernel.errors import Denied


def test_a_fact_may_have_any_name() -> None:
    names = {"self": 1, "facts": 2, "cls": 3}
    assert Denied(**names).facts == names

"""The independent verifier with a memory, for modules in which thousands of bundles share all but a byte."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

import pytest
from xinglin_verify import steps

__all__ = ["remembering"]


@pytest.fixture(scope="module")
def remembering() -> Iterator[None]:
    """Let the suites remember: the same real functions, asked once for each input."""
    suites = {
        number: dataclasses.replace(suite, hash=functools.cache(suite.hash), verify=functools.cache(suite.verify))
        for number, suite in steps.SUITES.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "SUITES", suites)
        yield

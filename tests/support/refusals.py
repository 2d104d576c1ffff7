"""What tests expect to be refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from xinglin.kernel.errors import PlatformError


@contextmanager
def refused(code: str) -> Iterator[None]:
    """Expect a refusal of this code."""
    with pytest.raises(PlatformError) as refusal:
        yield
    assert refusal.value.code == code

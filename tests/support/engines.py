"""CometBFT for tests: skipped in one line where it is not installed, required with XINGLIN_REQUIRE_ENGINE=1."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from xinglin.carrier.consensus.comet.binary import VERSION, find_engine
from xinglin.kernel.errors import PlatformError

REQUIRED = os.environ.get("XINGLIN_REQUIRE_ENGINE") == "1"


def engine_here() -> Path | None:
    """Return the binary, None where it is not installed."""
    try:
        return find_engine()
    except PlatformError:
        return None


needs_engine = pytest.mark.skipif(
    not REQUIRED and engine_here() is None,
    reason=f"CometBFT {VERSION} is not here: xinglin engine install (XINGLIN_REQUIRE_ENGINE=1 demands it)",
)

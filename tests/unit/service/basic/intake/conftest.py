"""An intake before a fake chain, closed after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.intake_home import IntakeHome
from xinglin.service.basic.intake.model import IntakeLimits

SMALL = IntakeLimits(batch_records=4, chunk_records=8)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[IntakeHome]:
    """Return a new home that registers batches of four, eight records to a chunk."""
    made = IntakeHome(tmp_path / "home", limits=SMALL).create()
    yield made
    made.close()

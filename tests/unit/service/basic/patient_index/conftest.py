"""A new patient index on the real disk, closed after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.persons import new_index
from xinglin.service.basic.patient_index.service import PatientIndex


@pytest.fixture
def index(tmp_path: Path) -> Iterator[PatientIndex]:
    """Return a new index, open."""
    made = new_index(tmp_path)
    yield made
    made.close()

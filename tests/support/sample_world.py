"""The vectors' world as fixtures: a consortium and a hospital's private chain, executed once for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.vectors.proofs import ProvenWorld as Sample

__all__ = ["Sample", "intl_sample", "sample"]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """Return the world under suite gm."""
    yield from _world(tmp_path_factory.mktemp("world"), "gm")


@pytest.fixture(scope="session")
def intl_sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """Return the world under suite intl."""
    yield from _world(tmp_path_factory.mktemp("world"), "intl")


def _world(folder: Path, suite: str) -> Iterator[Sample]:
    world = Sample(folder, suite)
    yield world
    world.close()

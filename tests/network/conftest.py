"""Fault tests run one at a time: each starts a whole consortium, and measures how long it takes to go on."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep them in one process where tests are spread over several by groups, and give each its time."""
    for item in items:
        if "tests/network/" in item.nodeid:
            item.add_marker(pytest.mark.timeout(1_800))

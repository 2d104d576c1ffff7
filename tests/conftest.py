"""What all tests share: the real data beside the repository, bounded random testing, the requirement marker.

The settings come from the environment: XINGLIN_SHARED (folder with the real data), XINGLIN_SEED (another seed
than the fixed one), XINGLIN_EXAMPLES (examples of each property). No test needs a network.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import hypothesis
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("XINGLIN_SHARED", REPOSITORY.parent / "shared")).resolve()
NO_SHARED = "the real data is not here: set XINGLIN_SHARED to the folder that has data/MANIFEST.tsv"
SEED = os.environ.get("XINGLIN_SEED")

hypothesis.settings.register_profile(
    "xinglin",
    max_examples=int(os.environ.get("XINGLIN_EXAMPLES", "50")),
    deadline=None,  # a shared machine stalls now and then, and that is no failure of the code
    suppress_health_check=[hypothesis.HealthCheck.too_slow],  # nor is it one of a test
    derandomize=SEED is None,
    database=None,
    print_blob=True,
)
hypothesis.settings.load_profile("xinglin")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Hand the seed, if one is given, to Hypothesis."""
    if SEED is not None and hasattr(config.option, "hypothesis_seed"):
        config.option.hypothesis_seed = SEED


def pytest_report_header() -> list[str]:
    """Say what this run depends on, in the first lines of the output."""
    shared = SHARED if (SHARED / "data").is_dir() else "absent"
    return [f"xinglin: shared data {shared}, seed {SEED or 'fixed'}"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was skipped and why: one line for each reason, however many tests it concerns."""
    reasons = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", []))
    for reason, tests in sorted(reasons.items()):
        terminalreporter.write_line(f"{tests} skipped: {reason.removeprefix('Skipped: ')}")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of the real data, or skip: every such skip has the same one-line reason."""
    if not (SHARED / "data" / "MANIFEST.tsv").is_file():
        pytest.skip(NO_SHARED)
    return SHARED / "data"


@pytest.fixture
def seeded() -> random.Random:
    """Return a random source that repeats itself unless XINGLIN_SEED says otherwise."""
    return random.Random(SEED or "xinglin")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return an empty folder, private to the user, to make a node's home in."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder

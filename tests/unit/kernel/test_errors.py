"""Refusals carry facts of any name; a case is found whichever modules of the program this process has imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from xinglin.kernel.errors import Denied

ASK = """
import sys
from xinglin.cli import app
from xinglin.kernel import errors
assert "xinglin.cli.hold" not in sys.modules
print(%s)
"""


def test_a_fact_may_have_any_name() -> None:
    names = {"self": 1, "facts": 2, "cls": 3}
    assert Denied(**names).facts == names


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("errors.error_for_number(6165).code", "hold.names"),
        ("errors.error_for_code('hold.names').number", "6165"),
        ("[case.code for case in errors.all_errors() if case.number == 6165]", "['hold.names']"),
        ("errors.error_for_number(999999)", "None"),
        ("errors.error_for_code('no.such')", "None"),
        ("[errors.error_for_number(0), 'xinglin.cli.hold' in sys.modules]", "[None, False]"),
    ],
)
def test_a_case_of_a_module_that_is_not_imported_yet_is_found(asked: str, found: str) -> None:
    done = subprocess.run([sys.executable, "-c", ASK % asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == found

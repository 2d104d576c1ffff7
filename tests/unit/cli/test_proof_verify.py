"""``xinglin proof verify`` ends as ``xinglin-verify`` does: same status, same steps, whatever the two files are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from xinglin_verify.__main__ import main as verify

from tests.support.product import xinglin
from tests.support.proof_bundles import BundleMaker

MAKER = BundleMaker()
GOOD = MAKER.make()
TRUST = json.dumps(MAKER.trust()).encode()
FEW = json.dumps(MAKER.key_trust(["hospital", "stranger"], 2)).encode()
LATER = json.dumps(MAKER.trust() | {"xinglin_trust": 2}).encode()
OTHER = json.dumps(MAKER.trust() | {"genesis": "00" * 32}).encode()
BROKEN = BundleMaker(tweaks={"founder": lambda founder: [*founder[:3], 0, *founder[4:]]}).make()
"""A bundle that fails at P2, before the trust is looked at."""
CASES: dict[str, tuple[bytes | None, bytes | None, int, int]] = {
    "it holds": (GOOD, TRUST, 0, 16),
    "no trust": (GOOD, b"", 3, 16),
    "too few pinned keys": (GOOD, FEW, 3, 16),
    "another genesis": (GOOD, OTHER, 1, 3),
    "a changed byte of a salt": (GOOD[:-3] + bytes([GOOD[-3] ^ 1]) + GOOD[-2:], TRUST, 1, 15),
    "no bundle": (None, TRUST, 4, 1),
    "an empty bundle": (b"", TRUST, 4, 1),
    "a bundle too long": (bytes((16 << 20) + 1), TRUST, 4, 1),
    "no trust file": (GOOD, None, 4, 3),
    "an empty trust file": (GOOD, b"\n", 4, 3),
    "a trust file of a later version": (GOOD, LATER, 4, 3),
    "a trust file too long": (GOOD, TRUST + b" " * (1 << 20), 4, 3),
    "neither can be read": (b"", b"\n", 4, 1),
    "a bundle that fails before the trust is read": (BROKEN, b"{", 1, 2),
}


def written(name: str, content: bytes | None) -> str:
    """Write a file, or none, and return its path."""
    if content is not None:
        Path(name).write_bytes(content)
    return name


@pytest.mark.requirement("S9.2")
@pytest.mark.parametrize("case", CASES)
def test_both_commands_end_alike(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    bundle, trust, status, step = CASES[case]
    arguments = [written("bundle", bundle)]
    arguments += [] if trust == b"" else ["--trust", written("trust.json", trust)]
    said = xinglin("proof", "verify", *arguments, "--json")
    assert (said.status, said.json["steps"][-1]["step"]) == (status, f"P{step}"), said
    assert verify([*arguments, "--json"]) == status
    theirs = json.loads(capsys.readouterr().out)
    assert [(one["step"], one["verdict"]) for one in theirs["steps"]] == [
        (one["step"], one["verdict"]) for one in said.json["steps"]
    ]
    assert theirs["verdict"] == said.json["verdict"]


UNREADABLE: dict[str, Callable[[], list[str]]] = {
    "bundle": lambda: [written("folder", None), "--trust", written("trust.json", TRUST)],
    "trust": lambda: [written("bundle", GOOD), "--trust", written("folder", None)],
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_folder_is_no_file(what: str) -> None:
    Path("folder").mkdir()
    arguments = UNREADABLE[what]()
    said = xinglin("proof", "verify", *arguments)
    assert said.status == verify(arguments) == 4
    assert b"folder" in said.out
    assert "Traceback" not in said.err

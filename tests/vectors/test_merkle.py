"""The proof vectors of transparency-dev/merkle, true and false ones, through our checks (SHA-256; S9.2).

Subtrees (draft-ietf-plants-merkle-tree-certs) are no part of our formats. Where a subtree is a whole tree of its own
the same checks apply and the vectors are used; the others are skipped.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NO_SHARED, SHARED
from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.merkle import verify_consistency, verify_inclusion

pytestmark = pytest.mark.requirement("S9.2")
INTL = suite("intl")
FOLDER = SHARED / "data" / "merkle"


def files(kind: str) -> list[Any]:
    """Return the vectors of one kind, or one parameter that skips where they are absent."""
    found = sorted((FOLDER / kind).rglob("*.json"))
    if not found:
        return [pytest.param(FOLDER / kind, marks=pytest.mark.skip(reason=NO_SHARED))]
    return [pytest.param(path, id=os.fspath(path.relative_to(FOLDER / kind).with_suffix(""))) for path in found]


def load(path: Path) -> dict[str, Any]:
    """Return a vector with its base64 values as bytes."""

    def plain(value: Any) -> Any:
        if isinstance(value, str):
            return base64.b64decode(value)
        return [base64.b64decode(item) for item in value] if isinstance(value, list) else value

    vector = json.loads(path.read_text())
    described = {name: vector[name] for name in ("desc", "wantErr")}
    loaded = {name: plain(value) for name, value in vector.items() if name not in described and value is not None}
    return {"proof": [], **loaded, **described}


@pytest.mark.parametrize("path", files("inclusion"))
def test_inclusion(path: Path) -> None:
    v = load(path)
    held = verify_inclusion(INTL, v["leafHash"], v["leafIdx"], v["treeSize"], v["proof"], v["root"])
    assert held is not v["wantErr"], v["desc"]


@pytest.mark.parametrize("path", files("consistency"))
def test_consistency(path: Path) -> None:
    v = load(path)
    held = verify_consistency(INTL, v["size1"], v["size2"], v["proof"], v["root1"], v["root2"])
    assert held is not v["wantErr"], v["desc"]


@pytest.mark.parametrize("path", files("subtreeinclusion"))
def test_inclusion_in_a_subtree(path: Path) -> None:
    v = load(path)
    start, size = v["start"], v["end"] - v["start"]
    if size < 1 or start % (1 << (size - 1).bit_length()):
        pytest.skip("not a subtree at all: the draft's rule for its bounds is no rule of ours")
    held = verify_inclusion(INTL, v["leafHash"], v["leafIdx"] - start, size, v["proof"], v["root"])
    assert held is not v["wantErr"], v["desc"]


@pytest.mark.parametrize("path", files("subtreeconsistency"))
def test_consistency_of_a_subtree_at_the_start(path: Path) -> None:
    v = load(path)
    if v["start"] != 0:
        pytest.skip("a subtree away from the start is no older state of the tree")
    if v["size"] == 0:
        pytest.skip("the draft lets any root stand for the empty tree; here it is the hash of the empty string")
    held = verify_consistency(INTL, v["end"], v["size"], v["proof"], v["root1"], v["root2"])
    assert held is not v["wantErr"], v["desc"]

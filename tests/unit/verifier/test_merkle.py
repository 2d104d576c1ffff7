"""RFC 6962 proofs in the verifier: published vectors, and trees built by the words of the RFC."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xinglin_verify import verify_consistency, verify_inclusion
from xinglin_verify.suites import sha256

from tests.support.naive_merkle import naive_consistency, naive_path, naive_root
from tests.support.signing import GM, INTL

SUITES = pytest.mark.parametrize("hash_", [GM.hash, INTL.hash], ids=["gm", "intl"])


def decoded(case: dict[str, object]) -> dict[str, object]:
    """Return a vector's fields with base64 turned into bytes."""
    fields = {name: base64.b64decode(case[name] or "") for name in case.keys() & {"root", "root1", "root2", "leafHash"}}
    return case | fields | {"proof": [base64.b64decode(node or "") for node in case["proof"] or []]}


def test_published_inclusion_vectors(shared_data: Path) -> None:
    files = sorted((shared_data / "merkle/inclusion").rglob("*.json"))
    assert len(files) == 46
    for file in files:
        case = decoded(json.loads(file.read_text()))
        holds = verify_inclusion(
            sha256, case["leafHash"], case["leafIdx"], case["treeSize"], case["proof"], case["root"]
        )
        assert holds is not case["wantErr"], file


def test_published_consistency_vectors(shared_data: Path) -> None:
    files = sorted((shared_data / "merkle/consistency").rglob("*.json"))
    assert len(files) == 54
    for file in files:
        case = decoded(json.loads(file.read_text()))
        holds = verify_consistency(sha256, case["size1"], case["size2"], case["proof"], case["root1"], case["root2"])
        assert holds is not case["wantErr"], file


@SUITES
@given(st.integers(1, 40), st.data())
def test_each_leaf_is_proven_and_no_other(hash_: object, size: int, draws: st.DataObject) -> None:
    leaves = [hash_(bytes([one])) for one in range(size)]
    root = naive_root(hash_, leaves)
    index, other = draws.draw(st.integers(0, size - 1)), draws.draw(st.integers(0, 45))
    path = naive_path(hash_, index, leaves)
    assert verify_inclusion(hash_, leaves[index], index, size, path, root)
    assert verify_inclusion(hash_, leaves[index], other, size, path, root) is (other == index)
    assert not verify_inclusion(hash_, hash_(b"x"), index, size, path, root)
    assert not verify_inclusion(hash_, leaves[index], index, size, [*path, root], root)
    if path:
        assert not verify_inclusion(hash_, leaves[index], index, size, path[:-1], root)
        position = draws.draw(st.integers(0, len(path) - 1))
        path[position] = bytes([path[position][0] ^ 1]) + path[position][1:]
        assert not verify_inclusion(hash_, leaves[index], index, size, path, root)


@SUITES
@given(st.integers(1, 40), st.data())
def test_each_prefix_is_proven_and_no_other(hash_: object, size: int, draws: st.DataObject) -> None:
    leaves = [hash_(bytes([one])) for one in range(size)]
    old = draws.draw(st.integers(1, size))
    proof = naive_consistency(hash_, old, leaves)
    roots = naive_root(hash_, leaves[:old]), naive_root(hash_, leaves)
    assert verify_consistency(hash_, old, size, proof, *roots)
    assert not verify_consistency(hash_, old, size, proof, hash_(b"x"), roots[1])
    assert not verify_consistency(hash_, old, size, proof, roots[0], hash_(b"x"))
    assert not verify_consistency(hash_, old, size, [*proof, roots[0]], *roots)
    assert not verify_consistency(hash_, 0, size, [], hash_(b""), roots[1])
    if proof:
        assert not verify_consistency(hash_, old, size, proof[:-1], *roots)
        position = draws.draw(st.integers(0, len(proof) - 1))
        proof[position] = bytes([proof[position][0] ^ 1]) + proof[position][1:]
        assert not verify_consistency(hash_, old, size, proof, *roots)

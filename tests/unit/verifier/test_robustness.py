"""No input raises, takes minutes or much memory: random bytes, wrong structures, huge and deep ones."""

from __future__ import annotations

import copy
import random
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xinglin_verify import Verdict, verify_bundle

from tests.support.proof_bundles import BundleMaker, canonical

pytestmark = pytest.mark.usefixtures("remembering")
GOOD = {claim: BundleMaker(claim).make() for claim in ("record", "anchor")}
REFUSED = (Verdict.DOES_NOT_HOLD, Verdict.UNDECIDED)
DEEP: list[Any] = [[]]
for _ in range(20):
    DEEP = [DEEP]
STRANGE: list[Any] = [
    0,
    1,
    (1 << 63) - 1,
    1 << 63,
    -1,
    b"",
    b"x" * 70_000,
    "",
    "x" * 300,
    "é",
    None,
    True,
    1.5,
    {},
    DEEP,
]
SHAPES = st.recursive(
    st.integers(0, (1 << 63) - 1) | st.binary(max_size=66) | st.text(max_size=30) | st.sampled_from(STRANGE),
    lambda inner: st.lists(inner, min_size=1, max_size=6),
    max_leaves=8,
)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    assert verify_bundle(data).verdict is Verdict.UNDECIDED


@given(st.binary(max_size=200))
def test_random_bytes_in_a_bundle_s_frame_are_refused(data: bytes) -> None:
    assert verify_bundle(b"\x9a\xa6bundle\x01\xa6record\xc4\x00" + data).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("claim", GOOD)
@given(shape=SHAPES, choice=st.randoms(use_true_random=False))
def test_a_strange_value_anywhere_is_refused(claim: str, shape: object, choice: random.Random) -> None:
    bundle = msgspec.msgpack.decode(GOOD[claim])
    places: list[tuple[list[Any], int]] = []
    stack = [bundle]
    while stack:
        for index, one in enumerate(part := stack.pop()):
            places.append((part, index))
            stack += [one] if isinstance(one, list) else []
    part, index = choice.choice(places)
    if part[index] != shape:
        part[index] = shape
        assert verify_bundle(canonical(bundle)).verdict in REFUSED


@pytest.mark.parametrize(
    "path", [(3,), (6,), (7, 2, 3), (7, 5, 0, 0), (8, 0, 0), (8, 0, 1, 0), (8, 0, 2), (9, 0, 0, 1, 0, 1)]
)
@given(data=st.binary(max_size=300))
def test_random_bytes_within_are_refused(path: tuple[int, ...], data: bytes) -> None:
    bundle = copy.deepcopy(msgspec.msgpack.decode(GOOD["record"]))
    part = bundle
    for index in path[:-1]:
        part = part[index]
    if part[path[-1]] != data:
        part[path[-1]] = data
        assert verify_bundle(canonical(bundle)).verdict in REFUSED


@pytest.mark.parametrize(
    "data",
    [
        b"\x91" * (16 << 20),
        b"\xdd\xff\xff\xff\xff" * (3 << 20),
        b"\xdd\x00\xff\xff\xff" + b"\x01" * (16 << 20),
        b"\x9a\xa6bundle\x01\xa6record\xc6\x00\xff\xff\xe0" + bytes(0xFFFFE0),
        b"\xc6\x00\xff\xff\xf0" + bytes(0xFFFFF0),
    ],
    ids=["deep", "lengths", "integers", "subject", "bytes"],
)
def test_16_mib_of_nonsense_is_refused_at_once(data: bytes) -> None:
    started = time.process_time()
    assert verify_bundle(data).verdict is Verdict.UNDECIDED
    assert time.process_time() - started < 5

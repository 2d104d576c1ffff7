"""The verifier's decoder accepts the canonical encoding (docs/spec/encoding.md) and nothing else, within bounds."""

from __future__ import annotations

import contextlib
import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xinglin_verify import Malformed, decode
from xinglin_verify.encoding import MAX_DEPTH, MAX_INTEGER, MAX_VALUES, encode

INTEGERS = st.integers(0, MAX_INTEGER) | st.sampled_from([0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32])
SCALARS = INTEGERS | st.binary(max_size=300) | st.text(st.characters(max_codepoint=127), max_size=300)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=20).map(tuple), max_leaves=40)


@given(VALUES)
def test_what_another_encoder_writes_is_read_and_written_alike(value: object) -> None:
    data = msgspec.msgpack.encode(value)
    assert decode(data) == value
    assert encode(decode(data)) == data


@given(st.binary(max_size=40))
def test_bytes_are_refused_or_the_one_encoding_of_their_value(data: bytes) -> None:
    try:
        value = decode(data)
    except Malformed:
        return
    assert encode(value) == data


@given(VALUES, st.data())
def test_a_changed_byte_never_leaves_the_value(value: object, draws: st.DataObject) -> None:
    data = bytearray(msgspec.msgpack.encode(value))
    position = draws.draw(st.integers(0, len(data) - 1))
    data[position] ^= draws.draw(st.integers(1, 255))
    with contextlib.suppress(Malformed):
        assert decode(bytes(data)) != value


@pytest.mark.parametrize("length", [31, 32, 255, 256, 65535, 65536])
@pytest.mark.parametrize("kind", [b"x", "x", (1,)])
def test_lengths_at_the_borders_of_each_form(kind: bytes | str | tuple[int], length: int) -> None:
    data = msgspec.msgpack.encode(kind * length)
    assert decode(data) == kind * length
    assert encode(kind * length) == data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "encoding.truncated"),
        ("c0", "encoding.type"),
        ("c2", "encoding.type"),
        ("c3", "encoding.type"),
        ("ca00000000", "encoding.type"),
        ("cb0000000000000000", "encoding.type"),
        ("80", "encoding.type"),
        ("de0000", "encoding.type"),
        ("d40100", "encoding.type"),
        ("c70100", "encoding.type"),
        ("c1", "encoding.type"),
        ("ff", "encoding.type"),
        ("d0ff", "encoding.type"),
        ("cc7f", "encoding.not_shortest"),
        ("cd00ff", "encoding.not_shortest"),
        ("ce0000ffff", "encoding.not_shortest"),
        ("cf00000000ffffffff", "encoding.not_shortest"),
        ("cf8000000000000000", "encoding.integer"),
        ("c50001ff", "encoding.not_shortest"),
        ("c600000001ff", "encoding.not_shortest"),
        ("d90161", "encoding.not_shortest"),
        ("da000161", "encoding.not_shortest"),
        ("dc000101", "encoding.not_shortest"),
        ("dd0000000101", "encoding.not_shortest"),
        ("a2c3a9", "encoding.not_ascii"),
        ("a180", "encoding.not_ascii"),
        ("0101", "encoding.trailing"),
        ("c405aa", "encoding.truncated"),
        ("c6ffffffff", "encoding.truncated"),
        ("dbffffffff", "encoding.truncated"),
        ("ddffffffff", "encoding.truncated"),
        ("9201", "encoding.truncated"),
        ("91" * MAX_DEPTH + "90", "encoding.too_deep"),
        ("91" * 1_000_000, "encoding.too_deep"),
    ],
)
def test_what_is_not_canonical_is_refused(data: str, reason: str) -> None:
    with pytest.raises(Malformed) as refusal:
        decode(bytes.fromhex(data))
    assert refusal.value.reason == reason


def test_nesting_up_to_the_limit_is_read() -> None:
    assert decode(b"\x91" * (MAX_DEPTH - 1) + b"\x90")


@pytest.mark.parametrize("element", [b"\x01", b"\x90", b"\xc4\x00", b"\x91\x90"])
def test_an_array_of_too_many_values_is_refused_before_it_is_built(element: bytes) -> None:
    count = (16 << 20) // len(element)
    data = b"\xdd" + count.to_bytes(4, "big") + element * count
    tracemalloc.start()
    with pytest.raises(Malformed) as refusal:
        decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refusal.value.reason == "encoding.too_many_values"
    assert refusal.value.facts == {"limit": MAX_VALUES}
    assert peak < 1 << 20


def test_values_are_counted_through_all_arrays() -> None:
    inner = b"\xdd" + (1 << 18).to_bytes(4, "big") + b"\x01" * (1 << 18)
    with pytest.raises(Malformed) as refusal:
        decode(b"\x94" + inner * 4)
    assert refusal.value.reason == "encoding.too_many_values"
    assert len(decode(b"\x93" + inner * 3)) == 3


@pytest.mark.parametrize("value", [-1, MAX_INTEGER + 1, "é"])
def test_what_has_no_encoding_is_not_written(value: int | str) -> None:
    with pytest.raises(Malformed):
        encode((value,))

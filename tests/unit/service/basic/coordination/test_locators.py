"""Closing batches and sealing locators: what an observer sees, and what a holder of the key opens."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from xinglin.carrier.crypto.errors import OpenFailed
from xinglin.carrier.crypto.suite import suite
from xinglin.kernel.encoding import decode
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.batching import Entry, batch_size, close_batch
from xinglin.service.basic.coordination.locators import (
    Locator,
    audience_key_commitment,
    locator_key,
    open_locator,
    seal_batch,
)
from xinglin.service.basic.coordination.model import RecordItem, RegisterBatch
from xinglin.service.basic.coordination.records.rules import items_in_form, items_in_order, size_in_form

GM = suite("gm")
NODE = identifier(b"n" * 16)
KEY = b"k" * 16
BATCH = RegisterBatch(identifier(b"b" * 16), "treatment", 1, b"s" * 16)


def some_entries(count: int, source: random.Random) -> list[Entry]:
    """Return entries in no order."""
    return [Entry(source.randbytes(32), source.randbytes(16)) for _ in range(count)]


@pytest.mark.requirement("W1")
@given(st.integers(1, 256), st.integers())
def test_a_closed_batch_is_what_the_contract_takes(count: int, seed: int) -> None:
    source = random.Random(seed)
    entries = some_entries(count, source)
    closed = close_batch(entries, source.randbytes)
    items = seal_batch(GM, KEY, BATCH, NODE, closed)
    assert set(entries) <= set(closed)
    assert len(closed) == batch_size(count) < 2 * count + (count == 1)
    assert size_in_form(len(items))
    assert items_in_form(items)
    assert items_in_order(items)


def test_who_has_the_key_opens_every_item_dummies_too(seeded: random.Random) -> None:
    closed = close_batch(some_entries(5, seeded), seeded.randbytes)
    assert len(closed) == 8
    for index, item in enumerate(seal_batch(GM, KEY, BATCH, NODE, closed)):
        opened = open_locator(GM, KEY, BATCH, index, decode(RecordItem, item))
        assert opened == Locator(NODE, closed[index].handle)


@pytest.mark.parametrize("count", [0, 257])
def test_a_batch_holds_1_to_256(count: int) -> None:
    with pytest.raises(ValueError, match="256"):
        batch_size(count)


def test_a_locator_opens_in_its_place_alone(seeded: random.Random) -> None:
    items = seal_batch(GM, KEY, BATCH, NODE, close_batch(some_entries(2, seeded), seeded.randbytes))
    item = decode(RecordItem, items[0])
    flipped = replace(item, locator=bytes([item.locator[0] ^ 1]) + item.locator[1:])
    for key, batch, index, chosen in (
        (b"x" * 16, BATCH, 0, item),
        (KEY, replace(BATCH, salt=bytes(16)), 0, item),
        (KEY, replace(BATCH, batch=identifier(bytes(16))), 0, item),
        (KEY, BATCH, 1, item),
        (KEY, BATCH, 0, flipped),
    ):
        with pytest.raises(OpenFailed):
            open_locator(GM, key, batch, index, chosen)
    assert open_locator(GM, KEY, BATCH, 0, item).node == NODE


def test_keys_are_the_formula() -> None:
    assert (
        locator_key(GM, KEY, BATCH.salt)
        == GM.hash(b"locator-key\x00\x92\xc4\x10" + KEY + b"\xc4\x10" + BATCH.salt)[:16]
    )
    assert audience_key_commitment(GM.hash, "treatment", 1, KEY) == GM.hash(
        b"audience-key\x00\x93\xa9treatment\x01\xc4\x10" + KEY
    )

"""Changes on top of a state: the naive answer is a dictionary."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from xinglin.carrier.ledger.overlay import Overlay, ReadMemory

KEYS = st.sampled_from([b"", b"a", b"a\x00", b"ab", b"abc", b"b", b"ba", b"\xff"])
CHANGES = st.lists(st.tuples(KEYS, st.one_of(st.none(), st.binary(max_size=2))), max_size=8)


class Base:
    """A state in a dictionary."""

    def __init__(self, values: dict[bytes, bytes]) -> None:
        self.values = values

    def get(self, key: bytes) -> bytes | None:
        return self.values.get(key)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted((key, value) for key, value in self.values.items() if key.startswith(prefix)))


def change(overlay: Overlay, model: dict[bytes, bytes], changes: list[tuple[bytes, bytes | None]]) -> None:
    for key, value in changes:
        if value is None:
            overlay.delete(key)
            model.pop(key, None)
        else:
            overlay.put(key, value)
            model[key] = value


@given(st.dictionaries(KEYS, st.binary(max_size=2)), CHANGES, CHANGES, KEYS)
def test_overlays_read_like_a_dictionary(
    base: dict[bytes, bytes],
    first: list[tuple[bytes, bytes | None]],
    second: list[tuple[bytes, bytes | None]],
    prefix: bytes,
) -> None:
    block = Overlay(Base(dict(base)))
    model = dict(base)
    change(block, model, first)
    before = dict(model)
    operation = Overlay(block)
    change(operation, model, second)
    for overlay, expected in ((operation, model), (block, before)):
        assert list(overlay.scan(prefix)) == list(Base(expected).scan(prefix))
        assert all(overlay.get(key) == expected.get(key) for key in {*base, *model, b"absent"})
    operation.keep(block)
    assert list(block.scan(b"")) == sorted(model.items())


def test_a_scan_sees_the_state_as_it_was_when_it_began() -> None:
    overlay = Overlay(Base({b"a": b"1", b"c": b"3"}))
    overlay.put(b"b", b"2")
    seen = []
    for key, value in overlay.scan(b""):
        seen.append((key, value))
        overlay.put(key + b"x", b"new")
        overlay.delete(b"b")
    assert seen == [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")]


def test_a_memory_has_what_was_read_and_nothing_else() -> None:
    base = Base({b"a": b"1", b"b": b"2", b"c": b"3"})
    memory = ReadMemory(base)
    assert (memory.get(b"a"), memory.get(b"x")) == (b"1", None)
    assert list(memory.scan(b"b")) == [(b"b", b"2")]
    assert memory.read == {b"a": b"1", b"x": None, b"b": b"2"}
    base.values[b"a"] = b"other"
    assert memory.get(b"a") == b"1"

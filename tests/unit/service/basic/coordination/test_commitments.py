"""Record commitments: the formula, its openings, and many at once like one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.carrier.crypto.suite import suite
from xinglin.kernel.encoding import encode, pack
from xinglin.service.basic.coordination.commitments import RecordParts, commit_many
from xinglin.service.basic.coordination.model import Behaviour

GM = suite("gm")
BEHAVIOUR = Behaviour(
    record="a" * 26,
    institution="b" * 25 + "a",
    recorder="c" * 25 + "a",
    time=1_700_000_000_000,
    type="Observation",
    occasion="就诊".encode(),
)
salts = st.binary(min_size=16, max_size=16)
records = st.builds(RecordParts, salts, st.binary(), salts, st.binary(max_size=300), salts, st.binary())


@pytest.mark.requirement("H3")
def test_the_commitment_is_the_formula() -> None:
    salt_b, salt_r, salt_d = b"b" * 16, b"r" * 16, b"d" * 16
    made = commit_many(GM.hash_many, [RecordParts(salt_b, encode(BEHAVIOUR), salt_r, b"{}", salt_d)])[0]
    assert made.behaviour == GM.hash(b"behaviour\x00" + pack([salt_b, encode(BEHAVIOUR)]))
    assert made.original == GM.hash(b"original\x00\x92\xc4\x10" + salt_r + b"\xc4\x02{}")
    assert made.copy == GM.hash(b"copy\x00\x92\xc4\x10" + salt_d + b"\xc4\x00")
    fields = b"".join(b"\xc4\x20" + digest for digest in (made.behaviour, made.original, made.copy))
    assert made.commitment == GM.hash(b"record\x00\x93" + fields)


@pytest.mark.requirement("H3")
@given(st.lists(records, max_size=5))
def test_many_commitments_are_what_one_by_one_gives(many: list[RecordParts]) -> None:
    digests = commit_many(GM.hash_many, many)
    assert len(digests) == len(many)
    for record, made in zip(many, digests, strict=True):
        assert made.behaviour == GM.hash(b"behaviour\x00" + pack((record.behaviour_salt, record.behaviour)))
        assert made.original == GM.hash(b"original\x00" + pack((record.original_salt, record.original)))
        assert made.copy == GM.hash(b"copy\x00" + pack((record.copy_salt, record.copy)))
        assert made.commitment == GM.hash(b"record\x00" + pack((made.behaviour, made.original, made.copy)))


@given(records, st.integers(0, 5), st.data())
def test_any_change_of_a_part_changes_the_commitment(record: RecordParts, which: int, data: st.DataObject) -> None:
    names = ("behaviour_salt", "behaviour", "original_salt", "original", "copy_salt", "copy")
    parts = {name: getattr(record, name) for name in names}
    shape = salts if which % 2 == 0 else st.binary()
    changed = data.draw(shape.filter(lambda value: value != parts[names[which]]))
    other = RecordParts(**(parts | {names[which]: changed}))
    first, second = commit_many(GM.hash_many, [record, other])
    assert first.commitment != second.commitment

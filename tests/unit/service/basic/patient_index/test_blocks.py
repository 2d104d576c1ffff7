"""The index in memory: what is put in is found, counted, and gone when it is taken out."""

from __future__ import annotations

import random
from zlib import crc32

from tests.support.persons import HOME, WANG, chinese
from xinglin.cli.bench.people import people
from xinglin.service.basic.patient_index.blocks import CANDIDATES, Blocks, _Table, blocked, counted
from xinglin.service.basic.patient_index.comparing import key_of
from xinglin.service.basic.patient_index.features import features


def test_the_table_holds_what_a_dictionary_of_sets_would(seeded: random.Random) -> None:
    table, model = _Table(), {}
    for _ in range(5_000):
        key, number = crc32(b"%d" % seeded.randrange(800)), seeded.randrange(50)
        held = model.setdefault(key, set())
        if number in held and seeded.random() < 0.5:
            table.remove(key, number)
            held.discard(number)
        elif number not in held:
            table.add(key, number)
            held.add(number)
        table.remove(key, 99)  # is not there
    assert all(sorted(table.find(key)) == sorted(held) for key, held in model.items())


def test_everyone_is_found_by_their_own_traits_among_thousands() -> None:
    blocks = Blocks()
    made = [features(one.traits) for one in people(3000)]
    for number, one in enumerate(made):
        blocks.add(number.to_bytes(16, "big"), one)
    assert all(number in blocks.candidates(one) for number, one in enumerate(made))
    assert max(len(blocks.candidates(one)) for one in made) <= CANDIDATES


def test_taking_out_undoes_putting_in() -> None:
    blocks = Blocks()
    kept = blocks.add(bytes(16), features(WANG))
    before = [blocks.count(key) for key in sorted(counted(features(WANG)) | blocked(features(WANG)))]
    gone = blocks.add(b"x" * 16, features(chinese("王芳", 1990_03_07, **HOME)))
    blocks.remove(gone)
    blocks.remove(gone)
    assert [blocks.count(key) for key in sorted(counted(features(WANG)) | blocked(features(WANG)))] == before
    assert blocks.candidates(features(WANG)) == [kept]
    assert (blocks.size, blocks.end) == (1, 2)
    blocks.replace(kept, features(chinese("李娜", 1991_11_23)))
    assert blocks.candidates(features(WANG)) == []
    assert blocks.numbers_of(bytes(16)) == [kept]


def test_a_person_counts_once_for_a_value_however_often_registered() -> None:
    blocks = Blocks()
    phone = key_of("p", HOME["phones"][0])  # type: ignore[arg-type]
    numbers = [blocks.add(bytes(16), features(WANG)) for _ in range(5)]
    assert blocks.count(phone) == 1
    blocks.add(b"x" * 16, features(chinese("李娜", 1991_11_23, **HOME)))
    assert blocks.count(phone) == 2
    for number in numbers:
        blocks.remove(number)
    assert blocks.count(phone) == 1

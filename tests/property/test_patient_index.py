"""The patient index: levelling is stable, scores are symmetric, undoing restores, nothing is readable on disk (H1)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.persons import NOBODY, YEAR, new_index, reopened
from xinglin.cli.bench.people import people
from xinglin.service.basic.patient_index.blocks import Blocks
from xinglin.service.basic.patient_index.features import features, phone, usable_date
from xinglin.service.basic.patient_index.identifiers import normal
from xinglin.service.basic.patient_index.model import Address, Identifier, IdentifierKind, Mother, Name, Sex, Traits
from xinglin.service.basic.patient_index.names import latin
from xinglin.service.basic.patient_index.rules import decide
from xinglin.service.basic.patient_index.service import PatientIndex

LETTERS = st.text(alphabet="abeilmnorstzABÉöøß'- .王李张芳伟明之子婴", max_size=12)
DATES = st.integers(0, 2030_12_31)
NAMES = st.builds(Name, family=LETTERS, given=LETTERS, text=LETTERS)
IDENTIFIERS = st.builds(
    Identifier,
    kind=st.sampled_from(IdentifierKind),
    value=st.text(alphabet="0123456789XA-", max_size=18),
    scope=st.sampled_from(["", "a"]),
)
ADDRESSES = st.builds(
    Address, line=st.text(alphabet="abc 123\n路号", max_size=16), city=LETTERS, postcode=st.text("0123", max_size=4)
)
TRAITS = st.builds(
    Traits,
    identifiers=st.lists(IDENTIFIERS, max_size=3).map(tuple),
    names=st.lists(NAMES, max_size=2).map(tuple),
    birth=DATES,
    sex=st.sampled_from(Sex),
    phones=st.lists(st.text("0123456789+", max_size=13), max_size=2).map(tuple),
    addresses=st.lists(ADDRESSES, max_size=2).map(tuple),
    mother=st.builds(Mother, names=st.lists(NAMES, max_size=1).map(tuple)),
    birth_order=st.integers(0, 3),
)


@given(LETTERS, DATES, st.text("0123456789+-() ", max_size=20), IDENTIFIERS)
def test_levelling_what_is_levelled_changes_nothing(text: str, date: int, number: str, identifier: Identifier) -> None:
    assert latin(latin(text)) == latin(text)
    assert usable_date(usable_date(date)) == usable_date(date)
    assert phone(phone(number)) == phone(number)
    found = normal(identifier)
    if found is not None:
        again = normal(Identifier(IdentifierKind(found[0].kind), found[0].value, found[0].scope))
        assert again is not None
        assert (again[0].kind, again[0].value) == (found[0].kind, found[0].value)


@given(TRAITS, TRAITS)
@settings(max_examples=200)
def test_which_of_two_comes_first_makes_no_difference(one: Traits, other: Traits) -> None:
    there, back = (decide(features(a), features(b), NOBODY, YEAR) for a, b in ((one, other), (other, one)))
    assert (there.grade, there.score) == (back.grade, back.score)


def test_symmetry_holds_for_people_as_they_are_registered(seeded: random.Random) -> None:
    blocks = Blocks()
    made = [features(one.traits) for one in people(400)]
    for number, one in enumerate(made):
        blocks.add(number.to_bytes(16, "big"), one)
    for _ in range(3000):
        one, other = seeded.sample(made, 2)
        there, back = decide(one, other, blocks, YEAR), decide(other, one, blocks, YEAR)
        assert (there.grade, there.score) == (back.grade, back.score)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PatientIndex, Path]]:
    """Return an index of sixty persons and its folder."""
    folder = tmp_path_factory.mktemp("crowd")
    index = new_index(folder)
    index.take_many([(one.source, one.subject, one.traits) for one in people(60)])
    yield index, folder
    index.close()


@pytest.mark.requirement("H1")
@given(st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=8), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_undoing_every_merge_in_any_order_restores_every_link(
    crowd: tuple[PatientIndex, Path], pairs: list[tuple[int, int]], order: random.Random
) -> None:
    index, folder = crowd
    before = links(index)
    persons = list(index.persons())
    merges = []
    for one, other in pairs:
        kept, gone = index.found_as(persons[one % len(persons)]), index.found_as(persons[other % len(persons)])
        if kept != gone:
            merges.append(index.merge(kept, gone, "", "account").merge)
    order.shuffle(merges)
    for merge in merges:
        index.unmerge(merge, "", "account")
    assert links(index) == before
    again = reopened(folder)
    assert links(again) == before
    again.close()


def links(index: PatientIndex) -> dict[bytes, list[tuple[bytes, bytes]]]:
    """Return what is of each person."""
    return {person: index.subjects_of(person) for person in index.persons()}


@pytest.mark.requirement("H1")
def test_no_file_of_the_index_holds_anything_of_a_person_in_the_open(tmp_path: Path) -> None:
    index = new_index(tmp_path)
    made = list(people(200))
    answers = index.take_many([(one.source, b"logical-id-" + one.subject, one.traits) for one in made])
    index.merge(answers[0][0], answers[-1][0], "the reason in words", "account-of-someone")
    index.link(answers[1][0], "another-node", b"handle-of-the-ot", "account-of-someone")
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    index.close()
    everything += b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    needles = {text for one in made for text in told(one.traits)}
    needles |= {b"logical-id-", b"the reason in words", b"account-of-someone", b"another-node", b"handle-of-the-ot"}
    needles |= {person for person, _ in answers}
    assert len(needles) > 500
    assert [needle for needle in needles if needle in everything] == []
    assert len(everything) > 20_000


def told(traits: Traits) -> Iterator[bytes]:
    """Yield everything of a person that is long enough not to turn up by chance."""
    texts: list[Any] = [one.value for one in traits.identifiers]
    texts += [part for name in traits.names for part in (name.text, name.family, name.given)]
    texts += [*traits.phones, *(one.line for one in traits.addresses), *(one.city for one in traits.addresses)]
    for text in texts:
        for form in (text.encode(), text.encode("utf-16-le"), text.encode("gb18030")):
            if len(form) >= 6:
                yield form

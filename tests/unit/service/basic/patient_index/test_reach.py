"""Who is one with a person, may be, or was: nobody whom a hold or retention must not miss is missed."""

from __future__ import annotations

from xinglin.service.basic.patient_index.model import Decision, Merged, Moved, Review, Unmerged
from xinglin.service.basic.patient_index.reach import reach

A, B, C, D = (bytes([number]) * 16 for number in range(1, 5))


def merged(kept: bytes, gone: bytes, at: int = 10) -> Merged:
    return Merged(kept[:8] + gone[:8], kept, gone, "", "", at)


def unmerged(merge: Merged, at: int) -> Unmerged:
    return Unmerged(merge.merge, "", "", at)


def reached(*decisions: Decision, person: bytes = A, since: int = 0, waiting: tuple[Review, ...] = ()) -> set[bytes]:
    return set(reach(person, decisions, waiting, since))


def test_alone_it_is_itself() -> None:
    assert reached() == {A}
    assert reached(merged(B, C)) == {A}


def test_merges_lead_on_from_either_side() -> None:
    chain = (merged(B, A), merged(C, B), merged(C, D))
    assert reached(*chain) == {A, B, C, D}
    assert reached(*chain, person=D) == {A, B, C, D}


def test_what_was_undone_counts_if_it_was_undone_later() -> None:
    merge = merged(A, B)
    assert reached(merge, unmerged(merge, 20), since=15) == {A, B}
    assert reached(merge, unmerged(merge, 20), since=20) == {A, B}
    assert reached(merge, unmerged(merge, 20), since=21) == {A}


def test_a_registration_that_was_moved_counts_in_the_same_way() -> None:
    moved = Moved(D, b"s", b"p", A, B, "", "", 20)
    assert reached(moved, since=20) == {A, B}
    assert reached(moved, since=21) == {A}


def test_whoever_may_be_the_same_counts_until_people_say() -> None:
    review = Review(D, A, B, 0, "", (), 5)
    assert reached(merged(B, C), since=99, waiting=(review,)) == {A, B, C}

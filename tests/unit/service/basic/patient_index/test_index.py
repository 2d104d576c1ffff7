"""The patient index as its callers use it: registrations, questions, decisions of people, links, damage."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from tests.support.persons import (
    HOME,
    NAMESAKES_CARD,
    OTHER_CARD,
    WANG,
    Ticking,
    chinese,
    codes,
    latin,
    new_index,
    reopened,
)
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.patient_index.errors import (
    AlreadyOne,
    DecisionNotFound,
    DecisionsMissing,
    IndexRowDamaged,
    OnlyRegistration,
    PersonNotFound,
    SubjectNotFound,
    TraitsInvalid,
)
from xinglin.service.basic.patient_index.model import Grade, Identifier, IdentifierKind, Name, Sex, Traits
from xinglin.service.basic.patient_index.service import PatientIndex
from xinglin.service.lifecycle.storage.errors import StorageExists, StorageMissing, StorageUnwritable

LI = chinese("李娜", 1991_11_23, sex=Sex.FEMALE)
TWINS = [chinese(name, 2015_04_05, sex=Sex.MALE, **HOME) for name in ("李子轩", "李浩然")]
NO_ONE = bytes(16)


def take(index: PatientIndex, subject: bytes, traits: Traits, source: bytes = b"his") -> bytes:
    """Register somebody and return the person."""
    return index.find_or_create(source, subject, traits)[0]


@pytest.mark.requirement("H1")
def test_a_persons_registrations_at_two_sources_are_one_person(index: PatientIndex) -> None:
    person, first = index.find_or_create(b"his", b"1", WANG)
    pinyin = latin("Wang", "Fang", 1990_03_07, sex=Sex.MALE, phones=HOME["phones"])
    again, second = index.find_or_create(b"lis", b"77", pinyin)
    other, third = index.find_or_create(b"lis", b"78", LI)
    assert (first.grade, second.grade, third.grade) == (Grade.NONE, Grade.MATCH, Grade.NONE)
    assert person == again != other
    assert index.subjects_of(person) == [(b"his", b"1"), (b"lis", b"77")]
    assert index.traits_of(person) == [WANG, pinyin]
    assert index.person_of(b"lis", b"77") == person
    assert index.person_of(b"lis", b"1") is None
    assert list(index.persons()) == [person, other]


def test_the_same_registration_again_changes_nothing(index: PatientIndex, tmp_path: Path) -> None:
    person = take(index, b"1", WANG)
    again, match = index.find_or_create(b"his", b"1", WANG)
    assert (again, match.grade, codes(match)) == (person, Grade.MATCH, {"subject.known"})
    both = index.take_many([(b"his", b"2", LI), (b"his", b"2", LI), (b"his", b"1", WANG)])
    assert both[0][0] == both[1][0]
    assert both[2][0] == person
    index.close()
    opened = reopened(tmp_path)
    assert opened.size == 2
    assert opened.person_of(b"his", b"1") == person
    opened.close()


def test_later_registrations_of_a_call_see_the_earlier_ones(index: PatientIndex) -> None:
    answers = index.take_many([(b"his", b"1", WANG), (b"lis", b"1", WANG), (b"lis", b"2", LI)])
    assert answers[0][0] == answers[1][0] != answers[2][0]


def test_a_possible_match_is_a_person_of_its_own_and_waits_for_people(index: PatientIndex, tmp_path: Path) -> None:
    one, other = take(index, b"1", TWINS[0]), take(index, b"2", TWINS[1])
    assert one != other
    review = index.reviews()[0]
    assert {review.one, review.other} == {one, other}
    assert review.cause == "possible"
    assert "held.twins" in {reason.code for reason in review.reasons}
    index.dismiss(review.review, "born minutes apart", "account")
    assert index.reviews() == []
    with pytest.raises(DecisionNotFound):
        index.confirm(review.review, "", "account")
    index.close()
    opened = reopened(tmp_path)
    assert opened.reviews() == []
    # What was settled is not asked again when the source says something else.
    opened.find_or_create(b"his", b"2", replace(TWINS[1], phones=()))
    assert opened.reviews() == []
    opened.close()


def test_a_registration_that_fits_two_persons_puts_them_before_people(index: PatientIndex) -> None:
    passport = Identifier(IdentifierKind.PASSPORT, "E12345678")
    one = take(index, b"1", replace(WANG, phones=(), addresses=()))
    other = take(index, b"2", replace(latin("Smith", "Jane", 1990_03_07), identifiers=(passport,)))
    both = replace(WANG, names=(Name(text="王芳"), Name("Smith", "Jane")), identifiers=(*WANG.identifiers, passport))
    assert take(index, b"3", both) in (one, other)
    assert [review.cause for review in index.reviews()] == ["bridge"]


def test_what_contradicts_one_registration_of_a_person_contradicts_the_person(index: PatientIndex) -> None:
    carded = take(index, b"1", WANG)
    assert take(index, b"2", replace(WANG, identifiers=())) == carded
    # As like to the second registration as can be, but its card is not that of the first.
    stranger = replace(WANG, identifiers=(Identifier(IdentifierKind.ID_CARD, NAMESAKES_CARD),))
    person, match = index.find_or_create(b"his", b"3", stranger)
    assert person != carded
    assert match.grade is Grade.POSSIBLE
    assert "held.contradiction" in codes(match)


def test_changed_traits_stay_with_the_person_and_say_when_they_do_not_fit(index: PatientIndex) -> None:
    person = take(index, b"1", WANG)
    take(index, b"2", WANG)
    card = (Identifier(IdentifierKind.ID_CARD, OTHER_CARD),)
    again, match = index.find_or_create(b"his", b"2", chinese("刘海", 1985_06_12, card=OTHER_CARD))
    assert again == person
    assert match.grade is Grade.POSSIBLE
    assert "held.contradiction" in codes(match)
    assert index.match(Traits(identifiers=card, names=(Name(text="刘海"),)))[0].person == person
    assert index.find_or_create(b"his", b"2", WANG)[1].grade is Grade.MATCH


def test_match_requests_name_the_likeliest_first_and_change_nothing(index: PatientIndex) -> None:
    person = take(index, b"1", WANG)
    take(index, b"2", LI)
    found = index.match(Traits(names=(Name("Wang", "Fang"),), birth=1990_03_07, phones=("+86 138 0013 8001",)))
    assert [match.person for match in found] == [person]
    assert found[0].grade is Grade.MATCH
    assert found[0].probability > 0.99
    assert index.match(chinese("王芳", 1990_03_07), limit=0) == []
    assert index.size == 2


@pytest.mark.requirement("H1")
def test_a_merge_can_be_undone_and_says_who_and_when(tmp_path: Path) -> None:
    clock = Ticking()
    index = new_index(tmp_path, clock)
    one, other, third = (take(index, b"%d" % place, traits) for place, traits in enumerate((WANG, LI, TWINS[0])))
    first = index.merge(other, third, "same photo", "account-a")
    second = index.merge(one, other, "same papers", "account-a")
    assert (second.kept, second.others) == (one, (other, third))
    assert index.person_of(b"his", b"2") == index.found_as(third) == one
    assert list(index.persons()) == [one]
    late = take(index, b"9", replace(WANG, phones=()))
    assert late == one
    parted = index.unmerge(second.merge, "two people after all", "account-b")
    assert (parted.one, parted.other) == (one, other)
    assert [subject.subject for subject in parted.of_one] == [b"0", b"9"]
    assert [subject.subject for subject in parted.of_other] == [b"1", b"2"]
    assert [subject.subject for subject in parted.unsure] == [b"9"]
    assert parted.since < parted.until == clock.now
    assert index.person_of(b"his", b"2") == other
    record = index.record()
    index.close()
    opened = reopened(tmp_path)
    assert opened.record() == record
    assert [type(decision).__name__ for decision in record] == ["Merged", "Merged", "Unmerged"]
    assert opened.person_of(b"his", b"2") == other
    opened.unmerge(first.merge, "", "account-b")
    assert opened.person_of(b"his", b"2") == third
    with pytest.raises(DecisionNotFound):
        opened.unmerge(first.merge, "", "account-b")
    opened.close()


def test_what_an_unmerge_parted_is_not_proposed_again(index: PatientIndex) -> None:
    for place, traits in enumerate(TWINS):
        take(index, b"%d" % place, traits)
    joined = index.confirm(index.reviews()[0].review, "", "account")
    assert index.reviews() == []
    index.unmerge(joined.merge, "", "account")
    assert index.reviews() == []
    index.find_or_create(b"his", b"1", replace(TWINS[1], phones=()))
    assert index.reviews() == []


def test_who_was_taken_for_a_person_for_a_time_is_told(tmp_path: Path) -> None:
    index = new_index(tmp_path, Ticking())
    one, other = take(index, b"1", WANG), take(index, b"2", LI)
    assert take(index, b"9", replace(WANG, phones=())) == one
    assert index.parted(one) == []
    merged = index.merge(one, other, "same papers", "account")
    assert index.parted(other) == []  # they are one
    parted = index.unmerge(merged.merge, "two people after all", "account")
    assert index.parted(one) == [(other, parted.since, parted.until)]
    assert index.parted(other) == [(one, parted.since, parted.until)]
    moved = index.part(b"his", b"9", "another one's", "account")
    assert index.parted(moved.other) == [(one, 0, moved.until)]
    index.close()
    assert reopened(tmp_path).parted(other) == [(one, parted.since, parted.until)]


def test_since_when_a_person_is_found_as_another_is_told(index: PatientIndex) -> None:
    names = ("王芳", "李伟", "欧阳明")
    one, other, third = (
        index.find_or_create(b"his", bytes([n]), chinese(name, 1971_01_02 + n))[0] for n, name in enumerate(names)
    )
    index.merge(other, third, "", "account")
    joined = index.merge(one, other, "", "account").merge
    times = {merged.gone: merged.at for merged in index.merges()}
    assert index.followed(third) == [(third, 0), (other, times[third]), (one, times[other])]
    assert index.followed(one) == [(one, 0)]
    assert index.assigned(b"his", b"\x02") == third
    assert index.assigned(b"his", b"\x09") is None
    index.unmerge(joined, "", "account")
    assert index.followed(third) == [(third, 0), (other, times[third])]


def test_merges_of_what_is_not_there_or_one_already_are_refused(index: PatientIndex) -> None:
    one, other = take(index, b"1", WANG), take(index, b"2", LI)
    index.merge(one, other, "", "account")
    with pytest.raises(AlreadyOne):
        index.merge(other, one, "", "account")
    with pytest.raises(PersonNotFound):
        index.merge(one, NO_ONE, "", "account")
    with pytest.raises(PersonNotFound):
        index.subjects_of(NO_ONE)
    assert len(index.record()) == 1


def test_a_registration_that_was_matched_wrongly_becomes_a_person_of_its_own(index: PatientIndex) -> None:
    person = take(index, b"1", WANG)
    assert take(index, b"2", replace(WANG, phones=())) == person
    parted = index.part(b"his", b"2", "father of the same name", "account")
    assert index.person_of(b"his", b"2") == parted.other != person
    assert index.subjects_of(person) == [(b"his", b"1")]
    assert [subject.subject for subject in parted.of_one] == [b"1"]
    assert [subject.subject for subject in parted.of_other] == [b"2"]
    with pytest.raises(OnlyRegistration):
        index.part(b"his", b"2", "", "account")
    with pytest.raises(SubjectNotFound):
        index.part(b"his", b"8", "", "account")


def test_links_between_nodes_follow_the_person_and_can_be_undone(index: PatientIndex, tmp_path: Path) -> None:
    one, other = take(index, b"1", WANG), take(index, b"2", LI)
    link = index.link(other, "node-b", b"h" * 16, "account")
    index.merge(one, other, "", "account")
    assert index.person_by_handle("node-b", b"h" * 16) == one
    assert index.links(one) == [link]
    assert index.person_by_handle("node-c", b"h" * 16) is None
    index.close()
    opened = reopened(tmp_path)
    assert opened.unlink(link.link, "the other node erred", "account") == link
    assert opened.links(one) == []
    assert opened.person_by_handle("node-b", b"h" * 16) is None
    with pytest.raises(DecisionNotFound):
        opened.unlink(link.link, "", "account")
    with pytest.raises(PersonNotFound):
        opened.link(NO_ONE, "node-b", b"h" * 16, "account")
    opened.close()


def test_what_is_forgotten_is_gone_from_file_and_memory(index: PatientIndex, tmp_path: Path) -> None:
    person = take(index, b"1", WANG)
    other = take(index, b"2", LI)
    assert index.forget(b"his", b"1")
    assert not index.forget(b"his", b"1")
    assert index.match(WANG) == []
    assert list(index.persons()) == [other]
    with pytest.raises(PersonNotFound):
        index.subjects_of(person)
    index.close()
    opened = reopened(tmp_path)
    assert opened.size == 1
    assert take(opened, b"3", WANG) != person
    assert opened.subjects_of(other) == [(b"his", b"2")]
    opened.close()


@pytest.mark.parametrize(
    "traits",
    [
        Traits(names=(Name(text="x" * 513),)),
        Traits(birth=-1),
        Traits(birth_order=99),
        Traits(names=("王芳",)),  # type: ignore[arg-type]
        Traits(phones=(13800138001,)),  # type: ignore[arg-type]
        Traits(names=(Name(text="\ud800"),)),
    ],
    ids=["long", "negative", "order", "no name object", "number", "half a character"],
)
def test_malformed_traits_are_refused_and_nothing_of_the_call_is_kept(index: PatientIndex, traits: Traits) -> None:
    with pytest.raises(TraitsInvalid):
        index.take_many([(b"his", b"1", WANG), (b"his", b"2", traits)])
    assert index.size == 0
    assert index.match(WANG) == []
    assert index.person_of(b"his", b"1") is None
    person = take(index, b"1", WANG)
    with pytest.raises(TraitsInvalid):
        index.take_many([(b"his", b"1", LI), (b"his", b"2", traits)])
    assert index.match(WANG)[0].person == person


def test_a_disk_that_refuses_leaves_the_index_as_it_was(index: PatientIndex) -> None:
    person = take(index, b"1", WANG)
    store = index._store.database
    with sa.create_engine(f"sqlite:///{store.path}").connect() as blocker:
        blocker.exec_driver_sql("BEGIN IMMEDIATE")
        with store.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=1")
        with pytest.raises(StorageUnwritable):
            index.take_many([(b"his", b"1", LI), (b"his", b"2", LI)])
    assert index.size == 1
    assert [match.person for match in index.match(WANG)] == [person]
    assert index.match(LI) == []
    assert take(index, b"2", LI) != person


def test_an_index_is_made_once_and_opened_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(StorageMissing):
        reopened(tmp_path)
    new_index(tmp_path).close()
    with pytest.raises(StorageExists):
        new_index(tmp_path)


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("UPDATE registrations SET sealed = zeroblob(80) WHERE number = 1", IndexRowDamaged),
        ("UPDATE registrations SET number = 7 WHERE number = 1", IndexRowDamaged),
        ("UPDATE registrations SET lookup = zeroblob(16) WHERE number = 1", IndexRowDamaged),
        (
            "UPDATE decisions SET sealed = (SELECT sealed FROM decisions WHERE number = 1) WHERE number = 0",
            IndexRowDamaged,
        ),
        ("DELETE FROM decisions WHERE number = 0", DecisionsMissing),
    ],
)
def test_altered_rows_are_found_and_never_used(
    index: PatientIndex, tmp_path: Path, statement: str, error: type[PlatformError]
) -> None:
    one, other = take(index, b"1", WANG), take(index, b"2", LI)
    joined = index.merge(one, other, "", "account")
    index.unmerge(joined.merge, "", "account")
    assert list(index.damage()) == []
    with index._store.database.transaction() as connection:
        connection.exec_driver_sql(statement)
    assert [type(found) for found in index.damage()] == [error]
    index.close()
    with pytest.raises(error):
        reopened(tmp_path)


def test_someone_is_found_among_two_hundred_who_share_phone_and_address(index: PatientIndex) -> None:
    crowd = [chinese(f"王{chr(0x4E00 + place)}", 1950_01_01 + place % 28, **HOME) for place in range(200)]
    index.take_many([(b"his", b"%d" % place, traits) for place, traits in enumerate(crowd)])
    person = take(index, b"x", WANG)
    assert index.match(Traits(identifiers=WANG.identifiers, names=WANG.names))[0].person == person

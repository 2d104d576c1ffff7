"""Correcting a record: stored, registered, linked, told; the wrong version is never current again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.contract_parties import new_id
from tests.support.correction_home import CorrectionHome, Given
from tests.support.intake_home import bundle, resource
from xinglin.kernel.encoding import decode, encode
from xinglin.kernel.errors import PlatformError, Unavailable
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.model import Behaviour
from xinglin.service.basic.coordination.outbox.store import Delivery
from xinglin.service.basic.correction.errors import (
    CorrectionUnfit,
    NotCurrent,
    NothingCorrected,
    NotProducer,
    OtherResource,
    VersionsDiffer,
)
from xinglin.service.basic.correction.model import REASONS, LinkCorrection, Reason
from xinglin.service.basic.correction.reading import read_correction
from xinglin.service.basic.correction.service import Corrections, Institution, NewCorrection
from xinglin.service.basic.correction.store import Step
from xinglin.service.basic.intake.model import Incoming
from xinglin.service.basic.notices.model import NoticeKind
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource, Processed
from xinglin.service.lifecycle.storage.errors import RecordNotFound
from xinglin.service.lifecycle.storage.model import Parts
from xinglin.service.lifecycle.storage.vault import OpenedRecord
from xinglin.stakeholders.kinds import Role

ACCOUNT = new_id()
LINKED_AT = 1_700_000_000_010
"""Time of the private chain's first block."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[CorrectionHome]:
    """Return a home with three Observations of one patient, registered."""
    made = CorrectionHome(tmp_path)
    made.intake.intake.run([bundle(range(3), "wrong")])
    yield made
    made.close()


def corrected(text: str = "right", number: int = 0, **facts: Any) -> CollectedResource:
    return resource(number, text, **facts)


def correct(home: CorrectionHome, record: str, text: str = "right", reason: Reason = Reason.WRONG_VALUE) -> str:
    return home.corrections.correct(NewCorrection(record, corrected(text), reason, ACCOUNT)).record


# --- correcting ---


@pytest.mark.requirement("H12", "S8.6b")
def test_a_correction_is_a_linked_version_and_current(home: CorrectionHome) -> None:
    old = home.record()
    new = correct(home, old)
    vault = home.intake.storage.vault
    assert json.loads(vault.read(new))["text"] == "right"
    assert json.loads(vault.read(old))["text"] == "wrong"
    before, after = home.row(0).details, home.row(1).details
    assert (after.source, after.type, after.logical_id) == (before.source, before.type, before.logical_id)
    assert (before.version, after.version) == (0, 1)
    assert home.intake.outbox.find(after.batch).state is Delivery.REGISTERED
    assert after.commitment in b"".join(home.intake.chain.batches[after.batch])
    for record in (old, new):
        assert home.corrections.looking.current(record) == new
        first, last = home.corrections.looking.versions(record)
        assert (first.current, first.reason, first.account) == (False, Reason.WRONG_VALUE, ACCOUNT)
        assert (first.commitment, first.corrected) == (before.commitment, LINKED_AT)
        assert (last.record, last.current, last.reason, last.number) == (new, True, None, 1)


@pytest.mark.requirement("H12")
def test_a_correction_can_be_corrected_and_the_line_is_kept(home: CorrectionHome) -> None:
    records = [home.record()]
    for text in ("better", "best"):
        records.append(correct(home, records[-1], text))
    for record in records:
        assert [one.record for one in home.corrections.looking.versions(record)] == records
        assert home.corrections.looking.current(record) == records[-1]
    assert [one.current for one in home.corrections.looking.versions(records[0])] == [False, False, True]


def test_a_record_that_was_never_corrected_is_current(home: CorrectionHome) -> None:
    record = home.record(number=1)
    correct(home, home.record())
    assert home.corrections.looking.current(record) == record
    with pytest.raises(RecordNotFound):
        home.corrections.looking.current(new_id())


REFUSALS: list[tuple[Callable[[CollectedResource], CollectedResource], type[PlatformError], str]] = [
    (lambda one: replace(one, resource_type="Condition"), OtherResource, "type"),
    (lambda one: replace(one, logical_id="o1"), OtherResource, "id"),
    (lambda one: replace(one, subject="p2"), OtherResource, "subject"),
    (lambda one: replace(one, original=corrected("wrong").original), NothingCorrected, ""),
    (lambda one: replace(one, occasion="e" * 2_000), CorrectionUnfit, ""),
]


@pytest.mark.parametrize(("change", "refusal", "what"), REFUSALS)
def test_one_change_and_it_is_no_correction(
    home: CorrectionHome, change: Any, refusal: type[PlatformError], what: str
) -> None:
    new = NewCorrection(home.record(), change(corrected()), Reason.WRONG_VALUE, ACCOUNT)
    with pytest.raises(refusal) as caught:
        home.corrections.correct(new)
    assert caught.value.facts["record"] == home.record()
    assert caught.value.facts.get("what", "") == what
    assert home.intake.storage.vault.index.last_number() == 3
    assert home.homes.here.chain.calls == []
    assert home.corrections.store.all() == []


def test_a_resource_that_states_no_id_corrects_the_one_that_is_named(home: CorrectionHome) -> None:
    new = home.corrections.correct(NewCorrection(home.record(), corrected(logical_id=""), Reason.OTHER, ACCOUNT))
    assert home.record(1) == new.record


def test_an_old_version_is_not_corrected_again(home: CorrectionHome) -> None:
    old = home.record()
    new = correct(home, old)
    with pytest.raises(NotCurrent) as caught:
        correct(home, old, "another")
    assert caught.value.facts == {"record": old, "current": new}
    assert home.intake.storage.vault.index.last_number() == 4


@pytest.mark.requirement("H12")
def test_only_the_producer_corrects(home: CorrectionHome) -> None:
    stranger = home.homes.there.member
    home.corrections._institution = Institution(stranger, ("Other", "他院"), home.homes.suite)
    with pytest.raises(NotProducer) as caught:
        correct(home, home.record())
    assert caught.value.facts["member"] == stranger
    assert decode(Behaviour, home.row().details.behaviour).institution == home.homes.here.member
    assert home.intake.storage.vault.index.last_number() == 3


def test_a_link_that_the_vault_does_not_know_is_found(home: CorrectionHome) -> None:
    call = LinkCorrection(home.row().details.commitment, bytes(32), Reason.OTHER, ACCOUNT)
    home.homes.here.chain.call("correction", "link", call)
    with pytest.raises(VersionsDiffer):
        home.corrections.looking.current(home.record())


# --- telling ---


@pytest.mark.requirement("H12", "H10")
def test_everyone_who_read_the_old_version_is_told_and_acknowledges(home: CorrectionHome) -> None:
    old, there = home.record(), home.homes.there
    given = home.read_by_the_other()
    correct(home, old)
    (notice,) = there.notices.inbox(given.account)
    assert notice.kind is NoticeKind.CORRECTION
    assert notice.about == home.row().details.commitment
    assert REASONS[Reason.WRONG_VALUE][1] in notice.zh
    assert old in notice.en
    radius = home.corrections.looking.blast_radius(old)
    assert radius.corrected_by == home.row(1).details.commitment
    (holder,) = radius.holders
    assert (holder.member, holder.account, holder.copy, holder.times) == (there.member, given.account, 1, 1)
    assert (holder.first, holder.last, holder.notice) == (5, 9, notice.notice)
    assert (holder.told, holder.delivered, holder.acknowledged) == (notice.time, True, 0)
    home.homes.clock.time += 77
    role = next(role for role, (account, _) in there.party.accounts.items() if account == given.account)
    there.notices.acknowledge(notice.sender, notice.notice, given.account, there.signer(role))
    assert home.corrections.looking.blast_radius(old).holders[0].acknowledged == home.homes.clock.time
    assert home.corrections.looking.blast_radius(home.record(1)).holders == []


@pytest.mark.requirement("H12")
def test_the_blast_radius_shows_who_has_not_been_reached(home: CorrectionHome) -> None:
    home.read_by_the_other()
    assert [one.told for one in home.corrections.looking.blast_radius(home.record()).holders] == [0]
    home.homes.wire.down = True
    correct(home, home.record())
    (holder,) = home.corrections.looking.blast_radius(home.record()).holders
    assert holder.told > 0
    assert not holder.delivered
    assert home.corrections.store.at_step(Step.TOLD)  # the notice itself is retried by the inbox


@pytest.mark.requirement("H12")
def test_who_read_an_older_version_is_told_of_each_correction_once(home: CorrectionHome) -> None:
    account = home.read_by_the_other(0).account
    first = correct(home, home.record(), "better")
    home.read_by_the_other(1)
    inbox = home.homes.there.notices
    assert len(inbox.inbox(account)) == 1
    correct(home, first, "best")
    notices = inbox.inbox(account)
    assert {one.about for one in notices} == {home.row(0).details.commitment, home.row(1).details.commitment}
    assert home.corrections.looking.blast_radius(home.record(0)).holders[0].notice in {one.notice for one in notices}


@pytest.mark.requirement("H10")
@pytest.mark.parametrize(("reason", "told"), [(Reason.WRONG_VALUE, 1), (Reason.WRONG_PERFORMER, 0)])
def test_the_patient_is_told_of_what_matters(home: CorrectionHome, reason: Reason, told: int) -> None:
    correct(home, home.record(), reason=reason)
    here = home.homes.here
    person = home.persons.person_of(b"his", b"p1")
    assert person is not None
    notices = here.notices.for_person(person)
    assert [one.kind for one in notices] == [NoticeKind.VALUABLE_CHANGE] * told
    assert not any(person in value for value in here.chain.ledger.state.values())


def test_colleagues_are_told_too(home: CorrectionHome) -> None:
    here = home.homes.here
    account = here.account(Role.PRACTITIONER)
    home.readers.given[home.row().details.commitment] = [Given(here.member, account, copy=2)]
    correct(home, home.record(), reason=Reason.TRANSCRIPTION)
    assert len(here.notices.inbox(account)) == 1
    assert home.corrections.looking.blast_radius(home.record()).holders[0].copy == 2


def test_every_reason_has_words_in_both_languages() -> None:
    assert set(REASONS) == set(Reason)
    assert all(english.isascii() and not chinese.isascii() for english, chinese in REASONS.values())


def test_who_read_a_version_only_when_it_had_been_corrected_knew(home: CorrectionHome) -> None:
    before = home.read_by_the_other()
    correct(home, home.record(), reason=Reason.TRANSCRIPTION)
    later = Given(before.member, new_id(), first=LINKED_AT, last=LINKED_AT)
    home.readers.given[home.row().details.commitment].append(later)
    held = home.corrections.looking.blast_radius(home.record()).holders
    assert [(one.account, one.knew, bool(one.told)) for one in held] == [
        (before.account, False, True),
        (later.account, True, False),
    ]


@pytest.mark.requirement("S7.1f", "S8.6b")
def test_a_destroyed_version_is_still_one(home: CorrectionHome) -> None:
    old = home.record()
    row, new = home.row(), correct(home, old)
    gone = replace(row.details, destroyed=1, source=b"", logical_id=b"", subject=b"")
    home.intake.storage.vault.index.replace(row.number, row.record, gone)
    for record in (old, new):
        assert [one.record for one in home.corrections.looking.versions(record)] == [old, new]


# --- a resource read alone ---

ADDRESS = "urn:uuid:0000000a-0000-4000-8000-000000000000"


def observation(**changes: Any) -> bytes:
    """Return a valid Observation that names its patient by an address, as a bundle's entries do."""
    whole = {
        "resourceType": "Observation",
        "id": "o0",
        "status": "final",
        "code": {"text": "Sodium"},
        "subject": {"reference": ADDRESS},
        "encounter": {"reference": ADDRESS},
        "effectiveDateTime": "2020-03-04T05:06:07Z",
        **changes,
    }
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode()


def opened(home: CorrectionHome, original: bytes) -> OpenedRecord:
    """Return the first record with another original."""
    found = home.intake.storage.vault.open_record(home.record())
    salt, _ = found.parts.original
    return OpenedRecord(found.stored, Parts(found.parts.behaviour, (salt, original), found.parts.copy))


def labelled(resource: Mapping[str, Any], subject: str, logical_id: str) -> Processed:
    """Label and copy as intake does; the copy tells what it was made of."""
    return Processed(2, 4, 0, f"{resource['resourceType']} {logical_id} of {subject}".encode())


@pytest.mark.requirement("S7.1c", "H3")
def test_a_correction_has_labels_and_a_copy_of_its_own(home: CorrectionHome) -> None:
    made = read_correction(observation(status="corrected"), FhirkitValidator(), opened(home, observation()), labelled)
    assert made.processed == Processed(2, 4, 0, b"Observation o0 of p1")
    nameless = read_correction(observation(id=None), FhirkitValidator(), opened(home, observation()), labelled)
    assert nameless.processed.copy == b"Observation o0 of p1"


@pytest.mark.requirement("H1")
def test_the_patient_index_takes_up_what_a_corrected_patient_says(home: CorrectionHome) -> None:
    person = CollectedResource(
        position=0, resource_type="Patient", logical_id="p1", original=b'{"resourceType":"Patient"}', subject="p1"
    )
    home.intake.intake.run([Incoming([person])])
    (row,) = home.intake.storage.vault.index.by_resource([(b"his", b"Patient", b"p1", 0)])
    assert row is not None
    better = replace(person, original=b'{"resourceType":"Patient","birthDate":"1960-01-02"}')
    home.corrections.correct(NewCorrection(identifier(row.record), better, Reason.TRANSCRIPTION, ACCOUNT))
    assert home.persons.taken == [(b"his", b"p1", better.original)]
    correct(home, home.record())
    assert len(home.persons.taken) == 1


def test_references_that_stay_the_same_keep_their_patient_and_encounter(home: CorrectionHome) -> None:
    old, validator = opened(home, observation()), FhirkitValidator()
    data = observation(status="corrected")
    same = read_correction(data, validator, old, labelled)
    assert (same.subject, same.occasion, same.logical_id, same.original) == ("p1", "e1", "o0", data)
    for reference, subject in ((ADDRESS.replace("a", "b"), ""), ("Patient/p9", "p9"), ("Patient/p1", "p1")):
        moved = read_correction(observation(subject={"reference": reference}), validator, old, labelled)
        assert (moved.subject, moved.occasion) == (subject, "e1")
    assert (
        read_correction(observation(encounter={"reference": "Encounter/e7"}), validator, old, labelled).occasion == "e7"
    )
    assert read_correction(observation(id=None), validator, old, labelled).logical_id == ""


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (observation(status=None), "Observation.status"),
        (b"", "collection.malformed"),
        (b"{}", "Resource: resource.type"),
        (b"null", "Resource"),
        (observation() + b'},{"resource":' + observation(id="o9"), "not one resource"),
        (observation() + b'}],"entry":[{"resource":' + observation(id="o9"), ""),
    ],
)
def test_what_is_no_valid_resource_is_refused(home: CorrectionHome, data: bytes, reason: str) -> None:
    with pytest.raises(CorrectionUnfit) as caught:
        read_correction(data, FhirkitValidator(), opened(home, observation()), labelled)
    assert reason in str(caught.value.facts["reason"])


# --- crashes ---


def whole(home: CorrectionHome) -> None:
    """Check that the record has one correction that is registered, linked, current and told, once."""
    assert home.intake.storage.vault.index.last_number() == 4
    assert home.corrections.looking.current(home.record(0)) == home.record(1)
    assert home.intake.outbox.find(home.row(1).details.batch).state is Delivery.REGISTERED
    assert len(home.intake.chain.batches) == 2
    calls = home.homes.here.chain.calls
    assert calls.count("correction.link") == 1
    assert calls.count("notice.send") == 2  # the reader and the patient
    assert home.homes.there.chain.calls.count("notice.received") == 1
    assert [step for step, _ in home.corrections.store.all()] == [Step.TOLD]


FAULTS: dict[str, Callable[[CorrectionHome], None]] = {
    "registration refused": lambda home: home.intake.chain.break_off(1),
    "registration not answered": lambda home: home.intake.chain.answer_late(1),
    "link refused": lambda home: home.homes.here.chain.break_off(1),
    "link not answered": lambda home: home.homes.here.chain.answer_late(1),
}


@pytest.mark.requirement("H12", "S9.1")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_chain_is_made_good(home: CorrectionHome, fault: str) -> None:
    home.read_by_the_other()
    FAULTS[fault](home)
    with pytest.raises(Unavailable):
        correct(home, home.record())
    home.close()
    home.open()
    if "link" in fault:
        assert home.corrections.looking.current(home.record()) == home.record(1 if "answered" in fault else 0)
    assert home.corrections.resume() == 1
    whole(home)
    assert home.corrections.resume() == 0


class Stopped(BaseException):
    """The process ends here."""


POINTS = ("_store", "_finish", "_tell", "_tell_patient")


@pytest.mark.requirement("H12", "S9.1")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("point", POINTS)
def test_stopping_at_any_point_loses_and_doubles_nothing(
    home: CorrectionHome, monkeypatch: pytest.MonkeyPatch, point: str, when: str
) -> None:
    home.read_by_the_other()
    done: Callable[..., Any] = getattr(Corrections, point)

    def stopping(self: Corrections, *arguments: Any) -> Any:
        if when == "after":
            done(self, *arguments)
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(Corrections, point, stopping)
        with pytest.raises(Stopped):
            correct(home, home.record())
    home.close()
    home.open()
    if (point, when) == ("_store", "before"):
        assert home.corrections.resume() == 0
        correct(home, home.record())
    else:
        home.corrections.resume()
    whole(home)


def test_the_next_correction_finishes_the_one_before(home: CorrectionHome) -> None:
    home.homes.here.chain.break_off(1)
    with pytest.raises(Unavailable):
        correct(home, home.record(), "better")
    assert home.corrections.looking.current(home.record()) == home.record()
    with pytest.raises(NotCurrent):
        correct(home, home.record(), "best")
    assert home.corrections.looking.current(home.record()) == home.record(1)


def test_an_altered_row_is_found(home: CorrectionHome) -> None:
    correct(home, home.record())
    (step, correction) = home.corrections.store.all()[0]
    database = home.intake.storage.vault.database
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE corrections SET step = 0")
    assert len(list(home.corrections.store.damaged())) == 1
    home.corrections.store.put(step, correction)
    assert list(home.corrections.store.damaged()) == []
    assert encode(home.corrections.store.all()[0][1]) == encode(correction)

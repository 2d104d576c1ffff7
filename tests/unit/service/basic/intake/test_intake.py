"""Intake brings each resource that comes into exactly one place, and each new one onto the chain once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.fake_chain import GENESIS_MS
from tests.support.intake_home import EPOCH_KEY, NODE, IntakeHome, bundle, resource
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import Unavailable
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.errors import AudienceEpochUnknown
from xinglin.service.basic.coordination.locators import open_locator
from xinglin.service.basic.coordination.model import Behaviour, RecordItem, RegisterBatch
from xinglin.service.basic.coordination.outbox.delivery import outbox_findings
from xinglin.service.basic.coordination.outbox.errors import BatchRefused
from xinglin.service.basic.coordination.outbox.store import Delivery
from xinglin.service.basic.intake.files import read_files, reader_of
from xinglin.service.basic.intake.model import Incoming, IntakeLimits, IntakeReport, Refused
from xinglin.service.basic.intake.rules import behaviour_time
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.findings import finding
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.verification import findings


def stored(home: IntakeHome) -> list[StoredRecord]:
    """Return every record of the vault."""
    vault = home.storage.vault
    found = [row for rows in vault.index.slices(1, vault.index.last_number()) for row in rows]
    return [row for row in found if isinstance(row, StoredRecord)]


def sound(home: IntakeHome) -> bool:
    """Tell whether vault, keyring and outbox have nothing to find and every record's item is on the chain, once."""
    vault = home.storage.vault
    assert list(findings(vault)) == []
    assert list(outbox_findings(vault, home.storage.gm, vault.index.last_number())) == []
    commitments = Counter(item[3:35] for items in home.chain.batches.values() for item in items)
    for row in stored(home):
        item = decode(RecordItem, home.chain.batches[row.details.batch][row.details.item])
        assert item.commitment == row.details.commitment
        assert commitments[item.commitment] == 1
    return home.outbox.store.pending() == []


@pytest.mark.requirement("S8.6a")
@pytest.mark.requirement(
    "H3",
    part="encrypted originals, hash over data and behaviour data, signature, time, block, homes of one process; "
    "no de-identified copy, no EMPI, no broadcast over a network yet",
)
def test_what_is_taken_in_is_stored_committed_and_registered(home: IntakeHome) -> None:
    report = home.intake.run([bundle(range(10)), bundle(range(10, 21))])
    assert (report.accepted, report.already_there, report.quarantined) == (21, 0, 0)
    assert set(report.batches) == set(home.chain.batches)
    assert [len(home.chain.batches[batch]) for batch in report.batches] == [4, 4, 4, 4, 4, 1]
    assert sound(home)
    rows = stored(home)
    assert len({row.record for row in rows}) == len({row.details.commitment for row in rows}) == 21
    assert home.storage.vault.read(identifier(rows[20].record)) == resource(20).original


@pytest.mark.requirement("H3")
def test_behaviour_data_say_institution_time_occasion_and_recorder(home: IntakeHome) -> None:
    known = resource(0, occurred_at_ms=1_500_000_000_000)
    home.intake.run([Incoming([known, resource(1), resource(2, occurred_at_ms=-1)])])
    said = [decode(Behaviour, row.details.behaviour) for row in stored(home)]
    assert [(one.institution, one.recorder, one.type, one.occasion) for one in said] == [
        (home.registrar.institution, home.registrar.recorder, "Observation", b"e1")
    ] * 3
    assert [one.record for one in said] == [identifier(row.record) for row in stored(home)]
    assert said[0].time == 1_500_000_000_000
    assert said[1].time == said[2].time
    assert GENESIS_MS < said[1].time < GENESIS_MS + 100
    assert behaviour_time(0, 5) == 0


@pytest.mark.requirement("H3")
def test_the_nodes_of_the_audience_find_each_record_and_nobody_tells_dummies(home: IntakeHome) -> None:
    home.intake.run([bundle(range(3))])
    call = decode(RegisterBatch, home.chain.transactions[0].operations[0].head.arguments)
    items = [decode(RecordItem, item) for item in home.chain.batches[call.batch]]
    assert len(items) == 4
    assert [item.commitment for item in items] == sorted(item.commitment for item in items)
    gm, keyring = home.storage.gm, home.storage.keyring
    opened = [open_locator(gm, EPOCH_KEY, call, index, item) for index, item in enumerate(items)]
    assert {locator.node for locator in opened} == {NODE}
    rows = stored(home)
    secrets = keyring.secrets_of([(row.number, row.record) for row in rows])
    assert [opened[row.details.item].handle for row in rows] == [one.handle for one in secrets]  # type: ignore[union-attr]


def test_a_second_run_finds_everything_there(home: IntakeHome) -> None:
    home.intake.run([bundle(range(10))])
    before = home.chain.submitted
    assert home.intake.run([bundle(range(10))]) == IntakeReport(0, 10, 0)
    assert home.chain.submitted == before
    assert home.intake.run([bundle(range(12))]).accepted == 2
    assert sound(home)


def test_other_content_under_a_stored_id_goes_to_quarantine(home: IntakeHome) -> None:
    home.intake.run([bundle(range(2))])
    report = home.intake.run([bundle(range(3), "changed")])
    assert (report.accepted, report.quarantined) == (1, 2)
    assert home.quarantine.items[resource(0, "changed").original] == ["intake.duplicate"]
    assert home.storage.vault.read(identifier(stored(home)[0].record)) == resource(0).original
    assert sound(home)


def test_what_the_door_leaves_out_now_is_known_by_what_was_stored_whole(home: IntakeHome) -> None:
    """IN36: and what it takes now and was cut before is other content."""
    whole, cut = resource(0, "whole"), replace(resource(0, "cut"), whole=resource(0, "whole").original)
    assert home.intake.run([Incoming([whole])]).accepted == 1
    assert home.intake.run([Incoming([cut])]) == IntakeReport(0, 1, 0)
    other = replace(resource(1, "cut"), whole=resource(1, "whole").original)
    assert home.intake.run([Incoming([other])]).accepted == 1
    assert home.intake.run([Incoming([other])]) == IntakeReport(0, 1, 0)
    assert home.intake.run([Incoming([resource(1, "whole")])]) == IntakeReport(0, 0, 1)
    assert home.intake.run([Incoming([replace(cut, whole=b"another")])]) == IntakeReport(0, 0, 1)


@pytest.mark.requirement("S8.3b", part="the door for FHIR bundles; forms come with the portal")
def test_the_report_adds_up_what_was_not_collected(home: IntakeHome) -> None:
    report = home.intake.run(
        [Incoming([resource(0)], dropped=(("A", 1), ("B.c", 2))), Incoming([], dropped=(("A", 4),))]
    )
    assert (report.accepted, report.dropped) == (1, (("A", 5), ("B.c", 2)))


def test_within_a_chunk_the_first_stays_and_equal_bytes_are_one(home: IntakeHome) -> None:
    report = home.intake.run([Incoming([resource(1), resource(1), resource(1, "changed"), resource(2)], repeated=3)])
    assert (report.accepted, report.already_there, report.quarantined) == (2, 4, 1)
    assert sound(home)


def test_resources_without_id_are_known_by_their_bytes(home: IntakeHome) -> None:
    nameless = [resource(number, text, logical_id="") for number, text in ((1, "a"), (2, "b"), (1, "a"))]
    assert home.intake.run([Incoming(nameless)]) == IntakeReport(2, 1, 0, tuple(home.chain.batches))
    assert home.intake.run([Incoming(nameless)]) == IntakeReport(0, 3, 0)


def test_the_refused_go_to_quarantine_and_stop_nothing(home: IntakeHome) -> None:
    bad = Refused(b'{"resourceType": "Nothing"}', [finding("resource.type", "Nothing")])
    long = resource(9, occasion="e" * 1025)
    report = home.intake.run([Incoming([resource(1), long, resource(2)], [bad])])
    assert (report.accepted, report.quarantined) == (2, 2)
    assert home.quarantine.items == {bad.original: ["resource.type"], long.original: ["intake.occasion"]}
    assert sound(home)


def test_progress_is_told_after_each_chunk(home: IntakeHome) -> None:
    told: list[int] = []
    home.intake.run([bundle(range(20))], lambda report: told.append(report.accepted))
    assert sorted(told) == told
    assert told[-1] == 20
    assert set(told) == {8, 16, 20}


def test_a_chunk_that_waits_is_closed_in_time(tmp_path: Path) -> None:
    limits = IntakeLimits(batch_records=4, chunk_records=100, close_after_ms=3)
    home = IntakeHome(tmp_path / "home", limits=limits).create()
    report = home.intake.run(bundle([number]) for number in range(9))
    assert 1 < len(report.batches) < 9
    assert sound(home)
    home.close()


def test_a_chunk_is_closed_by_its_bytes(tmp_path: Path) -> None:
    home = IntakeHome(tmp_path / "home", limits=IntakeLimits(chunk_bytes=100)).create()
    assert len(home.intake.run([bundle(range(9))]).batches) == 5
    assert sound(home)
    home.close()


def test_a_chain_that_refuses_stops_the_run_and_the_next_one_goes_on(home: IntakeHome) -> None:
    home.chain.refuse(AudienceEpochUnknown.number, AudienceEpochUnknown.number)
    with pytest.raises(BatchRefused) as refusal:
        home.intake.run([bundle(range(4))])
    assert refusal.value.facts["reason"] == "records.audience"
    assert [row.state for row in home.outbox.store.pending()] == [Delivery.STORED]
    assert home.intake.run([bundle(range(4))]) == IntakeReport(0, 4, 0)
    assert sound(home)


@pytest.mark.parametrize("fault", ["break_off", "answer_late"])
def test_an_engine_that_breaks_off_loses_and_doubles_nothing(home: IntakeHome, fault: str) -> None:
    getattr(home.chain, fault)(1)
    with pytest.raises(Unavailable):
        home.intake.run([bundle(range(12))])
    home.close()
    home.open()
    home.intake.run([bundle(range(12))])
    assert len(stored(home)) == 12
    assert sound(home)


@settings(max_examples=20)
@given(
    bundles=st.lists(st.lists(st.tuples(st.integers(0, 15), st.sampled_from(["", "x"])), max_size=12), max_size=6),
    faults=st.lists(st.sampled_from(["break_off", "answer_late", "refuse"]), max_size=3),
)
def test_every_resource_ends_in_one_place_whatever_the_chain_does(
    tmp_path_factory: pytest.TempPathFactory, bundles: list[list[tuple[int, str]]], faults: list[str]
) -> None:
    home = IntakeHome(
        tmp_path_factory.mktemp("intake") / "home", limits=IntakeLimits(batch_records=4, chunk_records=8)
    ).create()
    incoming = [Incoming([resource(number, text) for number, text in one]) for one in bundles]
    for fault in faults:
        getattr(home.chain, fault)(AudienceEpochUnknown.number if fault == "refuse" else 1)
    for _ in range(len(faults) + 1):
        try:
            report = home.intake.run(incoming)
            break
        except (Unavailable, BatchRefused):
            home.close()
            home.open()
    else:
        report = home.intake.run(incoming)
    assert report.accepted + report.already_there + report.quarantined == sum(map(len, bundles))
    assert len(stored(home)) == len({number for one in bundles for number, _ in one})
    assert sound(home)
    home.close()


def test_files_are_read_one_by_one_and_a_broken_one_stops_no_other(home: IntakeHome, tmp_path: Path) -> None:
    patient = {"resourceType": "Patient", "id": "p1", "gender": "female"}
    wrong = {"resourceType": "Patient", "id": "p2", "gender": "pink"}
    whole = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}, {"resource": wrong}]}
    (tmp_path / "1.json").write_bytes(b"{")
    (tmp_path / "2.json").write_bytes(msgspec.json.encode(whole))
    paths = [tmp_path / "1.json", tmp_path / "2.json"]
    report = home.intake.run(read_files(paths, reader_of(FhirkitValidator()), []))
    assert (report.accepted, report.quarantined) == (1, 2)
    assert home.quarantine.items[b"{"] == ["collection.truncated"]
    assert home.storage.vault.read(identifier(stored(home)[0].record)) == msgspec.json.encode(patient)
    assert sound(home)


def test_real_bundles_go_in_whole(tmp_path: Path, shared_data: Path) -> None:
    home = IntakeHome(tmp_path / "home").create()
    paths = sorted((shared_data / "fhir" / "synthea_smart2019").rglob("*.json"))[:3]
    report = home.intake.run(read_files(paths, reader_of(FhirkitValidator()), []))
    assert report.accepted > 300
    assert report.quarantined == 0
    assert sound(home)
    home.close()

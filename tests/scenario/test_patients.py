"""The patient index as staff use it, on real homes: found, shown, decided, linked, followed to other nodes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.access import entry
from tests.support.agreements import agree
from tests.support.neighbours import CARD, A, B, neighbours, staff
from tests.support.product import findings, xinglin
from tests.support.refusals import refused
from xinglin.kernel.identifiers import identifier, identifier_bytes
from xinglin.node.chains import SystemClock
from xinglin.node.office import identities, linking, patients
from xinglin.node.private import PrivateCalls
from xinglin.node.records.access import access_log, open_trace
from xinglin.node.records.serving import look_mark
from xinglin.node.site import Site
from xinglin.service.basic.audit.model import NO_RECORD, AccessEntry, OpenedCopy
from xinglin.service.basic.coordination.anchoring import ChainBehindAnchor
from xinglin.service.basic.patient_index.errors import DecisionNotFound
from xinglin.service.basic.patient_index.identity.model import Act
from xinglin.service.basic.patient_index.identity.recording import act_state, recorded
from xinglin.service.basic.patient_index.stated import stated_traits
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.purposes import Purpose

TREAT = Purpose.TREAT
SAME = identities.reason_for(Act.CONFIRM, "same_document", "passport seen")
TWO = identities.reason_for(Act.UNMERGE, "other_person")


@pytest.fixture
def folder(homes_of_neighbours: Path, tmp_path: Path) -> Path:
    """Return a copy of both homes that a test may change."""
    shutil.copytree(homes_of_neighbours, tmp_path / "homes")
    return tmp_path / "homes"


@pytest.fixture
def site(folder: Path) -> Iterator[Site]:
    """Return both homes, open; A acts."""
    with neighbours(folder) as opened:
        yield opened


def wang(site: Site, account: str) -> bytes:
    """Return 王芳 as A knows her."""
    found = patients.find_persons(site.serving, account, TREAT, stated_traits(f"证件号：{CARD}".encode()))
    assert [one["name"] for one in found] == ["王芳"]
    return identifier_bytes(found[0]["person"])


def entries(site: Site) -> list[tuple[str, str, int]]:
    """Return action, account and outcome of the entries of A's own accounts."""
    with open_trace(site.node) as trace:
        return [
            (row.entry.action, row.entry.account, row.entry.outcome)
            for row in trace.entries_of_member(site.node.member)
        ]


@pytest.mark.requirement("H4")
@pytest.mark.requirement("H14")
def test_who_looks_somebody_up_leaves_an_entry_that_leads_to_the_person(site: Site) -> None:
    account = staff(site.node)
    person = wang(site, account)
    shown = patients.show_person(site.serving, account, TREAT, person)
    assert shown["here"]["types"] == {"Encounter": 1, "Observation": 1, "Patient": 1}
    assert shown["registrations"][0]["identifiers"] == [{"kind": "id_card", "value": CARD}]
    assert entries(site) == [("find", account, 0), ("show", account, 0)]
    other = next(one for one in site.archive.persons.persons() if one != person)
    auditor = staff(site.node, Role.AUDITOR)
    listed = patients.person_looks(site.serving, auditor, Purpose.HOPERAT, person)
    assert [(one["action"], one["account"], one["purpose"]) for one in listed] == [
        ("find", account, "treat"),
        ("show", account, "treat"),
        ("trace", auditor, "hoperat"),
    ]
    assert [one["action"] for one in patients.person_looks(site.serving, auditor, Purpose.HOPERAT, other)] == ["trace"]
    with open_trace(site.node) as trace:
        found = [trace.entry(bytes.fromhex(one["entry"])) for one in listed]
    references = {row.entry.reference for row in found if row is not None}
    assert len(references) == 3, "equal marks would link the looks at one person"


@pytest.mark.requirement("H4", "H14", "S8.6d")
def test_who_looked_somebody_up_is_told_to_overseers_and_on_a_patients_request_alone(site: Site) -> None:
    account, auditor = staff(site.node), staff(site.node, Role.AUDITOR)
    person = wang(site, account)
    for asking, purpose, code in (
        (account, TREAT, "trace.person_not_shown"),
        (account, Purpose.HOPERAT, "trace.person_not_shown"),
        (account, Purpose.PATRQT, "permit.no_consent"),
        (auditor, Purpose.PATRQT, "permit.no_consent"),
    ):
        with refused(code):
            patients.person_looks(site.serving, asking, purpose, person)
    assert [(action, asking, outcome == 0) for action, asking, outcome in entries(site)] == [
        ("find", account, True),
        *(("trace", asking, False) for asking in (account, account, account, auditor)),
    ]


def test_an_id_that_is_nobodys_is_named_as_it_was_given(site: Site) -> None:
    account, nobody = staff(site.node), identifier(bytes(16))
    asked = identifier_bytes(nobody)
    for decide in (
        lambda: identities.confirm_candidate(site.serving, account, asked, SAME),
        lambda: identities.unmerge_persons(site.serving, account, asked, SAME),
        lambda: linking.unlink_person(site, account, asked, SAME),
        lambda: site.serving.archive.persons.confirm(asked, SAME, account),
        lambda: site.serving.archive.persons.unmerge(asked, SAME, account),
        lambda: site.serving.archive.persons.unlink(asked, SAME, account),
    ):
        with pytest.raises(DecisionNotFound, match=nobody):
            decide()
    assert entries(site) == []


@pytest.mark.requirement("H4")
def test_who_may_not_look_or_decide_is_refused_on_record(site: Site) -> None:
    device, auditor = staff(site.node, Role.DEVICE), staff(site.node, Role.AUDITOR)
    person = wang(site, auditor)
    with refused("reading.looks_not"):
        patients.show_person(site.serving, device, TREAT, person)
    candidate = identifier_bytes(patients.candidates(site.serving)[0]["candidate"])
    with refused("reading.looks_not"):
        identities.confirm_candidate(site.serving, auditor, candidate, SAME)
    assert site.archive.persons.merges() == []
    assert entries(site) == [("find", auditor, 0), ("show", device, 5525), ("confirm", auditor, 5525)]
    mark = look_mark(site.archive.vault.keyring.keys)
    with open_trace(site.node) as trace:
        found = [row.entry for row in trace.entries_of_member(site.node.member)[:2]]
    assert [(one.basis, one.reference == mark(person, one.request)) for one in found] == [
        ("legal_duty", True),
        ("none", True),
    ], "whom a look was about is told of a refused one too"
    assert recorded(PrivateCalls(site.node)) == 0


@pytest.mark.requirement("H1")
def test_a_merge_is_on_record_and_undoing_it_lists_the_reads_of_the_other(site: Site, folder: Path) -> None:
    account, clerk = staff(site.node), staff(site.node, Role.COMPLIANCE_OFFICER)
    person = wang(site, account)
    before = patients.person_records(site.serving, account, TREAT, person)
    assert {one["state"] for one in before} == {"standing"}
    candidate = patients.candidates(site.serving)[0]
    joined = identities.confirm_candidate(site.serving, clerk, identifier_bytes(candidate["candidate"]), SAME)
    assert patients.candidates(site.serving) == []
    together = patients.person_records(site.serving, account, TREAT, person)
    assert len(together) == 2 * len(before)
    gained = [one["commitment"] for one in together if one not in before]
    who = patients.acting(site.serving, account)
    site.serving.reader.read(site.serving, who, bytes.fromhex(gained[0]), TREAT)
    undone = identities.unmerge_persons(site.serving, clerk, identifier_bytes(joined["merge"]), TWO)
    assert [(one["account"], one["commitment"], one["purpose"]) for one in undone["reads"]] == [
        (account, gained[0], "treat")
    ]
    assert [(one["account"], one["action"]) for one in undone["searches"]] == [(account, "search")]
    assert undone["reads"][0]["of"] == ("one" if undone["other"] == identifier(person) else "other")
    assert len(patients.person_records(site.serving, account, TREAT, person)) == len(before)
    chain = PrivateCalls(site.node)
    states = [act_state(chain, number) for number in range(recorded(chain))]
    assert [(one.act, one.account, one.undone) for one in states if one is not None] == [
        (Act.CONFIRM, clerk, (1,)),
        (Act.UNMERGE, clerk, ()),
    ]
    with refused("patient_index.decision_not_found"):
        identities.unmerge_persons(site.serving, clerk, identifier_bytes(joined["merge"]), TWO)


@pytest.mark.requirement("H1", "H4")
def test_an_unmerge_lists_what_was_answered_not_what_was_overtaken(site: Site) -> None:
    account, clerk = staff(site.node), staff(site.node, Role.COMPLIANCE_OFFICER)
    person = wang(site, account)
    candidate = patients.candidates(site.serving)[0]
    joined = identities.confirm_candidate(site.serving, clerk, identifier_bytes(candidate["candidate"]), SAME)
    record = site.archive.vault.records_of(site.archive.persons.subjects_of(person))[0].details.commitment
    mark = look_mark(site.archive.vault.keyring.keys)

    def came(request: bytes, commitment: bytes, **fields: Any) -> AccessEntry:
        about = {"action": "search", "reference": mark(person, request)} if commitment == NO_RECORD else {}
        given = {"commitment": commitment, "request": request, "time": SystemClock().now_ms()}
        return entry(**(given | about | fields))

    revoked, narrowed, asked, unasked = (bytes([n]) * 32 for n in range(1, 5))
    nothing, refused_now = {"copy": OpenedCopy.NONE}, {"copy": OpenedCopy.NONE, "basis": "none", "outcome": 5601}
    with access_log(site.node) as log:
        for one in (
            came(revoked, record),
            came(narrowed, record),
            came(unasked, NO_RECORD, **nothing),
            came(asked, NO_RECORD, **nothing),
            came(revoked, record, **refused_now),
            came(narrowed, record, copy=OpenedCopy.DEIDENTIFIED),
            came(unasked, NO_RECORD, **refused_now),
            came(asked, NO_RECORD, **nothing),
        ):
            log.log(one)
    undone = identities.unmerge_persons(site.serving, clerk, identifier_bytes(joined["merge"]), TWO)
    assert [(one["commitment"], one["copy"]) for one in undone["reads"]] == [(record.hex(), "deidentified")]
    with open_trace(site.node) as trace:
        answered = [trace.entries_for(request)[-1].hash.hex() for request in (narrowed, asked)]
    assert [one["entry"] for one in (*undone["reads"], *undone["searches"])] == answered


@pytest.mark.requirement("H1")
@pytest.mark.requirement("H7")
def test_two_nodes_link_a_person_and_the_reader_is_led_to_both(folder: Path) -> None:
    with neighbours(folder, acting=B) as site:
        a, b = site.serving_of(site.nodes[1]), site.serving
        account = staff(site.node)
        at_b = next(iter(site.archive.persons.persons()))
        with refused("agreement.missing"):
            linking.match_person(b, a, account, TREAT, at_b)
        agree(site.nodes[1], site.nodes[0], TREAT)
        link = linking.match_person(b, a, account, TREAT, at_b)
        assert linking.match_person(b, a, account, TREAT, at_b) == link, "asked again, it is the same"
        there = linking.all_links(a)
        with pytest.raises(linking.MatchAtHome):
            linking.match_person(b, b, account, TREAT, at_b)
        assert [one["handle"] for one in there] == [link["handle"]]
        assert there[0]["person"] != identifier(at_b)
        here, other = linking.locate_person(site, account, TREAT, at_b)
        assert {one["type"] for one in here["records"]} == {"Encounter", "Observation", "Patient"}
        assert other["refused"] == "permit.no_consent", "A decides by itself"
        reason = identities.reason_for(Act.UNLINK, "person_objects")
        undone = linking.unlink_person(site, account, identifier_bytes(link["link"]), reason, TREAT)
        assert undone["there"] == "undone"
        assert linking.all_links(a) == linking.all_links(b) == []
        with refused("reading.person_not_here"):
            b.reader.search(a, patients.acting(b, account), identifier_bytes(link["handle"]), TREAT)
        for node in site.nodes:
            chain = PrivateCalls(node)
            states = [act_state(chain, number) for number in range(recorded(chain))]
            assert [one.act for one in states if one is not None] == [Act.LINK, Act.UNLINK]
        assert len(linking.locate_person(site, account, TREAT, at_b)) == 1
    for name in (A, B):
        assert findings(folder / name) == []


@pytest.mark.requirement("H1", command="xinglin patient find")
def test_the_commands_tell_people_and_programs(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(folder / "passphrase"))
    homes = ("--home", folder / A, "--with", folder / B)
    with neighbours(folder) as site:
        account = staff(site.node)
    who = ("--account", account)
    stated = tmp_path / "stated.txt"
    stated.write_text("姓名: 王芳\n出生日期: 1990-03-07\n", encoding="utf-8")
    found = xinglin("patient", "find", *homes, *who, "--from", stated, "--json").json["persons"]
    assert [(one["name"], one["grade"]) for one in found] == [("王芳", "match"), ("王方", "possible")]
    kept, other = (one["person"] for one in found)
    waiting = xinglin("patient", "candidates", *homes, "--json").json["candidates"]
    assert {waiting[0]["one"], waiting[0]["other"]} == {kept, other}
    merged = xinglin(
        "patient",
        "merge",
        kept,
        other,
        *homes,
        *who,
        "--reason",
        "same_document",
        "--note",
        "passport of Wang Fang",
        "--json",
    ).json
    assert merged["kept"] == kept
    [listed] = xinglin("patient", "merges", *homes, "--json").json["merges"]
    assert (listed["merge"], listed["reason"]) == (merged["merge"], "same_document")
    assert b"Wang Fang" not in xinglin("patient", "merges", *homes).out, "the note may say who somebody is"
    assert xinglin("patient", "show", other, *homes, *who, "--json").json["person"] == kept
    undone = xinglin("patient", "unmerge", merged["merge"], *homes, *who, "--reason", "other_document", "--json").json
    assert undone["reads"] == []
    refused = xinglin("patient", "merge", kept, other, *homes, *who, "--reason", "other_person")
    assert (refused.status, refused.code) == (3, "patient.reason")
    unknown = xinglin("patient", "show", account, *homes, *who)
    assert (unknown.status, unknown.code) == (5, "patient_index.person_not_found")


@pytest.mark.requirement("H11", "H1")
def test_no_decision_goes_on_record_on_a_private_chain_that_was_set_back(folder: Path, tmp_path: Path) -> None:
    with neighbours(folder) as site:
        chain = folder / A / "chain" / site.node.private_ledger().rules.chain
    shutil.copytree(chain, tmp_path / "older")
    with neighbours(folder) as site:
        account = staff(site.node, Role.COMPLIANCE_OFFICER)
        candidate = identifier_bytes(patients.candidates(site.serving)[0]["candidate"])
        identities.confirm_candidate(site.serving, account, candidate, SAME)
    shutil.rmtree(chain)
    shutil.copytree(tmp_path / "older", chain)
    with neighbours(folder) as site:
        size = site.node.private_ledger().tip.log_size
        with pytest.raises(ChainBehindAnchor):
            _ = site.serving
        assert site.node.private_ledger().tip.log_size == size

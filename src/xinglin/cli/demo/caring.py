"""Part 9: what opens records without a patient's own consent, and what ends it: care, emergency, guardian, death."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from xinglin.cli.demo.additions import add, encounter, new_id
from xinglin.cli.demo.choosing import Cast, a_child, the_dead
from xinglin.cli.demo.records import SOURCE
from xinglin.cli.demo.scene import YEAR_MS, Scene, code_of, refusal_of
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock
from xinglin.node.office.accounts import AddedAccount, add_account
from xinglin.node.office.consents import acknowledge, give_by_own_key
from xinglin.node.office.explaining import explain_read
from xinglin.node.office.permitted import read_record
from xinglin.node.office.protecting import add_guardian, grant_tasks, open_glass, review_glass
from xinglin.node.records.access import open_trace
from xinglin.node.records.read_ports import IndexPersons
from xinglin.service.basic.audit.messages import Asked
from xinglin.service.basic.protection.break_glass import Emergency
from xinglin.service.basic.protection.guardians import GuardianEvidence
from xinglin.service.basic.protection.store_model import Verdict
from xinglin.service.basic.protection.terms import birthday_ms
from xinglin.service.basic.reading.reader import Received
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.purposes import Action, Basis, Purpose

_HOUR_MS = 3_600_000
_REASON = "Found unconscious; allergies and medication unknown"


def care(scene: Scene, chosen: Cast) -> None:
    """Show each at A, on patients chosen by their data."""
    scene.stage.head("9. Without the patient's own consent: care, emergency, guardian, death")
    physician = add_account(scene.hospital_a, (Role.PRACTITIONER,), "Physician on duty at hospital A")
    _care_relationship(scene, physician, chosen.cared_for)
    _break_glass(scene, physician, chosen.emergency, scene.record(chosen.counter, b"Observation"))
    _break_glass_from_b(scene, chosen.emergency if chosen.emergency in scene.linked else chosen.counter)
    _guardian(scene, physician)
    _dead(scene, physician, chosen.dying)


def _own_read(scene: Scene, who: AddedAccount, record: bytes, purpose: Purpose) -> Received:
    """Ask at A for a record of A, by an account of A."""
    scene.fresh()
    reader = scene.a.account(who.account, who.key_name)
    return scene.a.reader.ask(scene.a, reader, Asked("record", record), Action.READ.value, purpose)


def _rests_on(scene: Scene, received: Received, basis: Basis, what: str) -> None:
    """Require that a read was permitted on a basis, by its entry."""
    entry = scene.entry_of(received)
    scene.stage.require((entry.outcome, entry.basis) == (0, basis.value), what)


def _care_relationship(scene: Scene, physician: AddedAccount, person: bytes) -> None:
    """Before an admission the hospital's own physician has no ground to read, while it is open there is one."""
    stage, record = scene.stage, scene.record(person, b"Observation")
    before = _own_read(scene, physician, record, Purpose.TREAT).refusal()
    stage.expect(code_of(before), "permit.no_consent", "own staff need a ground as well")
    subject = scene.rows(person, b"Observation")[0].details.subject.decode()
    begun = datetime.fromtimestamp((SystemClock().now_ms() - _HOUR_MS) / 1000, UTC).isoformat(timespec="seconds")
    add(stage, scene.a.archive, SOURCE, [encounter(subject, begun)])
    received = _own_read(scene, physician, record, Purpose.TREAT)
    _rests_on(scene, received, Basis.CARE, "an open episode permits the hospital's own physicians")
    research = _own_read(scene, physician, record, Purpose.HRESCH).refusal()
    stage.require(research is not None, "care is no ground for research")
    stage.say("care: A's own physician is refused [permit.no_consent]; the patient is admitted: permitted, basis care")


def _break_glass(scene: Scene, physician: AddedAccount, person: bytes, others: bytes) -> None:
    """An emergency: hours, a reason, a review task, a notice to the patient."""
    stage, record = scene.stage, scene.record(person, b"Observation")
    before = _own_read(scene, physician, record, Purpose.ETREAT).refusal()
    stage.require(before is not None, "an emergency is not enough without a grant")
    opened = open_glass(scene.a, physician.account, person, Emergency(2, _REASON))
    received = _own_read(scene, physician, record, Purpose.ETREAT)
    _rests_on(scene, received, Basis.EMERGENCY, "the grant opens this patient's records")
    other = _own_read(scene, physician, others, Purpose.ETREAT).refusal()
    stage.require(other is not None, "a grant is for one patient")
    grant, notice = opened["grant"], opened["notice"]
    stage.require(grant in [row["grant"] for row in grant_tasks(scene.a)], "a review task waits")
    stage.say(f"emergency: without a grant refused [{code_of(before)}]; grant {grant} for two hours: permitted")
    auditor = add_account(scene.hospital_a, (Role.AUDITOR,), "Auditor of hospital A who reviews emergencies")
    review_glass(scene.a, grant, auditor.account, Verdict.JUSTIFIED)
    stage.require(grant not in [row["grant"] for row in grant_tasks(scene.a)], "the review is done")
    stage.say("  a review task was due within three days, and is done by an auditor: justified")
    stage.require(notice["recipient"]["patient"] and notice["step"] != "stored", "the notice is on A's private chain")
    stage.say(f"  notice to the patient: {notice[stage.language]}")


def _break_glass_from_b(scene: Scene, person: bytes) -> None:
    """B's own emergency: its grant is presented signed, and A lets it in with a review and a notice of its own."""
    stage, at_b, record = scene.stage, scene.linked.get(person), scene.record(person, b"Observation")
    if at_b is None:
        stage.say("  no patient of these parts is linked with B: an emergency of B is not shown")
        return
    account = scene.reader.account
    opened = open_glass(scene.b, account, at_b, Emergency(2, _REASON))
    scene.fresh()
    before = scene.ask(record, Purpose.ETREAT).refusal()
    stage.require(before is not None, "an emergency of B is not enough without its signed grant")
    read = read_record(scene.b, scene.a, account, record, Purpose.ETREAT, grant=opened["grant"])
    with open_trace(scene.hospital_a) as trace:
        entry = trace.entry(read.receipt.receipt.entry)
    rests = entry is not None and entry.entry.basis == Basis.EMERGENCY.value
    stage.require(rests, "the read rests on the emergency")
    waiting = [[row["grant"] for row in grant_tasks(one)] for one in (scene.a, scene.b)]
    stage.require(all(opened["grant"] in tasks for tasks in waiting), "both hospitals have a review of it")
    told = [
        scene.site.notices_of(one.archive.node).for_person(who) for one, who in ((scene.a, person), (scene.b, at_b))
    ]
    stage.require(all(told), "both hospitals tell the patient")
    stage.say(f"  B's physician breaks the glass at B: without the signed grant A refuses [{code_of(before)}]")
    stage.say("  with it A permits, basis emergency; both hospitals have a review task, and both tell the patient")


def _guardian(scene: Scene, physician: AddedAccount) -> None:
    """A child's guardian consents; on the 18th birthday that consent opens nothing any more, by rule."""
    stage, persons = scene.stage, IndexPersons(scene.a.archive.persons)
    child = a_child(scene)
    born = persons.born(child) if child else None
    if not child or born is None:
        stage.say("no living child with a record at A in these bundles: guardianship is not shown")
        return
    adult = birthday_ms(born, 18)
    paper = b"birth certificate, scanned"
    stated = GuardianEvidence("Mother of the child", "mother", b"", SystemClock().now_ms() - _HOUR_MS)
    relation = add_guardian(scene.a, physician.account, child, stated, paper)
    wanted = scene.wanted(adult + YEAR_MS, guardian=relation)
    given = give_by_own_key(scene.hospital_a, wanted, [(scene.a.node, child)])
    acknowledge(scene.a, given.consent)
    record = scene.record(child)
    _, received = scene.read(record)
    _rests_on(scene, received, Basis.CONSENT, "the guardian's consent permits")
    moments = [adult + shift * 86_400_000 for shift in (-1, 1)]
    days = [datetime.fromtimestamp(moment / 1000, UTC).date() for moment in moments]
    before, after = (explain_read(scene.a, record, scene.reader.account, Purpose.TREAT, one) for one in moments)
    stage.require(
        before["permit"] and before["basis"] == "consent", "the day before the 18th birthday it still permits"
    )
    stage.expect(after["code"], "permit.guardian", "after the 18th birthday the guardian's consent has no effect")
    stage.say(f"guardian: a child born in {born.year}, the mother consents by her own key; B reads, basis consent")
    code = after["code"]
    stage.say(f"  explained for {days[0]}: permitted; for {days[1]}, past the 18th birthday: refused [{code}] by rule")


def _dead(scene: Scene, physician: AddedAccount, patient: bytes) -> None:
    """Who has died consents to nothing more; what was consented to is frozen once the death is known."""
    stage, persons = scene.stage, IndexPersons(scene.a.archive.persons)
    dead = the_dead(scene)
    if dead:
        _long_dead(scene, physician, dead)
    else:
        stage.say("no patient of these bundles at A has died before")
    given = give_by_own_key(scene.hospital_a, scene.wanted(SystemClock().now_ms() + YEAR_MS), [(scene.a.node, patient)])
    acknowledge(scene.a, given.consent)
    record = scene.record(patient, b"Observation")
    scene.read(record)
    add(stage, scene.a.archive, "civil-registry", [_death_of(scene, patient)])
    stage.require(persons.died_ms(patient) is not None, "the registry's notification is matched with the patient")
    refusal = scene.ask(record).refusal()
    stage.expect(code_of(refusal), "permit.frozen", "the consent of a dead patient is frozen")
    stage.say("death: a patient consents, B reads; the civil registry reports the death: refused [permit.frozen]")


def _long_dead(scene: Scene, physician: AddedAccount, person: bytes) -> None:
    """A patient whose death the bundles tell: no consent is taken in, no emergency opens anything."""
    stage = scene.stage
    year = datetime.fromtimestamp((IndexPersons(scene.a.archive.persons).died_ms(person) or 0) / 1000, UTC).year
    given = give_by_own_key(scene.hospital_a, scene.wanted(SystemClock().now_ms() + YEAR_MS), [(scene.a.node, person)])
    code = refusal_of(lambda: acknowledge(scene.a, given.consent))
    stage.expect(code, "consent.refused", "no consent of a dead patient is taken in")
    scene.a.protection.break_glass.open(physician.account, person, Emergency(1, _REASON), SystemClock().now_ms())
    refusal = _own_read(scene, physician, scene.record(person), Purpose.ETREAT).refusal()
    stage.expect(code_of(refusal), "permit.frozen", "there is no emergency for the dead")
    stage.say(
        f"death: of a patient who died in {year} no consent is taken in [{code}], no emergency opens [permit.frozen]"
    )


def _death_of(scene: Scene, person: bytes) -> dict[str, Any]:
    """Return the Patient resource that a civil registry sends: the traits that A knows, and the day of death."""
    row = scene.rows(person, b"Patient")[0]
    known = json.loads(scene.a.archive.vault.open_record(identifier(row.record)).parts.original[1])
    kept = {name: known[name] for name in ("name", "gender", "birthDate", "address", "telecom") if name in known}
    today = datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC).date()
    return {"resourceType": "Patient", "id": new_id(), **kept, "deceasedDateTime": today.isoformat()}

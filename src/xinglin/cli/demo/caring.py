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
from xinglin.node.accounts import AddedAccount, add_account
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.consents import acknowledge, give_by_own_key
from xinglin.node.read_ports import IndexPersons
from xinglin.service.basic.audit.messages import Asked
from xinglin.service.basic.notices.model import NoticeKind, Recipient
from xinglin.service.basic.notices.rules import notice_id
from xinglin.service.basic.notices.service import NewNotice
from xinglin.service.basic.notices.store import Opening, Step
from xinglin.service.basic.protection.break_glass import Emergency, OpenedGlass
from xinglin.service.basic.protection.consents.rules import subject_commitment
from xinglin.service.basic.protection.guardians import GuardianEvidence
from xinglin.service.basic.protection.model import Decision, Target
from xinglin.service.basic.protection.rules import explain
from xinglin.service.basic.protection.service import Asked as Acting
from xinglin.service.basic.protection.store_model import Verdict
from xinglin.service.basic.protection.terms import birthday_ms
from xinglin.service.basic.reading.reader import Received
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Action, Basis, Purpose

_HOUR_MS = 3_600_000
_REASON = ("Found unconscious; allergies and medication unknown", "患者昏迷，过敏史与用药史不明")


def care(scene: Scene, chosen: Cast) -> None:
    """Show each at A, on patients chosen by their data."""
    scene.stage.head("9. Without the patient's own consent: care, emergency, guardian, death")
    physician = add_account(scene.hospital_a, (Role.PRACTITIONER,), "Physician on duty at hospital A")
    _care_relationship(scene, physician, chosen.cared_for)
    _break_glass(scene, physician, chosen.emergency, scene.record(chosen.counter, b"Observation"))
    _guardian(scene)
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
    glass = scene.a.protection.break_glass
    opened = glass.open(physician.account, person, Emergency(2, _REASON[0]), SystemClock().now_ms())
    received = _own_read(scene, physician, record, Purpose.ETREAT)
    _rests_on(scene, received, Basis.EMERGENCY, "the grant opens this patient's records")
    other = _own_read(scene, physician, others, Purpose.ETREAT).refusal()
    stage.require(other is not None, "a grant is for one patient")
    tasks = [row.value.id for row in glass.tasks()]
    stage.require(opened.grant.id in tasks, "a review task waits")
    told = _told(scene, opened, record)
    grant = identifier(opened.grant.id)
    stage.say(
        f"emergency: without a grant refused [{before.code if before else ''}]; grant {grant} for two hours: permitted"
    )
    auditor = add_account(scene.hospital_a, (Role.AUDITOR,), "Auditor of hospital A who reviews emergencies")
    glass.review(grant, auditor.account, Verdict.JUSTIFIED, SystemClock().now_ms())
    stage.require(opened.grant.id not in [row.value.id for row in glass.tasks()], "the review is done")
    stage.say("  a review task was due within three days, and is done by an auditor: justified")
    stage.say(f"  notice to the patient: {told}")


def _told(scene: Scene, opened: OpenedGlass, record: bytes) -> str:
    """Send the patient the notice that a grant comes with; return its words."""
    node, notice = scene.hospital_a, opened.notice
    hash_, salt = node.consortium.rules.suite.hash, random_bytes(16)
    recipient = Recipient(scene.a.member, subject=(subject_commitment(hash_, salt, notice.person),))
    name = node.settings.name
    new = NewNotice(
        notice=notice_id(hash_, NoticeKind.BREAK_GLASS, opened.grant.id),
        kind=NoticeKind.BREAK_GLASS,
        recipient=recipient,
        about=record,
        facts={"institution": (name, name), "reason": _REASON},
        due=opened.grant.review_by_ms,
        opening=Opening(salt, notice.person),
    )
    sent = scene.site.notices_of(node).send(new)
    scene.stage.require(sent.step is not Step.STORED, "the notice is on A's private chain")
    return sent.zh if scene.stage.language == "zh" else sent.en


def _guardian(scene: Scene) -> None:
    """A child's guardian consents; on the 18th birthday that consent opens nothing any more, by rule."""
    stage, persons = scene.stage, IndexPersons(scene.a.archive.persons)
    child = a_child(scene)
    born = persons.born(child) if child else None
    if not child or born is None:
        stage.say("no living child with a record at A in these bundles: guardianship is not shown")
        return
    adult, now = birthday_ms(born, 18), SystemClock().now_ms()
    evidence = scene.hospital_a.consortium.rules.suite.hash(b"birth certificate, scanned")
    guardians = scene.a.protection.guardians
    relation = guardians.add(child, GuardianEvidence("Mother of the child", "mother", evidence, now - _HOUR_MS))
    wanted = scene.wanted(adult + YEAR_MS, guardian=relation)
    given = give_by_own_key(scene.hospital_a, wanted, [(scene.a.node, child)])
    acknowledge(scene.a, given.consent)
    record = scene.record(child)
    _, received = scene.read(record)
    _rests_on(scene, received, Basis.CONSENT, "the guardian's consent permits")
    row = next(row for row in scene.rows(child) if row.details.commitment == record)
    days = [datetime.fromtimestamp((adult + shift * 86_400_000) / 1000, UTC).date() for shift in (-1, 1)]
    before, after = (_explained(scene, child, row, adult + shift * 86_400_000) for shift in (-1, 1))
    stage.require(before.permit and before.basis is Basis.CONSENT, "the day before the 18th birthday it still permits")
    stage.require(after.code == "permit.guardian", "after the 18th birthday the guardian's consent has no effect")
    stage.say(f"guardian: a child born in {born.year}, the mother consents by her own key; B reads, basis consent")
    stage.say(
        f"  explained for {days[0]}: permitted; for {days[1]}, past the 18th birthday: refused [{after.code}] by rule"
    )


def _explained(scene: Scene, person: bytes, row: StoredRecord, at_ms: int) -> Decision:
    """Return what A would decide at another date on a read by B's physician, as ``access explain`` does."""
    details = row.details
    target = Target(Category(details.category), Level(details.level), Special(details.special))
    acting = Acting(Action.READ, Purpose.TREAT, scene.b.member, scene.reader.account, scene.reader.signer.key)
    now = SystemClock().now_ms()
    return explain(scene.a.protection.situations.of(acting, person, target, now, at_ms))[0]


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
    scene.a.protection.break_glass.open(physician.account, person, Emergency(1, _REASON[0]), SystemClock().now_ms())
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

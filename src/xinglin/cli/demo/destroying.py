"""Part 12: destruction refused while retention runs or a hold stands, and done where both have ended.

Patients are chosen by their inpatient stays. Where the older stay was at B, the hospitals change places.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from xinglin.carrier.crypto.files import write_durably
from xinglin.cli.demo.additions import add, new_id
from xinglin.cli.demo.choosing import inpatient_stays, today_at
from xinglin.cli.demo.scene import CATEGORIES, YEAR_MS, Scene, code_of, refusal_of, turned
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock
from xinglin.node.office.accounts import add_account
from xinglin.node.office.consents import acknowledge, give_by_own_key
from xinglin.node.office.destruction import RecordsOffice, records_office
from xinglin.node.records.read_ports import decides_alone
from xinglin.service.basic.destruction.checks import Checks
from xinglin.service.basic.destruction.facts import ENCOUNTER, occasion_of
from xinglin.service.basic.reading.model import Disclosure
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Level

CERTIFICATE = "destruction-certificate.json"
_GROUND = "retention_ended"


@dataclass(frozen=True, slots=True)
class _Stay:
    """A record of an inpatient stay: in which scene (whose A has it), of whom, when the stay ended, kept until when."""

    scene: Scene
    person: bytes
    row: StoredRecord
    ended: date
    until: date

    @property
    def record(self) -> str:
        """The record's id."""
        return identifier(self.row.record)


@dataclass(frozen=True, slots=True)
class _Desk:
    """A records office with its two accounts."""

    office: RecordsOffice
    first: str
    second: str


def destroy(scene: Scene) -> None:
    """Show the refusals, then one destruction."""
    scene.stage.head("12. Destruction: not while it must be kept, and then for good")
    today = today_at(scene)
    stays = [*_stays(scene), *_stays(turned(scene))]
    running = [one for one in stays if one.until >= today]
    over = [one for one in stays if one.until < today and decides_alone(one.scene.a.archive.persons, one.person, today)]
    if running:
        _refused_by_retention(max(running, key=lambda one: one.ended))
    else:
        scene.stage.say("no inpatient stay in these bundles must still be kept: not shown")
    if over:
        _destroyed(min(over, key=lambda one: one.ended))
    else:
        scene.stage.say("no inpatient stay in these bundles is so old that it may be destroyed: not shown")


def _stays(scene: Scene) -> Iterator[_Stay]:
    """Yield one ordinary clinical record for each inpatient stay at a scene's hospital A."""
    archive = scene.a.archive
    with records_office(archive) as office:
        checks = office.destruction.checks()
        for person in archive.persons.persons():
            rows = scene.rows(person)
            for ended, occasion in inpatient_stays(scene, rows):
                row = next((row for row in rows if _ordinary(row) and occasion_of(row) == occasion), None)
                until = _until(checks, row) if row is not None else None
                if row is not None and until is not None:
                    yield _Stay(scene, person, row, ended, until)


def _ordinary(row: StoredRecord) -> bool:
    details = row.details
    return details.type != ENCOUNTER and details.category in CATEGORIES and details.level == Level.NARROW


def _until(checks: Checks, row: StoredRecord) -> date | None:
    try:
        return checks.until(row)
    except PlatformError:
        return None  # an encounter of the patient is open, for example


def _desk(scene: Scene, office: RecordsOffice) -> _Desk:
    names = [
        add_account(scene.hospital_a, (Role.COMPLIANCE_OFFICER,), f"Records officer {number}").account
        for number in (1, 2)
    ]
    return _Desk(office, *names)


def _refused_by_retention(stay: _Stay) -> None:
    """An order comes too early: refused with the last day, and the record is restricted from now on."""
    stage, name = stay.scene.stage, stay.scene.hospital_a.settings.name
    with records_office(stay.scene.a.archive) as office:
        desk = _desk(stay.scene, office)
        code = refusal_of(lambda: office.order([stay.record], _GROUND, desk.first))
    stage.expect(code, "destruction.retention", "nothing is destroyed that must be kept")
    read = stay.scene.ask(stay.row.details.commitment).refusal()
    stage.expect(code_of(read), "permit.restricted", "what was asked to be destroyed is restricted")
    stage.say(f"{name}: a stay that ended {stay.ended}, to be kept until {stay.until}: refused [{code}]")
    stage.say("  the record is restricted instead: stored, and for a court order alone [permit.restricted]")


def _destroyed(stay: _Stay) -> None:
    """The whole way: read and copied by the other hospital, held, released, ordered, confirmed, shredded, certified."""
    scene, stage = stay.scene, stay.scene.stage
    name, other = scene.hospital_a.settings.name, scene.hospital_b.settings.name
    stage.say(f"{name}: a stay that ended {stay.ended}, to be kept until {stay.until}")
    copy = _taken_over(stay)
    stage.say(f"  before: the patient consents, {other} reads a record of it for care and files it as its own: {copy}")
    with records_office(scene.a.archive) as office:
        desk = _desk(scene, office)
        _held(stay, desk)
        _shredded(stay, desk)
    read = scene.ask(stay.row.details.commitment).refusal()
    stage.expect(code_of(read), "permit.destroyed", "a read answers destroyed")
    gone = refusal_of(lambda: scene.a.archive.vault.open_record(stay.record))
    stage.expect(gone, "vault.destroyed", "nobody at the hospital reads it either")
    kept = scene.b.archive.vault.open_record(copy)
    stage.require(len(kept.parts.original[1]) > 0, "the other hospital's own record stays")
    stage.say(
        f"  a read now answers [permit.destroyed]; {other} is listed in the certificate, its own record stays: {copy}"
    )


def _held(stay: _Stay, desk: _Desk) -> None:
    """A court's letter forbids it until two accounts have released the hold."""
    stage, office = stay.scene.stage, desk.office
    hash_ = stay.scene.hospital_a.consortium.rules.suite.hash
    holds = office.hold_records([stay.record], "court", hash_(b"letter of the court, scanned"), desk.first)
    code = refusal_of(lambda: office.order([stay.record], _GROUND, desk.first))
    stage.expect(code, "destruction.hold", "nothing is destroyed that is held")
    for hold in holds:
        office.release_hold(hold, hash_(b"the court's release, scanned"), desk.first)
        again = refusal_of(lambda hold=hold: office.confirm_release(hold, desk.first))  # type: ignore[misc]
        stage.expect(again, "hold.same_account", "one account alone releases no hold")
        office.confirm_release(hold, desk.second)
    stage.say(f"  a hold for a court: refused [{code}]; released by two accounts")


def _shredded(stay: _Stay, desk: _Desk) -> None:
    """Ordered by one account, confirmed by another, carried out, certified."""
    scene, stage, office = stay.scene, stay.scene.stage, desk.office
    office.order([stay.record], _GROUND, desk.first)
    read = scene.ask(stay.row.details.commitment).refusal()
    stage.expect(code_of(read), "permit.destroyed", "from the order on nobody reads it")
    same = refusal_of(lambda: office.confirm([stay.record], desk.first))
    stage.expect(same, "records.same_account", "one account alone destroys nothing")
    office.confirm([stay.record], desk.second)
    made = office.carry_out()["certificates"]
    stage.require(len(made) == 1 and made[0]["record"] == stay.record, "a certificate is made")
    certificate: dict[str, Any] = made[0]
    stage.require(scene.b.member in certificate["recipients"], "whoever was given the record is listed")
    stage.require(certificate["before"]["digest"] != certificate["after"]["digest"], "the sealed bytes are others now")
    write_durably(stage.folder / CERTIFICATE, json.dumps(certificate, indent=2).encode() + b"\n", 0o644)
    stage.say(f"  ordered by {certificate['ordered_by']}, confirmed by {certificate['confirmed_by']}")
    stage.say(f"  shredded: {', '.join(certificate['methods'])}; certificate {CERTIFICATE}, its hash on the chain")
    stage.figures["destroyed"] = {"record": stay.record, "stay_ended": stay.ended.isoformat()}


# --- the copy ---


def _taken_over(stay: _Stay) -> str:
    """Let the other hospital read the record under the patient's consent and file it; return its own record's id."""
    scene = stay.scene
    given = give_by_own_key(
        scene.hospital_a, scene.wanted(SystemClock().now_ms() + YEAR_MS), [(scene.a.node, stay.person)]
    )
    acknowledge(scene.a, given.consent)
    disclosed, _ = scene.read(stay.row.details.commitment)
    number = scene.b.archive.vault.index.last_number()
    add(scene.stage, scene.b.archive, "received", _filed(stay, disclosed))
    rows = [row for part in scene.b.archive.vault.index.slices(number + 1, number + 2) for row in part]
    own = [row for row in rows if isinstance(row, StoredRecord) and row.details.type != b"Patient"]
    return identifier(own[0].record)


def _filed(stay: _Stay, disclosed: Disclosure) -> list[dict[str, Any]]:
    """Return what the other hospital files: the patient as registered at its desk, and the record under that number."""
    archive = stay.scene.a.archive
    row = next(row for row in stay.scene.rows(stay.person) if row.details.type == b"Patient")
    known = json.loads(archive.vault.open_record(identifier(row.record)).parts.original[1])
    patient = {name: known[name] for name in ("name", "gender", "birthDate") if name in known}
    number = new_id()
    resource: dict[str, Any] = json.loads(disclosed.content)
    # What leads to the first hospital's own numbers stays there.
    kept = {name: value for name, value in resource.items() if name != "text" and "reference" not in json.dumps(value)}
    about = "patient" if "patient" in resource else "subject"
    return [
        {"resourceType": "Patient", "id": number, **patient},
        {**kept, "id": new_id(), about: {"reference": f"Patient/{number}"}},
    ]

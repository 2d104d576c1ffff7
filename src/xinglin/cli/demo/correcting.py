"""Part 10: A corrects a value that B has read: linked, told, acknowledged; the old one is not served."""

from __future__ import annotations

import copy
import json
from typing import Any

from xinglin.cli.demo.choosing import Cast
from xinglin.cli.demo.scene import CATEGORIES, Scene, code_of
from xinglin.kernel.identifiers import identifier
from xinglin.node.office.accounts import add_account
from xinglin.node.office.corrections import correct_by_account, radius_values
from xinglin.node.office.notices import acknowledge_notice
from xinglin.service.basic.correction.model import Reason
from xinglin.service.basic.notices.model import NoticeKind
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Level
from xinglin.stakeholders.purposes import Action


def correct(scene: Scene, chosen: Cast) -> None:
    """Correct one value of the patient who consented at the counter."""
    stage, site = scene.stage, scene.site
    stage.head("10. A wrong value is corrected")
    row, wrong = _a_value(scene, chosen.counter)
    record, old = identifier(row.record), row.details.commitment
    scene.read(old)
    author = add_account(scene.hospital_a, (Role.PRACTITIONER,), "Laboratory physician of hospital A")
    corrections = site.corrections_of(scene.hospital_a)
    scene.fresh()
    version = correct_by_account(scene.a, corrections, record, _corrected(wrong), Reason.WRONG_VALUE, author.account)
    new = bytes.fromhex(version["commitment"])
    versions = corrections.looking.versions(record)
    stage.require([one.commitment for one in versions] == [old, new], "both versions are linked, the new one last")
    stage.say(f"record {record} said a tenth of what was measured, and B has read it")
    stage.say(
        f"  A corrects it: version {version['number']} is {version['record']}, registered, and linked on A's chain"
    )
    _old_and_new(scene, old, new)
    _told(scene, record, author.account)


def _old_and_new(scene: Scene, old: bytes, new: bytes) -> None:
    """The old version is refused as current, and shown as what it is where a history is asked for."""
    stage = scene.stage
    refusal = scene.ask(old).refusal()
    stage.expect(code_of(refusal), "permit.superseded", "the old version is not served as current")
    current = refusal.facts.get("reference") if refusal is not None else None
    stage.require(current == new, "the refusal names the current version")
    disclosed, _ = scene.read(new)
    stage.require(bool(disclosed.current), "the new version is served as current")
    history = scene.ask(old, action=Action.HISTORY).answer.disclosed
    stage.require(
        len(history) == 1 and not history[0].current, "a history shows the old version, marked as not current"
    )
    stage.say("  B asks for the old one: refused [permit.superseded], with the new one's commitment; reads the new one")


def _told(scene: Scene, record: str, author: str) -> None:
    """B's physician finds the notice in B's inbox and acknowledges it; A's blast radius knows."""
    stage, site, reader = scene.stage, scene.site, scene.reader.account
    inbox = site.notices_of(scene.hospital_b)
    waiting = [one for one in inbox.inbox(reader) if one.kind is NoticeKind.CORRECTION]
    stage.require(len(waiting) == 1, "B's physician has one notice of a correction to acknowledge")
    looking = site.corrections_of(scene.hospital_a).looking
    before = radius_values(looking.blast_radius(record))["holders"]
    stage.require(
        [one["account"] for one in before if one["notice"]] == [reader], "whoever was given the old one is told"
    )
    stage.require(not before[0]["acknowledged"], "nobody has acknowledged yet")
    acknowledge_notice(scene.hospital_b, inbox, waiting[0].sender, waiting[0].notice, reader)
    after = radius_values(looking.blast_radius(record))["holders"]
    stage.require(after[0]["acknowledged"] > 0, "the acknowledgement is at A")
    stage.say(f"  told: {waiting[0].zh if stage.language == 'zh' else waiting[0].en}")
    count = f"{len(after)} account, of hospital B, told and acknowledged"
    stage.say(f"  who has the wrong version ('xinglin record holders'): {count}")
    stage.figures["correction"] = {"record": record, "holders": len(after), "by": author}


def _a_value(scene: Scene, patient: bytes) -> tuple[StoredRecord, dict[str, Any]]:
    """Return an ordinary observation of a patient with a quantity, a laboratory's first."""
    found = []
    for row in scene.rows(patient, b"Observation"):
        ordinary = row.details.category in CATEGORIES and row.details.level == Level.NARROW
        resource = json.loads(scene.a.archive.vault.open_record(identifier(row.record)).parts.original[1])
        if ordinary and _quantity(resource):
            elsewhere = "laboratory" not in json.dumps(resource.get("category"))
            found.append((elsewhere, row.number, row, resource))
    return min(found, key=lambda one: one[:2])[2:]


def _quantity(resource: dict[str, Any]) -> dict[str, Any]:
    """Return the first quantity that an observation gives, empty where it gives none."""
    places = [resource, *resource.get("component", [])]
    return next((one["valueQuantity"] for one in places if "value" in one.get("valueQuantity", {})), {})


def _corrected(resource: dict[str, Any]) -> bytes:
    """Return an observation whose first quantity is ten times what it was."""
    corrected: dict[str, Any] = copy.deepcopy(resource)
    quantity = _quantity(corrected)
    quantity["value"] = round(float(quantity["value"]) * 10, 2)
    return json.dumps(corrected, ensure_ascii=False).encode()

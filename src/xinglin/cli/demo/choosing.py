"""Which patients the parts show things on: chosen by their data, never by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from xinglin.cli.demo.records import SOURCE
from xinglin.cli.demo.scene import Scene
from xinglin.kernel.identifiers import identifier
from xinglin.node.records.read_ports import IndexPersons, decides_alone
from xinglin.service.basic.destruction.facts import ENCOUNTER, encounter_of, occasion_of
from xinglin.service.basic.destruction.model import Stay
from xinglin.service.basic.destruction.rules import CLASSES
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.labels import Level


@dataclass(frozen=True, slots=True)
class Cast:
    """Living adults with an ordinary observation at A, as A's index knows them, each for one thing."""

    counter: bytes
    emergency: bytes
    own_key: bytes
    short: bytes
    cared_for: bytes
    dying: bytes


def cast(scene: Scene) -> Cast | None:
    """Choose the adults, those who are known at B first, whom other parts need last; None where there are too few."""
    today, index = today_at(scene), scene.a.archive.persons
    able = [one for one in index.persons() if decides_alone(index, one, today) and scene.record(one, b"Observation")]
    able.sort(key=lambda one: (_needed_elsewhere(scene, one), one not in scene.linked))
    wanted = len(Cast.__dataclass_fields__)
    if len(able) < wanted:
        scene.stage.say(f"{len(able)} living adults with an observation are at A; {wanted} are needed for what follows")
        return None
    counter, *others = able
    # An emergency of B is shown on a patient whom B knows; it takes nothing from what other parts show.
    emergency = next((one for one in others if one in scene.linked), others[0])
    others.remove(emergency)
    return Cast(counter, emergency, *others[: wanted - 2])


def _needed_elsewhere(scene: Scene, person: bytes) -> bool:
    """Tell whether other parts need a patient without further consents: who was an inpatient, or has level 5."""
    rows = scene.rows(person)
    return any(row.details.level == Level.STRICT for row in rows) or any(inpatient_stays(scene, rows))


def a_child(scene: Scene) -> bytes:
    """Return the living child at A that was born first of those with an ordinary record; empty where there is none."""
    persons, today = IndexPersons(scene.a.archive.persons), today_at(scene)
    born = {one: persons.born(one) for one in scene.a.archive.persons.persons()}
    minors = [
        (day, one)
        for one, day in born.items()
        if day is not None and (today - day).days < 17 * 366 and persons.died_ms(one) is None and scene.record(one)
    ]
    return min(minors)[1] if minors else b""


def the_dead(scene: Scene) -> bytes:
    """Return a patient at A with an ordinary record of whose death the bundles tell; empty where there is none."""
    persons = IndexPersons(scene.a.archive.persons)
    dead = (one for one in scene.a.archive.persons.persons() if persons.died_ms(one) is not None and scene.record(one))
    return next(dead, b"")


def inpatient_stays(scene: Scene, rows: Sequence[StoredRecord]) -> Iterator[tuple[date, bytes]]:
    """Yield the end and the name (``occasion_of``) of the inpatient stays among a patient's records at A."""
    for row in rows:
        if row.details.type == ENCOUNTER:
            opened = scene.a.archive.vault.open_record(identifier(row.record))
            one = encounter_of(occasion_of(row), opened.parts.original[1])
            if CLASSES.get(one.class_code) is Stay.INPATIENT and one.ended is not None:
                yield one.ended, one.id


def today_at(scene: Scene) -> date:
    """Return the present day, as A's intake has it."""
    return scene.a.archive.orders(SOURCE).as_of

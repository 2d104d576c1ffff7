"""Consents never follow a merge unconfirmed; prohibitions always do; care and emergencies go on (PI28, PI45; H1)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.agreements import agree
from tests.support.neighbours import B, neighbours, staff
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier, identifier_bytes
from xinglin.node.chains import SystemClock
from xinglin.node.office import identities, patients
from xinglin.node.office.accounts import add_account
from xinglin.node.office.consents import acknowledge, give_by_own_key
from xinglin.node.office.protecting import open_glass
from xinglin.node.records.serving import Serving
from xinglin.service.basic.patient_index.identity.model import Act
from xinglin.service.basic.protection.break_glass import Emergency
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.basic.reading.reader import ReaderAccount
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Purpose

TREAT = Purpose.TREAT
DAY_MS = 86_400_000
SAME = identities.reason_for(Act.MERGE, "same_document")
TWO = identities.reason_for(Act.UNMERGE, "other_person")


@dataclass
class Scene:
    """A reader at B, two persons at A with an observation each, and a clerk at A."""

    a: Serving
    b: Serving
    reader: ReaderAccount
    clerk: str
    wang: bytes
    perhaps: bytes
    of_wang: bytes
    of_perhaps: bytes

    def given(self, person: bytes, **changes: Any) -> None:
        """Have a person consent at A to B's reading, now."""
        now = SystemClock().now_ms()
        wanted: dict[str, Any] = {
            "purposes": [TREAT],
            "categories": [Category.HEALTH_STATUS],
            "level": Level.NARROW,
            "given_ms": now,
            "from_ms": now - 1_000,
            "until_ms": now + DAY_MS,
            "members": [self.b.member],
        }
        draft = give_by_own_key(self.a.archive.node, WantedConsent(**(wanted | changes)), [(self.a.node, person)])
        acknowledge(self.a, draft.consent)

    def merge(self, kept: bytes, other: bytes) -> bytes:
        """Merge two persons at A."""
        return identifier_bytes(identities.merge_persons(self.a, self.clerk, kept, other, SAME)["merge"])

    def answers(self) -> tuple[str, str]:
        """Return how A answers B's reads of Wang's observation and of the other's: empty where it serves."""
        first, second = (self._answer(one) for one in (self.of_wang, self.of_perhaps))
        return first, second

    def _answer(self, commitment: bytes) -> str:
        try:
            self.b.reader.read(self.a, self.reader, commitment, TREAT)
        except PlatformError as refusal:
            return refusal.code
        return ""


@pytest.fixture
def scene(homes_of_neighbours: Path, tmp_path: Path) -> Iterator[Scene]:
    """Return both homes, open, with an agreement."""
    shutil.copytree(homes_of_neighbours, tmp_path / "homes")
    with opened(tmp_path / "homes") as scene:
        yield scene


@contextmanager
def opened(folder: Path) -> Iterator[Scene]:
    with neighbours(folder, acting=B) as site:
        a, b = site.serving_of(site.nodes[1]), site.serving
        agree(site.nodes[1], site.nodes[0], TREAT)
        persons, observations = [], []
        for person in a.archive.persons.persons():
            rows = a.archive.vault.records_of(a.archive.persons.subjects_of(person))
            observations += [row.details.commitment for row in rows if row.details.type == b"Observation"]
            persons.append(person)
        reader = patients.acting(b, staff(site.nodes[0]))
        yield Scene(a, b, reader, staff(site.nodes[1]), *persons, *observations)


NO = "permit.no_consent"


@pytest.mark.requirement("H1")
def test_what_the_person_kept_consented_to_does_not_open_the_other_s_records(scene: Scene) -> None:
    scene.given(scene.wang)
    assert scene.answers() == ("", NO)
    merge = scene.merge(scene.wang, scene.perhaps)
    assert scene.answers() == ("", NO)
    scene.given(scene.wang)  # after the merge: the confirmation
    assert scene.answers() == ("", "")
    identities.unmerge_persons(scene.a, scene.clerk, merge, TWO)
    assert scene.answers() == ("", NO)


@pytest.mark.requirement("H1")
def test_what_the_other_consented_to_opens_what_it_did_and_no_more(scene: Scene) -> None:
    scene.given(scene.wang)
    scene.merge(scene.perhaps, scene.wang)
    assert scene.answers() == ("", NO)
    scene.given(scene.perhaps)
    assert scene.answers() == ("", "")


def test_a_consent_that_was_dated_before_the_merge_does_not_follow_it(scene: Scene) -> None:
    scene.merge(scene.wang, scene.perhaps)
    scene.given(scene.wang, given_ms=SystemClock().now_ms() - DAY_MS)
    assert scene.answers() == ("", NO)


def test_a_prohibition_of_either_binds_for_both(scene: Scene) -> None:
    scene.given(scene.wang)
    scene.given(scene.perhaps, prohibits=True, level=Level.PUBLIC, purposes=[], categories=[])
    assert scene.answers() == ("", "permit.prohibited")
    scene.merge(scene.wang, scene.perhaps)
    assert scene.answers() == ("permit.prohibited", "permit.prohibited")


@pytest.mark.requirement("H1", "S6.3c")
def test_what_was_forbidden_while_they_were_one_binds_for_both_after(scene: Scene) -> None:
    """At the counter stood the other one, and the merge was wrong: the other's records are not to be opened by that."""
    scene.given(scene.wang)
    scene.given(scene.perhaps)
    assert scene.answers() == ("", "")
    merge = scene.merge(scene.wang, scene.perhaps)
    scene.given(scene.wang, prohibits=True, level=Level.PUBLIC, purposes=[], categories=[])
    assert scene.answers() == ("permit.prohibited", "permit.prohibited")
    identities.unmerge_persons(scene.a, scene.clerk, merge, TWO)
    assert scene.answers() == ("permit.prohibited", "permit.prohibited")
    scene.given(scene.wang, prohibits=True, level=Level.PUBLIC, purposes=[], categories=[], special=Special.HIV)
    assert scene.a.protection.consents.terms(scene.perhaps)[-1].held.special == Special.NONE  # what came after does not


@pytest.mark.requirement("H1", "S6.3c")
def test_an_emergency_by_an_id_that_was_merged_reaches_both(scene: Scene) -> None:
    scene.merge(scene.wang, scene.perhaps)
    doctor = add_account(scene.a.archive.node, (Role.PRACTITIONER,), "Physician at A").account
    opened = open_glass(scene.a, doctor, scene.perhaps, Emergency(1, "unconscious"))
    assert opened["person"] == identifier(scene.wang)

"""Schemes and sights: how far a trace is shown, by level, category and who looks; both tables are those of the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from xinglin.service.basic.audit.model import AccessEntry, OpenedCopy, Proven
from xinglin.service.basic.correction.model import Reason
from xinglin.service.basic.destruction.model import RecordStanding, Standing
from xinglin.service.basic.tracing.model import (
    Access,
    Corrected,
    Depth,
    Given,
    Group,
    Origin,
    Registration,
    Step,
    Trace,
    Viewer,
    Withheld,
)
from xinglin.service.basic.tracing.rules import depths_of, scheme_of, shown, viewer_of
from xinglin.service.basic.tracing.tables import tables
from xinglin.stakeholders.kinds import MemberKind, Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Purpose

PAGE = Path(__file__).resolve().parents[5] / "docs" / "spec" / "trace.md"
TABLES = tables()
OWN, READER, CLERK, ELSEWHERE = "own-reader", "other-reader", "clerk", "member-elsewhere"
SECRETS = ("the-record", "the-urn", READER, CLERK, "recorder", "his", "hold-1", "aa" * 32, "Observation")


def access(account: str, basis: str = "consent", outcome: int = 0) -> Access:
    entry = AccessEntry(
        commitment=b"c" * 32,
        member=ELSEWHERE,
        account=account,
        action="read",
        outcome=outcome,
        basis=basis,
        reference=b"r" * 16,
        purpose="treat",
        copy=OpenedCopy.NONE if outcome else OpenedCopy.ORIGINAL,
        request=b"q" * 32,
        proven=Proven.SESSION,
        proof=(),
        seen_height=1,
        seen_time=2,
        time=3,
    )
    return Access(entry, b"h" * 32, 4, 5, 6)


def trace(level: Level, category: Category = Category.HEALTH_STATUS) -> Trace:
    """Return the trace of a record that two have read, that was corrected and is held."""
    origin = Origin(
        "the-record", "the-urn", "Observation", "his", "producer", "recorder", 7, Registration("batch", 1, 2, 3, 8)
    )
    step = Step(
        number=0,
        category=category,
        level=level,
        origin=origin,
        accesses=[access(OWN), access(READER), access(READER, "none", 5601)],
        complete=True,
        given=[Given(ELSEWHERE, READER, 1, 1, 3, 3, "notice-1", 9, 10)],
        corrected=Corrected(Reason.WRONG_UNIT, CLERK, 8),
        standing=RecordStanding(Standing.ORDERED, ground="retention_ended", ordered_by=CLERK, certificate=b"\xaa" * 32),
        holds=["hold-1"],
    )
    return Trace("the-record", category, level, Special.HIV, "keeper", [step])


def look(level: Level, viewer: Viewer, category: Category = Category.HEALTH_STATUS) -> dict[str, Any]:
    return shown(TABLES, trace(level, category), viewer, OWN)


def page_rows(title: str) -> Iterator[list[str]]:
    """Yield the cells of the rows of a table of the page."""
    part = PAGE.read_text(encoding="utf-8").split(f"## {title}", 1)[1].split("\n## ", 1)[0]
    for line in part.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and not set(line) <= set("|- ") and cells[0] not in ("level", "viewer"):
            yield cells


@pytest.mark.requirement("S8.6c", "S8.6d")
def test_both_tables_are_those_of_the_page() -> None:
    schemes = {}
    for level, category, *depths in page_rows("Schemes"):
        key = Level(int(level)), None if category == "any" else Category[category.upper()]
        schemes[key] = {group: Depth[name.upper()] for group, name in zip(Group, depths, strict=True)}
    assert schemes == TABLES.schemes
    sights = {}
    for viewer, *depths, others in page_rows("Who sees how much"):
        shows = {group: Depth[name.upper()] for group, name in zip(Group, depths, strict=True)}
        sights[Viewer(viewer)] = (shows, others == "named")
    assert sights == {viewer: (sight.depths, sight.named) for viewer, sight in TABLES.sights.items()}


@pytest.mark.requirement("S8.6c")
def test_every_level_has_a_scheme_and_a_stricter_level_is_never_traced_less() -> None:
    assert set(TABLES.sights) == set(Viewer)
    for category, level in product(Category, list(Level)[:-1]):
        here, stricter = (scheme_of(TABLES, one, category) for one in (level, Level(level + 1)))
        assert all(here[group] <= stricter[group] for group in Group), (category, level)
    assert scheme_of(TABLES, Level.STRICT, Category.PUBLIC_HEALTH) == dict.fromkeys(Group, Depth.PROVEN)


@pytest.mark.requirement("S8.6c", "S8.6d")
@pytest.mark.parametrize(("level", "depth"), [(1, "count"), (2, "count"), (3, "entry"), (4, "entry"), (5, "proven")])
def test_a_trace_shows_numbers_entries_or_proofs_by_level(level: int, depth: str) -> None:
    seen = look(Level(level), Viewer.OVERSEER)
    (version,) = seen["versions"]
    assert seen["depths"]["access"] == depth
    assert (version["access"]["count"], version["access"]["permitted"], version["access"]["refused"]) == (3, 2, 1)
    assert ("entries" in version["access"]) is (depth != "count")
    proven = "proof" in version["access"].get("entries", [{}])[0]
    assert proven is (depth == "proven")
    assert ("permits" in version) is (level > 1)


@pytest.mark.requirement("S8.6d")
def test_identity_and_public_health_are_traced_further_and_resources_less() -> None:
    for category, level, group, depth in (
        (Category.PERSONAL_ATTRIBUTES, Level.NARROW, Group.ACCESS, Depth.PROVEN),
        (Category.PUBLIC_HEALTH, Level.NARROW, Group.PERMITS, Depth.PROVEN),
        (Category.HEALTH_RESOURCES, Level.MEDIUM, Group.ACCESS, Depth.ENTRY),
        (Category.HEALTH_RESOURCES, Level.MEDIUM, Group.CHANGES, Depth.COUNT),
    ):
        assert depths_of(TABLES, Viewer.OVERSEER, level, category)[group] is depth


@pytest.mark.requirement("S8.6d")
@pytest.mark.parametrize("level", Level)
def test_an_outsider_sees_numbers_and_nobody(level: Level) -> None:
    seen = look(level, Viewer.OUTSIDER)
    text = json.dumps(seen)
    assert [one for one in (*SECRETS, OWN) if one in text] == []
    assert seen["special"] == []
    assert set(seen["depths"].values()) <= {"count", "none"}
    assert seen["versions"][0]["access"]["count"] == 3


@pytest.mark.requirement("S8.6d")
def test_a_practitioner_sees_no_account_but_the_own_one() -> None:
    text = json.dumps(seen := look(Level.STRICT, Viewer.PRACTITIONER))
    assert [one for one in (READER, CLERK, '"recorder"') if f'"{one}"' in text] == []
    entries = seen["versions"][0]["access"]["entries"]
    assert [one["account"] for one in entries] == [OWN, "", ""]
    assert {one["member"] for one in entries} == {ELSEWHERE}
    assert "proof" not in entries[0]
    assert "reference" not in seen["versions"][0]["permits"]["permits"][0]


@pytest.mark.requirement("S8.6d", "H14")
def test_a_patient_sees_who_when_and_for_what() -> None:
    (version,) = look(Level.STRICT, Viewer.PATIENT)["versions"]
    (_, entry, refused) = version["access"]["entries"]
    assert (entry["account"], entry["time"], entry["purpose"], entry["basis"]) == (READER, 3, "treat", "consent")
    assert entry["proof"] == {"log_entry": 4, "item": 5, "height": 6, "request": (b"q" * 32).hex()}
    assert refused["outcome"] == 5601
    assert "registration" not in version["origin"]


@pytest.mark.requirement("S8.6c", "S8.6d")
def test_each_version_is_shown_by_its_own_labels_and_one_that_is_withheld_by_number_and_state() -> None:
    strict, mild = trace(Level.STRICT), trace(Level.PUBLIC)
    gone = Withheld(1, False, RecordStanding(Standing.DESTROYED, ground="retention_ended", ordered_by=CLERK))
    whole = Trace("the-record", mild.category, mild.level, mild.special, "keeper", [mild.steps[0], gone, *strict.steps])
    first, second, third = shown(TABLES, whole, Viewer.PRACTITIONER, OWN)["versions"]
    assert (first["level"], first["depths"]["permits"], "permits" in first) == (1, "none", False)
    assert second == {"number": 1, "current": False, "withheld": True, "state": "destroyed"}
    assert (third["level"], third["depths"]["permits"], "permits" in third) == (5, "entry", True)


def test_an_overseer_sees_all_of_the_strictest() -> None:
    (version,) = look(Level.STRICT, Viewer.OVERSEER)["versions"]
    assert version["origin"]["registration"] == {"batch": "batch", "item": 1, "log_entry": 2, "height": 3}
    assert version["changes"]["correction"]["account"] == CLERK
    assert version["changes"]["notices"][0]["notice"] == "notice-1"
    assert (version["end"]["ordered_by"], version["end"]["held_by"]) == (CLERK, ["hold-1"])
    assert version["end"]["certificate"] == "aa" * 32
    assert version["permits"]["permits"][0]["reference"] == (b"r" * 16).hex()


VIEWERS = [
    (True, MemberKind.MEDICAL_INSTITUTION, Role.AUDITOR, Purpose.HOPERAT, False, Viewer.OVERSEER),
    (True, MemberKind.MEDICAL_INSTITUTION, Role.COMPLIANCE_OFFICER, Purpose.LEGAL, False, Viewer.OVERSEER),
    (True, MemberKind.MEDICAL_INSTITUTION, Role.COMPLIANCE_OFFICER, Purpose.PATRQT, True, Viewer.PATIENT),
    (True, MemberKind.MEDICAL_INSTITUTION, Role.AUDITOR, Purpose.PATRQT, False, None),
    (True, MemberKind.MEDICAL_INSTITUTION, Role.PRACTITIONER, Purpose.TREAT, True, Viewer.PRACTITIONER),
    (True, MemberKind.MEDICAL_INSTITUTION, Role.PRACTITIONER, Purpose.TREAT, False, None),
    (True, MemberKind.MEDICAL_INSTITUTION, Role.PRACTITIONER, Purpose.FAMRQT, True, Viewer.PATIENT),
    (True, MemberKind.MEDICAL_INSTITUTION, Role.SERVICE, Purpose.TREAT, True, None),
    (True, MemberKind.MEDICAL_INSTITUTION, Role.ADMINISTRATOR, Purpose.HOPERAT, False, None),
    (False, MemberKind.REGULATOR, Role.AUDITOR, Purpose.HOPERAT, False, Viewer.OUTSIDER),
    (False, MemberKind.TECHNOLOGY_PROVIDER, Role.SERVICE, Purpose.HSYSADMIN, False, Viewer.OUTSIDER),
    (False, MemberKind.REGULATOR, Role.PRACTITIONER, Purpose.HOPERAT, True, None),
    (False, MemberKind.MEDICAL_INSTITUTION, Role.AUDITOR, Purpose.HOPERAT, True, None),
    (False, MemberKind.DATA_USER, Role.COMPLIANCE_OFFICER, Purpose.COVERAGE, True, None),
]


@pytest.mark.requirement("S8.6d")
@pytest.mark.parametrize(("own", "kind", "role", "purpose", "may", "viewer"), VIEWERS)
def test_as_whom_an_account_looks(
    own: bool, kind: MemberKind, role: Role, purpose: Purpose, may: bool, viewer: Viewer | None
) -> None:
    assert viewer_of(own, kind, frozenset({role}), purpose, may) is viewer

"""The policy of permits beside an oracle that was written from docs/spec/permit.md alone (S6.3c, S7.2a, S8.3).

``python -m tests.property.permit_table`` compares many more cases; here are a seeded share of them, and what
Hypothesis draws.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import REPOSITORY
from tests.property.permit_table import Decide, compare, main, pairs, plain, points
from tests.support import permit_oracle
from tests.support.permit_blocks import BLOCKS
from tests.support.permit_scenes import (
    ACCOUNT_STANDINGS,
    KEY_STANDINGS,
    ME,
    MEMBER_STANDINGS,
    MINE,
    NOW,
    OTHER,
    some_id,
)
from xinglin.service.basic.protection.model import (
    Article,
    BreakGlassGrant,
    Decision,
    Episode,
    Grantees,
    Guardianship,
    Held,
    InstitutionDefault,
    Mandate,
    Patient,
    PatientDefault,
    Reader,
    RecordState,
    Rule,
    Situation,
    Target,
)
from xinglin.service.basic.protection.rules import decide
from xinglin.stakeholders.kinds import MemberKind, Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Action, Copy, Purpose

CASES, SEED = 20_000, 1
PAGE = REPOSITORY / "docs/spec/permit.md"


def test_the_product_decides_as_the_page_says_and_every_rule_and_code_is_reached() -> None:
    report = compare(CASES, SEED)
    assert report.disagreements == 0, json.dumps(report.shown, indent=1)
    assert report.cases > CASES * 0.9
    assert set(report.by_rule) == set(range(1, 18)) == set(Rule)
    codes = set(re.findall(r"`((?:permit|chain)\.[a-z_]+)`", PAGE.read_text(encoding="utf-8")))
    assert set(report.by_code) - {""} == codes


@pytest.mark.parametrize("name", BLOCKS)
def test_each_two_values_of_a_block_meet_however_few_points_are_drawn(name: str) -> None:
    block = BLOCKS[name]
    given = list(points(block, 50, random.Random(SEED)))
    met = {pair for point in given for pair in combinations(enumerate(point), 2)}
    assert pairs([len(values) for values in block.values()]) <= met


def without_death(s: Situation) -> Situation:
    return replace(s, patient=replace(s.patient, died_ms=None))


def without_flags(s: Situation) -> Situation:
    return replace(s, target=replace(s.target, special=Special.NONE))


def never_stale(s: Situation) -> Situation:
    return replace(s, stale_after_ms=s.stale_after_ms + 1)


def without_prohibitions(s: Situation) -> Situation:
    return replace(s, held=tuple(held for held in s.held if not held.prohibits))


def with_the_node_clock_alone(s: Situation) -> Situation:
    return replace(s, chain_ms=s.now_ms) if s.chain_ms > s.now_ms else s


def with_the_last_held_first(s: Situation) -> Situation:
    return replace(s, held=tuple(replace(held, given_ms=0) for held in s.held))


@pytest.mark.parametrize(
    "blind",
    [
        without_death,
        without_flags,
        never_stale,
        without_prohibitions,
        with_the_node_clock_alone,
        with_the_last_held_first,
    ],
)
def test_a_policy_that_overlooks_one_thing_is_noticed(blind: Callable[[Situation], Situation]) -> None:
    report = compare(3_000, SEED, lambda s: decide(blind(s)))
    assert report.disagreements > 0
    assert report.shown[0]["page"] != report.shown[0]["product"]


def as_an_old_version(s: Situation) -> Decision:
    """Decide wrongly: a superseded record is served as if it were current."""
    return decide(replace(s, target=replace(s.target, state=RecordState.STANDING)))


def as_the_original(s: Situation) -> Decision:
    """Decide wrongly: who may have the copy gets the original."""
    decision = decide(s)
    return replace(decision, copy=Copy.ORIGINAL) if decision.copy is Copy.DEIDENTIFIED else decision


def without_the_nearest(s: Situation) -> Decision:
    """Decide wrongly: no refusal tells what came nearest."""
    return replace(decide(s), nearest=None)


@pytest.mark.parametrize("wrong", [as_an_old_version, as_the_original, without_the_nearest])
def test_a_wrong_answer_is_noticed(wrong: Decide) -> None:
    assert compare(3_000, SEED, wrong).disagreements > 0


def test_the_command_prints_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cases", "200", "--seed", "7"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["cases"] == sum(report["by_rule"].values()) == sum(report["by_code"].values())
    assert report["disagreements"] == 0


# Arbitrary situations: ids and moments from small sets, so that they meet, everything else as it comes.

moments = st.sampled_from([NOW - 40_000_000_000, NOW - 10_001, NOW - 10_000, NOW - 1, NOW, NOW + 1]) | st.integers(
    NOW - 40_000_000_000, NOW + 40_000_000_000
)
maybe = st.none() | moments
ids = st.integers(1, 6).map(some_id)
flags = st.just(Special.NONE) | st.integers(0, 255).map(Special)
levels = st.sampled_from(Level)
copies = st.sampled_from([Copy.ORIGINAL, Copy.DEIDENTIFIED])
roles = st.frozensets(st.sampled_from(Role), max_size=3)
purposes = st.just(frozenset(Purpose)) | st.frozensets(st.sampled_from(Purpose))
categories = st.just(frozenset(Category)) | st.frozensets(st.sampled_from(Category))
nobody = st.just(frozenset[bytes]())
grantees = st.just(Grantees()) | st.builds(
    Grantees,
    nobody | st.frozensets(st.sampled_from([MINE, OTHER]), max_size=2),
    roles,
    nobody | st.frozensets(st.sampled_from([ME, OTHER]), max_size=2),
)
readers = st.builds(
    Reader,
    st.just(ME),
    st.just(MINE),
    st.sampled_from(MemberKind),
    st.just(frozenset({Role.PRACTITIONER})) | roles,
    st.booleans(),
    *(
        st.just(standings[0]) | st.sampled_from(standings)
        for standings in (MEMBER_STANDINGS, ACCOUNT_STANDINGS, KEY_STANDINGS)
    ),
    st.sampled_from([False, False, False, True]),
)
held = st.builds(
    Held,
    id=ids,
    prohibits=st.booleans(),
    grantees=grantees,
    purposes=purposes,
    categories=categories,
    level=levels,
    given_ms=moments,
    from_ms=moments,
    until_ms=moments,
    special=flags,
    copy=copies,
    guardian=st.just(b"") | ids,
    acknowledged_ms=maybe,
    revoked_ms=maybe,
)
mandates = st.builds(
    Mandate,
    id=ids,
    article=st.sampled_from(Article),
    grantees=grantees,
    purposes=purposes,
    categories=categories,
    level=levels,
    from_ms=moments,
    until_ms=moments,
    document=ids.map(lambda one: one * 2),
    special=flags,
    copy=copies,
)
grants = st.builds(
    BreakGlassGrant,
    id=ids,
    member=st.sampled_from([MINE, OTHER]),
    account=st.sampled_from([ME, OTHER]),
    level=levels,
    from_ms=moments,
    until_ms=moments,
    special=flags,
    blocked=st.booleans(),
)
situations = st.builds(
    Situation,
    action=st.sampled_from(Action),
    purpose=st.sampled_from(Purpose),
    now_ms=st.integers(NOW - 10_001, NOW + 10_001),
    chain_ms=st.just(NOW) | st.integers(NOW - 10_001, NOW + 10_001),
    reader=readers,
    target=st.builds(
        Target,
        st.sampled_from(Category),
        levels,
        flags,
        st.just(RecordState.STANDING) | st.sampled_from(RecordState),
        ids,
    ),
    patient=st.builds(Patient, maybe, maybe, maybe, st.lists(st.builds(Guardianship, ids, moments, maybe)).map(tuple)),
    held=st.lists(held, max_size=5).map(tuple),
    grant=st.none() | grants,
    mandates=st.lists(mandates, max_size=4).map(tuple),
    episode=st.none() | st.builds(Episode, ids, moments, maybe, st.frozensets(st.sampled_from([ME, OTHER]))),
    patient_default=st.sampled_from(PatientDefault),
    default_guardian=st.just(b"") | ids,
    institution_default=st.sampled_from(InstitutionDefault),
    stale_after_ms=st.sampled_from([0, 10_000]),
)


@given(situations)
def test_any_situation_is_decided_as_the_page_says(situation: Situation) -> None:
    assert plain(decide(situation)) == permit_oracle.decide(situation)

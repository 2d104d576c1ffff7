"""A hospital's home seals an episode, proves it in one file, opens it by both sides, and verifies."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from xinglin_verify.report import Verdict as TheirVerdict
from xinglin_verify.verify import verify_bundle

from tests.support.episode_world import STATEMENT, EpisodeWorld, episode_world
from tests.support.product import findings
from xinglin.carrier.ledger.bundle_model import EpisodeBundle
from xinglin.carrier.ledger.trust import encode_trust
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import PlatformError
from xinglin.node.office.episodes import (
    episode_status,
    list_episodes,
    open_episode,
    open_episodes,
    person_key,
    sealed_with,
)
from xinglin.service.basic.coordination.bundles.check import Verdict
from xinglin.service.basic.coordination.bundles.make import NotCovered
from xinglin.service.basic.episodes.bundles.check import check_proof
from xinglin.service.basic.episodes.errors import EpisodeDiffers
from xinglin.service.lifecycle.storage.errors import SealedRowDamaged


@pytest.fixture
def world(tmp_path: Path) -> Iterator[EpisodeWorld]:
    with episode_world(tmp_path) as made:
        yield made


def facts(world: EpisodeWorld, data: bytes) -> dict[int, dict[str, object]]:
    """Return what each step says; both verifiers accept the bundle."""
    report = check_proof(data, world.trust)
    theirs = verify_bundle(data, encode_trust(world.trust))
    assert report.verdict is Verdict.HOLDS, report.failed
    assert theirs.verdict is TheirVerdict.HOLDS, theirs.lines()
    assert (
        [one.number for one in report.steps] == [one.number for one in theirs.steps] == [*range(1, 17), *range(21, 28)]
    )
    return {one.number: dict(one.facts) for one in report.steps}


@pytest.mark.requirement("S1.1", "W9")
def test_a_sealed_episode_is_proven_in_one_file(world: EpisodeWorld) -> None:
    world.seal()
    world.read(1)
    world.read(2, signed=False)
    world.take(7)
    assert world.mark_late() == 1
    world.cosign()
    data = world.prove()
    said = facts(world, data)
    assert said[21]["episode"] == world.episode
    assert said[22]["records"] == 5
    assert said[24]["account"] == world.account
    assert said[25]["late"] == 1
    assert said[26]["registrations"] == 6
    assert (said[27]["records"], said[27]["entries"]) == (6, 2)
    bundle = decode(EpisodeBundle, data)
    status = episode_status(world.archive, world.episode)
    assert [one["commitment"] for one in status["late"]] == [one.record.hex() for one in bundle.late]
    shown = [one.opening[0].behaviour.opened[0].data for one in bundle.registrations]
    assert all(b"stay-1" in behaviour for behaviour in shown)
    for told in (STATEMENT.encode(), b"resourceType"):
        assert told not in data


@pytest.mark.requirement("S1.1")
def test_it_shows_no_more_than_is_asked_for(world: EpisodeWorld) -> None:
    world.seal()
    world.read(1)
    world.cosign()
    data = world.prove(registrations=False, reads=False)
    said = facts(world, data)
    assert (said[26]["registrations"], said[27]["records"]) == (0, 0)
    assert b"stay-1" not in data
    assert len(data) < len(world.prove(reads=False)) < len(world.prove())


def test_a_sealing_is_proven_once_it_is_anchored(world: EpisodeWorld) -> None:
    world.cosign()
    world.seal()
    with pytest.raises(NotCovered):
        world.prove()
    world.cosign()
    first = world.prove()
    world.take(7)
    world.mark_late()
    assert decode(EpisodeBundle, world.prove()).late == ()  # marked after the anchor
    world.cosign()
    assert len(decode(EpisodeBundle, world.prove()).late) == 1
    facts(world, first)


@pytest.mark.requirement("S1.1")
def test_both_sides_open_it_and_the_proof_says_so(world: EpisodeWorld) -> None:
    world.seal()
    commitment = bytes.fromhex(list_episodes(world.archive)[0]["held"][0])
    assert sealed_with(world.archive, commitment) == [world.episode]
    world.open_by("institution")
    assert [one["side"] for one in episode_status(world.archive, world.episode)["opening"]] == ["institution"]
    with open_episodes(world.archive) as episodes:  # the holder brings the private half
        again = person_key(world.archive, world.person.private)
        done = open_episode(world.archive, episodes, world.episode, again.signer)
    assert done["step"] == "released"
    assert sealed_with(world.archive, commitment) == []
    world.cosign()
    assert facts(world, world.prove())[24]["opened"] == 2


def test_status_and_list_are_plain(world: EpisodeWorld) -> None:
    world.seal()
    status = episode_status(world.archive, world.episode)
    assert (status["complete"], status["unchanged"], status["late"], status["unmarked"]) == (True, True, [], [])
    assert (status["encounter"], status["reason"], status["records"], status["step"]) == (
        "stay-1",
        "dispute",
        5,
        "sealed",
    )
    assert status["statement"] == STATEMENT
    (listed,) = list_episodes(world.archive)
    assert listed.items() <= status.items()


ALTERED: list[tuple[str, type[PlatformError]]] = [
    ("UPDATE episodes SET step = 4", SealedRowDamaged),
    ("DELETE FROM episodes", EpisodeDiffers),
]


@pytest.mark.requirement("S6.2d")
@pytest.mark.parametrize(("statement", "finding"), ALTERED)
def test_the_home_verifies_and_what_was_altered_is_found(
    tmp_path: Path, statement: str, finding: type[PlatformError]
) -> None:
    with episode_world(tmp_path) as world:
        world.seal()
        world.take(7)
        world.mark_late()
        world.cosign()
    assert findings(tmp_path / "home") == []
    with sqlite3.connect(tmp_path / "home" / "episodes" / "episodes.sqlite") as connection:
        connection.execute(statement)
    connection.close()
    assert [one.code for one in findings(tmp_path / "home")] == [finding.code]

"""Several homes of one chain: all execute, all commit, and more than half of all of them must agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.chain import Chain, commit, dump, execute, found_chain
from tests.support.counters import Count
from tests.support.damage import alter, data_file
from tests.support.homes import Homes, append
from xinglin.carrier.consensus.errors import AppHashDiffers, EngineFailed, MajorityLost
from xinglin.carrier.consensus.group import EmbeddedGroup
from xinglin.carrier.consensus.ports import AppInfo
from xinglin.carrier.contracts.application import LedgerApplication
from xinglin.carrier.ledger.errors import BlockInvalid, StoreDamaged, StoreFull, ValueDamaged
from xinglin.kernel.encoding import encode


@pytest.fixture
def homes(chain: Chain, tmp_path: Path) -> Iterator[Homes]:
    """Give three homes at height 0."""
    homes = Homes(chain, tmp_path).create()
    yield homes
    homes.close()


def damage_value(homes: Homes, name: str, count: int = 200) -> None:
    """Change the value of the counter that stands at ``count`` in the store of a home."""
    path = data_file(homes.folder / name, homes.chain.rules.chain)
    assert alter(path, encode(Count(count)), encode(Count(count + 1)))


@pytest.mark.requirement("S9.2")
def test_every_home_executes_every_block(chain: Chain, homes: Homes) -> None:
    group = homes.group()
    assert group.names == ["a", "b", "c"]
    for number in range(5):
        raws = [
            chain.sign(chain.add(f"c{number}")),
            chain.sign(valid_until=chain.start),
            chain.sign(chain.add("x", 300)),
        ]
        assert append(group, *raws) == [True, False, True]
        assert homes.heights() == [number + 1] * 3
        assert homes.app_hashes() == {group.tip.app_hash}
    tables = [dump(homes.ledgers[name]) for name in homes.names]
    assert tables[0] == tables[1] == tables[2]
    assert group.stopped == {}


def test_a_malformed_block_is_done_nowhere(chain: Chain, homes: Homes) -> None:
    group = homes.group()
    before = [dump(ledger) for ledger in homes.ledgers.values()]
    with pytest.raises(BlockInvalid):
        append(group, chain.sign(), b"x")
    assert [dump(ledger) for ledger in homes.ledgers.values()] == before
    assert append(group, chain.sign()) == [True]
    assert homes.heights() == [1, 1, 1]


class TestDivergence:
    """A home that computes something else than the others is stopped; they go on."""

    @pytest.mark.requirement("S9.2")
    @pytest.mark.parametrize("wrong", ["a", "b", "c"])
    def test_another_app_hash(self, chain: Chain, homes: Homes, wrong: str) -> None:
        group = homes.group()
        append(group, chain.sign(chain.add("a", 200)))
        homes.lead_astray(wrong)
        raw = chain.sign(chain.add("a", 1))
        assert append(group, raw) == [True]
        others = [name for name in homes.names if name != wrong]
        assert group.names == others
        assert group.stopped[wrong].code == AppHashDiffers.code
        assert (group.stopped[wrong].facts["height"], group.stopped[wrong].facts["home"]) == (2, wrong)
        [(name, evidence)] = homes.evidence[wrong].items()
        assert (name, evidence.count(b"\n")) == (f"app-hash-{chain.rules.chain}-2.txt", 5)
        assert list(homes.evidence) == [wrong]
        assert homes.ledgers[wrong].tip.height == 1
        assert homes.ledgers[wrong]._versions._tree.stats().versions == 1
        assert group.tip.app_hash == homes.ledgers[others[0]].tip.app_hash
        assert append(group, chain.sign()) == [True]
        assert [homes.ledgers[name].tip.height for name in others] == [3, 3]

    def test_no_majority_no_block(self, chain: Chain, homes: Homes) -> None:
        group = homes.group("a", "b")
        append(group, chain.sign())
        homes.lead_astray("b")
        with pytest.raises(AppHashDiffers) as differ:
            append(group, chain.sign())
        assert differ.value.facts["home"] == "a, b"
        assert homes.heights()[:2] == [1, 1]
        assert sorted(homes.evidence) == sorted(group.stopped) == ["a", "b"]
        with pytest.raises(AppHashDiffers):
            append(group, chain.sign())

    @pytest.mark.parametrize("damaged", ["a", "b", "c"])
    def test_a_damaged_value_stops_that_home_before_it_counts(self, chain: Chain, homes: Homes, damaged: str) -> None:
        group = homes.group()
        append(group, chain.sign(chain.add("a", 200)))
        damage_value(homes, damaged)
        assert append(group, chain.sign()) == [True]
        assert group.names == [name for name in homes.names if name != damaged]
        assert group.stopped[damaged].code == ValueDamaged.code
        assert homes.ledgers[damaged].tip.height == 1

    def test_a_home_that_alone_refuses_a_block(self, chain: Chain, homes: Homes) -> None:
        """The first home has gone on behind the group's back: it does not speak for the others."""
        group = homes.group()
        commit(homes.ledgers["a"], chain.sign())
        assert append(group, chain.sign()) == [True]
        assert group.names == ["b", "c"]
        assert group.stopped["a"].code == BlockInvalid.code

    def test_a_home_that_alone_takes_a_block(self, chain: Chain, homes: Homes) -> None:
        """Whoever would have taken what most refuse is wrong, and must not speak for the others when it is asked."""
        group = homes.group()
        raw = chain.sign()
        for name in ("b", "c"):
            commit(homes.ledgers[name], raw)
        with pytest.raises(BlockInvalid):
            append(group, chain.sign())
        assert group.names == ["b", "c"]
        assert group.stopped["a"].code == BlockInvalid.code
        assert homes.ledgers["a"].tip.height == 0

    def test_evidence_that_cannot_be_kept_holds_nobody_up(self, chain: Chain, homes: Homes) -> None:
        def full(name: str, data: bytes) -> None:
            raise OSError

        members = homes.members()
        group = EmbeddedGroup([replace(members[0], keep_evidence=full), *members[1:]])
        homes.lead_astray("a")
        assert append(group, chain.sign()) == [True]
        assert group.names == ["b", "c"]


class TestMajority:
    """More than half of the homes that the group was opened with, however many are left."""

    @pytest.mark.requirement("S9.2")
    def test_homes_that_were_stopped_still_count(self, chain: Chain, tmp_path: Path) -> None:
        homes = Homes(chain, tmp_path, ("a", "b", "c", "d")).create()
        group = homes.group()
        append(group, chain.sign(chain.add("a", 200)), chain.sign(chain.add("b", 300)))
        damage_value(homes, "d")
        assert append(group, chain.sign(chain.add("a"))) == [True]
        damage_value(homes, "a", 300)
        for _ in range(2):  # it has ended for good
            with pytest.raises(MajorityLost) as lost:
                append(group, chain.sign(chain.add("b")))
            assert (lost.value.facts["left"], lost.value.facts["homes"], lost.value.facts["height"]) == (2, 4, 3)
        assert (group.names, list(group.stopped)) == (["b", "c"], ["d", "a"])
        assert (group.tip.height, homes.heights()) == (2, [2, 2, 2, 1])
        homes.close()

    def test_two_of_four_that_agree_are_no_majority(self, chain: Chain, tmp_path: Path) -> None:
        homes = Homes(chain, tmp_path, ("a", "b", "c", "d")).create()
        group = homes.group()
        append(group, chain.sign(chain.add("a", 200)))
        damage_value(homes, "d")
        append(group, chain.sign(chain.add("a")))
        homes.lead_astray("a")
        with pytest.raises(AppHashDiffers):
            append(group, chain.sign())
        assert homes.heights() == [2, 2, 2, 1]
        homes.close()

    @pytest.mark.parametrize("damaged", ["a", "b"])
    def test_of_two_homes_both_must_agree(self, chain: Chain, homes: Homes, damaged: str) -> None:
        group = homes.group("a", "b")
        append(group, chain.sign(chain.add("a", 200)))
        damage_value(homes, damaged)
        with pytest.raises(MajorityLost) as lost:
            append(group, chain.sign())
        assert isinstance(lost.value.__cause__, ValueDamaged)
        assert f"{damaged}: " in str(lost.value.facts["stopped"])
        assert homes.heights() == [1, 1, 0]
        assert all(ledger._versions._tree.stats().versions == 1 for ledger in homes.ledgers.values())

    def test_two_of_three_that_fail_after_the_first_has_committed(self, chain: Chain, homes: Homes) -> None:
        group = homes.group()
        append(group, chain.sign())
        for name in ("b", "c"):
            homes.ledgers[name]._head_file.close()
        assert group.ended is None
        assert append(group, chain.sign()) == [True]  # all three have it
        assert isinstance(group.ended, MajorityLost)
        assert isinstance(group.ended.__cause__, StoreDamaged)
        assert (group.names, group.tip.height) == (["a"], 2)
        with pytest.raises(MajorityLost):
            append(group, chain.sign())
        homes.close()
        homes.open()
        assert append(homes.group(), chain.sign()) == [True]
        assert homes.heights() == [3, 3, 3]

    def test_a_fault_of_the_program_between_two_commits(self, chain: Chain, homes: Homes) -> None:
        class Faulty(LedgerApplication):
            def commit(self) -> int:
                raise ZeroDivisionError

        members = homes.members()
        faulty = Faulty(homes.ledgers["b"])
        group = EmbeddedGroup([members[0], replace(members[1], application=faulty), members[2]])
        assert append(group, chain.sign()) == [True]
        assert (group.names, group.stopped["b"].code) == (["a", "c"], EngineFailed.code)
        assert homes.heights() == [1, 0, 1]
        assert all(ledger._versions._tree.stats().versions == 1 for ledger in homes.ledgers.values())
        assert homes.group().tip.height == 1

    def test_a_fault_of_the_program_after_which_nobody_can_say_what_is_durable(
        self, chain: Chain, homes: Homes
    ) -> None:
        class Faulty(LedgerApplication):
            def commit(self) -> int:
                self.info = self._info  # type: ignore[method-assign]
                raise ZeroDivisionError

            def _info(self) -> AppInfo:
                del self.info
                raise KeyError

        members = homes.members()
        faulty = Faulty(homes.ledgers["b"])
        group = EmbeddedGroup([members[0], replace(members[1], application=faulty), members[2]])
        with pytest.raises(KeyError):
            append(group, chain.sign())
        with pytest.raises(EngineFailed):  # b and c would agree on another block than a has committed
            append(group, chain.sign())
        assert homes.heights() == [1, 0, 0]


class TestStores:
    """A home that can't write."""

    def test_a_follower_without_room_is_stopped(self, tmp_path: Path) -> None:
        chain = found_chain()
        homes = Homes(chain, tmp_path)
        homes.ledgers = {
            name: chain.create(tmp_path / name, map_bytes=(300 << 10) if name == "b" else (64 << 20))
            for name in homes.names
        }
        group = homes.group()
        while "b" in group.names:
            append(group, *[chain.sign(chain.batch(bytes(1000)), valid_until=group.tip.time + 5000) for _ in range(4)])
        assert group.stopped["b"].code == StoreFull.code
        assert homes.ledgers["a"].tip.height == homes.ledgers["b"].tip.height + 1
        height = group.tip.height
        append(group, chain.sign(valid_until=group.tip.time + 5000))
        assert (group.tip.height, homes.ledgers["c"].tip.height) == (height + 1, height + 1)
        homes.close()
        homes.open()
        assert homes.group().names == ["a", "b", "c"]
        assert len(set(homes.heights())) == 1
        homes.close()

    def test_a_follower_without_room_ends_a_group_of_two(self, tmp_path: Path) -> None:
        chain = found_chain()
        homes = Homes(chain, tmp_path, ("a", "b"))
        homes.ledgers = {"a": chain.create(tmp_path / "a"), "b": chain.create(tmp_path / "b", map_bytes=300 << 10)}
        group = homes.group()
        with pytest.raises(MajorityLost) as lost:  # noqa: PT012
            while True:
                raws = [chain.sign(chain.batch(bytes(1000)), valid_until=group.tip.time + 5000) for _ in range(4)]
                append(group, *raws)
        assert isinstance(lost.value.__cause__, StoreFull)
        assert homes.heights() == [group.tip.height, group.tip.height - 1]
        homes.close()

    def test_a_first_without_room_commits_nothing_anywhere(self, tmp_path: Path) -> None:
        chain = found_chain()
        homes = Homes(chain, tmp_path)
        homes.ledgers = {
            name: chain.create(tmp_path / name, map_bytes=(300 << 10) if name == "a" else (64 << 20))
            for name in homes.names
        }
        group = homes.group()
        raws: list[bytes] = []
        with pytest.raises(StoreFull):  # noqa: PT012
            while True:
                raws = [chain.sign(chain.batch(bytes(1000)), valid_until=group.tip.time + 5000) for _ in range(4)]
                append(group, *raws)
        assert len(set(homes.heights())) == 1
        assert group.tip.height == homes.heights()[0]
        with pytest.raises(StoreFull):
            group.check_room()
        assert all(ledger._versions._tree.stats().versions == 1 for ledger in homes.ledgers.values())
        homes.close()
        homes.open()
        assert append(homes.group(), *raws) == [True] * 4
        homes.close()

    def test_a_head_file_that_cannot_be_written_stops_a_follower(self, chain: Chain, homes: Homes) -> None:
        group = homes.group()
        homes.ledgers["c"]._head_file.close()
        assert append(group, chain.sign()) == [True]
        assert group.stopped["c"].code == StoreDamaged.code
        homes.close()
        homes.open()
        assert homes.group().tip.height == 1

    def test_a_first_that_wrote_the_block_and_then_failed(self, chain: Chain, homes: Homes) -> None:
        group = homes.group()
        homes.ledgers["a"]._head_file.close()
        assert append(group, chain.sign()) == [True]
        assert (group.names, group.stopped["a"].code) == (["b", "c"], StoreDamaged.code)
        assert homes.heights() == [1, 1, 1]
        assert append(group, chain.sign()) == [True]


def test_looking_ahead_changes_no_answer(chain: Chain, homes: Homes) -> None:
    group = homes.group()
    good, forged, late = chain.sign(), b"x", chain.sign(valid_until=chain.start)
    group.look_ahead([good, forged, late, good])
    with pytest.raises(BlockInvalid):
        append(group, good, forged)
    group.look_ahead([good, late])
    assert append(group, good, good, late) == [True, False, False]
    candidate = execute(homes.ledgers["b"])
    homes.ledgers["b"].discard(candidate)

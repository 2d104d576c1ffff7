"""Several homes of one chain: all execute, all commit, a home that differs is stopped, a laggard catches up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chain import BLOCK_MS, Chain, commit, dump, execute, found_chain
from tests.support.counters import Count
from tests.support.damage import alter, data_file
from tests.support.homes import Homes
from xinglin.carrier.consensus.errors import AppHashDiffers
from xinglin.carrier.consensus.group import EmbeddedGroup
from xinglin.carrier.ledger.errors import BlockInvalid, StoreDamaged, StoreFull, ValueDamaged
from xinglin.kernel.encoding import encode


@pytest.fixture
def homes(chain: Chain, tmp_path: Path) -> Iterator[Homes]:
    """Give three homes at height 0."""
    homes = Homes(chain, tmp_path).create()
    yield homes
    homes.close()


def append(group: EmbeddedGroup, *raws: bytes) -> list[bool]:
    """Append a block a second after the tip and tell which transactions were logged."""
    return [result.logged for result in group.append(group.tip.time + BLOCK_MS, raws).results]


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


class TestCatchingUp:
    """Homes may differ when they are opened."""

    @pytest.mark.parametrize("behind", [("c",), ("b", "c"), ("a", "b")])
    def test_a_home_killed_between_two_commits(self, chain: Chain, homes: Homes, behind: tuple[str, ...]) -> None:
        raw = chain.sign()
        for name in homes.names:
            if name not in behind:
                commit(homes.ledgers[name], raw, chain.sign_again(raw))
        group = homes.group()
        assert homes.heights() == [1, 1, 1]
        assert homes.app_hashes() == {group.tip.app_hash}
        assert append(group, raw, chain.sign()) == [False, True]
        assert group.stopped == {}

    def test_a_laggard_of_many_blocks(self, chain: Chain, homes: Homes) -> None:
        group = homes.group("a", "b")
        for number in range(6):
            append(group, *[chain.sign() for _ in range(number % 3)], chain.sign(valid_until=chain.start))
        group = homes.group()
        assert homes.heights() == [6, 6, 6]
        # The transactions that were passed over are not stored; nothing shows that they were there.
        assert dump(homes.ledgers["c"]) == dump(homes.ledgers["a"])

    def test_a_laggard_goes_on_from_where_it_is(self, chain: Chain, homes: Homes) -> None:
        append(homes.group(), chain.sign())
        group = homes.group("b", "c")
        for _ in range(2):
            append(group, chain.sign())
        homes.close()
        homes.open()
        assert homes.group().tip.height == 3
        assert homes.heights() == [3, 3, 3]

    def test_a_laggard_that_computes_another_state_is_stopped(self, chain: Chain, homes: Homes) -> None:
        commit(homes.ledgers["a"], chain.sign())
        commit(homes.ledgers["b"], chain.sign(chain.add("other")))
        last = chain.sign(chain.add("b"))
        for name in ("a", "c"):
            homes.ledgers[name].close()
        homes.open("a", "c")
        group = homes.group("a", "c")
        append(group, last)
        group = homes.group()
        assert group.names == ["a", "c"]
        assert group.stopped["b"].code == AppHashDiffers.code
        assert homes.ledgers["b"].tip.height == 2
        [evidence] = homes.evidence["b"].values()
        for name in homes.names:
            assert homes.ledgers[name].tip.app_hash.hex().encode() in evidence

    def test_no_majority_no_group(self, chain: Chain, homes: Homes) -> None:
        for name, amount in zip(homes.names, (1, 2, 3), strict=True):
            commit(homes.ledgers[name], chain.sign(chain.add("a", amount)))
        before = [dump(ledger) for ledger in homes.ledgers.values()]
        for names in ((), ("a", "b")):
            with pytest.raises(AppHashDiffers):
                homes.group(*names)
        assert [dump(ledger) for ledger in homes.ledgers.values()] == before
        assert sorted(homes.evidence) == ["a", "b", "c"]

    def test_a_home_that_cannot_execute_a_peers_block_is_stopped(
        self, chain: Chain, homes: Homes, tmp_path: Path
    ) -> None:
        append(homes.group(), chain.sign(chain.add("a", 200)))
        append(homes.group("a", "b"), chain.sign())
        assert alter(data_file(tmp_path / "c", chain.rules.chain), encode(Count(200)), encode(Count(201)))
        group = homes.group()
        assert group.names == ["a", "b"]
        assert group.stopped["c"].code == ValueDamaged.code
        assert append(group, chain.sign()) == [True]


class TestDivergence:
    """A home that computes something else than the others is stopped; they go on."""

    @pytest.mark.requirement("S9.2")
    @pytest.mark.parametrize("wrong", ["a", "b", "c"])
    def test_another_app_hash(self, chain: Chain, homes: Homes, wrong: str) -> None:
        group = homes.group()
        append(group, chain.sign(chain.add("a", 200)))
        self.lead_astray(chain, homes, wrong)
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
        assert group.tip.app_hash == homes.ledgers[others[0]].tip.app_hash
        assert append(group, chain.sign()) == [True]
        assert [homes.ledgers[name].tip.height for name in others] == [3, 3]

    @staticmethod
    def lead_astray(chain: Chain, homes: Homes, name: str) -> None:
        """Let a home execute with a tree of other content: as if its memory were bad."""
        ledger = homes.ledgers[name]
        ledger._version = ledger._versions.change(ledger._version, {b"\x91\xa1x": b"\x91\x01"})

    def test_no_majority_no_block(self, chain: Chain, homes: Homes) -> None:
        group = homes.group("a", "b")
        append(group, chain.sign())
        self.lead_astray(chain, homes, "b")
        with pytest.raises(AppHashDiffers):
            append(group, chain.sign())
        assert homes.heights()[:2] == [1, 1]
        assert sorted(homes.evidence) == ["a", "b"]

    def test_a_damaged_value_stops_that_home_before_it_counts(self, chain: Chain, homes: Homes, tmp_path: Path) -> None:
        group = homes.group()
        append(group, chain.sign(chain.add("a", 200)))
        assert alter(data_file(tmp_path / "b", chain.rules.chain), encode(Count(200)), encode(Count(201)))
        assert append(group, chain.sign()) == [True]
        assert group.names == ["a", "c"]
        assert group.stopped["b"].code == ValueDamaged.code
        assert homes.ledgers["b"].tip.height == 1


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

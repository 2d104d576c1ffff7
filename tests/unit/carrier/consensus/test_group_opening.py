"""A group is opened: homes that are behind catch up, and none that is damaged or alone speaks for the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support.chain import MAP_BYTES, Chain, commit, dump, found_chain
from tests.support.counters import Count
from tests.support.damage import alter, data_file
from tests.support.homes import Homes, append
from tests.support.snapshots import take_snapshot
from xinglin.carrier.consensus.errors import AppHashDiffers, MajorityLost, StoredBlockUnusable
from xinglin.carrier.consensus.group import EmbeddedGroup
from xinglin.carrier.ledger.errors import StoreDamaged, StoreFull, ValueDamaged
from xinglin.carrier.ledger.model import Transaction
from xinglin.carrier.ledger.records import EntryRecord
from xinglin.carrier.ledger.snapshot import restore_snapshot
from xinglin.carrier.ledger.store import Write, number_key
from xinglin.kernel.encoding import decode, encode, pack


@pytest.fixture
def homes(chain: Chain, tmp_path: Path) -> Iterator[Homes]:
    """Give four homes at height 0."""
    homes = Homes(chain, tmp_path, ("a", "b", "c", "d")).create()
    yield homes
    homes.close()


def damage_last(homes: Homes, name: str, how: str) -> None:
    """Damage what a home has stored of the last log entry: no start of a home notices it."""
    ledger = homes.ledgers[name]
    key = number_key(ledger.tip.log_size - 1)
    stored = ledger.store.get("entry", key)
    assert stored is not None
    record = decode(EntryRecord, stored)
    if how == "another transaction":
        other = msgspec.structs.replace(record, transaction=homes.chain.sign(homes.chain.add("other")))
        ledger.store.commit(Write({"entry": [(key, pack(other))]}, {}, {}))
        return
    [signature] = msgspec.msgpack.decode(record.transaction, type=Transaction).signatures
    old, new = {
        "signature": (signature, bytes([signature[0] ^ 1]) + signature[1:]),
        "unreadable": (stored, b"\xc1" + stored[1:]),
    }[how]
    assert alter(data_file(homes.folder / name, homes.chain.rules.chain), old, new) == 1


class TestCatchingUp:
    """Homes may differ when they are opened."""

    @pytest.mark.parametrize("behind", ["d", "bd", "ab", "bcd"])
    def test_a_home_killed_between_two_commits(self, chain: Chain, homes: Homes, behind: str) -> None:
        raw = chain.sign()
        for name in homes.names:
            if name not in behind:
                commit(homes.ledgers[name], raw, chain.sign_again(raw))
        group = homes.group()
        assert homes.heights() == [1] * 4
        assert homes.app_hashes() == {group.tip.app_hash}
        assert append(group, raw, chain.sign()) == [False, True]
        assert group.stopped == {}

    def test_laggards_of_many_blocks(self, chain: Chain, homes: Homes) -> None:
        group = homes.group("a", "b")
        for number in range(6):
            append(group, *[chain.sign() for _ in range(number % 3)], chain.sign(valid_until=chain.start))
        assert homes.group("a", "b", "c").stopped == {}
        append(homes.group("b", "c"), chain.sign())
        group = homes.group()
        assert group.stopped == {}
        assert homes.heights() == [7] * 4
        # The transactions that were passed over are not stored; nothing shows that they were there.
        assert all(dump(homes.ledgers[name]) == dump(homes.ledgers["b"]) for name in homes.names)

    def test_a_laggard_goes_on_from_where_it_is(self, chain: Chain, homes: Homes) -> None:
        append(homes.group(), chain.sign())
        group = homes.group("b", "c")
        for _ in range(2):
            append(group, chain.sign())
        homes.close()
        homes.open()
        assert homes.group().tip.height == 3
        assert homes.heights() == [3] * 4

    def test_a_home_that_cannot_execute_what_others_stored_is_stopped(
        self, chain: Chain, homes: Homes, tmp_path: Path
    ) -> None:
        append(homes.group(), chain.sign(chain.add("a", 200)))
        append(homes.group("a", "b", "d"), chain.sign())
        assert alter(data_file(tmp_path / "c", chain.rules.chain), encode(Count(200)), encode(Count(201)))
        group = homes.group()
        assert group.names == ["a", "b", "d"]
        assert group.stopped["c"].code == ValueDamaged.code
        assert append(group, chain.sign()) == [True]

    def test_a_laggard_without_room_is_stopped(self, tmp_path: Path) -> None:
        chain = found_chain()
        homes = Homes(chain, tmp_path)
        homes.ledgers = {name: chain.create(tmp_path / name, map_bytes=8 << 20) for name in ("a", "b")}
        homes.ledgers["c"] = chain.create(tmp_path / "c", map_bytes=300 << 10)
        group = homes.group("a", "b")
        for _ in range(40):
            append(group, *[chain.sign(chain.batch(bytes(1000))) for _ in range(4)])
        group = homes.group()
        assert (group.names, group.stopped["c"].code) == (["a", "b"], StoreFull.code)
        assert homes.evidence == {}
        with pytest.raises(MajorityLost) as lost:
            homes.group("b", "c")
        assert isinstance(lost.value.__cause__, StoreFull)
        homes.close()

    def test_a_laggard_that_computes_another_state_stores_nothing_of_it(self, chain: Chain, homes: Homes) -> None:
        append(homes.group("a", "b", "c"), chain.sign())
        homes.lead_astray("d")
        before = dump(homes.ledgers["d"])
        group = homes.group()
        assert (group.names, group.stopped["d"].code) == (["a", "b", "c"], StoredBlockUnusable.code)
        assert dump(homes.ledgers["d"]) == before
        [(name, evidence)] = homes.evidence["d"].items()
        assert name == f"block-{chain.rules.chain}-1.txt"
        assert homes.ledgers["a"].tip.app_hash.hex().encode() in evidence
        assert list(homes.evidence) == ["d"]
        assert append(group, chain.sign()) == [True]


class TestDamagedStores:
    """What a home hands on may be damaged."""

    @pytest.mark.requirement("S9.2")
    @pytest.mark.parametrize("how", ["signature", "unreadable", "another transaction"])
    def test_another_home_serves_and_the_damaged_one_is_stopped(self, chain: Chain, homes: Homes, how: str) -> None:
        append(homes.group("a", "b"), chain.sign())
        damage_last(homes, "a", how)
        group = homes.group()
        assert group.names == ["b", "c", "d"]
        assert group.stopped["a"].code == StoredBlockUnusable.code
        assert (group.stopped["a"].facts["home"], group.stopped["a"].facts["by"]) == ("a", "c")
        assert list(homes.evidence) == ["a"]
        assert homes.app_hashes() == {group.tip.app_hash}
        assert append(group, chain.sign()) == [True]
        assert homes.heights() == [1, 2, 2, 2]

    @pytest.mark.requirement("S9.2")
    @pytest.mark.parametrize("how", ["signature", "unreadable", "another transaction"])
    @pytest.mark.parametrize("names", ["abcd", "ab"])
    def test_a_damaged_home_that_is_ahead_alone_never_goes_on_alone(
        self, chain: Chain, homes: Homes, how: str, names: str
    ) -> None:
        append(homes.group(), chain.sign())
        commit(homes.ledgers["a"], chain.sign())
        damage_last(homes, "a", how)
        before = [dump(ledger) for ledger in homes.ledgers.values()]
        with pytest.raises(MajorityLost) as lost:
            homes.group(*names)
        facts = lost.value.facts
        assert (facts["height"], facts["left"], facts["homes"]) == (2, 1, len(names))
        assert "from the store of home a" in str(facts["stopped"])
        assert [dump(ledger) for ledger in homes.ledgers.values()] == before
        assert sorted(homes.evidence) == list(names[1:])
        # Once people have decided, the sound ones go on without it.
        assert append(homes.group("b", "c", "d"), chain.sign()) == [True]

    def test_two_damaged_stores_of_four_are_too_many(self, chain: Chain, homes: Homes) -> None:
        append(homes.group("a", "b"), chain.sign())
        for name in ("a", "b"):
            damage_last(homes, name, "signature")
        with pytest.raises(MajorityLost):
            homes.group()
        assert homes.heights() == [1, 1, 0, 0]

    def test_the_homes_least_behind_catch_up_first_and_serve_the_others(self, chain: Chain, homes: Homes) -> None:
        append(homes.group("a", "b", "c"), chain.sign())
        raw = chain.sign()
        commit(homes.ledgers["a"], raw)
        stored = homes.ledgers["a"].store.get("entry", number_key(0))
        assert stored is not None
        homes.ledgers["a"].store.commit(Write({"entry": [(number_key(0), b"\xc1" + stored[1:])]}, {}, {}))
        members = homes.members("d", "a", "b", "c")
        group = EmbeddedGroup(members)
        assert (group.names, list(group.stopped)) == (["d", "b", "c"], ["a"])
        assert (group.tip.height, homes.heights()) == (2, [2, 2, 2, 2])

    def test_a_block_record_that_is_damaged(self, chain: Chain, homes: Homes) -> None:
        append(homes.group(), chain.sign())
        append(homes.group("a", "b", "c"), chain.sign())
        stored = homes.ledgers["b"].store.get("block", number_key(1))
        assert stored is not None
        homes.ledgers["b"].store.commit(
            Write({"block": [(number_key(1), stored[:-1] + bytes([stored[-1] ^ 1]))]}, {}, {})
        )
        group = homes.group()
        assert (group.names, group.stopped["b"].code) == (["a", "c", "d"], StoreDamaged.code)

    def test_a_group_of_one_with_a_damaged_record(self, chain: Chain, homes: Homes) -> None:
        commit(homes.ledgers["a"], chain.sign())
        stored = homes.ledgers["a"].store.get("block", number_key(1))
        assert stored is not None
        homes.ledgers["a"].store.commit(
            Write({"block": [(number_key(1), stored[:-1] + bytes([stored[-1] ^ 1]))]}, {}, {})
        )
        with pytest.raises(StoreDamaged):
            homes.group("a")

    def test_a_home_that_began_with_a_snapshot_does_not_keep_older_blocks(
        self, chain: Chain, homes: Homes, tmp_path: Path
    ) -> None:
        append(homes.group("b", "c", "d"), chain.sign())
        append(homes.group("b", "c"), chain.sign())
        other = homes.ledgers["b"]
        manifest = take_snapshot(other, tmp_path / "snapshot")
        chunks = [(tmp_path / "snapshot" / str(number)).read_bytes() for number in range(manifest.chunks)]
        restore_snapshot(tmp_path / "new", chain.rules, other.head_at(2), pack(manifest), chunks, MAP_BYTES)
        homes.close("a")
        homes.ledgers["a"] = chain.open(tmp_path / "new")
        with pytest.raises(MajorityLost) as lost:  # nobody keeps block 2 for d
            homes.group("a", "d")
        assert "no home keeps it" in str(lost.value.facts["stopped"])
        group = homes.group()
        assert (group.names, group.stopped) == (["a", "b", "c", "d"], {})
        assert homes.heights() == [2] * 4
        assert append(group, chain.sign()) == [True]


class TestContradictions:
    """Homes have stored different histories."""

    @pytest.mark.parametrize("wrong", ["a", "b", "d"])
    @pytest.mark.parametrize("further", [0, 1, 2])
    def test_what_more_than_half_have_stored_stands(self, chain: Chain, homes: Homes, wrong: str, further: int) -> None:
        """However far the home with the other history has gone on."""
        raw = chain.sign()
        for name in homes.names:
            commit(homes.ledgers[name], chain.sign(chain.add("other")) if name == wrong else raw)
        for _ in range(further):
            commit(homes.ledgers[wrong], chain.sign())
        before = dump(homes.ledgers[wrong])
        group = homes.group()
        others = [name for name in homes.names if name != wrong]
        assert (group.names, group.tip.height) == (others, 1)
        assert group.stopped[wrong].code == AppHashDiffers.code
        [evidence] = homes.evidence[wrong].values()
        assert evidence.count(b"\n") == 6
        for name in others:
            assert homes.ledgers[name].tip.app_hash.hex().encode() in evidence
        assert dump(homes.ledgers[wrong]) == before
        assert append(group, chain.sign()) == [True]

    def test_a_laggard_that_computes_another_state_is_stopped(self, chain: Chain, homes: Homes) -> None:
        commit(homes.ledgers["b"], chain.sign(chain.add("other")))
        group = homes.group("a", "c", "d")
        append(group, chain.sign())
        append(group, chain.sign(chain.add("b")))
        group = homes.group()
        assert group.names == ["a", "c", "d"]
        assert group.stopped["b"].code == AppHashDiffers.code
        assert homes.ledgers["b"].tip.height == 1
        assert list(homes.evidence) == ["b"]

    def test_no_majority_no_group(self, chain: Chain, homes: Homes) -> None:
        for name, amount in zip(homes.names, (1, 2, 2, 1), strict=True):
            commit(homes.ledgers[name], chain.sign(chain.add("a", amount)))
        before = [dump(ledger) for ledger in homes.ledgers.values()]
        for names in ("abcd", "ab"):
            with pytest.raises(AppHashDiffers) as differ:
                homes.group(*names)
            assert differ.value.facts["home"] == ", ".join(names)
            assert sorted(homes.evidence) == list(names)
            homes.evidence.clear()
        assert [dump(ledger) for ledger in homes.ledgers.values()] == before

    def test_who_is_behind_takes_no_side(self, chain: Chain, homes: Homes) -> None:
        for name in ("a", "b"):
            commit(homes.ledgers[name], chain.sign())
        with pytest.raises(AppHashDiffers):
            homes.group()
        assert homes.heights() == [1, 1, 0, 0]
        assert sorted(homes.evidence) == ["a", "b"]

    def test_those_behind_do_not_outvote_what_is_stored(self, chain: Chain, homes: Homes) -> None:
        """Three that compute something else do not take away what one has committed."""
        append(homes.group("a"), chain.sign())
        for name in ("b", "c", "d"):
            homes.lead_astray(name)
        with pytest.raises(MajorityLost):
            homes.group()
        assert homes.heights() == [1, 0, 0, 0]

"""One ledger under two engines: what the embedded one made gives the same app hashes over ABCI, and in reverse.

Random blocks of every kind of transaction, empty ones among them. The engine on the socket gives times to the
nanosecond; what it sends between two blocks is what CometBFT sends.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.abci import AbciClient, abci_node, started
from tests.support.chain import found_chain, outcomes
from tests.support.homes import Homes
from tests.support.naive_chain import PARAMETERS, NaiveChain, Plan, blocks
from xinglin.carrier.ledger.recheck import recheck

Made = list[tuple[int, list[bytes]]]


def make(naive: NaiveChain, several: list[tuple[int, list[Plan]]]) -> tuple[Made, list[list[str | int]]]:
    """Return the time and transactions of blocks, and what each transaction must become."""
    found = [naive.block(*block) for block in several]
    return [(time, raws) for time, raws, _ in found], [expected for _, _, expected in found]


def drive(engine: AbciClient, height: int, time: int, raws: list[bytes], nanos: int) -> bytes:
    """Bring one block in as CometBFT does, with a round that fails before; return its app hash."""
    engine.check(*raws)
    engine.process(height, time + 1, raws[1:], nanos)
    return bytes(engine.block(height, time, raws, nanos).app_hash)


@pytest.mark.requirement("S9.2")
@settings(max_examples=12)
@given(
    several=st.lists(blocks, min_size=1, max_size=5),
    nanos=st.lists(st.integers(0, 999_999), min_size=6, max_size=6),
    dies_after=st.integers(0, 4),
)
def test_a_chain_of_the_embedded_engine_over_abci(
    several: list[tuple[int, list[Plan]]], nanos: list[int], dies_after: int
) -> None:
    chain = found_chain(parties=3, **PARAMETERS)
    made, expected = make(NaiveChain(chain), [*several, (1, [])])
    with tempfile.TemporaryDirectory(prefix="abci-") as folder:
        homes = Homes(chain, Path(folder), ("embedded", "abci")).create()
        group = homes.group("embedded")
        hashes = [group.append(time, raws).app_hash for time, raws in made]
        assert [len(raws) for _, raws in made] == [len(one) for one in expected]
        with abci_node(homes.ledgers["abci"], Path(folder) / "abci") as node:
            engine = started(node, chain)
            for number, (time, raws) in enumerate(made):
                assert drive(engine, number + 1, time, raws, nanos[number]) == hashes[number]
                if number == dies_after:  # another begins, and asks where it stands
                    engine.socket.close()
                    engine = started(node, chain)
                assert engine.info().last_block_app_hash == hashes[number]
            told = [
                [one.code if one.refusal is None else one.refusal.code for one in b.results]
                for *_, b in node.seen.blocks
            ]
        assert told == expected
        assert homes.ledgers["abci"].tip == homes.ledgers["embedded"].tip
        homes.close()


@pytest.mark.requirement("S9.2")
@settings(max_examples=12)
@given(several=st.lists(blocks, min_size=1, max_size=5), nanos=st.integers(0, 999_999))
def test_a_chain_made_over_abci_with_the_embedded_engine(several: list[tuple[int, list[Plan]]], nanos: int) -> None:
    chain = found_chain(parties=3, **PARAMETERS)
    made, expected = make(NaiveChain(chain), [*several, (1, [])])
    with tempfile.TemporaryDirectory(prefix="abci-") as folder:
        homes = Homes(chain, Path(folder), ("abci", "embedded")).create()
        with abci_node(homes.ledgers["abci"], Path(folder) / "abci") as node:
            engine = started(node, chain)
            hashes = [drive(engine, number + 1, time, raws, nanos) for number, (time, raws) in enumerate(made)]
        executed = []
        for (time, raws), app_hash in zip(made, hashes, strict=True):
            candidate = homes.ledgers["embedded"].execute(homes.ledgers["embedded"].tip.height + 1, time, raws)
            executed.append(outcomes(candidate.results))
            assert homes.ledgers["embedded"].commit(candidate).app_hash == app_hash
        assert executed == expected
        homes.close()
        homes.open("abci")
        behind = chain.create(Path(folder) / "behind")
        homes.ledgers["behind"] = behind
        assert homes.group("abci", "behind").tip.app_hash == hashes[-1]  # it takes the blocks from the store
        assert behind.tip == homes.ledgers["abci"].tip
        homes.close()
        found = recheck(Path(folder) / "abci", chain.rules, Path(folder) / "scratch")
        assert (found.findings, found.app_hash) == ([], hashes[-1])

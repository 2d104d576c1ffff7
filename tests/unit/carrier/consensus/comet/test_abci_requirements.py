"""The formal requirements on applications of CometBFT's ABCI 2.0 specification, each by its number and name.

Source: ``spec/abci/abci++_app_requirements.md`` of v0.38. *p* and *q* are two correct nodes: two homes of one chain,
each behind its own socket. Each test says what it would catch.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.abci import AbciClient, abci_node, started
from tests.support.chain import BLOCK_MS, Chain, found_chain, unmoved
from tests.support.contract_parties import Key
from tests.support.counters import Count
from tests.support.loose import loose, parsed, put
from xinglin.carrier.consensus.comet.config import EngineSettings
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.encoding import encode, state_key

ACCEPT, REJECT = 1, 2
COUNTERS = 6


@dataclass
class Two:
    """The nodes *p* and *q*, level, at height 1."""

    chain: Chain
    ledgers: list[Ledger]
    p: AbciClient
    q: AbciClient

    @property
    def next(self) -> tuple[int, int]:
        """Return height and time of the next block."""
        return self.ledgers[0].tip.height + 1, self.ledgers[0].tip.time + BLOCK_MS

    def commit(self, *raws: bytes) -> None:
        """Decide the next block on both."""
        height, at = self.next
        for node in (self.p, self.q):
            node.block(height, at, raws)

    def mempool(self) -> list[bytes]:
        """Return what may be in a mempool and beyond: good, refused by a contract, late, replayed, forged, garbage."""
        chain, (_, at) = self.chain, self.next
        logged = chain.sign(chain.add("logged"))
        self.commit(logged)
        good = [chain.sign(chain.add(f"c{number}")) for number in range(COUNTERS)]
        forged = loose(put(parsed(good[0]), (1, 0), bytes(64)))
        late_and_forged = loose(put(parsed(chain.sign(valid_until=at)), (1, 0), bytes(64)))
        return [
            b"garbage",
            chain.sign(valid_until=at),
            good[0],
            forged,
            chain.sign(chain.add("a", 2000)),
            logged,
            *good[1:],
            chain.sign_again(good[1]),
            late_and_forged,
            chain.sign(keys=[Key(chain.suite)]),
            chain.sign(chain=found_chain().rules.chain),
            b"",
        ]


@pytest.fixture
def two(chain: Chain, tmp_path: Path) -> Iterator[Two]:
    """Give two nodes."""
    with two_nodes(chain, tmp_path) as nodes:
        yield nodes


@contextmanager
def two_nodes(chain: Chain, tmp_path: Path) -> Iterator[Two]:
    """Give two nodes of a chain."""
    for name in ("p", "q"):
        (tmp_path / name).mkdir()
    ledgers = [chain.create(tmp_path / name / "home") for name in ("p", "q")]
    with abci_node(ledgers[0], tmp_path / "p") as one, abci_node(ledgers[1], tmp_path / "q") as other:
        nodes = Two(chain, ledgers, started(one, chain), started(other, chain))
        nodes.commit(chain.sign())
        yield nodes
    for ledger in ledgers:
        ledger.close()


def test_requirement_1_prepare_proposal_timeliness(two: Two) -> None:
    """A full proposal is ready well before others stop waiting: catches one that is executed, or checked one by one."""
    height, at = two.next
    raws = [two.chain.sign(two.chain.add(f"c{number}")) for number in range(1000)]
    assert two.p.check(*raws) == [0] * 1000
    begun = time.process_time()  # a machine that stands still meanwhile says nothing of it
    assert len(two.p.prepare(height, at, raws)) == 1000
    took = time.process_time() - begun
    socket = Path("/run/abci.sock")
    waits = EngineSettings(moniker="p", abci_socket=socket, p2p_listen="127.0.0.1:1", rpc_listen="127.0.0.1:2")
    assert took < waits.timeout_propose_ms / 1000 / 2


def test_requirement_2_prepare_proposal_tx_size(two: Two) -> None:
    """Never more bytes than asked for: catches a limit that forgets late transactions, or the chain's own."""
    raws = two.mempool()
    height, at = two.next
    whole = sum(map(len, raws))
    for most in (-1, 0, 1, len(raws[2]) - 1, len(raws[2]), *range(0, whole + 1, whole // 12), whole):
        chosen = two.p.prepare(height, at, raws, most)
        assert sum(map(len, chosen)) <= max(most, 0)
    assert two.p.prepare(height, at, raws, whole)


def test_requirement_3_prepare_and_process_proposal_coherence(two: Two) -> None:
    """Whatever a mempool holds, *q* accepts what *p* makes of it: catches a proposal with what may stand in no block.

    Late with a forged signature is the case to fear: found late first, its signature would not be looked at.
    """
    raws = two.mempool()
    for most in (1 << 20, 1500, 900):
        height, at = two.next
        proposal = two.p.prepare(height, at, raws, most)
        assert two.q.process(height, at, proposal) == ACCEPT
        assert two.p.process(height, at, proposal) == ACCEPT
    height, at = two.next
    two.commit(*two.p.prepare(height, at, raws, 1 << 20))
    assert two.ledgers[0].tip == two.ledgers[1].tip


def blocks(two: Two) -> list[tuple[list[bytes], int]]:
    """Return blocks that are good, and blocks that are not, with what must be said of them."""
    chain, good = two.chain, two.chain.sign(two.chain.add("b"))
    _, at = two.next
    forged = loose(put(parsed(good), (1, 0), bytes(64)))
    return [
        ([], ACCEPT),
        ([good], ACCEPT),
        ([good, good], ACCEPT),  # the second is passed over
        ([chain.sign(valid_until=at - 1), good], ACCEPT),
        ([b"garbage", good], REJECT),
        ([good, forged], REJECT),
        ([chain.sign(chain=found_chain().rules.chain)], REJECT),
    ]


def test_requirement_4_process_proposal_determinism_1(two: Two) -> None:
    """The answer is of block and committed state alone: catches memory of earlier rounds, of CheckTx, of the clock."""
    height, at = two.next
    found = blocks(two)
    for number, (raws, status) in enumerate(found * 2 + found[::-1]):
        if number % 2:
            two.p.check(*raws)
        assert two.p.process(height, at, raws) == status
        assert two.p.process(height, at + 3_600_000_000, []) == ACCEPT  # a time that no clock has
    for wrong_height, wrong_time in ((height - 1, at), (height + 1, at), (height, at - BLOCK_MS), (0, at), (-1, at)):
        assert two.p.process(wrong_height, wrong_time, []) == REJECT
    assert two.p.process(height, at - BLOCK_MS, [], nanos=999_999) == REJECT  # of the same ms as the block before


def test_requirement_5_process_proposal_determinism_2(two: Two) -> None:
    """*q*, which has seen nothing of what *p* has, answers the same: catches anything that is a node's own."""
    height, at = two.next
    for raws, status in blocks(two):
        two.p.check(*raws)
        two.p.prepare(height, at, raws)
        assert [node.process(height, at, raws) for node in (two.p, two.q)] == [status] * 2


def test_requirement_6_extend_vote_and_verify_vote_extension_coherence(two: Two) -> None:
    """There are no vote extensions; should an engine ask for one all the same, *p*'s empty one pleases *q*."""
    height, _ = two.next
    extension = two.p.ask("extend_vote", hash=bytes(32), height=height).vote_extension
    assert extension == b""
    assert two.q.ask("verify_vote_extension", height=height, vote_extension=extension).status == ACCEPT


@pytest.mark.parametrize("extension", [b"", b"\x00", b"x" * 1000])
def test_requirements_7_and_8_verify_vote_extension_determinism(extension: bytes, two: Two) -> None:
    """Empty is accepted and anything else refused, by everybody, at any height: catches taking in what nobody reads."""
    expected = REJECT if extension else ACCEPT
    for node in (two.p, two.q, two.p):
        for height in (1, two.next[0], 10**9):
            answer = node.ask("verify_vote_extension", hash=bytes(32), height=height, vote_extension=extension)
            assert answer.status == expected


def test_requirement_9_no_side_effects(two: Two) -> None:
    """Proposals of any kind leave state, log and store as they were: catches a candidate that shines through."""
    raws = two.mempool()
    height, at = two.next
    with unmoved(two.ledgers[0]):
        proposal = two.p.prepare(height, at, raws)
        for round_ in range(20):
            two.p.process(height, at + round_, proposal[round_ % 3 :])
        for bad, _ in blocks(two):
            two.p.process(height, at, bad)
        two.p.ask("extend_vote", height=height)
        two.p.ask("verify_vote_extension", height=height, vote_extension=b"x")
        two.p.finalize(height, at, proposal)
    two.commit(*proposal)
    assert two.ledgers[0].tip == two.ledgers[1].tip


def test_requirement_10_extend_vote_and_finalize_block_non_dependency(two: Two) -> None:
    """*p* sees extensions, *q* none: the state is the same."""
    height, at = two.next
    raws = [two.chain.sign()]
    for extension in (b"", b"x"):
        two.p.ask("verify_vote_extension", height=height, vote_extension=extension)
    assert two.p.block(height, at, raws) == two.q.block(height, at, raws)


@settings(max_examples=15)
@given(order=st.permutations(range(14)), nanos=st.integers(0, 999_999))
def test_requirements_11_and_12_finalize_block_determinism(order: list[int], nanos: int) -> None:
    """State and results are of state and block alone: catches CheckTx, rounds, order of calls, parts of a ms in them.

    *p* has checked, prepared and processed other rounds, and finalises twice; *q* sees the decided block only, with
    other nanoseconds within the same ms.
    """
    with tempfile.TemporaryDirectory(prefix="abci-") as folder, two_nodes(found_chain(), Path(folder)) as nodes:
        raws = nodes.mempool()
        height, at = nodes.next
        formed = [raw for raw in raws if raw in nodes.p.prepare(height, at, raws)]
        decided = [formed[number] for number in order if number < len(formed)]
        nodes.p.check(*raws)
        nodes.p.process(height, at + 1, decided[::-1])
        nodes.p.process(height, at, decided)
        first = nodes.p.finalize(height, at, decided, nanos)
        assert nodes.p.finalize(height, at, decided, 999_999 - nanos) == first
        assert nodes.q.finalize(height, at, decided) == first
        assert len({result.code for result in first.tx_results}) > 3
        for node in (nodes.p, nodes.q):
            node.commit()
        assert nodes.ledgers[0].tip == nodes.ledgers[1].tip
        assert nodes.p.info().last_block_app_hash == first.app_hash


def test_requirement_13_check_tx_eventual_non_oscillation(two: Two) -> None:
    """From some height on, each node says the same of a transaction for ever, here no: catches what never leaves.

    Logged it is replayed, and expired afterwards; not logged it expires. And so that what expired leaves every
    mempool, where nothing checks it again, a proposal takes it into a block, which passes it over.
    """
    chain = two.chain
    logged, waits = chain.sign(), chain.sign(chain.add("b"), valid_until=two.next[1] + 2 * BLOCK_MS)
    said: list[list[int]] = []
    two.commit(logged)
    for _ in range(6):
        answers = [node.check(logged, waits) for node in (two.p, two.q, two.p)]
        assert answers[0] == answers[1] == answers[2]
        said.append(answers[0])
        two.commit()
    assert [code for code, _ in said] == [1212] * 6  # transaction.replayed
    late = [code for _, code in said]
    assert late[0] == 0
    first_late = next(number for number, code in enumerate(late) if code)
    assert late[first_late:] == [1210] * (6 - first_late)  # transaction.expired
    height, at = two.next
    assert two.p.prepare(height, at, [waits, logged]) == [waits, logged]
    answer = two.p.block(height, at, [waits, logged])
    assert [result.code for result in answer.tx_results] == [1210, 1212]
    assert two.ledgers[0].value(state_key("counter", "b")) is None


def test_a_mempool_whose_head_is_late_lets_the_rest_into_blocks(two: Two) -> None:
    """What the last part of requirement 13 is for: the engine offers what fits in one block, the oldest first."""
    chain = two.chain
    late = [chain.sign(chain.add("l"), valid_until=two.next[1] - 1) for _ in range(10)]
    good = [chain.sign(chain.add("g")) for _ in range(3)]
    mempool, room = late + good, sum(map(len, late[:4]))
    for _ in range(6):
        height, at = two.next
        offered, size = [], 0
        for raw in mempool:
            if size + len(raw) > room:
                break
            offered.append(raw)
            size += len(raw)
        decided = two.p.prepare(height, at, offered, room)
        two.commit(*decided)
        mempool = [raw for raw in mempool if raw not in decided]
    assert mempool == []
    assert two.ledgers[0].value(state_key("counter", "g")) == encode(Count(3))

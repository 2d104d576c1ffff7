"""The application port: CheckTx, proposals, FinalizeBlock again and again, Commit, marks (design D7)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support.chain import BLOCK_MS, Chain, found_chain, unmoved
from xinglin.carrier.consensus.ports import MARK_FORMAT
from xinglin.carrier.contracts.api import ArgumentsInvalid
from xinglin.carrier.contracts.application import MAX_CANDIDATES, LedgerApplication
from xinglin.carrier.ledger.errors import BlockInvalid, SnapshotInvalid, StoreFull
from xinglin.carrier.ledger.ledger import Ledger


@pytest.fixture
def app(ledger: Ledger, tmp_path: Path) -> LedgerApplication:
    """Return the application of the ledger."""
    return LedgerApplication(ledger)


def versions(app: LedgerApplication) -> int:
    return app.ledger._versions._tree.stats().versions


class TestBlocks:
    """Any number of proposals and finalised blocks, one commit."""

    def test_a_block_from_proposal_to_commit(self, chain: Chain, app: LedgerApplication) -> None:
        time = chain.start + BLOCK_MS
        raws = [chain.sign(), chain.sign(chain.add("a", 2000)), chain.sign(valid_until=chain.start)]
        assert [answer.code for answer in app.check_txs(raws)] == [0, 0, 0]
        assert app.prepare_proposal(1, time, [raws[2], *raws[:2]], 10_000) == raws  # what is passed over comes last
        with unmoved(app.ledger):
            assert app.process_proposal(1, time, raws)
            answer = app.finalize_block(1, time, raws)
            assert app.finalize_block(1, time, raws) == answer
        assert [result.logged for result in answer.results] == [True, True, False]
        assert [result.code for result in answer.results][:2] == [0, ArgumentsInvalid.number]
        assert [result.index for result in answer.results][:2] == [0, 1]
        assert answer.results[2].refusal is not None
        assert answer.results[2].refusal.code == "transaction.expired"
        assert app.commit() == 0
        info = app.info()
        assert (info.chain, info.height, info.time, info.app_hash) == (chain.rules.chain, 1, time, answer.app_hash)
        assert answer.results[0].data == app.ledger.entry(0).leaf.receipt
        assert versions(app) == 1

    def test_malformed_proposals_are_refused(self, chain: Chain, app: LedgerApplication) -> None:
        time = chain.start + BLOCK_MS
        with unmoved(app.ledger):
            assert not app.process_proposal(1, time, [chain.sign(), b"x"])
            assert not app.process_proposal(2, time, [chain.sign()])
            assert not app.process_proposal(1, chain.start, [chain.sign()])
            with pytest.raises(BlockInvalid):
                app.finalize_block(1, time, [b"x"])
            with pytest.raises(BlockInvalid):
                app.commit()
        assert app.process_proposal(1, time, [chain.sign()])

    def test_the_first_block_is_later_than_the_genesis(self, chain: Chain, app: LedgerApplication) -> None:
        """An engine that gives it the time of the genesis itself would never get beyond height 0."""
        assert not app.process_proposal(1, chain.start, [])
        assert app.process_proposal(1, chain.start + 1, [])

    def test_rounds_that_failed_leave_nothing(self, chain: Chain, app: LedgerApplication) -> None:
        time = chain.start + BLOCK_MS
        decided = [chain.sign()]
        for number in range(MAX_CANDIDATES + 3):
            assert app.process_proposal(1, time + number, [])
            assert app.process_proposal(1, time + number, [chain.sign(chain.add(f"c{number}"))])
            assert versions(app) <= MAX_CANDIDATES + 1
        answer = app.finalize_block(1, time, decided)
        for number in range(MAX_CANDIDATES + 3):
            assert app.process_proposal(1, time + number, [])
        app.commit()
        assert (app.info().app_hash, app.info().time) == (answer.app_hash, time)
        assert versions(app) == 1
        app.finalize_block(2, time + 1, [])
        app.commit()

    def test_the_block_finalised_last_is_committed(self, chain: Chain, app: LedgerApplication) -> None:
        time = chain.start + BLOCK_MS
        app.finalize_block(1, time, [chain.sign(chain.add("b"))])
        answer = app.finalize_block(1, time, [chain.sign(chain.add("c"))])
        app.commit()
        assert app.info().app_hash == answer.app_hash
        with pytest.raises(BlockInvalid):
            app.commit()

    def test_info_drops_candidates(self, chain: Chain, app: LedgerApplication) -> None:
        with unmoved(app.ledger):
            app.finalize_block(1, chain.start + BLOCK_MS, [chain.sign()])
            app.info()
            assert versions(app) == 1
            with pytest.raises(BlockInvalid):
                app.commit()

    def test_blocks_that_differ_in_cuts_only_are_different(self, chain: Chain, app: LedgerApplication) -> None:
        one, other = chain.sign(), chain.sign()
        first = app.finalize_block(1, chain.start + 1, [one, other])
        second = app.finalize_block(1, chain.start + 1, [other, one])
        assert first.app_hash != second.app_hash
        app.info()


class TestTransactions:
    """CheckTx and the room there is."""

    def test_answers_carry_the_refusal(self, chain: Chain, app: LedgerApplication) -> None:
        raws = [b"", chain.sign(), chain.sign(valid_until=chain.start - 1)]
        answers = app.check_txs(raws)
        assert [answer.refusal.code if answer.refusal else "" for answer in answers] == [
            "transaction.malformed",
            "",
            "transaction.expired",
        ]
        assert all((answer.code == 0) == (answer.refusal is None) for answer in answers)

    def test_the_time_to_judge_by(self, chain: Chain, app: LedgerApplication) -> None:
        raw = chain.sign(valid_until=chain.start + 500)
        found = [app.check_txs([raw], time)[0].code for time in (None, chain.start + 500, chain.start + 501)]
        assert found[:2] == [0, 0]
        assert found[2] != 0

    def test_a_proposal_keeps_to_its_size(self, chain: Chain, app: LedgerApplication) -> None:
        raws = [chain.sign(chain.batch(bytes(500))), chain.sign(), chain.sign(chain.batch(bytes(500))), chain.sign()]
        size = len(raws[1]) + len(raws[2])
        assert app.prepare_proposal(1, chain.start + 1, raws, size) == [raws[0], raws[1]]
        assert app.prepare_proposal(1, chain.start + 1, raws, len(raws[1])) == [raws[1]]
        assert app.prepare_proposal(1, chain.start + 1, raws, 10) == []

    def test_a_proposal_keeps_to_the_size_that_the_chain_allows(self, home: Path, tmp_path: Path) -> None:
        """An engine's limit may be above it; a larger proposal would be refused by every home."""
        chain = found_chain(max_block_bytes=2_000)
        ledger = chain.create(home)
        app = LedgerApplication(ledger)
        raws = [chain.sign(chain.batch(bytes(500))) for _ in range(4)]
        proposal = app.prepare_proposal(1, chain.start + 1, raws, 1 << 20)
        assert proposal == raws[: 2_000 // len(raws[0])]
        assert app.process_proposal(1, chain.start + 1, proposal)
        assert not app.process_proposal(1, chain.start + 1, raws)
        ledger.close()

    def test_a_full_store_is_told(self, home: Path, tmp_path: Path) -> None:
        chain = found_chain()
        ledger = chain.create(home, map_bytes=300 << 10)
        app = LedgerApplication(ledger)
        app.check_room()
        time = chain.start
        with pytest.raises(StoreFull):  # noqa: PT012
            while True:
                time += 1
                app.finalize_block(ledger.tip.height + 1, time, [chain.sign(chain.batch(bytes(1000)))])
                app.commit()
        with pytest.raises(StoreFull):
            app.check_room()
        with unmoved(ledger):
            app.info()
        assert versions(app) == 1
        ledger.close()


class TestMarks:
    """Heights at which an engine without blocks may begin."""

    def test_each_is_offered_and_served(self, ledger: Ledger) -> None:
        marks = [3]
        app = LedgerApplication(ledger, marks=lambda: marks)
        assert [(one.height, one.format, one.chunks) for one in app.list_snapshots()] == [(3, MARK_FORMAT, 1)]
        marks.append(5)
        assert [one.height for one in app.list_snapshots()] == [3, 5]
        assert hashlib.sha256(app.load_chunk(5, MARK_FORMAT, 0)).digest() == app.list_snapshots()[1].hash

    def test_chunks_that_are_not_there(self, ledger: Ledger) -> None:
        app = LedgerApplication(ledger, marks=lambda: [3])
        for height, format_, chunk in ((4, MARK_FORMAT, 0), (3, 1, 0), (3, MARK_FORMAT, 1), (3, MARK_FORMAT, -1)):
            with pytest.raises(SnapshotInvalid):
                app.load_chunk(height, format_, chunk)

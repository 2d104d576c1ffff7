"""The application: a ledger behind the ABCI-shaped port (design D7, D8).

Holds at most a few candidates, by the hash of their block, drops them when asked for its state, and writes on commit
only. It decides nothing; the rules are the ledger's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from xinglin.carrier.consensus.ports import AppInfo, BlockAnswer, SnapshotOffer, TxAnswer, TxResult
from xinglin.carrier.ledger.check import Checked
from xinglin.carrier.ledger.errors import BlockInvalid, SnapshotInvalid
from xinglin.carrier.ledger.ledger import Candidate, Ledger
from xinglin.carrier.ledger.snapshot import Manifest, take_snapshot
from xinglin.carrier.ledger.transition import Result
from xinglin.kernel.encoding import decode, pack

MAX_CANDIDATES = 8
"""Executed blocks of one height that are held at once; a proposer can't make a node hold more."""
SNAPSHOT_FORMAT = 1


class LedgerApplication:
    """Implements ``consensus.ports.Application`` for one ledger.

    Args:
        ledger: the chain.
        snapshots: the folder for its snapshot.
    """

    def __init__(self, ledger: Ledger, snapshots: Path) -> None:
        self.ledger = ledger
        self._candidates: dict[bytes, Candidate] = {}
        self._decided: bytes | None = None
        self._snapshots = snapshots

    def info(self) -> AppInfo:
        """Return what is committed; candidates are dropped."""
        self._drop_candidates()
        tip = self.ledger.tip
        return AppInfo(self.ledger.rules.chain, tip.height, tip.time, tip.app_hash)

    def check_room(self) -> None:
        """Raise StoreFull when the store is at 80 % of its map."""
        self.ledger.check_room()

    def check_txs(self, transactions: Sequence[bytes], time: int | None = None) -> list[TxAnswer]:
        """Check many transactions as one batch."""
        answers = self.ledger.check(transactions, self.ledger.tip.time if time is None else time)
        return [TxAnswer(0) if isinstance(one, Checked) else TxAnswer(one.number, one) for one in answers]

    def look_ahead(self, transactions: Sequence[bytes]) -> None:
        """Check form and signatures before the block comes."""
        self.ledger.look_ahead(transactions)

    def prepare_proposal(self, height: int, time: int, transactions: Sequence[bytes], max_bytes: int) -> list[bytes]:
        """Return those that would be logged at this block's time, in order, then those that would be passed over.

        What has become bad since its CheckTx leaves every mempool by standing in a block only: left out, it would be
        offered for ever, and a mempool whose head is full of such would let nothing else into a block. What may stand
        in no block is left out. The engine's limit of size may be above the chain's own, with which every home would
        refuse the proposal.
        """
        max_bytes = min(max_bytes, self.ledger.rules.parameters.max_block_bytes)
        answers = self.ledger.check(transactions, time)
        good = [raw for raw, answer in zip(transactions, answers, strict=True) if isinstance(answer, Checked)]
        late = [raw for raw, answer in zip(transactions, answers, strict=True) if not isinstance(answer, Checked)]
        passed_over = [raw for raw, formed in zip(late, self.ledger.formed(late), strict=True) if formed]
        chosen, size = [], 0
        for raw in [*good, *passed_over]:
            if size + len(raw) <= max_bytes:
                chosen.append(raw)
                size += len(raw)
        return chosen

    def process_proposal(self, height: int, time: int, transactions: Sequence[bytes]) -> bool:
        """Accept a block if it can be executed; its candidate is kept for ``finalize_block``."""
        try:
            self._candidate(height, time, transactions)
        except BlockInvalid:
            return False
        return True

    def finalize_block(self, height: int, time: int, transactions: Sequence[bytes]) -> BlockAnswer:
        """Execute a decided block, or answer again from its candidate."""
        key, candidate = self._candidate(height, time, transactions)
        self._decided = key
        return BlockAnswer(candidate.tip.app_hash, [_result(one) for one in candidate.results])

    def commit(self) -> int:
        """Commit the decided candidate and drop the others."""
        if self._decided is None:
            raise BlockInvalid(height=self.ledger.tip.height + 1, reason="none was finalised")
        decided, self._decided = self._candidates.pop(self._decided), None
        self.ledger.commit(decided)
        self._drop_candidates()
        return 0

    def list_snapshots(self) -> list[SnapshotOffer]:
        """Return the snapshot that is kept, if any."""
        try:
            return [_offer((self._snapshots / "manifest").read_bytes())]
        except FileNotFoundError:
            return []

    def take_snapshot(self) -> SnapshotOffer:
        """Keep the present height as the snapshot for others; the one before is dropped."""
        return _offer(pack(take_snapshot(self.ledger, self._snapshots)))

    def load_chunk(self, height: int, format_: int, chunk: int) -> bytes:
        """Return one chunk of the kept snapshot.

        Raises:
            SnapshotInvalid: there is none of that height and format, or it has no such chunk.
        """
        offers = [one for one in self.list_snapshots() if (one.height, one.format) == (height, format_)]
        try:
            if offers and 0 <= chunk < offers[0].chunks:
                return (self._snapshots / str(chunk)).read_bytes()
        except FileNotFoundError:
            pass  # a newer snapshot has just taken its place
        raise SnapshotInvalid(reason=f"there is no chunk {chunk} at height {height}")

    def _candidate(self, height: int, time: int, transactions: Sequence[bytes]) -> tuple[bytes, Candidate]:
        key = _block_key(height, time, transactions)
        if key not in self._candidates:
            if len(self._candidates) == MAX_CANDIDATES:
                oldest = next(kept for kept in self._candidates if kept != self._decided)
                self.ledger.discard(self._candidates.pop(oldest))
            self._candidates[key] = self.ledger.execute(height, time, transactions)
        return key, self._candidates[key]

    def _drop_candidates(self) -> None:
        while self._candidates:
            self.ledger.discard(self._candidates.popitem()[1])
        self._decided = None


def _offer(manifest: bytes) -> SnapshotOffer:
    said = decode(Manifest, manifest)
    return SnapshotOffer(said.height, SNAPSHOT_FORMAT, said.chunks, hashlib.sha256(manifest).digest(), manifest)


def _block_key(height: int, time: int, transactions: Sequence[bytes]) -> bytes:
    """Name a block within this process; not a hash of the chain."""
    digest = hashlib.sha256(f"{height} {time}".encode())
    for raw in transactions:
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.digest()


def _result(result: Result) -> TxResult:
    if result.receipt is None or result.leaf is None:
        refusal = result.passed_over
        return TxResult(refusal.number if refusal else 0, b"", False, 0, refusal)
    return TxResult(result.receipt.number, result.leaf.receipt, True, result.leaf.index, None)

"""The application: a ledger behind the ABCI-shaped port (design D7, D8).

Holds at most a few candidates, by the hash of their block, drops them when asked for its state, and writes on commit
only. It decides nothing; the rules are the ledger's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence

from xinglin.carrier.consensus.ports import (
    MARK_FORMAT,
    AppInfo,
    BlockAnswer,
    SnapshotOffer,
    TxAnswer,
    TxResult,
    ValidatorUpdate,
)
from xinglin.carrier.contracts.errors import EngineGenesisOther
from xinglin.carrier.contracts.ports import Membership, Opening
from xinglin.carrier.contracts.retaining import Retention
from xinglin.carrier.ledger.check import Checked
from xinglin.carrier.ledger.errors import BlockInvalid, SnapshotInvalid
from xinglin.carrier.ledger.genesis import genesis_hash
from xinglin.carrier.ledger.ledger import Candidate, Ledger
from xinglin.carrier.ledger.overlay import Overlay
from xinglin.carrier.ledger.reading import CommittedState
from xinglin.carrier.ledger.transition import Result

MAX_CANDIDATES = 8
"""Executed blocks of one height that are held at once; a proposer can't make a node hold more."""
_MARK = b"\x01"


class LedgerApplication:
    """Implements ``consensus.ports.Application`` for one ledger.

    Args:
        ledger: the chain.
        membership: says whose engines count; without it no block changes validators and no peer is let in.
        opening: the founding transactions with which block 1 begins, where an engine needs them.
        retention: how long the engine keeps its blocks; without it, for ever.
        marks: names the heights at which engines without blocks may begin.
        named: the peers that the node's owner has let in besides, for now.
    """

    def __init__(
        self,
        ledger: Ledger,
        membership: Membership | None = None,
        opening: Opening | None = None,
        retention: Retention | None = None,
        marks: Callable[[], Collection[int]] = tuple,
        named: Callable[[], Collection[bytes]] = tuple,
    ) -> None:
        self.ledger = ledger
        self._membership = membership
        self._opening = opening
        self._candidates: dict[bytes, Candidate] = {}
        self._decided: bytes | None = None
        self._retention = retention
        self._marks = marks
        self._named = named

    def info(self) -> AppInfo:
        """Return what is committed; candidates are dropped."""
        self._drop_candidates()
        tip = self.ledger.tip
        return AppInfo(self.ledger.rules.chain, tip.height, tip.time, tip.app_hash)

    def init_chain(self, chain: str, genesis_digest: bytes, validators: Sequence[ValidatorUpdate]) -> bytes:
        """Compare an engine's beginning with the chain's and return the app hash of height 0."""
        rules, opening = self.ledger.rules, self._opening
        told = {update.key: update.power for update in validators}
        holds = {
            "it is of another chain": chain == rules.chain,
            "it is of another genesis": genesis_digest == genesis_hash(rules.suite.hash, rules.genesis),
            "blocks are committed already": self.ledger.tip.height == 0,
            "its validators are not those of the founding transactions": len(told) == len(validators)
            and opening is not None
            and told == opening.validators,
        }
        for what, held in holds.items():
            if not held:
                raise EngineGenesisOther(chain=rules.chain, what=what)
        return self.ledger.tip.app_hash

    def admits_peer(self, peer: bytes) -> bool:
        """Tell whether a peer is let in: by the founding transactions at height 0, by the committed state after.

        One that the owner names is let in whatever they say.
        """
        if peer in self._named():
            return True
        if self.ledger.tip.height == 0:
            return self._opening is not None and peer in self._opening.peers
        return self._membership is not None and self._membership.admits(CommittedState(self.ledger), peer)

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

        Founding transactions come first. What has become bad since its CheckTx leaves every mempool by standing in a
        block only: left out, it would be offered for ever, and a mempool whose head is full of such would let nothing
        else into a block. What may stand in no block is left out. The engine's limit of size may be above the chain's
        own, with which every home would refuse the proposal.
        """
        max_bytes = min(max_bytes, self.ledger.rules.parameters.max_block_bytes)
        chosen = list(self._begins_with(height))
        size = sum(map(len, chosen))
        transactions = [raw for raw in transactions if raw not in chosen] if chosen else transactions
        answers = self.ledger.check(transactions, time)
        good = [raw for raw, answer in zip(transactions, answers, strict=True) if isinstance(answer, Checked)]
        late = [raw for raw, answer in zip(transactions, answers, strict=True) if not isinstance(answer, Checked)]
        passed_over = [raw for raw, formed in zip(late, self.ledger.formed(late), strict=True) if formed]
        for raw in [*good, *passed_over]:
            if size + len(raw) <= max_bytes:
                chosen.append(raw)
                size += len(raw)
        return chosen

    def process_proposal(self, height: int, time: int, transactions: Sequence[bytes]) -> bool:
        """Accept a block if it can be executed; its candidate is kept for ``finalize_block``.

        A first block that does not begin with the founding transactions is refused: its proposer would leave others'
        validators out of the state.
        """
        first = self._begins_with(height)
        if list(transactions[: len(first)]) != list(first):
            return False
        try:
            self._candidate(height, time, transactions)
        except BlockInvalid:
            return False
        return True

    def finalize_block(self, height: int, time: int, transactions: Sequence[bytes]) -> BlockAnswer:
        """Execute a decided block, or answer again from its candidate."""
        key, candidate = self._candidate(height, time, transactions)
        self._decided = key
        updates = self._updates(height, candidate.outcome.changes)
        return BlockAnswer(candidate.tip.app_hash, [_result(one) for one in candidate.results], updates)

    def commit(self) -> int:
        """Commit the decided candidate and drop the others; return from which height on the engine keeps blocks."""
        if self._decided is None:
            raise BlockInvalid(height=self.ledger.tip.height + 1, reason="none was finalised")
        decided, self._decided = self._candidates.pop(self._decided), None
        self.ledger.commit(decided)
        self._drop_candidates()
        return 0 if self._retention is None else self._retention.height(self.ledger)

    def list_snapshots(self) -> list[SnapshotOffer]:
        """Return the marks of heights at which an engine may begin."""
        return [SnapshotOffer(height, MARK_FORMAT, 1, hashlib.sha256(_MARK).digest(), b"") for height in self._marks()]

    def load_chunk(self, height: int, format_: int, chunk: int) -> bytes:
        """Return the one chunk of a mark.

        Raises:
            SnapshotInvalid: there is no mark of that height, or what is asked for is not its chunk.
        """
        if (format_, chunk) != (MARK_FORMAT, 0) or height not in self._marks():
            raise SnapshotInvalid(reason=f"there is no chunk {chunk} at height {height}")
        return _MARK

    def _begins_with(self, height: int) -> Sequence[bytes]:
        return self._opening.transactions if self._opening is not None and height == 1 else ()

    def _updates(self, height: int, changes: Mapping[bytes, bytes | None]) -> list[ValidatorUpdate]:
        """Return what a block on the committed state changes of the engine's validators."""
        opening = self._opening if height == 1 else None
        if self._membership is None or (opening is None and not self._membership.changed(changes)):
            return []
        committed = CommittedState(self.ledger)
        after = Overlay(committed)
        after.changes.update(changes)
        # The engine begins with the founders' validators, which the state has from block 1 on.
        had = self._membership.validators(committed) if opening is None else opening.validators
        has = self._membership.validators(after)
        if not has:  # the engine could make no block ever after; contracts refuse what would lead here
            return []
        changed = {key for key in had.keys() | has.keys() if had.get(key) != has.get(key)}
        return [ValidatorUpdate(key, has.get(key, 0)) for key in sorted(changed)]

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

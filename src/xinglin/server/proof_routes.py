"""What a node shows of submissions, so that nobody has to believe it: its log (docs/spec/node-http.md, NH22).

Nothing is signed for the asking: the head has the signatures that are kept of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from xinglin.carrier.ledger.errors import LogBegunLate, LogEntryNotFound
from xinglin.carrier.ledger.log import TileReader
from xinglin.carrier.ledger.model import Leaf, Receipt
from xinglin.kernel.encoding import pack
from xinglin.node.office.proofs import newest_covering
from xinglin.node.remote.forms import (
    AbsentSaid,
    ConsistencySaid,
    GenesisSaid,
    NotKeptSaid,
    ProofsSaid,
    ProvenSaid,
    unframe_asked,
)
from xinglin.node.running import Running
from xinglin.server.asking import Question
from xinglin.server.errors import ParameterInvalid

_Proof = tuple[Leaf, Receipt, Sequence[bytes]]


class ProofRoutes:
    """The routes under ``/ledger/v1`` by which submissions are proven. Each runs on a thread."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._ledger = running.consortium

    def genesis(self, question: Question) -> GenesisSaid:
        """Return the genesis, which the chain's id names."""
        return GenesisSaid(pack(self._ledger.rules.genesis).hex())

    def proofs(self, question: Question) -> ProofsSaid:
        """Return what the log has of transactions, under the newest head with a quorum that has them all.

        Where there is none yet, the head is one with fewer signatures, or of the newest block, and a quorum is asked
        for.

        Raises:
            SubmissionMalformed: it is not said of which transactions.
        """
        asked = unframe_asked(question.body)
        tip = self._ledger.tip  # before the look: what is not found was not there as of this block
        once = list(dict.fromkeys(asked))
        indexes = [self._index(valid_until, body) for valid_until, body in once]
        size = max((index for index in indexes if isinstance(index, int)), default=-1) + 1
        note, quorum = newest_covering(self._running.node, size)
        head = self._ledger.head_at(self._ledger.tip.height) if note is None else note.head
        absent, tiles = AbsentSaid(tip.height, tip.time), self._ledger.tiles()
        shown = [self._shown(one, head.size, tiles) if isinstance(one, int) else one or absent for one in indexes]
        heights = [one[0].height for one in shown if isinstance(one, tuple)]
        if heights and not quorum:
            self._running.keepers.cosigning.want(max(heights))
        proofs = [_proven(*one) if isinstance(one, tuple) else one for one in shown]
        said = dict(zip(once, proofs, strict=True))
        return ProofsSaid((head.text if note is None else note.encode()).decode(), [said[one] for one in asked])

    def consistency(self, question: Question) -> ConsistencySaid:
        """Return the proof that the log of a size continues the one of a smaller size.

        Raises:
            ParameterInvalid: there are no such sizes of a log.
            LogEntryNotFound: the log has not so many entries.
            LogBegunLate: what it takes is not here yet.
        """
        old, size = question.number("old"), question.number("size")
        if not 0 < old <= size:
            raise ParameterInvalid(parameter="size")
        if size > self._ledger.tip.log_size:
            raise LogEntryNotFound(chain=self._ledger.rules.chain, entry=size - 1)
        self._ledger.require_here(old - 1)
        return ConsistencySaid([one.hex() for one in self._ledger.tiles().consistency(old, size)])

    def _index(self, valid_until: int, body: bytes) -> int | NotKeptSaid | None:
        """Return where a body id is in the log, None where it is not."""
        try:
            return self._ledger.find(valid_until, body)
        except LogBegunLate:
            return NotKeptSaid()

    def _shown(self, index: int, size: int, tiles: TileReader) -> _Proof | NotKeptSaid:
        """Return leaf, receipt and path of an entry, if it is kept."""
        try:
            return self._ledger.prove_entry(index, size, tiles)
        except LogEntryNotFound:
            return NotKeptSaid()


def _proven(leaf: Leaf, receipt: Receipt, path: Sequence[bytes]) -> ProvenSaid:
    return ProvenSaid(pack(leaf).hex(), pack(receipt).hex(), [one.hex() for one in path])

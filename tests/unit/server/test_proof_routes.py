"""Proofs that one log continues another, for whoever asks: of sizes that there are, and of nothing that is not here."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.chain import commit, found_chain
from tests.support.late import grow, late_pair
from xinglin.carrier.ledger.errors import LogBegunLate, LogEntryNotFound
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.merkle import verify_consistency
from xinglin.node.remote.forms import MAX_PATH
from xinglin.server.asking import Question
from xinglin.server.errors import ParameterInvalid
from xinglin.server.proof_routes import ProofRoutes


def asked(ledger: Ledger, old: object, size: object) -> list[bytes]:
    running: Any = SimpleNamespace(consortium=ledger)
    said = ProofRoutes(running).consistency(Question({"old": str(old)}, {"size": str(size)}))
    return [bytes.fromhex(one) for one in said.proof]


@pytest.mark.requirement("S9.2")
def test_every_size_is_proven_to_continue_every_smaller_one(home: Path) -> None:
    chain = found_chain()
    ledger = chain.create(home)
    for number in range(5):
        commit(ledger, *[chain.sign(chain.add(f"c{number}-{one}")) for one in range(4)])
    size, tiles = ledger.tip.log_size, ledger.tiles()
    for new in range(1, size + 1):
        for old in range(1, new + 1):
            proof = asked(ledger, old, new)
            assert len(proof) <= MAX_PATH
            assert verify_consistency(chain.suite, old, new, proof, tiles.root(old), tiles.root(new))
    for said in ((0, 1), (2, 1), (-1, 1), ("x", 1), (1, ""), (1, 1 << 64)):
        with pytest.raises(ParameterInvalid):
            asked(ledger, *said)
    for new in (size + 1, (1 << 63) - 1):
        with pytest.raises(LogEntryNotFound):
            asked(ledger, 1, new)
    ledger.close()


def test_a_home_that_began_late_says_so_of_what_it_has_not(tmp_path: Path) -> None:
    with late_pair(grow(tmp_path / "grown"), tmp_path) as pair:
        late, whole = pair.late, pair.peer.ledger
        start, size = late.log_start, late.tip.log_size
        assert start > 256
        for old in (1, 255, 256, start):
            with pytest.raises(LogBegunLate):
                asked(late, old, size)
        for old in range(start + 1, size + 1):
            assert asked(late, old, size) == asked(whole, old, size)
        pair.finish()
        assert asked(late, 3, size) == asked(whole, 3, size)

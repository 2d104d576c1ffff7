"""``python -m tests.network.bad_node FAULT serve HOME …``: a node whose application does wrong, for fault tests alone.

Everything but the application is the product's: what an honest node meets is what a dishonest member could run.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from tests.network.clock import OFFSET
from tests.support.damage import data_file
from tests.support.product import PASSPHRASE
from xinglin.carrier.consensus.comet import process
from xinglin.carrier.consensus.ports import BlockAnswer
from xinglin.carrier.contracts.application import LedgerApplication
from xinglin.carrier.crypto.keystore import KeyStore, open_keystore
from xinglin.carrier.ledger import store
from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Header, Transaction
from xinglin.cli.app import run
from xinglin.kernel.encoding import decode, pack
from xinglin.kernel.hashing import Tag, tagged
from xinglin.node import node
from xinglin.node.chains import SystemClock
from xinglin.node.consortium import comet_chain
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.home import Home

_FIRST_WRONG = 8
_SLOW_SECONDS = 0.5
_SMALL_MAP = 8 << 20
_SMALL_PERCENT = 10


class WrongAppHash(LedgerApplication):
    """Says another app hash than its state has, from a height on."""

    def finalize_block(self, height: int, time: int, transactions: Sequence[bytes]) -> BlockAnswer:
        """Answer wrongly."""
        answer = super().finalize_block(height, time, transactions)
        return replace(answer, app_hash=bytes(32)) if height >= _FIRST_WRONG else answer


class Proposing(LedgerApplication):
    """Puts more into its proposals than it was given; accepts them itself."""

    keys: KeyStore

    def prepare_proposal(self, height: int, time: int, transactions: Sequence[bytes], max_bytes: int) -> list[bytes]:
        """Propose wrongly."""
        chosen = super().prepare_proposal(height, time, transactions, max_bytes)
        return chosen if height == 1 else [*chosen, *self.added(chosen)]

    def added(self, chosen: Sequence[bytes]) -> list[bytes]:
        """Return what is put in."""
        raise NotImplementedError

    def known(self) -> list[bytes]:
        """Return transactions that are logged: the founders', and the newest ones."""
        newest = itertools.islice(self.ledger.blocks(max(1, self.ledger.tip.height - 3)), 4)
        return [*next(self.ledger.blocks(1))[2], *(raw for _, _, raws in newest for raw in raws)]


class Forging(Proposing):
    """Proposes a transaction with a signature that nobody made."""

    def added(self, chosen: Sequence[bytes]) -> list[bytes]:
        """Forge one of another member."""
        known = decode(Transaction, self.known()[0])
        header = replace_nonce(known)
        return [pack(Transaction(header, known.signatures, known.operations))]

    def process_proposal(self, height: int, time: int, transactions: Sequence[bytes]) -> bool:
        """Accept everything."""
        return True


class Replaying(Proposing):
    """Proposes logged transactions again, its own among them signed anew, and what is waiting twice."""

    def added(self, chosen: Sequence[bytes]) -> list[bytes]:
        """Repeat."""
        known = self.known()
        return [*known, *filter(None, map(self._signed_anew, known)), *chosen]

    def _signed_anew(self, raw: bytes) -> bytes | None:
        transaction = decode(Transaction, raw)
        if transaction.header.signers != (self.keys.public(ADMINISTRATOR),):
            return None
        body = tagged(self.ledger.rules.suite.hash, Tag.BODY, transaction.header)
        signatures = (self.keys.sign(ADMINISTRATOR, body),)
        return pack(Transaction(transaction.header, signatures, transaction.operations))


class Censoring(LedgerApplication):
    """Leaves everybody's transactions out of its proposals, but for the founders'."""

    def prepare_proposal(self, height: int, time: int, transactions: Sequence[bytes], max_bytes: int) -> list[bytes]:
        """Propose nothing."""
        return super().prepare_proposal(height, time, [], max_bytes)


class Slow(LedgerApplication):
    """Has a disk that takes half a second for each block."""

    def commit(self) -> int:
        """Commit slowly."""
        time.sleep(_SLOW_SECONDS)
        return super().commit()


def replace_nonce(transaction: Transaction) -> Header:
    """Return the header with another nonce: a body that its signer never signed."""
    return msgspec.structs.replace(transaction.header, nonce=bytes(16))


def applying(kind: type[LedgerApplication]) -> Callable[[], None]:
    """Return what has the node's engine drive another application."""

    def use() -> None:
        honest = comet_chain.comet_application

        def application(home: Home, *rest: Any) -> LedgerApplication:
            made = honest(home, *rest)
            made.__class__ = kind
            if isinstance(made, Proposing):
                made.keys = open_keystore(home.keys, PASSPHRASE)
            return made

        comet_chain.comet_application = application

    return use


def small_map() -> None:
    """Give the chain a small map, of which a tenth may be used before nothing more is taken; blocks have the rest."""
    store.FULL_PERCENT = _SMALL_PERCENT
    opened = Ledger.open

    def open_small(home: Path, rules: ChainRules, map_bytes: int) -> Ledger:
        used = data_file(home, rules.chain).stat().st_blocks * 512  # the file itself is as large as its map
        return opened(home, rules, used + _SMALL_MAP)

    node.Ledger.open = open_small


def wrong_clock() -> None:
    """Have node and engine go by a clock that is off by what the environment says."""
    ahead = int(os.environ[OFFSET])
    true = SystemClock.now_ms
    SystemClock.now_ms = lambda self: true(self) + ahead
    process._PASSED_ON = (*process._PASSED_ON, OFFSET)


FAULTS: dict[str, Callable[[], None]] = {
    "wrong-app-hash": applying(WrongAppHash),
    "forges": applying(Forging),
    "replays": applying(Replaying),
    "censors": applying(Censoring),
    "slow": applying(Slow),
    "full": small_map,
    "clock": wrong_clock,
}

if __name__ == "__main__":
    FAULTS[sys.argv[1]]()
    run(sys.argv[2:])

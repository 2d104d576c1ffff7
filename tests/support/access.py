"""Access entries for tests, one that holds to be changed in one field, and private chains that take them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.chain import Chain, found_chain
from xinglin.carrier.consensus.embedded import EmbeddedEngine
from xinglin.carrier.consensus.group import EmbeddedGroup, GroupMember
from xinglin.carrier.contracts.application import LedgerApplication
from xinglin.carrier.ledger.build import Signer
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.clock import Clock
from xinglin.kernel.encoding import encode
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock
from xinglin.node.client import ChainClient
from xinglin.service.basic.audit.contract import CONTRACT as ACCESS
from xinglin.service.basic.audit.model import AccessEntry, OpenedCopy, Proven, ReaderProof
from xinglin.service.basic.coordination.journal.contract import CONTRACT as JOURNAL

READER = identifier(b"reader's member.")
ACCOUNT = identifier(b"reader's account")


def entry(**fields: Any) -> AccessEntry:
    """Return an entry of a permitted read of a record, signed (as far as its form goes) by a reader elsewhere."""
    signed = {"proven": Proven.SIGNATURE, "proof": (ReaderProof(bytes(32), bytes(64)),)}
    return AccessEntry(
        **{
            "commitment": os.urandom(32),
            "member": READER,
            "account": ACCOUNT,
            "action": "read",
            "outcome": 0,
            "basis": "consent",
            "reference": bytes(16),
            "purpose": "treat",
            "copy": OpenedCopy.ORIGINAL,
            "request": os.urandom(32),
            **signed,
            "seen_height": 7,
            "seen_time": 1_700_000_000_000,
            "time": 1_700_000_000_000,
            **fields,
        }
    )


def item(**fields: Any) -> bytes:
    """Return the canonical encoding of ``entry``."""
    return encode(entry(**fields))


@dataclass
class PrivateHome:
    """A private chain behind a running engine, with its client and the real clock."""

    chain: Chain
    ledger: Ledger
    engine: EmbeddedEngine
    client: ChainClient

    @property
    def signer(self) -> Signer:
        """The institution's service account."""
        key = self.chain.key()
        return Signer(key.public, key.sign)

    @property
    def member(self) -> str:
        """The institution."""
        return self.chain.parties[0].member


@contextmanager
def private_home(folder: Path, chain: Chain | None = None, clock: Clock | None = None) -> Iterator[PrivateHome]:
    """Give a private chain; made in ``folder`` where it has none of it."""
    chain = chain or found_chain(parties=1, extra=(ACCESS, JOURNAL))
    made = (folder / "chain" / chain.rules.chain).exists()
    ledger = chain.open(folder) if made else chain.create(folder)
    member = GroupMember("h", LedgerApplication(ledger), ledger.blocks, ledger.app_hash_at, lambda _, __: None)
    clock = clock or SystemClock()
    limits = chain.rules.parameters
    engine = EmbeddedEngine(
        EmbeddedGroup([member]),
        clock,
        limits.max_block_bytes,
        0.0,
        max_transaction_bytes=limits.max_transaction_bytes,
    )
    try:
        yield PrivateHome(chain, ledger, engine, ChainClient(ledger, engine, clock, os.urandom))
    finally:
        engine.close()
        ledger.close()

"""Several homes of one chain in one process, as a group drives them, and an engine with a clock that a test sets."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.chain import BLOCK_MS, Chain
from xinglin.carrier.consensus.embedded import EmbeddedEngine
from xinglin.carrier.consensus.group import EmbeddedGroup, GroupMember
from xinglin.carrier.contracts.application import LedgerApplication
from xinglin.carrier.ledger.ledger import Ledger


@dataclass
class Homes:
    """Homes with their open ledgers; ``evidence`` holds what each was given to keep."""

    chain: Chain
    folder: Path
    names: Sequence[str] = ("a", "b", "c")
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    evidence: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def create(self) -> Homes:
        """Make the chain in each home."""
        for name in self.names:
            self.ledgers[name] = self.chain.create(self.folder / name)
        return self

    def open(self, *names: str) -> None:
        """Open homes that were closed; all, if none is named."""
        for name in names or self.names:
            self.ledgers[name] = self.chain.open(self.folder / name)

    def close(self, *names: str) -> None:
        """Close homes; all, if none is named."""
        for name in names or list(self.ledgers):
            self.ledgers.pop(name).close()

    def members(self, *names: str) -> list[GroupMember]:
        """Return homes as members of a group; all, if none is named."""
        return [self._member(name, self.ledgers[name]) for name in names or self.names]

    def _member(self, name: str, ledger: Ledger) -> GroupMember:
        def keep(file: str, data: bytes) -> None:
            self.evidence.setdefault(name, {})[file] = data

        application = LedgerApplication(ledger)
        return GroupMember(name, application, ledger.blocks, ledger.app_hash_at, keep)

    def group(self, *names: str) -> EmbeddedGroup:
        """Return the group of homes; of all, if none is named."""
        return EmbeddedGroup(self.members(*names))

    def lead_astray(self, name: str) -> None:
        """Let a home execute with a tree of other content: as if its memory were bad."""
        ledger = self.ledgers[name]
        former, ledger._version = ledger._version, ledger._versions.change(ledger._version, {b"\x91\xa1x": b"\x91\x01"})
        ledger._versions.drop(former)

    def heights(self) -> list[int]:
        """Return the height of each home, in order."""
        return [self.ledgers[name].tip.height for name in self.names]

    def app_hashes(self) -> set[bytes]:
        """Return the app hashes that the homes have."""
        return {ledger.tip.app_hash for ledger in self.ledgers.values()}


def append(group: EmbeddedGroup, *raws: bytes) -> list[bool]:
    """Append a block a second after the tip and tell which transactions were logged."""
    return [result.logged for result in group.append(group.tip.time + BLOCK_MS, raws).results]


class SetClock:
    """A clock that stands until it is set (kernel port ``Clock``)."""

    def __init__(self, now: int) -> None:
        self.now = now

    def now_ms(self) -> int:
        """Return the time that was set, ms."""
        return self.now


@contextmanager
def engine_of(group: EmbeddedGroup, clock: SetClock, chain: Chain, heartbeat: float = 0.0) -> Iterator[EmbeddedEngine]:
    """Give a running engine; without heartbeat by default."""
    limits = chain.rules.parameters
    engine = EmbeddedEngine(
        group, clock, limits.max_block_bytes, heartbeat, max_transaction_bytes=limits.max_transaction_bytes
    )
    try:
        yield engine
    finally:
        engine.close()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("engine-")]

"""The projection of the access chain: who read what, found by record, account or request (H4, H14, S8.6b).

Made from the private chain's log and from nothing else; made again by one call and compared. An entry is compared with
its hash when it is read, and a record's list with the head in the chain's state: it is complete if and only if it leads
there. Whether somebody may see a trace, and how much of it, is decided elsewhere (S8.6d).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import Invalid
from xinglin.kernel.identifiers import identifier, identifier_bytes
from xinglin.service.basic.audit.errors import TraceDiffers
from xinglin.service.basic.audit.model import (
    NAMESPACE,
    NO_RECORD,
    AccessEntry,
    AccessHead,
    OpenedCopy,
    TwinState,
)
from xinglin.service.basic.audit.projecting import follow
from xinglin.service.basic.audit.rules import EMPTY_HEAD, entry_hash, head_of
from xinglin.service.basic.audit.trace_store import Row, TraceStore

_LOOKS = 3
"""How often a list is compared with a head that moves on meanwhile."""


@dataclass(frozen=True, slots=True)
class AccessRow:
    """An entry with its place: log index, item, height and block time (ms), and its hash."""

    index: int
    item: int
    height: int
    block_time: int
    hash: bytes
    entry: AccessEntry
    raw: bytes


@dataclass(frozen=True, slots=True)
class Twin:
    """A request that this institution's account sent: to whom, when (block time), and what came back.

    ``answered`` is 0 while it is open.
    """

    request: bytes
    custodian: str
    account: str
    asked: int
    answered: int
    receipt: bytes
    outcome: int


@dataclass(frozen=True, slots=True)
class Completeness:
    """A record's list against its head: it is complete when it leads to it; how many are in either."""

    complete: bool
    found: int
    head: int


@dataclass(frozen=True, slots=True)
class Recipient:
    """Someone who was given a record: which copy, how often, first and last (ms)."""

    member: str
    account: str
    copy: OpenedCopy
    times: int
    first: int
    last: int


class AccessProjection:
    """The access entries, twins and aggregates of one private chain. Close it.

    Args:
        folder: the home's ``projections`` folder.
        ledger: the private chain.

    Raises:
        StorageVersionUnknown, DatabaseDamaged: the file is not one of this version; ``projecting.rebuild`` makes it
            again.
    """

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._ledger = ledger
        self._suite = ledger.rules.suite
        self._lock = threading.Lock()
        self._store = TraceStore(folder)
        self._store.open()

    def close(self) -> None:
        """Close the file; nothing in it is lost that the chain does not have."""
        self._store.close()

    def follow(self) -> int:
        """Apply what the chain has logged since, and return how many log entries that was.

        Raises:
            TraceDiffers: what was applied before is not what the chain has there.
        """
        with self._lock:
            return follow(self._store, self._ledger, self._ledger.tip.log_size)

    # --- answers ---

    def entries_of(self, commitments: Sequence[bytes]) -> list[AccessRow]:
        """Return all entries of records, in log order; of all versions of one, when all their commitments are given.

        Raises:
            TraceDiffers: a row is not the entry that was logged; so it is for every answer below.
        """
        self.follow()
        wanted = set(commitments)
        rows = [self._row(values) for values in self._store.entries_of(list(wanted))]
        if any(row.entry.commitment not in wanted for row in rows):
            raise TraceDiffers(table="entries", rows=1)
        return rows

    def entries_by(self, account: str) -> list[AccessRow]:
        """Return all entries of one reader's account, in log order."""
        return [row for row in self._found("account", identifier_bytes(account)) if row.entry.account == account]

    def entries_of_member(self, member: str) -> list[AccessRow]:
        """Return all entries of one reader's member, in log order; those about no record among them."""
        return [row for row in self._found("member", identifier_bytes(member)) if row.entry.member == member]

    def entries_for(self, request: bytes) -> list[AccessRow]:
        """Return the entries that a request led to, in log order."""
        return [row for row in self._found("request", request) if row.entry.request == request]

    def entry(self, hash_: bytes) -> AccessRow | None:
        """Return an entry by its hash, None when the chain has none such: from a leaked entry to its account (H4)."""
        rows = self._found("entry", hash_)
        return rows[0] if rows else None

    def recipients(self, commitment: bytes) -> list[Recipient]:
        """Return who was given a record, its blast radius: by member, account and copy, in the order of first reads.

        The last entry of a request says what was answered: a permit that was overtaken gave nothing (RD9).
        """
        given: dict[tuple[str, str, OpenedCopy], list[int]] = {}
        for entry in (row.entry for row in answered(self.entries_of([commitment]))):
            if entry.outcome == 0 and entry.copy is not OpenedCopy.NONE:
                given.setdefault((entry.member, entry.account, entry.copy), []).append(entry.time)
        return [Recipient(*who, len(times), min(times), max(times)) for who, times in given.items()]

    def twin(self, request: bytes) -> Twin | None:
        """Return the twin of a request, None when it was never noted."""
        self.follow()
        found = self._store.twin(request)
        return self._twin(found) if found else None

    def twins(self) -> list[Twin]:
        """Return every request that this institution sent, oldest first."""
        self.follow()
        return [self._twin(values) for values in self._store.twins()]

    def open_twins(self, older_than_ms: int) -> list[Twin]:
        """Return the requests without a receipt that are older, by block time; each is a finding."""
        self.follow()
        return [self._twin(values) for values in self._store.open_twins(self._ledger.tip.time - older_than_ms)]

    def aggregates(self, from_minute: int = 0) -> list[tuple[int, bytes, int]]:
        """Return (minute, source commitment, count) of refusals of strangers, from a minute on."""
        self.follow()
        return [(minute, source, count) for minute, source, count in self._store.aggregates(from_minute)]

    def completeness(self, commitment: bytes) -> Completeness:
        """Compare the list of a record's entries with the record's head in the chain's state.

        Raises:
            ValueDamaged: the head is not the one that was committed.
        """
        return self._complete(("head", commitment), lambda: self.entries_of([commitment]))

    def completeness_of_searches(self, member: str) -> Completeness:
        """Compare the list of a member's entries about no record with its head; raises as ``completeness``."""

        def searches() -> list[AccessRow]:
            return [row for row in self.entries_of_member(member) if row.entry.commitment == NO_RECORD]

        return self._complete(("reader", member), searches)

    def _complete(self, parts: tuple[str, bytes | str], entries: Callable[[], list[AccessRow]]) -> Completeness:
        for _ in range(_LOOKS):
            found = head_of(self._suite.hash, [row.raw for row in entries()])
            stored = self._ledger.value(state_key(NAMESPACE, *parts))
            head = decode(AccessHead, stored) if stored is not None else EMPTY_HEAD
            if head.count <= found.count:
                break
        return Completeness(found == head, found.count, head.count)

    def _found(self, column: str, value: bytes) -> list[AccessRow]:
        self.follow()
        return [self._row(values) for values in self._store.entries_by(column, value)]

    def _row(self, values: Row) -> AccessRow:
        index, item, height, time, hash_, commitment, member, account, request, raw = values
        try:
            entry = decode(AccessEntry, raw)
        except Invalid:
            raise TraceDiffers(table="entries", rows=1) from None
        who = (identifier_bytes(entry.member), identifier_bytes(entry.account))
        held = (entry_hash(self._suite.hash, raw), entry.commitment, *who, entry.request)
        if (hash_, commitment, member, account, request) != held:
            raise TraceDiffers(table="entries", rows=1)
        return AccessRow(index, item, height, time, hash_, entry, raw)

    def _twin(self, values: Row) -> Twin:
        request, custodian, account, *rest = values
        try:
            twin = Twin(request, identifier(custodian), identifier(account), *rest)
        except Invalid:
            raise TraceDiffers(table="twins", rows=1) from None
        stored = self._ledger.value(state_key(NAMESPACE, "twin", request))
        state = decode(TwinState, stored) if stored is not None else None
        if state is None or (state.custodian, state.account, state.time) != (twin.custodian, twin.account, twin.asked):
            raise TraceDiffers(table="twins", rows=1)
        answers = [(one.time, one.receipt, one.outcome) for one in state.answer] or [(0, b"", 0)]
        # One that was answered since the chain was followed is still shown as open.
        if twin.answered and answers != [(twin.answered, twin.receipt, twin.outcome)]:
            raise TraceDiffers(table="twins", rows=1)
        return twin


def answered(rows: Sequence[AccessRow]) -> list[AccessRow]:
    """Return the last entry of each request, in log order: what was answered, after all that overtook it (RD9)."""
    last = {row.entry.request: number for number, row in enumerate(rows)}
    return [row for number, row in enumerate(rows) if last[row.entry.request] == number]

"""What an auditor compares: receipts with anchors, twins with entries, entries with their readers' keys (H11, D5).

Each finding rests on what the institution can't undo: a receipt that it signed, a request that another noted before it
was sent, a signature that it can't make, an anchor on the consortium chain. The institution's log comes from a chain
that was executed again first (``ledger verify``). Decides nothing about blame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from xinglin.carrier.access.registry.model import NAMESPACE as REGISTRY
from xinglin.carrier.access.registry.model import KeyState
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.reading import LedgerReading
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.hashing import Hash
from xinglin.service.basic.audit.messages import AccessReceipt, AccessRequest
from xinglin.service.basic.audit.model import NO_RECORD, Proven
from xinglin.service.basic.audit.projection import AccessRow, Twin
from xinglin.service.basic.audit.receipts import Values, in_force, request_hash
from xinglin.service.basic.coordination.model import CommitAnchor

MAX_LAG_MS = 5_000
"""The stated longest lag of anchors (H11)."""
DEFAULT_STALE_MS = 10_000
"""A node that decides may see a consortium head so old, by the default of ``freshness.stale_seconds`` (design D7)."""


class Finding(StrEnum):
    """What was found."""

    MISSING = "missing"
    """A receipt's entry is nowhere in the log: it was dropped."""
    MOVED = "moved"
    """A receipt's entry is at another place than the receipt says: the log was reordered or rewritten."""
    NOT_ANCHORED = "not_anchored"
    """No anchor covers a receipt's entry although the lag is over."""
    LATE = "late"
    """The first anchor that covers a receipt's entry came after the lag."""
    DROPPED = "dropped"
    """A request was answered, but the custodian's log has no entry of it."""
    UNASKED = "unasked"
    """The custodian's log has an entry of a request that its reader's institution never noted: it was invented."""
    CONTRADICTED = "contradicted"
    """The custodian's entry says another outcome than its receipt, or names another account."""
    UNANSWERED = "unanswered"
    """The custodian's log has the entry, but the request is still open: the receipt never came, or was not noted."""
    REUSED = "reused"
    """An entry rests on a request that its reader did sign, but for another record, action or purpose."""
    FRAMED = "framed"
    """An entry's signature is not one of the account that it names: the institution's word, nothing more."""


@dataclass(frozen=True, slots=True)
class AccessFinding:
    """One finding: about which request, and which entry (its hash, empty where there is none)."""

    finding: Finding
    request: bytes
    entry: bytes


@dataclass(frozen=True, slots=True)
class Anchored:
    """An anchor: the log size that it covers, and the consortium block time at which it was committed (ms)."""

    size: int
    time: int


Places = Callable[[bytes], tuple[int, int] | None]
"""Gives (log index, item) of an entry hash in the private chain, None when it has none such."""


def anchors_of(consortium: LedgerReading, chain: str, first: int = 0) -> Iterator[Anchored]:
    """Yield the anchors of a private chain in the order of the consortium chain's log, from log index ``first`` on."""
    for index in range(first, consortium.tip.log_size):
        entry = consortium.entry(index)
        if entry.receipt.number:
            continue
        for one in entry.transaction.operations:
            if (one.head.contract, one.head.method) == ("anchor", "commit"):
                call = decode(CommitAnchor, one.head.arguments)
                if call.chain == chain:
                    yield Anchored(call.head.size, entry.leaf.time)


def overdue(
    receipts: Iterable[AccessReceipt],
    anchors: Sequence[Anchored],
    place: Places,
    now: int,
    stale_ms: int = DEFAULT_STALE_MS,
) -> list[AccessFinding]:
    """Return the receipts of one private chain whose entries are not where and when they have to be.

    Args:
        receipts: checked ones (``receipts.check_receipt``).
        anchors: of the chain, in order.
        place: where the institution's log has an entry; the log is the one that was anchored.
        now: consortium block time, ms. A receipt that is younger than the lag is not overdue yet.
        stale_ms: how old a consortium head the members' nodes may decide on (``freshness.stale_seconds``); the lag is
            counted from what a node saw.
    """
    found = []
    for receipt in receipts:
        finding = _overdue(receipt, anchors, place, now, MAX_LAG_MS + stale_ms)
        if finding is not None:
            found.append(AccessFinding(finding, receipt.request, receipt.entry))
    return found


def _overdue(
    receipt: AccessReceipt, anchors: Sequence[Anchored], place: Places, now: int, lag_ms: int
) -> Finding | None:
    due = receipt.seen_time + lag_ms
    where = place(receipt.entry)
    if where is not None and where != (receipt.index, receipt.item):
        return Finding.MOVED
    if where is None:
        return Finding.MISSING if now > due else None
    covering = next((anchor for anchor in anchors if anchor.size > receipt.index), None)
    if covering is None:
        return Finding.NOT_ANCHORED if now > due else None
    return Finding.LATE if covering.time > due else None


def compare_twins(twins: Iterable[Twin], entries: Iterable[AccessRow]) -> list[AccessFinding]:
    """Compare the requests that an institution sent to one custodian with that custodian's entries of its readers.

    Args:
        twins: of the reader's institution, those to this custodian.
        entries: of the custodian's chain in log order, those of that institution's accounts. What is younger than the
            time that an answer takes is left out by the caller.
    """
    asked = {twin.request: twin for twin in twins}
    found: list[AccessFinding] = []
    logged: dict[bytes, list[AccessRow]] = {}
    for row in entries:
        logged.setdefault(row.entry.request, []).append(row)
    for request, rows in logged.items():
        for row in rows:
            finding = _twin_finding(asked.get(request), row, answered=not _overtaken(row, rows))
            if finding is not None:
                found.append(AccessFinding(finding, request, row.hash))
    dropped = [twin.request for twin in asked.values() if twin.answered and twin.request not in logged]
    return found + [AccessFinding(Finding.DROPPED, request, b"") for request in dropped]


def _overtaken(row: AccessRow, rows: Sequence[AccessRow]) -> bool:
    """Tell whether a permit was never answered, since a refusal of the request followed (docs/spec/reading.md RD9)."""
    permits = all(one.entry.outcome == 0 for one in rows[:-1])
    return permits and row is not rows[-1] and rows[-1].entry.outcome != 0


def _twin_finding(twin: Twin | None, row: AccessRow, *, answered: bool) -> Finding | None:
    if twin is None:
        return Finding.UNASKED
    if twin.account != row.entry.account or (answered and twin.answered and twin.outcome != row.entry.outcome):
        return Finding.CONTRADICTED
    return None if twin.answered else Finding.UNANSWERED


def reused(hash_: Hash, requests: Iterable[AccessRequest], entries: Iterable[AccessRow]) -> list[AccessFinding]:
    """Return the entries that say something else than the request that they rest on (AA5).

    Args:
        hash_: of the consortium chain's suite.
        requests: those that a reader, or the institution, can show.
        entries: of any institution. An entry about no record tells nothing of which was asked for.
    """
    shown = {request_hash(hash_, one): one for one in requests}
    found = []
    for row in entries:
        entry, asked = row.entry, shown.get(row.entry.request)
        if asked is None:
            continue
        said = (entry.member, entry.account, entry.action, entry.purpose)
        other = entry.commitment not in (NO_RECORD, asked.asked.name)
        if other or said != (asked.member, asked.account, asked.action, asked.purpose):
            found.append(AccessFinding(Finding.REUSED, entry.request, row.hash))
    return found


def framed(suite: Suite, entries: Sequence[AccessRow], value: Values) -> list[AccessFinding]:
    """Return the entries that name a reader who did not sign.

    Args:
        suite: of the consortium chain.
        entries: of any institution; those that rest on its own word alone (``Proven``) are passed over.
        value: the consortium chain's state.
    """
    signed = [row for row in entries if row.entry.proven is Proven.SIGNATURE]
    proofs = [row.entry.proof[0] for row in signed]
    good = suite.verify_many(
        [proof.key for proof in proofs],
        [row.entry.request for row in signed],
        [proof.signature for proof in proofs],
    )
    return [
        AccessFinding(Finding.FRAMED, row.entry.request, row.hash)
        for row, verified in zip(signed, good, strict=True)
        if not (verified and _is_of_reader(row, value))
    ]


def _is_of_reader(row: AccessRow, value: Values) -> bool:
    """Tell whether the key is the account's; of a key that had ended only a refusal can be on record."""
    entry = row.entry
    stored = value(state_key(REGISTRY, "key", entry.proof[0].key))
    if stored is None:
        return False
    key = decode(KeyState, stored)
    of_account = (key.account, key.member) == (entry.account, entry.member)
    return of_account and (entry.outcome != 0 or in_force(key, entry.seen_time))

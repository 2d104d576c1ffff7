"""An auditor in a town: what receipts, twins, entries and anchors say of each other, and an institution that lies.

``audit`` compares both hospitals; nothing may be found where both were honest. ``rewritten`` is what a lying
institution can do with its own private chain: execute it again with other entries, signed by its own key, sound in
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.support.reading_town import Town
from tests.support.town_people import HOSPITALS
from xinglin.carrier.ledger.build import Signer, build_transaction, operation
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Transaction
from xinglin.carrier.ledger.reading import LedgerReading
from xinglin.kernel.encoding import decode
from xinglin.node.founding import SERVICE
from xinglin.node.node import Node
from xinglin.node.records.access import open_trace
from xinglin.service.basic.audit.auditing import (
    AccessFinding,
    anchors_of,
    compare_twins,
    framed,
    overdue,
)
from xinglin.service.basic.audit.messages import AccessReceipt
from xinglin.service.basic.audit.model import NO_RECORD, AccessEntry, LogAccess
from xinglin.service.basic.audit.projection import AccessRow
from xinglin.service.basic.audit.rules import entry_hash
from xinglin.service.basic.coordination.anchoring import anchor_state

MAP_BYTES = 1 << 28
AWAY_MS = 3_600_000
"""So long a town that was killed may be closed before it anchors again; how soon anchors come is asked elsewhere."""
LATER_MS = 60_000
Items = list[tuple[int, int, bytes]]
"""Access entries of a chain with their places: log index, item, entry."""


def audit(town: Town) -> list[str]:
    """Return what an auditor finds in both hospitals, each finding in words."""
    found = []
    for custodian in HOSPITALS:
        node = town.archive(custodian).node
        rows, receipts = rows_of(node.private_ledger()), town.receipts[custodian]
        found += [f"{custodian}: {one.finding}" for one in by_receipt(node, node.private_ledger(), receipts, LATER_MS)]
        found += [f"{custodian}: {one.finding}" for one in by_twin(town, custodian, rows)]
        found += [
            f"{custodian}: {one.finding}" for one in framed(node.consortium.rules.suite, rows, node.consortium.value)
        ]
        found += _incomplete(node, custodian, rows)
        served = [one for one in receipts if one.outcome == 0]
        if len(served) != _permitted(rows):
            found.append(f"{custodian}: {len(served)} served, the chain has other entries of permits")
        with open_trace(town.archive(other(custodian)).node) as trace:
            found += [f"{custodian}: open twin" for one in trace.open_twins(0)]
    return found


def _permitted(rows: Sequence[AccessRow]) -> int:
    """Return how many requests were permitted: by their last entries, for those before were not answered (RD9)."""
    last = {row.entry.request: row.entry.outcome for row in rows}
    return sum(outcome == 0 for outcome in last.values())


def _incomplete(node: Node, custodian: str, rows: Sequence[AccessRow]) -> Iterator[str]:
    with open_trace(node) as trace:
        for commitment in {row.entry.commitment for row in rows} - {NO_RECORD}:
            if not trace.completeness(commitment).complete:
                yield f"{custodian}: the list of {commitment.hex()} is not complete"
        for member in {row.entry.member for row in rows}:
            if not trace.completeness_of_searches(member).complete:
                yield f"{custodian}: the list of searches of {member} is not complete"


def by_receipt(
    node: Node, private: LedgerReading, receipts: Sequence[AccessReceipt], later: int
) -> list[AccessFinding]:
    """Return the findings about receipts in a private chain, so much later (ms), under the consortium's anchors."""
    places = {entry_hash(private.rules.suite.hash, raw): (index, item) for index, item, raw in items_of(private)}
    anchors = list(anchors_of(node.consortium, node.private_ledger().rules.chain))
    stale = int(node.settings.freshness.stale_seconds * 1000) + AWAY_MS
    return overdue(receipts, anchors, places.get, node.consortium.tip.time + AWAY_MS + later, stale)


def by_twin(town: Town, custodian: str, rows: Sequence[AccessRow]) -> list[AccessFinding]:
    """Return the findings about what the other hospital asked a custodian."""
    asker = town.archive(other(custodian)).node
    member = town.archive(custodian).node.member
    with open_trace(asker) as trace:
        twins = [twin for twin in trace.twins() if twin.custodian == member]
    return compare_twins(twins, [row for row in rows if row.entry.member == asker.member])


def lags(town: Town) -> list[int]:
    """Return how long after each receipt the first anchor over its entry was committed, ms; ascending."""
    found = []
    for custodian in HOSPITALS:
        node = town.archive(custodian).node
        anchors = list(anchors_of(node.consortium, node.private_ledger().rules.chain))
        for receipt in town.receipts[custodian]:
            covering = next((one for one in anchors if one.size > receipt.index), None)
            if covering is not None:
                found.append(covering.time - receipt.time)
    return sorted(found)


def items_of(private: LedgerReading, first: int = 0) -> Items:
    """Return all access entries of a private chain, from a log index on."""
    found: Items = []
    for index in range(first, private.tip.log_size):
        entry = private.entry(index)
        if entry.receipt.number == 0:
            found += [
                (index, item, raw)
                for one in entry.transaction.operations
                if (one.head.contract, one.head.method) == ("access", "log")
                for item, raw in enumerate(one.items)
            ]
    return found


def rows_of(private: LedgerReading, first: int = 0) -> list[AccessRow]:
    """Return all access entries of a private chain as an auditor's rows, read from the log alone."""
    return [
        AccessRow(index, item, 0, 0, entry_hash(private.rules.suite.hash, raw), decode(AccessEntry, raw), raw)
        for index, item, raw in items_of(private, first)
    ]


def rewritten(node: Node, edit: Callable[[Items], Items], folder: Path) -> Ledger:
    """Return a private chain that its own institution executed again with other entries.

    Args:
        node: the institution's, open: it signs with its own key.
        edit: takes all entries and returns those that the new chain shall have, each at the log index that it names.
        folder: for the new chain.
    """
    private = node.private_ledger()
    wanted: dict[int, list[bytes]] = {}
    for index, _, raw in edit(items_of(private)):
        wanted.setdefault(index, []).append(raw)
    ledger = Ledger.create(folder, private.rules, MAP_BYTES, sync=False)
    index = 0
    for height, time, raws in private.blocks():
        block = []
        for raw in raws:
            block.append(_edited(node, private, raw, wanted.get(index, [])))
            index += 1
        ledger.commit(ledger.execute(height, time, [one for one in block if one]))
    return ledger


def _edited(node: Node, private: Ledger, raw: bytes, items: Sequence[bytes]) -> bytes:
    """Return a transaction with other access entries, signed anew; empty where no entry is left in it."""
    transaction = decode(Transaction, raw)
    one = transaction.operations[0]
    if (one.head.contract, one.head.method) != ("access", "log") or list(one.items) == list(items):
        return raw
    if not items:
        return b""
    suite, header = private.rules.suite, transaction.header
    call = operation(suite, "access", "log", LogAccess(), items)
    signer: Signer = node.signer(SERVICE)
    return build_transaction(suite, header.chain, header.nonce, header.valid_until, [call], [signer]).raw


def contradicts_anchor(node: Node, private: LedgerReading) -> bool:
    """Tell whether a private chain is not what its last anchor says: what execution up to the anchor shows (AA4)."""
    anchored = anchor_state(node.consortium, private.rules.chain)
    assert anchored is not None
    size = anchored.head.size
    return private.tip.log_size < size or private.tiles().root(size) != anchored.head.log_root


def other(hospital: str) -> str:
    """Return the other one of the two."""
    return "b" if hospital == "a" else "a"

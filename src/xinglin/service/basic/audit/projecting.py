"""How the access projection is made from the private chain's log: followed, made again, compared (design D5.11).

Reads the log entry by entry, each compared with the log root's tree; writes rows and nothing else.
"""

from __future__ import annotations

from pathlib import Path

from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.log_reading import Entry
from xinglin.carrier.ledger.model import Operation
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.service.basic.audit.errors import TraceDiffers
from xinglin.service.basic.audit.model import NAMESPACE, AccessEntry, Aggregate, AnswerTwin, AskTwin, SourceCount
from xinglin.service.basic.audit.rules import entry_hash
from xinglin.service.basic.audit.trace_store import FILE, Applied, TraceStore, differences

_SLICE = 500
"""Log entries that are applied in one transaction."""


def follow(store: TraceStore, ledger: Ledger, size: int) -> int:
    """Apply log entries up to a log size, and return how many there were.

    Raises:
        TraceDiffers: what was applied before is not what the chain has there.
    """
    begin, leaf = store.position()
    if begin > size or (begin and ledger.tiles().leaf_hash(begin - 1) != leaf):
        raise TraceDiffers(table="position", rows=1)
    for first in range(begin, size, _SLICE):
        last = min(size, first + _SLICE)
        made = _made(ledger, range(first, last))
        store.apply(made, (last, ledger.tiles().leaf_hash(last - 1)))
    return size - begin


def rebuild(folder: Path, ledger: Ledger) -> dict[str, int]:
    """Make the projection from the chain again and put it in place of the old one, which nobody has open.

    Returns: for each table in which the old one, brought to the same place, differed: in how many rows. Nothing when
        they were equal or there was none. One that can't be read differs as a whole, under the code of its fault.
    """
    size, old, new = ledger.tip.log_size, TraceStore(folder), _scratch(folder, ledger, ledger.tip.log_size)
    found = {}
    if old.path.exists():
        try:
            old.open()
            follow(old, ledger, size)
            found = differences(old, new)
        except PlatformError as damage:
            found = {damage.code: 1}
        finally:
            old.close()
    new.close()
    _remove(old.path)
    new.path.rename(old.path)
    return found


def differs(folder: Path, ledger: Ledger, scratch: Path) -> dict[str, int]:
    """Tell how a projection differs from what the chain makes it at that place; changes nothing of it.

    Args:
        folder: the projection's.
        ledger: the private chain.
        scratch: a folder in which another is made meanwhile.

    Raises:
        StorageMissing: there is none.
        StorageVersionUnknown, DatabaseDamaged: it can't be read.
    """
    store = TraceStore(folder)
    store.database.check()
    try:
        size, _ = store.position()
        new = _scratch(scratch, ledger, min(size, ledger.tip.log_size))
        try:
            return differences(store, new)
        finally:
            new.close()
            _remove(new.path)
    finally:
        store.close()


def access_operations(entry: Entry) -> list[Operation]:
    """Return the operations of the contract ``access`` in a log entry, none where it was refused."""
    if entry.receipt.number:
        return []
    return [one for one in entry.transaction.operations if (one.head.contract, one.head.version) == (NAMESPACE, 1)]


def _scratch(folder: Path, ledger: Ledger, size: int) -> TraceStore:
    """Make a projection up to a log size in another file."""
    new = TraceStore(folder, f"{FILE}.new")
    _remove(new.path)
    new.open()
    try:
        follow(new, ledger, size)
    except BaseException:
        new.close()
        raise
    return new


def _made(ledger: Ledger, indexes: range) -> Applied:
    made = Applied([], [], [], [])
    applied = {"log": _entries, "ask": _asked, "answered": _answered, "aggregate": _aggregated}
    for index in indexes:
        entry = ledger.entry(index)
        for one in access_operations(entry):
            applied[one.head.method](made, ledger, entry, one)
    return made


def _entries(made: Applied, ledger: Ledger, entry: Entry, one: Operation) -> None:
    leaf, hash_ = entry.leaf, ledger.rules.suite.hash
    # Items are counted over all operations of the transaction that log.
    last = made.entries[-1] if made.entries else (-1, 0)
    before = last[1] + 1 if last[0] == leaf.index else 0
    for position, raw in enumerate(one.items, before):
        item = decode(AccessEntry, raw)
        named = (item.commitment, identifier_bytes(item.member), identifier_bytes(item.account), item.request)
        made.entries.append((leaf.index, position, leaf.height, leaf.time, entry_hash(hash_, raw), *named, raw))


def _asked(made: Applied, _: Ledger, entry: Entry, one: Operation) -> None:
    call = decode(AskTwin, one.head.arguments)
    who = (identifier_bytes(call.custodian), identifier_bytes(call.account))
    made.twins.append((call.request, *who, entry.leaf.time, 0, b"", 0))


def _answered(made: Applied, _: Ledger, entry: Entry, one: Operation) -> None:
    call = decode(AnswerTwin, one.head.arguments)
    made.answers.append((call.request, entry.leaf.time, call.receipt, call.outcome))


def _aggregated(made: Applied, _: Ledger, __: Entry, one: Operation) -> None:
    minute = decode(Aggregate, one.head.arguments).minute
    counted = [decode(SourceCount, item) for item in one.items]
    made.aggregates.extend((minute, item.source, item.count) for item in counted)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)

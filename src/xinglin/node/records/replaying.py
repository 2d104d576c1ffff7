"""What the chains say of destroyed records, for a home that is opened: shred again, judge, refuse to read (S7.1f).

Needs no engine: whatever a ledger of this home has is acted on, before anything is served from its vault.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.node import Node
from xinglin.service.basic.correction.rules import successor_of, version_keys
from xinglin.service.basic.destruction.errors import RecordOrdered
from xinglin.service.basic.destruction.execution import Execution
from xinglin.service.basic.destruction.model import RecordStanding, Standing
from xinglin.service.basic.destruction.ports import Elsewhere, Nowhere
from xinglin.service.basic.destruction.status import hold_keys, order_key, record_status
from xinglin.service.basic.destruction.store import DestructionStore
from xinglin.service.lifecycle.storage.errors import RecordShredded
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import Vault

NOWHERE = Nowhere()


@contextmanager
def orders_in(node: Node, vault: Vault, elsewhere: Elsewhere = NOWHERE) -> Iterator[Execution]:
    """Give the carrying out of a home's destruction orders; its database is closed after.

    Args:
        node: the open home.
        vault: its vault.
        elsewhere: what the home keeps of records outside the vault, where something is to be destroyed.
    """
    store = DestructionStore(node.home.destruction, vault.keyring.keys)
    try:
        yield Execution(vault, store, node.consortium, node.private_ledger(), node.member, elsewhere)
    finally:
        store.close()


def replay_orders(node: Node, vault: Vault, elsewhere: Elsewhere) -> list[str]:
    """Destroy again what the chains say is destroyed or being destroyed, where a restore brought something of it back.

    Args:
        node: the open home; its consortium ledger is as new as it gets.
        vault: its vault, open for writing.
        elsewhere: what the home keeps of records outside it.

    Returns: ids of the records shredded now.

    Raises:
        StorageUnwritable: the disk refuses; nothing may be served then.
    """
    with orders_in(node, vault, elsewhere) as orders:
        return orders.replay()


def look_up(node: Node, commitments: Sequence[bytes]) -> None:
    """Look up together what both chains say of records of this home, so that it is compared when ``standing_of`` asks.

    What is damaged is told of the record that it belongs to, when it is asked for alone.
    """
    with suppress(PlatformError):
        node.consortium.values([order_key(node.member, one) for one in commitments])
        keys = [key for one in commitments for key in (*hold_keys(one), *version_keys(one))]
        node.private_ledger().values(keys)


def standing_of(node: Node, commitment: bytes) -> RecordStanding:
    """Return what a record of this home is to a reader, by both chains as this home has them.

    A superseded version tells much of what the later ones tell: where one of these is restricted, ordered to be
    destroyed or destroyed, it is restricted too (DE18).
    """
    consortium, private = node.consortium.value, node.private_ledger().value
    own = record_status(consortium, private, node.member, commitment)
    if own.standing in (Standing.ORDERED, Standing.DESTROYED):
        return own
    until, after = own.until, successor_of(private, commitment)
    restricted = own.standing is Standing.RESTRICTED
    while after is not None:
        later = record_status(consortium, private, node.member, after.new)
        restricted = restricted or later.standing is not Standing.STANDING
        until, after = max(until, later.until), successor_of(private, after.new)
    return replace(own, standing=Standing.RESTRICTED, until=until) if restricted else own


def require_readable(node: Node, stored: StoredRecord) -> None:
    """Refuse a record whose destruction is ordered or done, whatever the vault still has of it.

    Raises:
        RecordShredded: it is destroyed.
        RecordOrdered: its destruction is ordered.
    """
    standing = standing_of(node, stored.details.commitment).standing
    if standing is Standing.DESTROYED:
        raise RecordShredded(record=identifier(stored.record))
    if standing is Standing.ORDERED:
        raise RecordOrdered(record=identifier(stored.record))

"""Makes access bundles: that an entry was logged, or that these are all entries of a record (H11, H14, W9).

The anchor is proven by a bundle of its own within; the private chain shows the entries, the record's access head, and
nothing else. Every bundle is checked by the product's own steps before it is handed out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from xinglin.carrier.access.registry.model import NAMESPACE as REGISTRY
from xinglin.carrier.ledger.bundle_model import AccessBundle, Bundle, LogEntry
from xinglin.carrier.ledger.checkpoint import SignedNote
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.proof import prove_operation, prove_states
from xinglin.kernel.encoding import decode, pack, state_key
from xinglin.service.basic.audit.bundles.check import check_proof
from xinglin.service.basic.audit.model import NAMESPACE, AccessEntry
from xinglin.service.basic.audit.projecting import access_operations
from xinglin.service.basic.audit.projection import AccessRow
from xinglin.service.basic.coordination.bundles.make import NotCovered, NotInEntry, Place, make_anchor_bundle
from xinglin.service.basic.coordination.model import ChainHead, CommitAnchor


@dataclass(frozen=True, slots=True)
class AnchorProof:
    """What proves an anchor: the consortium chain, a cosigned checkpoint of it, and where the anchor is on it."""

    consortium: Ledger
    note: SignedNote
    place: Place


def make_entry_bundle(anchor: AnchorProof, private: Ledger, row: AccessRow) -> bytes:
    """Return the bundle that proves that one entry was logged, by whom it was asked for and with which outcome.

    Args:
        anchor: an anchor of the private chain that covers the entry.
        private: the private chain.
        row: the entry.

    Raises:
        NotCovered: the anchor's log ends before the entry.
        CheckpointInvalid, NotInEntry, CheckpointUnavailable, StoreDamaged, ValueDamaged, ProofInvalid: as
            ``make_record_bundle``.
    """
    bundle, head = _anchor(anchor, private)
    if row.index >= head.size:
        raise NotCovered(height=head.height, entry=row.index)
    entries = (_shown(private, head, row),)
    return _checked(
        anchor, AccessBundle(claim="access", subject=row.hash, anchor=bundle, entries=entries, head=(), keys=())
    )


def make_list_bundle(anchor: AnchorProof, private: Ledger, commitment: bytes, rows: Sequence[AccessRow]) -> bytes:
    """Return the bundle that proves that a record's entries up to an anchor are these and no others.

    Args:
        anchor: an anchor of the private chain; its height must still be provable there, as the last one's is.
        private: the private chain.
        commitment: the record's, 32 bytes.
        rows: all its entries in log order, as ``AccessProjection.entries_of`` gives them; later ones are left out.

    Raises: as ``make_entry_bundle``.
    """
    bundle, head = _anchor(anchor, private)
    entries = tuple(_shown(private, head, row) for row in rows if row.index < head.size)
    shown_head = prove_states(private, head.height, [state_key(NAMESPACE, "head", commitment)])
    whole = AccessBundle(
        claim="access-list", subject=commitment, anchor=bundle, entries=entries, head=shown_head, keys=()
    )
    return _checked(anchor, whole)


def _anchor(anchor: AnchorProof, private: Ledger) -> tuple[Bundle, ChainHead]:
    bundle = decode(Bundle, make_anchor_bundle(anchor.consortium, anchor.note, anchor.place, private.rules.chain))
    return bundle, decode(CommitAnchor, bundle.entry.head.arguments).head


def _shown(private: Ledger, head: ChainHead, row: AccessRow) -> LogEntry:
    """Return an entry's operation with its paths up to the anchored log root."""
    position, item = _find(private, row)
    return prove_operation(private, head.size, row.index, position, item)


def _find(private: Ledger, row: AccessRow) -> tuple[int, int]:
    """Return the operation and its item that hold an entry: a row's item counts over all operations that log."""
    logged = private.entry(row.index)
    left = row.item
    for position, one in enumerate(logged.transaction.operations):
        if one in access_operations(logged) and one.head.method == "log":
            if left < len(one.items):
                return position, left
            left -= len(one.items)
    raise NotInEntry(chain=private.rules.chain, entry=row.index, claim="access")


def _checked(anchor: AnchorProof, bundle: AccessBundle) -> bytes:
    """Add the readers' keys to a bundle, and check it."""
    keys = prove_states(anchor.consortium, anchor.note.head.height, list(_reader_keys(bundle)))
    data = pack(replace(bundle, keys=keys))
    failed = check_proof(data, None).failed
    if failed is not None and failed.refusal is not None:
        raise failed.refusal
    return data


def _reader_keys(bundle: AccessBundle) -> Iterator[bytes]:
    for shown in bundle.entries:
        for proof in decode(AccessEntry, shown.item[0].item).proof:
            yield state_key(REGISTRY, "key", proof.key)

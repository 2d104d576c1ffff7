"""Makes episode bundles: one file that proves what was sealed, by whom, what came later, who read it (S1.1, W9).

The anchor is proven by a bundle of its own within; so are registrations and reads, of which only what differs is kept.
Every bundle is checked by the product's own steps before it is handed out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xinglin.carrier.access.registry.model import NAMESPACE as REGISTRY
from xinglin.carrier.ledger.bundle_model import (
    AccessBundle,
    Bundle,
    EpisodeBundle,
    LateAddition,
    Opening,
    RecordReads,
    Registration,
)
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.proof import prove_operation, prove_states
from xinglin.kernel.encoding import decode, pack, state_key
from xinglin.service.basic.audit.bundles.make import AnchorProof, make_list_bundle
from xinglin.service.basic.audit.projection import AccessRow
from xinglin.service.basic.coordination.bundles.make import (
    NotCovered,
    NotInEntry,
    Place,
    make_anchor_bundle,
    make_record_bundle,
)
from xinglin.service.basic.coordination.model import CommitAnchor
from xinglin.service.basic.episodes.bundles.check import check_proof
from xinglin.service.basic.episodes.looking import EpisodeStatus
from xinglin.service.basic.episodes.model import NAMESPACE, EpisodeState, SealEpisode


@dataclass(frozen=True, slots=True)
class Registered:
    """Where a record's item is on the consortium chain, and what of the record is to be opened (None: nothing)."""

    commitment: bytes
    place: Place
    opening: Opening | None


@dataclass(frozen=True, slots=True)
class Read:
    """A record and all its access entries in log order."""

    commitment: bytes
    rows: Sequence[AccessRow]


def make_episode_bundle(
    anchor: AnchorProof,
    private: Ledger,
    status: EpisodeStatus,
    registered: Sequence[Registered] = (),
    reads: Sequence[Read] = (),
) -> bytes:
    """Return the bundle that proves a sealed episode as of an anchor.

    Args:
        anchor: an anchor of the private chain; its height must still be provable there, as the last one's is.
        private: the private chain.
        status: the episode; late additions after the anchor are left out.
        registered: registrations to be shown, in the order of the set, then of the late additions.
        reads: lists of reads to be shown, in that order.

    Raises:
        NotCovered: the anchor's log ends before the sealing.
        NotInEntry: the private chain has no such sealing.
        CheckpointInvalid, CheckpointUnavailable, StoreDamaged, ValueDamaged, ProofInvalid: as ``make_record_bundle``.
    """
    consortium, note = anchor.consortium, anchor.note
    within = decode(Bundle, make_anchor_bundle(consortium, note, anchor.place, private.rules.chain))
    head = decode(CommitAnchor, within.entry.head.arguments).head
    index, position = _find(private, status)
    if index >= head.size:
        raise NotCovered(height=head.height, entry=index)
    state = prove_states(private, head.height, [state_key(NAMESPACE, "episode", status.episode)])[0]
    kept = decode(EpisodeState, state.value[0])
    late = tuple(LateAddition(commitment, time) for _, commitment, time in status.late[: kept.late])
    keys = [kept.institution.key, *(step.key for step in kept.opening if step.account)]
    known = {*status.kept.commitments, *(one.record for one in late)}
    bundle = EpisodeBundle(
        claim="episode",
        subject=status.episode,
        anchor=within,
        sealed=prove_operation(private, head.size, index, position),
        state=state,
        records=status.kept.commitments,
        late=late,
        keys=prove_states(consortium, note.head.height, [state_key(REGISTRY, "key", key) for key in keys]),
        registrations=tuple(_registration(anchor, one) for one in registered if one.commitment in known),
        reads=tuple(_reads(anchor, private, one) for one in reads if one.commitment in known),
    )
    data = pack(bundle)
    failed = check_proof(data, None).failed
    if failed is not None and failed.refusal is not None:
        raise failed.refusal
    return data


def _find(private: Ledger, status: EpisodeStatus) -> tuple[int, int]:
    """Return log index and position of the operation that sealed an episode, found by its block time."""
    time = status.state.time if status.state is not None else 0
    low, high = 0, private.tip.height
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if private.head_at(middle).time < time else (low, middle)
    while low <= private.tip.height and private.head_at(low).time == time:
        first = private.head_at(low - 1).size if low else 0
        for index in range(first, private.head_at(low).size):
            position = _position(private, index, status.episode)
            if position is not None:
                return index, position
        low += 1
    raise NotInEntry(chain=private.rules.chain, entry=0, claim="episode")


def _position(private: Ledger, index: int, episode: str) -> int | None:
    entry = private.entry(index)
    for position, one in enumerate(entry.transaction.operations):
        called = (one.head.contract, one.head.version, one.head.method) == (NAMESPACE, 1, "seal")
        if called and not entry.receipt.number and decode(SealEpisode, one.head.arguments).episode == episode:
            return position
    return None


def _registration(anchor: AnchorProof, one: Registered) -> Registration:
    made = make_record_bundle(anchor.consortium, anchor.note, one.place, one.commitment, one.opening)
    bundle = decode(Bundle, made)
    return Registration(one.commitment, bundle.entry, bundle.states, bundle.opening)


def _reads(anchor: AnchorProof, private: Ledger, one: Read) -> RecordReads:
    bundle = decode(AccessBundle, make_list_bundle(anchor, private, one.commitment, one.rows))
    return RecordReads(one.commitment, bundle.entries, bundle.head[0], bundle.keys)

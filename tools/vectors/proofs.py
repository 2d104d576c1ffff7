"""What the vectors prove about their world: its checkpoint, its trust, and a bundle of each kind."""

from __future__ import annotations

from functools import cached_property

from tools.vectors.dossiers import LATE, SEALED
from tools.vectors.keys import fixed_bytes, fixed_id
from tools.vectors.world import World
from xinglin.carrier.ledger.checkpoint import SignedNote
from xinglin.carrier.ledger.genesis import genesis_hash
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.trust import Trust
from xinglin.kernel.encoding import decode, state_key
from xinglin.service.basic.audit.bundles.make import AnchorProof, make_entry_bundle, make_list_bundle
from xinglin.service.basic.audit.model import AccessEntry
from xinglin.service.basic.audit.projecting import access_operations
from xinglin.service.basic.audit.projection import AccessRow
from xinglin.service.basic.audit.rules import entry_hash
from xinglin.service.basic.coordination.bundles.make import Place, make_anchor_bundle, make_record_bundle
from xinglin.service.basic.episodes.bundles.make import Read, Registered, make_episode_bundle
from xinglin.service.basic.episodes.looking import EpisodeStatus
from xinglin.service.basic.episodes.model import EpisodeState, LateState
from xinglin.service.basic.episodes.store import Kept, Step


class ProvenWorld(World):
    """A world that was run, and the proofs of what happened in it."""

    @property
    def ledger(self) -> Ledger:
        """The consortium chain."""
        return self.chain.ledger

    @cached_property
    def checkpoint(self) -> SignedNote:
        """The checkpoint of the last height, cosigned by three of five."""
        return self.note(self.ledger.tip.height)

    @property
    def trust(self) -> Trust:
        """Trust in this world's genesis."""
        return Trust(genesis=genesis_hash(self.suite.hash, self.ledger.rules.genesis))

    def place(self, number: int) -> Place:
        """Return where a record's item is."""
        commitment = self.records[number].digests.commitment
        for index in range(self.ledger.tip.log_size):
            for position, operation in enumerate(self.ledger.entry(index).transaction.operations):
                for item, data in enumerate(operation.items):
                    if commitment in data:
                        return Place(index, position, item)
        raise LookupError(number)

    def entry(self, contract: str, method: str, nth: int = 0) -> int:
        """Return the log index of the nth transaction whose first operation is this call."""
        found = [
            index
            for index in range(self.ledger.tip.log_size)
            for head in [self.ledger.entry(index).transaction.operations[0].head]
            if (head.contract, head.method) == (contract, method)
        ]
        return found[nth]

    def record_bundle(self, number: int, *shown: str) -> bytes:
        """Return the bundle of a record that opens the named parts."""
        record = self.records[number]
        opening = record.opening(*shown) if shown else None
        place = self.place(number)
        return make_record_bundle(self.ledger, self.checkpoint, place, record.digests.commitment, opening)

    def anchor_bundle(self, nth: int = 0) -> bytes:
        """Return the bundle of the nth anchor."""
        place = Place(self.entry("anchor", "commit", nth))
        return make_anchor_bundle(self.ledger, self.checkpoint, place, self.private.ledger.rules.chain)

    @cached_property
    def bundles(self) -> dict[str, bytes]:
        """One bundle of each kind: a record, opened, destroyed, of two signers and operations; both anchors."""
        return {
            "record": self.record_bundle(0),
            "record opened": self.record_bundle(0, "behaviour", "copy"),
            "record destroyed": self.record_bundle(1, "behaviour"),
            "record of two signers": self.record_bundle(4, "behaviour", "original", "copy"),
            "anchor": self.anchor_bundle(0),
            "second anchor": self.anchor_bundle(1),
        }

    @cached_property
    def access_bundles(self) -> dict[str, bytes]:
        """Access bundles: one entry; all entries of a record, own staff's among them; of one that nobody asked for."""
        rows = self.access_rows()
        record, asked_for_by_none = self.records[0].digests.commitment, self.records[3].digests.commitment
        last = self.anchor_proof(1)
        return {
            "access entry": make_entry_bundle(last, self.private.ledger, rows[0]),
            "access list": make_list_bundle(last, self.private.ledger, record, self.rows_of(record)),
            "access list of nobody": make_list_bundle(last, self.private.ledger, asked_for_by_none, ()),
        }

    @cached_property
    def episode_bundles(self) -> dict[str, bytes]:
        """Episode bundles: the set alone; with registrations, one of them opened, and reads of two records."""
        last, ledger = self.anchor_proof(1), self.private.ledger
        numbers = (*SEALED[:2], *LATE)
        registered = [
            Registered(
                self.records[number].digests.commitment,
                self.place(number),
                self.records[number].opening("behaviour") if number == SEALED[0] else None,
            )
            for number in numbers
        ]
        reads = [Read(one.commitment, self.rows_of(one.commitment)) for one in registered[:2]]
        return {
            "episode": make_episode_bundle(last, ledger, self.episode_status()),
            "episode with registrations and reads": make_episode_bundle(
                last, ledger, self.episode_status(), registered, reads
            ),
        }

    def episode_status(self) -> EpisodeStatus:
        """Return what the hospital knows of its sealed episode."""
        dossiers, ledger = self.dossiers, self.private.ledger
        stored = ledger.value(state_key("episode", "episode", dossiers.episode))
        marked = [
            ledger.value(state_key("episode", "late", dossiers.episode, one)) for one in dossiers.commitments(LATE)
        ]
        times = [decode(LateState, one or b"").time for one in marked]
        kept = Kept(
            episode=dossiers.episode,
            source=b"his",
            encounter=b"encounter",
            salt=fixed_bytes("episode salt", 16),
            records=tuple(fixed_bytes(f"id record {number}", 16) for number in SEALED),
            commitments=dossiers.commitments(),
            last=0,
            seen=0,
            person_salt=fixed_bytes("relative salt", 16),
            statement="儿子".encode(),
            seal=dossiers.seal(),
        )
        return EpisodeStatus(
            episode=dossiers.episode,
            step=Step.SEALED,
            kept=kept,
            state=decode(EpisodeState, stored or b""),
            records=[fixed_id(f"record {number}") for number in SEALED],
            late=[("", one, time) for one, time in zip(dossiers.commitments(LATE), times, strict=True)],
            unmarked=[],
            complete=True,
            unchanged=True,
        )

    def anchor_proof(self, nth: int) -> AnchorProof:
        """Return what proves the nth anchor."""
        return AnchorProof(self.ledger, self.checkpoint, Place(self.entry("anchor", "commit", nth)))

    def rows_of(self, commitment: bytes) -> list[AccessRow]:
        """Return the rows of a record's entries."""
        return [row for row in self.access_rows() if row.entry.commitment == commitment]

    def access_rows(self) -> list[AccessRow]:
        """Return every access entry of the private chain with its place."""
        rows, ledger = [], self.private.ledger
        for index in range(ledger.tip.log_size):
            logged = ledger.entry(index)
            for one in access_operations(logged):
                for item, raw in enumerate(one.items if one.head.method == "log" else ()):
                    entry, hash_ = decode(AccessEntry, raw), entry_hash(self.suite.hash, raw)
                    rows.append(AccessRow(index, item, logged.leaf.height, logged.leaf.time, hash_, entry, raw))
        return rows

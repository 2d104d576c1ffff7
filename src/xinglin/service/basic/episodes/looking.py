"""What a home knows of sealed episodes, compared with its private chain and its whole vault (S1.1). Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xinglin.carrier.crypto.suite import Suite
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.model import Behaviour
from xinglin.service.basic.coordination.ports import PrivateChain
from xinglin.service.basic.episodes.errors import EpisodeDiffers, EpisodeUnknown
from xinglin.service.basic.episodes.model import NAMESPACE, EpisodeState, LateState
from xinglin.service.basic.episodes.rules import late_chain
from xinglin.service.basic.episodes.store import EpisodeStore, Kept, Step
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class EpisodeStatus:
    """What is known of a sealed episode, compared with the chain and the vault.

    Attributes:
        state: on the private chain, None while it is only a draft.
        step: how far it is.
        records: the sealed set in order.
        late: (record, commitment, when marked).
        unmarked: records of the encounter that are in neither: to be marked.
        complete: the set holds every record of the encounter that the vault had when it was drawn up.
        unchanged: the set that is kept leads to the root that was sealed, and the vault has its records.
    """

    episode: str
    step: Step
    kept: Kept
    state: EpisodeState | None
    records: list[str]
    late: list[tuple[str, bytes, int]]
    unmarked: list[str]
    complete: bool
    unchanged: bool


class Looking:
    """Looks at the episodes of one home.

    Args:
        suite: of the private chain.
        chain: the private chain.
        vault: the home's vault.
        store: what is kept of episodes, opened.
    """

    def __init__(self, suite: Suite, chain: PrivateChain, vault: Vault, store: EpisodeStore) -> None:
        self._suite = suite
        self._chain = chain
        self._vault = vault
        self.store = store

    def status(self, episode: str) -> EpisodeStatus:
        """Return what is known of an episode, compared with the chain and the whole vault.

        Raises:
            EpisodeUnknown: there is none.
            EpisodeDiffers: what is kept of its late additions is not what the chain says.
        """
        step, kept = self.found(episode)
        state = self.state(episode)
        rows = list(self.records_of(kept.source, kept.encounter, 1, self._vault.index.last_number()))
        drawn_up = [row for row in rows if row.number <= kept.last]
        known = {*kept.commitments, *(one.commitment for one in kept.late)}
        sealed = state if state is not None else kept.seal
        root_holds = self.root(kept.commitments) == sealed.root and len(kept.commitments) == sealed.count
        found = {row.details.commitment for row in drawn_up}
        return EpisodeStatus(
            episode=episode,
            step=step,
            kept=kept,
            state=state,
            records=[identifier(record) for record in kept.records],
            late=self._late(kept, state),
            unmarked=[identifier(row.record) for row in rows if row.details.commitment not in known],
            complete=found <= set(kept.commitments),
            unchanged=root_holds and set(kept.commitments) <= found,
        )

    def every(self) -> list[tuple[Step, Kept]]:
        """Return what is kept of every episode, drafts among them."""
        return self.store.all()

    def sealed_with(self, commitment: bytes) -> list[str]:
        """Return the sealed episodes that hold a record, in the set or late: meanwhile it is not destroyed."""
        held = self.store.at_step(Step.SIGNED, Step.SEALED)
        return [kept.episode for _, kept in held if commitment in held_commitments(kept)]

    def keeps(self, kept: Kept, stored: StoredRecord) -> bool:
        """Tell whether an episode that is sealed keeps a record: of its set, or of its encounter and not marked yet."""
        details = stored.details
        if details.commitment in held_commitments(kept):
            return True
        return details.source == kept.source and decode(Behaviour, details.behaviour).occasion == kept.encounter

    def state(self, episode: str) -> EpisodeState | None:
        """Return what the private chain has of an episode, None before it is sealed."""
        stored = self._chain.value(state_key(NAMESPACE, "episode", episode))
        return decode(EpisodeState, stored) if stored is not None else None

    def late_state(self, episode: str, commitment: bytes) -> LateState | None:
        """Return when the private chain marked a late addition, None where it did not."""
        stored = self._chain.value(state_key(NAMESPACE, "late", episode, commitment))
        return decode(LateState, stored) if stored is not None else None

    def found(self, episode: str) -> tuple[Step, Kept]:
        """Return what is kept of an episode; raises EpisodeUnknown."""
        found = self.store.get(episode)
        if found is None:
            raise EpisodeUnknown(episode=episode)
        return found

    def records_of(self, source: bytes, encounter: bytes, first: int, last: int) -> Iterator[StoredRecord]:
        """Yield the records of an encounter in the order in which they were stored, by looking at every row.

        No index is asked: a row that one lacks would be missing from the set.
        """
        for rows in self._vault.index.slices(first, last):
            for row in rows:
                if not isinstance(row, StoredRecord):
                    raise row
                if row.details.source == source and decode(Behaviour, row.details.behaviour).occasion == encounter:
                    yield row

    def root(self, commitments: tuple[bytes, ...]) -> bytes:
        """Return the RFC 6962 root over record commitments."""
        return self._suite.merkle_roots_of([list(commitments)])[0]

    def _late(self, kept: Kept, state: EpisodeState | None) -> list[tuple[str, bytes, int]]:
        """Return the late additions with the times of the chain, compared with what they are chained to."""
        found = []
        for number, one in enumerate(kept.late, 1):
            marked = self.late_state(kept.episode, one.commitment)
            if marked is None or marked.number != number:
                raise EpisodeDiffers(episode=kept.episode, what="its late additions")
            found.append((identifier(one.record), one.commitment, marked.time))
        chained = late_chain(self._suite.hash, [(commitment, time) for _, commitment, time in found])
        if state is not None and len(found) == state.late and chained != state.last:
            raise EpisodeDiffers(episode=kept.episode, what="its late additions")
        return found


def held_commitments(kept: Kept) -> list[bytes]:
    """Return the commitments of everything that is not destroyed while an episode is sealed."""
    return [*kept.commitments, *(one.commitment for one in kept.late)]

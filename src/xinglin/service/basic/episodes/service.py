"""Sealing the records of an encounter for a dispute, by two sides, and opening them again (S1.1; 病历封存).

The set is drawn up from the whole vault: every record whose behaviour data name the encounter. Both sides sign it, the
private chain seals it, a hold forbids its destruction. What comes later is marked and never joins the set. ``resume``
takes up what a crash left. Who may seal, and who the other side is, people decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from xinglin.carrier.access.registry.model import NAMESPACE as REGISTRY
from xinglin.carrier.access.registry.model import KeyState
from xinglin.carrier.access.registry.rules import in_force
from xinglin.carrier.crypto.suite import Suite
from xinglin.kernel.clock import Clock
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.hashing import Tag, tagged
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.outbox.delivery import Outbox
from xinglin.service.basic.coordination.outbox.store import Delivery
from xinglin.service.basic.coordination.ports import PrivateChain
from xinglin.service.basic.episodes.errors import (
    EpisodeChanged,
    EpisodeEmpty,
    EpisodeNotRegistered,
    EpisodeUnknown,
    NotOfAccount,
    SideSignatureInvalid,
)
from xinglin.service.basic.episodes.looking import EpisodeStatus, Looking, held_commitments
from xinglin.service.basic.episodes.model import (
    NAMESPACE,
    AddLate,
    InstitutionSide,
    OpenEpisode,
    PatientSide,
    SealEpisode,
    SealReason,
    Side,
)
from xinglin.service.basic.episodes.ports import Holds
from xinglin.service.basic.episodes.rules import is_open, open_message, seal_message, subject_commitment
from xinglin.service.basic.episodes.store import EpisodeStore, Kept, LateRecord, Step
from xinglin.service.basic.notices.ports import Values
from xinglin.service.lifecycle.storage.hierarchy import Randomness
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import Vault

UNSIGNED = bytes(64)
"""Stands for a signature that is not made yet."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """Where episodes are sealed: the member, its private chain and suite, the consortium chain's state, the clock."""

    member: str
    chain: PrivateChain
    suite: Suite
    values: Values
    clock: Clock
    randomness: Randomness


@dataclass(frozen=True, slots=True)
class NewEpisode:
    """What is to be sealed, and by whom.

    Attributes:
        source: the source system.
        encounter: its id of the encounter.
        reason: why.
        account: the institution's account that seals.
        account_key: a key of it.
        statement: who stands on the other side; kept sealed, committed on the chain.
        person_key: that side's fresh key.
    """

    source: str
    encounter: str
    reason: SealReason
    account: str
    account_key: bytes
    statement: str
    person_key: bytes


@dataclass(frozen=True, slots=True)
class Draft:
    """A set that is drawn up: the episode's id, the records, and the 32 bytes that both sides sign."""

    episode: str
    records: list[str]
    commitments: list[bytes]
    message: bytes


class Episodes:
    """The sealed episodes of one home. One thread at a time.

    Args:
        sealing: where they are sealed.
        vault: the home's vault.
        outbox: its outbox, to tell what is registered.
        store: what is kept of them, opened.
        holds: what forbids the destruction of sealed records.
    """

    def __init__(self, sealing: Sealing, vault: Vault, outbox: Outbox, store: EpisodeStore, holds: Holds) -> None:
        self._sealing = sealing
        self._vault = vault
        self._outbox = outbox
        self.store = store
        self.looking = Looking(sealing.suite, sealing.chain, vault, store)
        self._holds = holds
        self._suite = sealing.suite
        self._hash = sealing.suite.hash

    # --- sealing ---

    def draft(self, new: NewEpisode) -> Draft:
        """Draw up the set of an encounter's records, for both sides to sign; nothing is sealed yet.

        Raises:
            EpisodeEmpty: the vault has no record of that encounter.
            EpisodeNotRegistered: one of them is not registered on the consortium chain.
            NotOfAccount: the key is not one of the account in force.
        """
        episode = identifier(self._sealing.randomness(16))
        self._check_account(new.account, new.account_key)
        last = self._vault.index.last_number()
        rows = list(self.looking.records_of(new.source.encode(), new.encounter.encode(), 1, last))
        if not rows:
            raise EpisodeEmpty(episode=episode)
        for row in rows:
            if self._outbox.find(row.details.batch).state is Delivery.STORED:
                raise EpisodeNotRegistered(record=identifier(row.record))
        kept = self._drawn_up(episode, new, rows, last)
        self.store.put(Step.DRAFT, kept)
        return Draft(
            episode, [identifier(row.record) for row in rows], list(kept.commitments), self._seal_message(kept.seal)
        )

    def seal(self, episode: str, institution: bytes, patient: bytes) -> EpisodeStatus:
        """Seal a set that was drawn up, by the signatures of both sides over ``Draft.message``.

        Raises:
            EpisodeUnknown: no such set was drawn up.
            EpisodeChanged: records came to the encounter meanwhile.
            SideSignatureInvalid: a signature does not verify; the draft stays.
            PlatformError: the private chain takes nothing now; ``resume`` seals.
        """
        step, kept = self.looking.found(episode)
        if step is Step.DRAFT:
            if next(self._since(kept), None) is not None:
                raise EpisodeChanged(episode=episode)
            seal = replace(
                kept.seal,
                institution=replace(kept.seal.institution, signature=institution),
                patient=replace(kept.seal.patient, signature=patient),
            )
            kept = replace(kept, seal=seal)
            self._check_both(seal)
            step = Step.SIGNED
            self.store.put(step, kept)
        self._advance(step, kept)
        return self.looking.status(episode)

    def add_late(self) -> int:
        """Mark what came to sealed encounters since; return how many records were marked.

        Raises:
            PlatformError: the private chain takes nothing now; the next call marks.
        """
        found = self.store.at_step(Step.SEALED)
        return sum(self._mark_late(kept) for step, kept in found if self._advance(step, kept) is Step.SEALED)

    # --- opening ---

    def open_message(self, episode: str) -> bytes:
        """Return the 32 bytes that both sides sign to open an episode; raises EpisodeUnknown."""
        seal = self.looking.found(episode)[1].seal
        return open_message(self._hash, self._sealing.chain.chain, episode, seal.subject, seal.root)

    def open_by(self, episode: str, side: Side, key: bytes, signature: bytes, account: str = "") -> EpisodeStatus:
        """Propose to open an episode or, when the other side has, open it.

        Args:
            episode: its id.
            side: who signs.
            key: of that side: the account's, or that of the sealing.
            signature: over ``open_message``.
            account: of the institution's side.

        Raises:
            EpisodeUnknown, SameSide, SideSignatureInvalid, EpisodeOpened: see the contract.
            NotOfAccount: the key is not one of the account in force.
        """
        step, kept = self.looking.found(episode)
        state = self.looking.state(episode)
        if state is None:
            raise EpisodeUnknown(episode=episode)
        if side is Side.INSTITUTION:
            self._check_account(account, key)
        if self._advance(step, kept) is Step.SEALED:
            self._mark_late(kept)
        named = (account,) if side is Side.INSTITUTION else ()
        method = "approve_open" if state.opening else "propose_open"
        self._sealing.chain.call(NAMESPACE, method, OpenEpisode(episode, side, named, key, signature))
        self._advance(*self.looking.found(episode))
        return self.looking.status(episode)

    def resume(self) -> int:
        """Finish what a crash left of sealing, marking and opening; return how many episodes moved on.

        Raises:
            PlatformError: the private chain takes nothing now.
        """
        moved = 0
        for step, kept in self.store.at_step(Step.SIGNED, Step.SEALED, Step.OPENED):
            moved += self._advance(step, kept) is not step
        self.add_late()
        return moved

    # --- within ---

    def _drawn_up(self, episode: str, new: NewEpisode, rows: list[StoredRecord], last: int) -> Kept:
        salt, person_salt = self._sealing.randomness(16), self._sealing.randomness(16)
        source, encounter, statement = new.source.encode(), new.encounter.encode(), new.statement.encode()
        commitments = tuple(row.details.commitment for row in rows)
        person = tagged(self._hash, Tag.PERSON, person_salt, statement)
        seal = SealEpisode(
            episode=episode,
            subject=subject_commitment(self._hash, salt, source, encounter),
            root=self.looking.root(commitments),
            count=len(commitments),
            reason=new.reason,
            institution=InstitutionSide(new.account, new.account_key, UNSIGNED),
            patient=PatientSide(person, new.person_key, UNSIGNED),
        )
        return Kept(
            episode=episode,
            source=source,
            encounter=encounter,
            salt=salt,
            records=tuple(row.record for row in rows),
            commitments=commitments,
            last=last,
            seen=last,
            person_salt=person_salt,
            statement=statement,
            seal=seal,
        )

    def _check_account(self, account: str, key: bytes) -> None:
        stored = self._sealing.values(state_key(REGISTRY, "key", key))
        found = decode(KeyState, stored) if stored is not None else None
        own = found is not None and (found.account, found.member) == (account, self._sealing.member)
        if found is None or not own or not in_force(found, self._sealing.clock.now_ms()):
            raise NotOfAccount(account=account)

    def _check_both(self, seal: SealEpisode) -> None:
        """Refuse before anything is stored what the contract would refuse."""
        message = self._seal_message(seal)
        sides = ((Side.INSTITUTION, seal.institution), (Side.PATIENT, seal.patient))
        for side, party in sides:
            if not self._suite.verify(party.key, message, party.signature):
                raise SideSignatureInvalid(episode=seal.episode, side=int(side))

    def _advance(self, step: Step, kept: Kept) -> Step:
        """Take an episode as far as it goes: onto the chain, under the hold; when it is open, out of it."""
        episode, chain = kept.episode, self._sealing.chain
        state = self.looking.state(episode)
        if step is Step.SIGNED:
            self._holds.place(episode, kept.commitments)
            if state is None:
                chain.call(NAMESPACE, "seal", kept.seal)
                state = self.looking.state(episode)
            step = self._put(Step.SEALED, kept)
        if step is Step.SEALED and state is not None and is_open(state):
            step = self._put(Step.OPENED, kept)
        if step is Step.OPENED:
            self._holds.lift(episode, held_commitments(kept))
            step = self._put(Step.RELEASED, kept)
        return step

    def _put(self, step: Step, kept: Kept) -> Step:
        self.store.put(step, kept)
        return step

    def _mark_late(self, kept: Kept) -> int:
        """Mark what came to one encounter since; a record that the chain has marked is not marked again."""
        marked = 0
        known = {*kept.commitments, *(one.commitment for one in kept.late)}
        for row in self._since(kept):
            commitment = row.details.commitment
            if commitment in known:
                continue
            if self.looking.late_state(kept.episode, commitment) is None:
                self._holds.place(kept.episode, [commitment])
                self._sealing.chain.call(NAMESPACE, "late", AddLate(kept.episode, commitment))
            kept = replace(kept, late=(*kept.late, LateRecord(row.record, commitment)), seen=row.number)
            self._put(Step.SEALED, kept)
            marked += 1
        return marked

    def _since(self, kept: Kept) -> Iterator[StoredRecord]:
        return self.looking.records_of(kept.source, kept.encounter, kept.seen + 1, self._vault.index.last_number())

    def _seal_message(self, seal: SealEpisode) -> bytes:
        return seal_message(self._hash, self._sealing.chain.chain, seal)

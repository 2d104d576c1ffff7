"""Sealed episodes of a home, as commands use them (S1.1): draw up, seal, follow, open, prove, report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from xinglin.carrier.ledger.build import Signer
from xinglin.carrier.ledger.trust import Trust
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.office.accounts import account_signer
from xinglin.node.office.proofs import last_anchor, opening_of
from xinglin.node.private import PrivateCalls
from xinglin.node.records.access import open_trace
from xinglin.node.records.archive import Archive
from xinglin.service.basic.coordination.bundles.make import Place
from xinglin.service.basic.coordination.outbox.store import OutboxStore
from xinglin.service.basic.episodes.bundles.make import Read, Registered, make_episode_bundle
from xinglin.service.basic.episodes.errors import EpisodeDiffers
from xinglin.service.basic.episodes.looking import EpisodeStatus, Looking, held_commitments
from xinglin.service.basic.episodes.model import NAMESPACE, SEAL_REASONS, SIDES, EpisodeState, Side
from xinglin.service.basic.episodes.ports import Holds, NoHolds
from xinglin.service.basic.episodes.report import report_of
from xinglin.service.basic.episodes.report_html import html_of
from xinglin.service.basic.episodes.rules import is_open
from xinglin.service.basic.episodes.service import Draft, Episodes, NewEpisode, Sealing
from xinglin.service.basic.episodes.store import EpisodeStore, Kept, Step
from xinglin.service.lifecycle.storage.model import StoredRecord

NO_HOLDS = NoHolds()
SHOWN = frozenset({"behaviour"})
"""What a proof opens of a record: who recorded what when, and nothing of its content."""


@dataclass(frozen=True, slots=True)
class PersonKey:
    """A fresh key of the patient's side: the private half is handed to its holder and kept nowhere."""

    private: bytes
    signer: Signer


def new_person_key(archive: Archive) -> PersonKey:
    """Return a fresh key for the patient's side, under the private chain's suite."""
    return person_key(archive, archive.node.private_ledger().rules.suite.generate_private_key())


def person_key(archive: Archive, private: bytes) -> PersonKey:
    """Return the key of the patient's side that a private half makes; its holder brings it to open an episode.

    Raises:
        KeyInvalid: that is no private key.
    """
    suite = archive.node.private_ledger().rules.suite
    return PersonKey(private, Signer(suite.public_key(private), lambda message: suite.sign(private, message)))


@contextmanager
def open_episodes(archive: Archive, holds: Holds = NO_HOLDS) -> Iterator[Episodes]:
    """Give the sealed episodes of a home; what is kept of them is made if there is nothing.

    Args:
        archive: the home's; its chains run where something is to be sealed, marked or opened.
        holds: what forbids the destruction of sealed records.

    Raises:
        NoPrivateChain: this home has none.
        GroupRequired: the consortium chain's engine does not run here.
    """
    node = archive.node
    sealing = Sealing(
        member=node.member,
        chain=PrivateCalls(node),
        suite=node.private_ledger().rules.suite,
        values=node.consortium.value,
        clock=SystemClock(),
        randomness=random_bytes,
    )
    with _store(archive) as store:
        yield Episodes(sealing, archive.vault, archive.outbox(), store, holds)


def draft_episode(archive: Archive, episodes: Episodes, new: NewEpisode) -> Draft:
    """Draw up the set of an encounter's records; what was stored before is registered first.

    Raises:
        EpisodeEmpty, EpisodeNotRegistered, NotOfAccount: see ``Episodes.draft``.
    """
    archive.outbox().resume()
    return episodes.draft(new)


def seal_episode(archive: Archive, episodes: Episodes, draft: Draft, account: str, patient: bytes) -> dict[str, Any]:
    """Seal a set that was drawn up, by an account whose key is here and the other side's signature over the message.

    Raises:
        AccountKeyMissing: the account's key is not here.
        EpisodeChanged, SideSignatureInvalid: see ``Episodes.seal``.
    """
    signature = account_signer(archive.node, account).sign(draft.message)
    return status_values(episodes.seal(draft.episode, signature, patient))


def open_episode(archive: Archive, episodes: Episodes, episode: str, side: Signer | str) -> dict[str, Any]:
    """Propose to open an episode, or open it when the other side has proposed.

    Args:
        archive: the home's.
        episodes: the home's.
        episode: its id.
        side: an account of the institution whose key is here, or the signer of the patient's side.
    """
    message = episodes.open_message(episode)
    if isinstance(side, str):
        signer = account_signer(archive.node, side)
        status = episodes.open_by(episode, Side.INSTITUTION, signer.key, signer.sign(message), side)
    else:
        status = episodes.open_by(episode, Side.PATIENT, side.key, side.sign(message))
    return status_values(status)


def list_episodes(archive: Archive) -> list[dict[str, Any]]:
    """Return what is kept of every episode of a home, drafts among them; not who the other sides are."""
    with _store(archive) as store:
        rows = [_kept_values(step, kept) for step, kept in store.all()]
    return [{name: value for name, value in row.items() if name != "statement"} for row in rows]


def episode_status(archive: Archive, episode: str) -> dict[str, Any]:
    """Return an episode compared with the chain and the whole vault; raises EpisodeUnknown, EpisodeDiffers."""
    with _looking(archive) as looking:
        return status_values(looking.status(episode))


def sealed_with(archive: Archive, commitment: bytes) -> list[str]:
    """Return the sealed episodes that hold a record: while there is one, the record is not destroyed."""
    with _looking(archive) as looking:
        return looking.sealed_with(commitment)


def sealing_in(archive: Archive) -> Callable[[StoredRecord], list[str]]:
    """Return what gives the sealed episodes that keep a record, as of this moment.

    What the chain says counts: an episode that it has sealed and the home does not know keeps everything.

    Raises (the answer, not this call):
        EpisodeDiffers: the home can't tell what a sealed episode holds.
    """
    chain = PrivateCalls(archive.node)

    def of(stored: StoredRecord) -> list[str]:
        lost = {_id(key) for key in chain.keys(NAMESPACE, "episode", 3)}
        found = []
        if lost or archive.node.home.episodes.exists():
            with _looking(archive) as looking:
                for step, kept in looking.every():
                    state = looking.state(kept.episode)
                    lost.discard(kept.episode)
                    sealed = step is Step.SIGNED if state is None else not is_open(state)
                    if sealed and looking.keeps(kept, stored):
                        found.append(kept.episode)
        for episode in sorted(lost):
            if not is_open(decode(EpisodeState, chain.value(state_key(NAMESPACE, "episode", episode)) or b"")):
                raise EpisodeDiffers(episode=episode, what="all of it")
        return found

    return of


def prove_episode(archive: Archive, episode: str, *, registrations: bool = True, reads: bool = True) -> bytes:
    """Return the proof bundle of a sealed episode, as of the last anchor that a kept checkpoint covers.

    Args:
        archive: the home's.
        episode: its id.
        registrations: show that each record was registered, with its behaviour data.
        reads: show all access entries of each record.

    Raises:
        EpisodeUnknown, EpisodeDiffers: see ``episode_status``.
        NoAnchor, NoCheckpoint, NotCovered: no anchor that a kept checkpoint covers reaches the sealing yet.
        CheckpointUnavailable: the anchored height can't be proven any more; anchor and cosign again.
    """
    private = archive.node.private_ledger()
    anchor = last_anchor(archive.node, private.rules.chain)
    with _looking(archive) as looking:
        status = looking.status(episode)
    records = [*status.records, *(record for record, _, _ in status.late)]
    covered = anchor.note.head.size
    registered = [one for one in (_registered(archive, record) for record in records) if one.place.entry < covered]
    found: list[Read] = []
    if reads:
        with open_trace(archive.node) as trace:
            found = [Read(one.commitment, trace.entries_of([one.commitment])) for one in registered]
    return make_episode_bundle(anchor, private, status, registered if registrations else (), found)


def report_episode(data: bytes, trust: Trust | None = None) -> dict[str, bytes]:
    """Return the one-page report on an episode's proof bundle, in Chinese and English: ``html`` and ``pdf``.

    Raises:
        PlatformError: the bundle does not hold.
    """
    from xinglin.service.basic.episodes.report_pdf import pdf_of  # noqa: PLC0415  (the library for PDF loads slowly)

    report = report_of(data, trust)
    return {"html": html_of(report), "pdf": pdf_of(report)}


def status_values(status: EpisodeStatus) -> dict[str, Any]:
    """Return an episode's status as plain values; times in ms, 0 for not yet."""
    state = status.state
    return {
        **_kept_values(status.step, status.kept),
        "sealed": state.time if state is not None else 0,
        "late": [{"record": record, "commitment": one.hex(), "time": time} for record, one, time in status.late],
        "unmarked": status.unmarked,
        "complete": status.complete,
        "unchanged": status.unchanged,
        "opening": [
            {"side": SIDES[step.side][0], "account": "".join(step.account), "time": step.time}
            for step in (state.opening if state is not None else ())
        ],
    }


def episode_findings(archive: Archive) -> Iterator[PlatformError]:
    """Yield what is wrong with what a home keeps of episodes, and what of it the private chain says otherwise."""
    chain = PrivateCalls(archive.node)
    sealed = set(chain.keys(NAMESPACE, "episode", 3))
    store = EpisodeStore(archive.node.home.episodes, archive.vault.keyring.keys)
    if not store.database.path.exists():
        yield from (EpisodeDiffers(episode=_id(key), what="all of it") for key in sorted(sealed))
        return
    try:
        damage = list(store.damage())
        yield from damage
        if damage:
            return
        looking = Looking(archive.node.private_ledger().rules.suite, chain, archive.vault, store)
        for step, kept in store.all():
            sealed.discard(state_key(NAMESPACE, "episode", kept.episode))
            yield from _differs(looking, step, kept)
        yield from (EpisodeDiffers(episode=_id(key), what="all of it") for key in sorted(sealed))
    finally:
        store.close()


def _differs(looking: Looking, step: Step, kept: Kept) -> Iterator[PlatformError]:
    """Yield how an episode is not what the chain has of it; what is not there yet may come."""
    state = looking.state(kept.episode)
    if state is None:
        if step > Step.SIGNED:
            yield EpisodeDiffers(episode=kept.episode, what="its sealing")
        return
    if not _is_sealed_so(kept, state) or looking.root(kept.commitments) != state.root:
        yield EpisodeDiffers(episode=kept.episode, what="its set")
    missing = [one for one in kept.late if looking.late_state(kept.episode, one.commitment) is None]
    if missing or len(kept.late) not in (state.late, state.late - 1):
        yield EpisodeDiffers(episode=kept.episode, what="its late additions")


def _is_sealed_so(kept: Kept, state: EpisodeState) -> bool:
    seal = kept.seal
    return (seal.subject, seal.root, seal.count, seal.institution, seal.patient) == (
        state.subject,
        state.root,
        state.count,
        state.institution,
        state.patient,
    )


def _kept_values(step: Step, kept: Kept) -> dict[str, Any]:
    words = SEAL_REASONS[kept.seal.reason]
    return {
        "episode": kept.episode,
        "step": step.name.lower(),
        "source": kept.source.decode(),
        "encounter": kept.encounter.decode(),
        "reason": kept.seal.reason.name.lower(),
        "reason_en": words[0],
        "reason_zh": words[1],
        "account": kept.seal.institution.account,
        "statement": kept.statement.decode(),
        "root": kept.seal.root.hex(),
        "records": len(kept.records),
        "held": [one.hex() for one in held_commitments(kept)],
    }


def _registered(archive: Archive, record: str) -> Registered:
    opened = archive.vault.open_record(record)
    details = opened.stored.details
    row = OutboxStore(archive.vault.database, archive.vault.keyring.keys).by_batch(details.batch)
    index = row.index if row is not None and row.height else archive.node.consortium.tip.log_size
    return Registered(details.commitment, Place(index, 0, details.item), opening_of(archive, opened, SHOWN))


@contextmanager
def _store(archive: Archive) -> Iterator[EpisodeStore]:
    store = EpisodeStore(archive.node.home.episodes, archive.vault.keyring.keys)
    store.open()
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _looking(archive: Archive) -> Iterator[Looking]:
    node = archive.node
    with _store(archive) as store:
        yield Looking(node.private_ledger().rules.suite, PrivateCalls(node), archive.vault, store)


def _id(key: bytes) -> str:
    return str(decode(tuple[str, ...], key)[-1])

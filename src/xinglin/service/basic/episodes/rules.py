"""Pure rules of sealed episodes: what the sides sign, how late additions are chained (docs/spec/episode.md)."""

from __future__ import annotations

from collections.abc import Sequence

from xinglin.kernel.hashing import Hash, Tag, tagged
from xinglin.service.basic.episodes.model import NO_LATE, EpisodeState, OpenEpisode, SealEpisode, Side


def subject_commitment(hash_: Hash, salt: bytes, source: bytes, encounter: bytes) -> bytes:
    """Return H("episode", salt, source, encounter)."""
    return tagged(hash_, Tag.EPISODE, salt, source, encounter)


def seal_message(hash_: Hash, chain: str, call: SealEpisode) -> bytes:
    """Return the 32 bytes that both sides sign to seal: everything that is sealed, and who both sides are."""
    what = (call.episode, call.subject, call.root, call.count, int(call.reason))
    sides = (call.institution.account, call.institution.key, call.patient.person, call.patient.key)
    return tagged(hash_, Tag.EPISODE_SEAL, chain, *what, *sides)


def open_message(hash_: Hash, chain: str, episode: str, subject: bytes, root: bytes) -> bytes:
    """Return the 32 bytes that both sides sign to open an episode."""
    return tagged(hash_, Tag.EPISODE_OPEN, chain, episode, subject, root)


def next_late(hash_: Hash, last: bytes, record: bytes, time: int) -> bytes:
    """Return what chains one more late addition."""
    return tagged(hash_, Tag.EPISODE_LATE, last, record, time)


def late_chain(hash_: Hash, additions: Sequence[tuple[bytes, int]]) -> bytes:
    """Return what late additions, each (record, time) in order, are chained to."""
    last = NO_LATE
    for record, time in additions:
        last = next_late(hash_, last, record, time)
    return last


def side_in_form(call: OpenEpisode, state: EpisodeState) -> bool:
    """Tell whether a side signs as it may: the patient's with the key of the sealing, the other with an account."""
    if call.side is Side.PATIENT:
        return not call.account and call.key == state.patient.key
    return len(call.account) == 1 and call.key != state.patient.key


def is_open(state: EpisodeState) -> bool:
    """Tell whether both sides have opened an episode."""
    return len(state.opening) == 2

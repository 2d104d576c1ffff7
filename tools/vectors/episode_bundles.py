"""Vectors of episode bundles (docs/spec/proof-bundle.md, P1 and P21 to P27): one value changed, another member's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec.structs import replace

from tools.vectors.proofs import ProvenWorld
from xinglin.carrier.ledger.bundle_model import Bundle, EpisodeBundle, LateAddition, Registration, StateEntry
from xinglin.carrier.ledger.proof import prove_states
from xinglin.kernel.encoding import decode, pack, state_key
from xinglin.service.basic.coordination.bundles.make import Place, make_record_bundle

Change = Callable[[EpisodeBundle], EpisodeBundle]
PLAIN, WHOLE = "episode", "episode with registrations and reads"
_VERSION = b"episode-bundle\x01"


def changed(world: ProvenWorld) -> Iterator[tuple[int, str, str, bytes]]:
    """Yield (step that fails, name, the good bundle that it differs from, bytes)."""
    good = world.episode_bundles
    for step, name, of, change in CHANGES:
        yield step, name, of, pack(change(decode(EpisodeBundle, good[of])))
    data = good[PLAIN]
    yield 1, "a later version of an episode bundle", PLAIN, data.replace(_VERSION, _VERSION[:-1] + b"\x02", 1)
    yield 1, "an unknown claim of an episode bundle", PLAIN, data.replace(b"\xa7episode\xba", b"\xa7episoda\xba", 1)
    yield 1, "an episode bundle cut short", PLAIN, data[:-1]
    whole = decode(EpisodeBundle, good[WHOLE])
    more = [*[state.key for state in whole.keys], state_key("registry", "member", world.members["hospital-a"].member)]
    keys = prove_states(world.ledger, world.checkpoint.head.height, more)
    yield 24, "a key of the institution that nothing needs", WHOLE, pack(replace(whole, keys=keys))
    yield 26, "a registration by another member", WHOLE, pack(replace(whole, registrations=(_foreign(world),)))


def _foreign(world: ProvenWorld) -> Registration:
    """Return the registration of a sealed record's commitment that another member made."""
    commitment = world.records[2].digests.commitment
    place = Place(world.entry("records", "register", 4))
    bundle = decode(Bundle, make_record_bundle(world.ledger, world.checkpoint, place, commitment))
    return Registration(commitment, bundle.entry, bundle.states, ())


def _sealed(**changes: Any) -> Change:
    return lambda b: replace(b, sealed=replace(b.sealed, **changes))


def _late(**changes: Any) -> Change:
    return lambda b: replace(b, late=(replace(b.late[0], **changes),))


def _state(**changes: Any) -> Change:
    return lambda b: replace(b, state=replace(b.state, **changes))


def _registration(**changes: Any) -> Change:
    return lambda b: replace(b, registrations=(replace(b.registrations[0], **changes), *b.registrations[1:]))


def _reads(**changes: Any) -> Change:
    return lambda b: replace(b, reads=(replace(b.reads[0], **changes), *b.reads[1:]))


def _head(bundle: EpisodeBundle, number: int) -> StateEntry:
    return bundle.reads[number].head


CHANGES: tuple[tuple[int, str, str, Change], ...] = (
    (14, "another subject of its anchor", PLAIN, lambda b: replace(b, anchor=replace(b.anchor, subject=b"\x92"))),
    (21, "another episode", PLAIN, lambda b: replace(b, subject="a" * 26)),
    (21, "the sealing's leaf changed", PLAIN, lambda b: _sealed(leaf=replace(b.sealed.leaf, index=9))(b)),
    (21, "the sealing's signature changed", PLAIN, _sealed(signatures=(bytes(64),))),
    (21, "an access entry as the sealing", WHOLE, lambda b: replace(b, sealed=b.reads[0].entries[0])),
    (22, "a record left out", PLAIN, lambda b: replace(b, records=b.records[1:])),
    (22, "a record added", PLAIN, lambda b: replace(b, records=(*b.records, bytes(32)))),
    (22, "records in another order", PLAIN, lambda b: replace(b, records=b.records[::-1])),
    (22, "a record twice", PLAIN, lambda b: replace(b, records=(*b.records[:-1], b.records[0]))),
    (23, "the state of something else", WHOLE, lambda b: replace(b, state=_head(b, 0))),
    (23, "the episode's value left out", PLAIN, _state(value=())),
    (23, "the episode's value changed", PLAIN, _state(value=(b"\x00",))),
    (23, "the episode's proof changed", PLAIN, _state(proof=b"\x00")),
    (24, "the institution's key left out", PLAIN, lambda b: replace(b, keys=())),
    (25, "a late addition left out", PLAIN, lambda b: replace(b, late=())),
    (25, "a late addition at another time", PLAIN, lambda b: _late(time=b.late[0].time - 1)(b)),
    (25, "a late addition exchanged", PLAIN, _late(record=bytes(32))),
    (25, "a late addition more", PLAIN, lambda b: replace(b, late=(*b.late, LateAddition(bytes(32), b.late[0].time)))),
    (26, "a registration of no record of the episode", WHOLE, _registration(record=bytes(32))),
    (26, "a registration without its states", WHOLE, _registration(states=())),
    (27, "reads of no record of the episode", WHOLE, _reads(record=bytes(32))),
    (27, "reads with an entry left out", WHOLE, lambda b: _reads(entries=b.reads[0].entries[1:])(b)),
    (27, "reads under another record's head", WHOLE, lambda b: _reads(head=_head(b, 1))(b)),
    (27, "reads without the reader's key", WHOLE, _reads(keys=())),
)  # fmt: skip

"""Vectors of access bundles (docs/spec/proof-bundle.md, P1 and P17 to P20): one value changed, or made by a liar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from tools.vectors.keys import fixed_id
from tools.vectors.proofs import ProvenWorld
from xinglin.carrier.ledger.bundle_model import AccessBundle, LogEntry
from xinglin.carrier.ledger.proof import prove_states
from xinglin.kernel.encoding import decode, pack, state_key

Change = Callable[[AccessBundle], AccessBundle]
LIST, ONE = "access list", "access entry"


def changed(world: ProvenWorld) -> Iterator[tuple[int, str, str, bytes]]:
    """Yield (step that fails, name, the good bundle that it differs from, bytes)."""
    good = world.access_bundles
    for step, name, of, change in CHANGES:
        yield step, name, of, pack(change(decode(AccessBundle, good[of])))
    whole = decode(AccessBundle, good[LIST])
    data = good[LIST]
    yield 1, "a later version of an access bundle", LIST, data.replace(b"access-bundle\x01", b"access-bundle\x02", 1)
    yield 1, "an unknown claim of an access bundle", LIST, data.replace(b"\xabaccess-list", b"\xabaccess-last", 1)
    yield 1, "an access bundle cut short", LIST, data[:-1]
    other = decode(AccessBundle, good["access list of nobody"]).head
    yield 19, "the head of another record", LIST, pack(replace(whole, head=other))
    more = [*[state.key for state in whole.keys], state_key("registry", "account", fixed_id("hospital-a service"))]
    keys = prove_states(world.ledger, world.checkpoint.head.height, more)
    yield 20, "a key that nothing needs", LIST, pack(replace(whole, keys=keys))


def _at(number: int, change: Callable[[LogEntry], LogEntry]) -> Change:
    """Change one of the entries."""

    def tweak(bundle: AccessBundle) -> AccessBundle:
        entries = list(bundle.entries)
        entries[number] = change(entries[number])
        return replace(bundle, entries=tuple(entries))

    return tweak


def _item(**changes: Any) -> Callable[[LogEntry], LogEntry]:
    return lambda entry: replace(entry, item=(replace(entry.item[0], **changes),))


def _entries(change: Callable[[Sequence[LogEntry]], Sequence[LogEntry]]) -> Change:
    return lambda bundle: replace(bundle, entries=tuple(change(bundle.entries)))


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


CHANGES: tuple[tuple[int, str, str, Change], ...] = (
    (14, "another subject of the anchor", LIST, lambda b: replace(b, anchor=replace(b.anchor, subject=b"\x92"))),
    (17, "an entry's leaf changed", LIST, _at(0, lambda e: replace(e, leaf=replace(e.leaf, index=9)))),
    (17, "an entry's log path changed", LIST, _at(0, lambda e: replace(e, log_path=e.log_path[1:]))),
    (17, "an entry's signature changed", LIST, _at(0, lambda e: replace(e, signatures=(bytes(64),)))),
    (17, "an entry's operation changed", LIST, _at(0, lambda e: replace(e, head=replace(e.head, method="ask")))),
    (17, "an entry without its item", LIST, _at(0, lambda e: replace(e, item=()))),
    (17, "another index of an entry's item", LIST, _at(0, _item(index=3))),
    (17, "an entry changed", LIST, _at(1, lambda e: _item(item=_flipped(e.item[0].item))(e))),
    (18, "another record", LIST, lambda b: replace(b, subject=bytes(32))),
    (18, "another entry", ONE, lambda b: replace(b, subject=_flipped(b.subject))),
    (18, "entries out of order", LIST, _entries(lambda entries: entries[::-1])),
    (18, "an entry twice", LIST, _entries(lambda entries: (entries[0], *entries))),
    (18, "one entry shown twice", ONE, _entries(lambda entries: (*entries, *entries))),
    (18, "no entry", ONE, _entries(lambda entries: ())),
    (19, "an entry left out", LIST, _entries(lambda entries: entries[1:])),
    (19, "the last entry left out", LIST, _entries(lambda entries: entries[:-1])),
    (19, "every entry left out", LIST, _entries(lambda entries: ())),
    (19, "the head left out", LIST, lambda b: replace(b, head=())),
    (19, "the head's value left out", LIST, lambda b: replace(b, head=(replace(b.head[0], value=()),))),
    (20, "a reader's key left out", LIST, lambda b: replace(b, keys=b.keys[1:])),
    (20, "keys out of order", LIST, lambda b: replace(b, keys=b.keys[::-1])),
    (20, "a key's value changed", ONE, lambda b: replace(b, keys=(replace(b.keys[0], value=(b"\x00",)),))),
)

"""Vectors of docs/spec/proof-bundle.md: bundles good and bad with exit status and failing step, and trust files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace as changed
from typing import Any

from msgspec.structs import replace

from tools.vectors import access_bundles, episode_bundles, forged
from tools.vectors.form import Case, file, splice
from tools.vectors.keys import FixedKey, fixed_id
from tools.vectors.members import Member
from tools.vectors.proofs import ProvenWorld
from xinglin.carrier.ledger.bundle_model import Bundle, EpochStep, EpochVote, ItemProof, LogEntry, Opened, Opening, Part
from xinglin.carrier.ledger.checkpoint import SignatureType, SignedNote
from xinglin.carrier.ledger.model import ReceiptFact
from xinglin.carrier.ledger.proof import prove_operation, prove_states
from xinglin.carrier.ledger.trust import Trust, encode_trust
from xinglin.kernel.encoding import decode, pack, state_key
from xinglin.service.basic.episodes.bundles.check import check_proof

Change = Callable[[Bundle], Bundle]
Bad = tuple[int, str, str, bytes]
"""The step that fails, the name of the case, the bundle that was changed, and its bytes."""


def bundles(world: ProvenWorld) -> str:
    """Return bundles-gm.json or bundles-intl.json."""
    trusts = _trusts(world)
    good = world.bundles | world.access_bundles | world.episode_bundles
    good |= {name: pack(bundle) for name, bundle in forged.holding(world)}
    cases: list[Case] = []
    for name, data in good.items():
        cases.append({"name": name, "hex": data.hex(), "trust": "genesis", "exit": 0, "step": None})
    cases += list(_by_trust(world, trusts))
    bad = [*_changed(good), *_unreadable(world), *_remade(world)]
    bad += [(step, name, of, pack(bundle)) for step, name, of, bundle in forged.failing(world)]
    bad += [*access_bundles.changed(world), *episode_bundles.changed(world)]
    cases += [_bad(world, good, *one) for one in bad]
    how = (
        "Bundles about the consortium chain of chain-gm.json or chain-intl.json. exit is the exit status with the trust"
        " named, step the step that does not pass. A case with splice is the bundle that it names with bytes replaced:"
        " [offset, how many are removed, hex of what is put there]."
    )
    return file(how, cases, trusts={name: trust.decode("utf-8") for name, trust in trusts.items()})


def _trusts(world: ProvenWorld) -> dict[str, bytes]:
    """Return trust files by name; the empty name is no trust."""

    def keys(*labels: str, quorum: int) -> bytes:
        members = [world.members[label] for label in labels]
        pinned = frozenset((member.member, member.key.public) for member in members)
        return encode_trust(Trust(chain=world.ledger.rules.chain, keys=pinned, quorum=quorum))

    return {
        "genesis": encode_trust(changed(world.trust, chain=world.ledger.rules.chain)),
        "another genesis": encode_trust(Trust(genesis=bytes(32))),
        "another chain": encode_trust(Trust(chain="c" + fixed_id("chain"), genesis=world.trust.genesis)),
        "two of three keys": keys("hospital-a", "platform", "regulator", quorum=2),
        "three of three keys": keys("hospital-a", "platform", "regulator", quorum=3),
        "keys of others": keys("regulator", "insurer", quorum=1),
    }


def _by_trust(world: ProvenWorld, trusts: dict[str, bytes]) -> Iterator[Case]:
    of = {"of": "record", "splice": [0, 0, ""]}
    yield {"name": "no trust", **of, "trust": None, "exit": 3, "step": None}
    yield {"name": "another genesis is pinned", **of, "trust": "another genesis", "exit": 1, "step": 3}
    yield {"name": "another chain is pinned", **of, "trust": "another chain", "exit": 1, "step": 3}
    yield {"name": "enough pinned keys", **of, "trust": "two of three keys", "exit": 0, "step": None}
    yield {"name": "too few pinned keys", **of, "trust": "three of three keys", "exit": 3, "step": None}
    yield {"name": "pinned keys of others", **of, "trust": "keys of others", "exit": 3, "step": None}
    bundle = decode(Bundle, world.bundles["record"])
    short = world.note(10, ("hospital-a", "hospital-b"))
    data = pack(replace(bundle, checkpoint=short.encode()))
    spliced = {"of": "record", "splice": splice(world.bundles["record"], data)}
    yield {"name": "short of the quorum", **spliced, "trust": "genesis", "exit": 3, "step": None}


def _bad(world: ProvenWorld, good: dict[str, bytes], step: int, name: str, of: str, data: bytes) -> Case:
    report = check_proof(data, world.trust)
    if report.failed is None or report.failed.number != step:
        raise AssertionError(f"{name}: {report.steps[-1]}")
    spliced = {"of": of, "splice": splice(good[of], data)}
    return {"name": name, **spliced, "trust": "genesis", "exit": int(report.verdict), "step": step}


def _unreadable(world: ProvenWorld) -> Iterator[Bad]:
    data = world.bundles["record"]
    yield 1, "a byte after it", "record", data + b"\x00"
    yield 1, "cut short", "record", data[:-1]
    yield 1, "not in canonical form", "record", b"\xdc\x00\x0a" + data[1:]
    yield 1, "another kind", "record", data.replace(b"\xa6bundle", b"\xa6bundel", 1)
    yield 1, "a later version", "record", data.replace(b"\xa6bundle\x01", b"\xa6bundle\x02", 1)
    yield 1, "a later version of the leaf", "record", data.replace(b"\xa4leaf\x01", b"\xa4leaf\x02", 1)
    yield 1, "an unknown claim", "record", data.replace(b"\xa6record", b"\xa6friend", 1)
    yield 1, "an unknown kind of member", "record", pack(_raw_founder_kind(decode(Bundle, data)))
    genesis = b"\xa7genesis\x01" + bytes([{"gm": 1, "intl": 2}[world.suite.name], 1])
    yield 2, "an unknown suite", "record", data.replace(genesis, genesis[:-2] + b"\x03\x01", 1)
    yield 2, "an unknown profile", "record", data.replace(genesis, genesis[:-1] + b"\x04", 1)


def _raw_founder_kind(bundle: Bundle) -> Bundle:
    first, *others = bundle.genesis.founders
    strange = replace(first, kind=6)
    return replace(bundle, genesis=replace(bundle.genesis, founders=(strange, *others)))


def _changed(good: dict[str, bytes]) -> Iterator[Bad]:
    """Yield bundles in which one value was changed and nothing that rests on it was made again."""
    for step, name, of, change in CHANGES:
        yield step, name, of, pack(change(decode(Bundle, good[of])))


def _entry(**changes: object) -> Change:
    return lambda bundle: replace(bundle, entry=replace(bundle.entry, **changes))


def _leaf(**changes: object) -> Change:
    return lambda bundle: _entry(leaf=replace(bundle.entry.leaf, **changes))(bundle)


def _note(change: Callable[[bytes], bytes]) -> Change:
    return lambda bundle: replace(bundle, checkpoint=change(bundle.checkpoint))


def _step(change: Callable[[EpochStep], EpochStep]) -> Change:
    return lambda bundle: replace(bundle, epochs=tuple(change(step) for step in bundle.epochs))


def _opening(change: Callable[[Opening], Opening]) -> Change:
    return lambda bundle: replace(bundle, opening=tuple(change(one) for one in bundle.opening))


def _other(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _path(path: Sequence[bytes]) -> tuple[bytes, ...]:
    return (_other(path[0]), *path[1:])


CHANGES: tuple[tuple[int, str, str, Change], ...] = (
    (2, "a proof of key changed", "record", lambda b: replace(b, genesis=_reproved(b))),
    (2, "half the votes", "record", lambda b: replace(b, genesis=replace(b.genesis, threshold=1))),
    (3, "another genesis", "record", lambda b: replace(b, genesis=replace(b.genesis, time=b.genesis.time + 1))),
    (4, "a vote left out", "record", _step(lambda s: replace(s, votes=s.votes[:1]))),
    (
        4,
        "a vote changed",
        "record",
        _step(lambda s: replace(s, votes=(EpochVote(s.votes[0].member, bytes(64)), s.votes[1]))),
    ),
    (4, "an epoch changed", "record", _step(lambda s: replace(s, epoch=replace(s.epoch, from_height=7)))),
    (4, "an epoch twice", "record", lambda b: replace(b, epochs=b.epochs * 2)),
    (5, "a note in another form", "record", _note(lambda note: note.replace(b"\nheight ", b"\nheight +", 1))),
    (5, "no cosignature", "record", _note(lambda note: note.partition(b"\n\n")[0] + b"\n\n")),
    (6, "another time in the note", "record", _note(lambda note: note.replace(b"\ntime 17", b"\ntime 18", 1))),
    (7, "another log index", "record", lambda b: _leaf(index=b.entry.leaf.index + 1)(b)),
    (7, "an earlier time", "record", lambda b: _leaf(time=b.entry.leaf.time - 1)(b)),
    (7, "another body id", "record", lambda b: _leaf(body=_other(b.entry.leaf.body))(b)),
    (7, "a header changed", "record", lambda b: _entry(header=replace(b.entry.header, nonce=bytes(16)))(b)),
    (
        7,
        "a number of operations for which the path would do as well",
        "the first of three operations",
        lambda b: _entry(header=replace(b.entry.header, operation_count=4))(b),
    ),
    (7, "a signature changed", "record", _entry(signatures=(bytes(64),))),
    (
        7,
        "a receipt changed",
        "record",
        lambda b: _entry(receipt=replace(b.entry.receipt, facts=(ReceiptFact("x", 1),)))(b),
    ),
    (7, "the log path changed", "record", lambda b: _entry(log_path=_path(b.entry.log_path))(b)),
    (7, "the log path lengthened", "record", lambda b: _entry(log_path=(*b.entry.log_path, bytes(32)))(b)),
    (9, "another operation", "record", lambda b: _entry(head=replace(b.entry.head, method="order"))(b)),
    (9, "another position", "record of two signers", _entry(position=0)),
    (10, "no item", "record", _entry(item=())),
    (
        10,
        "an item changed",
        "record",
        lambda b: _entry(item=(replace(b.entry.item[0], item=_other(b.entry.item[0].item)),))(b),
    ),
    (10, "another index of the item", "record", lambda b: _entry(item=(replace(b.entry.item[0], index=3),))(b)),
    (10, "an item where there is no batch", "anchor", lambda b: _entry(item=(_some_item(b),))(b)),
    (11, "states out of order", "record", lambda b: replace(b, states=b.states[::-1])),
    (11, "a state twice", "record", lambda b: replace(b, states=(b.states[0], *b.states))),
    (
        11,
        "a value changed",
        "record",
        lambda b: replace(b, states=tuple(replace(s, value=(b"\x00",)) for s in b.states)),
    ),
    (11, "a value left out", "record", lambda b: replace(b, states=tuple(replace(s, value=()) for s in b.states))),
    (11, "a state proof of a later version", "record", lambda b: replace(b, states=_later(b))),
    (12, "the key's state left out", "record", lambda b: replace(b, states=_without(b, "key"))),
    (13, "the member's state left out", "record", lambda b: replace(b, states=_without(b, "member"))),
    (14, "the record's status left out", "record", lambda b: replace(b, states=_without(b, "record-status"))),
    (14, "another subject", "record", lambda b: replace(b, subject=_other(b.subject))),
    (14, "another claim", "record", lambda b: replace(b, claim="anchor")),
    (14, "another claim about an anchor", "anchor", lambda b: replace(b, claim="record")),
    (14, "another size", "anchor", lambda b: replace(b, subject=_other(b.subject))),
    (15, "a part changed", "record opened", _opening(lambda o: replace(o, behaviour=_opened(o.behaviour)))),
    (
        15,
        "another digest",
        "record opened",
        _opening(lambda o: replace(o, original=replace(o.original, digest=bytes(32)))),
    ),
    (
        15,
        "digests exchanged",
        "record opened",
        _opening(lambda o: replace(o, original=Part(o.copy.digest, ()), copy=o.original)),
    ),
    (15, "an anchor opened", "anchor", lambda b: replace(b, opening=(Opening(*[Part(bytes(32), ())] * 3),))),
)


def _reproved(bundle: Bundle) -> Any:
    first, *others = bundle.genesis.founders
    return replace(bundle.genesis, founders=(replace(first, proof=_other(first.proof)), *others))


def _some_item(bundle: Bundle) -> Any:
    return ItemProof(bundle.subject, 0, ())


def _later(bundle: Bundle) -> Any:
    first, *others = bundle.states
    return (replace(first, proof=first.proof.replace(b"state-proof\x01", b"state-proof\x02")), *others)


def _without(bundle: Bundle, part: str) -> Any:
    kept = []
    for state in bundle.states:
        namespace, first = decode(list[Any], state.key)[:2]
        if part not in (namespace, first):
            kept.append(state)
    return tuple(kept)


def _opened(part: Part) -> Part:
    (one,) = part.opened
    return replace(part, opened=(Opened(one.salt, one.data + b"\x00"),))


def _remade(world: ProvenWorld) -> Iterator[Bad]:
    """Yield bundles that a member, or a thief of a key, could make: what is signed is signed by them."""
    data = world.bundles["record"]
    bundle = decode(Bundle, data)
    yield 6, "a stranger cosigned", "record", pack(replace(bundle, checkpoint=_with_stranger(world)))
    joined = world.note(10, ("hospital-a", "platform", "insurer")).encode()
    left_out = pack(replace(bundle, epochs=(), checkpoint=joined))
    yield 6, "the epoch left out by which a cosigner joined", "record", left_out
    yield 6, "a log witness for a cosignature", "record", pack(replace(bundle, checkpoint=_with_witness(world)))
    yield 5, "an epoch that is not yet in force", "record", pack(_at_height(world, bundle, 5))
    yield 9, "a batch that was refused", "record", pack(_of_entry(world, bundle, world.entry("records", "register", 2)))
    yield 12, "a key that was compromised before", "record", pack(_stolen(world, bundle))
    more = [*_keys(bundle), state_key("registry", "account", fixed_id("hospital-a service"))]
    states = prove_states(world.ledger, 10, more)
    yield 16, "a state that nothing needs", "record", pack(replace(bundle, states=states))
    opening = world.records[1].opening("behaviour")
    yield 15, "the opening of another record", "record", pack(replace(bundle, opening=(opening,)))


def _with_stranger(world: ProvenWorld) -> bytes:
    head = world.checkpoint.head
    stranger = Member(world.suite, "stranger", world.members["platform"].kind, "Stranger", ())
    return SignedNote(head, tuple(sorted([*world.checkpoint.signatures, stranger.cosign(head)]))).encode()


def _with_witness(world: ProvenWorld) -> bytes:
    head = world.checkpoint.head
    line = world.members["regulator"].cosign(head, SignatureType.WITNESS)
    return SignedNote(head, tuple(sorted([*world.checkpoint.signatures, line]))).encode()


def _keys(bundle: Bundle) -> list[bytes]:
    return [state.key for state in bundle.states]


def _at_height(world: ProvenWorld, bundle: Bundle, height: int) -> Bundle:
    """Return the bundle under the checkpoint of an earlier height, with the epoch of a later one."""
    head = world.ledger.head_at(height)
    states = prove_states(world.ledger, height, _keys(bundle))
    item = bundle.entry.item[0].index
    entry = prove_operation(world.ledger, head.size, bundle.entry.leaf.index, 0, item)
    return replace(bundle, checkpoint=world.note(height).encode(), entry=entry, states=states)


def _of_entry(world: ProvenWorld, bundle: Bundle, index: int) -> Bundle:
    entry: LogEntry = prove_operation(world.ledger, world.checkpoint.head.size, index, 0, bundle.entry.item[0].index)
    return replace(bundle, entry=entry)


def _stolen(world: ProvenWorld, bundle: Bundle) -> Bundle:
    """Return the bundle of what a stolen key registered."""
    index, commitment = world.entry("records", "register", 3), world.batches["stolen"][1][0][3:35]
    member, key = world.members["hospital-a"].member, FixedKey(world.suite, "stolen").public
    keys = [
        state_key("registry", "key", key),
        state_key("registry", "member", member),
        state_key("record-status", member, commitment),
    ]
    entry = prove_operation(world.ledger, world.checkpoint.head.size, index, 0, 0)
    return replace(bundle, subject=commitment, entry=entry, states=prove_states(world.ledger, 10, keys))


def trusts() -> str:
    """Return trust.json."""
    member, key = fixed_id("hospital-a"), "04" + "00" * 64
    whole = {
        "xinglin_trust": 1,
        "chain": "c" + fixed_id("chain"),
        "genesis": "00" * 32,
        "keys": [{"member": member, "key": key}, {"member": fixed_id("platform"), "key": "00" * 32}],
        "quorum": 2,
    }
    good = (
        ("genesis and keys", whole),
        ("a genesis alone", {"xinglin_trust": 1, "genesis": "00" * 32}),
        ("keys alone", {name: whole[name] for name in ("xinglin_trust", "keys", "quorum")}),
    )
    cases: list[Case] = [{"name": name, "valid": True, "text": json.dumps(value)} for name, value in good]
    bad: tuple[tuple[str, object], ...] = (
        ("nothing pinned", {"xinglin_trust": 1, "chain": whole["chain"]}),
        ("no version", {"genesis": "00" * 32}),
        ("a later version", whole | {"xinglin_trust": 2}),
        ("an unknown member", whole | {"more": 1}),
        ("a chain that is none", whole | {"chain": "x"}),
        ("a hash in capitals", whole | {"genesis": "AB" * 32}),
        ("a hash that is short", whole | {"genesis": "00" * 31}),
        ("no keys", whole | {"keys": []}),
        ("keys without a quorum", {name: whole[name] for name in ("xinglin_trust", "keys")}),
        ("a quorum without keys", {name: whole[name] for name in ("xinglin_trust", "genesis", "quorum")}),
        ("a quorum of none", whole | {"quorum": 0}),
        ("a quorum over the keys", whole | {"quorum": 3}),
        ("a quorum that is a string", whole | {"quorum": "2"}),
        ("a key twice", whole | {"keys": [{"member": member, "key": key}] * 2}),
        ("a key of no suite's length", whole | {"keys": [{"member": member, "key": "00" * 33}], "quorum": 1}),
        ("a key with more", whole | {"keys": [{"member": member, "key": key, "more": 1}], "quorum": 1}),
        ("a key of no member", whole | {"keys": [{"member": "x", "key": key}], "quorum": 1}),
        ("an array", [whole]),
        ("a number", 1),
    )
    cases += [{"name": name, "valid": False, "text": json.dumps(value)} for name, value in bad]
    once = json.dumps(whole)
    texts = (("a name twice", once[:-1] + ', "quorum": 2}'), ("cut short", once[:-1]), ("nothing", ""))
    cases += [{"name": name, "valid": False, "text": text} for name, text in (*texts, ("text after it", once + "x"))]
    return file("The bytes of a trust file are the UTF-8 of text.", cases)

"""What a bundle is made of, under a real chain: each piece holds, and with one thing changed fails at its own step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace as changed

import pytest
from msgspec.structs import replace

from tests.support.sample_world import Sample
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.bundle_model import LogEntry, StateEntry
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import LogEntryNotFound, ProofInvalid, ProofUnknown
from xinglin.carrier.ledger.model import ReceiptFact
from xinglin.carrier.ledger.proof import (
    check_item,
    check_leaf,
    check_operation,
    check_states,
    check_transaction_signatures,
    prove_operation,
    prove_states,
    untyped,
)
from xinglin.kernel.encoding import MAX_INTEGER, pack, state_key
from xinglin.kernel.errors import Invalid
from xinglin.kernel.hashing import Tag, tagged

Change = Callable[[LogEntry], LogEntry]


def check(suite: Suite, entry: LogEntry, head: Head) -> str:
    """Return the number of the step at which an entry fails, an empty string when it holds."""
    try:
        check_leaf(suite, entry, head)
        check_transaction_signatures(suite, entry)
        check_operation(suite, entry)
        check_item(suite, entry)
    except ProofInvalid as refusal:
        return str(refusal.facts["step"])
    return ""


@pytest.fixture(scope="module")
def head(sample: Sample) -> Head:
    """Return the newest head of the chain."""
    return sample.checkpoint.head


@pytest.fixture(scope="module")
def entry(sample: Sample, head: Head) -> LogEntry:
    """Return an item of the second of two operations, signed by two keys."""
    place = sample.place(4)
    return prove_operation(sample.ledger, head.size, place.entry, place.operation, place.item)


@pytest.mark.requirement("S9.2", "W9")
def test_every_operation_of_every_logged_transaction_can_be_proven(sample: Sample, head: Head) -> None:
    shown = 0
    for index in range(head.size):
        logged = sample.ledger.entry(index)
        for position, operation in enumerate(logged.transaction.operations):
            for item in range(len(operation.items)) or (None,):
                proven = prove_operation(sample.ledger, head.size, index, position, item)
                assert check(sample.suite, proven, head) == ("P9" if logged.receipt.number else "")
                shown += 1
    assert shown > head.size


def test_an_entry_is_proven_under_every_later_head(sample: Sample) -> None:
    place = sample.place(0)
    for height in range(5, 11):
        head = sample.ledger.head_at(height)
        proven = prove_operation(sample.ledger, head.size, place.entry, place.operation, place.item)
        assert check(sample.suite, proven, head) == ""
        for other in (sample.ledger.head_at(other) for other in range(11)):
            same = (other.size, other.log_root) == (head.size, head.log_root) and other.height >= proven.leaf.height
            assert (check(sample.suite, proven, other) == "") == same


def test_only_the_operation_asked_for_is_shown(entry: LogEntry, sample: Sample) -> None:
    other = sample.ledger.entry(entry.leaf.index).transaction.operations[0]
    shown = pack(entry)
    assert other.head.arguments not in shown
    assert not any(item in shown for item in other.items)


def other_bytes(data: bytes) -> bytes:
    """Return other bytes of the same length."""
    return bytes([data[0] ^ 1]) + data[1:]


def changed_first(path: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return a path whose nearest hash is another."""
    return (other_bytes(path[0]), *path[1:])


CHANGES: dict[str, tuple[str, Change]] = {
    "P7 of another chain": ("P7", lambda e: replace(e, header=replace(e.header, chain="c" + "a" * 26))),
    "P7 another nonce": ("P7", lambda e: replace(e, header=replace(e.header, nonce=bytes(16)))),
    "P7 other signatures": ("P7", lambda e: replace(e, signatures=e.signatures[::-1])),
    "P7 another receipt": (
        "P7",
        lambda e: replace(e, receipt=replace(e.receipt, facts=(*e.receipt.facts, ReceiptFact("more", 1)))),
    ),
    "P7 another valid_until": ("P7", lambda e: replace(e, leaf=replace(e.leaf, valid_until=e.leaf.valid_until + 1))),
    "P7 another time": ("P7", lambda e: replace(e, leaf=replace(e.leaf, time=e.leaf.time - 1))),
    "P7 a later time": ("P7", lambda e: replace(e, leaf=replace(e.leaf, time=e.leaf.valid_until))),
    "P7 another height": ("P7", lambda e: replace(e, leaf=replace(e.leaf, height=e.leaf.height - 1))),
    "P7 a later height": ("P7", lambda e: replace(e, leaf=replace(e.leaf, height=11))),
    "P7 another index": ("P7", lambda e: replace(e, leaf=replace(e.leaf, index=e.leaf.index + 1))),
    "P7 an index beyond the log": ("P7", lambda e: replace(e, leaf=replace(e.leaf, index=22))),
    "P7 another path": ("P7", lambda e: replace(e, log_path=changed_first(e.log_path))),
    "P7 a shorter path": ("P7", lambda e: replace(e, log_path=e.log_path[:-1])),
    "P7 a longer path": ("P7", lambda e: replace(e, log_path=(*e.log_path, bytes(32)))),
    "P9 another operation": ("P9", lambda e: replace(e, head=replace(e.head, method="order"))),
    "P9 another position": ("P9", lambda e: replace(e, position=0)),
    "P9 a position beyond": ("P9", lambda e: replace(e, position=2)),
    "P7 another number of operations": (
        "P7",
        lambda e: replace(e, header=replace(e.header, operation_count=e.header.operation_count + 1)),
    ),
    "P9 another path": ("P9", lambda e: replace(e, path=changed_first(e.path))),
    "P10 no item": ("P10", lambda e: replace(e, item=())),
    "P10 another item": (
        "P10",
        lambda e: replace(e, item=(replace(e.item[0], item=other_bytes(e.item[0].item)),)),
    ),
    "P10 another index": ("P10", lambda e: replace(e, item=(replace(e.item[0], index=1),))),
    "P10 another path": ("P10", lambda e: replace(e, item=(replace(e.item[0], path=(bytes(32),)),))),
}


@pytest.mark.parametrize("change", CHANGES)
def test_one_change_fails_at_its_step(change: str, entry: LogEntry, head: Head, sample: Sample) -> None:
    step, make = CHANGES[change]
    assert check(sample.suite, entry, head) == ""
    assert check(sample.suite, make(entry), head) == step


ALONE: dict[str, tuple[dict[str, object], dict[str, object], str]] = {
    "as it is": ({}, {}, ""),
    "of another chain": ({"chain": "c" + "a" * 26}, {}, "P7"),
    "logged when it had expired": ({}, {"time": MAX_INTEGER}, "P7"),
    "logged after the checkpoint": ({}, {"height": 11}, "P7"),
    "logged later than the checkpoint": ({"valid_until": MAX_INTEGER}, {"time": MAX_INTEGER}, "P7"),
}


@pytest.mark.parametrize("name", ALONE)
def test_a_leaf_is_refused_even_in_a_log_made_for_it(name: str, entry: LogEntry, head: Head, sample: Sample) -> None:
    """As a lying quorum could: the leaf is the only one of a log whose root the checkpoint names."""
    in_header, in_leaf, step = ALONE[name]
    hash_, header = sample.suite.hash, replace(entry.header, **in_header)
    leaf = replace(
        entry.leaf,
        index=0,
        valid_until=header.valid_until,
        body=tagged(hash_, Tag.BODY, header),
        transaction=tagged(hash_, Tag.TRANSACTION, header, entry.signatures),
        **in_leaf,
    )
    time = MAX_INTEGER if name == "logged when it had expired" else head.time
    lying = changed(head, size=1, log_root=sample.suite.leaf_hash(pack(leaf)), time=time)
    alone = replace(entry, header=header, leaf=leaf, log_path=())
    assert check(sample.suite, alone, lying) == step


def test_signatures_that_nobody_made_fail_at_p8(entry: LogEntry, head: Head, sample: Sample) -> None:
    for signatures in ((), entry.signatures[:1], entry.signatures[::-1], (bytes(64),) * 2):
        with pytest.raises(ProofInvalid) as refusal:
            check_transaction_signatures(sample.suite, replace(entry, signatures=signatures))
        assert refusal.value.facts["step"] == "P8"
    unsigned = replace(entry, header=replace(entry.header, signers=()), signatures=())
    twice = replace(entry, header=replace(entry.header, signers=entry.header.signers[:1] * 2))
    for wrong in (unsigned, replace(twice, signatures=entry.signatures[:1] * 2)):
        with pytest.raises(ProofInvalid):
            check_transaction_signatures(sample.suite, wrong)


def test_an_item_where_there_is_no_batch_fails_at_p10(entry: LogEntry, head: Head, sample: Sample) -> None:
    single = prove_operation(sample.ledger, head.size, sample.entry("anchor", "commit"), 0)
    assert check(sample.suite, single, head) == ""
    assert check(sample.suite, replace(single, item=entry.item), head) == "P10"


def test_an_entry_that_is_not_there_is_not_found(sample: Sample, head: Head) -> None:
    with pytest.raises(LogEntryNotFound):
        prove_operation(sample.ledger, head.size + 1, head.size, 0)


# --- states ---


@pytest.fixture(scope="module")
def keys(sample: Sample) -> list[bytes]:
    """Return a key that is there, one that came at height 9, and one that is not."""
    member, subject = sample.members["hospital-a"].member, sample.records[1].digests.commitment
    return [
        state_key("registry", "member", member),
        state_key("record-status", member, subject),
        state_key("record-status", member, bytes(32)),
    ]


def test_states_are_proven_as_of_a_height(sample: Sample, keys: list[bytes]) -> None:
    for height, destroyed in ((8, False), (9, True), (10, True)):
        states = prove_states(sample.ledger, height, [*keys, keys[0]])
        assert [state.key for state in states] == sorted(keys)
        said = check_states(sample.suite, states, sample.ledger.head_at(height))
        assert (said[keys[1]] is not None) == destroyed
        assert said[keys[0]] is not None
        assert said[keys[2]] is None
        with pytest.raises(ProofInvalid):
            check_states(sample.suite, states, sample.ledger.head_at(7))


STATE_CHANGES: dict[str, Callable[[Sequence[StateEntry]], Sequence[StateEntry]]] = {
    "out of order": lambda states: states[::-1],
    "one twice": lambda states: (states[0], *states),
    "another value": lambda states: [replace(one, value=tuple(v + b"x" for v in one.value)) for one in states],
    "a value for an absent key": lambda states: [replace(one, value=(b"x",)) for one in states],
    "no value for a key that is there": lambda states: [replace(one, value=()) for one in states],
    "another key": lambda states: [replace(states[0], key=states[0].key + b"\x00"), *states[1:]],
    "proofs exchanged": lambda states: [
        replace(one, proof=other.proof) for one, other in zip(states, states[::-1], strict=True)
    ],
    "no proof": lambda states: [replace(one, proof=b"") for one in states],
}


@pytest.mark.parametrize("change", STATE_CHANGES)
def test_a_changed_state_fails_at_p11(change: str, sample: Sample, keys: list[bytes]) -> None:
    states = prove_states(sample.ledger, 10, keys)
    with pytest.raises(ProofInvalid) as refusal:
        check_states(sample.suite, STATE_CHANGES[change](states), sample.ledger.head_at(10))
    assert refusal.value.facts["step"] == "P11"


def test_a_state_proof_of_a_later_version_is_not_decided(sample: Sample, keys: list[bytes]) -> None:
    (state,) = prove_states(sample.ledger, 10, keys[:1])
    later = replace(state, proof=state.proof.replace(b"state-proof\x01", b"state-proof\x02"))
    with pytest.raises(ProofUnknown) as refusal:
        check_states(sample.suite, [later], sample.ledger.head_at(10))
    assert refusal.value.facts == {"step": "P11", "what": "state-proof", "found": 2}


NO_VALUES = {
    "nil": b"\x91\xc0",
    "a truth value": b"\x91\xc3",
    "a float": b"\xcb" + bytes(8),
    "a map": b"\x80",
    "a negative number": b"\xff",
    "a number of 64 bits": b"\xcf\x80" + bytes(7),
    "a string that is not ASCII": b"\xa2\xc3\xa9",
    "a number in a longer form": b"\xcc\x01",
    "a byte after it": b"\x90\x00",
    "arrays 17 deep": b"\x91" * 16 + b"\x90",
    "over 2^20 values": b"\xdd\x00\x10\x00\x00" + bytes(1 << 20),
}


@pytest.mark.parametrize("name", NO_VALUES)
def test_what_no_object_holds_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        untyped(NO_VALUES[name])


def test_whatever_an_object_may_hold_is_read() -> None:
    for value in (0, MAX_INTEGER, b"\xff", "~", [], [1, [b"", ["x"]]], [1] * ((1 << 20) - 1)):
        assert untyped(pack(value)) == value
    assert untyped(b"\x91" * 15 + b"\x90") is not None


def test_a_version_that_no_object_can_have_does_not_hold(sample: Sample, keys: list[bytes]) -> None:
    (state,) = prove_states(sample.ledger, 10, keys[:1])
    for version in (b"\xcf\x80" + bytes(7), b"\xc3", b"\xff", b"\xa12"):
        strange = replace(state, proof=state.proof.replace(b"state-proof\x01", b"state-proof" + version))
        with pytest.raises(ProofInvalid):
            check_states(sample.suite, [strange], sample.ledger.head_at(10))

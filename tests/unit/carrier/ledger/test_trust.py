"""Trust files, chains of epochs and cosignatures: what makes a checkpoint trusted, and what does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace as changed

import pytest
from msgspec.structs import replace

from tests.support.contract_parties import Party, genesis_of, next_epoch
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.bundle_model import EpochStep, EpochVote
from xinglin.carrier.ledger.checkpoint import Head, SignatureType, SignedNote, sign_head
from xinglin.carrier.ledger.errors import ProofInvalid, TrustInvalid
from xinglin.carrier.ledger.genesis import epoch_hash, epoch_zero
from xinglin.carrier.ledger.model import Epoch, SuiteNumber
from xinglin.carrier.ledger.trust import (
    MAX_TRUST_BYTES,
    Trust,
    check_cosignatures,
    check_epochs,
    check_pinned,
    encode_trust,
    parse_trust,
)

CHAIN, HASH = "c" + "a" * 26, bytes(range(32))
ID, OTHER = "a" * 26, "e" * 26
KEY = {"member": ID, "key": "04" + "00" * 64}
GOOD = {"xinglin_trust": 1, "chain": CHAIN, "genesis": HASH.hex(), "keys": [KEY], "quorum": 1}


@pytest.mark.parametrize(
    "trust",
    [
        Trust(genesis=HASH),
        Trust(chain=CHAIN, genesis=HASH),
        Trust(keys=frozenset({(ID, bytes(32)), (OTHER, bytes(65))}), quorum=2),
        Trust(CHAIN, HASH, frozenset({(ID, bytes(32))}), 1),
    ],
)
def test_a_trust_comes_back_from_its_file(trust: Trust) -> None:
    assert parse_trust(encode_trust(trust)) == trust


def test_the_file_is_the_one_of_the_page() -> None:
    assert json.loads(encode_trust(Trust(chain=CHAIN, genesis=HASH))) == {
        "xinglin_trust": 1,
        "chain": CHAIN,
        "genesis": HASH.hex(),
    }
    assert parse_trust(json.dumps(GOOD).encode()) == Trust(CHAIN, HASH, frozenset({(ID, b"\x04" + bytes(64))}), 1)


MALFORMED: dict[str, bytes | dict[str, object]] = {
    "nothing": b"",
    "no JSON": b"{",
    "no object": b"[]",
    "not UTF-8": json.dumps(GOOD).encode() + b"\xff",
    "another encoding": json.dumps(GOOD).encode("utf-16"),
    "too deep": b'{"xinglin_trust":' + b"[" * 100_000,
    "too long": json.dumps(GOOD).encode() + b" " * MAX_TRUST_BYTES,
    "a member twice": json.dumps(GOOD).encode()[:-1] + b', "quorum": 1}',
    "a member unknown": GOOD | {"more": 1},
    "no version": {"genesis": HASH.hex()},
    "another version": GOOD | {"xinglin_trust": 2},
    "a version that is true": GOOD | {"xinglin_trust": True},
    "nothing pinned": {"xinglin_trust": 1, "chain": CHAIN},
    "a chain that is none": GOOD | {"chain": "c"},
    "no chain": GOOD | {"chain": None},
    "a hash in capitals": GOOD | {"genesis": HASH.hex().upper()},
    "a short hash": GOOD | {"genesis": "00"},
    "no keys": GOOD | {"keys": []},
    "keys without quorum": {"xinglin_trust": 1, "keys": [KEY]},
    "a quorum without keys": {"xinglin_trust": 1, "genesis": HASH.hex(), "quorum": 1},
    "a quorum of none": GOOD | {"quorum": 0},
    "a quorum over the keys": GOOD | {"quorum": 2},
    "a quorum that is no number": GOOD | {"quorum": "1"},
    "a quorum of 1.0": GOOD | {"quorum": 1.5},
    "a key twice": GOOD | {"keys": [KEY, KEY]},
    "one key for two": GOOD | {"keys": [KEY, KEY | {"member": OTHER}]},
    "a key of no length": GOOD | {"keys": [KEY | {"key": "00"}]},
    "a key with more": GOOD | {"keys": [KEY | {"more": 1}]},
    "a key of no member": GOOD | {"keys": [KEY | {"member": "x"}]},
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_file_in_another_form_is_refused(name: str) -> None:
    content = MALFORMED[name]
    with pytest.raises(TrustInvalid):
        parse_trust(content if isinstance(content, bytes) else json.dumps(content).encode())


@pytest.mark.parametrize(
    ("trust", "holds"),
    [
        (Trust(genesis=HASH), True),
        (Trust(chain=CHAIN, genesis=HASH), True),
        (Trust(chain="c" + "b" * 26, genesis=HASH), False),
        (Trust(chain=CHAIN, genesis=bytes(32)), False),
        (Trust(keys=frozenset({(ID, bytes(32))}), quorum=1), True),
    ],
)
def test_pinned_chain_and_genesis_must_be_these(trust: Trust, *, holds: bool) -> None:
    if holds:
        check_pinned(trust, CHAIN, HASH)
        return
    with pytest.raises(ProofInvalid) as refusal:
        check_pinned(trust, CHAIN, HASH)
    assert refusal.value.facts["step"] == "P3"


# --- epochs ---


@pytest.fixture(scope="module")
def first(founders: list[Party]) -> Epoch:
    """Return epoch 0 of three founders, of whom two must vote and cosign."""
    return epoch_zero(*genesis_of(*founders))


@pytest.fixture(scope="module")
def steps(first: Epoch, founders: list[Party], gm: Suite) -> list[EpochStep]:
    """Return two epochs after the first, each passed by two of three."""
    steps, before = [], first
    for height in (4, 9):
        epoch = next_epoch(before, epoch_hash(gm.hash, before), height, *(party.entry() for party in founders))
        steps.append(step(epoch, founders[:2]))
        before = epoch
    return steps


def step(epoch: Epoch, voters: Sequence[Party]) -> EpochStep:
    """Return an epoch with the votes of some."""
    return EpochStep(epoch, tuple(EpochVote(party.member, party.vote(epoch)) for party in voters))


def test_epochs_follow_one_another(first: Epoch, steps: list[EpochStep], gm: Suite) -> None:
    assert check_epochs(gm, first, steps) == [first, steps[0].epoch, steps[1].epoch]
    assert check_epochs(gm, first, []) == [first]


EpochChange = Callable[[EpochStep, list[Party]], EpochStep]


def revoted(**changes: object) -> EpochChange:
    """Return a change of the epoch's fields that its members vote for again."""
    return lambda one, parties: step(replace(one.epoch, **changes), parties[:2])


EPOCH_CHANGES: dict[str, EpochChange] = {
    "of another chain": revoted(chain=CHAIN),
    "a number too high": revoted(number=2),
    "after another epoch": revoted(previous=bytes(32)),
    "from no later height": revoted(from_height=0),
    "decided by a minority": revoted(threshold=1),
    "trusted by a minority": revoted(quorum=1),
    "with a key that is no point": lambda one, parties: step(
        replace(one.epoch, members=(replace(one.epoch.members[0], key=b"\x04" + bytes(64)), *one.epoch.members[1:])),
        parties[:2],
    ),
    "with a key of the other suite": lambda one, parties: step(
        replace(one.epoch, members=(replace(one.epoch.members[0], key=bytes(32)), *one.epoch.members[1:])), parties[:2]
    ),
    "without votes": lambda one, _: replace(one, votes=()),
    "with too few votes": lambda one, _: replace(one, votes=one.votes[:1]),
    "with one vote twice": lambda one, _: replace(one, votes=one.votes[:1] * 2),
    "with votes out of order": lambda one, _: replace(one, votes=one.votes[::-1]),
    "with a stranger's vote": lambda one, parties: replace(
        one, votes=tuple(sorted((*one.votes, EpochVote("a" * 26, parties[0].vote(one.epoch))), key=lambda v: v.member))
    ),
    "with a vote for another epoch": lambda one, parties: replace(
        one, votes=(one.votes[0], EpochVote(parties[1].member, parties[1].vote(replace(one.epoch, from_height=5))))
    ),
    "with another's signature": lambda one, _: replace(
        one, votes=(one.votes[0], replace(one.votes[1], signature=one.votes[0].signature))
    ),
    "with a third vote that does not verify": lambda one, parties: replace(
        one, votes=(*one.votes, EpochVote(parties[2].member, bytes(64)))
    ),
}


@pytest.mark.requirement("S9.1")
@pytest.mark.parametrize("change", EPOCH_CHANGES)
def test_an_epoch_that_does_not_follow_fails_at_p4(
    change: str, first: Epoch, steps: list[EpochStep], founders: list[Party], gm: Suite
) -> None:
    with pytest.raises(ProofInvalid) as refusal:
        check_epochs(gm, first, [EPOCH_CHANGES[change](steps[0], founders)])
    assert refusal.value.facts["step"] == "P4"


def test_an_epoch_that_is_left_out_fails_at_p4(first: Epoch, steps: list[EpochStep], gm: Suite) -> None:
    for wrong in (steps[1:], [steps[0], steps[0]], steps[::-1]):
        with pytest.raises(ProofInvalid):
            check_epochs(gm, first, wrong)


def test_who_has_no_vote_in_the_epoch_before_cannot_pass_the_next(founders: list[Party], gm: Suite) -> None:
    silent = changed(founders[2], votes=0)
    silent.key, silent.accounts = founders[2].key, founders[2].accounts
    first = epoch_zero(*genesis_of(*founders[:2], silent))
    epoch = next_epoch(first, epoch_hash(gm.hash, first), 4, *(party.entry() for party in founders))
    check_epochs(gm, first, [step(epoch, founders[:2])])
    with pytest.raises(ProofInvalid):
        check_epochs(gm, first, [step(epoch, [*founders[:2], silent])])


# --- cosignatures ---

HEAD = Head(CHAIN, 1, HASH, HASH, 9, 1)


def note(parties: Sequence[Party], head: Head = HEAD, type_: SignatureType = SignatureType.CHECKPOINT) -> SignedNote:
    """Return the checkpoint that parties signed."""
    lines = [
        sign_head(head, party.member, party.key.public, SuiteNumber.GM, type_, party.key.sign) for party in parties
    ]
    return SignedNote(HEAD, tuple(sorted(lines)))


def pin(*parties: Party, quorum: int) -> Trust:
    """Return the trust in keys of parties."""
    return Trust(keys=frozenset((party.member, party.key.public) for party in parties), quorum=quorum)


@pytest.mark.parametrize(("signers", "reached"), [(1, False), (2, True), (3, True)])
def test_a_quorum_of_the_epoch_makes_a_checkpoint_trusted(
    signers: int, first: Epoch, founders: list[Party], gm: Suite, *, reached: bool
) -> None:
    support = check_cosignatures(gm, SuiteNumber.GM, note(founders[:signers]), first, None)
    assert (support.counted, support.quorum, support.reached) == (signers, 2, reached)
    assert support.members == tuple(party.member for party in founders[:signers])


def test_with_pinned_keys_only_these_count(first: Epoch, founders: list[Party], gm: Suite) -> None:
    def reached(signers: Sequence[Party], trust: Trust) -> bool:
        return check_cosignatures(gm, SuiteNumber.GM, note(signers), first, trust).reached

    assert reached(founders[:1], pin(founders[0], quorum=1)), "the pinned quorum counts, not the epoch's"
    assert not reached(founders[:2], pin(*founders, quorum=3))
    assert not reached(founders[:2], pin(founders[2], quorum=1))
    swapped = Trust(keys=frozenset({(founders[1].member, founders[0].key.public)}), quorum=1)
    assert not reached(founders[:2], swapped), "a key counts as its member's only"


def test_a_line_that_is_not_right_fails_at_p6_even_if_others_suffice(
    first: Epoch, founders: list[Party], gm: Suite
) -> None:
    silent = replace(first, members=(*first.members[:2], replace(first.members[2], cosigns=0)))
    rekeyed = replace(first, members=(replace(first.members[0], key=HASH), *first.members[1:]))
    two = founders[:2]
    renamed = SignedNote(HEAD, tuple(changed(line, key_id=bytes(4)) for line in note(two).signatures))
    wrong = {
        "a stranger": (first, note([*two, Party(gm, founders[0].kind)])),
        "a member that does not cosign": (silent, note(founders)),
        "over another text": (first, note(two, changed(HEAD, height=10))),
        "under another key id": (first, renamed),
        "a witness": (first, note(two, type_=SignatureType.WITNESS)),
        "by an older key": (rekeyed, note(two)),
    }
    for name, (epoch, signed) in wrong.items():
        with pytest.raises(ProofInvalid) as refusal:
            check_cosignatures(gm, SuiteNumber.GM, signed, epoch, None)
        assert refusal.value.facts["step"] == "P6", name

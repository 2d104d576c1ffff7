"""Bundles that a lying quorum could make: a transaction that no ledger would log, alone in a log that members cosigned.

They fail at steps that a bundle of a true chain does not reach. Some hold, which shows what a verifier must accept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace as changed

from msgspec.structs import replace

from tools.vectors.keys import FixedKey, fixed_bytes
from tools.vectors.members import cosigned
from tools.vectors.proofs import ProvenWorld
from xinglin.carrier.ledger.build import build_transaction, operation
from xinglin.carrier.ledger.bundle_model import Bundle, EpochStep, EpochVote, LogEntry
from xinglin.carrier.ledger.genesis import epoch_hash
from xinglin.carrier.ledger.model import Leaf, Operation, Receipt, Transaction
from xinglin.carrier.ledger.proof import prove_states
from xinglin.kernel.encoding import decode, pack, state_key
from xinglin.kernel.hashing import Tag, preimage, tagged
from xinglin.service.basic.coordination.anchors.rules import head_text
from xinglin.service.basic.coordination.model import CommitAnchor

Good = tuple[str, Bundle]
"""The name of the case and the bundle."""
Bad = tuple[int, str, str, Bundle]
"""The step that fails, the name of the case, the good bundle that it differs from in few bytes, the bundle."""
COSIGNERS = ("hospital-b", "insurer", "platform")


ALONE, BOTH = ("hospital-a",), ("hospital-a", "platform")


def holding(world: ProvenWorld) -> Iterator[Good]:
    """Yield bundles that hold."""
    own, later = world.members["hospital-a"].key, _later(world)
    yield "the first of three operations", _bundle(world, "record", _three(world), ALONE)
    yield "an anchor of two signers", _bundle(world, "anchor", [_anchor(world, own)], BOTH)
    new = _bundle(world, "anchor", [_anchor(world, later)], ALONE, _new_key(world, later))
    yield "an anchor in the epoch of a new key", new


def failing(world: ProvenWorld) -> Iterator[Bad]:
    """Yield bundles that do not."""
    own, platform, later = world.members["hospital-a"].key, world.members["platform"].key, _later(world)
    of = "the first of three operations"
    yield 8, "a signature that nobody made", of, _bundle(world, "record", _three(world), ALONE, signed=False)
    yield 9, "three operations said to be two", of, _bundle(world, "record", _three(world), ALONE, operation_count=2)
    others = _bundle(world, "anchor", [_anchor(world, platform)], BOTH)
    yield 14, "an anchor signed by the second signer's member", "an anchor of two signers", others
    old = _bundle(world, "anchor", [_anchor(world, own)], ALONE, _new_key(world, later))
    yield 14, "an anchor signed by the key of the epoch before", "an anchor in the epoch of a new key", old


def _later(world: ProvenWorld) -> FixedKey:
    return FixedKey(world.suite, "hospital-a, later")


def _three(world: ProvenWorld) -> list[Operation]:
    """Return the registration of the first record's batch, and two other operations."""
    entries = world.place(0).entry, world.entry("records", "order"), world.entry("records", "confirm")
    return [world.ledger.entry(index).transaction.operations[0] for index in entries]


def _anchor(world: ProvenWorld, key: FixedKey) -> Operation:
    """Return the first anchor with its head signed by some key."""
    logged = world.ledger.entry(world.entry("anchor", "commit")).transaction.operations[0]
    call = decode(CommitAnchor, logged.head.arguments)
    signed = replace(call, signature=key.sign(head_text(call.chain, call.head)))
    return operation(world.suite, "anchor", "commit", signed)


def _new_key(world: ProvenWorld, key: FixedKey) -> tuple[EpochStep, ...]:
    """Return an epoch in force from height 8, in which the first hospital has another cosigning key."""
    before, hospital = world.epoch_one(), world.members["hospital-a"].member
    members = tuple(replace(one, key=key.public) if one.member == hospital else one for one in before.members)
    previous = epoch_hash(world.suite.hash, before)
    epoch = replace(before, number=2, previous=previous, from_height=8, members=members)
    voters = [world.members[label] for label in COSIGNERS]
    votes = sorted((EpochVote(voter.member, voter.vote(epoch)) for voter in voters), key=lambda vote: vote.member)
    return (EpochStep(epoch, tuple(votes)),)


def _bundle(
    world: ProvenWorld,
    of: str,
    operations: Sequence[Operation],
    signers: Sequence[str],
    epochs: tuple[EpochStep, ...] = (),
    operation_count: int | None = None,
    *,
    signed: bool = True,
) -> Bundle:
    """Return a bundle of the first operation of a transaction that is logged in the last block of a log of its own."""
    like, chain, at = decode(Bundle, world.bundles[of]), world.ledger.rules.chain, world.checkpoint.head
    keys, hash_ = [world.key(label) for label in signers], world.suite.hash
    nonce, until = fixed_bytes("nonce forged", 16), at.time + 1000
    built = build_transaction(world.suite, chain, nonce, until, operations, [key.signer for key in keys])
    header = decode(Transaction, built.raw).header
    header = replace(header, operation_count=operation_count or header.operation_count)
    body = tagged(hash_, Tag.BODY, header)
    signatures = tuple(key.sign(body) if signed else bytes(64) for key in keys)
    receipt = Receipt(number=0, facts=())
    leaf = Leaf(
        height=at.height,
        time=at.time,
        index=0,
        body=body,
        valid_until=until,
        transaction=tagged(hash_, Tag.TRANSACTION, header, signatures),
        receipt=tagged(hash_, Tag.RECEIPT, receipt),
    )
    heads = world.suite.leaf_hashes([hash_(preimage(Tag.OPERATION, one.head)) for one in operations])
    path, item = tuple(world.suite.merkle_path(heads, 0)), like.entry.item
    entry = LogEntry(header, signatures, operations[0].head, 0, path, item, leaf, receipt, ())
    head = changed(at, size=1, log_root=world.suite.leaf_hash(pack(leaf)))
    note = cosigned(head, [world.members[label] for label in COSIGNERS])
    states = [state.key for state in like.states]
    states += [state_key("registry", "key", key.public) for key in keys]
    states += [state_key("registry", "member", world.members[label].member) for label in signers]
    return replace(
        like,
        epochs=(*like.epochs, *epochs),
        checkpoint=note.encode(),
        entry=entry,
        states=prove_states(world.ledger, at.height, states),
    )

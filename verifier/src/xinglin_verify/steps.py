"""The steps P1 to P11 and P16 of docs/spec/proof-bundle.md, one function each, in the order of that page.

A function returns what the step says or raises why it fails. What is claimed (P12 to P15) stands in `claims.py`, what a
private chain says under an anchor (P17 to P20, P21 to P27) in `access.py` and `episode.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from xinglin_verify.case import Case, Moment, Outcome, Word, left_open, passed
from xinglin_verify.chain import PROFILES, chain_id, check_genesis, check_next_epoch
from xinglin_verify.encoding import decode
from xinglin_verify.errors import DoesNotHold, Malformed, Unknown
from xinglin_verify.merkle import leaf_hash, verify_inclusion
from xinglin_verify.note import Checkpoint, check_line, parse_note
from xinglin_verify.objects import AccessBundle, Bundle, EpisodeBundle, LogEntry, StateEntry
from xinglin_verify.schema import read
from xinglin_verify.state_proof import check_state_proof
from xinglin_verify.suites import SUITES, Suite
from xinglin_verify.trust import parse_trust

MAX_BYTES = 16 << 20
MAX_SIGNATURES = 4096
MAX_STATES = 64
MAX_KEYS = 256
MAX_SHOWN_STATES = 4096
CLAIMS = ("record", "anchor")
ACCESS_CLAIMS = ("access", "access-list")
EPISODE_CLAIM = "episode"


def p1_read(case: Case) -> Outcome:
    """P1: the bytes are a bundle of one of the kinds, within the limits, with a claim that is known."""
    if len(case.data) > MAX_BYTES:
        raise Malformed("read.too_large", limit=MAX_BYTES)
    value = decode(case.data)
    kind = value[0] if isinstance(value, tuple) and value else None
    if kind == AccessBundle.KIND:
        return _read_access(case, read(AccessBundle, value, "access-bundle"))
    if kind == EpisodeBundle.KIND:
        return _read_episode(case, read(EpisodeBundle, value, "episode-bundle"))
    case.bundle = read(Bundle, value, "bundle")
    _check_bundle(case.bundle)
    return passed("read.done", bytes=len(case.data), claim=Word(case.bundle.claim))


def _read_access(case: Case, access: AccessBundle) -> Outcome:
    if access.claim not in ACCESS_CLAIMS:
        raise Unknown("unknown.claim", claim=access.claim[:64])
    case.access, case.bundle = access, access.anchor
    _check_bundle(access.anchor, sum(1 + len(entry.signatures) for entry in access.entries))
    if len(access.keys) > MAX_KEYS:
        raise Malformed("read.too_many_keys", keys=len(access.keys))
    return passed("read.done", bytes=len(case.data), claim=Word(access.claim))


def _read_episode(case: Case, episode: EpisodeBundle) -> Outcome:
    if episode.claim != EPISODE_CLAIM:
        raise Unknown("unknown.claim", claim=episode.claim[:64])
    case.episode, case.bundle = episode, episode.anchor
    entries = [episode.sealed, *(one.entry for one in episode.registrations)]
    entries += [entry for one in episode.reads for entry in one.entries]
    _check_bundle(episode.anchor, sum(1 + len(entry.signatures) for entry in entries))
    shown = len(episode.keys) + sum(len(one.states) for one in episode.registrations)
    shown += sum(1 + len(one.keys) for one in episode.reads)
    if shown > MAX_SHOWN_STATES:
        raise Malformed("read.too_many_states", states=shown)
    return passed("read.done", bytes=len(case.data), claim=Word(episode.claim))


def _check_bundle(bundle: Bundle, more_signatures: int = 0) -> None:
    if bundle.claim not in CLAIMS:
        raise Unknown("unknown.claim", claim=bundle.claim[:64])
    signatures = (
        sum(1 + len(founder.accounts) for founder in bundle.genesis.founders)
        + sum(len(step.votes) for step in bundle.epochs)
        + bundle.checkpoint.count(b"\n")
        + len(bundle.entry.signatures)
        + more_signatures
    )
    if signatures > MAX_SIGNATURES or len(bundle.states) > MAX_STATES:
        raise Malformed("read.too_many", signatures=signatures, states=len(bundle.states))


def p2_genesis(case: Case) -> Outcome:
    """P2: suite and profile are known, G1 to G5 hold; the chain id follows from the genesis."""
    genesis = case.bundle.genesis
    if genesis.suite not in SUITES:
        raise Unknown("unknown.suite", suite=genesis.suite)
    if genesis.profile not in PROFILES:
        raise Unknown("unknown.profile", profile=genesis.profile)
    suite = case.suite = SUITES[genesis.suite]
    case.chain, case.genesis_hash = chain_id(suite, genesis)
    case.epochs = [check_genesis(suite, genesis, case.chain)]
    return passed(
        "genesis.done",
        chain=case.chain,
        genesis=case.genesis_hash.hex(),
        suite=suite.name,
        profile=Word(PROFILES[genesis.profile]),
        founders=len(genesis.founders),
    )


def p3_trust(case: Case) -> Outcome:
    """P3: a pinned chain and a pinned genesis hash are this bundle's; without trust, that is said."""
    case.trust = trust = None if case.trust_data is None else parse_trust(case.trust_data)
    if trust is None:
        return left_open("trust.none")
    if trust.chain not in (None, case.chain):
        raise DoesNotHold("trust.chain", pinned=str(trust.chain), found=case.chain)
    if trust.genesis not in (None, case.genesis_hash):
        raise DoesNotHold("trust.genesis", pinned=(trust.genesis or b"").hex(), found=case.genesis_hash.hex())
    if trust.keys:
        return passed("trust.keys", keys=len(trust.keys), quorum=trust.quorum)
    return passed("trust.pinned")


def p4_epochs(case: Case) -> Outcome:
    """P4: each epoch follows the one before (N1 to N3) and was passed by votes of its members (N4)."""
    for step in case.bundle.epochs:
        check_next_epoch(case.suite, case.epochs[-1], step.epoch, step.votes)
        case.epochs.append(step.epoch)
    votes = sum(len(step.votes) for step in case.bundle.epochs)
    return passed("epochs.done", epoch=case.epochs[-1].number, votes=votes)


def p5_checkpoint(case: Case) -> Outcome:
    """P5: the note has the one form and this chain's origin; the last epoch is in force at its height (N5)."""
    checkpoint = case.checkpoint = parse_note(case.bundle.checkpoint)
    if checkpoint.chain != case.chain:
        raise DoesNotHold("checkpoint.chain", found=checkpoint.chain, expected=case.chain)
    if case.epochs[-1].from_height > checkpoint.height:
        raise DoesNotHold("checkpoint.epoch", epoch=case.epochs[-1].number, height=checkpoint.height)
    return passed("checkpoint.done", height=checkpoint.height, time=Moment(checkpoint.time), size=checkpoint.size)


def p6_cosignatures(case: Case) -> Outcome:
    """P6: every line is a checkpoint cosignature of a cosigning member of the epoch in force; are they enough?"""
    checkpoint, epoch, trust = case.checkpoint, case.epochs[-1], case.trust
    keys = {member.member: member.key for member in epoch.members if member.cosigns}
    for line in checkpoint.lines:
        if line.member not in keys:
            raise DoesNotHold("cosignature.member", member=line.member)
        check_line(line, checkpoint.text, keys[line.member], case.suite)
    signed = {(line.member, keys[line.member]) for line in checkpoint.lines}
    if trust is not None and trust.keys:
        counted, needed, manner = len(signed & trust.keys), trust.quorum, "pinned"
    else:
        counted, needed, manner = len(signed), epoch.quorum, "epoch"
    say, manner = (passed, manner) if counted >= needed else (left_open, f"{manner}_short")
    return say(
        f"cosignatures.{manner}",
        signatures=len(signed),
        members=tuple(line.member for line in checkpoint.lines),
        epoch=epoch.number,
        counted=counted,
        quorum=needed,
    )


def p7_leaf(case: Case) -> Outcome:
    """P7: the leaf is this transaction's, logged in time, and is in the checkpoint's log."""
    check_leaf(case.suite, case.bundle.entry, case.checkpoint)
    leaf = case.bundle.entry.leaf
    return passed("leaf.done", index=leaf.index, height=leaf.height, time=Moment(leaf.time), body=leaf.body.hex())


def check_leaf(suite: Suite, entry: LogEntry, checkpoint: Checkpoint) -> None:
    """Raise unless P7 holds of an entry under a checkpoint, or under an anchored head (P17)."""
    leaf, header = entry.leaf, entry.header.value()
    if entry.header.chain != checkpoint.chain:
        raise DoesNotHold("leaf.chain", found=entry.header.chain, expected=checkpoint.chain)
    matches = {
        "body": suite.tagged("body", header) == leaf.body,
        "transaction": suite.tagged("transaction", header, entry.signatures) == leaf.transaction,
        "receipt": suite.tagged("receipt", entry.receipt.value()) == leaf.receipt,
        "valid_until": entry.header.valid_until == leaf.valid_until,
    }
    for part, same in matches.items():
        if not same:
            raise DoesNotHold("leaf.other", part=part)
    if leaf.time > leaf.valid_until:
        raise DoesNotHold("leaf.expired", time=leaf.time, valid_until=leaf.valid_until)
    if leaf.height > checkpoint.height or leaf.time > checkpoint.time:
        raise DoesNotHold("leaf.later", height=leaf.height, time=leaf.time)
    hashed = leaf_hash(suite.hash, leaf.encoded())
    if not verify_inclusion(suite.hash, hashed, leaf.index, checkpoint.size, entry.log_path, checkpoint.log_root):
        raise DoesNotHold("leaf.path", index=leaf.index, size=checkpoint.size)


def p8_signatures(case: Case) -> Outcome:
    """P8: there are signers, they are distinct, and each signed the body id."""
    check_signatures(case.suite, case.bundle.entry)
    return passed("signatures.done", signatures=len(case.bundle.entry.signatures))


def check_signatures(suite: Suite, entry: LogEntry) -> None:
    """Raise unless P8 holds of an entry."""
    signers = entry.header.signers
    if not signers or len(set(signers)) != len(signers) or len(entry.signatures) != len(signers):
        raise DoesNotHold("signatures.count", signers=len(signers), signatures=len(entry.signatures))
    for position, (key, signature) in enumerate(zip(signers, entry.signatures, strict=True)):
        if not suite.verify(key, entry.leaf.body, signature):
            raise DoesNotHold("signatures.signature", position=position)


def p9_operation(case: Case) -> Outcome:
    """P9: the operation belongs to the transaction, and the receipt says that it was done."""
    head = case.bundle.entry.head
    check_operation(case.suite, case.bundle.entry)
    return passed("operation.done", contract=head.contract, method=head.method)


def check_operation(suite: Suite, entry: LogEntry) -> None:
    """Raise unless P9 holds of an entry."""
    hashed, header = leaf_hash(suite.hash, suite.tagged("operation", entry.head.value())), entry.header
    count, root = header.operation_count, header.operations_root
    if not verify_inclusion(suite.hash, hashed, entry.position, count, entry.path, root):
        raise DoesNotHold("operation.path")
    if entry.receipt.number != 0:
        raise DoesNotHold("operation.refused", number=entry.receipt.number)


def p10_item(case: Case) -> Outcome:
    """P10: an item is shown exactly when the operation has a batch, and belongs to it."""
    entry = case.bundle.entry
    check_item(case.suite, entry)
    if not entry.item:
        return passed("item.none")
    return passed("item.done", index=entry.item[0].index, count=entry.head.batch[0].count)


def check_item(suite: Suite, entry: LogEntry) -> None:
    """Raise unless P10 holds of an entry."""
    items, batches = entry.item, entry.head.batch
    if len(items) != len(batches):
        raise DoesNotHold("item.unexpected", items=len(items), batches=len(batches))
    for item, batch in zip(items, batches, strict=True):
        hashed = leaf_hash(suite.hash, item.item)
        if not verify_inclusion(suite.hash, hashed, item.index, batch.count, item.path, batch.root):
            raise DoesNotHold("item.path", index=item.index, count=batch.count)


def p11_state(case: Case) -> Outcome:
    """P11: state entries ascend by key, and each is proven under the checkpoint's state root."""
    check_states(case.suite, case.bundle.states, case.checkpoint)
    return passed("state.done", entries=len(case.bundle.states))


def check_states(suite: Suite, states: Sequence[StateEntry], checkpoint: Checkpoint) -> None:
    """Raise unless P11 holds of state entries under a checkpoint or an anchored head."""
    if any(left.key >= right.key for left, right in pairwise(states)):
        raise DoesNotHold("state.order")
    for entry in states:
        value = entry.content[0] if entry.content else None
        check_state_proof(suite.hash, checkpoint.state_root, entry.key, value, entry.proof)


def p16_nothing_else(case: Case) -> Outcome:
    """P16: every state entry was needed."""
    for entry in case.bundle.states:
        if entry.key not in case.used:
            raise DoesNotHold("rest.state", key=entry.key.hex())
    return passed("rest.done")

"""The steps P1 to P11 and P16 of docs/spec/proof-bundle.md: that the bundle is whole and its log and states are true.

A step returns what it says or raises a refusal. What the claim is about (P12 to P15) stands in ``claims.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TypeVar

from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.bundle_model import Bundle
from xinglin.carrier.ledger.checkpoint import parse_note
from xinglin.carrier.ledger.errors import ProofInvalid, ProofUnknown
from xinglin.carrier.ledger.genesis import chain_id, check_genesis, epoch_zero, genesis_hash
from xinglin.carrier.ledger.model import Profile, SuiteNumber
from xinglin.carrier.ledger.proof import (
    MAX_VALUES,
    check_item,
    check_leaf,
    check_operation,
    check_states,
    check_transaction_signatures,
    require,
    untyped,
)
from xinglin.carrier.ledger.trust import check_cosignatures, check_epochs, check_pinned, parse_trust
from xinglin.kernel.encoding import ChainObject, decode, pack
from xinglin.kernel.errors import EncodingInvalid, Invalid
from xinglin.service.basic.coordination.bundles.case import Case, Outcome, said

T = TypeVar("T", bound=ChainObject)
MAX_BYTES = 16 << 20
MAX_SIGNATURES = 4096
MAX_STATES = 64
_GENESIS, _SUITE, _PROFILE = 4, 2, 3
"""Places of the genesis in a bundle, and of suite and profile in the genesis."""


def p1_read(case: Case) -> Outcome:
    """P1: the bytes are a bundle, within the limits, with a claim that is known."""
    bundle = case.bundle = decoded(case, Bundle, (_GENESIS,))
    check_limits(bundle)
    return said(bytes=len(case.data), claim=bundle.claim)


def check_limits(bundle: Bundle, more_signatures: int = 0) -> None:
    """Refuse a bundle with more signatures, those of what surrounds it among them, or states than P1 allows."""
    signatures = (
        sum(1 + len(founder.accounts) for founder in bundle.genesis.founders)
        + sum(len(step.votes) for step in bundle.epochs)
        + bundle.checkpoint.count(b"\n")
        + len(bundle.entry.signatures)
        + more_signatures
    )
    within = signatures <= MAX_SIGNATURES and len(bundle.states) <= MAX_STATES
    require("P1", within, "it has more signatures or states than are allowed")


def decoded(case: Case, kind: type[T], genesis: Sequence[int]) -> T:
    """Return the case's bytes as a bundle of some kind; a suite or profile that is not known is left for P2 to say.

    Args:
        case: whose bytes they are.
        kind: the kind of bundle.
        genesis: the places that lead to the genesis in it.
    """
    require("P1", len(case.data) <= MAX_BYTES, "it is too large")
    if len(case.data) > MAX_VALUES:  # every value takes a byte: only a long bundle can hold too many
        untyped(case.data)
    try:
        return decode(kind, case.data)
    except EncodingInvalid:
        value, case.strange = _as_known(case.data, genesis)
        if not case.strange:
            raise
        return decode(kind, value)


def _as_known(data: bytes, places: Sequence[int]) -> tuple[bytes, dict[str, int]]:
    """Return a bundle with a known suite and profile in the place of unknown ones, and those."""
    try:
        value = genesis = untyped(data)
        for place in places:
            genesis = genesis[place]
        found = {"suite": genesis[_SUITE], "profile": genesis[_PROFILE]}
        genesis[_SUITE], genesis[_PROFILE] = SuiteNumber.GM, Profile.CONSORTIUM
    except (Invalid, TypeError, LookupError):
        return data, {}
    known: dict[str, type[IntEnum]] = {"suite": SuiteNumber, "profile": Profile}
    strange = {what: n for what, n in found.items() if isinstance(n, int) and n not in set(known[what])}
    return pack(value), strange


def p2_genesis(case: Case) -> Outcome:
    """P2: suite and profile are known, G1 to G4 hold; the chain id follows from the genesis."""
    for what, found in case.strange.items():
        raise ProofUnknown(step="P2", what=what, found=found)
    genesis = case.bundle.genesis
    case.suite = suite(genesis.suite.name.lower())
    hash_ = case.suite.hash
    case.chain, case.genesis_hash = chain_id(hash_, genesis), genesis_hash(hash_, genesis)
    check_genesis(genesis, hash_, case.suite.verify)
    return said(
        chain=case.chain,
        genesis=case.genesis_hash,
        suite=case.suite.name,
        profile=genesis.profile.name.lower(),
        founders=len(genesis.founders),
    )


def p3_trust(case: Case) -> Outcome:
    """P3: a pinned chain and a pinned genesis hash are this bundle's; without trust, that is said."""
    case.trust = parse_trust(case.given) if isinstance(case.given, bytes) else case.given
    if case.trust is None:
        return Outcome(open=True)
    check_pinned(case.trust, case.chain, case.genesis_hash)
    return said(keys=len(case.trust.keys), quorum=case.trust.quorum)


def p4_epochs(case: Case) -> Outcome:
    """P4: each epoch follows the one before (N1 to N3) and was passed by votes of its members (N4)."""
    first = epoch_zero(case.chain, case.bundle.genesis)
    case.epochs = check_epochs(case.suite, first, case.bundle.epochs)
    return said(epoch=case.epochs[-1].number)


def p5_checkpoint(case: Case) -> Outcome:
    """P5: the note has the one form and this chain's origin; the last epoch is in force at its height (N5)."""
    case.note = parse_note(case.bundle.checkpoint)
    head = case.note.head
    require("P5", head.chain == case.chain, "it is of another chain")
    require("P5", case.epochs[-1].from_height <= head.height, "the last epoch is not yet in force at its height")
    return said(height=head.height, time=head.time, size=head.size)


def p6_cosignatures(case: Case) -> Outcome:
    """P6: every line is a checkpoint cosignature of a cosigning member of the epoch in force; are they enough?"""
    number = case.bundle.genesis.suite
    support = check_cosignatures(case.suite, number, case.note, case.epochs[-1], case.trust)
    facts = said(members=support.members, counted=support.counted, quorum=support.quorum).facts
    return Outcome(facts, open=not support.reached)


def p7_leaf(case: Case) -> Outcome:
    """P7: the leaf is this transaction's, logged in time, and is in the checkpoint's log."""
    check_leaf(case.suite, case.bundle.entry, case.note.head)
    leaf = case.bundle.entry.leaf
    return said(index=leaf.index, height=leaf.height, time=leaf.time, body=leaf.body)


def p8_signatures(case: Case) -> Outcome:
    """P8: there are signers, they are distinct, and each signed the body id."""
    check_transaction_signatures(case.suite, case.bundle.entry)
    return said(signatures=len(case.bundle.entry.signatures))


def p9_operation(case: Case) -> Outcome:
    """P9: the operation belongs to the transaction, and the receipt says that it was done."""
    check_operation(case.suite, case.bundle.entry)
    head = case.bundle.entry.head
    return said(contract=head.contract, method=head.method)


def p10_item(case: Case) -> Outcome:
    """P10: an item is shown exactly when the operation has a batch, and belongs to it."""
    check_item(case.suite, case.bundle.entry)
    items = case.bundle.entry.item
    return said(index=items[0].index) if items else Outcome()


def p11_state(case: Case) -> Outcome:
    """P11: state entries ascend by key, and each is proven under the checkpoint's state root."""
    case.states = check_states(case.suite, case.bundle.states, case.note.head)
    return said(entries=len(case.states))


def p16_nothing_else(case: Case) -> Outcome:
    """P16: every state entry was needed."""
    if case.states.keys() != case.used:
        raise ProofInvalid(step="P16", reason="a state entry is shown that nothing needs")
    return Outcome()

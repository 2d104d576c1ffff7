"""The steps P1 and P17 to P20 of docs/spec/proof-bundle.md: what a private chain says under an anchor.

P2 to P16 are those of the bundle within, which proves the anchor. A step returns what it says or raises a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xinglin.carrier.access.registry.model import NAMESPACE as REGISTRY
from xinglin.carrier.access.registry.model import KeyState
from xinglin.carrier.ledger.bundle_model import AccessBundle, LogEntry
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.proof import (
    check_item,
    check_leaf,
    check_operation,
    check_states,
    check_transaction_signatures,
    read,
    require,
)
from xinglin.kernel.encoding import state_key
from xinglin.service.basic.audit.model import NAMESPACE, NO_RECORD, AccessEntry, AccessHead, Proven
from xinglin.service.basic.audit.receipts import in_force
from xinglin.service.basic.audit.rules import EMPTY_HEAD, entry_hash, head_of, proven_in_form
from xinglin.service.basic.coordination.bundles.case import Case, Outcome, Said, said
from xinglin.service.basic.coordination.bundles.steps import check_limits, decoded
from xinglin.service.basic.coordination.model import CommitAnchor

MAX_KEYS = 256
_ANCHOR, _GENESIS = 4, 4
"""Places of the bundle in an access bundle, and of the genesis in that."""


@dataclass
class AccessCase(Case):
    """A case whose bundle proves an anchor, and the access entries under it."""

    access: AccessBundle = field(init=False)  # P1
    anchored: Head = field(init=False)  # P17
    entries: list[AccessEntry] = field(init=False)  # P18


def p1_read(case: AccessCase) -> Outcome:
    """P1: the bytes are an access bundle, within the limits, with a claim that is known."""
    access = case.access = decoded(case, AccessBundle, (_ANCHOR, _GENESIS))
    case.bundle = access.anchor
    check_limits(access.anchor, sum(1 + len(entry.signatures) for entry in access.entries))
    require("P1", len(access.keys) <= MAX_KEYS, "it has more keys than are allowed")
    return said(bytes=len(case.data), claim=access.claim)


def p17_access_log(case: AccessCase) -> Outcome:
    """P17: the bundle within is about an anchor, and each entry is an item of access.log in the anchored log."""
    require("P17", case.bundle.claim == "anchor", "the bundle within is not about an anchor")
    call = read(CommitAnchor, case.bundle.entry.head.arguments, "P17")
    head = call.head
    case.anchored = Head(call.chain, head.size, head.log_root, head.state_root, head.height, head.time)
    for entry in case.access.entries:
        check_leaf(case.suite, entry, case.anchored, "P17")
        check_transaction_signatures(case.suite, entry, "P17")
        check_operation(case.suite, entry, "P17")
        check_item(case.suite, entry, "P17")
        asked = (entry.head.contract, entry.head.version, entry.head.method)
        require("P17", asked == (NAMESPACE, 1, "log") and len(entry.item) == 1, "the operation logs no access entry")
    return said(chain=call.chain, size=head.size, entries=len(case.access.entries))


def p18_access_entries(case: AccessCase) -> Outcome:
    """P18: the entries are those that the claim is about, each once, in log order."""
    access, hash_ = case.access, case.suite.hash
    case.entries = []
    require("P18", access.claim == "access-list" or len(access.entries) == 1, "the claim is about one entry")
    before = (-1, -1, -1)
    for shown in access.entries:
        raw = shown.item[0].item
        entry = read(AccessEntry, raw, "P18")
        named = entry_hash(hash_, raw) if access.claim == "access" else entry.commitment
        require("P18", named == access.subject, "an entry is about something else")
        require("P18", before < _place(shown), "the entries are not in log order, or one is there twice")
        before = _place(shown)
        case.entries.append(entry)
    return said(subject=access.subject, entries=tuple(_shown(entry) for entry in case.entries))


def p19_access_head(case: AccessCase) -> Outcome:
    """P19: a list leads to its record's access head in the anchored state: it is complete. One entry has no head."""
    access = case.access
    if access.claim == "access":
        require("P19", not access.head, "a head is shown that nothing needs")
        return Outcome()
    require("P19", len(access.head) == 1 and access.subject != NO_RECORD, "the list has no head to lead to")
    key = state_key(NAMESPACE, "head", access.subject)
    require("P19", access.head[0].key == key, "the head is another record's")
    value = check_states(case.suite, access.head, case.anchored, "P19")[key]
    head = EMPTY_HEAD if value is None else read(AccessHead, value, "P19")
    found = head_of(case.suite.hash, [entry.item[0].item for entry in access.entries])
    require("P19", found == head and (value is None) == (found.count == 0), "the entries don't lead to the head")
    return said(count=head.count)


def p20_readers(case: AccessCase) -> Outcome:
    """P20: who asked signed the request with a key of the account named; without a signature it is the custodian's."""
    keys = check_states(case.suite, case.access.keys, case.note.head, "P20")
    custodian, used = case.signers[0].member, set()
    for entry in case.entries:
        require("P20", proven_in_form(entry, custodian), "an entry lacks the proof of its reader")
        for proof in entry.proof:
            key = state_key(REGISTRY, "key", proof.key)
            value = keys.get(key)
            require("P20", value is not None, "the registry's entry of a reader's key is not shown")
            used.add(key)
            known = read(KeyState, value or b"", "P20")
            own = (known.account, known.member) == (entry.account, entry.member)
            require("P20", own, "a reader's key is another account's")
            standing = entry.outcome != 0 or in_force(known, entry.seen_time)
            require("P20", standing, "a reader's key was not in force")
            good = case.suite.verify(proof.key, entry.request, proof.signature)
            require("P20", good, "a reader's signature does not verify")
    require("P20", keys.keys() == used, "a key is shown that nothing needs")
    signed = sum(entry.proven is Proven.SIGNATURE for entry in case.entries)
    return said(signed=signed, unsigned=len(case.entries) - signed)


def _place(entry: LogEntry) -> tuple[int, int, int]:
    return entry.leaf.index, entry.position, entry.item[0].index


def _shown(entry: AccessEntry) -> str:
    said_: tuple[Said, ...] = (entry.time, entry.member, entry.account, entry.action, entry.purpose, entry.outcome)
    return " ".join(str(one) for one in said_)

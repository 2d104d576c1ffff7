"""The steps P17 to P20 of docs/spec/proof-bundle.md: what a private chain says under an anchor, one function each.

The bundle within, which proves the anchor, has passed P2 to P16. A function returns what the step says or raises why it
fails.
"""

from __future__ import annotations

from xinglin_verify.case import Case, Moment, Outcome, passed
from xinglin_verify.contract_objects import AccessEntry, AccessHead, CommitAnchor, KeyState
from xinglin_verify.encoding import encode
from xinglin_verify.errors import DoesNotHold
from xinglin_verify.note import Checkpoint
from xinglin_verify.objects import AccessBundle, LogEntry
from xinglin_verify.report import date
from xinglin_verify.schema import parse
from xinglin_verify.steps import check_item, check_leaf, check_operation, check_signatures, check_states

NO_RECORD = bytes(32)
SIGNATURE = 1


def p17_access_log(case: Case) -> Outcome:
    """P17: the bundle within is about an anchor, and each entry is an item of access.log in the anchored log."""
    access = _access(case)
    if case.bundle.claim != "anchor":
        raise DoesNotHold("access.anchor")
    call = parse(CommitAnchor, case.bundle.entry.head.arguments, "arguments")
    head = call.head
    case.anchored = Checkpoint(
        b"", call.chain, head.size, head.log_root, head.state_root, head.height, head.time, lines=()
    )
    for entry in access.entries:
        check_leaf(case.suite, entry, case.anchored)
        check_signatures(case.suite, entry)
        check_operation(case.suite, entry)
        check_item(case.suite, entry)
        if (entry.head.contract, entry.head.version, entry.head.method) != ("access", 1, "log") or not entry.item:
            raise DoesNotHold("access.operation", index=entry.leaf.index)
    return passed("access.log", entries=len(access.entries), chain=call.chain, size=head.size)


def p18_access_entries(case: Case) -> Outcome:
    """P18: the entries are those that the claim is about, each once, in log order."""
    access, before = _access(case), (-1, -1, -1)
    if access.claim == "access" and len(access.entries) != 1:
        raise DoesNotHold("access.number", entries=len(access.entries))
    case.accesses = []
    for shown in access.entries:
        entry = parse(AccessEntry, shown.item[0].item, "entry")
        hashed = case.suite.tagged("access-entry", entry.value())
        if (hashed if access.claim == "access" else entry.commitment) != access.subject:
            raise DoesNotHold("access.subject", index=shown.leaf.index)
        if _place(shown) <= before:
            raise DoesNotHold("access.order", index=shown.leaf.index)
        before = _place(shown)
        case.accesses.append(entry)
    lines = tuple(_line(entry) for entry in case.accesses)
    if access.claim == "access":
        return passed("access.entry", entry=access.subject.hex(), commitment=entry.commitment.hex(), lines=lines)
    return passed("access.entries", commitment=access.subject.hex(), entries=len(lines), lines=lines)


def p19_access_head(case: Case) -> Outcome:
    """P19: a list leads to its record's access head in the anchored state: it is complete. One entry has no head."""
    access = _access(case)
    if access.claim == "access":
        if access.head:
            raise DoesNotHold("access.head_unneeded")
        return passed("access.no_head")
    if not access.head or access.subject == NO_RECORD:
        raise DoesNotHold("access.head_missing")
    state = access.head[0]
    if state.key != encode(("access", "head", access.subject)):
        raise DoesNotHold("access.head_other")
    check_states(case.suite, access.head, case.anchored)
    count, last = 0, NO_RECORD
    for entry in case.accesses:
        count, last = count + 1, case.suite.tagged("access-head", last, _hash(case, entry))
    head = parse(AccessHead, state.content[0], "head") if state.content else AccessHead(0, NO_RECORD)
    if head != AccessHead(count, last) or bool(state.content) != bool(count):
        raise DoesNotHold("access.incomplete", found=count, head=head.count)
    return passed("access.complete", count=count, as_of=Moment(case.anchored.time))


def p20_readers(case: Case) -> Outcome:
    """P20: who asked signed the request with a key of the account named; without a signature it is the custodian's."""
    access = _access(case)
    check_states(case.suite, access.keys, case.checkpoint)
    values = {state.key: state.content for state in access.keys}
    used = set()
    for position, entry in enumerate(case.accesses):
        unsigned = entry.proven != SIGNATURE
        if len(entry.proof) != int(not unsigned) or (unsigned and entry.member != case.signers[0].member):
            raise DoesNotHold("readers.unproven", position=position, account=entry.account)
        for proof in entry.proof:
            key = encode(("registry", "key", proof.key))
            if not values.get(key):
                raise DoesNotHold("readers.key_missing", position=position)
            used.add(key)
            _check_reader(case, position, entry, parse(KeyState, values[key][0], "key"))
    for key in values:
        if key not in used:
            raise DoesNotHold("rest.state", key=key.hex())
    signed = sum(entry.proven == SIGNATURE for entry in case.accesses)
    return passed("readers.done", signed=signed, unsigned=len(case.accesses) - signed)


def _check_reader(case: Case, position: int, entry: AccessEntry, state: KeyState) -> None:
    if (state.account, state.member) != (entry.account, entry.member):
        raise DoesNotHold("readers.account", position=position, account=entry.account)
    time = entry.seen_time
    ended = (state.until and time >= state.until[0]) or (state.compromised and time >= state.compromised[0])
    if entry.outcome == 0 and (time < state.from_ms or ended):
        raise DoesNotHold("readers.not_in_force", position=position, account=entry.account)
    proof = entry.proof[0]
    if not case.suite.verify(proof.key, entry.request, proof.signature):
        raise DoesNotHold("readers.signature", position=position, account=entry.account)


def _access(case: Case) -> AccessBundle:
    if case.access is None:  # never so: these steps are taken for an access bundle only
        raise DoesNotHold("access.anchor")
    return case.access


def _hash(case: Case, entry: AccessEntry) -> bytes:
    return case.suite.tagged("access-entry", entry.value())


def _place(entry: LogEntry) -> tuple[int, int, int]:
    return entry.leaf.index, entry.position, entry.item[0].index


def _line(entry: AccessEntry) -> str:
    """Return who asked when, for what, with which outcome: codes alone, as in any language."""
    who = f"{date(Moment(entry.time))} {entry.account} {entry.member}"
    return f"{who} {entry.action} {entry.purpose} {entry.outcome}"

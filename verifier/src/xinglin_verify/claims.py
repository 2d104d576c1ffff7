"""The steps P12 to P15 of docs/spec/proof-bundle.md: who signed, and what the claim says, one function each.

A function returns what the step says or raises why it fails. The state entries used here were proven in P11.
"""

from __future__ import annotations

from xinglin_verify.case import Case, Moment, Outcome, Scalar, Word, passed
from xinglin_verify.contract_objects import (
    AnchorState,
    AnchorSubject,
    Behaviour,
    CommitAnchor,
    KeyState,
    MemberState,
    RecordItem,
    RecordStatus,
    RegisterBatch,
)
from xinglin_verify.errors import DoesNotHold
from xinglin_verify.note import checkpoint_text
from xinglin_verify.objects import Part
from xinglin_verify.report import readable
from xinglin_verify.schema import parse

KINDS = {1: "data_user", 2: "medical_institution", 3: "supplier", 4: "technology_provider", 5: "regulator"}
STATUSES = {1: "active", 2: "suspended", 3: "ended"}
CONTRACT_VERSION = 1


def p12_signers(case: Case) -> Outcome:
    """P12: each signer's key was in force at the leaf's time; account and member are said."""
    time = case.bundle.entry.leaf.time
    case.signers = []
    for position, key in enumerate(case.bundle.entry.header.signers):
        state = parse(KeyState, case.present("registry", "key", key), "key")
        if time < state.from_ms or (state.until and time >= state.until[0]):
            raise DoesNotHold("signers.not_in_force", position=position, account=state.account)
        if state.compromised and time >= state.compromised[0]:
            raise DoesNotHold("signers.compromised", position=position, account=state.account)
        case.signers.append(state)
    return passed(
        "signers.done",
        accounts=tuple(state.account for state in case.signers),
        members=tuple(state.member for state in case.signers),
    )


def p13_members(case: Case) -> Outcome:
    """P13: the registry knows the member of each signer; its kind, name and status at the checkpoint are said."""
    ids = tuple(dict.fromkeys(state.member for state in case.signers))
    states = [parse(MemberState, case.present("registry", "member", member), "member") for member in ids]
    return passed(
        "members.done",
        members=ids,
        names=tuple(readable(state.name) for state in states),
        kinds=tuple(Word(KINDS[state.member_kind]) for state in states),
        statuses=tuple(Word(STATUSES[state.status]) for state in states),
    )


def p14_claim(case: Case) -> Outcome:
    """P14: the operation and the state are what the claim says."""
    return _record_claim(case) if case.bundle.claim == "record" else _anchor_claim(case)


def _record_claim(case: Case) -> Outcome:
    """A record was registered; as of the checkpoint it stands, or its destruction is certified."""
    entry, subject = case.bundle.entry, case.bundle.subject
    _check_operation(case, "records", "register")
    batch = parse(RegisterBatch, entry.head.arguments, "arguments")
    if not entry.item:
        raise DoesNotHold("claim.item")
    if parse(RecordItem, entry.item[0].item, "item").commitment != subject:
        raise DoesNotHold("claim.subject")
    member = case.signers[0].member
    facts: dict[str, Scalar] = {
        "commitment": subject.hex(),
        "member": member,
        "time": Moment(entry.leaf.time),
        "batch": batch.batch,
        "as_of": Moment(case.checkpoint.time),
    }
    status = case.state("record-status", member, subject)
    if not status.content:
        return passed("claim.record_stands", **facts)
    certificate = parse(RecordStatus, status.content[0], "record-status").certificate
    return passed("claim.record_destroyed", **facts, certificate=certificate.hex())


def _anchor_claim(case: Case) -> Outcome:
    """A head of a private chain was anchored by the member whose chain it is."""
    entry = case.bundle.entry
    _check_operation(case, "anchor", "commit")
    anchor = parse(CommitAnchor, entry.head.arguments, "arguments")
    if AnchorSubject(anchor.chain, anchor.head.size).encoded() != case.bundle.subject:
        raise DoesNotHold("claim.subject")
    head, member = anchor.head, case.signers[0].member
    text = checkpoint_text(anchor.chain, head.size, head.log_root, head.state_root, head.height, head.time)
    key = {one.member: one.key for one in case.epoch_at(entry.leaf.height).members}.get(member)
    if key is None or not case.suite.verify(key, text, anchor.signature):
        raise DoesNotHold("claim.anchor_signature", member=member)
    state = parse(AnchorState, case.present("anchor", "chain", anchor.chain), "anchor")
    if state.member != member or state.head.size < head.size:
        raise DoesNotHold("claim.anchor_state", size=state.head.size)
    return passed(
        "claim.anchor_frozen" if state.frozen else "claim.anchor",
        chain=anchor.chain,
        member=member,
        size=head.size,
        log_root=head.log_root.hex(),
        time=Moment(entry.leaf.time),
        last=state.head.size,
        as_of=Moment(case.checkpoint.time),
    )


def p15_opening(case: Case) -> Outcome:
    """P15: what is opened is what the record commitment was made of."""
    bundle, suite = case.bundle, case.suite
    if not bundle.opening:
        return passed("opening.none")
    if bundle.claim != "record":
        raise DoesNotHold("opening.unexpected")
    opening = bundle.opening[0]
    parts: dict[str, Part] = {"behaviour": opening.behaviour, "original": opening.original, "copy": opening.copy}
    for tag, part in parts.items():
        if part.opened and suite.tagged(tag, part.opened[0].salt, part.opened[0].data) != part.digest:
            raise DoesNotHold("opening.part", part=tag)
    if suite.tagged("record", *(part.digest for part in parts.values())) != bundle.subject:
        raise DoesNotHold("opening.commitment")
    shown = tuple(Word(tag) for tag, part in parts.items() if part.opened)
    if not opening.behaviour.opened:
        return passed("opening.done", parts=shown)
    behaviour = parse(Behaviour, opening.behaviour.opened[0].data, "behaviour")
    if behaviour.institution != case.signers[0].member:
        raise DoesNotHold("opening.institution", found=behaviour.institution, expected=case.signers[0].member)
    return passed(
        "opening.behaviour",
        parts=shown,
        record=behaviour.record,
        type=behaviour.type,
        institution=behaviour.institution,
        recorder=behaviour.recorder,
        recorded=Moment(behaviour.time),
        occasion=readable(behaviour.occasion),
    )


def _check_operation(case: Case, contract: str, method: str) -> None:
    head = case.bundle.entry.head
    if (head.contract, head.version, head.method) != (contract, CONTRACT_VERSION, method):
        raise DoesNotHold("claim.operation", contract=head.contract, version=head.version, method=head.method)

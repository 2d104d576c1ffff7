"""The steps P12 to P15 of docs/spec/proof-bundle.md: who signed, and what the claim says.

A step returns what it says or raises a refusal. The state entries used here were proven in P11.
"""

from __future__ import annotations

from xinglin.carrier.access.governance.rules import member_of
from xinglin.carrier.access.registry.model import KeyState, MemberState
from xinglin.carrier.ledger.bundle_model import Part
from xinglin.carrier.ledger.checkpoint import checkpoint_text
from xinglin.carrier.ledger.proof import read, require
from xinglin.kernel.encoding import pack
from xinglin.kernel.hashing import Tag, tagged
from xinglin.service.basic.coordination.bundles.case import Case, Outcome, Said, said
from xinglin.service.basic.coordination.model import (
    AnchorState,
    Behaviour,
    CommitAnchor,
    RecordItem,
    RecordStatus,
    RegisterBatch,
)

_PARTS = (("behaviour", Tag.BEHAVIOUR), ("original", Tag.ORIGINAL), ("copy", Tag.COPY))


def p12_signers(case: Case) -> Outcome:
    """P12: each signer's key was in force at the leaf's time; account and member are said."""
    time = case.bundle.entry.leaf.time
    case.signers = []
    for key in case.bundle.entry.header.signers:  # one by one: what is unknown of a later one hides no earlier failure
        signer = read(KeyState, case.present("P12", "registry", "key", key), "P12")
        in_force = signer.from_ms <= time and all(time < until for until in signer.until)
        require("P12", in_force, f"the key of account {signer.account} was not in force")
        sound = all(time < since for since in signer.compromised)
        require("P12", sound, f"the key of account {signer.account} was compromised")
        case.signers.append(signer)
    accounts = tuple(signer.account for signer in case.signers)
    return said(accounts=accounts, members=tuple(signer.member for signer in case.signers))


def p13_members(case: Case) -> Outcome:
    """P13: the registry knows the member of each signer; its kind, name and status at the checkpoint are said."""
    members = tuple(dict.fromkeys(signer.member for signer in case.signers))
    states = [read(MemberState, case.present("P13", "registry", "member", member), "P13") for member in members]
    return said(
        members=members,
        names=tuple(state.name.decode("utf-8", "backslashreplace") for state in states),
        kinds=tuple(state.member_kind.name.lower() for state in states),
        statuses=tuple(state.status.name.lower() for state in states),
    )


def p14_claim(case: Case) -> Outcome:
    """P14: the operation and the state are what the claim says."""
    return _record(case) if case.bundle.claim == "record" else _anchor(case)


def _record(case: Case) -> Outcome:
    """A record was registered; as of the checkpoint it stands, or its destruction is certified."""
    entry, subject, member = case.bundle.entry, case.bundle.subject, case.signers[0].member
    _require_method(case, "records", "register")
    call = read(RegisterBatch, entry.head.arguments, "P14")
    require("P14", len(entry.item) == 1, "no item is shown")
    item = read(RecordItem, entry.item[0].item, "P14")
    require("P14", item.commitment == subject, "the item is another record's")
    facts: dict[str, Said] = {
        "commitment": subject,
        "member": member,
        "time": entry.leaf.time,
        "batch": call.batch,
        "as_of_time": case.note.head.time,
    }
    status = case.state("P14", "record-status", member, subject)
    if status is not None:
        facts["destroyed"] = read(RecordStatus, status, "P14").certificate
    return Outcome(facts)


def _anchor(case: Case) -> Outcome:
    """A head of a private chain was anchored by the member whose chain it is."""
    _require_method(case, "anchor", "commit")
    call = read(CommitAnchor, case.bundle.entry.head.arguments, "P14")
    head, member = call.head, case.signers[0].member
    require("P14", pack((call.chain, head.size)) == case.bundle.subject, "the anchor is of another chain or size")
    text = checkpoint_text(call.chain, head.size, head.log_root, head.state_root, head.height, head.time)
    own = member_of(case.epoch_at(case.bundle.entry.leaf.height), member)
    signed = own is not None and case.suite.verify(own.key, text, call.signature)
    require("P14", signed, "the head is not signed by the cosigning key that the signer's member then had")
    state = read(AnchorState, case.present("P14", "anchor", "chain", call.chain), "P14")
    owned = state.member == member and state.head.size >= head.size
    require("P14", owned, "the state holds another member's chain, or a smaller head")
    return said(
        chain=call.chain,
        member=member,
        size=head.size,
        log_root=head.log_root,
        time=case.bundle.entry.leaf.time,
        frozen=state.frozen,
        as_of_time=case.note.head.time,
    )


def p15_opening(case: Case) -> Outcome:
    """P15: what is opened is what the record commitment was made of."""
    hash_ = case.suite.hash
    facts: dict[str, Said] = {}
    for opening in case.bundle.opening:
        require("P15", case.bundle.claim == "record", "an anchor has nothing to open")
        parts: dict[str, Part] = {name: getattr(opening, name) for name, _ in _PARTS}
        for name, tag in _PARTS:
            for opened in parts[name].opened:
                digest = tagged(hash_, tag, opened.salt, opened.data)
                require("P15", digest == parts[name].digest, f"the part {name} is not what is opened")
        commitment = tagged(hash_, Tag.RECORD, *(part.digest for part in parts.values()))
        require("P15", commitment == case.bundle.subject, "the parts are not those of the commitment")
        facts["parts"] = tuple(name for name, part in parts.items() if part.opened)
        for opened in opening.behaviour.opened:
            facts |= _behaviour(case, opened.data)
    return Outcome(facts)


def _behaviour(case: Case, data: bytes) -> dict[str, Said]:
    """Return what behaviour data say, which must name the first signer's member as institution."""
    behaviour = read(Behaviour, data, "P15")
    own = behaviour.institution == case.signers[0].member
    require("P15", own, "the behaviour data are of another institution")
    return {
        "record": behaviour.record,
        "type": behaviour.type,
        "institution": behaviour.institution,
        "recorder": behaviour.recorder,
        "recorded_time": behaviour.time,
        "occasion": behaviour.occasion,
    }


def _require_method(case: Case, contract: str, method: str) -> None:
    head = case.bundle.entry.head
    asked = (head.contract, head.version, head.method) == (contract, 1, method)
    require("P14", asked, "the operation is not one that the claim is about")

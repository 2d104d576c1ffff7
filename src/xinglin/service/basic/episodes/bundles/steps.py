"""The steps P1 and P21 to P27 of docs/spec/proof-bundle.md: what a private chain says of a sealed episode.

P2 to P16 are those of the bundle within, which proves the anchor. Registrations and reads take the steps of bundles of
their own, put in the place of that. A step returns what it says or raises a refusal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from xinglin.carrier.access.registry.model import NAMESPACE as REGISTRY
from xinglin.carrier.access.registry.model import KeyState
from xinglin.carrier.access.registry.rules import in_force
from xinglin.carrier.ledger.bundle_model import (
    AccessBundle,
    EpisodeBundle,
    LogEntry,
    RecordReads,
    Registration,
)
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
from xinglin.service.basic.audit.bundles import steps as access
from xinglin.service.basic.audit.bundles.steps import AccessCase
from xinglin.service.basic.coordination.bundles import claims, steps
from xinglin.service.basic.coordination.bundles.case import Case, Outcome, said
from xinglin.service.basic.coordination.bundles.steps import check_limits, decoded
from xinglin.service.basic.coordination.model import CommitAnchor
from xinglin.service.basic.episodes.model import NAMESPACE, EpisodeState, OpenEpisode, SealEpisode, Side
from xinglin.service.basic.episodes.rules import late_chain, open_message, seal_message, side_in_form

MAX_SHOWN_STATES = 4096
_ANCHOR, _GENESIS = 4, 4
"""Places of the bundle in an episode bundle, and of the genesis in that."""
REGISTRATION = (
    steps.p7_leaf,
    steps.p8_signatures,
    steps.p9_operation,
    steps.p10_item,
    steps.p11_state,
    claims.p12_signers,
    claims.p13_members,
    claims.p14_claim,
    claims.p15_opening,
    steps.p16_nothing_else,
)
READS = (access.p17_access_log, access.p18_access_entries, access.p19_access_head, access.p20_readers)


@dataclass
class EpisodeCase(Case):
    """A case whose bundle proves an anchor, and the sealed episode under it."""

    episode: EpisodeBundle = field(init=False)  # P1
    anchored: Head = field(init=False)  # P21
    seal: SealEpisode = field(init=False)  # P21
    sealed: EpisodeState = field(init=False)  # P23


def p1_read(case: EpisodeCase) -> Outcome:
    """P1: the bytes are an episode bundle, within the limits, with a claim that is known."""
    episode = case.episode = decoded(case, EpisodeBundle, (_ANCHOR, _GENESIS))
    case.bundle = episode.anchor
    entries = [episode.sealed, *(one.entry for one in episode.registrations)]
    entries += [entry for one in episode.reads for entry in one.entries]
    check_limits(episode.anchor, sum(1 + len(entry.signatures) for entry in entries))
    shown = len(episode.keys) + sum(len(one.states) for one in episode.registrations)
    shown += sum(1 + len(one.keys) for one in episode.reads)
    require("P1", shown <= MAX_SHOWN_STATES, "it has more states than are allowed")
    return said(bytes=len(case.data), claim=episode.claim)


def p21_sealing(case: EpisodeCase) -> Outcome:
    """P21: the bundle within is about an anchor, and the operation that sealed the episode is in the anchored log."""
    require("P21", case.bundle.claim == "anchor", "the bundle within is not about an anchor")
    call = read(CommitAnchor, case.bundle.entry.head.arguments, "P21")
    head, sealed = call.head, case.episode.sealed
    case.anchored = Head(call.chain, head.size, head.log_root, head.state_root, head.height, head.time)
    _check_entry(case, sealed)
    asked = (sealed.head.contract, sealed.head.version, sealed.head.method)
    require("P21", asked == (NAMESPACE, 1, "seal"), "the operation seals no episode")
    case.seal = read(SealEpisode, sealed.head.arguments, "P21")
    require("P21", case.seal.episode == case.episode.subject, "the operation seals another episode")
    return said(chain=call.chain, episode=case.seal.episode, time=sealed.leaf.time, reason=int(case.seal.reason))


def _check_entry(case: EpisodeCase, entry: LogEntry) -> None:
    check_leaf(case.suite, entry, case.anchored, "P21")
    check_transaction_signatures(case.suite, entry, "P21")
    check_operation(case.suite, entry, "P21")
    check_item(case.suite, entry, "P21")


def p22_sealed_set(case: EpisodeCase) -> Outcome:
    """P22: the records shown are all that was sealed, each once, in order."""
    records = case.episode.records
    require("P22", len(records) == case.seal.count, "there are more or fewer records than were sealed")
    require("P22", len(set(records)) == len(records), "a record is there twice")
    root = case.suite.merkle_roots_of([list(records)])[0]
    require("P22", root == case.seal.root, "the records don't lead to the sealed root")
    return said(records=len(records), root=root)


def p23_sealed_state(case: EpisodeCase) -> Outcome:
    """P23: the anchored state has the episode as it was sealed."""
    shown, seal = case.episode.state, case.seal
    key = state_key(NAMESPACE, "episode", seal.episode)
    require("P23", shown.key == key, "the state is another episode's")
    value = check_states(case.suite, [shown], case.anchored, "P23")[key]
    require("P23", value is not None, "the state does not have the episode")
    case.sealed = state = read(EpisodeState, value or b"", "P23")
    kept = (state.subject, state.root, state.count, state.reason, state.institution, state.patient, state.time)
    asked = (seal.subject, seal.root, seal.count, seal.reason, seal.institution, seal.patient)
    same = kept == (*asked, case.episode.sealed.leaf.time)
    require("P23", same, "the state has another sealing")
    return said(late=state.late, opened=len(state.opening), as_of_time=case.anchored.time)


def p24_both_sides(case: EpisodeCase) -> Outcome:
    """P24: both sides signed the sealing and, where it is opened, the opening; the institution by its accounts."""
    seal, state, chain = case.seal, case.sealed, case.anchored.chain
    message = seal_message(case.suite.hash, chain, seal)
    require("P24", seal.institution.key != seal.patient.key, "both sides have one key")
    for key, signature in (
        (seal.institution.key, seal.institution.signature),
        (seal.patient.key, seal.patient.signature),
    ):
        require("P24", case.suite.verify(key, message, signature), "a signature of the sealing does not verify")
    needed = [(seal.institution.account, seal.institution.key, state.time)]
    message = open_message(case.suite.hash, chain, seal.episode, state.subject, state.root)
    before, sides = state.time, set[Side]()
    for step in state.opening:
        call = OpenEpisode(seal.episode, step.side, step.account, step.key, step.signature)
        require("P24", side_in_form(call, state) and step.side not in sides, "a side can't open so")
        require("P24", before <= step.time <= case.anchored.time, "the opening is not in order of time")
        require("P24", case.suite.verify(step.key, message, step.signature), "an opening signature does not verify")
        sides.add(step.side)
        before = step.time
        needed += [(account, step.key, step.time) for account in step.account]
    _check_accounts(case, needed)
    return said(account=seal.institution.account, person=seal.patient.person, opened=len(state.opening))


def _check_accounts(case: EpisodeCase, needed: Sequence[tuple[str, bytes, int]]) -> None:
    """Check that keys are those of the institution's accounts, in force when they signed; no other is shown."""
    keys = check_states(case.suite, case.episode.keys, case.note.head, "P24")
    institution, used = case.signers[0].member, set()
    for account, public, time in needed:
        key = state_key(REGISTRY, "key", public)
        value = keys.get(key)
        require("P24", value is not None, "the registry's entry of the institution's key is not shown")
        used.add(key)
        known = read(KeyState, value or b"", "P24")
        require("P24", (known.account, known.member) == (account, institution), "the key is another account's")
        require("P24", in_force(known, time), "the institution's key was not in force")
    require("P24", keys.keys() == used, "a key is shown that nothing needs")


def p25_late_additions(case: EpisodeCase) -> Outcome:
    """P25: the late additions shown are all that were marked, in order, after the sealing."""
    late, state = case.episode.late, case.sealed
    require("P25", len(late) == state.late, "there are more or fewer late additions than were marked")
    times = [state.time, *(one.time for one in late), case.anchored.time]
    require("P25", times == sorted(times), "the late additions are not in order of time")
    require("P25", len({one.record for one in late}) == len(late), "a late addition is there twice")
    chained = late_chain(case.suite.hash, [(one.record, one.time) for one in late])
    require("P25", chained == state.last, "the late additions don't lead to what the state has")
    return said(late=len(late))


def p26_registrations(case: EpisodeCase) -> Outcome:
    """P26: each registration shown is one of a record of the episode, by the institution, and holds by P7 to P16."""
    _check_order(case, [one.record for one in case.episode.registrations], "P26")
    for one in case.episode.registrations:
        inner = _registration_case(case, one)
        for step in REGISTRATION:
            step(inner)
        own = inner.signers[0].member == case.signers[0].member
        require("P26", own, "a record was registered by another member")
    return said(registrations=len(case.episode.registrations))


def _registration_case(case: EpisodeCase, one: Registration) -> Case:
    """Return a registration as a case of its own, under the checkpoint of the bundle within."""
    inner = Case(b"", None)
    inner.suite, inner.chain, inner.epochs, inner.note = case.suite, case.chain, case.epochs, case.note
    shown = {"entry": one.entry, "states": one.states, "opening": one.opening}
    inner.bundle = replace(case.bundle, claim="record", subject=one.record, **shown)
    return inner


def p27_reads(case: EpisodeCase) -> Outcome:
    """P27: each list of reads shown is all access entries of a record of the episode, by P17 to P20."""
    _check_order(case, [one.record for one in case.episode.reads], "P27")
    entries = 0
    for one in case.episode.reads:
        inner = _reads_case(case, one)
        for step in READS:
            step(inner)
        entries += len(one.entries)
    return said(records=len(case.episode.reads), entries=entries)


def _reads_case(case: EpisodeCase, one: RecordReads) -> AccessCase:
    """Return a list of reads as a case of its own, under the anchor of the bundle within."""
    inner = AccessCase(b"", None)
    inner.suite, inner.chain, inner.note, inner.signers = case.suite, case.chain, case.note, case.signers
    inner.bundle = case.bundle
    inner.access = AccessBundle(
        claim="access-list",
        subject=one.record,
        anchor=case.bundle,
        entries=one.entries,
        head=(one.head,),
        keys=one.keys,
    )
    return inner


def _check_order(case: EpisodeCase, shown: Sequence[bytes], step: str) -> None:
    """Check that records are of the episode, sealed or late, each once, in that order."""
    places = {record: place for place, record in enumerate(_all_records(case.episode))}
    require(step, all(record in places for record in shown), "a record is not of the episode")
    found = [places[record] for record in shown]
    require(step, found == sorted(set(found)), "the records are not in order, or one is there twice")


def _all_records(episode: EpisodeBundle) -> Iterable[bytes]:
    return dict.fromkeys([*episode.records, *(one.record for one in episode.late)])

"""The steps P21 to P27 of docs/spec/proof-bundle.md: what a private chain says of a sealed episode, one function each.

The bundle within, which proves the anchor, has passed P2 to P16. Registrations and reads take the steps of bundles of
their own, in the place of that. A function returns what the step says or raises why it fails.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from xinglin_verify import access, claims, steps
from xinglin_verify.case import Case, Moment, Outcome, Word, passed
from xinglin_verify.contract_objects import CommitAnchor, EpisodeState, KeyState, OpeningStep, SealEpisode
from xinglin_verify.encoding import encode
from xinglin_verify.errors import DoesNotHold
from xinglin_verify.merkle import leaf_hash
from xinglin_verify.note import Checkpoint
from xinglin_verify.objects import AccessBundle, EpisodeBundle, RecordReads, Registration
from xinglin_verify.schema import parse
from xinglin_verify.suites import Hash

REASONS = {1: "dispute", 2: "complaint", 3: "litigation", 4: "death", 5: "other"}
INSTITUTION, PATIENT = 1, 2
NO_LATE = bytes(32)
STANDING = ("episode.is_sealed", "episode.is_proposed", "episode.is_opened")
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


def p21_sealing(case: Case) -> Outcome:
    """P21: the bundle within is about an anchor, and the operation that sealed the episode is in the anchored log."""
    episode = _episode(case)
    if case.bundle.claim != "anchor":
        raise DoesNotHold("access.anchor")
    call = parse(CommitAnchor, case.bundle.entry.head.arguments, "arguments")
    head, entry = call.head, episode.sealed
    case.anchored = Checkpoint(
        b"", call.chain, head.size, head.log_root, head.state_root, head.height, head.time, lines=()
    )
    steps.check_leaf(case.suite, entry, case.anchored)
    steps.check_signatures(case.suite, entry)
    steps.check_operation(case.suite, entry)
    steps.check_item(case.suite, entry)
    if (entry.head.contract, entry.head.version, entry.head.method) != ("episode", 1, "seal"):
        raise DoesNotHold("episode.operation", index=entry.leaf.index)
    seal = case.seal = parse(SealEpisode, entry.head.arguments, "arguments")
    if seal.episode != episode.subject:
        raise DoesNotHold("episode.other", found=seal.episode, expected=episode.subject)
    return passed(
        "episode.sealing",
        episode=seal.episode,
        time=Moment(entry.leaf.time),
        reason=Word(REASONS[seal.reason]),
        chain=call.chain,
        size=head.size,
    )


def p22_sealed_set(case: Case) -> Outcome:
    """P22: the records shown are all that was sealed, each once, in order."""
    records = _episode(case).records
    if len(records) != case.seal.count or len(set(records)) != len(records):
        raise DoesNotHold("episode.count", found=len(records), sealed=case.seal.count)
    if _root(case.suite.hash, records) != case.seal.root:
        raise DoesNotHold("episode.root")
    return passed("episode.set", records=len(records), root=case.seal.root.hex())


def p23_sealed_state(case: Case) -> Outcome:
    """P23: the anchored state has the episode as it was sealed."""
    episode, seal = _episode(case), case.seal
    if episode.state.key != encode(("episode", "episode", seal.episode)):
        raise DoesNotHold("episode.state_other")
    steps.check_states(case.suite, (episode.state,), case.anchored)
    if not episode.state.content:
        raise DoesNotHold("episode.state_absent")
    state = case.sealed = parse(EpisodeState, episode.state.content[0], "episode")
    asked = (seal.subject, seal.root, seal.count, seal.reason, seal.institution, seal.patient, episode.sealed.leaf.time)
    kept = (state.subject, state.root, state.count, state.reason, state.institution, state.patient, state.time)
    if asked != kept:
        raise DoesNotHold("episode.state_differs")
    return passed(STANDING[len(state.opening)], as_of=Moment(case.anchored.time))


def p24_both_sides(case: Case) -> Outcome:
    """P24: both sides signed the sealing and, where it is opened, the opening; the institution by its accounts."""
    seal, state, suite = case.seal, case.sealed, case.suite
    institution, patient = seal.institution, seal.patient
    if institution.key == patient.key:
        raise DoesNotHold("sides.one_key")
    what = (seal.episode, seal.subject, seal.root, seal.count, seal.reason)
    sides = (institution.account, institution.key, patient.person, patient.key)
    message = suite.tagged("episode-seal", case.anchored.chain, *what, *sides)
    for side, party in ((INSTITUTION, institution), (PATIENT, patient)):
        if not suite.verify(party.key, message, party.signature):
            raise DoesNotHold("sides.signature", side=side)
    signed = [(institution.account, institution.key, state.time), *_opened(case)]
    _check_accounts(case, signed)
    return passed("sides.done", account=institution.account, person=patient.person.hex(), opened=len(state.opening))


def _opened(case: Case) -> list[tuple[str, bytes, int]]:
    """Return whose account signed the opening, by which key, when, after checking both steps of it."""
    state, before, seen, signed = case.sealed, case.sealed.time, set[int](), list[tuple[str, bytes, int]]()
    message = case.suite.tagged("episode-open", case.anchored.chain, case.seal.episode, state.subject, state.root)
    for step in state.opening:
        if not _may_open(step, state.patient.key) or step.side in seen:
            raise DoesNotHold("sides.opening", side=step.side)
        if not before <= step.time <= case.anchored.time:
            raise DoesNotHold("sides.opening_time", side=step.side)
        if not case.suite.verify(step.key, message, step.signature):
            raise DoesNotHold("sides.opening_signature", side=step.side)
        seen.add(step.side)
        before = step.time
        signed += [(account, step.key, step.time) for account in step.account]
    return signed


def _may_open(step: OpeningStep, patient_key: bytes) -> bool:
    if step.side == PATIENT:
        return not step.account and step.key == patient_key
    return len(step.account) == 1 and step.key != patient_key


def _check_accounts(case: Case, signed: Sequence[tuple[str, bytes, int]]) -> None:
    """Raise unless the registry's entries of the institution's keys, and no others, are shown and were in force."""
    shown = _episode(case).keys
    steps.check_states(case.suite, shown, case.checkpoint)
    values, used = {state.key: state.content for state in shown}, set()
    for account, public, time in signed:
        key = encode(("registry", "key", public))
        if not values.get(key):
            raise DoesNotHold("sides.key_missing", account=account)
        used.add(key)
        state = parse(KeyState, values[key][0], "key")
        if (state.account, state.member) != (account, case.signers[0].member):
            raise DoesNotHold("sides.account", account=account)
        ended = (state.until and time >= state.until[0]) or (state.compromised and time >= state.compromised[0])
        if time < state.from_ms or ended:
            raise DoesNotHold("sides.not_in_force", account=account)
    for key in values:
        if key not in used:
            raise DoesNotHold("rest.state", key=key.hex())


def p25_late_additions(case: Case) -> Outcome:
    """P25: the late additions shown are all that were marked, in order, after the sealing."""
    late, state = _episode(case).late, case.sealed
    times = [state.time, *(one.time for one in late), case.anchored.time]
    if times != sorted(times) or len({one.record for one in late}) != len(late):
        raise DoesNotHold("late.order")
    last = NO_LATE
    for one in late:
        last = case.suite.tagged("episode-late", last, one.record, one.time)
    if (len(late), last) != (state.late, state.last):
        raise DoesNotHold("late.incomplete", found=len(late), marked=state.late)
    return passed("late.done", late=len(late), as_of=Moment(case.anchored.time))


def p26_registrations(case: Case) -> Outcome:
    """P26: each registration shown is one of a record of the episode, by the institution, and holds by P7 to P16."""
    shown = _episode(case).registrations
    _check_order(case, [one.record for one in shown])
    for one in shown:
        inner = _registration_case(case, one)
        for step in REGISTRATION:
            step(inner)
        if inner.signers[0].member != case.signers[0].member:
            raise DoesNotHold("registrations.member", record=one.record.hex())
    return passed("registrations.done", registrations=len(shown))


def _registration_case(case: Case, one: Registration) -> Case:
    """Return a registration as a case of its own, under the checkpoint of the bundle within."""
    inner = _inner(case)
    inner.bundle = dataclasses.replace(
        case.bundle, claim="record", subject=one.record, entry=one.entry, states=one.states, opening=one.opening
    )
    return inner


def p27_reads(case: Case) -> Outcome:
    """P27: each list of reads shown is all access entries of a record of the episode, by P17 to P20."""
    shown = _episode(case).reads
    _check_order(case, [one.record for one in shown])
    for one in shown:
        inner = _reads_case(case, one)
        for step in READS:
            step(inner)
    entries = sum(len(one.entries) for one in shown)
    return passed("reads.done", records=len(shown), entries=entries, as_of=Moment(case.anchored.time))


def _reads_case(case: Case, one: RecordReads) -> Case:
    """Return a list of reads as a case of its own, under the anchor of the bundle within."""
    inner = _inner(case)
    inner.bundle, inner.signers = case.bundle, case.signers
    inner.access = AccessBundle("access-list", one.record, case.bundle, one.entries, (one.head,), one.keys)
    return inner


def _inner(case: Case) -> Case:
    inner = Case(b"", None)
    inner.suite, inner.chain, inner.epochs, inner.checkpoint = case.suite, case.chain, case.epochs, case.checkpoint
    return inner


def _check_order(case: Case, shown: Sequence[bytes]) -> None:
    """Raise unless records are of the episode, sealed or late, each once, in that order."""
    episode = _episode(case)
    whole = dict.fromkeys([*episode.records, *(one.record for one in episode.late)])
    places = {record: place for place, record in enumerate(whole)}
    found = [places.get(record, -1) for record in shown]
    if -1 in found or found != sorted(set(found)):
        raise DoesNotHold("episode.records_order")


def _root(hash_: Hash, records: Sequence[bytes]) -> bytes:
    """Return the RFC 6962 root over records, at least one; the left part of a tree is the largest power of two."""
    if not records:
        return hash_(b"")
    level = [leaf_hash(hash_, record) for record in records]
    while len(level) > 1:
        pairs = [hash_(b"\x01" + left + right) for left, right in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


def _episode(case: Case) -> EpisodeBundle:
    if case.episode is None:  # never so: these steps are taken for an episode bundle only
        raise DoesNotHold("episode.state_absent")
    return case.episode

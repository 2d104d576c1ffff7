"""What a proof of a sealed episode must be: one change, and both verifiers fail at that step.

An institution makes its private chain alone, so it may log and keep what the contract would refuse: the last tests run
a private chain whose contract checks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from xinglin_verify.report import Verdict as TheirVerdict
from xinglin_verify.verify import verify_bundle

from tests.support.damage import flipped
from tests.support.episode_world import EpisodeWorld, Proofs, episode_world, proofs
from xinglin.carrier.contracts.api import Context, Contract, Method
from xinglin.carrier.ledger.bundle_model import Bundle, EpisodeBundle, LateAddition
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Profile
from xinglin.carrier.ledger.proof import prove_operation, prove_states
from xinglin.carrier.ledger.trust import Trust, encode_trust
from xinglin.kernel.encoding import decode, pack, state_key
from xinglin.kernel.identifiers import identifier
from xinglin.node import chains
from xinglin.node.office.accounts import account_signer, add_account, end_key
from xinglin.node.office.proofs import last_anchor, prove_record
from xinglin.service.basic.coordination.bundles.check import Verdict
from xinglin.service.basic.episodes.bundles import make
from xinglin.service.basic.episodes.bundles.check import check_proof
from xinglin.service.basic.episodes.contract import CONTRACT
from xinglin.service.basic.episodes.looking import EpisodeStatus
from xinglin.service.basic.episodes.model import (
    NO_LATE,
    AddLate,
    EpisodeState,
    LateState,
    OpenEpisode,
    OpeningStep,
    SealEpisode,
    Side,
)
from xinglin.service.basic.episodes.service import Episodes
from xinglin.stakeholders.kinds import Role

Change = Callable[[EpisodeBundle], EpisodeBundle]


def last_step(data: bytes, trust: Trust) -> int:
    """Return the step at which both verifiers fail, 27 where the bundle holds."""
    ours, theirs = check_proof(data, trust), verify_bundle(data, encode_trust(trust))
    reason = (theirs.lines(), ours.steps[-1].refusal)
    assert TheirVerdict(ours.verdict.value) is theirs.verdict, reason
    assert [one.number for one in ours.steps] == [one.number for one in theirs.steps], reason
    assert ours.verdict in (Verdict.HOLDS, Verdict.DOES_NOT_HOLD)
    assert (ours.verdict is Verdict.HOLDS) == (ours.failed is None)
    return ours.steps[-1].number if ours.failed else 0


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Proofs:
    return proofs(tmp_path_factory.mktemp("episode"))


def swapped(values: tuple[Any, ...], one: int, other: int) -> tuple[Any, ...]:
    changed = list(values)
    changed[one], changed[other] = changed[other], changed[one]
    return tuple(changed)


def without(values: tuple[Any, ...], place: int) -> tuple[Any, ...]:
    return values[:place] + values[place + 1 :]


CHANGES: dict[str, tuple[int, Change]] = {
    "another episode is claimed": (21, lambda b: replace(b, subject="a" * 26)),
    "another operation is shown": (21, lambda b: replace(b, sealed=b.reads[0].entries[0])),
    "a registration as the sealing": (21, lambda b: replace(b, sealed=b.registrations[0].entry)),
    "a record left out": (22, lambda b: replace(b, records=without(b.records, 1))),
    "a record added": (22, lambda b: replace(b, records=(*b.records, bytes(32)))),
    "a record exchanged": (22, lambda b: replace(b, records=(bytes(32), *b.records[1:]))),
    "records in another order": (22, lambda b: replace(b, records=swapped(b.records, 0, 1))),
    "a record twice": (22, lambda b: replace(b, records=(*b.records[:-1], b.records[0]))),
    "no records": (22, lambda b: replace(b, records=())),
    "the state of something else": (23, lambda b: replace(b, state=b.reads[0].head)),
    "a state without a value": (23, lambda b: replace(b, state=replace(b.state, value=()))),
    "another value": (23, lambda b: replace(b, state=replace(b.state, value=(flipped(b.state.value[0]),)))),
    "another proof": (23, lambda b: replace(b, state=replace(b.state, proof=b.reads[0].head.proof))),
    "no key of the institution": (24, lambda b: replace(b, keys=())),
    "a key that nothing needs": (24, lambda b: replace(b, keys=tuple(sorted((*b.keys, b.anchor.states[1]), key=_key)))),
    "a late addition left out": (25, lambda b: replace(b, late=b.late[:1])),
    "no late additions": (25, lambda b: replace(b, late=())),
    "a late addition more": (25, lambda b: replace(b, late=(*b.late, LateAddition(bytes(32), b.late[-1].time)))),
    "another late record": (25, lambda b: replace(b, late=(replace(b.late[0], record=bytes(32)), b.late[1]))),
    "late additions in another order": (25, lambda b: replace(b, late=swapped(b.late, 0, 1))),
    "a late addition twice": (25, lambda b: replace(b, late=(b.late[0], b.late[0]))),
    "a late addition earlier": (25, lambda b: replace(b, late=(replace(b.late[0], time=1), b.late[1]))),
    "registrations in another order": (26, lambda b: replace(b, registrations=swapped(b.registrations, 0, 1))),
    "a registration twice": (26, lambda b: replace(b, registrations=(b.registrations[0],) * 2)),
    "a registration of another record": (
        26,
        lambda b: replace(b, registrations=(replace(b.registrations[0], record=b.records[1]), *b.registrations[2:])),
    ),
    "a registration of no record of it": (
        26,
        lambda b: replace(b, registrations=(replace(b.registrations[0], record=bytes(32)),)),
    ),
    "another item": (
        26,
        lambda b: replace(
            b, registrations=(replace(b.registrations[0], entry=b.registrations[1].entry), *b.registrations[1:])
        ),
    ),
    "a registration without its states": (
        26,
        lambda b: replace(b, registrations=(replace(b.registrations[0], states=b.registrations[0].states[1:]),)),
    ),
    "another record's behaviour data": (
        26,
        lambda b: replace(
            b, registrations=(replace(b.registrations[0], opening=b.registrations[1].opening), *b.registrations[1:])
        ),
    ),
    "an access entry left out": (
        27,
        lambda b: replace(b, reads=(replace(b.reads[0], entries=b.reads[0].entries[1:]), *b.reads[1:])),
    ),
    "access entries in another order": (
        27,
        lambda b: replace(b, reads=(replace(b.reads[0], entries=b.reads[0].entries[::-1]), *b.reads[1:])),
    ),
    "another record's access head": (
        27,
        lambda b: replace(b, reads=(replace(b.reads[0], head=b.reads[1].head), *b.reads[1:])),
    ),
    "reads without the reader's key": (
        27,
        lambda b: replace(b, reads=(replace(b.reads[0], keys=()), *b.reads[1:])),
    ),
    "reads of no record of it": (27, lambda b: replace(b, reads=(replace(b.reads[0], record=bytes(32)),))),
    "reads in another order": (27, lambda b: replace(b, reads=swapped(b.reads, 0, 2))),
    "reads twice": (27, lambda b: replace(b, reads=(b.reads[0], b.reads[0]))),
}


def _key(state: Any) -> bytes:
    return bytes(state.key)


@pytest.mark.requirement("S1.1", "S9.2")
@pytest.mark.parametrize("name", CHANGES)
def test_one_change_fails_at_its_step(shown: Proofs, name: str) -> None:
    step, change = CHANGES[name]
    bundle = decode(EpisodeBundle, shown.bundles["added to"])
    assert last_step(pack(change(bundle)), shown.trust) == step


LESS: dict[str, Change] = {
    "no registrations": lambda b: replace(b, registrations=()),
    "one registration": lambda b: replace(b, registrations=b.registrations[3:4]),
    "a registration not opened": lambda b: replace(b, registrations=(replace(b.registrations[0], opening=()),)),
    "no reads": lambda b: replace(b, reads=()),
    "one record's reads": lambda b: replace(b, reads=b.reads[2:3]),
}


@pytest.mark.parametrize("name", LESS)
def test_what_is_left_out_of_it_makes_another_proof(shown: Proofs, name: str) -> None:
    bundle = LESS[name](decode(EpisodeBundle, shown.bundles["added to"]))
    assert last_step(pack(bundle), shown.trust) == 0


# --- an institution that keeps what the contract would refuse ---


@dataclass
class Lie:
    """What the institution's own contract makes of a state before it is kept."""

    state: Callable[[EpisodeState], EpisodeState] = lambda state: state


@pytest.fixture
def lie() -> Lie:
    return Lie()


@pytest.fixture
def liar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: Lie) -> Iterator[EpisodeWorld]:
    """Return a hospital whose private chain checks nothing, and which proves whatever it wants to."""
    contracts = dict(chains.CONTRACTS)
    others = tuple(one for one in contracts[Profile.PRIVATE] if one is not CONTRACT)
    contracts[Profile.PRIVATE] = (*others, lax_contract(lie))
    monkeypatch.setattr(chains, "CONTRACTS", contracts)
    monkeypatch.setattr(make, "check_proof", lambda *_: SimpleNamespace(failed=None))
    monkeypatch.setattr(make, "_find", found)
    monkeypatch.setattr(Episodes, "_check_both", lambda *_: None)
    monkeypatch.setattr(Episodes, "_check_account", lambda *_: None)
    with episode_world(tmp_path) as world:
        yield world


def found(private: Ledger, status: EpisodeStatus) -> tuple[int, int]:
    """Return where an episode was sealed, whatever the state says of the time."""
    places = ((index, make._position(private, index, status.episode)) for index in range(private.tip.log_size))
    return next((index, position) for index, position in places if position is not None)


def lax_contract(lie: Lie) -> Contract:
    """Return the contract ``episode`` without its rules."""

    def put(ctx: Context, episode: str, state: EpisodeState) -> None:
        ctx.put(lie.state(state), "episode", episode)

    def seal(ctx: Context, call: SealEpisode, _: Any) -> None:
        sealed = (call.subject, call.root, call.count, call.reason, call.institution, call.patient)
        names = ("subject", "root", "count", "reason", "institution", "patient")
        rest = {"time": ctx.time, "late": 0, "last": NO_LATE, "opening": ()}
        put(ctx, call.episode, EpisodeState(**dict(zip(names, sealed, strict=True)), **rest))

    def late(ctx: Context, call: AddLate, _: Any) -> None:
        state = ctx.get(EpisodeState, "episode", call.episode)
        assert state is not None
        ctx.put(LateState(number=state.late + 1, time=ctx.time), "late", call.episode, call.record)
        put(ctx, call.episode, replace(state, late=state.late + 1, last=bytes(31) + b"\x01"))

    def opening(ctx: Context, call: OpenEpisode, _: Any) -> None:
        state = ctx.get(EpisodeState, "episode", call.episode)
        assert state is not None
        step = OpeningStep(call.side, call.account, call.key, call.signature, ctx.time)
        put(ctx, call.episode, replace(state, opening=(*state.opening, step)))

    methods = {
        "seal": Method(SealEpisode, seal),
        "late": Method(AddLate, late),
        "propose_open": Method(OpenEpisode, opening),
        "approve_open": Method(OpenEpisode, opening),
    }
    return Contract("episode", 1, methods, ("episode",))


def proven(world: EpisodeWorld) -> int:
    world.cosign()
    return last_step(world.prove(registrations=False, reads=False), world.trust)


def test_without_a_lie_it_holds(liar: EpisodeWorld) -> None:
    liar.seal()
    assert proven(liar) == 0
    liar.open_by("institution", "patient")
    assert proven(liar) == 0


LIES: dict[str, Callable[[EpisodeState], EpisodeState]] = {
    "another root": lambda state: replace(state, root=bytes(32)),
    "another number": lambda state: replace(state, count=state.count + 1),
    "another subject": lambda state: replace(state, subject=bytes(32)),
    "another reason": lambda state: replace(state, reason=5),  # type: ignore[arg-type]
    "another time": lambda state: replace(state, time=state.time - 1),
    "another signature": lambda state: replace(state, patient=replace(state.patient, signature=bytes(64))),
    "another account": lambda state: replace(state, institution=replace(state.institution, account="a" * 26)),
}


@pytest.mark.parametrize("name", LIES)
def test_a_state_that_is_not_what_was_sealed_fails_at_p23(liar: EpisodeWorld, lie: Lie, name: str) -> None:
    lie.state = LIES[name]
    liar.seal()
    assert proven(liar) == 23


def test_a_side_that_has_not_signed_fails_at_p24(liar: EpisodeWorld) -> None:
    sign = liar.person.signer.sign
    liar.person = replace_signer(liar, lambda _: sign(bytes(32)))
    liar.seal()
    assert proven(liar) == 24


def replace_signer(world: EpisodeWorld, sign: Callable[[bytes], bytes], key: bytes = b"") -> Any:
    """Return the other side's key with another way to sign, or another key."""
    signer = type(world.person.signer)(key or world.person.signer.key, sign)
    return type(world.person)(world.person.private, signer)


def test_an_institution_on_both_sides_fails_at_p24(liar: EpisodeWorld) -> None:
    signer = account_signer(liar.node, liar.account)
    liar.person = replace_signer(liar, signer.sign, signer.key)
    liar.seal()
    assert proven(liar) == 24


def test_an_account_that_is_not_the_institutions_key_fails_at_p24(liar: EpisodeWorld, monkeypatch: Any) -> None:
    other = add_account(liar.node, [Role.AUDITOR], "Ms. Wu").account
    monkeypatch.setattr("tests.support.episode_world.account_signer", lambda node, _: account_signer(node, other))
    liar.seal()
    assert proven(liar) == 24


def test_a_key_that_no_registry_knows_fails_at_p24(liar: EpisodeWorld, monkeypatch: Any) -> None:
    stranger = liar.person.signer
    monkeypatch.setattr("tests.support.episode_world.account_signer", lambda *_: stranger)
    monkeypatch.setattr("xinglin.node.office.episodes.account_signer", lambda *_: stranger)
    liar.seal()
    assert proven(liar) == 24


def test_a_key_that_had_ended_fails_at_p24(liar: EpisodeWorld) -> None:
    end_key(liar.node, account_signer(liar.node, liar.account).key)
    liar.seal()
    assert proven(liar) == 24


OPENINGS: dict[str, Callable[[EpisodeState], EpisodeState]] = {
    "one side twice": lambda state: replace(state, opening=(state.opening[0], state.opening[0])),
    "not signed": lambda state: replace(state, opening=(replace(state.opening[0], signature=bytes(64)),)),
    "a patient's side with an account": lambda state: replace(
        state, opening=tuple(replace(one, account=("a" * 26,)) for one in state.opening)
    ),
    "an institution's side without": lambda state: replace(
        state, opening=tuple(replace(one, account=()) for one in state.opening if one.side is Side.INSTITUTION)
    ),
    "another side's key": lambda state: replace(
        state, opening=tuple(replace(one, side=Side(3 - one.side)) for one in state.opening)
    ),
    "before it was sealed": lambda state: replace(state, opening=(replace(state.opening[0], time=1),)),
    "in another order of time": lambda state: replace(
        state, opening=(replace(state.opening[0], time=state.opening[1].time + 1), state.opening[1])
    ),
    "later than the anchor": lambda state: replace(state, opening=(replace(state.opening[0], time=2**62),)),
}


@pytest.mark.parametrize("name", OPENINGS)
def test_an_opening_that_is_none_fails_at_p24(liar: EpisodeWorld, lie: Lie, name: str) -> None:
    liar.seal()
    lie.state = lambda state: OPENINGS[name](state) if len(state.opening) == 2 else state
    liar.open_by("institution", "patient")
    assert proven(liar) == 24


def test_late_additions_that_lead_elsewhere_fail_at_p25(liar: EpisodeWorld) -> None:
    liar.seal()
    liar.take(7)
    liar.mark_late()
    liar.cosign()
    status_differs = pytest.MonkeyPatch()
    status_differs.setattr("xinglin.service.basic.episodes.looking.late_chain", lambda *_: bytes(31) + b"\x01")
    try:
        assert proven(liar) == 25
    finally:
        status_differs.undo()


def test_a_registration_by_another_step_of_the_log_fails_at_p26(liar: EpisodeWorld) -> None:
    """A registration whose entry is another operation of the consortium chain, well proven."""
    liar.seal()
    liar.cosign()
    bundle = decode(EpisodeBundle, liar.prove(reads=False))
    note = last_anchor(liar.node, liar.node.private_ledger().rules.chain).note
    other = prove_operation(liar.node.consortium, note.head.size, 0, 0)
    forged = replace(bundle.registrations[0], entry=other)
    assert last_step(pack(replace(bundle, registrations=(forged,))), liar.trust) == 26


def test_a_bundle_within_that_is_about_a_record_fails_at_p21(liar: EpisodeWorld) -> None:
    liar.seal()
    liar.cosign()
    bundle = decode(EpisodeBundle, liar.prove())
    first = identifier(liar.archive.vault.index.by_number(1).record)  # type: ignore[union-attr]
    record = decode(Bundle, prove_record(liar.archive, first))
    assert last_step(pack(replace(bundle, anchor=record)), liar.trust) == 21


def test_a_state_of_another_time_fails_at_p23(liar: EpisodeWorld) -> None:
    """The state before a late addition, proven under a root that is not the anchored one."""
    liar.seal()
    private = liar.node.private_ledger()
    before = prove_states(private, private.tip.height, [state_key("episode", "episode", liar.episode)])[0]
    liar.read(1)
    liar.cosign()
    bundle = decode(EpisodeBundle, liar.prove(reads=False))
    assert last_step(pack(replace(bundle, state=before)), liar.trust) == 23

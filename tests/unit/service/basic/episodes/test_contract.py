"""The contract episode: two sides seal and two sides open; what comes between is marked and moves nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.contract_parties import Consortium, Key, new_id
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.episodes.errors import (
    EpisodeEmpty,
    EpisodeExists,
    EpisodeOpened,
    EpisodeUnknown,
    LateExists,
    OpeningNotProposed,
    OpeningProposed,
    SameSide,
    SideSignatureInvalid,
    SidesNotTwo,
)
from xinglin.service.basic.episodes.model import (
    NO_LATE,
    AddLate,
    EpisodeState,
    InstitutionSide,
    LateState,
    OpenEpisode,
    PatientSide,
    SealEpisode,
    SealReason,
    Side,
)
from xinglin.service.basic.episodes.rules import late_chain, open_message, seal_message
from xinglin.stakeholders.kinds import Role

RECORDS = [bytes([n]) * 32 for n in range(5)]


class Two:
    """Both sides of one episode on a chain, and what they call."""

    def __init__(self, consortium: Consortium) -> None:
        self.ledger = consortium.ledger
        self.caller = consortium.hospital.caller(Role.SERVICE)
        self.account, self.staff = consortium.hospital.accounts[Role.PRACTITIONER]
        self.relative = Key(self.ledger.suite)
        self.episode = new_id()

    def seal(self, **changes: Any) -> SealEpisode:
        """Return the call that seals, signed by both sides after the changes."""
        draft = SealEpisode(
            self.episode,
            b"s" * 32,
            b"r" * 32,
            3,
            SealReason.DISPUTE,
            InstitutionSide(self.account, self.staff.public, bytes(64)),
            PatientSide(b"p" * 32, self.relative.public, bytes(64)),
        )
        draft = replace(draft, **changes)
        message = seal_message(self.ledger.suite.hash, self.ledger.chain, draft)
        return replace(
            draft,
            institution=replace(draft.institution, signature=self.staff.sign(message)),
            patient=replace(draft.patient, signature=self.relative.sign(message)),
        )

    def open(self, side: Side, **changes: Any) -> OpenEpisode:
        """Return one side's call that proposes or approves to open."""
        message = open_message(self.ledger.suite.hash, self.ledger.chain, self.episode, b"s" * 32, b"r" * 32)
        key, account = (self.staff, (self.account,)) if side is Side.INSTITUTION else (self.relative, ())
        return replace(OpenEpisode(self.episode, side, account, key.public, key.sign(message)), **changes)

    def call(self, method: str, call: Any) -> None:
        assert self.ledger.call(self.caller, f"episode.{method}", call) == {"episode": self.episode}

    def refused(self, refusal: type[PlatformError], method: str, call: Any) -> dict[str, Any]:
        before = dict(self.ledger.state)
        with pytest.raises(refusal) as caught:
            self.ledger.call(self.caller, f"episode.{method}", call)
        assert type(caught.value) is refusal
        assert caught.value.facts["episode"] == call.episode
        assert self.ledger.state == before
        return dict(caught.value.facts)

    def state(self) -> EpisodeState:
        found = self.ledger.value(EpisodeState, "episode", "episode", self.episode)
        assert found is not None
        return found


@pytest.fixture
def two(consortium: Consortium) -> Two:
    return Two(consortium)


# --- sealing ---


@pytest.mark.requirement("S1.1")
def test_two_sides_seal_an_episode(two: Two) -> None:
    call = two.seal()
    two.call("seal", call)
    assert two.state() == EpisodeState(
        subject=call.subject,
        root=call.root,
        count=3,
        reason=SealReason.DISPUTE,
        institution=call.institution,
        patient=call.patient,
        time=two.ledger.time,
        late=0,
        last=NO_LATE,
        opening=(),
    )


CHANGES: list[Callable[[SealEpisode], SealEpisode]] = [
    lambda call: replace(call, subject=bytes(32)),
    lambda call: replace(call, root=bytes(32)),
    lambda call: replace(call, count=4),
    lambda call: replace(call, reason=SealReason.OTHER),
    lambda call: replace(call, institution=replace(call.institution, account=new_id())),
    lambda call: replace(call, institution=replace(call.institution, signature=bytes(64))),
    lambda call: replace(call, institution=replace(call.institution, signature=call.patient.signature)),
    lambda call: replace(call, patient=replace(call.patient, person=bytes(32))),
    lambda call: replace(call, patient=replace(call.patient, signature=call.institution.signature)),
]


@pytest.mark.parametrize("change", CHANGES)
def test_one_change_after_signing_and_nothing_is_sealed(two: Two, change: Any) -> None:
    facts = two.refused(SideSignatureInvalid, "seal", change(two.seal()))
    assert facts["side"] in (1, 2)


def test_a_seal_of_another_chain_or_episode_is_not_one_here(two: Two) -> None:
    call = two.seal()
    two.refused(SideSignatureInvalid, "seal", replace(call, episode=new_id()))
    elsewhere = two.ledger.chain
    two.ledger.chain = "p" + "z" * 26
    other = two.seal()
    two.ledger.chain = elsewhere
    two.refused(SideSignatureInvalid, "seal", other)


def test_one_side_alone_or_nothing_at_all_is_not_sealed(two: Two) -> None:
    two.refused(EpisodeEmpty, "seal", two.seal(count=0))
    alone = PatientSide(b"p" * 32, two.staff.public, bytes(64))
    two.refused(SidesNotTwo, "seal", two.seal(patient=alone))
    two.call("seal", two.seal())
    two.refused(EpisodeExists, "seal", two.seal())


# --- late additions ---


@pytest.mark.requirement("S1.1")
def test_late_additions_are_marked_in_order_and_move_nothing(two: Two) -> None:
    two.call("seal", two.seal())
    sealed, additions = two.state(), []
    for number, record in enumerate(RECORDS[:3], 1):
        two.ledger.time += 7
        two.call("late", AddLate(two.episode, record))
        additions.append((record, two.ledger.time))
        marked = two.ledger.value(LateState, "episode", "late", two.episode, record)
        assert marked == LateState(number=number, time=two.ledger.time)
        assert two.state() == replace(sealed, late=number, last=late_chain(two.ledger.suite.hash, additions))
    assert two.refused(LateExists, "late", AddLate(two.episode, RECORDS[0]))["commitment"] == RECORDS[0]
    two.refused(EpisodeUnknown, "late", AddLate(new_id(), RECORDS[4]))


# --- opening ---


@pytest.mark.requirement("S1.1")
@pytest.mark.parametrize("order", [(Side.INSTITUTION, Side.PATIENT), (Side.PATIENT, Side.INSTITUTION)])
def test_two_sides_open_it(two: Two, order: tuple[Side, Side]) -> None:
    two.call("seal", two.seal())
    sealed = two.state()
    first, second = (two.open(side) for side in order)
    two.call("propose_open", first)
    assert [step.side for step in two.state().opening] == [order[0]]
    two.ledger.time += 9
    two.call("late", AddLate(two.episode, RECORDS[0]))  # a proposal opens nothing
    two.call("approve_open", second)
    steps = two.state().opening
    assert [(step.side, step.account, step.key, step.signature) for step in steps] == [
        (call.side, call.account, call.key, call.signature) for call in (first, second)
    ]
    assert steps[1].time == steps[0].time + 9
    assert two.state().root == sealed.root


def test_one_side_can_not_open_it(two: Two) -> None:
    two.refused(EpisodeUnknown, "propose_open", two.open(Side.PATIENT))
    two.call("seal", two.seal())
    two.refused(OpeningNotProposed, "approve_open", two.open(Side.PATIENT))
    two.call("propose_open", two.open(Side.INSTITUTION))
    two.refused(OpeningProposed, "propose_open", two.open(Side.PATIENT))
    two.refused(SameSide, "approve_open", two.open(Side.INSTITUTION))


WRONG: dict[str, Callable[[Two], OpenEpisode]] = {
    "the patient's with another key": lambda two: two.open(Side.PATIENT, key=two.staff.public),
    "the patient's with an account": lambda two: two.open(Side.PATIENT, account=(two.account,)),
    "the institution's without an account": lambda two: two.open(Side.INSTITUTION, account=()),
    "the institution's with the patient's key": lambda two: two.open(
        Side.INSTITUTION, key=two.relative.public, signature=two.open(Side.PATIENT).signature
    ),
    "not signed": lambda two: two.open(Side.PATIENT, signature=bytes(64)),
    "signed by the other": lambda two: two.open(Side.PATIENT, signature=two.open(Side.INSTITUTION).signature),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_one_change_and_a_side_has_not_signed(two: Two, wrong: str) -> None:
    two.call("seal", two.seal())
    call = WRONG[wrong](two)
    assert two.refused(SideSignatureInvalid, "propose_open", call)["side"] == call.side
    other = Side.PATIENT if call.side is Side.INSTITUTION else Side.INSTITUTION
    two.call("propose_open", two.open(other))
    assert two.refused(SideSignatureInvalid, "approve_open", call)["side"] == call.side


def test_the_signature_that_seals_does_not_open(two: Two) -> None:
    call = two.seal()
    two.call("seal", call)
    two.refused(SideSignatureInvalid, "propose_open", two.open(Side.PATIENT, signature=call.patient.signature))


def test_another_account_of_the_institution_can_open(two: Two, consortium: Consortium) -> None:
    two.call("seal", two.seal())
    two.account, two.staff = consortium.hospital.accounts[Role.AUDITOR]
    two.call("propose_open", two.open(Side.INSTITUTION))


def test_what_is_open_stays_open(two: Two) -> None:
    two.call("seal", two.seal())
    two.call("propose_open", two.open(Side.PATIENT))
    two.call("approve_open", two.open(Side.INSTITUTION))
    two.refused(EpisodeOpened, "late", AddLate(two.episode, RECORDS[0]))
    for method in ("propose_open", "approve_open"):
        two.refused(EpisodeOpened, method, two.open(Side.PATIENT))
    two.refused(EpisodeExists, "seal", two.seal())

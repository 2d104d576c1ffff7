"""The contract ``episode`` version 1 of private chains (docs/spec/episode.md EP1 to EP9; S1.1).

Both sides seal a set of records by their signatures and both open it; what comes between is marked as late and moves
nothing of what was sealed. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from xinglin.carrier.access.policy.rules import guarded
from xinglin.carrier.contracts.api import Context, Contract, Method
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
    NAMESPACE,
    NO_LATE,
    AddLate,
    EpisodeState,
    LateState,
    OpenEpisode,
    OpeningStep,
    SealEpisode,
    Side,
)
from xinglin.service.basic.episodes.rules import is_open, next_late, open_message, seal_message, side_in_form

Items = Sequence[bytes]


def seal(ctx: Context, call: SealEpisode, _: Items) -> None:
    """Seal the records of an encounter by the signatures of both sides."""
    ctx.require(ctx.get(EpisodeState, "episode", call.episode) is None, EpisodeExists(episode=call.episode))
    ctx.require(call.count > 0, EpisodeEmpty(episode=call.episode))
    ctx.require(call.institution.key != call.patient.key, SidesNotTwo(episode=call.episode))
    message = seal_message(ctx.hash, ctx.chain, call)
    for side, party in ((Side.INSTITUTION, call.institution), (Side.PATIENT, call.patient)):
        _check_signature(ctx, call.episode, side, party.key, message, party.signature)
    state = EpisodeState(
        subject=call.subject,
        root=call.root,
        count=call.count,
        reason=call.reason,
        institution=call.institution,
        patient=call.patient,
        time=ctx.time,
        late=0,
        last=NO_LATE,
        opening=(),
    )
    _put(ctx, call.episode, state)


def late(ctx: Context, call: AddLate, _: Items) -> None:
    """Mark a record that came after the sealing."""
    state = _sealed(ctx, call.episode)
    known = ctx.get(LateState, "late", call.episode, call.record)
    ctx.require(known is None, LateExists(episode=call.episode, commitment=call.record))
    ctx.put(LateState(number=state.late + 1, time=ctx.time), "late", call.episode, call.record)
    last = next_late(ctx.hash, state.last, call.record, ctx.time)
    _put(ctx, call.episode, replace(state, late=state.late + 1, last=last))


def propose_open(ctx: Context, call: OpenEpisode, _: Items) -> None:
    """Propose to open an episode, by one side's signature."""
    state = _sealed(ctx, call.episode)
    ctx.require(not state.opening, OpeningProposed(episode=call.episode))
    _put(ctx, call.episode, replace(state, opening=(_signed(ctx, call, state),)))


def approve_open(ctx: Context, call: OpenEpisode, _: Items) -> None:
    """Open an episode, by the other side's signature."""
    state = _sealed(ctx, call.episode)
    ctx.require(bool(state.opening), OpeningNotProposed(episode=call.episode))
    ctx.require(state.opening[0].side is not call.side, SameSide(episode=call.episode))
    _put(ctx, call.episode, replace(state, opening=(*state.opening, _signed(ctx, call, state))))


def _sealed(ctx: Context, episode: str) -> EpisodeState:
    state = ctx.get(EpisodeState, "episode", episode)
    if state is None:
        raise EpisodeUnknown(episode=episode)
    ctx.require(not is_open(state), EpisodeOpened(episode=episode))
    return state


def _signed(ctx: Context, call: OpenEpisode, state: EpisodeState) -> OpeningStep:
    ctx.require(side_in_form(call, state), SideSignatureInvalid(episode=call.episode, side=int(call.side)))
    message = open_message(ctx.hash, ctx.chain, call.episode, state.subject, state.root)
    _check_signature(ctx, call.episode, call.side, call.key, message, call.signature)
    return OpeningStep(call.side, call.account, call.key, call.signature, ctx.time)


def _check_signature(ctx: Context, episode: str, side: Side, key: bytes, message: bytes, signature: bytes) -> None:
    good = ctx.verify_signature(key, message, signature)
    ctx.require(good, SideSignatureInvalid(episode=episode, side=int(side)))


def _put(ctx: Context, episode: str, state: EpisodeState) -> None:
    ctx.put(state, "episode", episode)
    ctx.emit("episode", episode)


CONTRACT = Contract(
    name=NAMESPACE,
    version=1,
    methods=guarded(
        NAMESPACE,
        {
            "seal": Method(SealEpisode, seal),
            "late": Method(AddLate, late),
            "propose_open": Method(OpenEpisode, propose_open),
            "approve_open": Method(OpenEpisode, approve_open),
        },
    ),
    namespaces=(NAMESPACE,),
)

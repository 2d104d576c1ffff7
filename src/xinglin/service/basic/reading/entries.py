"""How an access entry is made of a signed request and of what it came to (docs/spec/access.md; H4). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.audit.messages import SignedRequest
from xinglin.service.basic.audit.model import AccessEntry, OpenedCopy, Proven, ReaderProof
from xinglin.service.basic.protection.model import Decision
from xinglin.stakeholders.purposes import Basis, Copy


@dataclass(frozen=True, slots=True)
class ConsortiumHead:
    """The consortium head that a decision rests on: height and block time (ms)."""

    height: int
    time: int


@dataclass(frozen=True, slots=True)
class Came:
    """What a request came to: the record it is about, the decision, the refusal, the copy that is handed out."""

    commitment: bytes
    decision: Decision | None
    refusal: PlatformError | None
    copy: Copy = Copy.NONE


def entry_of(signed: SignedRequest, request_hash: bytes, came: Came, head: ConsortiumHead, now: int) -> AccessEntry:
    """Return the entry of a request.

    Args:
        signed: the request; its signature has been checked.
        request_hash: its hash.
        came: what it came to.
        head: the consortium head that was decided on.
        now: the node's clock, ms.
    """
    request, decision = signed.request, came.decision
    permitted = came.refusal is None
    return AccessEntry(
        commitment=came.commitment,
        member=request.member,
        account=request.account,
        action=request.action,
        outcome=0 if came.refusal is None else came.refusal.number,
        basis=(decision.basis if decision is not None and permitted else Basis.NONE).value,
        reference=decision.reference if decision is not None else b"",
        purpose=request.purpose,
        copy=OpenedCopy(came.copy if permitted else Copy.NONE),
        request=request_hash,
        proven=Proven.SIGNATURE,
        proof=(ReaderProof(signed.key, signed.signature),),
        seen_height=head.height,
        seen_time=head.time,
        time=now,
    )

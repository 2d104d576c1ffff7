"""What a request comes to at a custodian: the decision, the refusal, what is handed back (docs/spec/reading.md)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from xinglin.carrier.ledger.model import ReceiptFact
from xinglin.kernel.errors import Fact, PlatformError
from xinglin.service.basic.audit.messages import SignedRequest
from xinglin.service.basic.audit.model import NO_RECORD
from xinglin.service.basic.protection.model import Decision, Target
from xinglin.service.basic.reading.model import Disclosure, Found
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import OpenedRecord
from xinglin.stakeholders.purposes import Copy


@dataclass(frozen=True, slots=True)
class Known:
    """A request of which it is known who asks, its hash, and what came with it."""

    signed: SignedRequest
    hash: bytes
    payload: bytes

    @property
    def of_record(self) -> bool:
        """Whether it names a record."""
        return self.signed.request.asked.what == "record"


@dataclass(slots=True)
class Outcome:
    """What a request comes to.

    ``commitment`` is what its entry names. ``row``, ``target`` and ``opened`` are of the record that is read;
    ``opened`` was audited. ``person`` is whom a search or a match is about, where there is somebody. ``disclosed``,
    ``found`` and ``link`` are handed back if there is no refusal. ``fault`` is an error of this program, by which
    nothing is known of what the request comes to.
    """

    commitment: bytes = NO_RECORD
    decision: Decision | None = None
    refusal: PlatformError | None = None
    row: StoredRecord | None = None
    target: Target | None = None
    opened: OpenedRecord | None = None
    person: bytes = b""
    disclosed: tuple[Disclosure, ...] = ()
    found: tuple[Found, ...] = ()
    link: tuple[bytes, ...] = ()
    fault: Exception | None = None

    @property
    def served(self) -> bool:
        """Whether something is handed back that a permit stands behind."""
        return self.refusal is None and bool(self.disclosed or self.found)

    @property
    def copy(self) -> Copy:
        """Which copy of a record is handed back."""
        return self.disclosed[0].copy if self.served and self.disclosed else Copy.NONE

    def same(self, other: Outcome) -> bool:
        """Tell whether another decision on the request comes to the same: on the same ground, and as much of it."""
        return (type(self.refusal), self.decision, self.disclosed, self.found) == (
            type(other.refusal),
            other.decision,
            other.disclosed,
            other.found,
        )


def told_facts(refusal: PlatformError | None) -> tuple[ReceiptFact, ...]:
    """Return the facts of a refusal as they are handed back; what is out of form, as of damage, is left out."""
    facts = []
    for name, value in sorted(({} if refusal is None else refusal.facts).items()):
        with suppress(ValueError):
            facts.append(ReceiptFact(name, value))
    return tuple(facts)


def said(decision: Decision | None) -> dict[str, Fact]:
    """Return what a refusal tells of the rule that decided, and of the nearest consent."""
    if decision is None:
        return {}
    facts: dict[str, Fact] = {"rule": int(decision.rule)}
    if decision.nearest is not None:
        facts |= {"nearest": decision.nearest.consent, "why": decision.nearest.refusal.code}
    if decision.reference:
        facts["reference"] = decision.reference
    return facts

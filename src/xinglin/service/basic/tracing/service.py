"""Draws a record's trace together and shows it to whoever may see it, its own entry first (S8.6b to d, H4).

Everything comes from what both chains, the vault's rows and the access trace say; nothing of a record's content is
looked at, so a trace outlives the record's destruction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xinglin.kernel.encoding import decode
from xinglin.kernel.identifiers import identifier, urn
from xinglin.service.basic.audit.messages import SignedRequest
from xinglin.service.basic.audit.projection import AccessProjection, AccessRow
from xinglin.service.basic.coordination.model import Behaviour
from xinglin.service.basic.correction.looking import Held, Looking, Version
from xinglin.service.basic.destruction.model import RecordStanding, Standing
from xinglin.service.basic.protection.model import Decision, Rule
from xinglin.service.basic.protection.rules import decide, gate
from xinglin.service.basic.reading.acts import Acts
from xinglin.service.basic.reading.deciding import labels_of
from xinglin.service.basic.tracing.errors import TraceNotShown
from xinglin.service.basic.tracing.model import (
    TRACE,
    Access,
    Corrected,
    Given,
    Origin,
    Registration,
    Step,
    Tables,
    Trace,
    Viewer,
    Withheld,
)
from xinglin.service.basic.tracing.rules import BY_PERMIT, Values, shown, viewer_of
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import Vault
from xinglin.stakeholders.labels import Special
from xinglin.stakeholders.purposes import Action, Basis, Purpose

OVERSIGHT, SUPERVISION = b"oversight", b"supervision"
"""What the entry of a look at a trace names as what its legal duty rests on."""
May = Callable[[bytes], bool]
"""Tells whether a version, named by its commitment, is told of."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What a trace is drawn from.

    ``registered`` returns where a record was registered, ``standing`` what it is by both chains, ``holds`` the ids of
    the holds on it, those on its patient too; ``chain`` is the consortium chain, ``keeper`` the member.
    """

    chain: str
    keeper: str
    vault: Vault
    looking: Looking
    trace: AccessProjection
    registered: Callable[[StoredRecord], Registration | None]
    standing: Callable[[bytes], RecordStanding]
    holds: Callable[[StoredRecord], Sequence[str]]


class Tracing:
    """Shows the traces of one home's records.

    Args:
        acts: decides, and makes the entry.
        sources: what traces are drawn from.
        tables: of traces.
    """

    def __init__(self, acts: Acts, sources: Sources, tables: Tables) -> None:
        self._acts = acts
        self._sources = sources
        self._tables = tables

    def look(self, data: bytes) -> Values:
        """Return the trace of the record that a signed request names, as far as its account may see it.

        Args:
            data: the canonical bytes of a ``SignedRequest`` with the action ``trace``.

        Raises:
            TraceNotShown: the account is shown none; so its entry says.
            PlatformError: another refusal of permits; or see ``Acts.permit``.
        """
        told: list[tuple[Viewer, May]] = []

        def decided(signed: SignedRequest, purpose: Purpose, row: StoredRecord) -> Decision:
            situation = self._acts.situation(signed, purpose, Action.HISTORY, row)
            refused = gate(situation)
            if refused is not None:
                return refused
            reader, decision = situation.reader, decide(situation)
            viewer = viewer_of(reader.own, reader.kind, reader.roles, purpose, decision.permit)
            if viewer in BY_PERMIT and self._is_gone(row):
                viewer = None
            if viewer is not None:
                told.append((viewer, self._versions(signed, purpose, viewer, row)))
            return _ruled(viewer, decision, reader.own)

        act = self._acts.permit(data, TRACE, decided)
        viewer, may = told[0]
        return shown(self._tables, self.of(identifier(act.row.record), may), viewer, act.signed.request.account)

    def of(self, record: str, may: May) -> Trace:
        """Return the trace of a record, of all its versions.

        Args:
            record: its id.
            may: tells of which versions, by their commitments, more is told than number and state.

        Raises:
            RecordNotFound: there is no such record.
            VersionsDiffer, TraceDiffers: vault, chain and access trace disagree.
        """
        source = self._sources
        row = source.vault.find(record)
        category, level = labels_of(row)
        versions = source.looking.versions(record)
        steps = [self._step(one) if may(one.commitment) else self._withheld(one) for one in versions]
        return Trace(record, category, level, Special(row.details.special), source.keeper, steps)

    def _versions(self, signed: SignedRequest, purpose: Purpose, viewer: Viewer, row: StoredRecord) -> May:
        """Return which versions of a record are told of: all by duty, else each that the policy permits by itself.

        They are looked at before the entry is made; a version that comes later was not, and is withheld.
        """
        if viewer not in BY_PERMIT:
            return lambda _: True
        permitted = set()
        for version in self._sources.looking.versions(identifier(row.record)):
            one = self._sources.vault.find(version.record)
            if not self._is_gone(one) and decide(self._acts.situation(signed, purpose, Action.HISTORY, one)).permit:
                permitted.add(version.commitment)
        return permitted.__contains__

    def _is_gone(self, row: StoredRecord) -> bool:
        standing = self._sources.standing(row.details.commitment).standing
        return bool(row.details.destroyed) or standing is Standing.DESTROYED

    def _withheld(self, version: Version) -> Withheld:
        return Withheld(version.number, version.current, self._sources.standing(version.commitment))

    def _step(self, version: Version) -> Step:
        source = self._sources
        row = source.vault.find(version.record)
        category, level = labels_of(row)
        corrected = None
        if version.reason is not None:
            corrected = Corrected(version.reason, version.account, version.corrected)
        return Step(
            number=version.number,
            category=category,
            level=level,
            origin=self._origin(row),
            accesses=[access_of(one) for one in source.trace.entries_of([version.commitment])],
            complete=source.trace.completeness(version.commitment).complete,
            given=[_given(one) for one in source.looking.blast_radius(version.record).holders],
            corrected=corrected,
            standing=source.standing(version.commitment),
            holds=source.holds(row),
        )

    def _origin(self, row: StoredRecord) -> Origin:
        details, record = row.details, identifier(row.record)
        behaviour = decode(Behaviour, details.behaviour)
        return Origin(
            record=record,
            urn=urn(self._sources.chain, "record", record),
            type=behaviour.type,
            source=details.source.decode("utf-8", "replace"),
            producer=behaviour.institution,
            recorder=behaviour.recorder,
            generated=behaviour.time,
            registered=self._sources.registered(row),
        )


def access_of(row: AccessRow) -> Access:
    """Return an entry of the access trace as a trace has it."""
    return Access(row.entry, row.hash, row.index, row.item, row.height)


def _ruled(viewer: Viewer | None, decision: Decision, own: bool) -> Decision:
    """Return the decision on a look: what the policy says where it rests on a permit, else the viewer's own duty."""
    if viewer is Viewer.OVERSEER:
        return Decision(Rule.INSTITUTION_DEFAULT, None, Basis.LEGAL_DUTY, OVERSIGHT)
    if viewer is Viewer.OUTSIDER:
        return Decision(Rule.LEGAL_DUTY, None, Basis.LEGAL_DUTY, SUPERVISION)
    if viewer is not None:
        return decision
    return decision if own and not decision.permit else Decision(decision.rule, TraceNotShown)


def _given(held: Held) -> Given:
    return Given(
        member=held.member,
        account=held.account,
        copy=held.copy,
        times=held.times,
        first=held.first,
        last=held.last,
        notice=held.notice,
        told=held.told,
        acknowledged=held.acknowledged,
    )

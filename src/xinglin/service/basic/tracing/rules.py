"""Who is shown how much of a trace (docs/spec/trace.md TR3 to TR9; S8.6c, S8.6d). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xinglin.service.basic.audit.model import AccessEntry
from xinglin.service.basic.correction.model import REASONS
from xinglin.service.basic.destruction.model import Standing
from xinglin.service.basic.tracing.model import (
    Access,
    Depth,
    Depths,
    Given,
    Group,
    Origin,
    Sight,
    Step,
    Tables,
    Trace,
    Viewer,
    Withheld,
)
from xinglin.stakeholders.kinds import MemberKind, Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Purpose

Values = dict[str, Any]
OVERSEERS = frozenset({Role.AUDITOR, Role.COMPLIANCE_OFFICER})
OUTSIDERS = frozenset({MemberKind.REGULATOR, MemberKind.TECHNOLOGY_PROVIDER})
REQUESTS = frozenset({Purpose.PATRQT, Purpose.FAMRQT})
"""Purposes for which an account answers the patient, or who speaks for the patient."""
BY_PERMIT = frozenset({Viewer.PRACTITIONER, Viewer.PATIENT})
"""As whom an account looks on a permit of the policy, which each version needs by itself."""


def viewer_of(own: bool, kind: MemberKind, roles: frozenset[Role], purpose: Purpose, may_read: bool) -> Viewer | None:
    """Return as whom an account looks at a trace, None where it is shown none (TR4).

    Args:
        own: the account is of the institution that keeps the record.
        kind: of its member.
        roles: its roles.
        purpose: what for.
        may_read: the policy permits it the history of the record for that purpose.
    """
    if not own:
        return Viewer.OUTSIDER if kind in OUTSIDERS and roles & (OVERSEERS | {Role.SERVICE}) else None
    if purpose in REQUESTS:
        return Viewer.PATIENT if may_read else None
    if roles & OVERSEERS:
        return Viewer.OVERSEER
    return Viewer.PRACTITIONER if may_read and Role.PRACTITIONER in roles else None


def scheme_of(tables: Tables, level: Level, category: Category) -> Depths:
    """Return the trace scheme of a record (TR3): of its level and category, else of its level."""
    return tables.schemes.get((level, category)) or tables.schemes[level, None]


def depths_of(tables: Tables, viewer: Viewer, level: Level, category: Category) -> Depths:
    """Return how far each group is shown: the smaller of what scheme and viewer allow (TR6)."""
    scheme, sight = scheme_of(tables, level, category), tables.sights[viewer]
    return {group: min(scheme[group], sight.depths[group]) for group in Group}


def shown(tables: Tables, trace: Trace, viewer: Viewer, account: str) -> Values:
    """Return a trace as plain values, as far as an account that looks as ``viewer`` may see it (TR6 to TR8).

    Args:
        tables: of traces.
        trace: the whole one.
        viewer: as whom the account looks.
        account: whose own acts are always named.
    """
    outside = viewer is Viewer.OUTSIDER
    return {
        "record": "" if outside else trace.record,
        "viewer": viewer.value,
        "category": trace.category.name.lower(),
        "level": int(trace.level),
        "special": []
        if outside
        else [one.name.lower() for one in Special if one and one in trace.special and one.name],
        "keeper": trace.keeper,
        "depths": _named(depths_of(tables, viewer, trace.level, trace.category)),
        "versions": [_version(tables, step, viewer, account) for step in trace.steps],
    }


def _named(depths: Depths) -> Values:
    return {group.value: depth.name.lower() for group, depth in depths.items()}


def _version(tables: Tables, step: Step | Withheld, viewer: Viewer, account: str) -> Values:
    """Return one version as far as its own level and category allow; of one that is withheld number and state alone."""
    if isinstance(step, Withheld):
        state = step.standing.standing.name.lower()
        return {"number": step.number, "current": step.current, "withheld": True, "state": state}
    depths = depths_of(tables, viewer, step.level, step.category)
    return {
        "number": step.number,
        "current": step.corrected is None,
        "withheld": False,
        "category": step.category.name.lower(),
        "level": int(step.level),
        "depths": _named(depths),
        **_groups(step, depths, tables.sights[viewer], account),
    }


def _groups(step: Step, depths: Depths, sight: Sight, account: str) -> Values:
    shows: Mapping[Group, Values] = {
        Group.ORIGIN: _origin(step.origin, depths[Group.ORIGIN], sight, account),
        Group.ACCESS: _access(step, depths[Group.ACCESS], sight, account),
        Group.PERMITS: _permits(step.accesses, depths[Group.PERMITS]),
        Group.CHANGES: _changes(step, depths[Group.CHANGES], sight, account),
        Group.END: _end(step, depths[Group.END], sight, account),
    }
    return {group.value: values for group, values in shows.items() if depths[group] is not Depth.NONE}


def _origin(origin: Origin, depth: Depth, sight: Sight, account: str) -> Values:
    if depth < Depth.ENTRY:
        return {"registered": int(origin.registered is not None)}
    values: Values = {
        "record": origin.record,
        "type": origin.type,
        "source": origin.source,
        "producer": origin.producer,
        "recorder": _name(origin.recorder, sight, account),
        "generated": origin.generated,
    }
    if origin.registered is not None:
        values["registered"] = origin.registered.time
    if depth is Depth.PROVEN:
        values["urn"] = origin.urn
        if origin.registered is not None:
            at = origin.registered
            values["registration"] = {"batch": at.batch, "item": at.item, "log_entry": at.entry, "height": at.height}
    return values


def _access(step: Step, depth: Depth, sight: Sight, account: str) -> Values:
    entries = [one.entry for one in step.accesses]
    values: Values = {"count": len(entries), "complete": step.complete, **_counts(entries)}
    if depth >= Depth.ENTRY:
        values["entries"] = [line(one, depth, sight, account) for one in step.accesses]
        values["given"] = [_given(one, sight, account) for one in step.given]
    return values


def _counts(entries: Sequence[AccessEntry]) -> Values:
    return {
        "permitted": sum(1 for one in entries if one.outcome == 0),
        "refused": sum(1 for one in entries if one.outcome),
        "by_purpose": dict(Counter(one.purpose for one in entries)),
    }


def line(access: Access, depth: Depth, sight: Sight, account: str) -> Values:
    """Return one access entry as plain values: when, where from, by whom, for what, and what names it (TR7)."""
    entry = access.entry
    values: Values = {
        "time": entry.time,
        "member": entry.member,
        "account": _name(entry.account, sight, account),
        "action": entry.action,
        "purpose": entry.purpose,
        "outcome": entry.outcome,
        "copy": entry.copy.name.lower(),
        "entry": access.hash.hex(),
    }
    if depth is Depth.PROVEN:
        proof = {
            "log_entry": access.index,
            "item": access.item,
            "height": access.height,
            "request": entry.request.hex(),
        }
        values |= {"basis": entry.basis, "reference": entry.reference.hex(), "proof": proof}
    return values


def _given(held: Given, sight: Sight, account: str) -> Values:
    return {
        "member": held.member,
        "account": _name(held.account, sight, account),
        "copy": held.copy,
        "times": held.times,
        "first": held.first,
        "last": held.last,
    }


def _permits(accesses: Iterable[Access], depth: Depth) -> Values:
    """Return what was permitted on which basis; each consent, mandate or episode by its reference, if so far."""
    permitted = [one.entry for one in accesses if one.entry.outcome == 0]
    bases = Counter(entry.basis for entry in permitted)
    if depth < Depth.ENTRY:
        return {"by_basis": dict(bases)}
    grouped: dict[tuple[str, bytes], list[int]] = {}
    for entry in permitted:
        grouped.setdefault((entry.basis, entry.reference), []).append(entry.time)
    found = [
        {
            "basis": basis,
            **({"reference": reference.hex()} if depth is Depth.PROVEN else {}),
            "times": len(times),
            "first": min(times),
            "last": max(times),
        }
        for (basis, reference), times in grouped.items()
    ]
    return {"by_basis": dict(bases), "permits": found}


def _changes(step: Step, depth: Depth, sight: Sight, account: str) -> Values:
    corrected, told = step.corrected, [one for one in step.given if one.told]
    values: Values = {
        "corrected": int(corrected is not None),
        "told": len(told),
        "acknowledged": sum(1 for one in told if one.acknowledged),
    }
    if depth < Depth.ENTRY or corrected is None:
        return values
    words = REASONS[corrected.reason]
    values["correction"] = {
        "time": corrected.time,
        "account": _name(corrected.account, sight, account),
        "reason": corrected.reason.name.lower(),
        "reason_en": words[0],
        "reason_zh": words[1],
    }
    values["notices"] = [
        {
            "member": one.member,
            "account": _name(one.account, sight, account),
            "told": one.told,
            "acknowledged": one.acknowledged,
            **({"notice": one.notice} if depth is Depth.PROVEN else {}),
        }
        for one in told
    ]
    return values


def _end(step: Step, depth: Depth, sight: Sight, account: str) -> Values:
    standing = step.standing
    values: Values = {"standing": standing.standing.name.lower(), "holds": len(step.holds)}
    if depth < Depth.ENTRY:
        return values
    if standing.standing is Standing.RESTRICTED:
        values["until"] = standing.until
    if standing.ground:
        values |= {
            "ground": standing.ground,
            "ordered_by": _name(standing.ordered_by, sight, account),
            "confirmed_by": _name(standing.confirmed_by, sight, account),
        }
    if depth is Depth.PROVEN:
        values |= {"held_by": list(step.holds), "certificate": standing.certificate.hex()}
    return values


def _name(account: str, sight: Sight, own: str) -> str:
    """Return an account where it may be named, else nothing: others are not named to everybody (TR8)."""
    return account if sight.named or account == own else ""

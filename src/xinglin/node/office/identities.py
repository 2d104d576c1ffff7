"""Decisions on who is one person, as commands take them: candidates, merges, unmerges and the reads between (H1).

The entry of who decides is durable before the index changes; the decision goes on record on the private chain by the
index itself. Whatever fails after that is made good when the node next serves.
"""

from __future__ import annotations

from typing import Any

from xinglin.kernel.errors import Invalid
from xinglin.kernel.identifiers import identifier
from xinglin.node.office.patients import acting
from xinglin.node.records.access import open_trace
from xinglin.node.records.serving import Serving, look_mark
from xinglin.service.basic.audit.model import NO_RECORD, OpenedCopy
from xinglin.service.basic.audit.projection import answered
from xinglin.service.basic.patient_index.errors import DecisionNotFound
from xinglin.service.basic.patient_index.identity.model import Act, Reason
from xinglin.service.basic.patient_index.identity.rules import REASONS_OF, named, stated
from xinglin.service.basic.patient_index.model import Joined, Merged, Parted, Subject
from xinglin.service.basic.reading.deciding import MATCH
from xinglin.service.basic.reading.looks import Look
from xinglin.stakeholders.purposes import Action, Purpose

_TELLING = frozenset({Action.SEARCH.value, MATCH})
"""Actions that tell of a person's records, or lead to them, without naming one."""


class ReasonUnfit(Invalid):
    """A reason for a decision is none, or goes with other decisions."""

    code, number, clause = "patient.reason", 6080, "H1"
    en = "'{reason}' is no reason for this; reasons are: {reasons}."
    zh = "“{reason}”不适用；可选原因：{reasons}。"
    hint_en = "Say more with --note; the note stays in the index, sealed."
    hint_zh = "可用 --note 补充说明；说明加密保存在索引中。"


def reason_for(act: Act, name: str, note: str = "") -> str:
    """Return a reason as the index keeps it.

    Args:
        act: what is decided.
        name: of the reason, in lower case.
        note: the words of who decides, possibly empty; kept sealed in the index, never on a chain.

    Raises:
        ReasonUnfit: it does not go with the act.
    """
    found = Reason.__members__.get(name.upper())
    if found is None or found not in REASONS_OF[act]:
        fitting = ", ".join(one.name.lower() for one in sorted(REASONS_OF[act]))
        raise ReasonUnfit(reason=name[:40], reasons=fitting)
    return stated(found, note)


def confirm_candidate(serving: Serving, account: str, candidate: bytes, reason: str) -> dict[str, Any]:
    """Settle a candidate: they are one person.

    Args:
        serving: of the institution.
        account: who decides; its key is in this home.
        candidate: id of the candidate.
        reason: see ``reason_for``.

    Raises:
        DecisionNotFound: no such candidate waits.
        PlatformError: see ``Looks.look`` and ``PatientIndex.confirm``.
    """
    _noted(serving, account, Look.CONFIRM, _pair(serving, candidate))
    return joined_values(serving.archive.persons.confirm(candidate, reason, account))


def decline_candidate(serving: Serving, account: str, candidate: bytes, reason: str) -> None:
    """Settle a candidate: they are two persons, not proposed again; arguments and refusals as ``confirm_candidate``."""
    _noted(serving, account, Look.DECLINE, _pair(serving, candidate))
    serving.archive.persons.dismiss(candidate, reason, account)


def merge_persons(serving: Serving, account: str, kept: bytes, other: bytes, reason: str) -> dict[str, Any]:
    """Make one person of two; both are found as ``kept``.

    Raises:
        PersonNotFound, AlreadyOne: see ``PatientIndex.merge``.
        PlatformError: see ``Looks.look``.
    """
    index = serving.archive.persons
    for person in (kept, other):
        index.subjects_of(person)
    _noted(serving, account, Look.MERGE, [kept, other])
    return joined_values(index.merge(kept, other, reason, account))


def unmerge_persons(serving: Serving, account: str, merge: bytes, reason: str) -> dict[str, Any]:
    """Undo a merge, and list every read of that time: what was read of one may have been taken for the other's.

    Raises:
        DecisionNotFound: no merge of that id is in force.
        PlatformError: see ``Looks.look``.
    """
    index = serving.archive.persons
    merged = next((one for one in index.merges() if one.merge == merge), None)
    if merged is None:
        raise DecisionNotFound(decision=identifier(merge))
    _noted(serving, account, Look.UNMERGE, [merged.kept, merged.gone])
    parted = index.unmerge(merge, reason, account)
    return {
        "merge": identifier(merge),
        "one": identifier(parted.one),
        "other": identifier(parted.other),
        "since_ms": parted.since,
        "until_ms": parted.until,
        "of_one": _subjects(parted.of_one),
        "of_other": _subjects(parted.of_other),
        "unsure": _subjects(parted.unsure),
        "reads": reads_between(serving, parted),
        "searches": searches_between(serving, parted),
    }


def merges(serving: Serving) -> list[dict[str, Any]]:
    """Return the merges in force, the oldest first."""
    return [merge_values(one) for one in serving.archive.persons.merges()]


def reads_between(serving: Serving, parted: Parted) -> list[dict[str, Any]]:
    """Return every read that was served of either person's records while they were taken for one, in log order.

    As for ``AccessProjection.recipients``, the last entry of a request counts: an overtaken permit gave nothing.

    Args:
        serving: of the institution.
        parted: what was undone; ``since`` and ``until`` are of this node's clock, as the entries' times are.

    Returns: for each: when (ms), which account of which member, for what, which record, which copy, and whose the
    record is: ``other`` is the person who was taken for ``one``.
    """
    vault = serving.archive.vault
    whose: dict[bytes, str] = {}
    for name, subjects in (("one", parted.of_one), ("other", parted.of_other)):
        for row in vault.records_of([(one.source, one.subject) for one in subjects]):
            whose[row.details.commitment] = name
    with open_trace(serving.archive.node) as trace:
        rows = answered(trace.entries_of(list(whose)))
    return [
        {
            "time_ms": row.entry.time,
            "member": row.entry.member,
            "account": row.entry.account,
            "purpose": row.entry.purpose,
            "commitment": row.entry.commitment.hex(),
            "copy": row.entry.copy.name.lower(),
            "of": whose[row.entry.commitment],
            "entry": row.hash.hex(),
        }
        for row in rows
        if parted.since <= row.entry.time <= parted.until
        and row.entry.outcome == 0
        and row.entry.copy is not OpenedCopy.NONE
    ]


def searches_between(serving: Serving, parted: Parted) -> list[dict[str, Any]]:
    """Return every search and match that was answered about the two while they were taken for one, in log order.

    Each told of records of both, or gave a link to both. The entries are marked, and only this node can read that; the
    last entry of a request counts.
    """
    index, mark = serving.archive.persons, look_mark(serving.archive.vault.keyring.keys)
    ids = [*index.joined(parted.one), *index.joined(parted.other)]
    return [
        {
            "time_ms": row.entry.time,
            "member": row.entry.member,
            "account": row.entry.account,
            "action": row.entry.action,
            "purpose": row.entry.purpose,
            "entry": row.hash.hex(),
        }
        for row in answered(serving.trace.entries_of([NO_RECORD]))
        if row.entry.action in _TELLING
        and row.entry.outcome == 0
        and parted.since <= row.entry.time <= parted.until
        and any(mark(one, row.entry.request) == row.entry.reference for one in ids)
    ]


def joined_values(joined: Joined) -> dict[str, Any]:
    """Return a merge as plain values: its id, by which it is undone, and who is found under another id now."""
    return {
        "merge": identifier(joined.merge),
        "kept": identifier(joined.kept),
        "others": [identifier(one) for one in joined.others],
    }


def merge_values(merged: Merged) -> dict[str, Any]:
    """Return a merge in force as plain values; of why only the reason's name, for the note may say who somebody is."""
    return {
        "merge": identifier(merged.merge),
        "kept": identifier(merged.kept),
        "gone": identifier(merged.gone),
        "reason": named(merged.reason),
        "account": merged.by,
        "since_ms": merged.at,
    }


def _pair(serving: Serving, candidate: bytes) -> list[bytes]:
    for one in serving.archive.persons.reviews():
        if one.review == candidate:
            return [one.one, one.other]
    raise DecisionNotFound(decision=identifier(candidate))


def _noted(serving: Serving, account: str, what: Look, persons: list[bytes]) -> None:
    index = serving.archive.persons
    found = list(dict.fromkeys(index.found_as(one) for one in persons))
    serving.looks.look(acting(serving, account), what, found, Purpose.HOPERAT)


def _subjects(subjects: tuple[Subject, ...]) -> list[dict[str, str]]:
    return [
        {"source": one.source.decode("utf-8", "replace"), "subject": one.subject.decode("utf-8", "replace")}
        for one in subjects
    ]

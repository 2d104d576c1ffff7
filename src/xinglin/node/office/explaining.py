"""Explains a decision at the home that keeps a record: each rule that was asked and what it said (S7.2a, S8.3, H14).

The same rules are asked as in a read, of the same situation, so that an explanation can't differ from the decision;
nothing is served, and no permit given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xinglin.carrier.access.registry.rules import in_force
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock
from xinglin.node.office.directory import Directory
from xinglin.node.records.read_ports import ChainAgreements
from xinglin.node.records.serving import Deciding
from xinglin.service.basic.protection.coverage import consent_fails
from xinglin.service.basic.protection.model import Decision, Situation, Step, Target
from xinglin.service.basic.protection.rules import explain
from xinglin.service.basic.protection.service import Asked
from xinglin.service.basic.protection.tables import CARE_PURPOSES, CLINICAL
from xinglin.service.basic.protection.words import RULE_WORDS, said_words
from xinglin.service.basic.reading.deciding import labels_of
from xinglin.service.basic.reading.errors import RecordNotHere
from xinglin.service.basic.sharing.agreements.errors import AgreementMissing
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.kinds import MemberKind, Role
from xinglin.stakeholders.labels import Special
from xinglin.stakeholders.purposes import Action, Basis, Purpose

_EMERGENCY = (
    "In an emergency a practitioner may break the glass: 'xinglin consent break-glass open'.",
    "紧急情况下医务人员可申请紧急访问：xinglin consent break-glass open。",
)


def explain_read(
    serving: Deciding, commitment: bytes, account: str, purpose: Purpose, at_ms: int | None = None
) -> dict[str, Any]:
    """Return the decision on a read as plain values, with what each rule said, in both languages.

    Args:
        serving: of the home that keeps the record.
        commitment: of the record.
        account: who would read, of any member.
        purpose: what for.
        at_ms: as of another moment; None is now. Both clocks are there: how old the newest block is doesn't count.

    Raises:
        RecordNotHere: the record is not here.
        AccountNotFound: the chain has no such account.
    """
    records = serving.protection.records
    row = records.find([commitment])[0]
    if not isinstance(row, StoredRecord):
        raise row or RecordNotHere
    now = SystemClock().now_ms()
    when = now if at_ms is None else at_ms
    asked = _asked(serving, account, purpose, when)
    category, level = labels_of(row)
    state, current = records.state(commitment)
    target = Target(category, level, Special(row.details.special), state, current)
    agreement = ""
    if asked.member != serving.member:
        agreement = ChainAgreements(serving.archive.node).uncovered(asked.member, purpose, when, category, level)
    situation = serving.protection.situations.of(asked, records.person_of(row), target, now, when)
    decision, steps = explain(situation)
    return {
        "commitment": commitment.hex(),
        "account": account,
        "member": asked.member,
        "purpose": purpose.value,
        "at_ms": when,
        "agreement": _agreement(agreement) if asked.member != serving.member else None,
        "steps": [_step(step) for step in steps],
        **_decision(situation, decision, agreement),
    }


def _asked(serving: Deciding, account: str, purpose: Purpose, at_ms: int) -> Asked:
    """Return the request that the account would make, by the key that it would sign with."""
    directory = Directory(serving.archive.node.consortium)
    member = directory.account(account).member
    keys = sorted(directory.keys(account), key=lambda one: (in_force(one[1], at_ms), one[1].from_ms))
    return Asked(Action.READ, purpose, member, account, keys[-1][0] if keys else b"")


def _agreement(reason: str) -> dict[str, Any]:
    if not reason:
        return {"covered": True, "en": "an agreement covers it", "zh": "已有协议覆盖"}
    missing = AgreementMissing(reason=reason)
    return {"covered": False, "code": missing.code, "en": missing.sentence(), "zh": missing.sentence("zh")}


def _step(step: Step) -> dict[str, Any]:
    question, said = RULE_WORDS[step.rule], said_words(step.said)
    return {
        "rule": int(step.rule),
        "question_en": question[0],
        "question_zh": question[1],
        "said": step.said,
        "said_en": said[0],
        "said_zh": said[1],
        "decided": step.decided,
    }


def _decision(s: Situation, decision: Decision, agreement: str) -> dict[str, Any]:
    """Return what came out; an agreement that is missing refuses before any rule is asked (RD3)."""
    refusal: PlatformError | None = AgreementMissing(reason=agreement) if agreement else None
    if refusal is None and decision.refusal is not None:
        refusal = decision.refusal()
    remedies = [] if refusal is None else list(_remedies(s, decision, refusal))
    return {
        "permit": refusal is None,
        "rule": int(decision.rule),
        "basis": decision.basis.value if refusal is None else Basis.NONE.value,
        "copy": decision.copy.name.lower() if refusal is None else "none",
        "reference": decision.reference.hex(),
        "code": "" if refusal is None else refusal.code,
        "reason_en": "" if refusal is None else refusal.sentence(),
        "reason_zh": "" if refusal is None else refusal.sentence("zh"),
        "nearest": _nearest(s, decision),
        "remedies_en": [en for en, _ in remedies],
        "remedies_zh": [zh for _, zh in remedies],
    }


def _nearest(s: Situation, decision: Decision) -> dict[str, Any] | None:
    """Return the nearest consent and every dimension by which it fails."""
    fails = _fails(s, decision)
    if decision.nearest is None:
        return None
    return {
        "consent": identifier(decision.nearest.consent),
        "fails": [{"code": one.code, "en": one.sentence(), "zh": one.sentence("zh")} for one in fails],
    }


def _fails(s: Situation, decision: Decision) -> list[PlatformError]:
    if decision.nearest is None:
        return []
    held = next(one for one in s.held if one.id == decision.nearest.consent)
    return [case() for case in consent_fails(s, held)] or [decision.nearest.refusal()]


def _remedies(s: Situation, decision: Decision, refusal: PlatformError) -> Iterator[tuple[str, str]]:
    """Yield what could be done, each once: hints of the refusal and of each failing dimension, then the glass."""
    seen = set()
    for one in (refusal, *_fails(s, decision)):
        hint = one.hint(), one.hint("zh")
        if hint[0] and hint not in seen:
            seen.add(hint)
            yield hint
    reader = s.reader
    treats = reader.kind is MemberKind.MEDICAL_INSTITUTION and Role.PRACTITIONER in reader.roles
    if treats and s.purpose in CARE_PURPOSES and s.target.category in CLINICAL and s.grant is None:
        yield _EMERGENCY

"""Guardians, defaults, mandates and break-glass of an institution, as commands use them (S6.3c, S8.3, H10).

Whoever enters something is an account whose key is in this home and whose role may; papers are kept as hashes. Opening
the glass gives the grant first and then tells the patient, whose notice goes on record on the private chain.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from xinglin.kernel.errors import Denied
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock
from xinglin.node.node import Node
from xinglin.node.office.accounts import MayNotAct, account_signer
from xinglin.node.office.directory import Directory
from xinglin.node.office.emergency import tell_patient
from xinglin.node.office.notices import NO_POST, notice_values
from xinglin.node.office.scopes import scope_values, special_names
from xinglin.node.records.serving import Deciding
from xinglin.service.basic.notices.ports import Post
from xinglin.service.basic.protection.break_glass import Emergency
from xinglin.service.basic.protection.guardians import GuardianEvidence
from xinglin.service.basic.protection.mandates import StatedMandate
from xinglin.service.basic.protection.model import PatientDefault
from xinglin.service.basic.protection.store_model import KeptGrant, KeptGuardianship, KeptMandate, Verdict
from xinglin.stakeholders.kinds import Role, Status
from xinglin.stakeholders.rights import COUNTER, KEEPERS


class RoleMayNot(Denied):
    """None of an account's roles may enter this."""

    code, number, clause = "account.role_denied", 6086, "S8.3"
    en = "No role of account {account} may do this: it takes one of {roles}."
    zh = "账户 {account} 的角色无权进行此操作：须为 {roles} 之一。"
    hint_en = "Use an account of a fitting role; an administrator makes accounts."
    hint_zh = "请使用具备相应角色的账户；账户由管理员创建。"


def require_staff(node: Node, account: str, roles: Iterable[Role] = COUNTER) -> None:
    """Refuse an account that may not enter things at the counter of this institution.

    Raises:
        AccountKeyMissing: its key is not in this home.
        AccountNotFound: the chain has no such account.
        MayNotAct: it has ended, or is another member's.
        RoleMayNot: it has none of the roles.
    """
    state, wanted = Directory(node.consortium).account(account), frozenset(roles)
    account_signer(node, account)
    if state.member != node.member or state.status is not Status.ACTIVE:
        raise MayNotAct(account=account)
    if wanted.isdisjoint(state.roles):
        raise RoleMayNot(account=account, roles=", ".join(sorted(role.name.lower() for role in wanted)))


# --- guardians and defaults ---


def add_guardian(
    serving: Deciding, account: str, person: bytes, stated: GuardianEvidence, document: bytes, guardianship: str = ""
) -> str:
    """Enter a guardianship with the hash of its document, and return its id.

    Args:
        serving: of the institution.
        account: who enters it.
        person: the minor, in its index.
        stated: the relation; its ``evidence`` is made from the document here.
        document: the scanned evidence.
        guardianship: the id that another node gave to the same relation.

    Raises:
        PersonNotFound, GuardianPeriod, GuardianAdult: see ``Guardians.add``.
        PlatformError: see ``require_staff``.
    """
    require_staff(serving.archive.node, account)
    serving.archive.persons.subjects_of(person)
    evidence = _paper(serving, account, person, document)
    return serving.protection.guardians.add(person, replace(stated, evidence=evidence), guardianship)


def end_guardian(serving: Deciding, account: str, guardianship: str, until_ms: int) -> None:
    """End a guardianship; raises as ``Guardians.end`` and ``require_staff``."""
    require_staff(serving.archive.node, account)
    serving.protection.guardians.end(guardianship, until_ms)


def guardian_values(serving: Deciding, person: bytes) -> list[dict[str, Any]]:
    """Return the guardianships of a patient as plain values; ``until_ms`` 0 is until the 18th birthday."""
    serving.archive.persons.subjects_of(person)
    return [
        {
            "guardianship": identifier(row.value.id),
            "guardian": row.value.guardian.decode(),
            "relation": row.value.relation.decode(),
            "evidence": row.value.evidence.hex(),
            "from_ms": row.value.from_ms,
            "until_ms": row.value.until_ms[0] if row.value.until_ms else 0,
        }
        for row in serving.protection.store.of_person(KeptGuardianship, person)
    ]


def set_default(
    serving: Deciding, account: str, person: bytes, value: PatientDefault, scan: bytes, guardian: str = ""
) -> None:
    """Enter what a patient decided for whatever no consent covers, with the hash of the signed paper.

    Raises:
        PersonNotFound, GuardianshipUnknown: see ``Guardians.set_default``.
        PlatformError: see ``require_staff``.
    """
    require_staff(serving.archive.node, account)
    serving.archive.persons.subjects_of(person)
    paper = _paper(serving, account, person, scan)
    serving.protection.guardians.set_default(person, value, SystemClock().now_ms(), paper, guardian)


def default_values(serving: Deciding, person: bytes) -> dict[str, Any]:
    """Return a patient's default in force now, and the guardianship it was set under."""
    serving.archive.persons.subjects_of(person)
    value, guardian = serving.protection.guardians.default(person, SystemClock().now_ms())
    return {"default": value.name.lower(), "guardian": identifier(guardian) if guardian else ""}


# --- mandates ---


def add_mandate(serving: Deciding, account: str, person: bytes, stated: StatedMandate, document: bytes) -> str:
    """Enter a court order or legal duty with the hash of its document, and return its id.

    Args:
        serving: of the institution.
        account: who enters it.
        person: whom it concerns, in its index.
        stated: what the document says; its hash is made here.
        document: the document, scanned.

    Raises:
        PersonNotFound: the index has no such person.
        MandateInvalid: it reaches beyond the row of its article.
        PlatformError: see ``require_staff``; administrators and compliance officers enter mandates.
    """
    require_staff(serving.archive.node, account, KEEPERS)
    serving.archive.persons.subjects_of(person)
    whole = replace(stated, document=serving.archive.node.consortium.rules.suite.hash(document))
    return serving.protection.mandates.enter(person, whole, account)


def mandate_values(serving: Deciding, person: bytes) -> list[dict[str, Any]]:
    """Return the mandates of a patient as plain values."""
    serving.archive.persons.subjects_of(person)
    return [_mandate(row.value) for row in serving.protection.store.of_person(KeptMandate, person)]


def _mandate(kept: KeptMandate) -> dict[str, Any]:
    return {
        "mandate": identifier(kept.id),
        "article": kept.article.value,
        **scope_values(kept),
        "document": kept.document.hex(),
        "entered_by": kept.account,
    }


# --- break-glass ---


def open_glass(
    serving: Deciding, account: str, person: bytes, emergency: Emergency, post: Post = NO_POST
) -> dict[str, Any]:
    """Break the glass for one patient, open the review, and tell the patient; the private chain runs.

    Args:
        serving: of the institution.
        account: a practitioner whose key is in this home.
        person: the patient, in its index.
        emergency: what the practitioner states.
        post: the way to other homes.

    Raises:
        AccountKeyMissing: the account's key is not here.
        PersonNotFound: the index has no such person.
        BreakGlassDenied, BreakGlassReason, BreakGlassHours, BreakGlassQuota, ReviewOverdue: see ``BreakGlass.open``.
    """
    account_signer(serving.archive.node, account)
    serving.archive.persons.subjects_of(person)
    person = serving.archive.persons.found_as(person)  # so that it reaches everything of the person (PI45)
    opened = serving.protection.break_glass.open(account, person, emergency, SystemClock().now_ms())
    told = tell_patient(serving.archive, opened.grant, person, post)
    return {**grant_values(opened.grant, person), "notice": notice_values(told)}


def grant_tasks(serving: Deciding, *, only_open: bool = True) -> list[dict[str, Any]]:
    """Return the grants of this node that wait for their review, or all of them, the most urgent first."""
    if only_open:
        rows = serving.protection.break_glass.tasks()
    else:
        rows = sorted(serving.protection.store.of_kind(KeptGrant), key=lambda row: row.value.review_by_ms)
    return [grant_values(row.value, row.person) for row in rows]


def review_glass(serving: Deciding, grant: str, account: str, verdict: Verdict) -> dict[str, Any]:
    """Close the review of a grant; raises AccountKeyMissing, and as ``BreakGlass.review``."""
    account_signer(serving.archive.node, account)
    kept = serving.protection.break_glass.review(grant, account, verdict, SystemClock().now_ms())
    return grant_values(kept)


def grant_values(kept: KeptGrant, person: bytes = b"") -> dict[str, Any]:
    """Return a grant with its review as plain values; times in ms."""
    now = SystemClock().now_ms()
    review = kept.review[0] if kept.review else None
    return {
        "grant": identifier(kept.id),
        "person": identifier(person) if person else "",
        "member": kept.member,
        "account": kept.account,
        "level": int(kept.level),
        "special": special_names(kept.special),
        "from_ms": kept.from_ms,
        "until_ms": kept.until_ms,
        "reason": kept.reason.decode(),
        "of_another_institution": kept.admitted == 1,
        "review_by_ms": kept.review_by_ms,
        "overdue": review is None and now >= kept.review_by_ms,
        "verdict": "" if review is None else review.verdict.name.lower(),
        "reviewed_by": "" if review is None else review.account,
    }


def paper_hash(serving: Deciding, account: str, person: bytes, scan: bytes) -> bytes:
    """Keep the hash of a scanned paper of a patient, by whom and when, and return it."""
    require_staff(serving.archive.node, account)
    serving.archive.persons.subjects_of(person)
    return _paper(serving, account, person, scan)


def _paper(serving: Deciding, account: str, person: bytes, scan: bytes) -> bytes:
    return serving.protection.consents.keep_paper(scan, person, account, SystemClock().now_ms())

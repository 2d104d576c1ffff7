"""Persons of a home's patient index, as commands show them: found, shown, their records, candidates (H1, H4, H7).

Whatever shows who somebody is leaves an access entry first (``Looks``); records are searched through the node's own
service, so that the policy decides on each.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from xinglin.kernel.encoding import encode
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.office.accounts import account_signer
from xinglin.node.records.serving import Serving
from xinglin.service.basic.audit.messages import Asked
from xinglin.service.basic.audit.rules import entry_hash
from xinglin.service.basic.patient_index.errors import PersonNotFound
from xinglin.service.basic.patient_index.model import Link, Match, Registration, Review, Traits
from xinglin.service.basic.reading.looks import Look
from xinglin.service.basic.reading.model import Found
from xinglin.service.basic.reading.reader import ReaderAccount
from xinglin.service.basic.tracing.model import TRACE
from xinglin.stakeholders.labels import Category, Special
from xinglin.stakeholders.purposes import Purpose

MAX_FOUND = 10
"""Persons that one look-up names, at most."""


def acting(serving: Serving, account: str) -> ReaderAccount:
    """Return an account whose key is in this home; raises AccountKeyMissing."""
    return ReaderAccount(account, account_signer(serving.archive.node, account))


def find_persons(serving: Serving, account: str, purpose: Purpose, traits: Traits) -> list[dict[str, Any]]:
    """Return whom traits may be of, the likeliest first, once an entry for each is durable.

    Raises:
        AccountKeyMissing: the account's key is not here.
        PlatformError: see ``Looks.look``.
    """
    index = serving.archive.persons
    found = index.match(traits, MAX_FOUND)
    who = acting(serving, account)
    serving.looks.look(who, Look.FIND, [one.person for one in found], purpose)
    return [match_values(one) | _said(index.registrations_of(one.person)) for one in found]


def show_person(serving: Serving, account: str, purpose: Purpose, person: bytes) -> dict[str, Any]:
    """Return who a person is by each source, and what of the person is kept where, once the entry is durable.

    Raises:
        AccountKeyMissing: the account's key is not here.
        PersonNotFound: there is no such person.
        PlatformError: see ``Looks.look``.
    """
    index, who = serving.archive.persons, acting(serving, account)
    root = index.found_as(person)
    registrations = _registrations(serving, who, root, purpose)
    rows = serving.archive.vault.records_of([(one.source, one.subject) for one in registrations])
    types = Counter(row.details.type.decode("ascii", "replace") for row in rows)
    return {
        "person": identifier(root),
        "asked": identifier(person),
        "joined": [identifier(one) for one in index.joined(root) if one != root],
        **_said(registrations),
        "registrations": [registration_values(one) for one in registrations],
        "here": {"member": serving.member, "node": serving.node, "records": len(rows), "types": dict(types)},
        "elsewhere": [link_values(one) for one in index.links(root)],
    }


def person_records(serving: Serving, account: str, purpose: Purpose, person: bytes) -> list[dict[str, Any]]:
    """Return the records of a person at this home that the account may read for a purpose; the policy decides on each.

    Raises:
        AccountKeyMissing: the account's key is not here.
        PlatformError: the refusal, which is on record.
    """
    root = serving.archive.persons.found_as(person)
    found = serving.reader.search(serving, acting(serving, account), root, purpose)
    states, vault = serving.protection.records, serving.archive.vault
    values = []
    for one in found:
        stored = vault.find_commitment(one.commitment)
        state, _ = states.state(one.commitment)
        record = identifier(stored.record) if stored is not None else ""
        values.append({"record": record, **found_values(one), "state": state.name.lower()})
    return values


def candidates(serving: Serving) -> list[dict[str, Any]]:
    """Return the pairs that may be one person and wait for people, the oldest first; nothing of who they are."""
    return [review_values(one) for one in serving.archive.persons.reviews()]


def person_looks(serving: Serving, account: str, purpose: Purpose, person: bytes) -> list[dict[str, Any]]:
    """Return who looked a person up or decided about it, oldest first, to whom the node tells who has seen its data.

    Raises:
        AccountKeyMissing: the account's key is not here.
        PersonNotHere: there is no such person, or nothing is kept of it.
        PersonNotShown, PlatformError: the node's refusal, which is on record.
    """
    asked = Asked("person", serving.archive.persons.found_as(person))
    received = serving.reader.ask(serving, acting(serving, account), asked, TRACE, purpose)
    refusal = received.refusal()
    if refusal is not None:
        raise refusal
    hash_ = serving.archive.node.consortium.rules.suite.hash
    return [
        {
            "time_ms": one.entry.time,
            "member": one.entry.member,
            "account": one.entry.account,
            "action": one.entry.action,
            "purpose": one.entry.purpose,
            "outcome": one.entry.outcome,
            "entry": entry_hash(hash_, encode(one.entry)).hex(),
        }
        for seen in received.answer.seen
        for one in seen.looks
    ]


# --- as plain values ---


def match_values(match: Match) -> dict[str, Any]:
    """Return a match as plain values; weights in tenths of a bit."""
    return {
        "person": identifier(match.person),
        "grade": match.grade.name.lower(),
        "probability": round(match.probability, 6),
        "score": match.score,
        "reasons": {reason.code: reason.weight for reason in match.reasons},
    }


def review_values(review: Review) -> dict[str, Any]:
    """Return a candidate as plain values; ``proposed_ms`` is when the index proposed it."""
    return {
        "candidate": identifier(review.review),
        "one": identifier(review.one),
        "other": identifier(review.other),
        "cause": review.cause,
        "score": review.score,
        "reasons": {reason.code: reason.weight for reason in review.reasons},
        "proposed_ms": review.at,
    }


def registration_values(row: Registration) -> dict[str, Any]:
    """Return a registration as plain values: the source, the patient's id there, what it says."""
    traits = row.traits
    return {
        "source": row.source.decode("utf-8", "replace"),
        "subject": row.subject.decode("utf-8", "replace"),
        "first_assigned": identifier(row.person),
        "since_ms": row.at,
        "names": _names(traits),
        "birth": birth_text(traits.birth),
        "sex": traits.sex.name.lower(),
        "identifiers": [{"kind": one.kind.name.lower(), "value": one.value} for one in traits.identifiers],
        "phones": list(traits.phones),
        "deceased": traits.deceased != 0,
    }


def link_values(link: Link) -> dict[str, Any]:
    """Return a link as plain values: the member that has the person too, and the handle that both know."""
    return {
        "link": identifier(link.link),
        "person": identifier(link.person),
        "member": link.node,
        "handle": identifier(link.handle),
        "since_ms": link.at,
    }


def found_values(found: Found) -> dict[str, Any]:
    """Return what a search tells of a record as plain values; ``copy`` is what a read would open."""
    return {
        "commitment": found.commitment.hex(),
        "type": found.type,
        "category": Category(found.category).name.lower() if found.category else "",
        "level": found.level,
        "special": [flag.name.lower() for flag in Special(found.special) if flag.name],
        "version": found.version,
        "time_ms": found.time,
        "copy": found.copy.name.lower(),
    }


def refusal_values(refusal: PlatformError) -> dict[str, Any]:
    """Return why a node told nothing."""
    return {"refused": refusal.code, "why": refusal.sentence(), "hint": refusal.hint()}


def birth_text(partial: int) -> str:
    """Return a partial date as text, as much as is known: YYYY, YYYY-MM or YYYY-MM-DD; empty for none."""
    year, month, day = partial // 1_00_00, partial // 1_00 % 1_00, partial % 1_00
    parts = [f"{year:04}"] * bool(year) + [f"{month:02}"] * bool(month) + [f"{day:02}"] * bool(day)
    return "-".join(parts)


def _registrations(serving: Serving, who: ReaderAccount, root: bytes, purpose: Purpose) -> list[Registration]:
    """Return the registrations of a person, the entry made first; one of nobody is on record too."""
    try:
        found = serving.archive.persons.registrations_of(root)
    except PersonNotFound:
        serving.looks.look(who, Look.SHOW, [], purpose)
        raise
    serving.looks.look(who, Look.SHOW, [root], purpose)
    return found


def _said(rows: list[Registration]) -> dict[str, Any]:
    """Return what the newest registration that says anything says."""
    traits = max(rows, key=lambda row: (bool(row.traits.names), row.at)).traits
    return {
        "name": next(iter(_names(traits)), ""),
        "birth": birth_text(traits.birth),
        "sex": traits.sex.name.lower(),
        "sources": sorted({row.source.decode("utf-8", "replace") for row in rows}),
    }


def _names(traits: Traits) -> list[str]:
    return [one.text or " ".join(part for part in (one.given, one.family) if part) for one in traits.names]

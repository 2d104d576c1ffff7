"""Traces of a home's records, who has seen a person's data, and who answers for an entry, as commands use them.

S8.6b to S8.6d, H4, H14, S3.5. Whoever looks at a trace signs for it with the account's key, in whichever open home that
is; other homes are asked through their services.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from xinglin.kernel.encoding import encode
from xinglin.kernel.errors import PlatformError
from xinglin.node.founding import person_commitment
from xinglin.node.node import Node
from xinglin.node.office.accounts import AccountKeyMissing, account_signer
from xinglin.node.office.acting import signed_act
from xinglin.node.office.directory import Directory
from xinglin.node.office.patients import acting
from xinglin.node.office.proofs import NoSuchEntry
from xinglin.node.records.naming import record_named
from xinglin.node.records.replaying import standing_of
from xinglin.node.records.serving import Serving
from xinglin.node.site import HomeNotOpen, Site
from xinglin.service.basic.audit.auditing import framed
from xinglin.service.basic.audit.messages import Asked
from xinglin.service.basic.audit.model import NO_RECORD, Proven
from xinglin.service.basic.audit.rules import entry_hash
from xinglin.service.basic.coordination.outbox.store import Delivery, OutboxStore
from xinglin.service.basic.reading.errors import AnswerInvalid
from xinglin.service.basic.reading.model import Seen, SeenEntry, SeenRecord
from xinglin.service.basic.reading.reader import ReaderAccount
from xinglin.service.basic.tracing.errors import OpeningDiffers, OpeningMissing
from xinglin.service.basic.tracing.model import TRACE, Registration
from xinglin.service.basic.tracing.service import Sources, Tracing
from xinglin.service.basic.tracing.tables import tables
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.purposes import Purpose

# --- a record's trace ---


def trace_record(site: Site, record: str, account: str, purpose: Purpose | None = None) -> dict[str, Any]:
    """Return the trace of a record of the home that acts, as far as an account may see it; its entry is durable first.

    Args:
        site: open homes; the record is at the one that acts, the account's key in any of them.
        record: its id, or its commitment in hexadecimal.
        account: who looks.
        purpose: what for; without one, that for which the account's roles look at traces.

    Raises:
        RecordNotFound: there is no such record.
        AccountKeyMissing: no open home has a key of the account.
        TraceNotShown: the account is shown none; or another refusal of permits. Either is on record.
    """
    commitment = record_named(site.archive.vault, record).details.commitment
    home = home_of_account(site, account)
    data = signed_act(home, site.node, account, commitment, TRACE, purpose or usual_purpose(home, account))
    return tracing_of(site).look(data)


def tracing_of(site: Site) -> Tracing:
    """Return what shows the traces of the home that acts."""
    node, archive = site.node, site.archive
    batches = OutboxStore(archive.vault.database, archive.vault.keyring.keys)

    def registered(row: StoredRecord) -> Registration | None:
        batch = batches.by_batch(row.details.batch)
        if batch is None or batch.state is Delivery.STORED:
            return None
        time = node.consortium.entry(batch.index).leaf.time
        return Registration(batch.batch, row.details.item, batch.index, batch.height, time)

    sources = Sources(
        chain=node.consortium.rules.chain,
        keeper=node.member,
        vault=archive.vault,
        looking=site.corrections_of(node).looking,
        trace=site.trace_of(node),
        registered=registered,
        standing=lambda commitment: standing_of(node, commitment),
        holds=lambda row: _holds(site, row),
    )
    return Tracing(site.serving.acts, sources, tables())


def home_of_account(site: Site, account: str) -> Node:
    """Return the open home that has an account's key, the one that acts first.

    Raises:
        AccountKeyMissing: none has.
    """
    for node in site.nodes:
        try:
            account_signer(node, account)
        except AccountKeyMissing:
            continue
        return node
    raise AccountKeyMissing(account=account)


def usual_purpose(home: Node, account: str) -> Purpose:
    """Return what an account looks at traces for, by its roles: care, or how the institution or its network works."""
    roles = Directory(home.consortium).account(account).roles
    return Purpose.TREAT if Role.PRACTITIONER in roles else Purpose.HOPERAT


def _holds(site: Site, row: StoredRecord) -> list[str]:
    """Return the holds on a record; on one that is gone, none can be."""
    return [] if row.details.destroyed else site.records_office.holds.holds.on(row)


# --- who has seen a person's data ---


def who_has_seen(site: Site, person: bytes, account: str, purpose: Purpose) -> list[dict[str, Any]]:
    """Ask this home and each one that is linked who has seen a person's data; each answers, or refuses, for itself.

    Args:
        site: open homes; the person is known to the one that acts.
        person: 16 bytes, as this home knows the person.
        account: who asks, at this home: for the patient, or an overseer.
        purpose: ``patrqt`` on the patient's request.

    Returns: for each home what it answered: its records with their entries and whether each list is complete, how much
        it withheld, its receipt; or why it told nothing.

    Raises:
        AccountKeyMissing: this home has no key of the account.
        PlatformError: this home's own refusal, which is on record.
    """
    serving = site.serving
    index, who = serving.archive.persons, ReaderAccount(account, account_signer(site.node, account))
    root = index.found_as(person)
    answers = [_answer(site, serving, who, root, purpose)]
    for link in index.links(root):
        try:
            other = site.serving_of(site.find(link.node))
            answers.append(_answer(site, other, who, link.handle, purpose))
        except PlatformError as refusal:
            why = {"refused": refusal.code, "why": refusal.sentence(), "hint": refusal.hint()}
            answers.append({**_where(site, link.node), **why})
    return answers


def _answer(site: Site, other: Serving, who: ReaderAccount, named: bytes, purpose: Purpose) -> dict[str, Any]:
    """Ask one home; raises its refusal."""
    received = site.serving.reader.ask(other, who, Asked("person", named), TRACE, purpose)
    refusal = received.refusal()
    if refusal is not None:
        raise refusal
    if len(received.answer.seen) != 1:
        raise AnswerInvalid(reason="nobody's data are told of in it")
    seen, receipt = received.answer.seen[0], received.receipt.receipt
    return {
        **_where(site, other.member),
        "records": seen.records,
        "withheld": seen.withheld,
        "complete": all(one.complete for one in seen.seen) and not seen.withheld,
        "lines": _lines(site, seen),
        "receipt": encode(received.receipt).hex(),
        "entry": receipt.entry.hex(),
    }


def _where(site: Site, member: str) -> dict[str, Any]:
    return {"member": member, "name": _name_of(site, member)}


def _lines(site: Site, seen: Seen) -> list[dict[str, Any]]:
    """Return every entry as a line, oldest first: when, by whom, for what, of which record."""
    lines = [_line(site, entry, record) for record in seen.seen for entry in record.entries]
    lines += [_line(site, entry, None) for entry in seen.looks]
    return sorted(lines, key=lambda one: (one["time"], one["log_entry"], one["item"]))


def _line(site: Site, seen: SeenEntry, record: SeenRecord | None) -> dict[str, Any]:
    entry = seen.entry
    return {
        "time": entry.time,
        "member": entry.member,
        "member_name": _name_of(site, entry.member),
        "account": entry.account,
        "action": entry.action,
        "purpose": entry.purpose,
        "outcome": entry.outcome,
        "basis": entry.basis,
        "copy": entry.copy.name.lower(),
        "type": record.type if record is not None else "",
        "version": record.version if record is not None else 0,
        "commitment": entry.commitment.hex() if record is not None else "",
        "list_complete": bool(record.complete) if record is not None else None,
        "entry": entry_hash(site.node.consortium.rules.suite.hash, encode(entry)).hex(),
        "log_entry": seen.index,
        "item": seen.item,
    }


def _name_of(site: Site, member: str) -> str:
    return Directory(site.node.consortium).member(member).name.decode()


# --- from a leaked entry to who is responsible ---


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens an account's commitment to the responsible person."""

    salt: bytes
    statement: bytes


def responsible_for(site: Site, entry: bytes, account: str, purpose: Purpose = Purpose.HOPERAT) -> dict[str, Any]:
    """Return who answers for an access entry of the home that acts: account, signature, responsible person.

    Whoever asks is an overseer of the home's institution and leaves an entry first, about the same record (TR15).

    The signature is compared with the registry (AA2), the person with the commitment of the account on the chain.

    Args:
        site: open homes; what opens the commitment is in the home of the account's member.
        entry: its hash.
        account: who asks; its key is in the home that acts.
        purpose: what for.

    Raises:
        AccountKeyMissing: the account's key is not there.
        PlatformError: see ``Looks.open``.
        NoSuchEntry: the private chain has no such entry.
        OpeningMissing: no open home has what opens the commitment.
        OpeningDiffers: what is kept is not what the chain commits to.
    """
    who = acting(site.serving, account)
    row = site.trace_of(site.node).entry(entry)
    site.serving.looks.open(who, entry, row.entry.commitment if row is not None else NO_RECORD, purpose)
    if row is None:
        raise NoSuchEntry(entry=entry)
    suite, directory = site.node.consortium.rules.suite, Directory(site.node.consortium)
    state = directory.account(row.entry.account)
    opening = _opening(site, state.member, row.entry.account)
    if person_commitment(suite, opening.salt, opening.statement) != state.person:
        raise OpeningDiffers(account=row.entry.account)
    signed = row.entry.proven is Proven.SIGNATURE
    good = signed and not framed(suite, [row], site.node.consortium.value)
    return {
        "entry": entry.hex(),
        "time": row.entry.time,
        "log_entry": row.index,
        "item": row.item,
        "commitment": row.entry.commitment.hex(),
        "action": row.entry.action,
        "purpose": row.entry.purpose,
        "outcome": row.entry.outcome,
        "account": row.entry.account,
        "roles": [role.name.lower() for role in state.roles],
        "member": state.member,
        "member_name": _name_of(site, state.member),
        "proven": row.entry.proven.name.lower(),
        "signature": "holds" if good else "does not hold" if signed else "none",
        "key": row.entry.proof[0].key.hex() if signed else "",
        "person": opening.statement.decode(),
        "person_commitment": state.person.hex(),
        "salt": opening.salt.hex(),
    }


def _opening(site: Site, member: str, account: str) -> Opening:
    """Return what is kept of the responsible person of an account, in the home of its member.

    Raises:
        OpeningMissing, OpeningDiffers: there is none, or none that can be read.
    """
    try:
        kept = site.find(member).home.person_opening(account)
    except HomeNotOpen:
        kept = None
    if kept is None:
        raise OpeningMissing(account=account, member=member)
    try:
        values = json.loads(kept)
        return Opening(bytes.fromhex(values["salt"]), values["statement"].encode())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OpeningDiffers(account=account) from None

"""Corrections of a home's records, as commands use them (H12): correct, finish, list versions, who has a version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xinglin.carrier.access.registry.model import MemberState
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.office.acting import signed_act
from xinglin.node.private import PrivateCalls
from xinglin.node.records.archive import Archive, missing_batches
from xinglin.node.records.serving import Serving
from xinglin.service.basic.coordination.ports import Readers
from xinglin.service.basic.correction.errors import NotCurrent, VersionsDiffer
from xinglin.service.basic.correction.looking import BlastRadius, Held, Looking, Version
from xinglin.service.basic.correction.model import NAMESPACE, REASONS, Reason
from xinglin.service.basic.correction.reading import read_correction
from xinglin.service.basic.correction.rules import successor_of
from xinglin.service.basic.correction.service import Corrections, Institution, NewCorrection, Parties
from xinglin.service.basic.correction.store import CorrectionStore, Step
from xinglin.service.basic.intake.persons import traits_said
from xinglin.service.basic.intake.processing import Processor
from xinglin.service.basic.notices.service import Notices
from xinglin.service.basic.patient_index.service import PatientIndex
from xinglin.service.basic.protection.permit_errors import RecordSuperseded
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.stakeholders.purposes import Action, Purpose


class IndexedPersons:
    """Implements the port ``Persons`` of corrections on a home's patient index.

    Args:
        index: of the home, opened.
    """

    def __init__(self, index: PatientIndex) -> None:
        self._index = index

    def person_of(self, source: bytes, subject: bytes) -> bytes | None:
        """See ``Persons.person_of``."""
        return self._index.person_of(source, subject)

    def corrected(self, source: bytes, subject: bytes, original: bytes) -> None:
        """See ``Persons.corrected``."""
        traits = traits_said(original, source)
        if traits is not None:
            self._index.find_or_create(source, subject, traits)


def make_corrections(archive: Archive, parties: Parties) -> Corrections:
    """Return the corrections of a home whose chains run and whose records are open for writing.

    Args:
        archive: the home's.
        parties: who is told: by the home's access trace, patient index and inbox.
    """
    node = archive.node
    stored = node.consortium.value(state_key("registry", "member", node.member))
    name = decode(MemberState, stored or b"").name.decode()
    return Corrections(
        Institution(node.member, (name, name), node.private_ledger().rules.suite),
        archive.vault,
        archive.outbox(),
        lambda source: archive.preparation(source.decode()),
        PrivateCalls(node),
        parties,
        SystemClock(),
        random_bytes,
    )


def looking_in(archive: Archive, readers: Readers, notices: Notices) -> Looking:
    """Return what looks at a home's corrected records; no chain need run.

    Args:
        archive: the home's, opened.
        readers: who was given records: the home's access trace.
        notices: the home's inbox.
    """
    node = archive.node
    return Looking(archive.vault, PrivateCalls(node), readers, notices, node.private_ledger().rules.suite.hash)


def correct_by_account(
    serving: Serving, corrections: Corrections, record: str, data: bytes, reason: Reason, account: str
) -> dict[str, Any]:
    """Correct a record on the word of an account whose key is in this home: asked for, permitted, on record, done.

    Args:
        serving: the home's service.
        corrections: the home's.
        record: id of the current version.
        data: the corrected resource, JSON.
        reason: why.
        account: who corrects; a practitioner of this institution (PM8).

    Returns: the new version.

    Raises:
        AccountKeyMissing: the account's key is not here.
        NotCurrent: it was corrected before.
        ActNotOwn: it is no practitioner's account of this institution, or another refusal of permits.
        PlatformError: see ``correct_record``.
    """
    node, commitment = serving.archive.node, serving.archive.vault.find(record).details.commitment
    try:
        serving.acts.correct(signed_act(node, node, account, commitment, Action.CORRECT.value, Purpose.TREAT))
    except RecordSuperseded:
        raise NotCurrent(record=record, current=corrections.looking.current(record)) from None
    return correct_record(serving.archive, corrections, record, data, reason, account)


def correct_record(
    archive: Archive, corrections: Corrections, record: str, data: bytes, reason: Reason, account: str
) -> dict[str, Any]:
    """Correct a record by one FHIR resource, and return the new version; who may is decided elsewhere.

    Args:
        archive: the home's.
        corrections: the home's.
        record: id of the current version.
        data: the corrected resource, JSON.
        reason: why.
        account: on whose account.

    Raises:
        BatchMissing: vault and keyring are older than the chain; nothing is taken in until they are restored.
        CorrectionUnfit: it is no valid resource.
        PlatformError: see ``Corrections.correct``.
    """
    for missing in missing_batches(archive):
        raise missing
    old = archive.vault.open_record(record)
    process = Processor(archive.orders(old.stored.details.source.decode()))
    resource = read_correction(data, FhirkitValidator(), old, process)
    version = corrections.correct(NewCorrection(record, resource, reason, account))
    archive.note(archive.outbox())
    return version_values(version)


def resume_corrections(archive: Archive, corrections: Corrections) -> int:
    """Finish the corrections that a crash or an outage left; return how many."""
    finished = corrections.resume()
    archive.note(archive.outbox())
    return finished


def version_values(version: Version) -> dict[str, Any]:
    """Return a version of a record as plain values; ``corrected`` in ms, 0 for the current one."""
    words = REASONS[version.reason] if version.reason is not None else ("", "")
    return {
        "record": version.record,
        "commitment": version.commitment.hex(),
        "number": version.number,
        "current": version.current,
        "reason": version.reason.name.lower() if version.reason is not None else "",
        "reason_en": words[0],
        "reason_zh": words[1],
        "account": version.account,
        "corrected": version.corrected,
    }


def radius_values(radius: BlastRadius) -> dict[str, Any]:
    """Return a blast radius as plain values; times in ms, 0 for not yet."""
    return {
        "record": radius.record,
        "commitment": radius.commitment.hex(),
        "corrected_by": radius.corrected_by.hex(),
        "holders": [_held_values(one) for one in radius.holders],
    }


def correction_findings(archive: Archive) -> Iterator[PlatformError]:
    """Yield the rows of corrections that were altered, and those that the private chain contradicts."""
    store, chain = CorrectionStore(archive.vault), PrivateCalls(archive.node)
    damaged = list(store.damaged())
    yield from damaged
    if damaged:
        return
    known = set()
    for step, correction in store.all():
        after = successor_of(chain.value, correction.old_commitment)
        linked = after is not None and after.new == correction.new_commitment
        known.add(correction.old_commitment)
        if not linked and (after is not None or step is not Step.STORED):
            yield VersionsDiffer(record=identifier(correction.new))
    for key in chain.keys(NAMESPACE, "old", 3):
        commitment = decode(tuple[str, str, bytes], key)[2]
        if commitment not in known:
            yield VersionsDiffer(record=commitment)


def _held_values(held: Held) -> dict[str, Any]:
    return {
        "member": held.member,
        "account": held.account,
        "copy": held.copy,
        "times": held.times,
        "first": held.first,
        "last": held.last,
        "notice": held.notice,
        "told": held.told,
        "delivered": held.delivered,
        "acknowledged": held.acknowledged,
        "knew": held.knew,
    }

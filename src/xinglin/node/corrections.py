"""Corrections of a home's records, as commands use them (H12): correct, finish, list versions, who has a version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from xinglin.carrier.access.registry.model import MemberState
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.archive import Archive, missing_batches
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.notices import NO_POST, open_notices
from xinglin.node.private import PrivateCalls
from xinglin.service.basic.coordination.ports import NoReaders, Readers
from xinglin.service.basic.correction.errors import VersionsDiffer
from xinglin.service.basic.correction.model import NAMESPACE, REASONS, Reason
from xinglin.service.basic.correction.ports import NoPersons, Persons
from xinglin.service.basic.correction.reading import read_correction
from xinglin.service.basic.correction.rules import successor_of
from xinglin.service.basic.correction.service import (
    BlastRadius,
    Corrections,
    Held,
    Institution,
    NewCorrection,
    Parties,
    Version,
)
from xinglin.service.basic.correction.store import CorrectionStore, Step
from xinglin.service.basic.notices.ports import Post
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator

NO_READERS, NO_PERSONS = NoReaders(), NoPersons()


@contextmanager
def open_corrections(
    archive: Archive, post: Post = NO_POST, readers: Readers = NO_READERS, persons: Persons = NO_PERSONS
) -> Iterator[Corrections]:
    """Give the corrections of a home whose chains run and whose records are open for writing.

    Args:
        archive: the home's.
        post: the way to other homes.
        readers: who was given records: the home's access trace.
        persons: whose records they are: the home's patient index.
    """
    node = archive.node
    stored = node.consortium.value(state_key("registry", "member", node.member))
    name = decode(MemberState, stored or b"").name.decode()
    institution = Institution(node.member, (name, name), node.private_ledger().rules.suite)
    with open_notices(archive, post) as notices:
        yield Corrections(
            institution,
            archive.vault,
            archive.outbox(),
            lambda source: archive.preparation(source.decode()),
            PrivateCalls(node),
            Parties(readers, persons, notices),
            SystemClock(),
            random_bytes,
        )


def correct_record(
    archive: Archive, corrections: Corrections, record: str, data: bytes, reason: Reason, account: str
) -> dict[str, Any]:
    """Correct a record by one FHIR resource, and return the new version.

    Args:
        archive: the home's.
        corrections: the home's, see ``open_corrections``.
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
    resource = read_correction(data, FhirkitValidator(), archive.vault.open_record(record))
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
    }

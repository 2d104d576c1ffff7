"""Reads a bundle: cuts it, validates each entry, resolves references, says what each resource tells of its making.

Every entry of the file ends in exactly one place: accepted, rejected with findings, repeated, or left out by the door.
What breaks the file as a whole is refused with one error and nothing is taken. Never writes, never asks the network or
the clock.
The rules by number: docs/spec/intake.md. Requirements S7.1a, H3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from xinglin.kernel.errors import PlatformError
from xinglin.service.lifecycle.collection.doors import Door, Taken
from xinglin.service.lifecycle.collection.errors import BundleInvalid, SourceMissing, SourceUnreadable
from xinglin.service.lifecycle.collection.fhir.cutting import CutBundle, cut_bundle, cut_entry
from xinglin.service.lifecycle.collection.fhir.entries import (
    EntryRead,
    decode,
    look_at_entry,
    look_at_resource,
    look_at_shell,
)
from xinglin.service.lifecycle.collection.fhir.facts import (
    OCCASION,
    ORGANISATION,
    PERFORMER,
    PRACTITIONERS,
    SUBJECT,
)
from xinglin.service.lifecycle.collection.fhir.findings import Issue, finding, is_refused
from xinglin.service.lifecycle.collection.fhir.model import (
    UNPROCESSED,
    BundleReading,
    CollectedResource,
    Limits,
    Processed,
    RejectedEntry,
)
from xinglin.service.lifecycle.collection.fhir.ports import Validator
from xinglin.service.lifecycle.collection.fhir.providers import with_organisations
from xinglin.service.lifecycle.collection.fhir.references import Index
from xinglin.service.lifecycle.collection.fhir.walk import walk

DEFAULT_LIMITS: Final = Limits()
Process = Callable[[Mapping[str, Any], str, str], Processed]
"""Labels and copies a decoded resource, given its subject and its logical id; MUST not raise."""
BATCH: Final = 48
CLOSED: Final = ("batch", "document", "message", "transaction")
PATIENT: Final = frozenset({"Patient"})
ENCOUNTER: Final = frozenset({"Encounter"})
ORGANIZATION: Final = frozenset({"Organization"})


def read_bundle_file(
    path: Path,
    validator: Validator,
    limits: Limits = DEFAULT_LIMITS,
    process: Process | None = None,
    door: Door | None = None,
) -> BundleReading:
    """Read a bundle from a file.

    Args:
        path: FHIR R4 Bundle in JSON, UTF-8.
        validator: judges single resources.
        limits: bounds; no more than ``max_bundle_bytes`` and one byte is read.
        process: labels and copies what is accepted.
        door: says what is taken; None takes everything.
    Raises: SourceMissing, SourceUnreadable, and what ``read_bundle`` raises.
    """
    return read_bundle(file_bytes(path, limits), validator, limits, process, door)


def file_bytes(path: Path, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return the bytes of a bundle file, no more than ``max_bundle_bytes`` and one.

    Raises: SourceMissing, SourceUnreadable.
    """
    try:
        with path.open("rb") as file:
            return file.read(limits.max_bundle_bytes + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise SourceMissing(name=path.name) from None
    except OSError as error:
        raise SourceUnreadable(name=path.name, reason=error.strerror or "unknown") from None


def read_bundle(
    data: bytes,
    validator: Validator,
    limits: Limits = DEFAULT_LIMITS,
    process: Process | None = None,
    door: Door | None = None,
) -> BundleReading:
    """Read a bundle from its bytes.

    Args:
        data: FHIR R4 Bundle in JSON, UTF-8.
        validator: judges single resources.
        limits: bounds on bytes, entries, nesting.
        process: labels and copies what is accepted.
        door: says what is taken; None takes everything.
    Returns: every entry in exactly one place.
    Raises: one of the refusals numbered 5102 to 5113 (``collection/errors.py``); then nothing is taken.
    """
    bundle = cut_bundle(data, limits)
    _check_shell(bundle.shell, validator, limits)
    reads = _examine(bundle, validator, limits)
    repeated = _mark_duplicates(reads)
    return _conclude(bundle.bundle_type, reads, repeated, process, door)


def refusal_issue(refusal: PlatformError) -> Issue:
    """Return the finding that stands for the refusal of a whole file, for the quarantine's OperationOutcome.

    Args:
        refusal: what ``read_bundle`` raised.
    """
    return Issue(refusal.code, "fatal", "structure", "Bundle", refusal.sentence())


def _check_shell(shell: bytes, validator: Validator, limits: Limits) -> None:
    """Refuse a bundle whose own elements break a rule: then it isn't certain what its entries are."""
    issues = validator.validate([shell])[0]
    if not is_refused(issues):
        issues = walk(decode(shell), shell, limits.max_nesting).issues
    for issue in issues:
        if issue.severity == "error":
            raise BundleInvalid(expression=issue.expression, rule=issue.rule)


def _examine(bundle: CutBundle, validator: Validator, limits: Limits) -> list[EntryRead]:
    """Find what is wrong with each entry by itself.

    While a batch is looked at here, the one before is with the validator, which needs no interpreter lock.
    """
    reads: list[EntryRead] = []
    needs_request = bundle.bundle_type in ("transaction", "batch")
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="fhir-validation") as pool:
        pending: Future[None] | None = None
        for start in range(0, len(bundle.entries), BATCH):
            entries = bundle.entries[start : start + BATCH]
            batch = [EntryRead(start + number, cut_entry(raw)) for number, raw in enumerate(entries)]
            for read in batch:
                look_at_resource(read, limits)
            if pending:
                pending.result()
            pending = pool.submit(_judge, batch, validator, limits, needs_request)
            reads.extend(batch)
        if pending:
            pending.result()
    return reads


def _judge(batch: Sequence[EntryRead], validator: Validator, limits: Limits, needs_request: bool) -> None:
    """Have the resources of a batch validated, and the entries around them where they are not plain."""
    readable = [read for read in batch if read.readable]
    odd = [read for read in batch if read.cut.shell]
    findings = validator.validate([read.cut.resource for read in readable] + [read.cut.shell for read in odd])
    for read, issues in zip(readable, findings[: len(readable)], strict=True):
        read.issues.extend(issues)
    for read, issues in zip(odd, findings[len(readable) :], strict=True):
        look_at_shell(read, issues, limits)
    for read in batch:
        look_at_entry(read, needs_request=needs_request)


def _mark_duplicates(reads: Sequence[EntryRead]) -> set[int]:
    """Find resources whose type, id and version, or whose fullUrl and version, an earlier entry has.

    Returns: positions of those that are byte for byte what the earlier entry brought; the others get a finding.
    """
    seen: dict[tuple[str, str, str], EntryRead] = {}
    repeated = set()
    for read in reads:
        if read.refused:
            continue
        keys = [(read.resource_type, read.logical_id, read.version)] if read.logical_id else []
        keys += [("", read.cut.full_url, read.version)] if read.cut.full_url else []
        earlier = next((seen[key] for key in keys if key in seen), None)
        if earlier is None:
            seen.update(dict.fromkeys(keys, read))
        elif earlier.cut.resource == read.cut.resource and earlier.cut.full_url == read.cut.full_url:
            repeated.add(read.position)
        else:
            read.issues.append(finding("entry.duplicate", f"{read.resource_type}.id"))
    return repeated


def _conclude(
    bundle_type: str, reads: Sequence[EntryRead], repeated: set[int], process: Process | None, door: Door | None
) -> BundleReading:
    """Resolve references now that all entries are known, and put each entry in its place."""
    index = Index(closed=bundle_type in CLOSED)
    for read in reads:
        index.add(read.cut.full_url, read.resource_type, read.logical_id)
    accepted, rejected, repeats, left_out = [], [], [], []
    dropped: Counter[str] = Counter()
    for read in reads:
        issues, links = index.check(read.resource_type, read.found)
        read.issues.extend(issues)
        if read.refused:
            original = bytes(read.cut.raw) if read.entry_issues else read.cut.resource
            rejected.append(
                RejectedEntry(
                    position=read.position,
                    resource_type=read.resource_type,
                    original=original,
                    issues=(*read.entry_issues, *read.issues),
                )
            )
        elif read.position in repeated:
            repeats.append(read.position)
        else:
            taken = Taken(read.cut.resource) if door is None else door.take(read.resource_type, read.cut.resource)
            if taken is None:
                left_out.append(read.position)
                dropped[read.resource_type] += 1
            else:
                accepted.append(_collected(read, index, links, process, taken.original))
                dropped.update(f"{read.resource_type}.{name}" for name in taken.left_out)
    return BundleReading(
        bundle_type=bundle_type,
        entries=len(reads),
        accepted=with_organisations(accepted),
        rejected=tuple(rejected),
        repeated=tuple(repeats),
        left_out=tuple(left_out),
        dropped=tuple(sorted(dropped.items())),
    )


def _collected(
    read: EntryRead, index: Index, links: tuple[str, ...], process: Process | None, original: bytes
) -> CollectedResource:
    facts = read.facts
    own = read.logical_id
    time, precision = facts.time or (None, "")
    kind = read.resource_type
    subject = own if kind == "Patient" else facts.first(SUBJECT, index, PATIENT)
    return CollectedResource(
        position=read.position,
        resource_type=kind,
        logical_id=own,
        original=original,
        full_url=read.cut.full_url,
        subject=subject,
        organisation=own if kind == "Organization" else facts.first(ORGANISATION, index, ORGANIZATION),
        occasion=own if kind == "Encounter" else facts.first(OCCASION, index, ENCOUNTER),
        performer=own if kind == "Practitioner" else facts.first(PERFORMER, index, PRACTITIONERS),
        occurred_at_ms=time,
        occurred_precision=precision,
        links=links,
        issues=(*read.entry_issues, *read.issues),
        # Decoded once more: keeping every resource of a bundle decoded until now would take several times its size.
        processed=UNPROCESSED if process is None else process(decode(original), subject, own),
        whole=b"" if original == read.cut.resource else read.cut.resource,
    )

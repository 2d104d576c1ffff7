"""Parts 2 and 3: both hospitals take in their share of the bundles, and their private chains are anchored."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from xinglin.cli.demo.stage import NoBundles, Stage
from xinglin.cli.progress import records_progress
from xinglin.kernel.errors import Invalid, PlatformError
from xinglin.node.archive import open_archive
from xinglin.node.node import Node
from xinglin.node.opening import anchoring
from xinglin.service.basic.intake.files import refused_file
from xinglin.service.basic.intake.model import Incoming, IntakeReport, Refused
from xinglin.service.basic.intake.processing import Processor
from xinglin.service.lifecycle.collection.fhir.entries import decode
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.model import BundleReading, CollectedResource
from xinglin.service.lifecycle.collection.fhir.providers import split, with_organisations
from xinglin.service.lifecycle.collection.fhir.reader import read_bundle_file

HOSPITALS = ("hospital-a", "hospital-b")
SOURCE = "demo"


def take_in(stage: Stage, files: Sequence[Path]) -> None:
    """Validate, share out by who provided the care, encrypt, register."""
    stage.head(f"2. Hospital A and B take in {len(files)} bundles")
    start = time.perf_counter()
    whole: list[Refused] = []
    readings = list(_readings(stage, files, whole))
    if not any(reading.accepted for reading in readings):
        raise NoBundles(folder=str(files[0].parent))
    entries = sum(reading.entries for reading in readings)
    shares = split([with_organisations(reading.accepted) for reading in readings], HOSPITALS)
    stage.say(f"{entries} resources read and validated; {len(shares.visitors)} patients have been at both hospitals")
    with stage.group() as group:
        reports = []
        for name, node in zip(HOSPITALS, group.nodes[:2], strict=True):
            refused = _refused(readings) + whole if node is group.nodes[0] else []
            report = _intake(stage, node, shares.shares[name], refused)
            stage.say(
                f"{node.settings.name}: {report.accepted} records in {len(report.batches)} batches, "
                f"{report.quarantined} in quarantine"
            )
            reports.append(report)
        seconds = time.perf_counter() - start
        again = _intake(stage, group.nodes[0], shares.shares[HOSPITALS[0]], [])
        stage.require(again.accepted == 0, "a second run registers nothing twice")
        stage.say(f"the same bundles again: {again.already_there} known, none registered twice")
        _anchor(stage, group.nodes[:2])
    registered = sum(report.accepted for report in reports)
    stage.say(f"{registered} records registered in {seconds:.1f} s: {registered / seconds:,.0f} records/s")
    stage.figures |= {
        "resources": entries,
        "records": registered,
        "quarantined": sum(report.quarantined for report in reports),
        "patients_at_both": len(shares.visitors),
        "intake_seconds": round(seconds, 2),
        "intake_records_per_second": round(registered / seconds, 1),
    }


def _readings(stage: Stage, files: Sequence[Path], whole: list[Refused]) -> Iterator[BundleReading]:
    """Yield what each file says; one that is no bundle stops no other and is added to ``whole`` for quarantine."""
    validator = FhirkitValidator()
    for path in files:
        try:
            yield read_bundle_file(path, validator)
        except PlatformError as refusal:
            stage.say(f"refused {path.name}: {refusal.sentence()} [{refusal.code}]")
            if isinstance(refusal, Invalid):
                whole.append(refused_file(path, refusal))


def _intake(
    stage: Stage, node: Node, share: Sequence[Sequence[CollectedResource]], refused: Sequence[Refused]
) -> IntakeReport:
    with open_archive(node) as archive, records_progress(stage.console, len(share), node.settings.name) as progress:
        process = Processor(archive.orders(SOURCE))

        def read() -> Iterator[Incoming]:
            for bundle in share:
                yield Incoming([_processed(one, process) for one in bundle])
                progress.file_done()
            if refused:
                yield Incoming((), refused)

        return archive.take_in(SOURCE, read(), progress.report)


def _processed(resource: CollectedResource, process: Processor) -> CollectedResource:
    """Return a resource with its labels and copy: each hospital makes its own, under its own keys."""
    made = process(decode(resource.original), resource.subject, resource.logical_id)
    return replace(resource, processed=made)


def _refused(readings: Sequence[BundleReading]) -> list[Refused]:
    return [Refused(one.original, one.issues) for reading in readings for one in reading.rejected]


def _anchor(stage: Stage, hospitals: Sequence[Node]) -> None:
    stage.head("3. The private chains are anchored")
    for node in hospitals:
        anchors = anchoring(node)
        anchors.step()
        anchored = anchors.state()
        stage.require(anchored is not None and anchored.head.size > 0, "the anchor is on the consortium chain")
        size = anchored.head.size if anchored is not None else 0
        stage.say(f"{node.settings.name}: {size} entries of its private chain anchored, consistency proof accepted")

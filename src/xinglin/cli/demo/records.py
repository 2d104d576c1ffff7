"""Parts 2 and 3: both hospitals take in their share of the bundles, and their private chains are anchored."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from xinglin.cli.demo.localise import localise
from xinglin.cli.demo.stage import NoBundles, Stage
from xinglin.cli.progress import records_progress
from xinglin.kernel.errors import Invalid, PlatformError
from xinglin.node.node import Node
from xinglin.node.opening import anchoring
from xinglin.node.records.archive import open_archive
from xinglin.service.basic.intake.files import refused_file
from xinglin.service.basic.intake.model import Incoming, IntakeReport, Refused
from xinglin.service.basic.intake.processing import Processor
from xinglin.service.basic.patient_index.model import Grade
from xinglin.service.lifecycle.collection.doors import own_door
from xinglin.service.lifecycle.collection.fhir.entries import decode
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.model import BundleReading, CollectedResource
from xinglin.service.lifecycle.collection.fhir.providers import Split, split, with_organisations
from xinglin.service.lifecycle.collection.fhir.reader import file_bytes, read_bundle

HOSPITALS = ("hospital-a", "hospital-b")
SOURCE = "demo"


def take_in(stage: Stage, files: Sequence[Path], localised: bool = False) -> None:
    """Validate, share out by who provided the care, encrypt, register.

    Args:
        stage: the demonstration.
        files: FHIR bundles; never changed.
        localised: each hospital takes them in with Chinese patients, as it knows them.
    """
    stage.head(f"2. Hospital A and B take in {len(files)} bundles")
    start = time.perf_counter()
    whole: list[Refused] = []
    readings = list(_readings(stage, files, whole, HOSPITALS[0] if localised else ""))
    if not any(reading.accepted for reading in readings):
        raise NoBundles(folder=str(files[0].parent))
    entries = sum(reading.entries for reading in readings)
    shares = _split(readings)
    taken = {HOSPITALS[0]: shares.shares[HOSPITALS[0]], HOSPITALS[1]: shares.shares[HOSPITALS[1]]}
    if localised:
        taken[HOSPITALS[1]] = _split(list(_readings(stage, files, [], HOSPITALS[1]))).shares[HOSPITALS[1]]
    stage.say(f"{entries} resources read and validated; {len(shares.visitors)} patients have been at both hospitals")
    dropped: Counter[str] = Counter()
    for reading in readings:
        dropped.update(dict(reading.dropped))
    left = ", ".join(f"{name} {count}" for name, count in sorted(dropped.items()))
    stage.say(f"not collected, because the door has no need of it: {left or 'nothing'}")
    with stage.group() as group:
        reports = []
        for name, node in zip(HOSPITALS, group.nodes[:2], strict=True):
            refused = _refused(readings) + whole if node is group.nodes[0] else []
            report = _intake(stage, node, taken[name], refused)
            stage.say(
                f"{node.settings.name}: {report.accepted} records in {len(report.batches)} batches, "
                f"{report.quarantined} in quarantine"
            )
            reports.append(report)
        seconds = time.perf_counter() - start
        again = _intake(stage, group.nodes[0], taken[HOSPITALS[0]], [])
        stage.require(again.accepted == 0, "a second run registers nothing twice")
        stage.say(f"the same bundles again: {again.already_there} known, none registered twice")
        _known_elsewhere(stage, *group.nodes[:2])
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


def _readings(stage: Stage, files: Sequence[Path], whole: list[Refused], hospital: str) -> Iterator[BundleReading]:
    """Yield what each file says; one that is no bundle stops no other and is added to ``whole`` for quarantine.

    With a hospital, the people of the files are as it knows them (``localise.py``).
    """
    validator = FhirkitValidator()
    for path in files:
        try:
            data = file_bytes(path)
            yield read_bundle(localise(data, hospital) if hospital else data, validator, door=own_door())
        except PlatformError as refusal:
            stage.say(f"refused {path.name}: {refusal.sentence()} [{refusal.code}]")
            if isinstance(refusal, Invalid):
                whole.append(refused_file(path, refusal))


def _split(readings: Sequence[BundleReading]) -> Split:
    return split([with_organisations(reading.accepted) for reading in readings], HOSPITALS)


def _known_elsewhere(stage: Stage, a: Node, b: Node) -> None:
    """Say how many patients of B the index of A knows, as B describes them."""
    with open_archive(a, writing=False) as at_a, open_archive(b, writing=False) as at_b:
        best = [at_a.persons.match(at_b.persons.traits_of(person)[0], 1) for person in at_b.persons.persons()]
    grades = Counter(found[0].grade if found else Grade.NONE for found in best)
    known = {grade.name.lower(): grades[grade] for grade in (Grade.MATCH, Grade.POSSIBLE, Grade.NONE)}
    stage.say(
        f"hospital B's {len(best)} patients against A's index: {known['match']} match, "
        f"{known['possible']} possible, {known['none']} none"
    )
    stage.figures["matches"] = known


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

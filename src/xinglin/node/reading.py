"""Reads bundle files for intake, one after the other; a file that is refused as a whole stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.intake.model import Incoming, Refused
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.model import BundleReading, Limits
from xinglin.service.lifecycle.collection.fhir.reader import read_bundle_file


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that could not be taken at all, and why."""

    path: Path
    refusal: PlatformError


def read_bundles(
    files: Iterable[Path], max_bytes: int, refusals: list[Refusal], file_done: Callable[[], None] = lambda: None
) -> Iterator[Incoming]:
    """Yield what each file brings; files that are refused as a whole are added to ``refusals``.

    Args:
        files: FHIR R4 bundles in JSON.
        max_bytes: of one file.
        refusals: grows while this is read.
        file_done: called after each file.
    """
    validator, limits = FhirkitValidator(), Limits(max_bundle_bytes=max_bytes)
    for path in files:
        try:
            yield incoming(read_bundle_file(path, validator, limits))
        except PlatformError as refusal:
            refusals.append(Refusal(path, refusal))
        file_done()


def incoming(reading: BundleReading) -> Incoming:
    """Return a reading as intake takes it."""
    refused = [Refused(one.original, one.issues) for one in reading.rejected]
    return Incoming(reading.accepted, refused, len(reading.repeated))

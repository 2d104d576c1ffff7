"""Reads bundle files one by one for an intake run; a file that can't be read as a bundle stops no other (S7.1a)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from xinglin.kernel.errors import Invalid, PlatformError, Unavailable
from xinglin.service.basic.intake.model import Incoming, Refused
from xinglin.service.lifecycle.collection.doors import Door
from xinglin.service.lifecycle.collection.errors import BundleTooLarge
from xinglin.service.lifecycle.collection.fhir.model import BundleReading, Limits
from xinglin.service.lifecycle.collection.fhir.ports import Validator
from xinglin.service.lifecycle.collection.fhir.reader import Process, read_bundle_file, refusal_issue

DEFAULT_BOUNDS = Limits()
ReadFile = Callable[[Path], BundleReading]
"""Reads and validates one bundle file; raises a PlatformError for one that is refused as a whole."""


class ReaderStopped(Unavailable):
    """The process that reads bundles was ended from outside, for want of memory for example."""

    code, number, clause = "intake.reader_stopped", 5130, "S8.5a"
    en = "The process that reads bundles ended before {file} was read."
    zh = "读取 Bundle 的进程在读完 {file} 之前终止。"
    hint_en = "See whether this machine has enough memory, and start the intake again: nothing is registered twice."
    hint_zh = "请检查本机内存是否充足后重新采集：不会重复登记。"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was refused as a whole, and why."""

    path: Path
    refusal: PlatformError


def reader_of(
    validator: Validator,
    bounds: Limits = DEFAULT_BOUNDS,
    process: Process | None = None,
    door: Door | None = None,
) -> ReadFile:
    """Return what reads a file in this process.

    Args:
        validator: judges single resources.
        bounds: of one file.
        process: labels and copies what is accepted.
        door: says what is taken; None takes everything.
    """

    def read(path: Path) -> BundleReading:
        return read_bundle_file(path, validator, bounds, process, door)

    return read


def read_files(
    paths: Iterable[Path], read: ReadFile, refusals: list[Refusal], file_done: Callable[[], None] = lambda: None
) -> Iterator[Incoming]:
    """Yield what each bundle file brings, read when it is asked for.

    A file that can't be read as a bundle goes to quarantine as it is; one that is too large stays where it is and its
    name stands for it; one that is not there is only told.

    Args:
        paths: bundle files.
        read: reads one.
        refusals: grows by each file that was refused as a whole.
        file_done: called after each file.

    Raises:
        ReaderStopped: whoever reads was ended; files that were not read yet stay where they are.
    """
    for path in paths:
        try:
            reading = read(path)
        except Invalid as refusal:
            refusals.append(Refusal(path, refusal))
            yield Incoming((), [refused_file(path, refusal)])
        except ReaderStopped:
            raise
        except PlatformError as refusal:
            refusals.append(Refusal(path, refusal))
        else:
            refused = [Refused(one.original, one.issues) for one in reading.rejected]
            yield Incoming(reading.accepted, refused, len(reading.repeated), reading.dropped)
        file_done()


def refused_file(path: Path, refusal: Invalid) -> Refused:
    """Return what goes to quarantine of a file that is no bundle: its bytes; its name, if it is too large."""
    original = path.name.encode() if isinstance(refusal, BundleTooLarge) else path.read_bytes()
    return Refused(original, [refusal_issue(refusal)])

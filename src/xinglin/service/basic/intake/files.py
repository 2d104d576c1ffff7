"""Reads bundle files one by one for an intake run; a file that can't be read as a bundle stops no other (S7.1a)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from xinglin.kernel.errors import Invalid
from xinglin.service.basic.intake.model import Incoming, Refused
from xinglin.service.lifecycle.collection.errors import BundleTooLarge
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource, Limits
from xinglin.service.lifecycle.collection.fhir.ports import Validator
from xinglin.service.lifecycle.collection.fhir.reader import read_bundle_file, refusal_issue

Share = Callable[[Sequence[CollectedResource]], Sequence[CollectedResource]]
"""Returns which of a bundle's resources this institution takes in."""
DEFAULT_BOUNDS = Limits()


def read_files(
    paths: Iterable[Path],
    validator: Validator,
    share: Share = lambda resources: resources,
    bounds: Limits = DEFAULT_BOUNDS,
) -> Iterator[Incoming]:
    """Yield what each bundle file brings, read when it is asked for.

    Args:
        paths: bundle files.
        validator: judges single resources.
        share: chooses the resources that this institution takes in; all by default.
        bounds: of one file.

    Raises:
        SourceMissing, SourceUnreadable: a file is not there or can't be read.
    """
    for path in paths:
        try:
            reading = read_bundle_file(path, validator, bounds)
        except Invalid as refusal:
            # A file over the limit stays where it is; its name stands for it.
            original = path.name.encode() if isinstance(refusal, BundleTooLarge) else path.read_bytes()
            yield Incoming((), [Refused(original, [refusal_issue(refusal)])])
        else:
            refused = [Refused(one.original, one.issues) for one in reading.rejected]
            yield Incoming(share(reading.accepted), refused, len(reading.repeated))

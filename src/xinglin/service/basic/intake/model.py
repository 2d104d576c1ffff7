"""Values of an intake run: what comes in, who registers it, what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from xinglin.service.lifecycle.collection.fhir.findings import Issue
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource

Dropped = tuple[tuple[str, int], ...]
"""Names of what was not collected, each with how often; never a value."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What goes to quarantine: its exact bytes and at least one error."""

    original: bytes
    issues: Sequence[Issue]


@dataclass(frozen=True, slots=True)
class Incoming:
    """What one bundle brings to this institution.

    ``repeated``: how many of its entries bring again, byte for byte, what another of its entries brought; ``dropped``:
    what the door did not take, by name, and how often.
    """

    accepted: Sequence[CollectedResource]
    refused: Sequence[Refused] = ()
    repeated: int = 0
    dropped: Dropped = ()


@dataclass(frozen=True, slots=True)
class Registrar:
    """Who takes in, from where, and for whom the locators are sealed.

    Attributes:
        source: name of the source system; with type and logical id it says whether two resources are the same.
        institution: member id.
        recorder: account id of who registers.
        node: id of the node that keeps the originals.
        audience: name of the audience that may open the locators.
        epoch: number of its transmission key.
        epoch_key: the transmission key.
    """

    source: str
    institution: str
    recorder: str
    node: str
    audience: str
    epoch: int
    epoch_key: bytes


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """How much is worked on at once.

    A chunk is stored with one synchronisation of each store; it is cut into batches of ``batch_records``, a power of
    two up to 256. It is closed when it has ``chunk_records`` or ``chunk_bytes``, or is ``close_after_ms`` old when the
    next bundle comes. At most ``open_batches`` are on their way to the chain.
    """

    batch_records: int = 256
    chunk_records: int = 1024
    chunk_bytes: int = 16 * 1024 * 1024
    close_after_ms: int = 5_000
    open_batches: int = 16


DEFAULT_LIMITS = IntakeLimits()


@dataclass(frozen=True, slots=True)
class IntakeReport:
    """What a run has done so far: every resource that the door took is in exactly one of the first three numbers.

    ``dropped``: types and elements that the door did not take, ``Type`` or ``Type.element``, and how often, by name;
    ``batches``: ids of the batches that this run stored, in order; all are registered when the run has ended.
    """

    accepted: int = 0
    already_there: int = 0
    quarantined: int = 0
    batches: tuple[str, ...] = ()
    dropped: Dropped = ()

    def plus(self, other: IntakeReport) -> IntakeReport:
        """Return both together."""
        return IntakeReport(
            self.accepted + other.accepted,
            self.already_there + other.already_there,
            self.quarantined + other.quarantined,
            self.batches + other.batches,
            tuple(sorted((Counter(dict(self.dropped)) + Counter(dict(other.dropped))).items())),
        )

"""One institution's intake on the real disk before a fake chain: vault, keyring, outbox, a quarantine in memory."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from tests.support.fake_chain import GENESIS_MS, FakeChain
from tests.support.storage_home import StorageHome
from xinglin.carrier.ledger.build import Signer
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.outbox.delivery import Outbox
from xinglin.service.basic.intake.model import DEFAULT_LIMITS, Incoming, IntakeLimits, Registrar
from xinglin.service.basic.intake.preparation import Preparation
from xinglin.service.basic.intake.service import Intake
from xinglin.service.lifecycle.collection.fhir.findings import Issue
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource

SIGNING = bytes(31) + b"\x09"
EPOCH_KEY = bytes(range(16))
NODE = identifier(b"n" * 16)


class MemoryQuarantine:
    """Keeps refused items in a dictionary, by content, with the rules that they broke."""

    def __init__(self) -> None:
        self.items: dict[bytes, list[str]] = {}

    def put(self, original: bytes, issues: Sequence[Issue]) -> str:
        """Keep an item and return its name."""
        self.items[original] = [issue.rule for issue in issues]
        return hashlib.sha256(original).hexdigest()


class MemoryPersons:
    """Notes whom resources are about."""

    def __init__(self) -> None:
        self.entered: set[str] = set()

    def enter(self, resources: Sequence[CollectedResource]) -> None:
        """Note the subjects."""
        self.entered |= {one.subject for one in resources}


class SteppingClock:
    """A clock that goes on by one millisecond each time it is asked."""

    def __init__(self) -> None:
        self.time = GENESIS_MS

    def now_ms(self) -> int:
        self.time += 1
        return self.time


class IntakeHome:
    """See the module; ``chain`` outlives ``close`` and ``open`` of the rest, as a real one would."""

    def __init__(self, path: Path, chain: FakeChain | None = None, limits: IntakeLimits = DEFAULT_LIMITS) -> None:
        self.storage = StorageHome(path)
        self.chain = chain or FakeChain(self.storage.gm)
        self.quarantine = MemoryQuarantine()
        self.persons = MemoryPersons()
        self.clock = SteppingClock()
        self.registrar = Registrar(
            source="his",
            institution=identifier(b"i" * 16),
            recorder=identifier(b"r" * 16),
            node=NODE,
            audience="treatment",
            epoch=1,
            epoch_key=EPOCH_KEY,
        )
        self._limits = limits

    def create(self) -> IntakeHome:
        """Make the home and open it."""
        self.storage.create()
        return self._join()

    def open(self) -> IntakeHome:
        """Open the home; what a crash left is removed, nothing is submitted yet."""
        self.storage.open()
        return self._join()

    def close(self) -> None:
        """Close the home."""
        self.storage.close()

    def _join(self) -> IntakeHome:
        gm, vault = self.storage.gm, self.storage.vault
        signer = Signer(gm.public_key(SIGNING), lambda message: gm.sign(SIGNING, message))
        self.outbox = Outbox(vault, self.chain, gm, signer, os.urandom, self.clock, answer_seconds=0.2)
        self.preparation = Preparation(gm, self.registrar, os.urandom, self._limits.batch_records)
        self.intake = Intake(
            vault, self.outbox, self.quarantine, self.preparation, self.persons, self.clock, self._limits
        )
        return self


def resource(number: int, text: str = "", subject: str = "p1", **facts: object) -> CollectedResource:
    """Return an Observation with a logical id of its number."""
    original = json.dumps({"resourceType": "Observation", "id": f"o{number}", "text": text}).encode()
    values: dict[str, object] = {"position": number, "logical_id": f"o{number}", "subject": subject, "occasion": "e1"}
    return CollectedResource(resource_type="Observation", original=original, **{**values, **facts})  # type: ignore[arg-type]


def bundle(numbers: Sequence[int], text: str = "") -> Incoming:
    """Return a bundle with one Observation for each number."""
    return Incoming([resource(number, text) for number in numbers])

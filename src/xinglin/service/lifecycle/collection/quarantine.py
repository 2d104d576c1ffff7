"""The quarantine: what could not be taken in, sealed together with an OperationOutcome that says why (S7.1a, S8.2d).

An item is one file, ``NAME.sealed``, named by a keyed hash of its bytes. The outcome holds rules and names of elements,
never content, and is sealed all the same: nobody can change unseen why something was refused. Nothing here decides what
is wrong; an item goes only where a record of the same bytes is destroyed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from xinglin.carrier.crypto.files import sync_folder, write_durably
from xinglin.kernel.encoding import decode, pack
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.service.lifecycle.collection.errors import QuarantineDamaged, QuarantineMissing
from xinglin.service.lifecycle.collection.fhir.findings import Issue
from xinglin.service.lifecycle.storage.disk import writing

RULES: Final = "urn:xinglin:intake:rule"
"""Coding system of the rules in OperationOutcome.issue.details (docs/spec/intake.md)."""
NAME_BYTES: Final = 16


class Seals(Protocol):
    """Seals and opens one value under a key of the home, bound to a place by ``aad``."""

    def seal(self, plaintext: bytes, aad: bytes = b"") -> bytes:
        """Return the value sealed."""
        ...

    def open(self, sealed: bytes, aad: bytes = b"") -> bytes:
        """Return the value; MUST raise a PlatformError where it was altered or belongs elsewhere."""
        ...


class Quarantine:
    """The quarantine of one home.

    Args:
        folder: ``<home>/quarantine``; made when the first item comes.
        sealer: seals what is kept, with authentication.
        fingerprint: keyed hash of at least 16 bytes; without the key it tells nothing about the bytes. The first 16
            bytes name an item, so that the same bytes are kept once.
    """

    def __init__(self, folder: Path, sealer: Seals, fingerprint: Callable[[bytes], bytes]) -> None:
        self._folder = folder
        self._sealer = sealer
        self._fingerprint = fingerprint

    def put(self, original: bytes, issues: Sequence[Issue]) -> str:
        """Keep an item durably and return its name; what is there already, for the same reasons, is not written again.

        Args:
            original: the exact bytes that were refused.
            issues: why; they replace those of an earlier time.

        Raises:
            StorageUnwritable: the disk refuses.
        """
        name = identifier(self._fingerprint(original)[:NAME_BYTES])
        item, path = (original, operation_outcome(issues)), self._path(name)
        with writing(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._holds(name, item):
            with writing(path):
                write_durably(path, self._sealer.seal(pack(item), name.encode()))
        return name

    def names(self) -> Iterator[str]:
        """Yield the names of all items, in order."""
        if self._folder.is_dir():
            yield from sorted(path.stem for path in self._folder.glob("*.sealed"))

    def outcome(self, name: str) -> bytes:
        """Return the OperationOutcome of an item as JSON; raises as ``original``."""
        return self._open(name)[1]

    def original(self, name: str) -> bytes:
        """Return the exact bytes of an item.

        Raises:
            QuarantineMissing: there is no such item.
            QuarantineDamaged: its file was altered.
        """
        return self._open(name)[0]

    def remove(self, original: bytes) -> bool:
        """Remove an item for good, its bytes overwritten first; tells whether it was there.

        Args:
            original: its exact bytes.

        Raises:
            StorageUnwritable: the disk refuses.
        """
        path = self._path(identifier(self._fingerprint(original)[:NAME_BYTES]))
        if not path.is_file():
            return False
        with writing(path):
            with path.open("r+b") as file:
                file.write(bytes(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
            sync_folder(self._folder)
        return True

    def damaged(self) -> Iterator[PlatformError]:
        """Open every item and yield what is wrong with each that does not open."""
        for name in self.names():
            try:
                self._open(name)
            except PlatformError as fault:
                yield fault

    def _open(self, name: str) -> tuple[bytes, bytes]:
        try:
            sealed = self._path(name).read_bytes()
        except OSError:
            raise QuarantineMissing(item=name) from None
        try:
            return decode(tuple[bytes, bytes], self._sealer.open(sealed, name.encode()))
        except PlatformError:
            raise QuarantineDamaged(item=name) from None

    def _holds(self, name: str, item: tuple[bytes, bytes]) -> bool:
        try:
            return self._open(name) == item
        except PlatformError:
            return False

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.sealed"


def operation_outcome(issues: Sequence[Issue]) -> bytes:
    """Return findings as a FHIR R4 OperationOutcome in JSON, for people to read.

    Args:
        issues: at least one.
    """
    resource = {"resourceType": "OperationOutcome", "issue": [_issue(issue) for issue in issues]}
    return msgspec.json.format(msgspec.json.encode(resource), indent=2) + b"\n"


def _issue(issue: Issue) -> dict[str, Any]:
    return {
        "severity": issue.severity,
        "code": issue.code,
        "details": {"coding": [{"system": RULES, "code": issue.rule}]},
        "diagnostics": issue.diagnostics,
        "expression": [issue.expression],
    }

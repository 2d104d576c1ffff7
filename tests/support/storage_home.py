"""The storage of one home on the real disk, for tests: keyring and vault, made, opened, filled with small records."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.commitments import RecordParts, commit_many
from xinglin.service.basic.intake.preparation import commitment_rule
from xinglin.service.lifecycle.storage.keyring import Keyring
from xinglin.service.lifecycle.storage.model import NewRecord, RecordSecrets
from xinglin.service.lifecycle.storage.vault import Vault

KEY = bytes(31) + b"\x07"
"""The private encryption key that stands for the key store's; fixed, so that another process opens the same home."""


@dataclass
class StorageHome:
    """A home's ``vault`` and ``keyring`` folders, and what is open of them."""

    path: Path
    gm: Suite = field(default_factory=lambda: suite("gm"))
    segment_bytes: int = 64 * 1024 * 1024

    def create(self) -> StorageHome:
        """Make both stores and open them."""
        (self.path / "keyring").mkdir(parents=True)
        public = self.gm.encryption_public_key(KEY)
        Keyring.create(self.path / "keyring", self.gm, lambda root: self.gm.encrypt(public, root), os.urandom).close()
        self.keyring = self._keyring()
        self.vault = self._vault()
        self.vault.create()
        self.close()
        return self.open()

    def open(self) -> StorageHome:
        """Open both stores for writing."""
        self.keyring = self._keyring()
        self.vault = self._vault()
        try:
            self.vault.open()
        except BaseException:
            self.keyring.close()
            raise
        return self

    def open_for_reading(self) -> StorageHome:
        """Open both stores without recovery."""
        self.keyring = self._keyring()
        self.vault = self._vault()
        self.vault.open_for_reading()
        return self

    def close(self) -> None:
        """Close both stores."""
        self.vault.close()
        self.keyring.close()

    def files(self) -> list[Path]:
        """Return every file of both stores."""
        return sorted(path for path in self.path.rglob("*") if path.is_file())

    def put(self, contents: Sequence[bytes], first: int = 0, subject: bytes = b"p1") -> list[str]:
        """Store records with these contents, numbered on from ``first`` in their logical ids; return their ids."""
        records = self.records(contents, first, subject)
        self.vault.put(records)
        return [identifier(one.record) for one in records]

    def records(
        self, contents: Sequence[bytes], first: int = 0, subject: bytes = b"p1", copies: bool = False
    ) -> list[NewRecord]:
        """Return new records with these contents; every other one with a copy if ``copies``."""
        made = []
        for number, content in enumerate(contents, first):
            salts = [os.urandom(16) for _ in range(3)]
            behaviour = b"behaviour %d" % number
            copy = b"copy of " + content if copies and number % 2 == 0 else b""
            parts = RecordParts(salts[0], behaviour, salts[1], content, salts[2], copy)
            digests = commit_many(self.gm.hash_many, [parts])[0]
            made.append(
                NewRecord(
                    record=os.urandom(16),
                    source=b"his",
                    type=b"Observation",
                    logical_id=b"o%d" % number,
                    subject=subject,
                    content=content,
                    copy_content=copy,
                    batch=identifier(bytes(16)),
                    item=number,
                    behaviour=behaviour,
                    salt_behaviour=salts[0],
                    commitment=digests.commitment,
                    original=digests.original,
                    copy=digests.copy,
                    secrets=RecordSecrets(os.urandom(self.gm.key_size), salts[1], salts[2], os.urandom(16)),
                )
            )
        return made

    def _keyring(self) -> Keyring:
        return Keyring.open(self.path / "keyring", self.gm, lambda wrapped: self.gm.decrypt(KEY, wrapped), os.urandom)

    def _vault(self) -> Vault:
        return Vault(self.path / "vault", self.keyring, commitment_rule(self.gm), self.segment_bytes)

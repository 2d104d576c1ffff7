"""What destruction needs of others: chains to call, whose a record is, who was given it, what seals or corrects it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from xinglin.carrier.ledger.build import Signer
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Operation
from xinglin.service.lifecycle.storage.model import StoredRecord

Recipients = Callable[[bytes], Sequence[str]]
"""Returns the ids of members that were given a record, by its commitment: from the audit's projection."""

Sealed = Callable[[StoredRecord], Sequence[str]]
"""Returns the ids of the sealed episodes that keep a record from destruction; raises EpisodeDiffers where that can't be
told."""
Versions = Callable[[bytes], Sequence[bytes]]
"""Returns the commitments of all versions of a record by any of them, the oldest first."""


class Elsewhere(Protocol):
    """What a home keeps of records outside vault and keyring."""

    def forget(self, records: Sequence[StoredRecord]) -> None:
        """Remove it for good; called before anything of the records is shredded, and harmless to repeat.

        Raises:
            PlatformError: it can't be done now; nothing is shredded then.
        """
        ...


class Nowhere:
    """A home that is only looked at."""

    def forget(self, records: Sequence[StoredRecord]) -> None:
        """Do nothing; see ``Elsewhere.forget``."""
        del records


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an account of the institution, and what signs for it on both of its chains."""

    account: str
    signer: Signer


class Chain(Protocol):
    """A chain whose engine runs; the node's client implements it."""

    @property
    def ledger(self) -> Ledger:
        """The chain as this home has it."""
        ...

    def call(self, operations: Sequence[Operation], signers: Sequence[Signer]) -> object:
        """Sign, submit, wait until it is durable; raises the refusal."""
        ...


class Patients(Protocol):
    """Whose a record is; the patient index implements it, or the vault alone where there is none."""

    def person_of(self, stored: StoredRecord) -> bytes:
        """Return the id of the record's patient, 16 bytes, local to this node.

        Raises:
            PatientUnknown: it can't be told whose the record is.
        """
        ...

    def is_of(self, stored: StoredRecord, person: bytes, since: int) -> bool:
        """Tell whether a record is of a patient, may be, or was at any time since ``since`` (ms).

        Ids that were merged since MUST still lead to the patient; raises as ``person_of``.
        """
        ...

    def records_of(self, stored: StoredRecord) -> Sequence[StoredRecord]:
        """Return all records of the record's patient that are not destroyed, itself among them.

        Those of whoever may be the same person are among them; raises as ``person_of``.
        """
        ...

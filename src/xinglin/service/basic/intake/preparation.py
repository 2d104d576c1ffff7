"""Makes records of resources: id, key, salts, handle, behaviour data, commitment, and the batch that registers them.

Everything random comes from one callable, everything that hashes or seals is one native call for many records.
Stores and submits nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.model import Operation
from xinglin.kernel.encoding import pack
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.batching import Entry, close_batch
from xinglin.service.basic.coordination.commitments import RecordDigests, RecordParts, commit_many
from xinglin.service.basic.coordination.locators import seal_batch
from xinglin.service.basic.coordination.model import Behaviour, RegisterBatch
from xinglin.service.basic.intake.model import Refused, Registrar
from xinglin.service.basic.intake.rules import behaviour_time, fits, unfit
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource
from xinglin.service.lifecycle.storage.hierarchy import Randomness
from xinglin.service.lifecycle.storage.model import CommitmentRule, NewRecord, Parts, RecordSecrets


class Fresh(msgspec.Struct, frozen=True):
    """A resource that is not stored yet, with what it is known by, and its version: 0, more for a correction."""

    resource: CollectedResource
    logical_id: bytes
    version: int = 0


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """A batch: its id, how many records it registers, the call that registers it."""

    batch: str
    count: int
    call: Operation


@dataclass(frozen=True, slots=True)
class Prepared:
    """Records in the order of their batches, the batches, and what could not be made a record."""

    records: list[NewRecord]
    batches: list[PreparedBatch]
    refused: list[Refused]


class _Draft(msgspec.Struct, frozen=True):
    fresh: Fresh
    record: bytes
    parts: RecordParts
    secrets: RecordSecrets


def commitment_rule(suite: Suite) -> CommitmentRule:
    """Return the rule by which a vault checks what it reads, under a suite's hash."""

    def rule(parts: Sequence[Parts]) -> list[RecordDigests]:
        return commit_many(suite.hash_many, [RecordParts(*one.behaviour, *one.original, *one.copy) for one in parts])

    return rule


class Preparation:
    """Prepares records for one registrar.

    Args:
        suite: of the chain and the home.
        registrar: who registers, and for which audience.
        randomness: where ids, keys, salts, handles and dummies come from.
        batch_records: records of a full batch.
    """

    def __init__(self, suite: Suite, registrar: Registrar, randomness: Randomness, batch_records: int) -> None:
        self._suite = suite
        self._registrar = registrar
        self.source = registrar.source.encode()
        self._randomness = randomness
        self._batch_records = batch_records

    def prepare(self, resources: Sequence[Fresh], recorded_at_ms: int) -> Prepared:
        """Make records of resources.

        Args:
            resources: to be registered.
            recorded_at_ms: the time of recording, ms since 1970 UTC.
        """
        prepared = Prepared([], [], [])
        drafts = self._drafts(resources, recorded_at_ms, prepared.refused)
        digests = commit_many(self._suite.hash_many, [draft.parts for draft in drafts])
        for start in range(0, len(drafts), self._batch_records):
            end = start + self._batch_records
            self._close(prepared, drafts[start:end], digests[start:end])
        return prepared

    def _drafts(self, resources: Sequence[Fresh], recorded_at_ms: int, refused: list[Refused]) -> list[_Draft]:
        key_size = self._suite.key_size
        size = 80 + key_size  # record id, three salts, handle, key
        random = self._randomness(size * len(resources))
        drafts = []
        for start, fresh in zip(range(0, len(random), size), resources, strict=True):
            record, salt_b, salt_r, salt_d, handle = (random[at : at + 16] for at in range(start, start + 80, 16))
            if not fits(fresh.resource):
                refused.append(Refused(fresh.resource.original, [unfit(fresh.resource)]))
                continue
            behaviour = self._behaviour(record, fresh.resource, recorded_at_ms)
            copy = fresh.resource.processed.copy
            parts = RecordParts(salt_b, behaviour, salt_r, fresh.resource.original, salt_d, copy)
            secrets = RecordSecrets(random[start + 80 : start + size], salt_r, salt_d, handle)
            drafts.append(_Draft(fresh, record, parts, secrets))
        return drafts

    def _behaviour(self, record: bytes, resource: CollectedResource, recorded_at_ms: int) -> bytes:
        # Not checked again: the registrar's ids are the registry's, what comes from the source has been looked at.
        return pack(
            Behaviour(
                record=identifier(record),
                institution=self._registrar.institution,
                recorder=self._registrar.recorder,
                time=behaviour_time(resource.occurred_at_ms, recorded_at_ms),
                type=resource.resource_type,
                occasion=resource.occasion.encode(),
            )
        )

    def _close(self, prepared: Prepared, drafts: Sequence[_Draft], digests: Sequence[RecordDigests]) -> None:
        """Add one batch and its records."""
        registrar = self._registrar
        entries = close_batch(
            [Entry(one.commitment, draft.secrets.handle) for draft, one in zip(drafts, digests, strict=True)],
            self._randomness,
        )
        call = RegisterBatch(
            batch=identifier(self._randomness(16)),
            audience=registrar.audience,
            audience_epoch=registrar.epoch,
            salt=self._randomness(16),
        )
        items = seal_batch(self._suite, registrar.epoch_key, call, registrar.node, entries)
        prepared.batches.append(
            PreparedBatch(call.batch, len(drafts), operation(self._suite, "records", "register", call, items))
        )
        places = {entry.commitment: place for place, entry in enumerate(entries)}
        prepared.records.extend(
            self._record(draft, one, call.batch, places[one.commitment])
            for draft, one in zip(drafts, digests, strict=True)
        )

    def _record(self, draft: _Draft, digests: RecordDigests, batch: str, item: int) -> NewRecord:
        resource = draft.fresh.resource
        return NewRecord(
            record=draft.record,
            source=self.source,
            type=resource.resource_type.encode(),
            logical_id=draft.fresh.logical_id,
            subject=resource.subject.encode(),
            content=resource.original,
            copy_content=resource.processed.copy,
            category=resource.processed.category,
            level=resource.processed.level,
            special=resource.processed.special,
            version=draft.fresh.version,
            batch=batch,
            item=item,
            behaviour=draft.parts.behaviour,
            salt_behaviour=draft.parts.behaviour_salt,
            commitment=digests.commitment,
            original=digests.original,
            copy=digests.copy,
            secrets=draft.secrets,
        )

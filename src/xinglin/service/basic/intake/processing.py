"""Labels each resource and makes its de-identified copy while it is read, in whichever process reads (H3, S7.1c).

One date shift and one set of pseudonyms for each patient of a source system, derived from a key of the home: intervals
stay within a person's records, and a copy never changes because two persons are merged (docs/adr/0023).
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xinglin.carrier.crypto.suite import suite
from xinglin.service.lifecycle.collection.fhir.model import Processed
from xinglin.service.lifecycle.processing.classification.rules import Classifier
from xinglin.service.lifecycle.processing.deidentification.model import Pseudonyms, Shift, person_key
from xinglin.service.lifecycle.processing.deidentification.rules import Deidentifier
from xinglin.service.lifecycle.processing.homes import copy_rules, label_rules

_PATIENTS = 1_000
"""Patients whose pseudonyms are kept at hand; a bundle is mostly about one."""


@dataclass(frozen=True, slots=True)
class ProcessingOrders:
    """What a process needs to label and copy for one home: picklable, and secret because of the key.

    ``home`` may have rules of its own, ``key`` is for this purpose alone, ``as_of`` the day by which ages are told.
    """

    home: Path
    suite: str
    source: str
    as_of: datetime.date
    key: bytes = field(repr=False)


class Processor:
    """Labels and copies resources of one source system.

    Args:
        orders: for which home.

    Raises:
        RulesUnreadable, RuleMalformed, RuleRepeated, RuleLaxer: the home's own rules are at fault.
    """

    def __init__(self, orders: ProcessingOrders) -> None:
        self._orders = orders
        self._hash = suite(orders.suite).hash
        self._classify = Classifier(label_rules(orders.home)).classify
        self._deidentify = Deidentifier(copy_rules(orders.home)).copy
        self._shared = person_key(self._hash, orders.key, b"")
        self._patients: dict[str, tuple[Shift, Pseudonyms]] = {}

    def __call__(self, resource: Mapping[str, Any], subject: str, logical_id: str) -> Processed:
        """Return labels and copy of one decoded resource; see ``reader.Process``."""
        labels = self._classify(resource)
        shift, pseudonyms = self._patient(subject)
        copy = self._deidentify(resource, shift, pseudonyms, logical_id)
        return Processed(int(labels.category), int(labels.level), int(labels.special), copy.encode())

    def _patient(self, subject: str) -> tuple[Shift, Pseudonyms]:
        found = self._patients.get(subject)
        if found is None:
            if len(self._patients) >= _PATIENTS:
                self._patients.clear()
            person = self._orders.source.encode() + b"\0" + subject.encode()
            key = person_key(self._hash, self._orders.key, person)
            pseudonyms = Pseudonyms(self._hash, key, self._shared)
            found = self._patients[subject] = (pseudonyms.shift(self._orders.as_of), pseudonyms)
        return found

"""An observer of the consortium chain, who tries to tell which of the things on it are of one patient.

A **unit** is a consent, a record or an order of destruction, with everything that the chain has of it: every value of
every operation that names it, where and when it was logged, in how many bytes, by whom it was signed; with the
transmission key also what its locator opens to. The observer compares units in every way that it can think of. Whether
that tells anything is judged by shuffling: a **score** is by how many standard deviations the units of one patient are
more alike, or more unlike, than units whose patients were exchanged at random among those of one stratum.
"""

from __future__ import annotations

import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import msgspec

from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.log_reading import Entry
from xinglin.kernel.encoding import decode
from xinglin.service.basic.coordination.locators import open_locator
from xinglin.service.basic.coordination.model import (
    CertifyDestruction,
    ConfirmDestruction,
    OrderDestruction,
    RecordItem,
    RegisterBatch,
)
from xinglin.service.basic.protection.consents.model import (
    AcknowledgeConsent,
    ApproveConsent,
    ApproveRevocation,
    GrantConsent,
    ProposeConsent,
    ProposeRevocation,
    RevokeConsent,
)

CALLS: dict[tuple[str, str], type[Any]] = {
    ("consent", "grant"): GrantConsent,
    ("consent", "propose"): ProposeConsent,
    ("consent", "approve"): ApproveConsent,
    ("consent", "acknowledge"): AcknowledgeConsent,
    ("consent", "revoke"): RevokeConsent,
    ("consent", "propose_revocation"): ProposeRevocation,
    ("consent", "approve_revocation"): ApproveRevocation,
    ("records", "order"): OrderDestruction,
    ("records", "confirm"): ConfirmDestruction,
    ("records", "certify"): CertifyDestruction,
}
SHUFFLES = 300
RUNS = "runs of bytes in common"
WINDOW = 6
"""Bytes of which two units share a run by chance once in 2^48."""
CHANCE = 5.5
"""Scores up to this one are chance: one in a hundred thousand goes beyond, and a session has some hundred of them."""


@dataclass
class Unit:
    """What the chain has of one thing; ``patient`` is the truth, which the observer does not look at."""

    name: bytes
    patient: str
    stratum: str
    texts: dict[str, bytes] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    bytes: list[bytes] = field(default_factory=list)


Alike = Callable[[Unit, Unit], float]


def consents_on(ledger: Ledger, patients: dict[str, str]) -> list[Unit]:
    """Return the consents on a chain; ``patients`` gives whose they are, by id."""
    units: dict[str, Unit] = {}
    for index, entry, method, call in _calls(ledger, "consent"):
        unit = units.setdefault(call.consent, Unit(call.consent.encode(), patients[call.consent], "consents"))
        _note(unit, f"{method} {call.node}" if method == "acknowledge" else method, index, entry, call)
    return list(units.values())


def orders_on(ledger: Ledger, patients: dict[bytes, str]) -> list[Unit]:
    """Return the orders of destruction on a chain; ``patients`` gives whose records they are, by commitment."""
    units: dict[bytes, Unit] = {}
    for index, entry, method, call in _calls(ledger, "records"):
        commitment = call.record.commitment if isinstance(call, OrderDestruction) else call.commitment
        unit = units.setdefault(commitment, Unit(commitment, patients[commitment], "orders"))
        _note(unit, method, index, entry, call)
    return list(units.values())


def records_on(ledger: Ledger, patients: dict[bytes, str], key: bytes | None = None) -> list[Unit]:
    """Return the records on a chain; with the transmission key what their locators say is known too.

    Args:
        ledger: the consortium chain.
        patients: whose they are, by commitment; what is not in it is a dummy.
        key: the transmission key, None for an observer without it.
    """
    units = []
    for index in range(ledger.tip.log_size):
        entry = ledger.entry(index)
        one = entry.transaction.operations[0]
        if (one.head.contract, one.head.method, entry.receipt.number) != ("records", "register", 0):
            continue
        batch = decode(RegisterBatch, one.head.arguments)
        for place, raw in enumerate(one.items):
            item = decode(RecordItem, raw)
            if item.commitment not in patients:
                continue
            unit = Unit(item.commitment, patients[item.commitment], f"batch {index}")
            _note(unit, "register", index, entry, item)
            unit.numbers["place"] = place
            unit.numbers["alternate"] = place % 2
            if key is not None:
                locator = open_locator(ledger.rules.suite, key, batch, place, item)
                unit.texts |= {"handle": locator.handle, "node": locator.node.encode()}
                unit.bytes.append(locator.handle)
            units.append(unit)
    return units


def _calls(ledger: Ledger, contract: str) -> Iterator[tuple[int, Entry, str, Any]]:
    for index in range(ledger.tip.log_size):
        entry = ledger.entry(index)
        for one in entry.transaction.operations:
            kind = CALLS.get((one.head.contract, one.head.method))
            if kind is not None and one.head.contract == contract and entry.receipt.number == 0:
                yield index, entry, one.head.method, decode(kind, one.head.arguments)


def _note(unit: Unit, what: str, index: int, entry: Entry, call: Any) -> None:
    """Add an operation to a unit: its values, its place and time, its size, its signers, its receipt."""
    header = entry.transaction.header
    unit.numbers |= {f"{what} index": index, f"{what} height": entry.leaf.height, f"{what} time": entry.leaf.time}
    unit.texts |= {f"{what} nonce": header.nonce, f"{what} signer": b"".join(header.signers)}
    unit.texts |= {f"{what} body": entry.leaf.body, f"{what} signature": b"".join(entry.transaction.signatures)}
    unit.numbers[f"{what} valid_until"] = header.valid_until
    for path, value in _flat(what, msgspec.structs.asdict(call)):
        if isinstance(value, int):
            unit.numbers[path] = value
        else:
            data = value.encode() if isinstance(value, str) else value
            unit.texts[path] = data
            unit.numbers[f"{path} length"] = len(data)
            unit.bytes.append(data)
    unit.bytes += [header.nonce, *(fact.value for fact in entry.receipt.facts if isinstance(fact.value, bytes))]


def _flat(path: str, value: Any) -> Iterator[tuple[str, int | str | bytes]]:
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _flat(f"{path}.{name}", one)
    elif isinstance(value, tuple | list):
        yield f"{path} count", len(value)
        for number, one in enumerate(value):
            yield from _flat(f"{path}.{number}", one)
    else:
        yield path, value


# --- ways to compare ---


def ways(units: Sequence[Unit]) -> dict[str, Alike]:
    """Return every way in which the observer compares these units, by name."""
    found: dict[str, Alike] = {RUNS: _common_runs(units)}
    for name in sorted({name for unit in units for name in unit.numbers}):
        found[f"near in {name}"] = _near(name)
    for name in sorted({name for unit in units for name in unit.texts}):
        found[f"equal {name}"] = _equal(name)
        found[f"first bits of {name}"] = _first_bits(name)
        found[f"bits of {name}"] = _bits(name)
    return found


def _common_runs(units: Sequence[Unit]) -> Alike:
    """Count runs of bytes that two units have in common and few others have."""
    runs = {unit.name: set(_runs(unit)) for unit in units}
    often = Counter(run for found in runs.values() for run in found)
    most = max(2, 2 * len(units) // len({unit.patient for unit in units}))
    rare = {name: {run for run in found if 1 < often[run] <= most} for name, found in runs.items()}
    return lambda one, other: float(len(rare[one.name] & rare[other.name]))


def _runs(unit: Unit) -> Iterator[bytes]:
    for one in unit.bytes:
        yield from (one[at : at + WINDOW] for at in range(len(one) - WINDOW + 1))


def _near(name: str) -> Alike:
    def alike(one: Unit, other: Unit) -> float:
        if name not in one.numbers or name not in other.numbers:
            return float((name in one.numbers) == (name in other.numbers))
        return 1.0 / (1 + abs(one.numbers[name] - other.numbers[name]))

    return alike


def _equal(name: str) -> Alike:
    return lambda one, other: float(one.texts.get(name) == other.texts.get(name))


def _first_bits(name: str) -> Alike:
    def alike(one: Unit, other: Unit) -> float:
        a, b = one.texts.get(name, b"")[:8], other.texts.get(name, b"")[:8]
        return float(64 - (int.from_bytes(a.ljust(8), "big") ^ int.from_bytes(b.ljust(8), "big")).bit_length())

    return alike


def _bits(name: str) -> Alike:
    def alike(one: Unit, other: Unit) -> float:
        a, b = one.texts.get(name, b""), other.texts.get(name, b"")
        return -float((int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count())

    return alike


# --- what it comes to ---


@dataclass(frozen=True)
class Score:
    """How much a way of comparing tells: by all pairs, and by guessing for each unit the one that is most like it."""

    way: str
    pairs: float
    nearest: float

    @property
    def worst(self) -> float:
        """The larger of the two, whatever its sign."""
        return max(abs(self.pairs), abs(self.nearest))


def scores(units: Sequence[Unit], source: random.Random, only: Sequence[str] = ()) -> list[Score]:
    """Return the score of every way, or only of some, the most telling first."""
    shuffles = [_shuffled(units, source) for _ in range(SHUFFLES)]
    truth = [unit.patient for unit in units]
    chosen = {name: alike for name, alike in ways(units).items() if not only or name in only}
    found = [_score(name, alike, units, truth, shuffles) for name, alike in chosen.items()]
    return sorted(found, key=lambda score: score.worst, reverse=True)


def _score(
    name: str, alike: Alike, units: Sequence[Unit], truth: Sequence[str], shuffles: Sequence[Sequence[str]]
) -> Score:
    likeness = [[0.0] * len(units) for _ in units]
    for (i, one), (j, other) in combinations(enumerate(units), 2):
        likeness[i][j] = likeness[j][i] = alike(one, other)
    nearest = [max((j for j in range(len(units)) if j != i), key=row.__getitem__) for i, row in enumerate(likeness)]

    def pairs(patients: Sequence[str]) -> float:
        mine = defaultdict(list)
        for number, patient in enumerate(patients):
            mine[patient].append(number)
        return sum(likeness[i][j] for same in mine.values() for i, j in combinations(same, 2))

    def hits(patients: Sequence[str]) -> float:
        return float(sum(patients[i] == patients[j] for i, j in enumerate(nearest)))

    return Score(name, _deviations(pairs, truth, shuffles), _deviations(hits, truth, shuffles))


def _deviations(
    measure: Callable[[Sequence[str]], float], truth: Sequence[str], shuffles: Sequence[Sequence[str]]
) -> float:
    chance = [measure(one) for one in shuffles]
    spread = statistics.pstdev(chance)
    off = measure(truth) - statistics.fmean(chance)
    if spread < 1e-9:
        return 0.0 if abs(off) < 1e-9 else float("inf")
    return off / spread


def _shuffled(units: Sequence[Unit], source: random.Random) -> list[str]:
    """Exchange the patients of units at random within each stratum."""
    strata = defaultdict(list)
    for number, unit in enumerate(units):
        strata[unit.stratum].append(number)
    patients = [""] * len(units)
    for numbers in strata.values():
        mixed = [units[number].patient for number in numbers]
        source.shuffle(mixed)
        for number, patient in zip(numbers, mixed, strict=True):
            patients[number] = patient
    return patients

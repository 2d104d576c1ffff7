"""``python -m tests.scenario.kill_intake``: kills ``xinglin record intake`` at random moments and looks what is left.

The real command in a process of its own, on a home of its own. A round gives it a few bundles under the name of
another source system, so that there is always something to take in; the command is killed (``SIGKILL``, the whole
process group) and started again, until it ends by itself. Half of the moments are drawn between its start and a little
after its usual end, half from its first write to the vault on, the sooner the likelier. In the end every resource of
every round has to be registered once: compared are the input, read by itself, the vault, the outbox, and each item on
the chain. Prints one JSON object; the exit status is 1 if anything was found.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.killing import BEYOND, KillFigures, Killing, killing_options, report
from tests.support.product import (
    PASSPHRASE,
    child,
    child_environment,
    make_hospital,
    opened_archive,
    some_bundles,
    stored_records,
    write_passphrase,
)
from xinglin.kernel.encoding import decode
from xinglin.node.records.archive import Archive
from xinglin.node.verify import verify_home
from xinglin.service.basic.coordination.model import RecordItem, RegisterBatch
from xinglin.service.basic.coordination.outbox.store import BatchRow, Delivery, OutboxStore
from xinglin.service.lifecycle.collection.doors import ALWAYS, own_door

Key = tuple[bytes, bytes, bytes]
"""Source system, type, logical id."""
_ELEMENTS = {name: ALWAYS.union(row.elements) for row in own_door().rows if row.elements for name in row.types}
"""What the door takes of resources about people (IN33)."""


@dataclass(slots=True)
class Figures(KillFigures):
    """What was done and found; ``left_by_kills`` counts in which state the kills left the home."""

    runs_to_the_end: int = 0
    resources: int = 0
    records: int = 0
    batches: int = 0
    items_on_chain: int = 0
    temporary_files: int = 0


class Killer:
    """Runs and kills intake on one home.

    Args:
        folder: a folder for the home and its passphrase.
        bundles: the input.
        seed: of all that is drawn.
        verify_every: after so many kills a copy of the killed home is verified; 0 for never.
    """

    def __init__(self, folder: Path, bundles: Sequence[Path], seed: str, verify_every: int = 0) -> None:
        self.home = make_hospital(folder / "home")
        self.figures = Figures(seed)
        self.expected: dict[Key, tuple[str, Path]] = {}
        self._killing = Killing(self.home, self.figures, verify_every)
        self._passphrase = write_passphrase(folder)
        self._bundles = bundles
        self._random = random.Random(seed)
        self._usual: dict[bool, float] = {}
        self._left = Left(0, 0, 0, frozenset(), 0)

    def run(self, kills: int) -> Figures:
        """Kill so many times, let the last round end, compare."""
        start = time.monotonic()
        while self.figures.kills < kills:
            self.round(kills)
        self.compare()
        self.figures.seconds = round(time.monotonic() - start, 1)
        return self.figures

    def round(self, kills: int) -> None:
        """Take some bundles in under a new name, killed as long as fewer than ``kills`` were."""
        self.figures.rounds += 1
        source = f"system-{self.figures.rounds}"
        files = self._random.sample(self._bundles, min(len(self._bundles), self._random.choice((1, 2, 2, 3, 6))))
        for path in files:
            self.expected |= {(source.encode(), *key): (said, path) for key, said in resources_of(path)}
        done = False
        while not done:
            limit = None
            writing = self._random.random() < 0.5
            if self._usual and self.figures.kills < kills:
                limit = self._usual[writing] * BEYOND * self._random.random() ** (2 if writing else 1)
            done = self._intake(source, files, writing, limit)

    def _intake(self, source: str, files: Sequence[Path], writing: bool, limit: float | None) -> bool:
        """Run intake, for so many seconds at most from its start or first write; tell whether it came to its end."""
        command = child("record", "intake", "--home", self.home, "--json", "--source", source, *files)
        process = subprocess.Popen(
            command,
            cwd=self.home.parent,
            env=child_environment({"XINGLIN_PASSPHRASE_FILE": str(self._passphrase)}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        start, before = time.monotonic(), self._entries()
        first_write: float | None = None
        while process.poll() is None:
            now = time.monotonic()
            if first_write is None and self._entries() != before:
                first_write = now
            begun = first_write if writing else start
            if limit is not None and begun is not None and now - begun >= limit:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                self._killed(now - start, writing)
                return False
            time.sleep(0.001)
        end = time.monotonic()
        out, err = process.communicate()
        for from_first_write, moment in ((False, start), (True, first_write)):
            if moment is not None:
                usual = self._usual.get(from_first_write, end - moment)
                self._usual[from_first_write] = (usual * 3 + end - moment) / 4
        self._ended(source, files, process.returncode, out, err)
        return True

    def _entries(self) -> int:
        """Return how many bytes the vault's segments have."""
        return sum(path.stat().st_size for path in (self.home / "vault" / "segments").iterdir())

    def _ended(self, source: str, files: Sequence[Path], status: int, out: bytes, err: bytes) -> None:
        figures = self.figures
        figures.runs_to_the_end += 1
        if status != 0:
            figures.findings.append(f"{source}: exit status {status}: {out!r} {err!r}")
            return
        said, entries = json.loads(out), sum(1 for path in files for _ in resources_of(path))
        if said["accepted"] + said["already_there"] != entries or said["quarantined"] or said["refused_files"]:
            figures.findings.append(f"{source}: {entries} resources came in, the command says {said}")

    def _killed(self, after: float, writing: bool) -> None:
        """Look at a copy of what the kill left."""
        self._killing.killed(after, writing)
        verifying = self._killing.verifying()
        found: list[object] = [*verify_home(self._killing.copy, PASSPHRASE).findings] if verifying else []
        with opened_archive(self._killing.copy) as archive:
            left = look(archive)
        if left.records < self._left.records:
            found.append(f"{left} after {self._left}")
        self._killing.left(left.since(self._left), found)
        self._left = left

    def compare(self) -> None:
        """Compare the home with all that was given to it; what differs is a finding."""
        figures = self.figures
        report = verify_home(self.home, PASSPHRASE)
        figures.findings += [f"in the end: {finding}" for finding in report.findings]
        figures.resources = len(self.expected)
        figures.temporary_files = sum(1 for path in self.home.rglob("*.tmp"))
        with opened_archive(self.home) as archive:
            figures.findings += self._wrong_records(archive)
            figures.findings += self._wrong_batches(archive)

    def _wrong_records(self, archive: Archive) -> Iterator[str]:
        """Compare the vault with the input: each resource once, as it was."""
        rows = stored_records(archive)
        self.figures.records = len(rows)
        found = Counter((row.details.source, row.details.type, row.details.logical_id) for row in rows)
        yield from (f"{key} is stored {count} times" for key, count in found.items() if count > 1)
        yield from (f"{key} is missing" for key in self.expected.keys() - found.keys())
        yield from (f"{key} was never given" for key in found.keys() - self.expected.keys())
        files = {path: path.read_bytes() for path in self._bundles}
        for start in range(0, len(rows), 500):
            part = rows[start : start + 500]
            for row, opened in zip(part, archive.vault.open_many(part), strict=True):
                key = (row.details.source, row.details.type, row.details.logical_id)
                said, path = self.expected.get(key, ("", self._bundles[0]))
                original = b"" if isinstance(opened, Exception) else opened.parts.original[1]
                whole = key[1].decode() in _ELEMENTS or original in files[path]
                if not whole or digest(json.loads(original, parse_float=str)) != said:
                    yield f"{key} is not as it was given"

    def _wrong_batches(self, archive: Archive) -> Iterator[str]:
        """Compare outbox and chain with the vault: each batch marked, each record in one item of one entry."""
        rows = list(OutboxStore(archive.vault.database, archive.vault.keyring.keys).rows())
        batches = {row.batch: row for row in rows if isinstance(row, BatchRow)}
        self.figures.batches = len(batches)
        if len(batches) != len(rows):
            yield f"{len(rows) - len(batches)} rows of the outbox are damaged or double"
        yield from (f"batch {row.batch} is not registered" for row in batches.values() if row.state is Delivery.STORED)
        on_chain: Counter[bytes] = Counter()
        registered: Counter[str] = Counter()
        ledger = archive.node.consortium
        for index in range(ledger.tip.log_size):
            entry = ledger.entry(index)
            for operation in entry.transaction.operations:
                if (operation.head.contract, operation.head.method) != ("records", "register"):
                    continue
                batch = decode(RegisterBatch, operation.head.arguments).batch
                if entry.receipt.number:
                    yield f"entry {index} refuses batch {batch} with {entry.receipt.number}"
                    continue
                registered[batch] += 1
                on_chain.update(decode(RecordItem, item).commitment for item in operation.items)
                if batch in batches and (batches[batch].index, batches[batch].body) != (index, entry.leaf.body):
                    yield f"batch {batch} is marked with another entry than {index}"
        self.figures.items_on_chain = on_chain.total()
        if registered != Counter(batches.keys()):
            yield f"batches of the outbox and of the chain differ: {registered} {sorted(batches)}"
        stored = Counter(row.details.commitment for row in stored_records(archive))
        yield from (f"{one.hex()} is on the chain {on_chain[one]} times" for one in stored if on_chain[one] != 1)
        padded = sum(1 << (row.count - 1).bit_length() for row in batches.values())
        if on_chain.total() != padded or len(on_chain) != padded:
            yield f"{on_chain.total()} items are on the chain, batches padded to powers of two have {padded}"


@dataclass(frozen=True, slots=True)
class Left:
    """What lies in a killed home: stored records, entries and keys behind them, batches not marked, of these logged."""

    records: int
    entries: int
    keys: int
    pending: frozenset[str]
    logged: int

    def since(self, before: Left) -> str:
        """Return in which state of its work a run was killed that began with ``before``."""
        if self == before:
            return "nothing written"
        if self.logged:
            return "batch logged, not marked"
        if self.pending:
            return "batch stored, not logged"
        if self.entries or self.keys:
            return "entries or keys written, records not stored"
        return "all registered, run not ended" if self.records > before.records else "what was left before, mended"


def look(archive: Archive) -> Left:
    """Return what lies in a home, told from its files."""
    last = archive.vault.index.last_number()
    pending = OutboxStore(archive.vault.database, archive.vault.keyring.keys).pending() if last else []
    keyring = sqlite3.connect(archive.node.home.keyring / "keyring.sqlite")
    keys = keyring.execute("SELECT count(*) FROM records WHERE number > ?", [last]).fetchone()[0]
    keyring.close()
    written = sum(path.stat().st_size for path in archive.vault.segments.folder.iterdir())
    stored = sum(row.details.length + 24 for row in stored_records(archive))
    logged = sum(archive.node.consortium.find(row.valid_until, row.body) is not None for row in pending)
    return Left(last, written - stored, keys, frozenset(row.batch for row in pending), logged)


def resources_of(path: Path) -> Iterator[tuple[tuple[bytes, bytes], str]]:
    """Yield ((type, logical id), digest) of each resource of a bundle, read by Python's own parser."""
    for entry in json.loads(path.read_bytes(), parse_float=str)["entry"]:
        resource = entry["resource"]
        logical_id = resource.get("id") or entry["fullUrl"].rpartition(":")[2]
        yield (resource["resourceType"].encode(), logical_id.encode()), digest(_taken(resource))


def _taken(resource: dict[str, object]) -> dict[str, object]:
    """Return what the door takes of a resource: of people some elements, of all others the whole."""
    kept = _ELEMENTS.get(str(resource["resourceType"]))
    return resource if kept is None else {name: one for name, one in resource.items() if name.lstrip("_") in kept}


def digest(resource: object) -> str:
    """Return a hash of what a resource says."""
    return hashlib.sha256(json.dumps(resource, sort_keys=True).encode()).hexdigest()


def main() -> int:
    """Run the command."""
    parser = killing_options(__doc__)
    parser.add_argument("--bundles", type=int, default=39, help="how many different bundles are given")
    given = parser.parse_args()

    def run(folder: Path) -> Figures:
        bundles = some_bundles(folder / "bundles", given.bundles)
        return Killer(folder, bundles, given.seed, given.verify_every).run(given.kills)

    return report(run)


if __name__ == "__main__":
    sys.exit(main())

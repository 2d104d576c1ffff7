"""``python -m tests.scenario.kill_destruction``: kills destruction at random moments and looks what is left.

A process of its own orders, confirms and carries out the destruction of a few records of an old stay, as a command
would; it is killed (``SIGKILL``), three times of four while it works, else between its start and a little after its
usual end, and started again, until all are certified or it ends by itself. After each kill all that was not to be
destroyed has to be as it was; in the end each record has one order, one confirmation and one certificate on the chain,
nothing of it is in any file, and every other record is served. Prints one JSON object; the exit status is 1 if anything
was found.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.killing import KillFigures, Killing, killing_options, report, tell_begun, tell_ended
from tests.support.old_stays import OLD, at_the_office, make_old_hospital
from tests.support.product import findings, opened_archive, stored_records
from tests.support.remains import Needles, needles_of
from xinglin.kernel.encoding import decode
from xinglin.kernel.identifiers import identifier
from xinglin.node.records.archive import Archive
from xinglin.node.records.replaying import standing_of
from xinglin.service.basic.coordination.model import CertifyDestruction, ConfirmDestruction, OrderDestruction
from xinglin.service.basic.destruction.model import Standing
from xinglin.service.lifecycle.storage.vault import OpenedRecord


@dataclass(slots=True)
class Figures(KillFigures):
    """What was done and found; ``left_by_kills`` counts in which state the kills left the records of the round."""

    destroyed: int = 0
    standing: int = 0
    searched_files: int = 0


class Killer:
    """Runs and kills destruction on one home.

    Args:
        folder: a folder for the home.
        seed: of all that is drawn.
        notes: how many records the old stay has.
        verify_every: after so many kills a copy of the killed home is verified; 0 for never.
    """

    def __init__(self, folder: Path, seed: str, notes: int, verify_every: int = 0) -> None:
        self.home = make_old_hospital(folder / "home", notes)
        self.figures = Figures(seed)
        self._killing = Killing(self.home, self.figures, verify_every)
        self._random = random.Random(seed)
        with opened_archive(self.home) as archive:
            rows = {one.details.logical_id.decode(): one for one in stored_records(archive)}
            self._left = [name for name in rows if name.startswith(f"{OLD}-1983-")]
            self._needles = {identifier(rows[name].record): needles_of(archive, rows[name]) for name in self._left}
            self._ids = {name: identifier(row.record) for name, row in rows.items()}
            self._originals = {record: archive.vault.read(record) for record in self._ids.values()}
        self._asked: set[str] = set()

    def run(self, kills: int) -> Figures:
        """Kill so many times, let the last round end, compare."""
        start = time.monotonic()
        while self.figures.kills < kills and self._left:
            self.round(kills)
        self.compare()
        self.figures.seconds = round(time.monotonic() - start, 1)
        return self.figures

    def round(self, kills: int) -> None:
        """Destroy some records, killed as long as fewer than ``kills`` kills were done."""
        self.figures.rounds += 1
        names = self._random.sample(self._left, min(len(self._left), self._random.choice((1, 1, 2, 3))))
        self._left = [name for name in self._left if name not in names]
        records = [self._ids[name] for name in names]
        self._asked |= set(records)
        while self._work(records, kills):
            pass

    def _work(self, records: list[str], kills: int) -> bool:
        """Run the work and look at what a kill leaves; tell whether something is left to do."""
        if not self._killing.run(work, (self.home, records), kills).killed:
            return False
        copy, found = self._killing.copy, list[object]()
        with opened_archive(copy) as archive:
            state = "".join(sorted({_state(archive, record) for record in records}))
            certified = [one for one in records if _standing(archive, one) is Standing.DESTROYED]
            found += self._wrong(archive)
        if self._killing.verifying():
            found += [one for record in certified for one in self._found(record, copy)] + findings(copy)
        self._killing.left(state, found)
        return len(certified) < len(records)

    def compare(self) -> None:
        """Compare home and chain with what was asked for; what differs is a finding."""
        figures = self.figures
        figures.findings += [f"in the end: {finding}" for finding in findings(self.home)]
        with opened_archive(self.home) as archive:
            figures.findings += self._wrong(archive)
            figures.findings += self._wrong_entries(archive)
            for record in self._asked:
                figures.destroyed += _standing(archive, record) is Standing.DESTROYED
        if figures.destroyed != len(self._asked):
            figures.findings.append(f"{figures.destroyed} of {len(self._asked)} records are destroyed")
        figures.standing = len(self._originals) - len(self._asked)
        figures.searched_files = sum(1 for path in self.home.rglob("*") if path.is_file())
        for record in self._asked:
            figures.findings += self._found(record, self.home)

    def _found(self, record: str, home: Path) -> Iterator[str]:
        needles: Needles = self._needles[record]
        yield from (f"{what} of {record} is in {where}" for what, where in needles.found_in(home))

    def _wrong(self, archive: Archive) -> Iterator[str]:
        """Compare every record that nobody asked to destroy with what it was."""
        kept = [record for record in self._originals if record not in self._asked]
        rows = [archive.vault.find(record) for record in kept]
        for record, opened in zip(kept, archive.vault.open_many(rows), strict=True):
            same = isinstance(opened, OpenedRecord) and opened.parts.original[1] == self._originals[record]
            if not same or _standing(archive, record) is not Standing.STANDING:
                yield f"{record} is not as it was"

    def _wrong_entries(self, archive: Archive) -> Iterator[str]:
        """Count the orders, confirmations and certificates that the chain accepted: one of each for each record."""
        ledger, found = archive.node.consortium, Counter[tuple[str, bytes]]()
        kinds = {"order": OrderDestruction, "confirm": ConfirmDestruction, "certify": CertifyDestruction}
        for index in range(ledger.tip.log_size):
            entry = ledger.entry(index)
            for one in entry.transaction.operations:
                if one.head.contract != "records" or one.head.method not in kinds or entry.receipt.number:
                    continue
                call = decode(kinds[one.head.method], one.head.arguments)
                commitment = call.record.commitment if isinstance(call, OrderDestruction) else call.commitment
                found[one.head.method, commitment] += 1
        wanted = Counter(
            (kind, archive.vault.find(record).details.commitment) for record in self._asked for kind in kinds
        )
        if found != wanted:
            yield f"the chain accepted {sum(found.values())} acts, {sum(wanted.values())} were asked for"


def _standing(archive: Archive, record: str) -> Standing:
    return standing_of(archive.node, archive.vault.find(record).details.commitment).standing


def _state(archive: Archive, record: str) -> str:
    """Return how far the destruction of a record has come."""
    stored = archive.vault.find(record)
    standing = standing_of(archive.node, stored.details.commitment)
    if standing.standing is Standing.STANDING:
        return "a not ordered "
    if standing.standing is Standing.DESTROYED:
        return "g certified "
    if not standing.confirmed_by:
        return "b ordered "
    keys = archive.vault.keyring.holding([stored.number])
    return "c confirmed " if keys else "f shredded " if stored.details.destroyed else "d half shredded "


def work(home: Path, records: list[str]) -> None:
    """Destroy records, beginning wherever an earlier run ended."""
    with at_the_office(home) as at:
        tell_begun()
        at.office.order(records, "retention_ended", at.one)
        at.office.confirm(records, at.two)
        at.office.carry_out()
        tell_ended()


def main() -> int:
    """Run the command."""
    parser = killing_options(__doc__)
    parser.add_argument("--notes", type=int, default=400, help="records of the old stay")
    given = parser.parse_args()
    return report(lambda folder: Killer(folder, given.seed, given.notes, given.verify_every).run(given.kills))


if __name__ == "__main__":
    sys.exit(main())

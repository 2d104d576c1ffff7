"""``python -m tests.scenario.kill_reading``: kills two hospitals that read from one another, and looks what is left.

A process of its own holds both homes: readers read at the other hospital while patients give and revoke consents
(``tests/support/reading_child.py``). It is killed (``SIGKILL``) at a random moment, from its start on, and begun again.
After each kill everything that it had told is looked for in a copy of what lies there: each answered read has its entry
and its closed twin, each consent, acknowledgement and revocation stands, no read that began after a revocation's
receipt was served by that consent, and the twins that are open are those of reads in flight. Prints one JSON object;
the exit status is 1 if anything was found.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.killing import Moment, killing_options, report, run_killed
from tests.support.product import PASSPHRASE, findings
from tests.support.reading_child import READERS, agree_both_ways, work
from tests.support.reading_town import make_town, town_in
from tests.support.town_audit import rows_of
from tests.support.town_people import HOSPITALS, PATIENTS
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.node import Node, open_node
from xinglin.node.records.access import open_trace
from xinglin.node.records.archive import Archive, open_archive
from xinglin.node.records.serving import open_protection
from xinglin.service.basic.audit.auditing import Finding, compare_twins, framed
from xinglin.service.basic.audit.model import TwinState
from xinglin.service.basic.audit.projection import AccessRow
from xinglin.service.basic.protection.consents.model import ConsentState, ConsentStatus

LONGEST_SECONDS = 1.5
"""A run is killed so long after it has begun to read, at most."""
OPENING_SECONDS = 0.5
"""A run that is killed early is killed so long after its start, at most."""
EARLY = 0.1
"""Share of the runs that are killed while they still open the homes."""
_IN_FLIGHT = {Finding.UNANSWERED}


@dataclass(slots=True)
class Figures:
    """What was done and found; ``left_open`` are the twins of reads in flight, ``unanswered`` those with an entry."""

    seed: str
    kills: int = 0
    early: int = 0
    killed_after_ms: list[int] = field(default_factory=list)
    reads: int = 0
    served: int = 0
    refused: int = 0
    consents: int = 0
    acknowledgements: int = 0
    revocations: int = 0
    left_open: int = 0
    unanswered: int = 0
    entered_and_not_told: int = 0
    verified_after_kills: int = 0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)


@dataclass
class Told:
    """What the runs have told so far."""

    consents: dict[str, dict[str, str]] = field(default_factory=dict)
    acknowledged: set[tuple[str, str]] = field(default_factory=set)
    revoked: dict[str, float] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)


class Killer:
    """Runs and kills two hospitals.

    Args:
        folder: for the homes.
        seed: of all that is drawn.
        verify_every: after so many kills both homes are verified; 0 for only in the end.
    """

    def __init__(self, folder: Path, seed: str, verify_every: int = 0) -> None:
        self.town = make_town(folder / "town")
        with town_in(self.town) as town:
            agree_both_ways(town)
        self.figures = Figures(seed)
        self.told = Told()
        self._copy = folder / "copy"
        self._random = random.Random(seed)
        self._verify_every = verify_every
        self._looked = dict.fromkeys(HOSPITALS, 0)
        self._open: set[bytes] = set()
        self._twins = dict.fromkeys(HOSPITALS, 0)

    def run(self, kills: int) -> Figures:
        """Kill so many times, then compare once more."""
        start = time.monotonic()
        while self.figures.kills < kills and len(self.figures.findings) < 20:
            self.kill(self._run())
        for name in HOSPITALS:
            self.figures.findings += [f"in the end, {name}: {one}" for one in findings(self.town / name)]
        self.figures.seconds = round(time.monotonic() - start, 1)
        return self.figures

    def _run(self) -> list[dict[str, Any]]:
        """Run until the kill, and return what was told."""
        standing = [said for one, said in self.told.consents.items() if one not in self.told.revoked]
        (self.town / "consents.json").write_text(json.dumps(standing))
        early, share = self._random.random() < EARLY, self._random.random()
        moment = Moment(share * (OPENING_SECONDS if early else LONGEST_SECONDS), not early)
        run = run_killed(work, (self.town, str(self._random.random())), moment)
        self.figures.kills += 1
        self.figures.early += early
        self.figures.killed_after_ms.append(round(run.seconds * 1000))
        if run.status != -signal.SIGKILL:
            self.figures.findings.append(f"exit status {run.status}: {run.err[-500:]}")
        return [json.loads(line) for line in run.lines]

    def kill(self, said: list[dict[str, Any]]) -> None:
        """Look at a copy of what the kill left, since opening the homes mends them."""
        figures = self.figures
        self._note(said)
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self.town, self._copy)
        with ExitStack() as stack:
            nodes = {}
            for name in HOSPITALS:
                nodes[name] = open_node(self._copy / name, PASSPHRASE)
                stack.callback(nodes[name].close)
            found = [*self._wrong_consents(nodes), *self._wrong_reads(nodes, said)]
        if self._verify_every and figures.kills % self._verify_every == 0:
            figures.verified_after_kills += 1
            found += [f"{name}: {one}" for name in HOSPITALS for one in findings(self._copy / name)]
        figures.findings += [f"after kill {figures.kills}: {one}" for one in found]

    def _note(self, said: list[dict[str, Any]]) -> None:
        told, figures = self.told, self.figures
        for line in said:
            if "fault" in line:
                figures.findings.append(f"run {figures.kills}: {line['fault']}")
            elif "consent" in line:
                told.consents[line["consent"]] = line
            elif "acknowledged" in line:
                told.acknowledged.add((line["acknowledged"], line["by"]))
            elif "revoked" in line:
                told.revoked[line["revoked"]] = line["at"]
            elif "begin" in line:
                told.begun[line["begin"]] = line["at"]
        figures.consents, figures.acknowledgements = len(told.consents), len(told.acknowledged)
        figures.revocations = len(told.revoked)

    # --- what was decided ---

    def _wrong_consents(self, nodes: dict[str, Node]) -> Iterator[str]:
        """Look for every consent, acknowledgement and revocation that was told."""
        for name, node in nodes.items():
            states = {one: self._state(node, one) for one in self.told.consents}
            yield from (f"{name}: consent {one} is lost" for one, state in states.items() if state is None)
            for one in self.told.revoked:
                state = states[one]
                if state is not None and state.status is not ConsentStatus.REVOKED:
                    yield f"{name}: consent {one} stands after its revocation was told"
            with open_archive(node, writing=False) as archive:
                yield from self._wrong_acknowledgements(name, archive)

    def _state(self, node: Node, consent: str) -> ConsentState | None:
        stored = node.consortium.value(state_key("consent", "consent", consent))
        return None if stored is None else decode(ConsentState, stored)

    def _wrong_acknowledgements(self, name: str, archive: Archive) -> Iterator[str]:
        protection = open_protection(archive)
        try:
            held = {}
            for number in {said["patient"] for said in self.told.consents.values()}:
                person = archive.persons.person_of(b"his", f"{name}-{number}".encode())
                assert person is not None, PATIENTS[int(number)]
                held |= {one.id: one for one in protection.consents.held(person)}
        finally:
            protection.store.close()
        for consent, by in self.told.acknowledged:
            one = held.get(identifier_bytes(consent))
            if by == name and (one is None or one.acknowledged_ms is None):
                yield f"{name}: the acknowledgement of {consent} is lost"

    # --- what was read ---

    def _wrong_reads(self, nodes: dict[str, Node], said: list[dict[str, Any]]) -> Iterator[str]:
        """Compare what was told of reads with the chains; only what has come since the last kill is looked at."""
        answered = {line["read"]: line for line in said if "read" in line}
        asked = {line["asked"]: bytes.fromhex(line["request"]) for line in said if "asked" in line}
        self.figures.reads += len(answered)
        begun = {line["begin"] for line in said if "begin" in line}
        flying = begun - set(answered)
        for custodian in HOSPITALS:
            rows = rows_of(nodes[custodian].private_ledger(), self._looked[custodian])
            self._looked[custodian] = nodes[custodian].private_ledger().tip.log_size
            mine = [line for line in answered.values() if line["custodian"] == custodian]
            yield from self._wrong_entries(custodian, rows, mine)
            twins = self._new_twins(nodes, custodian)
            found = compare_twins(twins, rows)
            yield from (f"{custodian}: {one.finding}" for one in found if one.finding not in _IN_FLIGHT)
            self.figures.unanswered += sum(one.finding in _IN_FLIGHT for one in found)
            told = {bytes.fromhex(line["request"]) for line in mine}
            self.figures.entered_and_not_told += len({row.entry.request for row in rows} - told)
            key = nodes[custodian].consortium
            yield from (f"{custodian}: {one.finding}" for one in framed(key.rules.suite, rows, key.value))
            yield from self._wrong_twins(custodian, nodes, mine)
            open_ = {twin.request for twin in twins if not twin.answered}
            self._open |= open_
            self.figures.left_open += len(open_)
            yield from (f"{custodian}: an answered read left its twin open" for _ in open_ & told)
        yield from self._wrong_flights(nodes, flying, asked)

    def _wrong_entries(self, custodian: str, rows: list[AccessRow], told: list[dict[str, Any]]) -> Iterator[str]:
        """Look for the entry of each answer, at its place, and for permits that a revocation had ended before."""
        by_place = {(row.index, row.item): row for row in rows}
        for line in told:
            row = by_place.get((line["index"], line["item"]))
            if row is None or row.hash.hex() != line["entry"] or row.entry.outcome != line["outcome"]:
                yield f"{custodian}: the entry of an answered read is lost"
                continue
            self.figures.served += line["served"]
            self.figures.refused += line["outcome"] != 0
            if line["served"] and line["outcome"]:
                yield f"{custodian}: served on a refusal"
            for consent, receipt in self.told.revoked.items():
                late = self.told.begun[line["read"]] > receipt
                if line["served"] and late and row.entry.reference == identifier_bytes(consent):
                    yield f"{custodian}: served by consent {consent} after its revocation"

    def _new_twins(self, nodes: dict[str, Node], custodian: str) -> list[Any]:
        """Return the twins that the other hospital has opened for a custodian since the last kill."""
        asker = nodes["b" if custodian == "a" else "a"]
        with open_trace(asker) as trace:
            twins = [one for one in trace.twins() if one.custodian == nodes[custodian].member]
        new = twins[self._twins[custodian] :]
        self._twins[custodian] = len(twins)
        return new

    def _wrong_twins(self, custodian: str, nodes: dict[str, Node], told: list[dict[str, Any]]) -> Iterator[str]:
        """Look for the closed twin of each answered read."""
        asker = nodes["b" if custodian == "a" else "a"].private_ledger()
        for line in told:
            stored = asker.value(state_key("access", "twin", bytes.fromhex(line["request"])))
            state = None if stored is None else decode(TwinState, stored)
            if state is None or not state.answer or state.answer[0].outcome != line["outcome"]:
                yield f"{custodian}: the twin of an answered read is lost"

    def _wrong_flights(self, nodes: dict[str, Node], flying: set[str], asked: dict[str, bytes]) -> Iterator[str]:
        """Compare open twins with reads that were in flight: no other may be open, and none that left be without."""
        if len(flying) > READERS:
            yield f"{len(flying)} reads in flight of {READERS} readers"
        left = {asked[one] for one in flying & set(asked)}
        ledgers = [node.private_ledger() for node in nodes.values()]
        for request in left:
            if not any(ledger.value(state_key("access", "twin", request)) for ledger in ledgers):
                yield "a request left without its twin"
        unknown = self._open - left
        if len(unknown) > len(flying - set(asked)):
            yield f"{len(unknown)} open twins that are of no read in flight"
        self._open.clear()


def main() -> int:
    """Run the command."""
    parser = killing_options(__doc__, verify_every=20)
    given = parser.parse_args()
    return report(lambda folder: Killer(folder, given.seed, given.verify_every).run(given.kills))


if __name__ == "__main__":
    sys.exit(main())

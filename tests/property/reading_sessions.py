"""``python -m tests.property.reading_sessions``: random sessions of two hospitals that read from one another.

Consents, prohibitions, defaults, guardians, corrections, orders of destruction, reads, searches, matches, killed and
reopened homes, each drawn from a seed. Every answer is compared with the naive twin and with the disk before it is
used; at the end an auditor compares receipts, twins, entries and anchors, both homes are verified, and each of them
lies. What differs ends the session, and its acts are made as few as possible. Prints one JSON object; the exit status
is 1 if anything was found.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.support.product import findings
from tests.support.reading_town import Town, make_town, town_in
from tests.support.town_acts import Acts
from tests.support.town_audit import (
    Items,
    audit,
    by_receipt,
    by_twin,
    contradicts_anchor,
    lags,
    other,
    rewritten,
    rows_of,
)
from tests.support.town_people import HOSPITALS
from xinglin.service.basic.audit.auditing import Finding

Act = tuple[str, tuple[int, int, int, int]]
WEIGHTS = {
    "read": 20,
    "reread": 24,
    "search": 6,
    "match": 4,
    "consent": 9,
    "prohibit": 2,
    "acknowledge": 4,
    "revoke": 3,
    "default": 3,
    "guardian": 2,
    "end_guardian": 1,
    "agree": 2,
    "end_agreement": 0.5,
    "break_glass": 2,
    "correct": 2,
    "order": 2,
    "destroy": 1,
    "end_key": 0.5,
    "wait": 1,
    "kill": 1,
    "reopen": 0.5,
    "storm": 1.5,
}
BEGIN: tuple[Act, ...] = (("agree", (0, 1, 0, 0)), ("agree", (1, 1, 0, 0)))
"""Sessions begin with wide agreements both ways."""
SHRINK_SECONDS = 120


@dataclass
class Figures:
    """What was played and found; lags in ms from a receipt to the anchor over its entry."""

    sessions: int = 0
    operations: int = 0
    answers_witnessed: int = 0
    served: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    acts: dict[str, int] = field(default_factory=dict)
    lies_found: int = 0
    lag_median_ms: int = 0
    lag_99_ms: int = 0
    lag_max_ms: int = 0
    lag_over_5_s: int = 0
    receipts: int = 0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)


class Found(AssertionError):
    """A session found something."""


def drawn(seed: str, count: int) -> list[Act]:
    """Return the acts of a session."""
    source = random.Random(seed)
    names = source.choices(list(WEIGHTS), list(WEIGHTS.values()), k=count)
    numbers = [(*(source.randrange(1_000_000) for _ in range(4)),) for _ in names]
    return [*BEGIN, *zip(names, numbers, strict=True)]  # type: ignore[list-item]


@dataclass
class Sessions:
    """Plays sessions on copies of one founded town; ``figures`` are of all."""

    founded: Path
    scratch: Path
    figures: Figures = field(default_factory=Figures)
    lag: list[int] = field(default_factory=list)

    def play(self, seed: str, acts: Sequence[Act], *, lie: bool = True, verify: bool = True) -> None:
        """Play one session to its end.

        Raises:
            Found: the act that went wrong, or what was found at the end.
        """
        folder = self.scratch / "town"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.founded, folder)
        with town_in(folder) as town:
            played = Acts(town)
            for number, (name, numbers) in enumerate(acts):
                try:
                    played.play(name, numbers)
                except Exception as fault:
                    raise Found(f"session {seed}, act {number} {name} {numbers}: {fault!r}") from fault
            if verify or lie:
                town.reopen()  # the last anchor is made at closing
            found = audit(town) if verify else []
            if lie:
                self._lie(town, random.Random(seed))
            self._count(town, played)
        if verify:
            found += [f"{name}: {one}" for name in HOSPITALS for one in findings(folder / name)]
        if found:
            raise Found(f"session {seed}: {found}")

    def _count(self, town: Town, played: Acts) -> None:
        figures = self.figures
        figures.sessions += 1
        figures.answers_witnessed += town.witness.looked
        acts = Counter(figures.acts) + Counter({name: played.counts[name] for name in WEIGHTS})
        figures.acts, figures.operations = dict(acts), acts.total()
        figures.served += played.counts["served"]
        refused = {name: count for name, count in played.counts.items() if "." in name and " " not in name}
        figures.refused = dict(Counter(figures.refused) + Counter(refused))
        self.lag = sorted(self.lag + lags(town))
        figures.receipts = sum(map(len, town.receipts.values())) + figures.receipts
        if self.lag:
            figures.lag_median_ms, figures.lag_max_ms = self.lag[len(self.lag) // 2], self.lag[-1]
            figures.lag_99_ms = self.lag[len(self.lag) * 99 // 100]
            figures.lag_over_5_s = sum(one > 5_000 for one in self.lag)

    def _lie(self, town: Town, source: random.Random) -> None:
        """Let each hospital drop an entry and move one, and require that receipt, twin and execution find it."""
        for liar in HOSPITALS:
            # Of two that lie more than a minute apart, the contract refuses both at the other's place (AC3).
            for lie, how in ((dropped, {Finding.MISSING}), (moved, {Finding.MOVED, Finding.MISSING})):
                asked = [one.entry for one in town.receipts[liar]]
                node = town.archive(liar).node
                abroad = [row.hash for row in rows_of(node.private_ledger()) if row.entry.member != node.member]
                targets = sorted(set(abroad) & set(asked))
                if len(targets) > 1:
                    self._found_out(town, liar, lie, how, source.sample(targets, 2))

    def _found_out(
        self, town: Town, liar: str, lie: Callable[[Items, set[bytes]], Items], how: set[Finding], targets: list[bytes]
    ) -> None:
        node = town.archive(liar).node
        requests = {row.hash: row.entry.request for row in rows_of(node.private_ledger())}
        raws = {row.hash: row.raw for row in rows_of(node.private_ledger())}
        chosen = {raws[one] for one in targets}
        with tempfile.TemporaryDirectory(dir=self.scratch) as home:
            ledger = rewritten(node, lambda items: lie(items, chosen), Path(home))
            try:
                told = {one.entry: one.finding for one in by_receipt(node, ledger, town.receipts[liar], 60_000)}
                missed = [one for one in targets if told.get(one) not in how]
                twins = {one.request for one in by_twin(town, liar, rows_of(ledger))}
                missed += [one for one in targets if lie is dropped and requests[one] not in twins]
                if missed or not contradicts_anchor(node, ledger):
                    raise Found(f"{other(liar)} does not find that {liar} {lie.__name__} {len(missed)} entries")
                self.figures.lies_found += len(targets)
            finally:
                ledger.close()


def dropped(items: Items, chosen: set[bytes]) -> Items:
    """Return the entries without the chosen ones."""
    return [one for one in items if one[2] not in chosen]


def moved(items: Items, chosen: set[bytes]) -> Items:
    """Return the entries with the chosen two in each other's places."""
    one, two = sorted(chosen)
    swap = {one: two, two: one}
    return [(index, item, swap.get(raw, raw)) for index, item, raw in items]


def shrunk(play: Callable[[list[Act]], None], acts: list[Act], seconds: float) -> list[Act]:
    """Return as few of the acts as still end in a fault, found within some seconds; ``BEGIN`` stays."""
    deadline, size = time.monotonic() + seconds, max((len(acts) - len(BEGIN) + 1) // 2, 1)
    while size:
        start = len(BEGIN)
        while start < len(acts):
            if time.monotonic() > deadline:
                return acts
            fewer = acts[:start] + acts[start + size :]
            try:
                play(fewer)
            except Found:
                acts = fewer
            else:
                start += size
        size //= 2
    return acts


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=2_000, help="acts in all")
    parser.add_argument("--session", type=int, default=250, help="acts of one session")
    parser.add_argument("--seed", default="xinglin")
    given = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="xinglin-sessions-") as folder:
        sessions = Sessions(make_town(Path(folder) / "founded"), Path(folder))
        number = 0
        while sessions.figures.operations < given.operations and not sessions.figures.findings:
            number += 1
            seed = f"{given.seed} {number}"
            acts = drawn(seed, given.session)
            try:
                sessions.play(seed, acts)
            except Found as fault:
                again = Sessions(sessions.founded, Path(folder) / "again")
                few = shrunk(lambda fewer: again.play(seed, fewer), acts, SHRINK_SECONDS)  # noqa: B023
                sessions.figures.findings += [str(fault), f"{len(few)} acts are enough: {few}"]
    sessions.figures.seconds = round(time.monotonic() - start, 1)
    print(json.dumps(asdict(sessions.figures), indent=2, ensure_ascii=False))
    return 1 if sessions.figures.findings else 0


if __name__ == "__main__":
    sys.exit(main())

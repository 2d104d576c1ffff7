"""Plays a fault test: starts the nodes and the load, takes the steps in order, lets all catch up, and judges."""

from __future__ import annotations

import json
import random
import signal
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.network.consortium import Consortium, Member
from tests.network.judge import judge
from tests.network.load import Clients, Memory, a_transaction, first_answer
from tests.network.manifest import Manifest, Step
from tests.network.observe import later_rounds, proposals
from tests.network.twin import begin_twin
from tests.support.waiting import standstill
from xinglin.carrier.consensus.comet.files import identity, key_address
from xinglin.node.consortium.misbehaviour import deeds
from xinglin.node.home import Home
from xinglin.settings import load_settings

_SETTLE_SECONDS = 180.0
_LOAD_SECONDS = 60.0
_LOOK_SECONDS = 0.2
_LOADING_SECONDS = 3.0


class Unmet(AssertionError):
    """An expectation of a fault test does not hold."""


@dataclass
class Result:
    """What became of a fault test: what is wrong, and figures."""

    name: str
    seed: str
    faults: list[str] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    acknowledged: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    heights: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


class Player:
    """Plays one manifest in a folder of its own."""

    def __init__(self, name: str, manifest: Manifest, folder: Path, seed: str, kills: int | None = None) -> None:
        self.manifest = manifest
        self.result = Result(name, seed)
        self.random = random.Random(f"{seed} {name}")
        self.kills = kills
        self.consortium = Consortium(folder, manifest)
        self.memory = Memory(folder / "acknowledged.jsonl")
        names = manifest.load.through or manifest.honest
        self.clients = Clients(self.consortium, manifest.load, names, self.memory)
        self._through = names
        self._held: Callable[[], float] = lambda: 0.0

    def play(self) -> Result:
        """Play it, and return what came of it; nothing of it runs any more after."""
        began = time.monotonic()
        try:
            with standstill() as self._held:
                self._run()
                self._judge()
        except AssertionError as unmet:
            self.result.faults.append(str(unmet))
        finally:
            self.consortium.close()
        self.result.faults += self.clients.faults
        self.result.acknowledged = dict(self.memory.through)
        self.result.refused = dict(self.memory.refused)
        self.result.seconds = round(time.monotonic() - began, 1)
        return self.result

    def _run(self) -> None:
        self.consortium.start(list(self.manifest.nodes))
        self._until(lambda: all(h > 1 for h in self._heights(self.manifest.honest).values()), 120, "no first block")
        self.clients.begin()
        try:
            began = time.monotonic()
            for step in self.manifest.step:
                time.sleep(max(0.0, began + step.at - time.monotonic()))
                at = time.monotonic()
                getattr(self, f"_{step.do}")(step)
                self.result.steps.append(
                    {"do": step.do, "at": round(at - began, 1), "took": round(time.monotonic() - at, 1)}
                )
            with suppress(AssertionError):  # a slow machine is given time; ``_judge`` has the last word
                self._until(self._enough, _LOAD_SECONDS, "too little was acknowledged")
        finally:
            self.clients.end()
        self._settle()
        self.result.faults += self._of_proposers()

    def _enough(self) -> bool:
        """Whether so much was acknowledged through each node as is expected."""
        return all(self.memory.through[name] >= self.manifest.expect.acknowledged for name in self._through)

    def _settle(self) -> None:
        """Wait until honest nodes have one height past everything that was acknowledged."""
        target = max([one.height for one in self.memory.all()] + list(self._heights().values()))

        def reached() -> bool:
            heights = self._heights()
            self.result.heights = heights
            return len(heights) == len(self._homes()) and min(heights.values()) >= target

        self._until(reached, _SETTLE_SECONDS, f"not all honest nodes came to height {target}")

    def _judge(self) -> None:
        self.consortium.close()
        homes = {name: self.consortium.members[name].home for name in self._homes()}
        found = judge(homes, self.memory.all(), self.memory.handed_in, self.random.choice(sorted(homes)))
        self.result.faults += found
        for name in self._through:
            least, had = self.manifest.expect.acknowledged, self.memory.through[name]
            if had < least:
                self.result.faults.append(f"only {had} transactions were acknowledged through {name}, not {least}")

    def _homes(self) -> list[str]:
        return [name for name in self.manifest.honest if name not in self.manifest.expect.lost_homes]

    # --- perturbations ---

    def _members(self, step: Step) -> list[Member]:
        return [self.consortium.members[name] for name in step.nodes]

    def _kill(self, step: Step) -> None:
        for member in self._members(step):
            self.consortium.end(member)

    def _stop(self, step: Step) -> None:
        for member in self._members(step):
            status = self.consortium.end(member, signal.SIGTERM)
            _hold(status == 0, f"{member.name} stopped with {status}: {self.consortium.errors(member)[-1000:]}")

    def _start(self, step: Step) -> None:
        for member in self._members(step):
            member.fault = member.fault if step.fault is None else step.fault
        self.consortium.start(step.nodes)

    def _kill_engine(self, step: Step) -> None:
        for member in self._members(step):
            _hold(self.consortium.kill_engine(member), f"no engine of {member.name} runs")

    def _alternate(self, step: Step) -> None:
        """Kill a node's process or its engine, whichever it was not before, at a random moment; go on when it is back.

        At most one node at a time is away: more than two thirds go on.
        """
        for turn in range(self.kills or step.times):
            member = self.consortium.members[self.random.choice(self.manifest.honest)]
            time.sleep(self.random.uniform(0.0, 2.0))
            if turn % 2:
                self.consortium.kill_engine(member)
            else:
                self.consortium.end(member)
                time.sleep(self.random.uniform(0.0, 1.0))
                self.consortium.start([member.name])
            self._grown(self.manifest.honest, 2, step.seconds)

    def _split(self, step: Step) -> None:
        before = self.consortium.partition.cut
        self.consortium.partition.split(step.groups)
        _hold(self.consortium.partition.cut > before, "there was no connection to cut")

    def _heal(self, _: Step) -> None:
        self.consortium.partition.heal()

    def _corrupt(self, step: Step) -> None:
        for member in self._members(step):
            self.consortium.corrupt(member)

    def _twin(self, step: Step) -> None:
        for name in step.nodes:
            begin_twin(self.consortium, name, step.fault or "", self.memory)

    # --- expectations ---

    def _progress(self, step: Step) -> None:
        self._grown(step.nodes or self._running(), step.blocks, step.seconds)

    def _stands(self, step: Step) -> None:
        time.sleep(_LOADING_SECONDS)  # a block that was decided before may still be committed

        def stood() -> bool:
            before = self._heights(step.nodes or self._running())
            time.sleep(step.seconds)
            return bool(before) and before == self._heights(step.nodes or self._running())

        # More than once: what two nodes had decided may be late on a slow machine. A chain that goes on never stands.
        self._until(stood, 10 * step.seconds, "heights grow on")

    def _refuses(self, step: Step) -> None:
        for member in self._members(step):
            status = self.consortium.spawn(member).wait(step.seconds)
            said = self.consortium.errors(member) + member.log("out", member.starts).read_text()
            _hold(status != 0 and step.code in said, f"{member.name} ended with {status}: {said[-500:]}")
            _hold("Traceback" not in said, f"{member.name} wrote a traceback")

    def _refused(self, step: Step) -> None:
        def answer(name: str) -> str:
            built = a_transaction(self.consortium, name)
            self.memory.hand_in([built.body.hex()])
            return first_answer(self.consortium.members[name], built)

        def refused() -> bool:
            return all(answer(name) == step.code for name in step.nodes)

        self._until(refused, step.seconds, f"not all of {step.nodes} refused with {step.code}")

    def _true_time(self, step: Step) -> None:
        def true() -> bool:
            head = self.consortium.head(self._running()[0])
            return head is not None and abs(time.time() * 1000 - head.time) <= 1000 * step.seconds

        self._until(true, step.seconds, f"block time is more than {step.seconds} s off")

    def _idle(self, step: Step) -> None:
        """End the load, sign a transaction, let an hour pass while nothing runs; it is refused and never logged.

        That it is logged nowhere is the judge's to find: it is not among what was handed in.
        """
        self.clients.end()
        self._settle()
        names = self._running()
        kept = a_transaction(self.consortium, names[0])
        for name in names:
            self.consortium.end(self.consortium.members[name], signal.SIGTERM)
            self.consortium.members[name].fault = f"clock:{int(step.seconds * 1000)}"
        self.consortium.start(names)
        self._grown(names, step.blocks, 60)
        for name in names:
            code = first_answer(self.consortium.members[name], kept)
            _hold(code == step.code, f"{name} answered {code or 'nothing'} after {step.seconds:.0f} s")

    def _later_round(self, step: Step) -> None:
        looked = self._observer()
        self._until(lambda: later_rounds(looked) > 0, step.seconds, "every block was decided in the first round")

    def _evidence(self, step: Step) -> None:
        member = self.consortium.members[step.against]
        whose = (identity(self.consortium.engine(member)).address.hex(), load_settings(member.home).member)

        def kept() -> bool:
            homes = [self.consortium.members[name].home for name in step.nodes or self.manifest.honest]
            return all(whose in _accused(home) for home in homes)

        self._until(kept, step.seconds, f"not all keep evidence against {step.against}")

    def _wait(self, step: Step) -> None:
        time.sleep(step.seconds)

    def _of_proposers(self) -> list[str]:
        """Return what is wrong with the blocks of proposers of which something is expected."""
        expect, found = self.manifest.expect, []
        for name in dict.fromkeys((*expect.left_out, *expect.undecided)):
            validator = identity(self.consortium.engine(self.consortium.members[name])).address.hex()
            proposed, with_others = proposals(self._observer(), validator)
            if (name in expect.left_out and not proposed) or (name in expect.undecided and proposed) or with_others:
                found.append(f"{name} proposed {proposed} blocks, {with_others} of them with transactions")
        return found

    # --- looking ---

    def _observer(self) -> Callable[[str], Any]:
        """Return what asks the engine of an honest running node."""
        rpc = self.consortium.members[self._running()[0]].place.rpc

        def asked(path: str) -> Any:
            with urllib.request.urlopen(f"http://{rpc}/{path}", timeout=10) as answer:
                return json.load(answer)["result"]

        return asked

    def _running(self) -> tuple[str, ...]:
        return tuple(name for name in self.manifest.honest if self.consortium.members[name].running)

    def _heights(self, names: Sequence[str] | None = None) -> dict[str, int]:
        heads = {name: self.consortium.head(name) for name in (self._homes() if names is None else names)}
        return {name: head.height for name, head in heads.items() if head is not None}

    def _grown(self, names: Sequence[str], blocks: int, seconds: float) -> None:
        before = max(self._heights().values(), default=0)

        def grown() -> bool:
            heights = self._heights(names)
            return len(heights) == len(names) and min(heights.values()) >= before + blocks

        self._until(grown, seconds, f"{', '.join(names)} made no {blocks} blocks in {seconds:.0f} s after {before}")

    def _until(self, holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
        """Wait for something within seconds in which the machine ran."""
        deadline, before = time.monotonic() + seconds, self._held()
        while True:
            with suppress(OSError):
                if holds():
                    return
            _hold(time.monotonic() < deadline + self._held() - before, otherwise)
            time.sleep(_LOOK_SECONDS)


def _accused(home: Path) -> set[tuple[str, str]]:
    """Return the validators, and whose they are, of which a home keeps two votes that prove that they signed twice."""
    return {(key_address(one.votes.key).hex(), one.said["member"]) for one in deeds(Home(home)) if one.votes}


def _hold(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Unmet(otherwise)

"""One round of ``bench network``: transactions signed, handed in by a process of their own, waited for on all nodes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.ledger.build import Signer, build_transaction, operation
from xinglin.carrier.ledger.model import Operation
from xinglin.cli.bench.network.load import NODE, Seen, Work, write_bodies
from xinglin.cli.bench.network.nodes import BenchNetworkFailed, Nodes
from xinglin.cli.bench.network.processes import Parts, between, used
from xinglin.kernel.encoding import pack
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import ADMINISTRATOR, SERVICE
from xinglin.node.remote.forms import frame
from xinglin.node.setup import NewHome
from xinglin.service.basic.coordination.model import RecordItem, RegisterBatch

BATCH_ITEMS = 256
AUDIENCE = "treatment"


@dataclass(frozen=True, slots=True)
class Pace:
    """How a round is handed in.

    ``each``: transactions of a submission. ``in_flight``: submissions of each node at once, in the closed loop.
    ``rate``: transactions a second, of all nodes together; 0 for the closed loop.
    """

    each: int
    in_flight: int = 0
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Round:
    """What a round showed: transactions, seconds until all nodes had them, latencies of submissions, and what it took.

    ``offered_seconds``: from the first submission until the last was answered.
    """

    count: int
    seconds: float
    offered_seconds: float
    latencies_ms: Sequence[float]
    taken: dict[str, Any]

    @property
    def rate(self) -> float:
        """Transactions a second."""
        return self.count / self.seconds


Make = Callable[[NewHome], tuple[Operation, str]]
"""Makes an operation of a home, and says which of its keys signs it."""


def add_node(nodes: Nodes) -> Make:
    """Return what makes a small change of the registry."""

    def make(new: NewHome) -> tuple[Operation, str]:
        call = AddNode(identifier(random_bytes(16)), new.keys.public(ADMINISTRATOR))
        return operation(nodes.rules.suite, "registry", "add_node", call), ADMINISTRATOR

    return make


def register(nodes: Nodes) -> Make:
    """Return what registers random commitments with random locators, 256 each."""

    def make(_: NewHome) -> tuple[Operation, str]:
        commitments = sorted(random_bytes(32) for _ in range(BATCH_ITEMS))
        items = [pack(RecordItem(commitment, random_bytes(48))) for commitment in commitments]
        head = RegisterBatch(identifier(random_bytes(16)), AUDIENCE, 1, random_bytes(16))
        return operation(nodes.rules.suite, "records", "register", head, items), SERVICE

    return make


def signed(nodes: Nodes, make: Make, count: int) -> list[list[bytes]]:
    """Return for each node so many signed transactions of its own member, that end well before ten minutes."""
    rules = nodes.rules
    valid_until = SystemClock().now_ms() + rules.parameters.max_valid_ms - 60_000
    found: list[list[bytes]] = []
    for new in nodes.homes:
        raws = []
        for number in range(count):
            call, key = make(new)
            # Each a millisecond later than the one before, as transactions come in the course of time.
            until = valid_until + number % 30_000
            signer = Signer(new.keys.public(key), partial(new.keys.sign, key))
            raws.append(build_transaction(rules.suite, rules.chain, random_bytes(16), until, [call], [signer]).raw)
        found.append(raws)
    return found


def run_round(nodes: Nodes, folder: Path, raws: Sequence[Sequence[bytes]], pace: Pace) -> Round:
    """Hand transactions in, each node its own, and wait until every node has them all, once.

    Raises:
        BenchNetworkFailed: one was refused, or is not there in time.
    """
    count = sum(map(len, raws))
    files = []
    for number, own in enumerate(raws):
        path = folder / f"load-{number}"
        write_bodies(path, [frame(own[at : at + pace.each]) for at in range(0, len(own), pace.each)])
        files.append(str(path))
    interval = pace.each / pace.rate if pace.rate else 0.0
    work = Work(NODE, tuple(nodes.sockets), tuple(files), pace.each, pace.in_flight, interval)
    heads = nodes.heads()
    size, height = max(head["log_size"] for head in heads), max(head["height"] for head in heads)

    def committed(seen: Seen) -> float:
        wanted, new = size + count, {index for index in seen.indexes if index >= size}
        if not len(new) == len(seen.indexes) == count:
            raise BenchNetworkFailed(reason=f"{count - len(new)} were not committed anew, such as {seen.others[:3]}")
        return nodes.wait_for("committing", lambda heads: min(one["log_size"] for one in heads) >= wanted, 60.0)

    seen, seconds, taken = measured(nodes.parts(), work, committed)
    blocks = min(head["height"] for head in nodes.heads()) - height
    return Round(count, seconds, seen.ended - seen.begun, seen.latencies_ms, {"blocks": blocks, **taken})


def measured(parts: Parts, work: Work, done: Callable[[Seen], float]) -> tuple[Seen, float, dict[str, Any]]:
    """Have a load done; return what it saw, the seconds until the time that ``done`` returned, and what processes took.

    Raises:
        BenchNetworkFailed: the load broke off.
    """
    command = [sys.executable, "-m", "xinglin.cli.bench.network.load"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:  # noqa: S603
        if load.stdin is None or load.stdout is None:
            raise BenchNetworkFailed(reason="the load can't be told anything")
        load.stdin.write(json.dumps(asdict(work)) + "\n")
        load.stdin.flush()
        if load.stdout.readline() != "ready\n":
            raise BenchNetworkFailed(reason="the load did not begin")
        before = used(parts)
        load.stdin.write("go\n")
        load.stdin.flush()
        said = load.stdout.readline()
        if not said:
            raise BenchNetworkFailed(reason="the load broke off")
        seen = Seen(**json.loads(said))
        ended = done(seen)
        after = used(parts)
    seconds = ended - seen.begun
    return seen, seconds, between(parts, before, after, seconds, seen.cpu_seconds)

"""The load of a fault test: signed transactions through nodes, and a memory on disk of what they acknowledged."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.network.consortium import Consortium, Member
from tests.network.manifest import Load
from tests.support.product import PASSPHRASE
from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.consensus.ports import Committed
from xinglin.carrier.crypto.keystore import open_keystore
from xinglin.carrier.ledger.build import Built, Signer, operation
from xinglin.carrier.ledger.model import Operation
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import ADMINISTRATOR, SEALING
from xinglin.node.home import Home
from xinglin.node.remote.chain import RemoteChain
from xinglin.node.remote.claims import Assurance, Patience
from xinglin.node.remote.errors import NodeAway, NodeUnreached
from xinglin.node.remote.forms import PREFIX, OutcomesSaid, Problem, RefusedSaid, frame, read_answer
from xinglin.node.remote.transport import Ask, ask, parse_address
from xinglin.node.remote.trusting import ChainNamed

_REQUEST_SECONDS = 10.0


@dataclass(frozen=True)
class Acknowledged:
    """A transaction that a node said is committed."""

    through: str
    body: str
    valid_until: int
    height: int
    index: int
    code: int


class Memory:
    """Keeps on disk what was acknowledged, before anybody acts on it; and what was handed in at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self._lock = threading.Lock()
        self.handed_in: set[str] = set()
        self.refused: Counter[str] = Counter()
        self.through: Counter[str] = Counter()

    def hand_in(self, bodies: list[str]) -> None:
        """Note that transactions may be committed from now on."""
        with self._lock:
            self.handed_in.update(bodies)

    def note(self, through: str, body: bytes, valid_until: int, outcome: Committed | PlatformError) -> None:
        """Keep an outcome."""
        with self._lock:
            if isinstance(outcome, PlatformError):
                self.refused[outcome.code] += 1
                return
            one = Acknowledged(through, body.hex(), valid_until, outcome.height, outcome.index, outcome.code)
            with self.path.open("a", encoding="ascii") as file:
                file.write(json.dumps(one.__dict__) + "\n")
            self.through[through] += 1

    def all(self) -> list[Acknowledged]:
        """Return what was acknowledged, as it is on disk."""
        return [Acknowledged(**json.loads(line)) for line in self.path.read_text().splitlines()]


class Clients:
    """One client for each node of the load, each in a thread, from ``begin`` to ``end``."""

    def __init__(self, consortium: Consortium, load: Load, names: tuple[str, ...], memory: Memory) -> None:
        self._consortium = consortium
        self._load = load
        self._memory = memory
        self._end = threading.Event()
        self.faults: list[str] = []
        self._threads = [threading.Thread(target=self._run, args=(name,), daemon=True) for name in names]
        self._names = names

    def begin(self) -> None:
        """Start them."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Let each finish what it has in hand, and stop."""
        self._end.set()
        for thread in self._threads:
            thread.join(self._load.patience + 2 * _REQUEST_SECONDS)
            if thread.is_alive():
                self.faults.append("a client does not come to an end")

    def _run(self, name: str) -> None:
        try:
            client, member = self._client(name), self._consortium.members[name]
            signer, sealing = keys_of(member)
            rules = self._consortium.rules
            pause = 1 / self._load.per_second
            while not self._end.is_set():
                began = time.monotonic()
                call = operation(rules.suite, "registry", "add_node", AddNode(identifier(random_bytes(16)), sealing))
                self._submit(name, client, [call], signer)
                self._end.wait(max(0.0, pause - (time.monotonic() - began)))
        except Exception as fault:  # noqa: BLE001  (told at the end: a client may not die unseen)
            self.faults.append(f"client of {name}: {fault!r}")

    def _submit(self, name: str, client: RemoteChain, calls: list[Operation], signer: Signer) -> None:
        built = client.build(calls, [signer])
        self._memory.hand_in([built.body.hex()])
        (outcome,) = client.submit_many([built.raw])
        self._memory.note(name, built.body, built.valid_until, outcome)

    def _client(self, name: str) -> RemoteChain:
        own = self._consortium.members[name].address
        others = [self._consortium.members[other].address for other in self._names if other != name]
        patience = Patience(self._load.patience, _REQUEST_SECONDS)
        return client_of(self._consortium, [own, *(others if self._load.switching else [])], patience)


def a_transaction(consortium: Consortium, name: str) -> Built:
    """Return a transaction that a member signs now, for five minutes."""
    member, suite = consortium.members[name], consortium.rules.suite
    signer, sealing = keys_of(member)
    call = operation(suite, "registry", "add_node", AddNode(identifier(random_bytes(16)), sealing))
    return client_of(consortium, [member.address], Patience()).build([call], [signer])


def first_answer(member: Member, built: Built) -> str:
    """Hand a transaction in at one node, once; return the code of its refusal, empty if it is none."""
    headers = {"content-type": "application/octet-stream"}
    asked = Ask("POST", f"{PREFIX}/transactions", frame([built.raw]), headers, _REQUEST_SECONDS)
    with suppress(NodeAway, NodeUnreached, msgspec.DecodeError):
        answer = ask(parse_address(member.address), asked)
        said = read_answer(answer, OutcomesSaid)
        if said is None:
            return msgspec.json.decode(answer.body, type=Problem).code
        if isinstance(said.outcomes[0], RefusedSaid):
            return said.outcomes[0].code
    return ""


def client_of(consortium: Consortium, addresses: list[str], patience: Patience) -> RemoteChain:
    """Return a client of the chain."""
    named = ChainNamed(consortium.rules.chain, consortium.rules.suite)
    return RemoteChain(addresses, named, SystemClock(), random_bytes, patience, Assurance.NODE)


def keys_of(member: Member) -> tuple[Signer, bytes]:
    """Return the administrator's signer and the sealing key of a home."""
    keys = open_keystore(Home(member.home).keys, PASSPHRASE)
    return (
        Signer(keys.public(ADMINISTRATOR), lambda message: keys.sign(ADMINISTRATOR, message)),
        keys.public(SEALING),
    )

"""A chain for tests: founders with real keys, the real contracts and those of ``counters``, signed transactions.

    chain = found_chain()
    ledger = chain.create(home)
    commit(ledger, chain.sign(chain.add("a")))

Nothing is faked: suite, tree, runtime, registry and governance are those of a node. Randomness comes from a seeded
source, keys aside.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from tests.support.contract_parties import Key, Party, genesis_of, new_id, next_epoch
from tests.support.counters import CONTRACTS, Add, Named, Reach
from xinglin.carrier.access.founding import founding
from xinglin.carrier.access.governance.contract import CONTRACT as GOVERNANCE
from xinglin.carrier.access.governance.model import Approve, Propose
from xinglin.carrier.access.registry.contract import CONTRACT as REGISTRY
from xinglin.carrier.access.registry.directory import RegistryDirectory
from xinglin.carrier.contracts.api import Contract
from xinglin.carrier.contracts.runtime import NativeRuntime
from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.carrier.ledger.build import Signer, build_transaction, operation
from xinglin.carrier.ledger.chain import ChainRules, chain_rules
from xinglin.carrier.ledger.errors import BlockInvalid
from xinglin.carrier.ledger.genesis import epoch_hash, epoch_zero
from xinglin.carrier.ledger.ledger import Candidate, Ledger
from xinglin.carrier.ledger.model import Genesis, Operation, Parameters, Transaction
from xinglin.carrier.ledger.store import TABLES
from xinglin.carrier.ledger.transition import Result
from xinglin.kernel.encoding import ChainObject, pack
from xinglin.stakeholders.kinds import MemberKind, Role

BLOCK_MS = 1000
VALID_MS = 60_000
MAP_BYTES = 64 << 20


def rules_of(genesis: Genesis, extra: Sequence[Contract] = ()) -> ChainRules:
    """Return the rules of a chain with the system contracts and those of ``counters``."""
    chosen = suite("gm" if genesis.suite == 1 else "intl")
    chain = chain_rules(genesis, chosen, NativeRuntime("", chosen, (), founding), RegistryDirectory()).chain
    runtime = NativeRuntime(chain, chosen, (REGISTRY, GOVERNANCE, *CONTRACTS, *extra), founding)
    return chain_rules(genesis, chosen, runtime, RegistryDirectory())


@dataclass
class Chain:
    """A founded chain: its parties, its rules, and a maker of transactions."""

    parties: list[Party]
    genesis: Genesis
    rules: ChainRules
    random: random.Random = field(default_factory=lambda: random.Random("chain"))

    @property
    def suite(self) -> Suite:
        """The chain's suite."""
        return self.rules.suite

    @property
    def start(self) -> int:
        """Block time of height 0, ms."""
        return self.genesis.time

    def key(self, party: int = 0, role: Role = Role.SERVICE) -> Key:
        """Return the key of an account."""
        return self.parties[party].accounts[role][1]

    def create(self, home: Path, **options: int) -> Ledger:
        """Make the chain's store in a home."""
        return Ledger.create(home, self.rules, **({"map_bytes": MAP_BYTES} | options))

    def open(self, home: Path, **options: int) -> Ledger:
        """Open the chain's store in a home."""
        return Ledger.open(home, self.rules, **({"map_bytes": MAP_BYTES} | options))

    def call(self, method: str, arguments: ChainObject, items: Sequence[bytes] = ()) -> Operation:
        """Return a call of ``contract.method``."""
        contract, _, name = method.partition(".")
        return operation(self.suite, contract, name, arguments, items)

    def add(self, name: str = "a", amount: int = 1, contract: str = "counter") -> Operation:
        """Return a call that adds to a counter."""
        return self.call(f"{contract}.add", Add(name, amount))

    def remove(self, name: str) -> Operation:
        """Return a call that removes a counter."""
        return self.call("counter.remove", Named(name))

    def batch(self, *items: bytes) -> Operation:
        """Return a call with a batch."""
        return self.call("counter.batch", Named("batch"), items)

    def reach(self, how: str, namespace: str, name: str = "a") -> Operation:
        """Return a call by which the contract ``spy`` reaches for a namespace."""
        return self.call(f"spy.{how}", Reach(namespace, name))

    def sign(
        self,
        *operations: Operation,
        keys: Sequence[Key] = (),
        valid_until: int | None = None,
        nonce: bytes | None = None,
        chain: str | None = None,
    ) -> bytes:
        """Return a signed transaction; by the first party's service account, valid a minute from genesis, by
        default."""
        built = build_transaction(
            self.suite,
            chain or self.rules.chain,
            self.random.randbytes(16) if nonce is None else nonce,
            self.start + VALID_MS if valid_until is None else valid_until,
            operations or (self.add(),),
            [Signer(key.public, key.sign) for key in keys or (self.key(),)],
        )
        return built.raw

    def sign_again(self, raw: bytes, *keys: Key) -> bytes:
        """Return the same body with fresh signatures: SM2 is randomised."""
        transaction = msgspec.msgpack.decode(raw, type=Transaction)
        body = body_of(self.rules, raw)
        signatures = tuple(key.sign(body) for key in keys or (self.key(),))
        return pack(msgspec.structs.replace(transaction, signatures=signatures))


def found_chain(suite_name: str = "gm", parties: int = 2, extra: Sequence[Contract] = (), **parameters: int) -> Chain:
    """Return a chain of so many founders, each with an administrator, a practitioner and a service account."""
    chosen = suite(suite_name)
    roles = (Role.SUPER_ADMINISTRATOR, Role.PRACTITIONER, Role.SERVICE)
    founders = [Party(chosen, MemberKind.MEDICAL_INSTITUTION, roles) for _ in range(parties)]
    _, genesis = genesis_of(*founders)
    genesis = msgspec.structs.replace(genesis, parameters=Parameters(**parameters))
    return Chain(founders, genesis, rules_of(genesis, extra))


def body_of(rules: ChainRules, raw: bytes) -> bytes:
    """Return the body id of a transaction."""
    header = msgspec.msgpack.decode(raw, type=Transaction).header
    return rules.suite.hash(b"body\x00" + pack((header,)))


def execute(ledger: Ledger, *raws: bytes, time: int | None = None) -> Candidate:
    """Execute the next block, a second after the tip by default."""
    return ledger.execute(ledger.tip.height + 1, ledger.tip.time + BLOCK_MS if time is None else time, raws)


def commit(ledger: Ledger, *raws: bytes, time: int | None = None) -> list[Result]:
    """Execute and commit the next block."""
    candidate = execute(ledger, *raws, time=time)
    ledger.commit(candidate)
    return candidate.results


def outcome(result: Result) -> str | int:
    """Return the code with which a transaction was passed over, or the number of its receipt."""
    if result.passed_over is not None:
        return result.passed_over.code
    assert result.receipt is not None
    return result.receipt.number


def outcomes(results: Iterable[Result]) -> list[str | int]:
    """Return ``outcome`` of each."""
    return [outcome(result) for result in results]


def dump(ledger: Ledger) -> dict[str, list[tuple[bytes, bytes]]]:
    """Return everything that a ledger's store holds."""
    with ledger.store.snapshot() as view:
        return {table: list(view.items(table)) for table in TABLES}


@contextmanager
def unmoved(ledger: Ledger) -> Iterator[None]:
    """Check that what happens within leaves the ledger as it was, in memory and in its store."""
    before = ledger.tip, dump(ledger), _tree(ledger)
    yield
    assert (ledger.tip, dump(ledger), _tree(ledger)) == before


def _tree(ledger: Ledger) -> bytes:
    with ledger.whole_state(ledger.tip.height) as state:
        return state.subtree(bytes(32), 0)


def refused_block(ledger: Ledger, *raws: bytes) -> str:
    """Return why a block is refused because of a transaction of stage (a): its code; nothing may have moved."""
    with unmoved(ledger), pytest.raises(BlockInvalid) as refusal:
        execute(ledger, *raws)
    return str(refusal.value.facts["reason"])


def leaving_calls(
    chain: Chain, height: int, leaving: int, *, suspend: bool = True
) -> tuple[Operation, list[Operation]]:
    """Return the calls that suspend or end a founder from a height on: the proposal, and a vote of each founder."""
    hash_ = chain.suite.hash
    before = epoch_zero(chain.rules.chain, chain.genesis)
    stay = [party for party in chain.parties if party is not chain.parties[leaving]]
    epoch = next_epoch(before, epoch_hash(hash_, before), height, *[party.entry() for party in stay])
    name, suspends = new_id(), (chain.parties[leaving].member,) if suspend else ()
    propose = chain.call("governance.propose", Propose(name, epoch, (), suspends, ()))
    votes = [Approve(name, epoch_hash(hash_, epoch), party.vote(epoch)) for party in chain.parties]
    return propose, [chain.call("governance.approve", vote) for vote in votes]

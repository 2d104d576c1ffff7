"""Founding transactions: how the founders' nodes and validators come onto a chain (docs/spec/membership.md FT1 to FT7).

A genesis names members and keys, no nodes. Each founder signs one transaction that registers its node; block 1 begins
with all of them, so that the engine's validators are in state and log from the first block on. Pure: the nonce comes
in, signing is a callable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from xinglin.carrier.access.founding_errors import FoundingSetInvalid, FoundingTransactionInvalid
from xinglin.carrier.access.governance.validators import peers_of, validators_of
from xinglin.carrier.access.registry.model import NAMESPACE, VALIDATOR, AddNode, SetPeer, SetValidator
from xinglin.carrier.contracts.ports import Opening
from xinglin.carrier.ledger.build import Signer, build_transaction, operation
from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.check import Checked, SignatureCache, check_forms, check_signatures
from xinglin.carrier.ledger.genesis import key_proof_message
from xinglin.carrier.ledger.model import Founder, Genesis
from xinglin.carrier.ledger.overlay import Overlay
from xinglin.carrier.ledger.transition import apply_block
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import Invalid, error_for_number

VALID_MS = 300_000
"""How long a founding transaction is valid from the first block's time on, where the chain allows it."""


def first_block_time(genesis: Genesis) -> int:
    """Return the time of block 1 on an engine, ms: the engine's own genesis document has it as its genesis time."""
    return genesis.time + 1


def founding_valid_until(genesis: Genesis) -> int:
    """Return the ``valid_until`` that every founding transaction of a chain has, ms."""
    return first_block_time(genesis) + min(VALID_MS, genesis.parameters.max_valid_ms)


def validator_proof_message(rules: ChainRules, member: str, key: bytes) -> bytes:
    """Return what an engine key signs to prove that its holder wants it to validate for a member."""
    return key_proof_message(rules.suite.hash, rules.chain, member, VALIDATOR, key)


def founding_transaction(
    rules: ChainRules,
    nonce: bytes,
    administrator: Signer,
    add_node: AddNode,
    set_peer: SetPeer,
    set_validator: SetValidator | None = None,
) -> bytes:
    """Return a founder's founding transaction.

    Args:
        rules: the chain's.
        nonce: 16 random bytes.
        administrator: the key of the founder's administrator.
        add_node: the founder's node.
        set_peer: its peer id and address.
        set_validator: its validator, where the founder has a vote and its node validates.
    """
    calls = [("add_node", add_node), ("set_peer", set_peer), ("set_validator", set_validator)]
    operations = [operation(rules.suite, NAMESPACE, name, call) for name, call in calls if call is not None]
    until = founding_valid_until(rules.genesis)
    return build_transaction(rules.suite, rules.chain, nonce, until, operations, [administrator]).raw


def check_founding(rules: ChainRules, transactions: Sequence[bytes]) -> Opening:
    """Check the founding transactions of a chain and return how it begins with them.

    Raises:
        FoundingTransactionInvalid: one of them is not a founder's, does something else, or would be refused in block 1.
        FoundingSetInvalid: they register no validator, or do not fit into a block.
    """
    size, room = sum(map(len, transactions)), rules.parameters.max_block_bytes
    if size > room:
        raise FoundingSetInvalid(reason=f"they have {size} bytes, a block has at most {room}")
    checked = _signed(rules, transactions)
    seen: set[str] = set()
    for position, one in enumerate(checked):
        founder = _founder(rules.genesis, position, one)
        _require(founder.member not in seen, position, "its founder has signed another")
        seen.add(founder.member)
        _check_calls(rules.genesis, founder, position, one)
    state = _after(rules, checked)
    validators = validators_of(state)
    if not validators:
        raise FoundingSetInvalid(reason="they register no validator")
    peers = {peer: one.address for peer, one in peers_of(state).items()}
    return Opening(tuple(transactions), validators, peers)


def _signed(rules: ChainRules, transactions: Sequence[bytes]) -> list[Checked]:
    """Stage (a): form and signatures."""
    checked: list[Checked] = []
    for position, one in enumerate(check_forms(rules, transactions)):
        if not isinstance(one, Checked):
            raise FoundingTransactionInvalid(position=position, reason=one.code)
        checked.append(one)
    for position, refusal in enumerate(check_signatures(rules, SignatureCache(), checked)):
        if refusal is not None:
            raise FoundingTransactionInvalid(position=position, reason=refusal.code)
    return checked


def _founder(genesis: Genesis, position: int, one: Checked) -> Founder:
    """Return the founder whose account, and nobody else, has signed; the policy asks for an administrator's."""
    signers = one.transaction.header.signers
    for founder in genesis.founders:
        if any(signers == (account.key,) for account in founder.accounts):
            return founder
    raise FoundingTransactionInvalid(position=position, reason="its one signer is no founder's key")


def _check_calls(genesis: Genesis, founder: Founder, position: int, one: Checked) -> None:
    heads = [one.head for one in one.transaction.operations]
    named = [(head.contract, head.version, head.method) for head in heads]
    wanted = [(NAMESPACE, 1, name) for name in ("add_node", "set_peer", "set_validator")]
    _require(named in (wanted, wanted[:2]), position, "its operations are not those of a founding transaction")
    _require(len(named) == 2 or founder.votes == 1, position, "its founder has no vote, so it has no validator")
    until = founding_valid_until(genesis)
    _require(one.transaction.header.valid_until == until, position, f"it is not valid until {until}")
    kinds: list[type[AddNode | SetPeer | SetValidator]] = [AddNode, SetPeer, SetValidator]
    try:
        nodes = {decode(kind, head.arguments).node for kind, head in zip(kinds, heads, strict=False)}
    except Invalid as refusal:
        raise FoundingTransactionInvalid(position=position, reason=refusal.code) from None
    _require(len(nodes) == 1, position, "it is about more than one node")


def _after(rules: ChainRules, checked: Sequence[Checked]) -> Overlay:
    """Return the state after a block 1 of these transactions alone."""
    state = Overlay(_Founding(rules.executor.founding(rules.chain, rules.genesis)))
    time = first_block_time(rules.genesis)
    outcome = apply_block(rules, state, lambda _, __: False, 0, 1, time, checked)
    for position, result in enumerate(outcome.results):
        if result.passed_over is not None:
            raise FoundingTransactionInvalid(position=position, reason=result.passed_over.code)
        number = 0 if result.receipt is None else result.receipt.number
        case = error_for_number(number)
        _require(number == 0, position, case.code if case is not None else f"receipt {number}")
    state.changes.update(outcome.changes)
    return state


class _Founding:
    """Reads the state of height 0."""

    def __init__(self, entries: Mapping[bytes, bytes]) -> None:
        self._entries = dict(sorted(entries.items()))

    def get(self, key: bytes) -> bytes | None:
        return self._entries.get(key)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return ((key, value) for key, value in self._entries.items() if key.startswith(prefix))


def _require(holds: bool, position: int, reason: str) -> None:
    if not holds:
        raise FoundingTransactionInvalid(position=position, reason=reason)

"""Random blocks for a chain, and what they must do by a model of dictionaries and lists, apart from the ledger's code.

A ``Plan`` says of what a transaction is to be made; ``NaiveChain`` makes it and tells its outcome: a receipt's
number, or the code with which it is passed over. The model knows the contracts ``counter``, ``secret``, ``spy``, and
of ``registry`` what adds and ends, and of ``governance`` one proposal: that the third founder leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.support.chain import Chain, body_of, leaving_calls
from tests.support.contract_parties import Key, new_id
from tests.support.counters import MOST, Named
from xinglin.carrier.access.governance.errors import (
    AlreadyVoted,
    ProposalExists,
    ProposalLapsed,
    ProposalUnknown,
    VoteUnproven,
)
from xinglin.carrier.access.policy.errors import RoleDenied
from xinglin.carrier.access.registry.errors import AccountEnded, AccountUnknown, KeyEnded, KeyUnproven, RoleNotManaged
from xinglin.carrier.access.registry.model import AddAccount, EndAccount, EndKey
from xinglin.carrier.contracts.api import ArgumentsInvalid, ContractUnknown
from xinglin.carrier.contracts.errors import NamespaceForbidden
from xinglin.carrier.ledger.model import Operation, OperationHead
from xinglin.kernel.errors import PlatformError
from xinglin.stakeholders.kinds import Role

Slot = tuple[int, Role]
SUPER = Role.SUPER_ADMINISTRATOR
SLOTS: list[Slot] = [(party, role) for party in (0, 1, 2) for role in (SUPER, Role.PRACTITIONER, Role.SERVICE)]
STRANGER: Slot = (9, Role.SERVICE)
ENDING = [slot for slot in SLOTS if slot[1] is not SUPER]
NAMES = ["a", "b", "cc", "d"]
FROM_HEIGHT = 500
PARAMETERS = {"max_valid_ms": 6000, "quota_window_ms": 5000, "account_quota": 5, "member_quota": 8}


@dataclass(frozen=True)
class Plan:
    """What a transaction is made of: operations, signers, how long it is valid from block time on.

    ``repeat``: instead, one made before is taken again, so many back; ``resign``: with fresh signatures.
    """

    operations: Sequence[tuple[Any, ...]]
    signers: Sequence[Slot]
    valid_for: int
    repeat: int | None = None
    resign: bool = False


_names = st.sampled_from(NAMES)
_operations = st.one_of(
    st.tuples(st.just("add"), _names, st.sampled_from([0, 1, 300, 1001])),
    st.tuples(st.just("remove"), _names),
    st.tuples(st.just("clear")),
    st.tuples(st.just("batch"), st.integers(1, 4)),
    st.tuples(st.just("secret"), _names),
    st.tuples(
        st.just("reach"),
        st.sampled_from(["read", "get", "scan", "write", "delete"]),
        st.sampled_from(["spy", "secret", "counter", "registry", "ledger"]),
    ),
    st.tuples(st.sampled_from(["unknown", "garbled", "new account"])),
    st.tuples(st.sampled_from(["end key", "end account"]), st.sampled_from(ENDING)),
    st.tuples(st.sampled_from(["propose"])),
    st.tuples(st.just("vote"), st.integers(0, 2)),
)
_plans = st.builds(
    Plan,
    st.lists(_operations, min_size=1, max_size=3),
    st.lists(st.sampled_from([*SLOTS, *SLOTS, STRANGER]), min_size=1, max_size=3, unique=True),
    st.sampled_from([*[3000] * 7, 0, -1, 6000, 6001]),
    st.one_of(st.none(), st.none(), st.none(), st.none(), st.integers(1, 6)),
    st.booleans(),
)
blocks = st.tuples(st.integers(1, 4000), st.lists(_plans, max_size=6))
"""Time since the block before in ms, and plans of its transactions."""


@dataclass
class Held:
    """What a transaction changes as a whole, or leaves."""

    counters: dict[str, int] = field(default_factory=dict)
    batched: bool = False
    ended_keys: set[Slot] = field(default_factory=set)
    ended_accounts: set[Slot] = field(default_factory=set)
    proposed: bool = False
    votes: set[int] = field(default_factory=set)

    @property
    def has_left(self) -> bool:
        """Whether the third founder has been voted out: two votes of three."""
        return len(self.votes) >= 2

    def may_sign(self, slot: Slot) -> bool:
        """Tell whether an account of a founder may sign."""
        gone = slot[0] == 2 and self.has_left
        return slot not in self.ended_keys and slot not in self.ended_accounts and not gone


@dataclass
class NaiveChain:
    """The model: what a chain of three founders holds, in dictionaries and lists."""

    chain: Chain
    time: int = 0
    held: Held = field(default_factory=Held)
    bodies: set[bytes] = field(default_factory=set)
    quotas: dict[tuple[str, object], tuple[int, int]] = field(default_factory=dict)
    made: list[tuple[Plan, int, bytes, bytes]] = field(default_factory=list)
    log: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.time = self.chain.start
        self._stranger = Key(self.chain.suite)
        self._propose, self._votes = leaving_calls(self.chain, FROM_HEIGHT, 2)

    def block(self, step: int, plans: Sequence[Plan]) -> tuple[int, list[bytes], list[str | int]]:
        """Make a block: its time, its transactions and their outcomes; the model is after it."""
        self.time += step
        first = len(self.made)
        for plan in plans:
            self.made.append(self._make(plan))
        found = deepcopy(self.held)  # signers are judged by what the block finds
        outcomes = [self._outcome(*transaction, found) for transaction in self.made[first:]]
        return self.time, [raw for _, _, raw, _ in self.made[first:]], outcomes

    def _make(self, plan: Plan) -> tuple[Plan, int, bytes, bytes]:
        if plan.repeat is not None and plan.repeat <= len(self.made):
            before, valid_until, raw, body = self.made[-plan.repeat]
            keys = [self._key(slot) for slot in before.signers]
            return before, valid_until, self.chain.sign_again(raw, *keys) if plan.resign else raw, body
        keys = [self._key(slot) for slot in plan.signers]
        calls = [self._call(*operation) for operation in plan.operations]
        valid_until = self.time + plan.valid_for
        raw = self.chain.sign(*calls, keys=keys, valid_until=valid_until)
        return plan, valid_until, raw, body_of(self.chain.rules, raw)

    def _key(self, slot: Slot) -> Key:
        return self._stranger if slot == STRANGER else self.chain.key(*slot)

    def _call(self, kind: str, *values: Any) -> Operation:
        chain = self.chain
        calls: dict[str, Callable[..., Operation]] = {
            "add": chain.add,
            "remove": chain.remove,
            "clear": lambda: chain.call("counter.clear", Named("x")),
            "batch": lambda count: chain.batch(*[bytes([number]) for number in range(count)]),
            "secret": lambda name: chain.add(name, contract="secret"),
            "reach": chain.reach,
            "unknown": lambda: Operation(OperationHead("counter", 2, "add", b"")),
            "garbled": lambda: Operation(OperationHead("counter", 1, "add", b"\x92\xa1a")),
            "new account": self._call_new_account,
            "propose": lambda: self._propose,
            "vote": lambda party: self._votes[party],
            "end key": lambda slot: chain.call("registry.end_key", EndKey(self._key(slot).public, ())),
            "end account": lambda slot: chain.call(
                "registry.end_account", EndAccount(chain.parties[slot[0]].accounts[slot[1]][0])
            ),
        }
        return calls[kind](*values)

    def _call_new_account(self) -> Operation:
        chain, key, account = self.chain, Key(self.chain.suite), new_id()
        # The proof is for the first party's member: when another's administrator calls, it does not hold.
        proof = key.prove(chain.rules.chain, chain.parties[0].member, account)
        return chain.call("registry.add_account", AddAccount(account, (Role.SERVICE,), bytes(32), key.public, proof))

    def _outcome(
        self,
        plan: Plan,
        valid_until: int,
        raw: bytes,
        body: bytes,
        found: Held,
    ) -> str | int:
        if valid_until < self.time:
            return "transaction.expired"
        if valid_until > self.time + PARAMETERS["max_valid_ms"]:
            return "transaction.too_far_ahead"
        if body in self.bodies:
            return "transaction.replayed"
        for slot in plan.signers:
            if slot == STRANGER:
                return "signer.unknown"
            if not found.may_sign(slot):
                return "signer.ended"
        payers = {("account", slot) for slot in plan.signers} | {("member", slot[0]) for slot in plan.signers}
        window = self.time // PARAMETERS["quota_window_ms"]
        for kind, payer in payers:
            since, used = self.quotas.get((kind, payer), (window, 0))
            if since == window and used >= PARAMETERS[f"{kind}_quota"]:
                return "signer.over_quota"
        for payer in payers:
            since, used = self.quotas.get(payer, (window, 0))
            self.quotas[payer] = (window, used + 1 if since == window else 1)
        self.bodies.add(body)
        self.log.append(raw)
        return self._run(plan)

    def _run(self, plan: Plan) -> int:
        before = deepcopy(self.held)
        for operation in plan.operations:
            number = self._execute(plan.signers[0], *operation)
            if number:
                self.held = before
                return number
        return 0

    def _execute(self, caller: Slot, kind: str, *values: Any) -> int:
        effects: dict[str, Callable[..., int]] = {
            "add": self._add,
            "remove": lambda name: self.held.counters.pop(name, 0) and 0,
            "clear": self._clear,
            "batch": self._batch,
            "secret": lambda name: 0,
            "reach": self._reach,
            "unknown": lambda: ContractUnknown.number,
            "garbled": lambda: ArgumentsInvalid.number,
            "new account": lambda: self._new_account(caller),
            "propose": lambda: self._do_propose(caller),
            "vote": lambda party: self._do_vote(caller, party),
            "end key": lambda slot: self._end(caller, self.held.ended_keys, KeyEnded, slot),
            "end account": lambda slot: self._end(caller, self.held.ended_accounts, AccountEnded, slot),
        }
        return effects[kind](*values)

    def _add(self, name: str, amount: int) -> int:
        self.held.counters[name] = self.held.counters.get(name, 0) + amount
        return ArgumentsInvalid.number if self.held.counters[name] > MOST else 0

    def _clear(self) -> int:
        if self.held.batched:
            return ArgumentsInvalid.number  # what the batch left is no counter
        for name in sorted(self.held.counters, key=lambda name: (len(name), name))[:3]:
            del self.held.counters[name]
        return 0

    def _batch(self, count: int) -> int:
        self.held.batched = True
        return 0

    @staticmethod
    def _reach(how: str, namespace: str) -> int:
        allowed = namespace == "spy" or (how == "read" and namespace != "secret")
        return 0 if allowed else NamespaceForbidden.number

    @staticmethod
    def _new_account(caller: Slot) -> int:
        if caller[1] is not SUPER:
            return RoleDenied.number
        return 0 if caller[0] == 0 else KeyUnproven.number

    @staticmethod
    def _end(caller: Slot, ended: set[Slot], again: type[PlatformError], target: Slot) -> int:
        if caller[0] != target[0]:
            return AccountUnknown.number
        if caller != target and caller[1] is not SUPER:
            return RoleNotManaged.number
        if target in ended:
            return again.number
        ended.add(target)
        return 0

    def _do_propose(self, caller: Slot) -> int:
        if caller[1] is not SUPER:
            return RoleDenied.number
        if self.held.proposed:
            return ProposalExists.number
        self.held.proposed = True
        return 0

    def _do_vote(self, caller: Slot, party: int) -> int:
        if caller[1] is not SUPER:
            return RoleDenied.number
        if not self.held.proposed:
            return ProposalUnknown.number
        if self.held.has_left:
            return ProposalLapsed.number
        if caller[0] in self.held.votes:
            return AlreadyVoted.number
        if caller[0] != party:
            return VoteUnproven.number
        self.held.votes.add(party)
        return 0

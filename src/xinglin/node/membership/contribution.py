"""What each node contributes to a consortium on CometBFT: blocks proposed and signed, uptime, transactions (S6.1c).

Counted from the engine's own blocks, whose headers name the proposer and whose commits have the signatures, by the
registry's engine keys and signers. Nothing is kept: who asks counts anew, and any node comes to the same answer.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xinglin.carrier.access.registry.model import NAMESPACE, KeyState, ValidatorKey, ValidatorState
from xinglin.carrier.consensus.comet.binary import find_engine
from xinglin.carrier.consensus.comet.errors import (
    EngineAnswerInvalid,
    EngineNotReady,
    EngineRefused,
    EngineUnreachable,
)
from xinglin.carrier.consensus.comet.files import EngineHome, key_address
from xinglin.carrier.consensus.comet.inspection import inspecting
from xinglin.carrier.consensus.comet.rpc import EngineRpc
from xinglin.carrier.ledger.model import Transaction
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import Invalid
from xinglin.node.membership.errors import ContributionUnknown
from xinglin.node.node import Node
from xinglin.node.office.directory import Directory, RegistryValues
from xinglin.node.setup import COMETBFT
from xinglin.stakeholders.kinds import Status

MAX_BLOCKS = 10_000
_COMMIT, _NIL = 2, 3
"""CometBFT's flags of a vote: for the block, for none; another is absent."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a member's node did over some blocks.

    ``node``: where it validates now, empty for none. ``expected``: the blocks on which it had a vote; it ``signed`` so
    many of them and ``voted``, for the block or for none, on so many. ``transactions``: that its accounts signed first.
    """

    member: str
    name: str
    node: str
    proposed: int
    signed: int
    voted: int
    expected: int
    transactions: int

    @property
    def uptime(self) -> float | None:
        """The share of blocks on which it voted, None where it had no vote."""
        return self.voted / self.expected if self.expected else None


@dataclass(frozen=True, slots=True)
class Contributions:
    """The contributions of all members over the blocks from ``first`` to ``last``."""

    first: int
    last: int
    members: list[Contribution]


def contributions(values: RegistryValues, chain: str, rpc: EngineRpc, blocks: int) -> Contributions:
    """Count what each member's node did over the newest blocks whose commits are decided.

    Args:
        values: the registry.
        chain: the chain that the engine must be of.
        rpc: the home's engine, which runs or is inspected.
        blocks: how many, 1 to 10,000; fewer where the engine keeps fewer.

    Raises:
        ContributionUnknown: the engine does not answer, is of another chain, or has no such blocks.
    """
    try:
        held = rpc.held()
        last = held.newest - 1
        first = max(held.earliest, last - blocks + 1)
        if held.chain != chain:
            raise ContributionUnknown(reason="an engine of another chain answers")
        if first > last:
            raise ContributionUnknown(reason="there are no blocks yet")
        count = _Count(values, rpc)
        for height in range(first, last + 2):
            count.take(height, rpc.block(height)["block"], of_last=height > first, itself=height <= last)
        return Contributions(first, last, count.rows())
    except (EngineUnreachable, EngineRefused, EngineAnswerInvalid) as refusal:
        raise ContributionUnknown(reason=refusal.code) from None
    except (ValueError, KeyError, TypeError, AttributeError, Invalid):
        raise ContributionUnknown(reason="a block is not in form") from None


def contributions_at_rest(node: Node, blocks: int) -> Contributions:
    """Count as ``contributions`` by a home that is open and whose engine does not run.

    Raises:
        ContributionUnknown: its blocks are not made by CometBFT, it has none yet, or they can't be opened.
        EngineMissing, EngineVersionWrong: there is no engine of the pinned version.
    """
    chain = node.consortium.rules.chain
    if node.settings.consortium.engine != COMETBFT:
        raise ContributionUnknown(reason="its blocks are made by no engine of its own")
    engine = EngineHome(node.home.engine(chain).resolve())
    try:
        with inspecting(engine, find_engine(), node.settings.engine.rpc_listen) as rpc:
            if rpc is None:
                raise ContributionUnknown(reason="there are no blocks yet")
            return contributions(node.consortium, chain, rpc, blocks)
    except EngineNotReady as refusal:
        raise ContributionUnknown(reason=str(refusal.facts["log"])) from None


class _Count:
    """Counts block after block; a block has the commit of the one before."""

    def __init__(self, values: RegistryValues, rpc: EngineRpc) -> None:
        self._values, self._rpc = values, rpc
        self._voters: tuple[str, list[str]] = ("", [])
        self._members: dict[bytes, str] = {}
        self.proposed: Counter[str] = Counter()
        self.signed: Counter[str] = Counter()
        self.voted: Counter[str] = Counter()
        self.expected: Counter[str] = Counter()
        self.transactions: Counter[str] = Counter()

    def take(self, height: int, block: Mapping[str, Any], *, of_last: bool, itself: bool) -> None:
        """Count the commit of the block before (``of_last``), and the block (``itself``)."""
        if of_last:
            for line in block["last_commit"]["signatures"]:
                flag = line["block_id_flag"]
                if flag in (_COMMIT, _NIL):
                    member = self._of_address(line["validator_address"])
                    self.voted[member] += 1
                    self.signed[member] += flag == _COMMIT
        if not itself:
            return
        header = block["header"]
        if self._voters[0] != header["validators_hash"]:
            self._voters = (header["validators_hash"], self._validators(height))
        self.expected.update(self._voters[1])
        self.proposed[self._of_address(header["proposer_address"])] += 1
        for text in block["data"]["txs"] or []:
            signer = decode(Transaction, base64.b64decode(text, validate=True)).header.signers[0]
            self.transactions[self._of_signer(signer)] += 1

    def rows(self) -> list[Contribution]:
        """Return the counts by member, of everybody who did something or is active."""
        return [
            Contribution(
                member,
                state.name.decode(errors="replace"),
                self._node(member),
                self.proposed[member],
                self.signed[member],
                self.voted[member],
                self.expected[member],
                self.transactions[member],
            )
            for member, state in Directory(self._values).members()
            if state.status is Status.ACTIVE or self.expected[member] or self.transactions[member]
        ]

    def _validators(self, height: int) -> list[str]:
        found = []
        for key in self._rpc.validators(height):
            stored = self._values.value(state_key(NAMESPACE, "validator-key", key))
            member = "" if stored is None else decode(ValidatorKey, stored).member
            self._members[key_address(key)] = member
            found.append(member)
        return found

    def _of_address(self, text: str) -> str:
        return self._members.get(bytes.fromhex(text), "")

    def _of_signer(self, key: bytes) -> str:
        if key not in self._members:
            stored = self._values.value(state_key(NAMESPACE, "key", key))
            self._members[key] = "" if stored is None else decode(KeyState, stored).member
        return self._members[key]

    def _node(self, member: str) -> str:
        stored = self._values.value(state_key(NAMESPACE, "validator", member))
        validator = None if stored is None else decode(ValidatorState, stored)
        return validator.node if validator is not None and validator.status is Status.ACTIVE else ""

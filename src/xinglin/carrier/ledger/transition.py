"""``apply_block``: what a block of checked transactions does (docs/spec/transition.md T1 to T4; S9.1, S9.2).

Pure: values in, values out; state comes through a reader, changes go out as a mapping. No clock, no randomness, no
I/O. The app hash is made from its outcome by ``ledger.py``, which owns the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.check import Checked
from xinglin.carrier.ledger.errors import (
    BlockInvalid,
    OverQuota,
    TransactionExpired,
    TransactionReplayed,
    TransactionTooFarAhead,
)
from xinglin.carrier.ledger.model import MAX_FACT, Header, Leaf, Receipt, ReceiptFact
from xinglin.carrier.ledger.overlay import Overlay
from xinglin.carrier.ledger.ports import StateReader
from xinglin.kernel.encoding import ChainObject, Natural, decode, pack, state_key
from xinglin.kernel.errors import Conflict, Denied, Integrity, Invalid, NotFound, PlatformError
from xinglin.kernel.hashing import Hash, Tag, preimage, tagged
from xinglin.stakeholders.caller import Caller

DONE = Receipt(number=0, facts=())
"""The receipt of a transaction that succeeded and says nothing more."""


REFUSALS = (Invalid, Denied, NotFound, Conflict, Integrity)
"""What may pass a transaction over or stand in its receipt; ``Unavailable`` is this machine's fault and ends the
block."""
Payer = tuple[str, str]
"""``account`` or ``member``, and its id: an account that takes another member's id does not use up its quota."""


class Quota(ChainObject, frozen=True, kw_only=True):
    """State value: how many transactions an account or member has had in a window of block time."""

    kind: Literal["quota"] = "quota"
    version: Literal[1] = 1
    window: Natural
    count: Natural


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one transaction: a receipt and its leaf, or the refusal (b) with which it was passed over."""

    receipt: Receipt | None = None
    leaf: Leaf | None = None
    passed_over: PlatformError | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a block did: a result for each transaction, the changes of state, and what is logged, in order.

    ``logged`` holds (checked transaction, receipt, leaf).
    """

    results: list[Result]
    changes: dict[bytes, bytes | None]
    logged: list[tuple[Checked, Receipt, Leaf]]


Seen = Callable[[Header, bytes], bool]
"""Tells whether a body id has been logged before this block."""


def apply_block(
    rules: ChainRules,
    state: StateReader,
    seen: Seen,
    log_size: int,
    height: int,
    time: int,
    transactions: Sequence[Checked],
) -> Outcome:
    """Apply one block (T2, T3).

    Args:
        rules: the chain's rules.
        state: the committed state before the block.
        seen: whether a body id was logged in an earlier block.
        log_size: number of leaves before the block.
        height: the block's height, from 1.
        time: its time in ms.
        transactions: what passed stage (a), in block order.

    Returns: results in order, changes, and what is to be logged.
    """
    run = _Run(rules, state, seen, height, time)
    ran = [run.transaction(checked) for checked in transactions]
    run.write_quotas()
    logged = _leaves(rules, log_size, height, time, transactions, ran)
    entries = iter(logged)
    results = []
    for answer in ran:
        if isinstance(answer, Receipt):
            _, receipt, leaf = next(entries)
            results.append(Result(receipt=receipt, leaf=leaf))
        else:
            results.append(Result(passed_over=answer))
    return Outcome(results, run.overlay.changes, logged)


def check_order(height: int, time: int, tip_height: int, tip_time: int) -> None:
    """Check T1's order of blocks.

    Raises:
        BlockInvalid: not the next height, or a time not later than the block before.
    """
    if height != tip_height + 1:
        raise BlockInvalid(height=height, reason=f"the next height is {tip_height + 1}")
    if time <= tip_time:
        raise BlockInvalid(height=height, reason=f"its time is not later than {tip_time}")


@dataclass(slots=True)
class _Run:
    """One block while it runs: the overlay, the signers resolved so far, bodies and quotas used in it."""

    rules: ChainRules
    state: StateReader
    seen: Seen
    height: int
    time: int
    overlay: Overlay = field(init=False)
    bodies: set[bytes] = field(default_factory=set)
    signers: dict[bytes, Caller | PlatformError] = field(default_factory=dict)
    quotas: dict[Payer, int] = field(default_factory=dict)
    charged: set[Payer] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.overlay = Overlay(self.state)

    def transaction(self, checked: Checked) -> Receipt | PlatformError:
        """Run one transaction: (b) who and whether, then (c)."""
        try:
            callers = self.admit(checked)
        except REFUSALS as refusal:
            return refusal
        self.bodies.add(checked.body)
        for payer in _payers(callers):
            self.quotas[payer] += 1
            self.charged.add(payer)
        return self._execute(checked, callers)

    def refusal(self, checked: Checked) -> PlatformError | None:
        """Return the refusal (b) of a transaction, None for none; nothing is used up."""
        try:
            self.admit(checked)
        except REFUSALS as refusal:
            return refusal
        return None

    def admit(self, checked: Checked) -> list[Caller]:
        """Stage (b): B1 to B4; raises the refusal."""
        header, parameters = checked.transaction.header, self.rules.parameters
        if header.valid_until < self.time:
            raise TransactionExpired(valid_until=header.valid_until, time=self.time)
        if header.valid_until > self.time + parameters.max_valid_ms:
            raise TransactionTooFarAhead(
                valid_until=header.valid_until, time=self.time, maximum=parameters.max_valid_ms
            )
        if checked.body in self.bodies or self.seen(header, checked.body):
            raise TransactionReplayed
        callers = [self._resolve(key) for key in header.signers]
        for caller in callers:
            self._within_quota(("account", caller.account), parameters.account_quota)
            self._within_quota(("member", caller.member), parameters.member_quota)
        return callers

    def _resolve(self, key: bytes) -> Caller:
        found = self.signers.get(key)
        if found is None:
            try:
                found = self.rules.directory.resolve(self.state, key, self.time)
            except REFUSALS as refusal:
                found = refusal
            self.signers[key] = found
        if isinstance(found, PlatformError):
            raise found
        return found

    def _within_quota(self, payer: Payer, quota: int) -> None:
        if payer not in self.quotas:
            stored = self.state.get(_quota_key(payer))
            used = decode(Quota, stored) if stored is not None else None
            self.quotas[payer] = used.count if used is not None and used.window == self._window else 0
        if self.quotas[payer] >= quota:
            raise OverQuota(quota=quota)

    @property
    def _window(self) -> int:
        return self.time // self.rules.parameters.quota_window_ms

    def write_quotas(self) -> None:
        """Write the counter of each account and member that was charged in this block."""
        for payer in self.charged:
            self.overlay.put(_quota_key(payer), pack(Quota(window=self._window, count=self.quotas[payer])))

    def _execute(self, checked: Checked, callers: list[Caller]) -> Receipt:
        """Stage (c): all operations on one overlay, kept when every one succeeds."""
        overlay = Overlay(self.overlay)
        facts: list[ReceiptFact] = []
        for position, operation in enumerate(checked.transaction.operations):
            try:
                facts += self.rules.executor.execute(overlay, self.height, self.time, callers, operation)
            except REFUSALS as refusal:
                return _refusal_receipt(position, refusal)
        overlay.keep(self.overlay)
        return Receipt(number=0, facts=tuple(facts)) if facts else DONE


def admissions(
    rules: ChainRules, state: StateReader, seen: Seen, time: int, forms: Sequence[Checked | Invalid]
) -> list[PlatformError | None]:
    """Return for each transaction the refusal that it would meet alone in a block at ``time``, None for none.

    Args:
        rules: the chain's rules.
        state: the committed state.
        seen: whether a body id is logged.
        time: block time in ms.
        forms: what stage (a) said of their forms: a refusal stays one, the others meet stage (b).
    """
    run = _Run(rules, state, seen, 0, time)
    return [one if isinstance(one, Invalid) else run.refusal(one) for one in forms]


def app_hash(rules: ChainRules, state_root: bytes, log_size: int, log_root: bytes) -> bytes:
    """Return the app hash (T4; design D5.7)."""
    return tagged(rules.suite.hash, Tag.APP, rules.chain, state_root, log_size, log_root)


def leaf_names(hash_: Hash, leaf: Leaf, header: Header, signatures: Sequence[bytes], receipt: Receipt) -> bool:
    """Tell whether a leaf is of this transaction and receipt."""
    return (
        leaf.body == tagged(hash_, Tag.BODY, header)
        and leaf.transaction == tagged(hash_, Tag.TRANSACTION, header, tuple(signatures))
        and leaf.receipt == tagged(hash_, Tag.RECEIPT, receipt)
        and leaf.valid_until == header.valid_until
    )


def _payers(callers: Sequence[Caller]) -> set[Payer]:
    return {("account", caller.account) for caller in callers} | {("member", caller.member) for caller in callers}


def _quota_key(payer: Payer) -> bytes:
    return state_key("ledger", "quota", *payer)


def _refusal_receipt(position: int, refusal: PlatformError) -> Receipt:
    facts = [ReceiptFact("operation", position)]
    facts += [ReceiptFact(name, _fact(value)) for name, value in refusal.facts.items()]
    return Receipt(number=refusal.number, facts=tuple(facts))


def _fact(value: int | str | bytes) -> int | str | bytes:
    if isinstance(value, str):
        return "".join(c if " " <= c <= "~" else "?" for c in value[:MAX_FACT])
    if isinstance(value, int):
        return min(max(int(value), 0), 2**63 - 1)
    return value[:MAX_FACT]


def _leaves(
    rules: ChainRules,
    log_size: int,
    height: int,
    time: int,
    transactions: Sequence[Checked],
    ran: Sequence[Receipt | PlatformError],
) -> list[tuple[Checked, Receipt, Leaf]]:
    """T3: the leaf of each receipt; equal receipts are hashed once."""
    pairs = [(c, r) for c, r in zip(transactions, ran, strict=True) if isinstance(r, Receipt)]
    distinct = list({receipt: None for _, receipt in pairs})
    hashes = rules.suite.hash_many([preimage(Tag.RECEIPT, receipt) for receipt in distinct])
    hash_of = dict(zip(distinct, hashes, strict=True))
    return [
        (
            checked,
            receipt,
            Leaf(
                height=height,
                time=time,
                index=log_size + offset,
                body=checked.body,
                valid_until=checked.transaction.header.valid_until,
                transaction=checked.hash,
                receipt=hash_of[receipt],
            ),
        )
        for offset, (checked, receipt) in enumerate(pairs)
    ]

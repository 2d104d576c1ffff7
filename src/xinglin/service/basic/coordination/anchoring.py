"""Anchors the private chain on the consortium chain, and logs on it the consortium head that was seen (D5; H2, H11).

One ``step`` looks at both chains: when the private chain has grown since its last anchor, its present head goes to
the consortium chain with the consistency proof from the anchored one. A private chain that lies behind its anchor,
or does not continue it, is not anchored: it was set back or rewritten, and is closed (invariant 9). Signing and
submitting come in as ports.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from xinglin.carrier.ledger.build import Signer, operation
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Operation
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import Conflict, Integrity
from xinglin.service.basic.coordination.model import AnchorState, ChainHead, CommitAnchor, NoteHead, OpenAnchor

PIN = "anchor"
"""Names who keeps heights of a private chain provable."""


class ChainNotAnchored(Conflict):
    """A private chain was never named on the consortium chain."""

    code, number, clause = "anchor.not_opened", 5390, "H11"
    en = "The private chain {chain} is not named on the consortium chain."
    zh = "私有链 {chain} 尚未在联盟链登记。"
    hint_en = "An administrator of the institution opens the anchor first."
    hint_zh = "请先由机构管理员登记锚定。"


class ChainBehindAnchor(Integrity):
    """A private chain is shorter than what was anchored: it was set back."""

    code, number, clause = "anchor.behind", 5391, "S9.1"
    en = "The private chain {chain} has {size} entries, but {anchored} were anchored: it was set back."
    zh = "私有链 {chain} 有 {size} 个条目，但已锚定 {anchored} 个：该链被回退。"
    hint_en = "It is closed. Restore a newer backup, or open a successor chain."
    hint_zh = "该链已关闭。请恢复较新的备份，或开设后继链。"


class ChainRewritten(Integrity):
    """What was anchored is not a prefix of the private chain: it was rewritten."""

    code, number, clause = "anchor.rewritten", 5392, "S9.1"
    en = "The first {anchored} entries of the private chain {chain} are not those that were anchored."
    zh = "私有链 {chain} 的前 {anchored} 个条目与已锚定内容不符。"
    hint_en = "It is closed. Restore a backup that continues the anchor."
    hint_zh = "该链已关闭。请恢复与锚定一致的备份。"


class Chain(Protocol):
    """A chain that operations can be submitted to; the node's client implements it."""

    ledger: Ledger

    def call(self, operations: Sequence[Operation], signers: Sequence[Signer]) -> object:
        """Sign, submit, wait until it is durable; raises the refusal."""
        ...


@dataclass(frozen=True, slots=True)
class Anchoring:
    """The anchoring of one institution's private chain.

    ``cosigning`` is the member's cosigning key, which signs heads; ``service`` signs transactions on both chains,
    ``administrator`` opens the anchor, ``turn`` is held by whoever anchors: two at once would refuse each other.
    """

    private: Chain
    consortium: Chain
    cosigning: Signer
    service: Signer
    administrator: Signer
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def open(self) -> None:
        """Name the private chain on the consortium chain, once."""
        rules = self.private.ledger.rules
        call = operation(self.consortium.ledger.rules.suite, "anchor", "open", OpenAnchor(rules.genesis))
        self.consortium.call([call], [self.administrator])

    def state(self) -> AnchorState | None:
        """Return what the consortium chain holds of the private chain, None before ``open``."""
        return anchor_state(self.consortium.ledger, self.private.ledger.rules.chain)

    def check(self) -> AnchorState:
        """Compare the private chain with its last anchor.

        Raises:
            ChainNotAnchored: ``open`` was never called.
            ChainBehindAnchor: it is shorter than what was anchored.
            ChainRewritten: what was anchored is not a prefix of it.
        """
        return check_anchor(self.private.ledger, self.consortium.ledger)

    def step(self) -> bool:
        """Anchor the present head if the chain has grown; return whether it was anchored.

        The anchored height of before stays provable on the private chain until the new one is anchored.

        Raises:
            ChainNotAnchored, ChainBehindAnchor, ChainRewritten: see ``check``; nothing was submitted.
        """
        with self.turn:
            anchored = self.check()
            if self.private.ledger.tip.log_size == anchored.head.size:
                return False
            if not self._noted():
                self.note_consortium_head()
            self._anchor(anchored)
            return True

    def _anchor(self, anchored: AnchorState) -> None:
        ledger = self.private.ledger
        head = ledger.head_at(ledger.tip.height)
        ledger.pin(PIN, [*_anchored_heights(anchored), head.height])
        self.consortium.call([self._commitment(anchored, head)], [self.service])
        ledger.pin(PIN, [head.height])

    def _noted(self) -> bool:
        """Tell whether the newest entry is a note of a head: an anchor that failed is tried again without another."""
        ledger = self.private.ledger
        newest = ledger.entry(ledger.tip.log_size - 1).transaction.operations[-1].head
        return (newest.contract, newest.method) == ("journal", "head")

    def _commitment(self, anchored: AnchorState, head: Head) -> Operation:
        """Return the operation that anchors a head of the private chain after an anchored one."""
        ledger = self.private.ledger
        call = CommitAnchor(
            chain=head.chain,
            previous_size=anchored.head.size,
            head=chain_head(head),
            proof=ledger.tiles().consistency(anchored.head.size, head.size),
            signature=self.cosigning.sign(head.text),
        )
        return operation(self.consortium.ledger.rules.suite, "anchor", "commit", call)

    def note_consortium_head(self) -> None:
        """Log on the private chain the consortium head that this node sees now."""
        seen = self.consortium.ledger
        call = NoteHead(seen.rules.chain, chain_head(seen.head_at(seen.tip.height)))
        self.private.call([operation(self.private.ledger.rules.suite, "journal", "head", call)], [self.service])


def anchor_state(consortium: Ledger, chain: str) -> AnchorState | None:
    """Return what the consortium chain holds of a private chain, None when it was never named there."""
    stored = consortium.value(state_key("anchor", "chain", chain))
    return decode(AnchorState, stored) if stored is not None else None


def check_anchor(private: Ledger, consortium: Ledger) -> AnchorState:
    """Compare a private chain with its last anchor; see ``Anchoring.check``. Needs no engine."""
    chain, anchored = private.rules.chain, anchor_state(consortium, private.rules.chain)
    if anchored is None:
        raise ChainNotAnchored(chain=chain)
    if private.tip.log_size < anchored.head.size:
        raise ChainBehindAnchor(chain=chain, size=private.tip.log_size, anchored=anchored.head.size)
    if private.tiles().root(anchored.head.size) != anchored.head.log_root:
        raise ChainRewritten(chain=chain, anchored=anchored.head.size)
    return anchored


def require_continuing(private: Ledger, consortium: Ledger) -> None:
    """Refuse to go on with a private chain that is not what was anchored; one that was never anchored may go on.

    Raises:
        ChainBehindAnchor, ChainRewritten: it was set back or rewritten.
    """
    with suppress(ChainNotAnchored):
        check_anchor(private, consortium)


def pin_anchored(private: Ledger, consortium: Ledger) -> None:
    """Keep the last anchored height of a private chain provable: after opening, before its next block."""
    anchored = anchor_state(consortium, private.rules.chain)
    private.pin(PIN, _anchored_heights(anchored) if anchored is not None else ())


def chain_head(head: Head) -> ChainHead:
    """Return a head as chain objects hold it."""
    return ChainHead(head.size, head.log_root, head.state_root, head.height, head.time)


def _anchored_heights(anchored: AnchorState) -> tuple[int, ...]:
    return (anchored.head.height,) if anchored.head.size else ()

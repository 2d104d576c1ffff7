"""Anchors the private chain on the consortium chain, and logs on it the consortium head that was seen (D5; H2, H11).

One ``step`` looks at both chains: when the private chain has grown since its last anchor, its present head goes to
the consortium chain with the consistency proof from the anchored one. A private chain that lies behind its anchor,
or does not continue it, is not anchored: it was set back or rewritten, and is closed (invariant 9). Signing and
submitting come in as ports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from xinglin.carrier.ledger.build import Signer, operation
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Operation
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import Conflict, Integrity
from xinglin.service.basic.coordination.model import AnchorState, ChainHead, CommitAnchor, NoteHead, OpenAnchor


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
    ``administrator`` opens the anchor.
    """

    private: Chain
    consortium: Chain
    cosigning: Signer
    service: Signer
    administrator: Signer

    def open(self) -> None:
        """Name the private chain on the consortium chain, once."""
        rules = self.private.ledger.rules
        call = operation(self.consortium.ledger.rules.suite, "anchor", "open", OpenAnchor(rules.genesis))
        self.consortium.call([call], [self.administrator])

    def state(self) -> AnchorState | None:
        """Return what the consortium chain holds of the private chain, None before ``open``."""
        stored = self.consortium.ledger.value(state_key("anchor", "chain", self.private.ledger.rules.chain))
        return decode(AnchorState, stored) if stored is not None else None

    def check(self) -> AnchorState:
        """Compare the private chain with its last anchor.

        Raises:
            ChainNotAnchored: ``open`` was never called.
            ChainBehindAnchor: it is shorter than what was anchored.
            ChainRewritten: what was anchored is not a prefix of it.
        """
        anchored = self.state()
        ledger = self.private.ledger
        if anchored is None:
            raise ChainNotAnchored(chain=ledger.rules.chain)
        if ledger.tip.log_size < anchored.head.size:
            raise ChainBehindAnchor(chain=ledger.rules.chain, size=ledger.tip.log_size, anchored=anchored.head.size)
        if ledger.tiles().root(anchored.head.size) != anchored.head.log_root:
            raise ChainRewritten(chain=ledger.rules.chain, anchored=anchored.head.size)
        return anchored

    def step(self) -> bool:
        """Anchor the present head if the chain has grown; return whether it was anchored.

        What the private chain says under its last anchor stays provable until there is a newer one.

        Raises:
            ChainNotAnchored, ChainBehindAnchor, ChainRewritten: see ``check``; nothing was submitted.
        """
        anchored = self.check()
        if self.private.ledger.tip.log_size == anchored.head.size:
            return False
        self.note_consortium_head()
        ledger = self.private.ledger
        height = ledger.tip.height
        ledger.pin(height)
        try:
            self.consortium.call([self.commitment(anchored, ledger.head_at(height))], [self.service])
        except BaseException:
            ledger.unpin(height)
            raise
        ledger.unpin(anchored.head.height)
        return True

    def commitment(self, anchored: AnchorState, head: Head) -> Operation:
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


def chain_head(head: Head) -> ChainHead:
    """Return a head as chain objects hold it."""
    return ChainHead(head.size, head.log_root, head.state_root, head.height, head.time)

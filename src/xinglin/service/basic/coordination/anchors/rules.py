"""Pure rules of anchors: when two heads contradict each other (K1 to K3 of docs/spec/log-and-checkpoint.md)."""

from __future__ import annotations

from xinglin.carrier.ledger.checkpoint import checkpoint_text
from xinglin.carrier.ledger.model import ZERO, EpochMember, Genesis, Profile
from xinglin.kernel.hashing import Hash
from xinglin.service.basic.coordination.model import ChainHead


def contradict(first: ChainHead, second: ChainHead) -> bool:
    """Tell whether two heads of one chain can't both be true, as far as they show it themselves (K1 to K3)."""
    low, high = sorted((first, second), key=lambda head: head.height)
    if low.height == high.height:
        return low != high
    if low.size > high.size or low.time >= high.time:
        return True
    return low.size == high.size and (low.log_root, low.state_root) != (high.log_root, high.state_root)


def head_text(chain: str, head: ChainHead) -> bytes:
    """Return the text that a checkpoint signature over a head is over."""
    return checkpoint_text(chain, head.size, head.log_root, head.state_root, head.height, head.time)


def opening_head(hash_: Hash, time: int) -> ChainHead:
    """Return the head that stands for a chain of which nothing has been anchored yet, founded at ``time``."""
    return ChainHead(size=0, log_root=hash_(b""), state_root=ZERO, height=0, time=time)


def is_private_chain_of(genesis: Genesis, member: EpochMember) -> bool:
    """Tell whether a genesis is that of a private chain of a member, under the cosigning key that it has."""
    founders = [(founder.member, founder.key) for founder in genesis.founders]
    return genesis.profile is Profile.PRIVATE and founders == [(member.member, member.key)]


def behind(restored: ChainHead, anchored: ChainHead) -> bool:
    """Tell whether a restored head has lost entries that were anchored."""
    return restored.size < anchored.size and restored.height < anchored.height

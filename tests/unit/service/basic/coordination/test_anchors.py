"""The contract anchor: private chains continue, fork, are succeeded; each refusal (invariant 9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.contract_parties import GENESIS_TIME, Consortium, Key, Party, genesis_of, next_epoch
from tests.support.naive_merkle import naive_consistency, naive_root
from xinglin.carrier.access.governance.model import EpochState, LatestEpoch
from xinglin.carrier.access.policy.errors import KindDenied, RoleDenied
from xinglin.carrier.ledger.errors import GenesisInvalid
from xinglin.carrier.ledger.genesis import epoch_hash
from xinglin.carrier.ledger.model import Genesis, Profile
from xinglin.kernel.encoding import ChainObject, decode, encode, state_key
from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.coordination.anchors.rules import contradict, head_text, opening_head
from xinglin.service.basic.coordination.errors import (
    AnchorContradicts,
    AnchorExists,
    AnchorFrozen,
    AnchorGenesisInvalid,
    AnchorInconsistent,
    AnchorNotLast,
    AnchorOtherMember,
    AnchorSignatureInvalid,
    AnchorSmaller,
    AnchorUnknown,
    ForkKnown,
    NoFork,
    NotBehind,
    OwnSuccessor,
    SuccessorAcknowledged,
    SuccessorUnknown,
)
from xinglin.service.basic.coordination.model import (
    AcknowledgeSuccessor,
    AnchorState,
    ChainHead,
    CommitAnchor,
    ForkState,
    MemberAnchor,
    OpenAnchor,
    PendingSuccessor,
    ReportFork,
    SignedHead,
    SucceedAnchor,
)
from xinglin.stakeholders.kinds import MemberKind, Role


@dataclass
class PrivateChain:
    """A private chain of a member, as far as anchors see it: leaves, and a block for each."""

    party: Party
    chain: str
    genesis: Genesis
    leaves: list[bytes] = field(default_factory=list)

    def append(self, *entries: bytes) -> PrivateChain:
        """Log entries, one in each block."""
        self.leaves += [self.party.suite.leaf_hash(entry) for entry in entries]
        return self

    def head(self, size: int | None = None, idle: int = 0) -> ChainHead:
        """Return the head at a size, ``idle`` empty blocks later."""
        size = len(self.leaves) if size is None else size
        hash_ = self.party.suite.hash
        log_root = naive_root(hash_, self.leaves[:size])
        height = size + idle
        return ChainHead(size, log_root, hash_(b"state" + log_root), height, GENESIS_TIME + 1000 * height)

    def sign(self, head: ChainHead, key: Key | None = None) -> bytes:
        """Return the checkpoint signature over a head."""
        return (key or self.party.key).sign(head_text(self.chain, head))

    def anchor(self, previous: int, head: ChainHead | None = None) -> CommitAnchor:
        """Return the arguments that anchor a head (by default the present one) after a size."""
        head = head or self.head()
        hash_, grown = self.party.suite.hash, head.size >= previous
        proof = naive_consistency(hash_, previous, self.leaves[: head.size]) if grown else []
        return CommitAnchor(self.chain, previous, head, tuple(proof), self.sign(head))

    def signed(self, head: ChainHead, epoch: int = 0) -> SignedHead:
        """Return a head with its signature."""
        return SignedHead(head, epoch, self.sign(head))


def private_chain(party: Party) -> PrivateChain:
    """Return a private chain just founded."""
    return PrivateChain(party, *genesis_of(party, profile=Profile.PRIVATE))


def call(c: Consortium, method: str, arguments: ChainObject, by: Party | None = None) -> dict[str, Any]:
    """Call the contract by a super administrator."""
    return c.ledger.call((by or c.hospital).caller(Role.SUPER_ADMINISTRATOR), f"anchor.{method}", arguments)


def refused(
    c: Consortium,
    method: str,
    arguments: ChainObject,
    refusal: type[PlatformError],
    by: Party | None = None,
) -> PlatformError:
    """Call, expect a refusal and an unchanged state; return the refusal."""
    before = dict(c.ledger.state)
    with pytest.raises(refusal) as caught:
        call(c, method, arguments, by)
    assert type(caught.value) is refusal
    assert c.ledger.state == before
    return caught.value


def state_of(c: Consortium, chain: str) -> AnchorState:
    """Return what is known of a chain."""
    state = c.ledger.value(AnchorState, "anchor", "chain", chain)
    assert state is not None
    return state


@pytest.fixture
def private(consortium: Consortium) -> PrivateChain:
    """Return the hospital's private chain, opened, with seven entries of which five are anchored."""
    chain = private_chain(consortium.hospital).append(*(bytes([i]) for i in range(5)))
    call(consortium, "open", OpenAnchor(chain.genesis))
    call(consortium, "commit", chain.anchor(0))
    return chain.append(b"six", b"seven")


@pytest.mark.requirement("H2")
def test_a_chain_is_opened_and_anchored(consortium: Consortium) -> None:
    chain = private_chain(consortium.hospital)
    assert call(consortium, "open", OpenAnchor(chain.genesis)) == {"chain": chain.chain}
    empty = opening_head(consortium.ledger.suite.hash, GENESIS_TIME)
    opened = AnchorState(
        member=consortium.hospital.member, head=empty, frozen=0, successor=(), acknowledged=0, predecessor=()
    )
    assert state_of(consortium, chain.chain) == opened
    previous = 0
    for size in (1, 2, 7, 7, 9, 20):
        chain.append(*(bytes([i]) for i in range(size - len(chain.leaves))))
        head = chain.head(idle=previous == size)
        assert call(consortium, "commit", chain.anchor(previous, head)) == {"chain": chain.chain, "size": size}
        assert state_of(consortium, chain.chain) == replace(opened, head=head)
        previous = size
    member = consortium.ledger.value(MemberAnchor, "anchor", "member", consortium.hospital.member)
    assert member == MemberAnchor(chain=chain.chain)


def test_a_member_has_one_private_chain(consortium: Consortium, private: PrivateChain) -> None:
    refused(consortium, "open", OpenAnchor(private.genesis), AnchorExists)
    refused(consortium, "open", OpenAnchor(private_chain(consortium.hospital).genesis), AnchorExists)
    call(consortium, "open", OpenAnchor(private_chain(consortium.other).genesis), by=consortium.other)


def test_only_a_private_chain_of_the_member_is_opened(consortium: Consortium) -> None:
    hospital, suite = consortium.hospital, consortium.ledger.suite
    other_key = Party(suite, hospital.kind, member=hospital.member)
    for genesis in (
        genesis_of(hospital)[1],
        private_chain(consortium.other).genesis,
        private_chain(other_key).genesis,
    ):
        refused(consortium, "open", OpenAnchor(genesis), AnchorGenesisInvalid)
    good = private_chain(hospital).genesis
    unproven = replace(good, founders=(replace(good.founders[0], proof=bytes(64)),))
    refused(consortium, "open", OpenAnchor(unproven), GenesisInvalid)
    call(consortium, "open", OpenAnchor(good))


Change = Callable[[CommitAnchor, PrivateChain], CommitAnchor]


def with_head(**fields: Any) -> Change:
    """Return a change of the head, signed again."""

    def change(anchor: CommitAnchor, chain: PrivateChain) -> CommitAnchor:
        head = replace(anchor.head, **fields)
        return replace(anchor, head=head, signature=chain.sign(head))

    return change


@pytest.mark.requirement("S9.1", "H2")
@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda a, _: replace(a, chain="p" + "a" * 26), AnchorUnknown),
        (lambda a, _: replace(a, previous_size=4), AnchorNotLast),
        (lambda a, _: replace(a, previous_size=7), AnchorNotLast),
        (lambda _, p: p.anchor(5, p.head(4)), AnchorSmaller),
        (lambda _, p: p.anchor(5, p.head(0)), AnchorSmaller),
        (with_head(height=5), AnchorContradicts),
        (with_head(height=4), AnchorContradicts),
        (with_head(time=GENESIS_TIME + 5000), AnchorContradicts),
        (with_head(size=5), AnchorContradicts),
        (lambda a, _: replace(a, signature=bytes(64)), AnchorSignatureInvalid),
        (lambda a, _: replace(a, head=replace(a.head, state_root=bytes(32))), AnchorSignatureInvalid),
        (lambda a, p: replace(a, signature=p.sign(a.head, Key(p.party.suite))), AnchorSignatureInvalid),
        (lambda a, _: replace(a, proof=a.proof[:-1]), AnchorInconsistent),
        (lambda a, _: replace(a, proof=(*a.proof, bytes(32))), AnchorInconsistent),
        (lambda a, _: replace(a, proof=(bytes(32), *a.proof[1:])), AnchorInconsistent),
        (with_head(log_root=bytes(32)), AnchorInconsistent),
        (with_head(size=9, height=9), AnchorInconsistent),
    ],
)
def test_one_change_and_the_anchor_is_refused(
    consortium: Consortium, private: PrivateChain, change: Change, refusal: type[PlatformError]
) -> None:
    good = private.anchor(5)
    refused(consortium, "commit", change(good, private), refusal)
    call(consortium, "commit", good)


@pytest.mark.requirement("S9.1")
def test_a_rewound_chain_is_found(consortium: Consortium, private: PrivateChain) -> None:
    rewound = PrivateChain(private.party, private.chain, private.genesis, private.leaves[:3])
    error = refused(consortium, "commit", rewound.anchor(3), AnchorNotLast)
    assert error.facts == {"chain": private.chain, "anchored": 5, "named": 3}
    behind = replace(rewound.anchor(3), previous_size=5)
    error = refused(consortium, "commit", behind, AnchorSmaller)
    assert error.facts == {"chain": private.chain, "anchored": 5, "size": 3}
    rewound.append(b"other", b"entries", b"instead")
    refused(consortium, "commit", rewound.anchor(5), AnchorInconsistent)


def test_only_the_owner_anchors(consortium: Consortium, private: PrivateChain) -> None:
    refused(consortium, "commit", private.anchor(5), AnchorOtherMember, by=consortium.other)
    with pytest.raises(RoleDenied):
        consortium.ledger.call(consortium.hospital.caller(Role.DEVICE), "anchor.commit", private.anchor(5))
    consortium.ledger.call(consortium.hospital.caller(Role.SERVICE), "anchor.commit", private.anchor(5))


def test_an_anchor_is_signed_with_the_key_in_force(consortium: Consortium, private: PrivateChain) -> None:
    new = change_key(consortium, from_height=50)
    consortium.ledger.height = 49
    by_new = replace(private.anchor(5), signature=private.sign(private.head(), new))
    refused(consortium, "commit", by_new, AnchorSignatureInvalid)
    consortium.ledger.height = 50
    refused(consortium, "commit", private.anchor(5), AnchorSignatureInvalid)
    call(consortium, "commit", by_new)


def change_key(c: Consortium, from_height: int) -> Key:
    """Give the hospital another cosigning key by an epoch that has passed, and return it."""
    new, hash_ = Key(c.ledger.suite), c.ledger.suite.hash
    before = decode(EpochState, c.ledger.state[state_key("governance", "epoch", 0)]).epoch
    members = [replace(m, key=new.public) if m.member == c.hospital.member else m for m in before.members]
    epoch = next_epoch(before, epoch_hash(hash_, before), from_height, *members)
    c.ledger.state[state_key("governance", "epoch", 1)] = encode(EpochState(epoch=epoch, votes=()))
    c.ledger.state[state_key("governance", "latest")] = encode(LatestEpoch(number=1))
    return new


def fork_of(private: PrivateChain) -> ReportFork:
    """Return two signed heads of one size with different roots."""
    rewritten = PrivateChain(private.party, private.chain, private.genesis).append(*(b"other",) * 7)
    return ReportFork(private.chain, private.signed(private.head()), private.signed(rewritten.head()))


@pytest.mark.requirement("S9.1")
def test_a_fork_is_kept_and_freezes_the_chain(consortium: Consortium, private: PrivateChain) -> None:
    c, report = consortium, fork_of(private)
    auditor = c.regulator.caller(Role.AUDITOR)
    assert c.ledger.call(auditor, "anchor.fork", report) == {"chain": private.chain}
    evidence = c.ledger.value(ForkState, "anchor", "fork", private.chain)
    assert evidence == ForkState(first=report.first, second=report.second)
    assert state_of(c, private.chain).frozen == 1
    refused(c, "commit", private.anchor(5), AnchorFrozen)
    refused(c, "fork", report, ForkKnown)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda r, _: replace(r, chain="p" + "a" * 26), AnchorUnknown),
        (lambda r, _: replace(r, second=r.first), NoFork),
        (lambda r, p: replace(r, second=p.signed(p.head(6))), NoFork),
        (lambda r, _: replace(r, first=replace(r.first, signature=bytes(64))), AnchorSignatureInvalid),
        (lambda r, _: replace(r, second=replace(r.second, signature=bytes(64))), AnchorSignatureInvalid),
        (lambda r, _: replace(r, second=replace(r.second, epoch=1)), AnchorSignatureInvalid),
    ],
)
def test_one_change_and_the_fork_is_refused(
    consortium: Consortium,
    private: PrivateChain,
    change: Callable[[ReportFork, PrivateChain], ReportFork],
    refusal: type[PlatformError],
) -> None:
    good = fork_of(private)
    refused(consortium, "fork", change(good, private), refusal, by=consortium.regulator)
    call(consortium, "fork", good, by=consortium.regulator)


def test_a_fork_names_the_epoch_of_each_key(consortium: Consortium, private: PrivateChain) -> None:
    new, report = change_key(consortium, from_height=1), fork_of(private)
    second = replace(report.second, epoch=1, signature=private.sign(report.second.head, new))
    refused(consortium, "fork", replace(report, second=replace(second, epoch=0)), AnchorSignatureInvalid)
    call(consortium, "fork", replace(report, second=second))


def succession(private: PrivateChain, restored: int = 3) -> tuple[SucceedAnchor, PrivateChain]:
    """Return the arguments that name a successor after a restore to a size, and the successor."""
    successor = private_chain(private.party)
    anchored, lost = private.head(5), private.head(restored)
    return SucceedAnchor(private.chain, successor.genesis, anchored, lost), successor


@pytest.mark.requirement("S9.1", "H2")
def test_a_successor_opens_when_a_regulator_has_seen_the_gap(consortium: Consortium, private: PrivateChain) -> None:
    c, (naming, successor) = consortium, succession(private)
    assert call(c, "succeed", naming) == {"successor": successor.chain}
    gap = c.ledger.value(PendingSuccessor, "anchor", "successor", private.chain)
    assert gap is not None
    assert (gap.anchored, gap.restored) == (private.head(5), private.head(3))
    refused(c, "commit", private.anchor(5), AnchorFrozen)
    refused(c, "commit", successor.append(b"a").anchor(0), AnchorUnknown)

    seen = AcknowledgeSuccessor(private.chain, successor.chain)
    call(c, "acknowledge", seen, by=c.regulator)
    old, new = state_of(c, private.chain), state_of(c, successor.chain)
    assert (old.successor, old.acknowledged, old.frozen) == ((successor.chain,), 1, 1)
    assert (new.predecessor, new.member, new.frozen) == ((private.chain,), c.hospital.member, 0)
    assert new.head == opening_head(c.ledger.suite.hash, successor.genesis.time)
    call(c, "commit", successor.anchor(0))
    refused(c, "succeed", naming, SuccessorAcknowledged)
    refused(c, "acknowledge", seen, SuccessorAcknowledged, by=c.regulator)
    following = replace(succession(successor)[0], anchored=successor.head(), restored=successor.head(0))
    call(c, "succeed", following)


def test_another_successor_may_be_named_until_one_is_acknowledged(
    consortium: Consortium, private: PrivateChain
) -> None:
    c, (first, one), (second, two) = consortium, succession(private), succession(private)
    call(c, "succeed", first)
    call(c, "succeed", second)
    refused(
        c,
        "acknowledge",
        AcknowledgeSuccessor(private.chain, one.chain),
        SuccessorUnknown,
        by=c.regulator,
    )
    call(c, "acknowledge", AcknowledgeSuccessor(private.chain, two.chain), by=c.regulator)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda s, _: replace(s, chain="p" + "a" * 26), AnchorUnknown),
        (lambda s, p: replace(s, anchored=p.head(4)), AnchorNotLast),
        (lambda s, p: replace(s, restored=p.head(5)), NotBehind),
        (lambda s, p: replace(s, restored=p.head(4, idle=1)), NotBehind),
        (lambda s, p: replace(s, restored=p.head(7)), NotBehind),
        (lambda s, p: replace(s, successor=p.genesis), AnchorExists),
        (
            lambda s, p: replace(s, successor=genesis_of(p.party)[1]),
            AnchorGenesisInvalid,
        ),
    ],
)
def test_one_change_and_the_successor_is_refused(
    consortium: Consortium,
    private: PrivateChain,
    change: Callable[[SucceedAnchor, PrivateChain], SucceedAnchor],
    refusal: type[PlatformError],
) -> None:
    good, _ = succession(private)
    refused(consortium, "succeed", change(good, private), refusal)
    refused(consortium, "succeed", good, AnchorOtherMember, by=consortium.other)
    call(consortium, "succeed", good)


def test_a_forked_chain_may_be_succeeded_without_a_loss(consortium: Consortium, private: PrivateChain) -> None:
    naming, _ = succession(private, restored=5)
    refused(consortium, "succeed", naming, NotBehind)
    call(consortium, "fork", fork_of(private))
    call(consortium, "succeed", naming)


def test_who_acknowledges_is_a_regulator_and_another_member(consortium: Consortium, private: PrivateChain) -> None:
    c, (naming, successor) = consortium, succession(private)
    seen = AcknowledgeSuccessor(private.chain, successor.chain)
    refused(c, "acknowledge", seen, SuccessorUnknown, by=c.regulator)
    call(c, "succeed", naming)
    refused(c, "acknowledge", seen, KindDenied)
    own = Party(c.ledger.suite, MemberKind.REGULATOR, member=c.hospital.member)
    refused(c, "acknowledge", seen, OwnSuccessor, by=own)
    unknown = replace(seen, chain="p" + "a" * 26)
    refused(c, "acknowledge", unknown, AnchorUnknown, by=c.regulator)
    call(c, "acknowledge", seen, by=c.regulator)


heads = st.builds(
    ChainHead,
    st.integers(0, 2),
    st.sampled_from([b"a" * 32, b"b" * 32]),
    st.sampled_from([b"c" * 32, b"d" * 32]),
    st.integers(0, 2),
    st.integers(0, 2),
)


@given(heads, heads)
def test_contradiction_is_symmetric_and_never_of_itself(first: ChainHead, second: ChainHead) -> None:
    assert contradict(first, second) == contradict(second, first)
    assert not contradict(first, first)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 3)), min_size=2, max_size=6), st.data())
def test_heads_of_an_honest_chain_never_contradict(steps: list[tuple[int, int]], data: st.DataObject) -> None:
    size = time = 0
    honest = []
    for height, (entries, later) in enumerate(steps):
        size, time = size + entries, time + later
        honest.append(ChainHead(size, bytes([size]) * 32, bytes([size]) * 32, height, time))
    pair = data.draw(st.tuples(st.sampled_from(honest), st.sampled_from(honest)))
    assert not contradict(*pair)

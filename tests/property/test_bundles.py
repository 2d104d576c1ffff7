"""Bundles through both verifiers: they agree on every one, and no changed byte passes either (invariant 4)."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from xinglin_verify.report import Verdict as TheirVerdict
from xinglin_verify.verify import verify_bundle

from tests.support.bundle_scenes import NO_KEYS, SceneMaker
from tests.support.loose import at, put
from tests.support.mutations import changed, changed_bytes
from tests.support.proof_bundles import DAY, BundleMaker, canonical, identifier
from tests.support.sample_world import Sample
from tests.support.signing import GM, INTL, TestSuite
from xinglin.carrier.ledger.trust import Trust, encode_trust
from xinglin.service.basic.coordination.bundles.check import Verdict, check_bundle

pytestmark = pytest.mark.usefixtures("remembering")
STAGES = (
    *("account", "founder", "genesis", "epoch", "votes", "arguments", "items", "behaviour", "heads", "header"),
    *("signatures", "receipt", "leaf", "checkpoint", "cosigners", "key", "member", "state", "shown", "note"),
    *("entry", "states", "opening", "bundle"),
)
ANCHOR_STAGES = (*(stage for stage in STAGES if stage not in ("items", "behaviour")), "head", "anchored")
SIGNERS = [["hospital"], ["hospital", "platform"]]
COUNTS = [1, 3, 5, 6]
"""Numbers of operations of a transaction: alone, and trees that are not complete."""
NAMED = {"as_of_time": "as_of", "destroyed": "certificate", "recorded_time": "recorded"}
"""Facts that the two call differently."""
ESCAPED = {"names", "occasion"}
"""Facts in which the independent verifier escapes control characters already."""
REFUSED = (Verdict.DOES_NOT_HOLD, Verdict.UNDECIDED)


def both(data: bytes, trust: Trust | bytes | None) -> tuple[Verdict, int]:
    """Return the verdict on which both verifiers agree, and the number of the last step that they took."""
    file = encode_trust(trust) if isinstance(trust, Trust) else trust
    ours, theirs = check_bundle(data, file), verify_bundle(data, file)
    reason = (theirs.lines(), ours.steps[-1])
    assert TheirVerdict(ours.verdict.value) is theirs.verdict, reason
    assert ours.steps[-1].number == theirs.steps[-1].number, reason
    assert [step.verdict.value for step in ours.steps] == [step.verdict.value for step in theirs.steps]
    for one, other in zip(ours.steps, theirs.steps, strict=True):
        said = {} if one.refusal else {NAMED.get(name, name): value for name, value in one.facts.items()}
        common = said.keys() & other.facts.keys() - ESCAPED
        assert {name: plain(said[name]) for name in common} == {name: other.facts[name] for name in common}
    return ours.verdict, ours.steps[-1].number


def plain(fact: object) -> object:
    """Return a fact of the product as the independent verifier gives it."""
    return fact.hex() if isinstance(fact, bytes) else fact


@pytest.mark.requirement("S9.2")
@pytest.mark.parametrize("suite", ["sample", "intl_sample"])
def test_both_accept_what_the_product_makes(suite: str, request: pytest.FixtureRequest) -> None:
    world: Sample = request.getfixturevalue(suite)
    for name, data in world.bundles.items():
        assert both(data, world.trust) == (Verdict.HOLDS, 16), name
        assert both(data, None) == (Verdict.NOT_TRUSTED, 16), name


@pytest.mark.requirement("S9.1")
@given(data=st.data())
def test_no_changed_byte_passes(data: st.DataObject, sample: Sample, intl_sample: Sample) -> None:
    world = data.draw(st.sampled_from([sample, intl_sample]))
    bundle = world.bundles[data.draw(st.sampled_from(sorted(world.bundles)))]
    place = data.draw(st.integers(0, len(bundle) - 1))
    other = bytes([bundle[place] ^ data.draw(st.integers(1, 255))])
    verdict, _ = both(bundle[:place] + other + bundle[place + 1 :], world.trust)
    assert verdict in REFUSED


@functools.cache
def of_operations(count: int, position: int, suite: TestSuite) -> tuple[bytes, bytes]:
    """Return the bundle of one of so many operations, and the trust under which it holds."""
    maker = BundleMaker("record", suite, operations=count, position=position)
    return maker.make(), json.dumps(maker.trust()).encode()


def numbers(value: Any, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Yield the place of each number in nested lists."""
    if isinstance(value, list):
        for index, element in enumerate(value):
            yield from numbers(element, (*path, index))
    elif isinstance(value, int):
        yield path


@pytest.mark.requirement("S9.1")
@given(data=st.data())
def test_no_changed_byte_of_one_of_several_operations_passes(data: st.DataObject) -> None:
    count, suite = data.draw(st.sampled_from(COUNTS)), data.draw(st.sampled_from([GM, INTL]))
    bundle, trust = of_operations(count, data.draw(st.integers(0, count - 1)), suite)
    place = data.draw(st.integers(0, len(bundle) - 1))
    other = bytes([bundle[place] ^ data.draw(st.integers(1, 255))])
    assert both(bundle, trust) == (Verdict.HOLDS, 16)
    assert both(bundle[:place] + other + bundle[place + 1 :], trust)[0] in REFUSED


@pytest.mark.parametrize("count", COUNTS)
def test_no_number_that_is_one_more_or_less_passes(count: int) -> None:
    """Every number of a bundle: a position, a size or a count that nothing commits to shows here."""
    for position in {0, count - 1}:
        bundle, trust = of_operations(count, position, INTL)
        apart = msgspec.msgpack.decode(bundle)
        for path in numbers(apart):
            for step in (1, -1):
                other = canonical(put(apart, path, at(apart, path) + step))
                assert both(other, trust)[0] in REFUSED, (position, path, step)


@given(data=st.data())
def test_no_bundle_cut_or_lengthened_passes(data: st.DataObject, sample: Sample) -> None:
    bundle = sample.bundles[data.draw(st.sampled_from(sorted(sample.bundles)))]
    other = changed_bytes(data.draw, bundle)
    assume(other != bundle)
    assert both(other, sample.trust)[0] in REFUSED


@given(data=st.data())
def test_no_changed_value_passes(data: st.DataObject, sample: Sample) -> None:
    """As a forger would: the bundle is taken apart, one value of it changed, and written again."""
    name = data.draw(st.sampled_from(sorted(sample.bundles)))
    apart = msgspec.msgpack.decode(sample.bundles[name])
    other = encoded(changed(data.draw, apart))
    assume(other != sample.bundles[name])
    verdict, _ = both(other, sample.trust)
    assert verdict in REFUSED or only_less(apart, msgspec.msgpack.decode(other))


def only_less(apart: list[Any], other: list[Any]) -> bool:
    """Tell whether a bundle differs by leaving out the opening, parts of it, or votes and lines beyond the quorum."""
    parts = [0, 1, 2, 3, 4, 7, 8]
    return [apart[part] for part in parts] == [other[part] for part in parts] and len(other) == len(apart)


@given(data=st.data())
def test_both_agree_on_what_is_signed_again(data: st.DataObject) -> None:
    """Values are changed at any stages of the making, and everything that rests on them is made and signed again."""
    claim = data.draw(st.sampled_from(["record", "anchor"]))
    stages = data.draw(
        st.lists(st.sampled_from(STAGES if claim == "record" else ANCHOR_STAGES), min_size=1, max_size=3)
    )
    suite, signers = data.draw(st.sampled_from([GM, INTL])), data.draw(st.sampled_from(SIGNERS))
    tweaks = dict.fromkeys(stages, lambda value: changed(data.draw, value))
    maker = BundleMaker(claim, suite, tweaks, signers=signers)
    try:
        bundle = maker.make()
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError, ArithmeticError, RecursionError):
        assume(False)  # a value that the maker itself can't go on with
    both(bundle, data.draw(st.sampled_from(trusts(maker))))


ANCHORS: dict[str, tuple[list[str], int, str, str, int]] = {
    "the key of epoch 0, before epoch 1": (["hospital"], 5, "hospital later", "hospital", 16),
    "the key of epoch 1, before it": (["hospital"], 5, "hospital later", "hospital later", 14),
    "the key of epoch 1, from its height on": (["hospital"], 4, "hospital later", "hospital later", 16),
    "the key of epoch 0, in epoch 1": (["hospital"], 4, "hospital later", "hospital", 14),
    "the key of a member that has left": (["hospital"], 4, "", "hospital", 14),
    "the key of a member that leaves later": (["hospital"], 5, "", "hospital", 16),
    "the first of two signers' members": (["hospital", "platform"], 5, "hospital", "hospital", 16),
    "the second of two signers' members": (["hospital", "platform"], 5, "hospital", "platform", 14),
    "the owner, who signed second": (["platform", "hospital"], 5, "hospital", "hospital", 14),
    "the first signer's, who is not the owner": (["platform", "hospital"], 5, "hospital", "platform", 14),
}
"""Signers, from_height of epoch 1, the hospital's key in it (none: it has left), whose key signed; the last step."""


@pytest.mark.parametrize("name", ANCHORS)
@pytest.mark.parametrize("suite", [GM, INTL], ids=["gm", "intl"])
def test_both_agree_on_who_can_have_signed_an_anchor(suite: TestSuite, name: str) -> None:
    """P14 and AN4, at height 4: the first signer's member's key in the epoch that was in force."""
    signers, height, later, key, last = ANCHORS[name]
    hospital = identifier("hospital")

    def epoch(epoch: list[Any]) -> None:
        own = [hospital, maker.key(later or "hospital").public, 1, 1]
        epoch[5], epoch[8] = height, [own if one[0] == hospital else one for one in epoch[8]]
        epoch[8] = [one for one in epoch[8] if later or one is not own]

    def arguments(call: list[Any]) -> None:
        call[4] = maker.key(key).sign(maker.text(call[0], *call[2]))

    tweaks = {"epoch": epoch, "arguments": arguments, "cosigners": lambda _: ["insurer", "platform", "regulator"]}
    maker = BundleMaker("anchor", suite, tweaks, signers=signers)
    verdict = Verdict.HOLDS if last == 16 else Verdict.DOES_NOT_HOLD
    assert both(maker.make(), json.dumps(maker.trust()).encode()) == (verdict, last)


FIRST_AND_SECOND = [["hospital", "platform"], ["platform", "hospital"]]


@pytest.mark.parametrize("signers", FIRST_AND_SECOND, ids=" ".join)
@pytest.mark.parametrize(("stage", "field", "step"), [("key", 4, 12), ("member", 2, 13)])
def test_both_judge_signers_and_members_one_by_one(signers: list[str], stage: str, field: int, step: int) -> None:
    """What is wrong of the hospital fails, what is not known of the platform can't be decided: the first one counts."""

    def change(state: list[Any]) -> None:
        names = (identifier("platform service"), b"platform")
        place, value = (1, 2) if state[2] in names or state[3] in names else (field, DAY + 10_000)
        state[place] = value

    maker = BundleMaker("record", tweaks={stage: change}, signers=signers)
    verdict = Verdict.DOES_NOT_HOLD if signers[0] == "hospital" else Verdict.UNDECIDED
    assert both(maker.make(), None) == (verdict, step)


@pytest.mark.parametrize("suite", [GM, INTL], ids=["gm", "intl"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_both_refuse_keys_that_are_none(suite: TestSuite, place: int) -> None:
    for key in NO_KEYS[suite.number]:
        tweaks = {"epoch": lambda epoch, key=key: put(epoch, (8, place, 1), key)}
        maker = BundleMaker("record", suite, tweaks)
        assert both(maker.make(), None) == (Verdict.DOES_NOT_HOLD, 4)


@settings(max_examples=120)
@given(seed=st.integers(0, 2**32), claim=st.sampled_from(["record", "anchor"]))
def test_both_agree_on_stories(seed: int, claim: str) -> None:
    """Keys that change with an epoch, second signers, keys that are none: all signed, by whom the story says."""
    maker = SceneMaker(seed, claim)
    bundle = maker.make()
    for trust in trusts(maker):
        both(bundle, trust)


def trusts(maker: BundleMaker) -> list[bytes | None]:
    """Return a trust file with the genesis, one with the keys of two members, and none."""
    return [
        json.dumps(maker.trust()).encode(),
        json.dumps(maker.key_trust(["platform", "regulator"], 2)).encode(),
        None,
    ]


@given(data=st.data())
def test_both_agree_on_trust_files(data: st.DataObject, sample: Sample) -> None:
    """A trust file is changed by one character; both read it alike, or neither can."""
    members = [sample.members[label] for label in ("hospital-a", "platform")]
    keys = frozenset((one.member, one.key.public) for one in members)
    whole = encode_trust(Trust(sample.ledger.rules.chain, sample.trust.genesis, keys, 2))
    other = changed_bytes(data.draw, whole)
    both(sample.bundles["record"], other)


def encoded(value: Any) -> bytes:
    """Return a value in MessagePack; what it can't hold is left out of the test."""
    try:
        return msgspec.msgpack.encode(value)
    except (OverflowError, TypeError):
        assume(False)
        raise
